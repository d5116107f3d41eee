// What the language server says about files, without a running program.

const test = require("node:test");
const assert = require("node:assert");
const { project } = require("../support/program");
const { within } = require("../support/wait");
const { CAPABILITIES, connect } = require("./client");

const SHAPES = `local width = 1
local function area(height)
  return width * height
end
print(area(2))
`;

async function opened(t, text, capabilities) {
  const client = await connect(project(t), capabilities);
  await client.open("main.lua", text);
  return client;
}

const place = ({ start, end }) => `${start.line}:${start.character}-${end.line}:${end.character}`;

/** A text after edits, which are given in any order. */
function applied(text, edits) {
  const lines = text.split("\n");
  const offset = ({ line, character }) => lines.slice(0, line).reduce((sum, each) => sum + each.length + 1, character);
  const inOrder = [...edits].sort((a, b) => offset(b.range.start) - offset(a.range.start));
  return inOrder.reduce((all, { range, newText }) => all.slice(0, offset(range.start)) + newText + all.slice(offset(range.end)), text);
}

test("a client that says nothing of encodings counts in UTF-16", async (t) => {
  const client = await connect(project(t), {});
  assert.equal(client.offers.positionEncoding, "utf-16");
});

test("the client's first encoding is taken", async (t) => {
  const text = "local s, name = '🙂é', 1 print(name)\n";
  for (const [encoding, column] of [["utf-8", 34], ["utf-16", 31], ["utf-32", 30]]) {
    const capabilities = { ...CAPABILITIES, general: { positionEncodings: [encoding, "utf-16"] } };
    const client = await opened(t, text, capabilities);
    assert.equal(client.offers.positionEncoding, encoding);
    const [definition] = [await client.at("definition", "main.lua", 0, column)].flat();
    assert.equal(place(definition.range), "0:9-0:13", encoding);
    await client.end();
  }
});

test("diagnostics are pushed and follow the text", async (t) => {
  const client = await opened(t, "local x = )\nprint(1)\n");
  const first = (await client.diagnostics("main.lua")).find((each) => each.severity === 1);
  assert.equal(first.source, "perilune");
  await client.change("main.lua", "1", { start: { line: 0, character: 10 }, end: { line: 0, character: 11 } });
  const left = await client.diagnostics("main.lua");
  assert.deepEqual(left.filter((each) => each.severity === 1), []);
  assert.ok(left.some((each) => each.tags?.includes(1)), "an unused local is told as unnecessary");
});

test("diagnostics are pulled by a client that can, and then not pushed", async (t) => {
  const capabilities = structuredClone(CAPABILITIES);
  capabilities.textDocument.diagnostic = {};
  const client = await opened(t, "x = = 1\n", capabilities);
  const report = await client.about("diagnostic", "main.lua");
  assert.equal(report.kind, "full");
  assert.equal(report.items[0].range.start.line, 0);
  assert.equal(client.published.size, 0);
});

test("a global of one file is known in another", async (t) => {
  const client = await opened(t, "print(shared)\n");
  assert.match((await client.diagnostics("main.lua"))[0].message, /shared/);
  client.published.clear();
  await client.open("other.lua", "shared = 1\n");
  assert.deepEqual(await client.diagnostics("main.lua"), []);
});

test("symbols are nested", async (t) => {
  const client = await opened(t, "local M = {}\nfunction M.go()\n  local function inner() end\n  return inner\nend\nreturn M\n");
  const symbols = await client.about("documentSymbol", "main.lua");
  const outline = (list) => list.map(({ name, children }) => [name, ...outline(children ?? [])]).flat(Infinity);
  assert.ok(outline(symbols).includes("inner"), JSON.stringify(symbols));
  const go = symbols.flatMap((each) => [each, ...(each.children ?? [])]).find((each) => /go$/.test(each.name));
  assert.equal(go.range.start.line, 1);
  assert.equal(go.range.end.line, 4);
});

test("definition, references and highlight agree", async (t) => {
  const client = await opened(t, SHAPES);
  const [definition] = [await client.at("definition", "main.lua", 2, 10)].flat();
  assert.equal(place(definition.range), "0:6-0:11");
  const all = await client.at("references", "main.lua", 0, 7, { context: { includeDeclaration: true } });
  assert.deepEqual(all.map((each) => place(each.range)).sort(), ["0:6-0:11", "2:9-2:14"]);
  const uses = await client.at("references", "main.lua", 0, 7, { context: { includeDeclaration: false } });
  assert.deepEqual(uses.map((each) => place(each.range)), ["2:9-2:14"]);
  const highlights = await client.at("documentHighlight", "main.lua", 0, 7);
  assert.deepEqual(highlights.map((each) => place(each.range)).sort(), ["0:6-0:11", "2:9-2:14"]);
});

test("rename changes every use and nothing else", async (t) => {
  const client = await opened(t, SHAPES);
  const prepared = await client.at("prepareRename", "main.lua", 1, 16);
  assert.equal(place(prepared.range ?? prepared), "1:15-1:19");
  const edit = await client.at("rename", "main.lua", 1, 16, { newName: "surface" });
  const edits = edit.changes?.[client.uri("main.lua")] ?? edit.documentChanges.flatMap((each) => each.edits);
  assert.equal(applied(SHAPES, edits), SHAPES.replaceAll("area", "surface"));
});

test("a rename to what is no name is refused", async (t) => {
  const client = await opened(t, SHAPES);
  for (const newName of ["end", "2x", "a b", ""]) {
    await assert.rejects(client.at("rename", "main.lua", 0, 7, { newName }), newName);
  }
});

test("hover tells what a name is", async (t) => {
  const client = await opened(t, SHAPES);
  const hover = await client.at("hover", "main.lua", 4, 7);
  assert.match(hover.contents.value, /area/);
  assert.equal(await client.at("hover", "main.lua", 2, 3), null);
});

test("completion offers what is in scope, and fields of the library", async (t) => {
  const client = await opened(t, "local width, height = 1, 2\nprint(wi)\nstring.fo()\n");
  const labels = async (line, character) => {
    const answer = await client.at("completion", "main.lua", line, character);
    return (answer.items ?? answer).map((item) => item.label);
  };
  assert.ok((await labels(1, 8)).includes("width"));
  const fields = await labels(2, 9);
  assert.ok(fields.includes("format"));
  assert.ok(!fields.includes("width"));
});

test("semantic tokens cover the names", async (t) => {
  const client = await opened(t, SHAPES);
  const { tokenTypes, tokenModifiers } = client.offers.semanticTokensProvider.legend;
  const { data } = await client.about("semanticTokens/full", "main.lua");
  const lines = SHAPES.split("\n");
  const found = [];
  for (let i = 0, line = 0, start = 0; i < data.length; i += 5) {
    start = data[i] === 0 ? start + data[i + 1] : data[i + 1];
    line += data[i];
    const modifiers = tokenModifiers.filter((_, bit) => data[i + 4] & (1 << bit));
    found.push([lines[line].slice(start, start + data[i + 2]), tokenTypes[data[i + 3]], ...modifiers].join(" "));
  }
  for (const wanted of ["width variable declaration", "area function declaration", "height parameter", "area function"]) {
    assert.ok(found.includes(wanted), `${wanted} in ${found}`);
  }
  assert.ok(found.some((each) => /^print .*defaultLibrary/.test(each)), `print in ${found}`);
});

test("blocks, tables and comments fold", async (t) => {
  const client = await opened(t, "--[[\na\n]]\nlocal t = {\n  1,\n}\nif t then\n  print(t)\nend\n");
  const ranges = await client.about("foldingRange", "main.lua");
  const starts = ranges.map((each) => each.startLine);
  assert.deepEqual([0, 3, 6].filter((line) => !starts.includes(line)), []);
});

test("requests about a file that is not open are answered", async (t) => {
  const client = await connect(project(t));
  assert.equal(await client.at("hover", "nowhere.lua", 0, 0), null);
  assert.equal(await client.at("definition", "nowhere.lua", 9, 9), null);
});

test("places outside of the text are answered", async (t) => {
  const client = await opened(t, SHAPES);
  for (const [line, character] of [[0, 4000], [4000, 0], [4294967295, 4294967295]]) {
    await client.at("hover", "main.lua", line, character);
    await client.at("definition", "main.lua", line, character);
  }
});

test("many edits without waiting arrive in their order", async (t) => {
  const client = await opened(t, "");
  const text = "local s = '" + "é🙂".repeat(100) + "'\nprint(s)\n";
  let character = 0;
  for (const letter of text.split("\n")[0]) {
    const at = { line: 0, character };
    client.change("main.lua", letter, { start: at, end: at });
    character += letter.length;
  }
  const end = { line: 0, character };
  await client.change("main.lua", "\nprint(s)\n", { start: end, end });
  assert.deepEqual(await client.diagnostics("main.lua"), []);
  const [definition] = [await client.at("definition", "main.lua", 1, 6)].flat();
  assert.equal(place(definition.range), "0:6-0:7");
});

test("shutdown and exit end the server with code 0, exit alone with 1", async (t) => {
  assert.equal(await (await connect(project(t))).end(), 0);
  const rude = await connect(project(t));
  await rude.notify("exit");
  assert.equal(await within("the end of the server", rude.ended), 1);
});

test("a client that hangs up ends the server", async (t) => {
  const client = await connect(project(t));
  client.child.stdin.end();
  await within("the end of the server", client.ended);
});
