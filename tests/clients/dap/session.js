// A debug session on the test client of VS Code.

const assert = require("node:assert");
const { DebugClient } = require("@vscode/debugadapter-testsupport");
const { program, project, isAlive } = require("../support/program");
const { until, within } = require("../support/wait");

const LIMIT_MS = 30_000;
const FILE = "main.lua";

/** The line, from 1, that carries the comment `-- @name`. */
function lineOf(text, name) {
  const index = text.split("\n").findIndex((line) => line.endsWith(`-- @${name}`));
  assert.notEqual(index, -1, `no mark ${name}`);
  return index + 1;
}

/** The test client, which also answers requests of the adapter. */
class Client extends DebugClient {
  dispatch(body) {
    const message = JSON.parse(body);
    if (message.type === "request") {
      this.answer(message);
    } else {
      super.dispatch(body);
    }
  }

  answer({ seq, command, arguments: args }) {
    const body = this.runInTerminal(args);
    const json = JSON.stringify({ seq: 0, type: "response", request_seq: seq, command, success: true, body });
    this.outputStream.write(`Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
  }
}

class Session {
  constructor(where, text) {
    this.where = where;
    this.text = text;
    this.file = where.path(FILE);
    this.events = [];
    this.taken = 0;
    this.client = new Client(program, "dap", "perilune", { cwd: where.folder, env: where.environment });
    this.client.defaultTimeout = LIMIT_MS;
    for (const name of ["stopped", "continued", "output", "breakpoint", "thread", "exited", "terminated", "loadedSource"]) {
      this.client.on(name, (event) => this.events.push(event));
    }
    where.later(() => this.close());
  }

  async start(capabilities = {}) {
    await this.client.start();
    this.adapter = this.client._adapterProcess;
    this.adapterEnded = new Promise((resolve) => this.adapter.on("exit", (code, signal) => resolve(code ?? signal)));
    const initialized = this.client.waitForEvent("initialized");
    const answer = await this.client.initializeRequest({
      adapterID: "perilune",
      linesStartAt1: true,
      columnsStartAt1: true,
      pathFormat: "path",
      supportsVariableType: true,
      supportsVariablePaging: true,
      ...capabilities,
    });
    this.offers = answer.body;
    await initialized;
    return this;
  }

  /** Sends `launch` or `attach` with the configuration between, in the order of VS Code. */
  async begin(request, args, { breakpoints = [], filters = [] } = {}) {
    const begun = this.client.send(request, args);
    begun.catch(() => {});
    const set = breakpoints.length > 0 ? await this.setBreakpoints(breakpoints) : [];
    await this.client.send("setExceptionBreakpoints", { filters });
    await this.client.configurationDoneRequest();
    await begun;
    return set;
  }

  launch(configuration = {}, args = {}) {
    return this.begin("launch", { program: this.file, cwd: this.where.folder, ...args }, configuration);
  }

  attach(pid, configuration = {}) {
    return this.begin("attach", { processId: pid }, configuration);
  }

  /** Breakpoints are names of marks, or objects with `at` and what else the protocol has. */
  async setBreakpoints(breakpoints, file = this.file, text = this.text) {
    const specs = breakpoints.map((each) => (typeof each === "string" ? { at: each } : each));
    const wanted = specs.map(({ at, ...more }) => ({ line: typeof at === "number" ? at : lineOf(text, at), ...more }));
    const answer = await this.client.setBreakpointsRequest({ source: { path: file }, breakpoints: wanted });
    return answer.body.breakpoints;
  }

  /** The next event of a kind that was not taken yet. */
  async next(kind) {
    const find = () => this.events.findIndex((event) => event.event === kind && !event.taken);
    await until(`the event ${kind}`, () => find() !== -1, () => ({ events: this.events.slice(-20) }));
    const event = this.events[find()];
    event.taken = true;
    return event.body ?? {};
  }

  /** The next stop: why, in which thread, and the innermost frame. */
  async stop(expected = {}) {
    const { reason, threadId, hitBreakpointIds, text } = await this.next("stopped");
    const frames = await this.stack(threadId);
    const stop = { reason, threadId, hitBreakpointIds, text, frames, frame: frames[0], line: frames[0].line };
    if (expected.at !== undefined) {
      assert.equal(stop.line, lineOf(this.text, expected.at), `stopped at ${JSON.stringify(frames[0])}`);
    }
    if (expected.reason !== undefined) {
      assert.equal(reason, expected.reason);
    }
    return stop;
  }

  async stack(threadId) {
    return (await this.client.stackTraceRequest({ threadId })).body.stackFrames;
  }

  async scope(frame, name) {
    const { scopes } = (await this.client.scopesRequest({ frameId: frame.id })).body;
    return scopes.find((scope) => scope.name === name);
  }

  async children(variablesReference, more = {}) {
    return (await this.client.variablesRequest({ variablesReference, ...more })).body.variables;
  }

  /** The variables of a scope as `{ name: text }`. */
  async variables(frame, scope = "Locals") {
    const { variablesReference } = await this.scope(frame, scope);
    const all = await this.children(variablesReference);
    return Object.fromEntries(all.map((each) => [each.name, each.value]));
  }

  async evaluate(expression, frame, context = "watch") {
    return (await this.client.evaluateRequest({ expression, frameId: frame?.id, context })).body;
  }

  /** Goes on in one of the ways of the protocol, such as `next`. */
  resume(command, threadId) {
    return this.client.send(command, { threadId });
  }

  /** Goes on and tells where the program stops next. */
  async step(command, stop, expected) {
    await this.resume(command, stop.threadId);
    return this.stop(expected);
  }

  output(category = "stdout") {
    const written = this.events.filter((event) => event.event === "output" && event.body.category === category);
    return written.map((event) => event.body.output).join("");
  }

  wrote(text, category = "stdout") {
    return until(`output ${text}`, () => this.output(category).includes(text), () => ({ events: this.events.slice(-20) }));
  }

  /** Waits for the end of the program; its exit code. */
  async end() {
    const { exitCode } = await this.next("exited");
    await this.next("terminated");
    return exitCode;
  }

  async close() {
    if (this.adapter === undefined || !isAlive(this.adapter.pid)) {
      return;
    }
    this.adapter.stdin.end();
    await within("the end of the adapter", this.adapterEnded).finally(() => this.adapter.kill("SIGKILL"));
  }
}

/** A session with a program that is not yet started. */
async function debug(t, text, capabilities) {
  const where = project(t, { [FILE]: text });
  return new Session(where, text).start(capabilities);
}

/** A session on a project where something runs already. */
async function debugIn(where, text) {
  return new Session(where, text).start();
}

module.exports = { FILE, debug, debugIn, lineOf };
