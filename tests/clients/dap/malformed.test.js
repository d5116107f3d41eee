// What no client should send: the adapter answers with an error and goes on, or ends in order.

const test = require("node:test");
const assert = require("node:assert");
const { project, start } = require("../support/program");
const { until } = require("../support/wait");

const INITIALIZE = { adapterID: "perilune", pathFormat: "path" };

/** An adapter on raw bytes. */
function raw(t) {
  const adapter = start(project(t), ["dap"]);
  adapter.child.stdin.on("error", () => {});
  adapter.send = (bytes) => adapter.child.stdin.write(bytes);
  adapter.message = (body) => adapter.send(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  adapter.request = (seq, command, args) => adapter.message(JSON.stringify({ seq, type: "request", command, arguments: args }));
  adapter.answer = (seq) => until(`the answer ${seq}`, () => answers(adapter.output).get(seq), () => adapter);
  return adapter;
}

/** The answers in what an adapter wrote, by the numbers of their requests. */
function answers(output) {
  const complete = output.split(/Content-Length: (?=\d+\r\n\r\n)/).filter(isComplete);
  const messages = complete.map((each) => JSON.parse(each.slice(each.indexOf("{"))));
  return new Map(messages.map((message) => [message.request_seq, message]));
}

/** Whether a message, from the length in its header on, has that length. */
function isComplete(message) {
  const [head, body] = message.split("\r\n\r\n");
  return body !== undefined && Buffer.byteLength(body) >= Number(head);
}

/** Asks something harmless; the answer shows that the adapter goes on. */
async function assertGoesOn(adapter) {
  adapter.request(77, "threads", {});
  await adapter.answer(77);
  assert.ok(!/panicked/.test(adapter.errors), adapter.errors);
}

test("a request before initialize is refused", async (t) => {
  const adapter = raw(t);
  adapter.request(1, "launch", { program: "x" });
  assert.equal((await adapter.answer(1)).success, false);
  adapter.request(2, "initialize", INITIALIZE);
  await adapter.wrote('"event":"initialized"');
});

for (const [what, command, args] of [
  ["an unknown request", "nothing", {}],
  ["arguments of a wrong type", "setBreakpoints", { source: 7 }],
  ["no arguments", "scopes", undefined],
  ["a launch without a program", "launch", {}],
  ["a program that is no text", "launch", { program: ["x"] }],
  ["a thread that is not there", "stackTrace", { threadId: -3 }],
  ["a reference that is not there", "variables", { variablesReference: 9007199254740991 }],
]) {
  test(`${what} is refused`, async (t) => {
    const adapter = raw(t);
    adapter.request(1, "initialize", INITIALIZE);
    adapter.request(5, command, args);
    const { success, message } = await adapter.answer(5);
    assert.equal(success, false);
    assert.ok(message.length > 0);
    await assertGoesOn(adapter);
  });
}

for (const [what, bytes] of [
  ["no JSON", "Content-Length: 9\r\n\r\n{nonsense"],
  ["deep nesting", `Content-Length: 200000\r\n\r\n${"[".repeat(100_000)}${"]".repeat(100_000)}`],
  ["no object", "Content-Length: 2\r\n\r\n42"],
]) {
  test(`${what} does not end the adapter`, async (t) => {
    const adapter = raw(t);
    adapter.request(1, "initialize", INITIALIZE);
    adapter.send(bytes);
    await assertGoesOn(adapter);
  });
}

for (const [what, bytes] of [
  ["a promised length that is huge", "Content-Length: 99999999999999\r\n\r\n{}"],
  ["a header without a length", "Content-Type: x\r\n\r\n{}"],
  ["half a message", "Content-Length: 100\r\n\r\n{"],
]) {
  test(`${what} ends the adapter in order`, async (t) => {
    const adapter = raw(t);
    adapter.request(1, "initialize", INITIALIZE);
    await adapter.answer(1);
    adapter.send(bytes);
    adapter.child.stdin.end();
    const code = await adapter.ended;
    assert.equal(typeof code, "number", `ended by ${code}`);
    assert.ok(!/panicked|memory allocation/.test(adapter.errors), adapter.errors);
  });
}
