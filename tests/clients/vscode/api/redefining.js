// Redefinition in a program that runs, through the editor.

const vscode = require("vscode");
const assert = require("node:assert");
const fs = require("node:fs");
const { spawn } = require("node:child_process");
const { until } = require("../../support/wait");
const { open, uri, goTo, setBreakpoints, watchAdapter, stopped, endDebugging } = require("./workbench");

async function replace(editor, from, to) {
  const start = goTo(editor, from);
  const end = start.translate(0, from.length);
  assert.ok(await editor.edit((edit) => edit.replace(new vscode.Range(start, end), to)));
  goTo(editor, to);
}

/** A program outside of the debugger that can be reached. */
function runLive(name) {
  const child = spawn(process.env.PERILUNE, ["run", "--live", uri(name).fsPath], { stdio: ["ignore", "pipe", "inherit"] });
  const running = { child, output: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (running.output = (running.output + text).slice(-4096)));
  return running;
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
    const running = runLive("app.lua");
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
    const running = runLive("app.lua");
    const seen = watchAdapter();
    try {
      await until("output", () => running.output.includes("hello "));
      await until("a session file", () => fs.existsSync(`${process.env.XDG_RUNTIME_DIR}/perilune/${running.child.pid}.json`));
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
};
