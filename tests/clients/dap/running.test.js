// Starting, stopping and ending a program.

const test = require("node:test");
const assert = require("node:assert");
const { spawn } = require("node:child_process");
const { isAlive, project, sessions, startLive } = require("../support/program");
const { until, within } = require("../support/wait");
const { FILE, debug, debugIn } = require("./session");

const LOOP = `local count = 0
while true do
  count = count + 1 -- @body
end
`;

const TICKS = `local count = 0
local function tick()
  count = count + 1
  print("tick " .. count) -- @tick
  io.stdout:flush()
end
while true do tick() end
`;

/** The process of the only session of a project. */
async function processOf(session) {
  const all = await until("a session", async () => {
    const found = await sessions(session.where);
    return found.length === 1 && found;
  });
  return all[0].pid;
}

test("a program runs to its end, with arguments, folder and environment", async (t) => {
  const text = 'print(arg[1], arg[2], os.getenv("GREETING"))\nio.stderr:write("warned\\n")\nos.exit(3)\n';
  const session = await debug(t, text);
  await session.launch({}, { args: ["one", "two words"], env: { GREETING: "hello" } });
  assert.equal(await session.end(), 3);
  assert.equal(session.output(), "one\ttwo words\thello\n");
  assert.equal(session.output("stderr"), "warned\n");
});

test("a program that cannot be started is told", async (t) => {
  const session = await debug(t, "");
  await assert.rejects(session.client.launchRequest({ program: session.where.path("missing.lua") }), /missing\.lua/);
});

test("a program with a syntax error ends with its message", async (t) => {
  const session = await debug(t, "x = = 1\n");
  await Promise.allSettled([session.launch()]);
  await session.wrote("main.lua:1:", "stderr");
});

test("the program stops on entry when asked to", async (t) => {
  const session = await debug(t, "local x = 1 -- @first\nprint(x)\n");
  await session.launch({}, { stopOnEntry: true });
  const stop = await session.stop({ at: "first", reason: "entry" });
  await session.resume("continue", stop.threadId);
  assert.equal(await session.end(), 0);
});

test("a busy loop is paused and goes on", async (t) => {
  for (const jit of ["off", "on"]) {
    const session = await debug(t, LOOP);
    await session.launch({}, { jit });
    await session.resume("pause", 1);
    const stop = await session.stop({ reason: "pause" });
    const first = Number((await session.variables(stop.frame)).count);
    let count = first;
    // A pause may come before the program has done anything.
    for (let round = 0; round < 100 && count === first; round++) {
      await session.resume("continue", stop.threadId);
      await session.resume("pause", 1);
      const next = await session.stop({ reason: "pause" });
      count = Number((await session.variables(next.frame)).count);
    }
    assert.ok(count > first, jit);
    await session.client.terminateRequest();
    await session.next("terminated");
  }
});

test("a running program says that it is not stopped", async (t) => {
  const session = await debug(t, LOOP);
  await session.launch();
  await assert.rejects(session.client.stackTraceRequest({ threadId: 1 }));
  await assert.rejects(session.resume("next", 1));
  await session.client.terminateRequest();
  await session.next("terminated");
});

test("terminate ends a busy program, once", async (t) => {
  const session = await debug(t, LOOP);
  await session.launch();
  await session.client.terminateRequest();
  await session.next("terminated");
  // As dape answers `terminated`.
  await session.client.terminateRequest();
  await session.client.disconnectRequest();
  await within("the end of the adapter", session.adapterEnded);
  assert.equal(session.events.filter((event) => event.event === "terminated").length, 1);
});

test("a program that was launched ends with its session", async (t) => {
  const session = await debug(t, 'print(require and "up")\nio.stdout:flush()\nwhile true do end\n');
  await session.launch({}, {});
  await session.wrote("up");
  const pid = await processOf(session);
  await session.client.disconnectRequest();
  await within("the end of the adapter", session.adapterEnded);
  await until("the end of the program", () => !isAlive(pid));
});

test("a program that was launched ends when its adapter is killed", async (t) => {
  const session = await debug(t, LOOP);
  await session.launch({ breakpoints: ["body"] });
  await session.stop({ at: "body" });
  const pid = await processOf(session);
  session.adapter.kill("SIGKILL");
  await until("the end of the program", () => !isAlive(pid));
});

test("a program that was attached to stops, and goes on after detaching", async (t) => {
  const where = project(t, { [FILE]: TICKS });
  const running = await startLive(where, FILE);
  await running.wrote("tick 3\n");
  const session = await debugIn(where, TICKS);
  const [breakpoint] = await session.attach(running.pid, { breakpoints: ["tick"] });
  assert.ok(breakpoint.verified, JSON.stringify(breakpoint));
  const stop = await session.stop({ at: "tick", reason: "breakpoint" });
  const count = Number((await session.variables(stop.frame, "Upvalues")).count);
  assert.ok(count > 3);
  await session.client.disconnectRequest();
  await within("the end of the adapter", session.adapterEnded);
  await running.wrote(`tick ${count + 1000}\n`);
  assert.ok(isAlive(running.pid));
});

test("a program is found by its file or its folder", async (t) => {
  const where = project(t, { [FILE]: TICKS });
  const running = await startLive(where, FILE);
  for (const session of [where.path(FILE), where.folder]) {
    const debugged = await debugIn(where, TICKS);
    await debugged.begin("attach", { session }, { breakpoints: ["tick"] });
    await debugged.stop({ at: "tick" });
    await debugged.client.disconnectRequest();
  }
  assert.ok(isAlive(running.pid));
});

test("a program that was attached to goes on when its adapter is killed while it stands", async (t) => {
  const where = project(t, { [FILE]: TICKS });
  const running = await startLive(where, FILE);
  const session = await debugIn(where, TICKS);
  await session.attach(running.pid, { breakpoints: ["tick"] });
  const stop = await session.stop({ at: "tick" });
  const count = Number((await session.variables(stop.frame, "Upvalues")).count);
  session.adapter.kill("SIGKILL");
  await running.wrote(`tick ${count + 1000}\n`);
});

test("a program that was attached to is ended on request", async (t) => {
  const where = project(t, { [FILE]: TICKS });
  const running = await startLive(where, FILE);
  const session = await debugIn(where, TICKS);
  await session.attach(running.pid);
  await session.client.send("disconnect", { terminateDebuggee: true });
  await within("the end of the program", running.ended);
});

test("attaching to a process that is none of ours is refused", async (t) => {
  const session = await debug(t, "");
  await assert.rejects(session.client.attachRequest({ processId: process.pid }));
});

test("two debuggers attach to one program, and one may leave", async (t) => {
  const where = project(t, { [FILE]: TICKS });
  const running = await startLive(where, FILE);
  const first = await debugIn(where, TICKS);
  const second = await debugIn(where, TICKS);
  await first.attach(running.pid);
  await second.attach(running.pid, { breakpoints: ["tick"] });
  const stop = await second.stop({ at: "tick" });
  await first.stop({ at: "tick" });
  await first.client.disconnectRequest();
  const next = await second.step("continue", stop, { at: "tick" });
  assert.ok(next.line > 0);
  await second.client.disconnectRequest();
});

test("the program runs in the client's terminal when asked to", async (t) => {
  const session = await debug(t, 'print(io.read("l"))\n', { supportsRunInTerminalRequest: true });
  const terminal = { output: "" };
  session.client.runInTerminal = ({ kind, args, cwd, env }) => {
    const environment = { ...session.where.environment, ...env };
    const child = spawn(args[0], args.slice(1), { cwd, env: environment, stdio: ["pipe", "pipe", "inherit"] });
    session.where.later(() => child.kill("SIGKILL"));
    child.stdout.setEncoding("utf8").on("data", (text) => (terminal.output += text));
    child.stdin.end("typed\n");
    terminal.kind = kind;
    return { processId: child.pid };
  };
  await session.launch({}, { terminal: "integratedTerminal" });
  await session.next("terminated");
  await until("output", () => terminal.output.includes("typed"));
  assert.equal(terminal.kind, "integrated");
});
