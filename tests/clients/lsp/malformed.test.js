// What no client should send: the server answers with an error and goes on.

const test = require("node:test");
const assert = require("node:assert");
const { project, start } = require("../support/program");
const { until } = require("../support/wait");

/** A server on raw bytes. */
function raw(t) {
  const server = start(project(t), ["lsp"]);
  server.child.stdin.on("error", () => {});
  server.send = (bytes) => server.child.stdin.write(bytes);
  server.message = (body) => server.send(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  server.answer = (what) => server.wrote(what);
  return server;
}

const initialize = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { processId: null, rootUri: null, capabilities: {} } });

async function initialized(t) {
  const server = raw(t);
  server.message(initialize);
  await server.answer('"id":1');
  server.message(JSON.stringify({ jsonrpc: "2.0", method: "initialized", params: {} }));
  return server;
}

/** Asks something harmless; the answer shows that the server goes on. */
async function assertGoesOn(server, id) {
  const params = { textDocument: { uri: "file:///nowhere.lua" }, position: { line: 0, character: 0 } };
  server.message(JSON.stringify({ jsonrpc: "2.0", id, method: "textDocument/hover", params }));
  await until(`the answer ${id}`, () => server.output.includes(`"id":${id}`), () => server);
}

for (const [what, body, code] of [
  ["no JSON", "{nonsense", -32700],
  ["a half message", '{"jsonrpc":"2.0","id":', -32700],
  ["an unknown method", '{"jsonrpc":"2.0","id":5,"method":"perilune/nothing","params":{}}', -32601],
  ["parameters of a wrong type", '{"jsonrpc":"2.0","id":5,"method":"textDocument/hover","params":{"textDocument":7}}', -32602],
  ["no request at all", '{"jsonrpc":"2.0","id":5}', -32600],
]) {
  test(`${what} is answered with ${code}`, async (t) => {
    const server = await initialized(t);
    server.message(body);
    await server.answer(`"code":${code}`);
    await assertGoesOn(server, 77);
  });
}

test("a request before initialize is refused", async (t) => {
  const server = raw(t);
  server.message('{"jsonrpc":"2.0","id":9,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///a"},"position":{"line":0,"character":0}}}');
  await server.answer('"code":-32002');
  server.message(initialize);
  await server.answer('"capabilities"');
});

test("a notification that nobody knows is ignored", async (t) => {
  const server = await initialized(t);
  server.message('{"jsonrpc":"2.0","method":"$/nothing","params":[]}');
  server.message('{"jsonrpc":"2.0","method":"perilune/nothing"}');
  await assertGoesOn(server, 78);
});

test("deep nesting does not end the server", async (t) => {
  const server = await initialized(t);
  server.message("[".repeat(100_000) + "]".repeat(100_000));
  await assertGoesOn(server, 79);
});

test("a promised length is not believed", async (t) => {
  const server = await initialized(t);
  server.send("Content-Length: 99999999999999\r\n\r\n{}");
  server.child.stdin.end();
  assert.notEqual(await server.ended, "SIGABRT");
  assert.ok(!/panicked|memory allocation/.test(server.errors), server.errors);
});
