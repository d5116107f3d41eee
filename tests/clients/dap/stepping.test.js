// Steps, across everything in Lua that leaves a function.

const test = require("node:test");
const assert = require("node:assert");
const { debug, lineOf } = require("./session");

// A step out of a function ends just after the call: in the middle of a line when there is more
// to do, else on the next one.

/** Launches up to the mark `start` and takes steps; each is a command and the mark where it ends. */
async function walk(t, text, ...steps) {
  for (const jit of ["off", "on", "eager"]) {
    const session = await debug(t, text);
    await session.launch({ breakpoints: ["start"] }, { jit });
    let stop = await session.stop({ at: "start" });
    for (const [command, at] of steps) {
      stop = await session.step(command, stop, { at, reason: "step" });
    }
    await session.client.disconnectRequest();
  }
}

test("over a call, into it and out of it", async (t) => {
  const text = `local function twice(x)
  local y = x * 2 -- @inside
  return y -- @return
end
local a = twice(1) -- @start
local b = twice(a) -- @second
print(a, b) -- @print
`;
  await walk(t, text, ["next", "second"], ["stepIn", "inside"], ["next", "return"], ["stepOut", "print"]);
});

test("out of a call in the middle of a line", async (t) => {
  const text = `local function f(x)
  return x -- @inside
end
local a = 1 -- @start
a = f(1) + f(2) -- @sum
print(a)
`;
  await walk(t, text, ["next", "sum"], ["stepIn", "inside"], ["stepOut", "sum"], ["stepIn", "inside"], ["stepOut", "sum"]);
});

test("from the end of a function to its caller", async (t) => {
  const text = `local function f()
  local x = 1 -- @start
  return x -- @return
end
f()
print("after") -- @after
`;
  await walk(t, text, ["next", "return"], ["next", "after"]);
});

test("over a loop's lines", async (t) => {
  const text = `local n = 0 -- @start
while n < 2 do -- @head
  n = n + 1 -- @body
end
print(n) -- @after
`;
  await walk(t, text, ["next", "head"], ["next", "body"], ["next", "head"], ["next", "body"], ["next", "head"], ["next", "after"]);
});

test("over a yield: the step ends when the coroutine is resumed", async (t) => {
  const text = `local co = coroutine.wrap(function()
  local x = 1 -- @start
  coroutine.yield(x) -- @yield
  x = 2 -- @resumed
end)
co()
print("between")
co()
`;
  await walk(t, text, ["next", "yield"], ["next", "resumed"]);
});

test("over a resume: the step does not enter the coroutine", async (t) => {
  const text = `local co = coroutine.create(function() coroutine.yield() end)
local x = 1 -- @start
coroutine.resume(co) -- @resume
x = 2 -- @after
`;
  await walk(t, text, ["next", "resume"], ["next", "after"]);
});

test("into a coroutine, and out of it to who resumed it", async (t) => {
  const text = `local co = coroutine.create(function()
  local x = 1 -- @inside
  return x
end)
local y = 1 -- @start
coroutine.resume(co) -- @resume
y = 2 -- @after
`;
  await walk(t, text, ["next", "resume"], ["stepIn", "inside"], ["stepOut", "after"]);
});

test("over a pcall that catches an error", async (t) => {
  const text = `local function fail() error("caught") end
local x = 1 -- @start
pcall(fail) -- @pcall
x = 2 -- @after
`;
  await walk(t, text, ["next", "pcall"], ["next", "after"]);
});

test("an error that is caught further out ends the step there", async (t) => {
  const text = `local function inner()
  local x = 1 -- @start
  error("thrown") -- @throw
end
local ok = pcall(inner)
print(ok) -- @after
`;
  await walk(t, text, ["next", "throw"], ["next", "after"]);
});

test("into a function that a library function calls", async (t) => {
  const text = `local function less(a, b)
  return a < b -- @compare
end
local t = { 2, 1 } -- @start
table.sort(t, less) -- @sort
print(t[1]) -- @after
`;
  await walk(t, text, ["next", "sort"], ["stepIn", "compare"]);
  await walk(t, text, ["next", "sort"], ["next", "after"]);
});

test("into a metamethod", async (t) => {
  const text = `local v = setmetatable({}, { __add = function(a, b)
  return 7 -- @inside
end })
local x = 1 -- @start
x = v + v -- @add
print(x) -- @after
`;
  await walk(t, text, ["next", "add"], ["stepIn", "inside"], ["stepOut", "after"]);
});

test("a tail call leaves its function", async (t) => {
  const text = `local function g()
  return 1 -- @inside
end
local function f()
  return g() -- @start
end
local x = f()
print(x) -- @after
`;
  await walk(t, text, ["stepIn", "inside"], ["stepOut", "after"]);
});

test("a recursive call does not end a step too early", async (t) => {
  const text = `local function fact(n)
  if n == 0 then return 1 end -- @test
  local rest = fact(n - 1) -- @recurse
  return n * rest -- @return
end
local x = 1 -- @start
x = fact(4) -- @call
print(x) -- @after
`;
  await walk(t, text, ["next", "call"], ["stepIn", "test"], ["next", "recurse"], ["next", "return"], ["next", "after"]);
});

test("a breakpoint inside of what is stepped over stops", async (t) => {
  const text = `local function f()
  return 1 -- @inside
end
local x = 1 -- @start
x = f() -- @call
print(x)
`;
  const session = await debug(t, text);
  await session.launch({ breakpoints: ["start", "inside"] });
  const start = await session.stop({ at: "start" });
  const call = await session.step("next", start, { at: "call" });
  await session.step("next", call, { at: "inside", reason: "breakpoint" });
});

test("a step that never ends can be paused", async (t) => {
  const session = await debug(t, "local x = 1 -- @start\nwhile true do end\n");
  await session.launch({ breakpoints: ["start"] });
  const stop = await session.stop({ at: "start" });
  await session.resume("next", stop.threadId);
  await session.resume("pause", stop.threadId);
  const paused = await session.next("stopped");
  assert.ok(["pause", "step"].includes(paused.reason));
});

test("the last step runs the program to its end", async (t) => {
  const session = await debug(t, 'print("bye") -- @start\n');
  await session.launch({ breakpoints: ["start"] });
  const stop = await session.stop({ at: "start" });
  await session.resume("next", stop.threadId);
  assert.equal(await session.end(), 0);
  assert.equal(session.output(), "bye\n");
  assert.equal(lineOf(session.text, "start"), 1);
});
