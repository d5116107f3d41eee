// A terminal that a test types into and reads: tmux on a server of its own.

const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { program } = require("../support/program");
const { until } = require("../support/wait");

class Terminal {
  /** Runs `perilune` with arguments in a terminal, which is closed after the test. */
  static async open(where, args) {
    const terminal = new Terminal();
    terminal.socket = path.join(where.environment.XDG_RUNTIME_DIR, "tmux");
    const environment = { ...where.environment, HOME: where.folder, LANG: "C.UTF-8" };
    // In the foreground, so that it is a child which ends with its parent's group.
    const server = spawn("tmux", ["-D", ...terminal.place], { env: environment, stdio: "ignore" });
    const ended = new Promise((resolve) => server.on("exit", resolve));
    where.later(async () => {
      server.kill("SIGKILL");
      await ended;
    });
    await until("the terminal", () => fs.existsSync(terminal.socket));
    // What the program leaves behind stays on the screen.
    const command = `${[program, ...args].map(quoted).join(" ")}; echo "[ended with $?]"; exec sleep 1000`;
    terminal.tmux("new-session", "-d", "-x", "100", "-y", "40", "-c", where.folder, command);
    return terminal;
  }

  get place() {
    return ["-S", this.socket, "-f", "/dev/null"];
  }

  tmux(...args) {
    return execFileSync("tmux", [...this.place, ...args], { encoding: "utf8" });
  }

  /** Types text as it is, and then keys by their names in tmux, such as `Enter` or `C-c`. */
  type(text, ...keys) {
    if (text !== "") {
      this.tmux("send-keys", "-l", "--", text);
    }
    if (keys.length > 0) {
      this.tmux("send-keys", "--", ...keys);
    }
  }

  /** What is on the screen, lines without their trailing blanks. */
  screen() {
    return this.tmux("capture-pane", "-p", "-J").replace(/[ \t]+$/gm, "").trimEnd();
  }

  /** Waits until the end of the screen is this text; a regular expression may match anywhere. */
  shows(expected) {
    const isThere = (screen) => (expected instanceof RegExp ? expected.test(screen) : screen.endsWith(expected));
    return until(`${expected}`, () => isThere(this.screen()), () => ({ screen: this.screen().split("\n") }));
  }
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

module.exports = { Terminal };
