// Runs the tests of `api` inside the editor's extension host, and on request takes a picture.
//
// PERILUNE names the binary, PERILUNE_VSIX the packed extension, and
// PERILUNE_SCREENSHOT, when it is there, the file of the picture. PERILUNE_ONLY
// chooses tests by a part of their names.

const fs = require("node:fs");
const path = require("node:path");
const { Editor } = require("./editor");
const { takeScreenshot } = require("./screenshot");

const LIMIT_MS = 240_000;
const WORKSPACE = path.join(__dirname, "workspace");

/** The exit code of the tests in the extension host. */
async function runInside(editor) {
  const page = await editor.browser.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const ended = new Promise((resolve) => page.exposeFunction("codeAutomationExit", resolve));
  await page.exposeFunction("codeAutomationLog", () => {});
  const remote = (file) => `vscode-remote://${new URL(editor.url).host}${file}`;
  const tests = path.join(__dirname, "api");
  await page.goto(editor.address([
    ["extensionDevelopmentPath", remote(tests)],
    ["extensionTestsPath", remote(path.join(tests, "index.js"))],
    ["skipWelcome", "true"],
  ]));
  const limit = new Promise((resolve) => setTimeout(resolve, LIMIT_MS, "the time limit").unref());
  return Promise.race([ended, limit]);
}

/** Prints the results; whether there are some and all are good. */
function report(editor) {
  const results = fs.readFileSync(editor.result, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  for (const { name, error } of results) {
    console.log(error === undefined ? `ok   ${name}` : `FAIL ${name}\n${error}`);
  }
  return results.length > 0 && results.every(({ error }) => error === undefined);
}

async function test() {
  const options = ["--vscode-option", "enable-smoke-test-driver"];
  const editor = await Editor.start(WORKSPACE, process.env.PERILUNE_VSIX, options);
  try {
    const code = await runInside(editor);
    const isGood = report(editor);
    if (code !== 0 || !isGood) {
      console.log(`the extension host ended with ${code}\n${editor.logged().split("\n").slice(-20).join("\n")}`);
      process.exitCode = 1;
    }
  } finally {
    await editor.stop();
  }
}

async function main() {
  await test();
  const picture = process.env.PERILUNE_SCREENSHOT;
  if (picture !== undefined) {
    const editor = await Editor.start(WORKSPACE, process.env.PERILUNE_VSIX);
    try {
      await takeScreenshot(editor, picture);
    } finally {
      await editor.stop();
    }
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
