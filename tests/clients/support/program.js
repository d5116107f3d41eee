// The binary under test, and what runs with it: everything ends with its test.

const { spawn, execFile } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { promisify } = require("node:util");
const { until } = require("./wait");

/** The `perilune` that is tested. */
const program = process.env.PERILUNE ?? path.join(__dirname, "../../../target/release/perilune");

/** Writes files, given as `{ name: text }`, and returns the folder. */
function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/**
 * A project of its own: files, and an environment in which no other session can be seen.
 *
 * `path(name)` is the absolute path of a file. What is given to `later` happens after the test,
 * the last first; then the folder goes.
 */
function project(t, files = {}) {
  // Paths of sockets may be no longer than 107 bytes.
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "pl-")));
  const folder = path.join(root, "w");
  for (const name of ["w", "run", "tmp"]) {
    fs.mkdirSync(path.join(root, name), { mode: 0o700 });
  }
  const endings = [() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 })];
  t.after(async () => {
    for (const ending of endings.reverse()) {
      await ending();
    }
  });
  write(folder, files);
  return {
    folder,
    environment: { ...process.env, XDG_RUNTIME_DIR: path.join(root, "run"), TMPDIR: path.join(root, "tmp") },
    path: (name) => path.join(folder, name),
    write: (more) => write(folder, more),
    later: (ending) => endings.push(ending),
  };
}

/** A process with what it wrote; it is killed after the test, with its group. */
function start(where, args) {
  const child = spawn(program, args, {
    cwd: where.folder,
    env: where.environment,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const running = { child, pid: child.pid, output: "", errors: "", code: undefined };
  child.stdout.setEncoding("utf8").on("data", (text) => (running.output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (running.errors += text));
  running.ended = new Promise((resolve) => child.on("close", (code, signal) => resolve((running.code = code ?? signal))));
  where.later(async () => {
    killGroup(child.pid);
    await running.ended;
  });
  running.wrote = (text) => until(`output ${JSON.stringify(text)}`, () => running.output.includes(text), () => running);
  return running;
}

/** Kills a process group; one that is gone is what was wanted. */
function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") {
      throw error;
    }
  }
}

/** Whether a process is there and no zombie. */
function isAlive(pid) {
  try {
    const state = fs.readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "")[0];
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

/** `perilune run --live` on a file, once it can be attached to. */
async function startLive(where, file, options = []) {
  const running = start(where, ["run", "--live", ...options, file]);
  await until("a session", async () => (await sessions(where)).some((session) => session.pid === running.pid), () => running);
  return running;
}

/** The sessions of a project. */
async function sessions(where) {
  const { stdout } = await promisify(execFile)(program, ["sessions", "--format=json"], { env: where.environment });
  return JSON.parse(stdout);
}

module.exports = { program, project, start, startLive, sessions, isAlive };
