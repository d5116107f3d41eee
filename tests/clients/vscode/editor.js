// A real editor without a screen: code-server, and Chromium to look at it.

const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { program } = require("../support/program");
const { until } = require("../support/wait");

/** Settings of the machine are no settings of the user, as in any remote window. */
const MACHINE_SETTINGS = { "perilune.path": program };
const SETTINGS = {
  "security.workspace.trust.enabled": false,
  "files.autoSave": "off",
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.tips.enabled": false,
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "debug.toolBarLocation": "docked",
  "debug.onTaskErrors": "abort",
  "editor.minimap.enabled": false,
  "editor.autoClosingBrackets": "never",
};
const ENTRY = require.resolve("code-server/out/node/entry.js");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A folder for everything that the editor writes; its name is short for the sake of sockets. */
function makeHome(workspace) {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "pl-")));
  for (const folder of ["user/User", "user/Machine", "extensions", "run", "tmp"]) {
    fs.mkdirSync(path.join(home, folder), { recursive: true, mode: 0o700 });
  }
  fs.writeFileSync(path.join(home, "user/User/settings.json"), JSON.stringify(SETTINGS));
  fs.writeFileSync(path.join(home, "user/Machine/settings.json"), JSON.stringify(MACHINE_SETTINGS));
  fs.cpSync(workspace, path.join(home, "workspace"), { recursive: true });
  return home;
}

function programInPath(name) {
  const files = process.env.PATH.split(path.delimiter).map((folder) => path.join(folder, name));
  return files.find((file) => fs.existsSync(file));
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class Editor {
  /** Starts the editor on a copy of a workspace with the packed extension installed. */
  static async start(workspace, extension, options = []) {
    const editor = new Editor();
    editor.home = makeHome(workspace);
    editor.folder = path.join(editor.home, "workspace");
    editor.result = path.join(editor.home, "result.jsonl");
    fs.writeFileSync(editor.result, "");
    editor.install(extension);
    await editor.serve(options);
    editor.browser = await chromium.launch({ executablePath: programInPath("chromium"), headless: true, args: FLAGS });
    return editor;
  }

  get environment() {
    const at = (name) => path.join(this.home, name);
    return { ...process.env, HOME: at("."), XDG_RUNTIME_DIR: at("run"), TMPDIR: at("tmp"), PERILUNE: program, PERILUNE_RESULT: this.result };
  }

  get flags() {
    const at = (name) => path.join(this.home, name);
    return [
      "--config", "/dev/null", "--user-data-dir", at("user"), "--extensions-dir", at("extensions"),
      "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override",
    ];
  }

  install(extension) {
    execFileSync(process.execPath, [ENTRY, ...this.flags, "--install-extension", extension], { env: this.environment, stdio: "pipe" });
  }

  async serve(options) {
    const port = await freePort();
    const address = ["--auth", "none", "--bind-addr", `127.0.0.1:${port}`];
    this.url = `http://127.0.0.1:${port}`;
    this.log = fs.openSync(path.join(this.home, "log"), "w");
    const args = [ENTRY, ...this.flags, ...options, ...address, this.folder];
    this.server = spawn(process.execPath, args, { env: this.environment, stdio: ["ignore", this.log, this.log] });
    await until("the editor", () => fetch(`${this.url}/healthz`).then((answer) => answer.ok, () => false));
  }

  /** The page of the workspace, with parameters that the editor understands. */
  address(payload = []) {
    const query = new URLSearchParams({ folder: this.folder, payload: JSON.stringify(payload) });
    return `${this.url}/?${query}`;
  }

  /** What the editor itself had to say. */
  logged() {
    return fs.readFileSync(path.join(this.home, "log"), "utf8");
  }

  async stop() {
    await this.browser?.close();
    const ended = new Promise((resolve) => this.server.on("exit", resolve));
    this.server.kill("SIGTERM");
    await ended;
    fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

module.exports = { Editor };
