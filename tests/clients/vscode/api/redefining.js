// Redefinition in a program that runs, through the editor.

const vscode = require("vscode");
const assert = require("node:assert");
const { until } = require("../../support/wait");
const { open, goTo, runLive, setBreakpoints, watchAdapter, stopped, endDebugging } = require("./workbench");

async function replace(editor, from, to) {
  const start = goTo(editor, from);
  const end = start.translate(0, from.length);
  assert.ok(await editor.edit((edit) => edit.replace(new vscode.Range(start, end), to)));
  goTo(editor, to);
}

module.exports = {
  "a function is redefined in the program that is debugged": async () => {
    const editor = await open("app.lua");
    const seen = watchAdapter();
    setBreakpoints(editor.document, ["print(text)"]);
    await vscode.commands.executeCommand("workbench.action.debug.start");
    await stopped(seen, 1);
    await replace(editor, "hello ", "goodbye ");
    await vscode.commands.executeCommand("perilune.redefineFunction");
    await vscode.commands.executeCommand("workbench.action.debug.continue");
    await stopped(seen, 2);
    await vscode.commands.executeCommand("workbench.action.debug.continue");
    await until("new output", () => seen.output.includes("goodbye 2\n"), () => seen);
    assert.ok(seen.output.startsWith("hello 1\n"));
    await endDebugging(seen);
    await vscode.commands.executeCommand("workbench.action.files.revert");
  },

  "all changed functions of a file are redefined in a program that just runs": async () => {
    const editor = await open("app.lua");
    const running = await runLive("app.lua");
    try {
      await until("old output", () => running.output.includes("hello "));
      await replace(editor, "hello ", "goodbye ");
      await until("new output", async () => {
        await vscode.commands.executeCommand("perilune.redefineChangedFunctions");
        return running.output.includes("goodbye ");
      });
    } finally {
      running.child.kill("SIGKILL");
      await vscode.commands.executeCommand("workbench.action.files.revert");
    }
  },

  "the debugger attaches to a program that runs, and lets it go": async () => {
    const { document } = await open("app.lua");
    const running = await runLive("app.lua");
    const seen = watchAdapter();
    try {
      setBreakpoints(document, ["print(text)"]);
      const folder = vscode.workspace.workspaceFolders[0];
      const config = { type: "perilune", request: "attach", name: "attach", processId: running.child.pid };
      assert.ok(await vscode.debug.startDebugging(folder, config));
      await stopped(seen, 1);
      vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
      await vscode.commands.executeCommand("workbench.action.debug.disconnect");
      await until("the end of debugging", () => vscode.debug.activeDebugSession === undefined);
      running.output = "";
      await until("more output", () => running.output.includes("hello "));
    } finally {
      running.child.kill("SIGKILL");
      seen.tracker.dispose();
      vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    }
  },

  "the running programs are offered to attach to": async () => {
    const running = await runLive("app.lua");
    try {
      let picked;
      vscode.commands.executeCommand("perilune.pickSession").then((pid) => (picked = pid));
      await until("a choice", async () => {
        await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
        return picked;
      });
      assert.equal(picked, `${running.child.pid}`);
    } finally {
      running.child.kill("SIGKILL");
    }
  },

  "the REPL opens in a terminal": async () => {
    await vscode.commands.executeCommand("perilune.repl");
    const terminal = await until("a terminal", () => vscode.window.terminals.find((each) => each.name === "Perilune"));
    assert.ok(await terminal.processId > 0);
    assert.equal(terminal.exitStatus, undefined);
    terminal.dispose();
  },
};
