// The picture of the documentation: a stopped program, its variables and its coroutines.

const fs = require("node:fs");
const path = require("node:path");

const BREAKPOINT = 26;

async function openFile(page, name) {
  await page.keyboard.press("Control+P");
  await page.keyboard.type(name);
  await page.waitForSelector(`.quick-input-list .monaco-list-row:has-text("${name}")`);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`.tab:has-text("${name}")`);
  await page.waitForSelector(".view-line span[class^=mtk]");
}

async function setBreakpoint(page, line) {
  const number = page.locator(".margin-view-overlays .line-numbers", { hasText: new RegExp(`^${line}$`) });
  const box = await number.boundingBox();
  await page.mouse.click(box.x - 8, box.y + box.height / 2);
  await page.waitForSelector(".codicon-debug-breakpoint");
}

/** Opens or closes a section of the side bar, or a row in one. */
async function setOpen(page, rows, title, isOpen) {
  const row = page.locator(rows, { hasText: title }).first();
  await row.waitFor();
  if ((await row.getAttribute("aria-expanded")) !== `${isOpen}`) {
    await row.click();
  }
}

async function takeScreenshot(editor, file) {
  const page = await editor.browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(30_000);
  await page.goto(editor.address());
  await page.waitForSelector(".monaco-workbench .explorer-folders-view");
  await openFile(page, "pipeline.lua");
  await setBreakpoint(page, BREAKPOINT);
  await page.keyboard.press("F5");
  await page.waitForSelector(".codicon-debug-stackframe");
  await setOpen(page, ".debug-variables .monaco-list-row", "Locals", true);
  for (const section of ["Watch", "Loaded Scripts", "Breakpoints"]) {
    await setOpen(page, ".pane-header", section, false);
  }
  await setOpen(page, ".pane-header", "Coroutines", true);
  await page.waitForSelector('.monaco-list-row:has-text("Suspended")');
  await page.mouse.move(640, 790);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  await page.keyboard.press("Shift+F5");
  await page.waitForSelector(".codicon-debug-stackframe", { state: "detached" });
  await page.close();
}

module.exports = { takeScreenshot };
