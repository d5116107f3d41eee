// The language server while a program of the workspace runs.

const test = require("node:test");
const assert = require("node:assert");
const { project, startLive } = require("../support/program");
const { until } = require("../support/wait");
const { connect } = require("./client");

const APP = `local M = { name = "app", hits = 0 }
local limit = 3

function M.greet(who)
  return "hello " .. who
end

function M.count()
  M.hits = M.hits + 1
  return limit
end

local keep = M.greet
while true do
  print(keep("you"))
  io.stdout:flush()
  M.count()
end
`;

async function both(t) {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua");
  const client = await connect(where);
  await client.open("app.lua", APP);
  await running.wrote("hello you\n");
  return { client, running, where };
}

function execute(client, command, position) {
  const uri = client.uri("app.lua");
  return client.request("workspace/executeCommand", { command, arguments: [{ uri, position }] });
}

/** Lines that the program writes from now on. */
async function wroteLater(running, text) {
  running.output = "";
  await running.wrote(text);
}

test("hover shows the value of a variable in the program", async (t) => {
  const { client } = await both(t);
  const hover = await until("a live hover", async () => {
    const answer = await client.at("hover", "app.lua", 1, 7);
    return answer?.contents.value.includes("live") && answer;
  });
  assert.match(hover.contents.value, /limit/);
  assert.match(hover.contents.value, /\b3\b/);
});

test("completion offers the fields that the program has", async (t) => {
  const { client } = await both(t);
  await client.change("app.lua", `${APP}M.`);
  const line = APP.split("\n").length - 1;
  const labels = await until("live fields", async () => {
    const answer = await client.at("completion", "app.lua", line, 2);
    const found = (answer?.items ?? answer ?? []).map((item) => item.label);
    return found.includes("hits") && found;
  });
  assert.ok(labels.includes("greet"));
});

test("a function is redefined, callers that kept it included", async (t) => {
  const { client, running } = await both(t);
  await client.change("app.lua", APP.replace('"hello "', '"goodbye "'));
  const done = await execute(client, "perilune.redefine", { line: 4, character: 5 });
  assert.deepEqual(done.functions?.map((each) => each.name), ["M.greet"], JSON.stringify(done));
  assert.ok(done.functions[0].closures >= 1);
  await wroteLater(running, "goodbye you\n");
});

test("only the function at the cursor is redefined", async (t) => {
  const { client, running } = await both(t);
  const text = APP.replace('"hello "', '"goodbye "').replace("M.hits + 1", "M.hits + 2");
  await client.change("app.lua", text);
  const done = await execute(client, "perilune.redefine", { line: 8, character: 5 });
  assert.deepEqual(done.functions?.map((each) => each.name), ["M.count"], JSON.stringify(done));
  await wroteLater(running, "hello you\n");
});

test("all changed functions of a file are redefined", async (t) => {
  const { client, running } = await both(t);
  await client.change("app.lua", APP.replace('"hello "', '"goodbye "').replace("M.hits + 1", "M.hits + 2"));
  const done = await execute(client, "perilune.redefineFile");
  assert.deepEqual(done.functions?.map((each) => each.name).sort(), ["M.count", "M.greet"], JSON.stringify(done));
  await wroteLater(running, "goodbye you\n");
  const again = await execute(client, "perilune.redefineFile");
  assert.deepEqual(again.functions, []);
});

test("a refusal says where it is, is shown as a diagnostic and changes nothing", async (t) => {
  const { client, running } = await both(t);
  await client.change("app.lua", APP.replace('return "hello " .. who', 'return "broken" ..'));
  const { refused } = await execute(client, "perilune.redefine", { line: 4, character: 5 });
  assert.ok(refused.length > 0);
  assert.ok(refused[0].range.start.line >= 4, JSON.stringify(refused));
  await until("a diagnostic", () => {
    const last = client.published.get(client.uri("app.lua"));
    return last?.diagnostics.some((each) => each.source === "perilune live");
  });
  assert.ok(client.shown.some((message) => /not redefined/.test(message)), client.shown.join());
  await wroteLater(running, "hello you\n");
});

test("new code that needs a variable which is gone is refused", async (t) => {
  const text = `local function make()
  local state, step = 0, 1
  local function advance()
    state = state + 1
    return state
  end
  return advance
end
local advance = make()
while true do
  print(advance() > 0)
  io.stdout:flush()
end
`;
  const where = project(t, { "app.lua": text });
  const running = await startLive(where, "app.lua");
  const client = await connect(where);
  await running.wrote("true\n");
  await client.open("app.lua", text.replace("state + 1", "state + step"));
  const { refused } = await execute(client, "perilune.redefine", { line: 3, character: 5 });
  assert.match(refused.map((each) => each.message).join(), /step/);
  await wroteLater(running, "true\n");
});

test("without a program nothing is redefined, and that is said", async (t) => {
  const where = project(t, { "app.lua": APP });
  const client = await connect(where);
  await client.open("app.lua", APP);
  const answer = await execute(client, "perilune.redefine", { line: 4, character: 5 });
  assert.match(answer.failed, /no program/);
  await until("a message", () => client.shown.some((message) => /no program/.test(message)));
});

test("a program that ends does not disturb the editor", async (t) => {
  const { client, running } = await both(t);
  running.child.kill("SIGKILL");
  await running.ended;
  const hover = await client.at("hover", "app.lua", 1, 7);
  assert.match(hover.contents.value, /limit/);
  assert.match((await execute(client, "perilune.redefine", { line: 4, character: 5 })).failed, /./);
});

test("the programs of the workspace are listed, those that wait as well", async (t) => {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua", ["--wait"]);
  const client = await connect(where);
  const sessions = await client.request("workspace/executeCommand", { command: "perilune.sessions", arguments: [] });
  assert.deepEqual(sessions.map((session) => session.pid), [running.pid]);
});
