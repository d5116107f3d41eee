// What the tests do to the editor.

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { until } = require("../../support/wait");

const uri = (name) => vscode.Uri.joinPath(vscode.workspace.workspaceFolders[0].uri, name);

async function open(name) {
  return vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri(name)));
}

/** Puts the cursor at the begin of a text and returns the place. */
function goTo(editor, text) {
  const place = editor.document.positionAt(editor.document.getText().indexOf(text));
  editor.selection = new vscode.Selection(place, place);
  return place;
}

/** The line, from 0, in which a text of the document stands. */
function lineOf(document, text) {
  return document.positionAt(document.getText().indexOf(text)).line;
}

function setBreakpoints(document, texts, options = {}) {
  const breakpoints = texts.map((text) => {
    const place = new vscode.Location(document.uri, new vscode.Position(lineOf(document, text), 0));
    return new vscode.SourceBreakpoint(place, true, options.condition, options.hitCondition, options.logMessage);
  });
  vscode.debug.addBreakpoints(breakpoints);
}

/** What the adapter sends, from now until the session's end. */
function watchAdapter() {
  const seen = { messages: [], output: "" };
  seen.tracker = vscode.debug.registerDebugAdapterTrackerFactory("perilune", {
    createDebugAdapterTracker: () => ({
      onDidSendMessage: (message) => {
        seen.messages.push(message);
        if (message.event === "output" && message.body.category === "stdout") {
          seen.output += message.body.output;
        }
      },
    }),
  });
  seen.stops = () => seen.messages.filter((message) => message.event === "stopped").length;
  return seen;
}

/** The frame that the editor shows after the program stopped for the n-th time. */
async function stopped(seen, times) {
  await until(`stop ${times}`, () => seen.stops() >= times, () => ({ messages: seen.messages }));
  const { threadId } = seen.messages.filter((message) => message.event === "stopped").at(-1).body;
  const session = vscode.debug.activeDebugSession;
  const { stackFrames } = await session.customRequest("stackTrace", { threadId });
  return { session, threadId, frame: stackFrames[0], frames: stackFrames };
}

async function endDebugging(seen) {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  await vscode.debug.stopDebugging();
  await until("the end of debugging", () => vscode.debug.activeDebugSession === undefined);
  seen.tracker.dispose();
}

/** A program outside of the debugger, once it can be reached. */
async function runLive(name) {
  const child = spawn(process.env.PERILUNE, ["run", "--live", uri(name).fsPath], { stdio: ["ignore", "pipe", "inherit"] });
  const running = { child, output: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (running.output = (running.output + text).slice(-4096)));
  const session = path.join(process.env.XDG_RUNTIME_DIR, "perilune", `${child.pid}.json`);
  await until("a session", () => fs.existsSync(session));
  return running;
}

module.exports = { runLive, uri, open, goTo, lineOf, setBreakpoints, watchAdapter, stopped, endDebugging };
