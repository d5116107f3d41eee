// Runs inside the extension host: every test in turn, its result as a line of a file.

const fs = require("node:fs");
const vscode = require("vscode");

const SUITES = [require("./editing"), require("./debugging"), require("./redefining")];
/** Part of the names of the tests that are wanted; all when empty. */
const ONLY = process.env.PERILUNE_ONLY ?? "";

async function runOne(name, body) {
  try {
    await body();
    return { name };
  } catch (error) {
    await cleanUp();
    return { name, error: error?.stack ?? String(error) };
  }
}

/** What a test that failed left behind would fail the next ones. */
async function cleanUp() {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
  await vscode.debug.stopDebugging();
  await vscode.commands.executeCommand("workbench.action.files.revert");
}

function chosen() {
  const all = SUITES.flatMap((suite) => Object.entries(suite));
  return all.filter(([name]) => name.includes(ONLY));
}

exports.run = async () => {
  let failures = 0;
  for (const [name, body] of chosen()) {
    const result = await runOne(name, body);
    failures += result.error === undefined ? 0 : 1;
    fs.appendFileSync(process.env.PERILUNE_RESULT, `${JSON.stringify(result)}\n`);
  }
  if (failures > 0) {
    throw new Error(`${failures} tests failed`);
  }
};
