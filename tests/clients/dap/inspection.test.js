// Coroutines, stacks, variables and evaluation in a program that stands.

const test = require("node:test");
const assert = require("node:assert");
const { until } = require("../support/wait");
const { debug, lineOf } = require("./session");

const THREE = `local function wait(name)
  coroutine.yield(name) -- @yield
end
local one = coroutine.create(function() wait("one") end)
local two = coroutine.create(function()
  print("two runs") -- @two
end)
coroutine.resume(one)
coroutine.resume(two) -- @resume
`;

const VALUES = `local upvalue = "captured"
local function look(first, ...)
  local number, float, text, nothing, yes = 42, 1.5, "a\\nb", nil, true
  local list, record = { 10, 20, 30 }, { name = "x", [true] = 1 }
  local shadowed = 1
  do
    local shadowed = 2
    print(upvalue, first, shadowed) -- @stop
  end
  return number, float, text, nothing, yes, list, record
end
global_value = 7
print(look("argument", "extra", 2))
`;

async function stopped(t, text, mark) {
  const session = await debug(t, text);
  await session.launch({ breakpoints: [mark] });
  return { session, stop: await session.stop({ at: mark }) };
}

test("coroutines are threads with stacks of their own, suspended ones too", async (t) => {
  const { session, stop } = await stopped(t, THREE, "two");
  const { threads } = (await session.client.threadsRequest()).body;
  assert.equal(threads.length, 3);
  assert.equal(threads[0].name, "main");
  const lines = {};
  for (const { id, name } of threads) {
    const frames = await session.stack(id);
    lines[name] = frames.filter((frame) => frame.source?.path === session.file).map((frame) => frame.line);
  }
  const [main, one, two] = threads.map(({ name }) => lines[name]);
  assert.deepEqual(main, [lineOf(THREE, "resume")]);
  assert.deepEqual(one, [lineOf(THREE, "yield"), 4]);
  assert.deepEqual(two, [lineOf(THREE, "two")]);
  assert.equal(stop.threadId, threads[2].id);
});

test("variables of a suspended coroutine can be read", async (t) => {
  const { session } = await stopped(t, THREE, "two");
  const { threads } = (await session.client.threadsRequest()).body;
  const frames = await session.stack(threads[1].id);
  const frame = frames.find((each) => each.line === lineOf(THREE, "yield"));
  assert.deepEqual(await session.variables(frame), { name: '"one"' });
});

test("the adapter's own request lists coroutines with their states", async (t) => {
  const { session } = await stopped(t, THREE, "two");
  const { coroutines } = (await session.client.send("perilune/coroutines", {})).body;
  assert.deepEqual(coroutines.map((each) => each.status), ["normal", "suspended", "running"]);
  assert.equal(coroutines[2].resumer, coroutines[0].id);
  assert.equal(coroutines[2].location.line, lineOf(THREE, "two"));
  assert.equal(coroutines[2].location.source.path, session.file);
  assert.equal(coroutines[1].created.line, 4);
});

test("a dead coroutine is no thread any more", async (t) => {
  const text = "local co = coroutine.wrap(function() end)\nlocal x = 1 -- @before\nco()\nx = 2 -- @after\n";
  const session = await debug(t, text);
  await session.launch({ breakpoints: ["before", "after"] });
  const stop = await session.stop({ at: "before" });
  assert.equal((await session.client.threadsRequest()).body.threads.length, 2);
  await session.step("continue", stop, { at: "after" });
  assert.equal((await session.client.threadsRequest()).body.threads.length, 1);
});

test("scopes show locals, upvalues, varargs and globals", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  const { scopes } = (await session.client.scopesRequest({ frameId: stop.frame.id })).body;
  assert.deepEqual(scopes.map((scope) => scope.name), ["Locals", "Upvalues", "Varargs", "Globals"]);
  const locals = await session.variables(stop.frame);
  const { first, number, float, text, nothing, yes } = locals;
  assert.deepEqual({ first, number, float, text, nothing, yes }, {
    first: '"argument"', number: "42", float: "1.5", text: '"a\\nb"', nothing: "nil", yes: "true",
  });
  assert.equal((await session.variables(stop.frame, "Upvalues")).upvalue, '"captured"');
  assert.deepEqual(Object.values(await session.variables(stop.frame, "Varargs")), ['"extra"', "2"]);
  assert.equal((await session.variables(stop.frame, "Globals")).global_value, "7");
});

test("a shadowed variable does not hide the one that counts", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  assert.equal((await session.evaluate("shadowed", stop.frame)).result, "2");
  const { variablesReference } = await session.scope(stop.frame, "Locals");
  const names = (await session.children(variablesReference)).map((each) => each.name);
  assert.equal(new Set(names).size, names.length, "names of siblings are unique");
});

test("tables have children", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  const { variablesReference } = await session.scope(stop.frame, "Locals");
  const all = await session.children(variablesReference);
  const list = all.find((each) => each.name === "list");
  assert.equal(list.indexedVariables, 3);
  assert.deepEqual((await session.children(list.variablesReference)).map((each) => each.value), ["10", "20", "30"]);
  const record = await session.children(all.find((each) => each.name === "record").variablesReference);
  assert.deepEqual(record.map((each) => each.value).sort(), ['"x"', "1"]);
});

test("children are paged", async (t) => {
  const text = "local big = {}\nfor i = 1, 100000 do big[i] = i end\nbig.x = 1\nprint(#big) -- @stop\n";
  const { session, stop } = await stopped(t, text, "stop");
  const { variablesReference } = await session.scope(stop.frame, "Locals");
  const [big] = await session.children(variablesReference);
  assert.deepEqual([big.indexedVariables, big.namedVariables], [100000, 1]);
  const page = await session.children(big.variablesReference, { filter: "indexed", start: 99_990, count: 5 });
  assert.deepEqual(page.map((each) => each.value), ["99991", "99992", "99993", "99994", "99995"]);
  const named = await session.children(big.variablesReference, { filter: "named" });
  assert.deepEqual(named.map((each) => each.name), ["x"]);
});

test("a table that contains itself is no end of trouble", async (t) => {
  const { session, stop } = await stopped(t, "local t = {}\nt.t = t\nsetmetatable(t, t)\nprint(1) -- @stop\n", "stop");
  let [variable] = await session.children((await session.scope(stop.frame, "Locals")).variablesReference);
  for (let depth = 0; depth < 20; depth++) {
    variable = (await session.children(variable.variablesReference)).find((each) => each.name === "t");
  }
  assert.match(variable.value, /\{/);
});

test("a deep stack is paged", async (t) => {
  const text = "local function deep(n)\n  if n == 0 then return 0 end -- @line\n  return 1 + deep(n - 1)\nend\nprint(deep(5000))\n";
  const session = await debug(t, text);
  await session.launch({ breakpoints: [{ at: "line", condition: "n == 0" }] });
  const { threadId } = await session.next("stopped");
  const { stackFrames, totalFrames } = (await session.client.stackTraceRequest({ threadId, startFrame: 100, levels: 20 })).body;
  assert.equal(stackFrames.length, 20);
  assert.ok(totalFrames >= 5001, `${totalFrames}`);
  assert.deepEqual(await session.variables(stackFrames[0]), { n: "100" });
});

test("expressions see the frame", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  for (const [expression, expected] of [
    ["number + 1", "43"], ["upvalue .. '!'", '"captured!"'], ["#list", "3"], ["...", '"extra", 2'],
    ["global_value", "7"], ["select('#', ...)", "2"], ["record.name", '"x"'], ["math.type(float)", '"float"'],
  ]) {
    const { result } = await session.evaluate(expression, stop.frame);
    assert.equal(result.replace(/\t|,\s*/g, ", "), expected, expression);
  }
});

test("an expression that fails is told and harms nothing", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  await assert.rejects(session.evaluate("number.x.y", stop.frame), /index/);
  await assert.rejects(session.evaluate("1 +", stop.frame));
  await assert.rejects(session.evaluate("error('no')", stop.frame), /no/);
  assert.equal((await session.evaluate("number", stop.frame)).result, "42");
  await session.resume("continue", stop.threadId);
  assert.equal(await session.end(), 0);
});

test("an expression that never ends is ended by pause", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  let failure;
  session.evaluate("(function() while true do end end)()", stop.frame, "repl").catch((error) => (failure = error));
  // A pause that overtakes the evaluation finds nothing to end.
  await until("the end of the evaluation", async () => {
    await session.resume("pause", stop.threadId);
    return failure;
  });
  assert.match(failure.message, /interrupt/i);
  assert.equal((await session.evaluate("number", stop.frame)).result, "42");
});

test("statements change the program", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  await session.evaluate("number = number + 1; global_value = number", stop.frame, "repl");
  assert.equal((await session.evaluate("global_value", stop.frame)).result, "43");
  await session.resume("continue", stop.threadId);
  assert.equal(await session.end(), 0);
  assert.match(session.output(), /^captured\targument\t2\n43\t/);
});

test("variables are assigned", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  const locals = (await session.scope(stop.frame, "Locals")).variablesReference;
  const upvalues = (await session.scope(stop.frame, "Upvalues")).variablesReference;
  const set = (variablesReference, name, value) => session.client.setVariableRequest({ variablesReference, name, value });
  assert.equal((await set(locals, "number", "float * 2")).body.value, "3.0");
  await set(upvalues, "upvalue", '"changed"');
  const list = (await session.children(locals)).find((each) => each.name === "list");
  await set(list.variablesReference, (await session.children(list.variablesReference))[1].name, "{}");
  await assert.rejects(set(locals, "number", "1 +"));
  await assert.rejects(set(locals, "missing", "1"));
  await session.resume("continue", stop.threadId);
  assert.equal(await session.end(), 0);
  assert.match(session.output(), /^changed\targument\t2\n3\.0\t/);
});

test("handles of an earlier stop are refused", async (t) => {
  const text = "for i = 1, 3 do\n  print(i) -- @stop\nend\n";
  const { session, stop } = await stopped(t, text, "stop");
  const { variablesReference } = await session.scope(stop.frame, "Locals");
  await session.step("continue", stop, { at: "stop" });
  await assert.rejects(session.children(variablesReference));
  await assert.rejects(session.client.scopesRequest({ frameId: stop.frame.id }));
});

test("completions know the frame", async (t) => {
  const { session, stop } = await stopped(t, VALUES, "stop");
  const { targets } = (await session.client.send("completions", { frameId: stop.frame.id, text: "upv", column: 4 })).body;
  assert.ok(targets.some((each) => each.label === "upvalue"), JSON.stringify(targets));
});

test("code that came from no file has a source", async (t) => {
  const text = 'local f = load("local x = 1\\nerror(x)")\npcall(f)\n';
  const session = await debug(t, text);
  await session.launch({ filters: ["all"] });
  const stop = await session.stop({ reason: "exception" });
  const frame = stop.frames.find((each) => each.source?.name?.startsWith("[string"));
  assert.equal(frame.line, 2);
  const { sourceReference } = frame.source;
  assert.ok(sourceReference > 0, JSON.stringify(stop.frames));
  const answer = await session.client.send("source", { source: frame.source, sourceReference });
  assert.equal(answer.body.content, "local x = 1\nerror(x)");
});
