// Breakpoints of each kind.

const test = require("node:test");
const assert = require("node:assert");
const { debug, lineOf } = require("./session");

const COUNT = `local total = 0
for i = 1, 10 do
  total = total + i -- @add
end
print(total) -- @print
`;

const both = (body) => async (t) => {
  for (const jit of ["off", "on", "eager"]) {
    await body(t, jit);
  }
};

test("a plain breakpoint stops each time", both(async (t, jit) => {
  const session = await debug(t, COUNT);
  const [breakpoint] = await session.launch({ breakpoints: ["add"] }, { jit });
  assert.equal(breakpoint.line, lineOf(COUNT, "add"));
  for (let i = 1; i <= 10; i++) {
    const stop = await session.stop({ at: "add", reason: "breakpoint" });
    assert.deepEqual(stop.hitBreakpointIds, [breakpoint.id]);
    assert.equal((await session.variables(stop.frame)).i, `${i}`, jit);
    await session.resume("continue", stop.threadId);
  }
  assert.equal(await session.end(), 0);
  assert.equal(session.output(), "55\n");
}));

test("a condition decides", both(async (t, jit) => {
  const session = await debug(t, COUNT);
  await session.launch({ breakpoints: [{ at: "add", condition: "i % 4 == 0 and total > 6" }] }, { jit });
  const first = await session.stop({ at: "add" });
  assert.equal((await session.variables(first.frame)).i, "8");
  await session.resume("continue", first.threadId);
  assert.equal(await session.end(), 0);
}));

test("an error in a condition stops and is told", async (t) => {
  const session = await debug(t, COUNT);
  await session.launch({ breakpoints: [{ at: "add", condition: "nothing.there" }] });
  const stop = await session.stop({ at: "add" });
  assert.match(stop.text ?? "", /nothing/);
});

test("hit conditions count", async (t) => {
  for (const [hitCondition, expected] of [["3", [3]], ["== 3", [3]], [">= 9", [9, 10]], ["> 9", [10]], ["% 5", [5, 10]]]) {
    const session = await debug(t, COUNT);
    await session.launch({ breakpoints: [{ at: "add", hitCondition }] });
    const [first, ...rest] = expected;
    let stop = await session.stop({ at: "add" });
    assert.equal((await session.variables(stop.frame)).i, `${first}`, hitCondition);
    for (const hit of rest) {
      stop = await session.step("continue", stop, { at: "add" });
      assert.equal((await session.variables(stop.frame)).i, `${hit}`, hitCondition);
    }
    await session.client.disconnectRequest();
  }
});

test("a hit condition that is none is told", async (t) => {
  const session = await debug(t, COUNT);
  const [breakpoint] = await session.launch({ breakpoints: [{ at: "add", hitCondition: "often" }] });
  assert.equal(breakpoint.verified, false);
  assert.match(breakpoint.message, /often/);
});

test("a log point prints instead of stopping", both(async (t, jit) => {
  const session = await debug(t, COUNT);
  await session.launch({ breakpoints: [{ at: "add", logMessage: "i is {i}, {total * 2} so far" }] }, { jit });
  assert.equal(await session.end(), 0);
  const lines = session.output("console").split("\n").filter(Boolean);
  assert.equal(lines.length, 10);
  assert.match(lines[0], /i is 1, 0 so far/);
  assert.match(lines[9], /i is 10, 90 so far/);
  assert.ok(!session.events.some((event) => event.event === "stopped"));
}));

test("a breakpoint in a file that is not loaded is verified later", async (t) => {
  const session = await debug(t, 'local m = require("module") -- @require\nm.go()\n');
  const module = "local m = {}\nfunction m.go()\n  return 1 -- @go\nend\nreturn m\n";
  session.where.write({ "module.lua": module });
  const file = session.where.path("module.lua");
  const begun = session.client.launchRequest({ program: session.file, cwd: session.where.folder });
  const [breakpoint] = await session.setBreakpoints(["go"], file, module);
  assert.equal(breakpoint.verified, false);
  await session.client.configurationDoneRequest();
  await begun;
  const changed = await session.next("breakpoint");
  assert.deepEqual([changed.breakpoint.id, changed.breakpoint.verified], [breakpoint.id, true]);
  const stop = await session.next("stopped");
  const [frame] = await session.stack(stop.threadId);
  assert.equal(frame.source.path, file);
  assert.equal(frame.line, lineOf(module, "go"));
});

test("a breakpoint without code moves to the next line that has some", async (t) => {
  const text = "local x = 1 -- @first\n\n-- nothing here\nx = 2 -- @second\nprint(x)\n";
  const session = await debug(t, text);
  await session.launch({}, { stopOnEntry: true });
  const entry = await session.stop();
  const [breakpoint] = await session.setBreakpoints([{ at: 3 }]);
  assert.deepEqual([breakpoint.verified, breakpoint.line], [true, lineOf(text, "second")]);
  await session.step("continue", entry, { at: "second" });
});

test("breakpoints can be changed while the program stands", async (t) => {
  const session = await debug(t, COUNT);
  await session.launch({ breakpoints: ["add"] });
  const stop = await session.stop({ at: "add" });
  await session.setBreakpoints(["print"]);
  const last = await session.step("continue", stop, { at: "print" });
  assert.equal((await session.variables(last.frame)).total, "55");
});

test("breakpoints can be set while the program runs", async (t) => {
  const session = await debug(t, "local n = 0\nwhile true do\n  n = n + 1 -- @body\nend\n");
  await session.launch();
  const [breakpoint] = await session.setBreakpoints(["body"]);
  assert.ok(breakpoint.verified, JSON.stringify(breakpoint));
  const stop = await session.stop({ at: "body" });
  await session.setBreakpoints([]);
  await session.resume("continue", stop.threadId);
  await session.resume("pause", 1);
  await session.stop({ reason: "pause" });
});

test("errors stop by filter", async (t) => {
  const text = 'local ok = pcall(error, "caught")\nlocal function fail()\n  error("on purpose") -- @raise\nend\nfail()\n';
  const uncaught = await debug(t, text);
  assert.ok(uncaught.offers.exceptionBreakpointFilters.length > 0);
  await uncaught.launch({ filters: ["uncaught"] });
  const stop = await uncaught.stop({ reason: "exception" });
  assert.match(stop.text ?? "", /on purpose/);
  assert.ok(stop.frames.some((frame) => frame.line === lineOf(text, "raise")));
  const info = await uncaught.client.send("exceptionInfo", { threadId: stop.threadId });
  assert.match(info.body.description, /on purpose/);
  await uncaught.resume("continue", stop.threadId);
  assert.equal(await uncaught.end(), 1);
  assert.match(uncaught.output("stderr"), /on purpose/);

  const all = await debug(t, text);
  await all.launch({ filters: ["all"] });
  assert.match((await all.stop({ reason: "exception" })).text, /caught/);
});

test("two breakpoints on one line stop once", async (t) => {
  const session = await debug(t, COUNT);
  const set = await session.launch({ breakpoints: ["print", { at: "print", condition: "true" }] });
  const stop = await session.stop({ at: "print" });
  assert.ok(stop.hitBreakpointIds.every((id) => set.some((each) => each.id === id)));
  await session.resume("continue", stop.threadId);
  assert.equal(await session.end(), 0);
});
