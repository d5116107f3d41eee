// The debugger through the editor.

const vscode = require("vscode");
const assert = require("node:assert");
const { until } = require("../../support/wait");
const { open, lineOf, setBreakpoints, watchAdapter, stopped, endDebugging } = require("./workbench");

/** The labels of the view *Coroutines*, as `{ group: [label, …] }`. */
function tree() {
  const { coroutines } = vscode.extensions.getExtension("perilune.perilune").exports;
  const label = (node) => coroutines.getTreeItem(node).label;
  return Object.fromEntries(coroutines.getChildren().map((group) => [label(group), coroutines.getChildren(group).map(label)]));
}

async function variables(session, frame, scope) {
  const { scopes } = await session.customRequest("scopes", { frameId: frame.id });
  const { variablesReference } = scopes.find((each) => each.name === scope);
  const answer = await session.customRequest("variables", { variablesReference });
  return Object.fromEntries(answer.variables.map((each) => [each.name, each.value]));
}

module.exports = {
  "F5 runs the current file up to a breakpoint, and steps": async () => {
    const { document } = await open("app.lua");
    const seen = watchAdapter();
    setBreakpoints(document, ["print(text)"]);
    await vscode.commands.executeCommand("workbench.action.debug.start");
    const { session, frame } = await stopped(seen, 1);
    assert.equal(frame.line - 1, lineOf(document, "print(text)"));
    assert.equal((await variables(session, frame, "Locals")).text, '"hello 1"');
    await vscode.commands.executeCommand("workbench.action.debug.stepOver");
    const next = await stopped(seen, 2);
    assert.equal(next.frame.line - 1, lineOf(document, "print(text)") + 1);
    await until("output", () => seen.output.includes("hello 1\n"));
    await endDebugging(seen);
  },

  "coroutines are threads and stand in the view": async () => {
    const { document } = await open("app.lua");
    const seen = watchAdapter();
    setBreakpoints(document, ["return \"hello"]);
    await vscode.commands.executeCommand("workbench.action.debug.start");
    const { session } = await stopped(seen, 1);
    const { threads } = await session.customRequest("threads");
    assert.equal(threads.length, 3);
    const groups = await until("the tree", () => {
      const now = tree();
      return now.Running !== undefined && now;
    });
    assert.deepEqual(Object.entries(groups).map(([title, members]) => [title, members.length]), [["Running", 1], ["Normal", 1], ["Suspended", 1]]);
    assert.deepEqual(groups.Normal, ["main"]);
    const waiting = threads.find((each) => each.name === groups.Suspended[0]);
    const { stackFrames } = await session.customRequest("stackTrace", { threadId: waiting.id });
    const lines = stackFrames.map((each) => each.line - 1);
    assert.ok(lines.includes(lineOf(document, "coroutine.yield(\"waiting\")")), JSON.stringify(stackFrames));
    await endDebugging(seen);
    await until("an empty tree", () => Object.keys(tree()).length === 0);
  },

  "a click in the view opens the coroutine's line": async () => {
    const { document } = await open("app.lua");
    const seen = watchAdapter();
    setBreakpoints(document, ["print(text)"]);
    await vscode.commands.executeCommand("workbench.action.debug.start");
    await stopped(seen, 1);
    const { coroutines } = vscode.extensions.getExtension("perilune.perilune").exports;
    const group = await until("suspended coroutines", () => coroutines.getChildren().find((each) => each.status === "suspended"));
    const { command, description } = coroutines.getTreeItem(group.members.at(-1));
    const line = lineOf(document, 'coroutine.yield("waiting")');
    assert.equal(description, `app.lua:${line + 1}`);
    // The editor goes to the line of the stop by itself, sooner or later; a click before that would be undone.
    const cursor = () => vscode.window.activeTextEditor?.selection.active.line;
    const stop = lineOf(document, "print(text)");
    await until("the cursor at the stop", () => cursor() === stop);
    await vscode.commands.executeCommand(command.command, ...command.arguments);
    await until("the cursor in the coroutine", () => cursor() === line);
    await endDebugging(seen);
  },

  "a log point writes to the console and does not stop": async () => {
    const { document } = await open("app.lua");
    const seen = watchAdapter();
    setBreakpoints(document, ["return \"hello"], { logMessage: "greets {name}" });
    setBreakpoints(document, ["print(text)"], { condition: 'text == "hello 3"' });
    await vscode.commands.executeCommand("workbench.action.debug.start");
    const { session, frame } = await stopped(seen, 1);
    assert.equal((await variables(session, frame, "Locals")).text, '"hello 3"');
    const console = seen.messages.filter((each) => each.event === "output").map((each) => each.body.output).join("");
    assert.match(console, /greets 1[^]*greets 2[^]*greets 3/);
    await endDebugging(seen);
  },
};
