// The prompt in a terminal, on its own and in a program that runs.

const test = require("node:test");
const assert = require("node:assert");
const { project, startLive } = require("../support/program");
const { Terminal } = require("./terminal");

const PROMPT = "\n>";

async function prompt(t, where = project(t), args = []) {
  const terminal = await Terminal.open(where, ["repl", ...args]);
  await terminal.shows(PROMPT);
  return terminal;
}

/** Types a line and waits for what follows it: the answer and the next prompt. */
async function ask(terminal, line, ...answer) {
  terminal.type(line, "Enter");
  await terminal.shows([`> ${line}`, ...answer].join("\n") + PROMPT);
}

test("expressions and statements are evaluated", async (t) => {
  const terminal = await prompt(t);
  await ask(terminal, "1 + 1", "2");
  await ask(terminal, "x = 20");
  await ask(terminal, "x, x * 2.0", "20\t40.0".replace("\t", "      "));
  await ask(terminal, "= x", "20");
  await ask(terminal, 'print("a")', "a");
  await ask(terminal, "'text'", '"text"');
});

test("the program chooses what stands before a line", async (t) => {
  const terminal = await prompt(t);
  terminal.type("_PROMPT = 'lua? '", "Enter");
  await terminal.shows("\nlua?");
  terminal.type("_PROMPT = nil", "Enter");
  await terminal.shows(PROMPT);
  await ask(terminal, "7", "7");
});

test("locals of a line are gone, functions stay", async (t) => {
  const terminal = await prompt(t);
  await ask(terminal, "function double(n) return n * 2 end");
  await ask(terminal, "double(21)", "42");
});

test("input goes on until it is complete", async (t) => {
  const terminal = await prompt(t);
  terminal.type("for i = 1, 2 do", "Enter");
  terminal.type("  print(i)", "Enter");
  terminal.type("end", "Enter");
  await terminal.shows(`end\n1\n2${PROMPT}`);
  terminal.type("s = [[one", "Enter");
  terminal.type("two]]", "Enter");
  await terminal.shows(`two]]${PROMPT}`);
  await ask(terminal, "#s", "7");
});

test("an error is shown and the prompt goes on", async (t) => {
  const terminal = await prompt(t);
  terminal.type("nothing.there", "Enter");
  await terminal.shows(/attempt to index a nil value \(global 'nothing'\)[^]*\n>$/);
  terminal.type("x = = 1", "Enter");
  await terminal.shows(/unexpected symbol near '='[^]*\n>$/);
  terminal.type('error({ code = 7 })', "Enter");
  await terminal.shows(/code = 7[^]*\n>$/);
  await ask(terminal, "1", "1");
});

test("a loop is interrupted by control-c, an input is thrown away", async (t) => {
  const terminal = await prompt(t);
  terminal.type("while true do end", "Enter");
  await terminal.shows("> while true do end");
  await interrupted(terminal);
  terminal.type("this is wrong");
  await terminal.shows(/> this is wrong$/);
  terminal.type("", "C-c");
  await terminal.shows(/> this is wrong[^]*\n>$/);
  await ask(terminal, "2", "2");
});

/** The loop may not have begun when the key arrives; then it only clears the line. */
async function interrupted(terminal) {
  terminal.type("", "C-c");
  await terminal.shows(/interrupt[^]*\n>$/i);
}

test("lines are edited and found again", async (t) => {
  const where = project(t);
  const terminal = await prompt(t, where);
  await ask(terminal, "first = 1");
  await ask(terminal, "second = 2");
  terminal.type("", "Up", "Up");
  await terminal.shows("> first = 1");
  terminal.type("", "BSpace");
  terminal.type("5", "Enter");
  await ask(terminal, "first", "5");
  terminal.type("", "C-d");
  await terminal.shows("[ended with 0]");

  const again = await prompt(t, where);
  again.type("", "Up");
  await again.shows("> first");
});

test("names are completed", async (t) => {
  const terminal = await prompt(t);
  terminal.type("string.for", "Tab");
  await terminal.shows("> string.format");
  terminal.type("('%d', 3)", "Enter");
  await terminal.shows(`"3"${PROMPT}`);
});

const APP = `local count = 0
function tick() count = count + 1 end
function slow() local n = 0 for i = 1, 1e6 do n = n + i end return n end
while true do tick() end
`;

test("a prompt in a running program sees its globals and changes it", async (t) => {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua");
  const terminal = await prompt(t, where, ["--attach", `${running.pid}`]);
  await ask(terminal, "type(tick)", '"function"');
  await ask(terminal, "added = 5");
  await ask(terminal, "added + 1", "6");
  terminal.type("nothing.there", "Enter");
  await terminal.shows(/attempt to index a nil value \(global 'nothing'\)[^]*\n>$/);
  await ask(terminal, "added", "5");
  terminal.type("", "C-d");
  await terminal.shows("[ended with 0]");
  assert.equal(running.code, undefined, "the program goes on");
});

test("without a process the only program is taken", async (t) => {
  const where = project(t, { "app.lua": APP });
  await startLive(where, "app.lua");
  const terminal = await prompt(t, where, ["--attach"]);
  await ask(terminal, "type(slow)", '"function"');
});

test("a prompt in a program stops it, shows its stack and lets it go", async (t) => {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua");
  const terminal = await prompt(t, where, ["--attach", `${running.pid}`]);
  terminal.type(":pause", "Enter");
  await terminal.shows(/stopped at [^]*pause/);
  terminal.type(":stack", "Enter");
  await terminal.shows(/app\.lua:[24]/);
  terminal.type(":continue", "Enter");
  terminal.type(":status", "Enter");
  await terminal.shows(/the program runs/);
});

test("a file's changed functions are redefined from the prompt", async (t) => {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua");
  const terminal = await prompt(t, where, ["--attach", `${running.pid}`]);
  where.write({ "app.lua": APP.replace("return n end", "return 'new' end") });
  terminal.type(":redefine app.lua", "Enter");
  await terminal.shows(/slow[^]*\n>$/);
  await ask(terminal, "slow()", '"new"');
});

test("the end of the program ends the conversation", async (t) => {
  const where = project(t, { "app.lua": APP });
  const running = await startLive(where, "app.lua");
  const terminal = await prompt(t, where, ["--attach", `${running.pid}`]);
  running.child.kill("SIGKILL");
  await running.ended;
  terminal.type("1", "Enter");
  await terminal.shows(/\[ended with \d+\]$/);
});

test("attaching to nothing is an error", async (t) => {
  const terminal = await Terminal.open(project(t), ["repl", "--attach"]);
  await terminal.shows(/\[ended with 1\]$/);
});
