// The TextMate grammar in the engine of VS Code: which scope each piece of text gets.

const test = require("node:test");
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");

const FILE = path.join(__dirname, "../../../editors/vscode/syntaxes/lua.tmLanguage.json");

async function loadGrammar() {
  await oniguruma.loadWASM(fs.readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm")));
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(fs.readFileSync(FILE, "utf8"), FILE),
  });
  return registry.loadGrammar("source.lua");
}

const grammar = loadGrammar();

/** All tokens of a text: their text and their innermost scopes, without `source.lua`. */
async function tokens(text) {
  const found = [];
  let state = textmate.INITIAL;
  for (const line of text.split("\n")) {
    const result = (await grammar).tokenizeLine(line, state);
    state = result.ruleStack;
    for (const token of result.tokens) {
      const piece = line.slice(token.startIndex, token.endIndex).trim();
      if (piece !== "") {
        found.push([piece, token.scopes.slice(1).join(" ").replace(/\.lua\b/g, "")]);
      }
    }
  }
  return found;
}

/** Each expectation `text => scope` is looked for in order; the scope is the end of the token's. */
async function check(text, ...expectations) {
  const all = await tokens(text);
  let at = 0;
  for (const expectation of expectations) {
    const [piece, scope] = expectation.split(" => ");
    const index = all.findIndex(([found, scopes], i) => i >= at && found === piece && scopes.endsWith(scope));
    assert.notEqual(index, -1, `${expectation}\nin ${JSON.stringify(all.slice(at))}`);
    at = index + 1;
  }
}

test("comments of every kind", async () => {
  await check("#!/usr/bin/env perilune\nx", "#!/usr/bin/env perilune => comment.line.shebang", "x => variable.other");
  await check("x -- to the end", "x => variable.other", "to the end => comment.line.double-dash");
  await check("--[[ a\nb ]] x", "a => comment.block", "b => comment.block", "x => variable.other");
  await check("--[==[ a ]] ]=]\n]==] x", "a ]] ]=] => comment.block", "]==] => end", "x => variable.other");
  await check("--[ no block\nx", "[ no block => comment.line.double-dash", "x => variable.other");
  await check("y = 1\n#x", "# => keyword.operator.length");
});

test("long strings end at their own level", async () => {
  await check("s = [[a\nb]] c", "a => string.quoted.other.multiline", "b => string.quoted.other.multiline", "c => variable.other");
  await check("s = [=[a ]] b]=] c", "a ]] b => string.quoted.other.multiline", "c => variable.other");
  await check("s = [===[a\n]==] b\n]===] c", "]==] b => string.quoted.other.multiline", "c => variable.other");
  await check("t[u[1]]", "t => variable.other", "u => variable.other", "1 => constant.numeric.decimal");
  await check("s = [[\\n]]", "\\n => string.quoted.other.multiline");
});

test("escapes of short strings", async () => {
  for (const escape of ["\\n", "\\\\", '\\"', "\\'", "\\065", "\\7", "\\xAf", "\\u{48}", "\\u{7FFFFFFF}"]) {
    await check(`"a${escape}b" c`, "a => string.quoted.double", `${escape} => constant.character.escape`, "b => string.quoted.double", "c => variable.other");
  }
  for (const wrong of ["\\q", "\\xg", "\\u{g"]) {
    await check(`'a${wrong}' c`, `${wrong.replace(/g$/, "")} => invalid.illegal.escape`, "c => variable.other");
  }
});

test("a short string goes on only after a backslash", async () => {
  await check('"a\\\nb" c', "b => string.quoted.double", "c => variable.other");
  await check('"a\\z\n\n  b" c', "b => string.quoted.double", "c => variable.other");
  await check('"a\nb', "a => string.quoted.double", "b => variable.other");
});

test("numbers", async () => {
  for (const number of ["3", "345", "0xff", "0xBEBADA", "0X1p4", "0x.1", "0xA.", "0x0.1E", "0xA23p-4", "0X1.921FB54442D18P+1"]) {
    await check(`x = ${number}`, `${number} => constant.numeric.${/x/i.test(number) ? "hexadecimal" : "decimal"}`);
  }
  for (const number of ["3.0", "3.1416", "314.16e-2", "0.31416E1", "34e1", ".5", "5.", "3e+9"]) {
    await check(`x = ${number}`, `${number} => constant.numeric.decimal`);
  }
  for (const wrong of ["3x", "0x", "0xg", "1..2", "1e", "0x1p", "1.2.3"]) {
    await check(`x = ${wrong}`, `${wrong} => invalid.illegal.number`);
  }
  await check("a1 = b2", "a1 => variable.other", "b2 => variable.other");
  await check("x = a ..1", ".. => keyword.operator.concatenation", "1 => constant.numeric.decimal");
});

test("goto and labels", async () => {
  await check("goto continue", "goto => keyword.control.goto", "continue => entity.name.label");
  await check("::continue::", ":: => punctuation.definition.label", "continue => entity.name.label");
});

test("attributes of locals", async () => {
  await check("local x <const>, y <close> = 1", "local => storage.type.local", "const => storage.modifier.attribute", "close => storage.modifier.attribute");
  await check("x = a < const", "< => keyword.operator.comparison", "const => variable.other");
});

test("definitions of functions", async () => {
  await check(
    "function M.a:go(x, ...) return x end",
    "function => keyword.declaration.function", "M => variable.other.object", "a => variable.other.object", "go => entity.name.function",
    "x => variable.parameter", "... => constant.language.varargs", "return => keyword.control", "x => variable.other", "end => keyword.control",
  );
  await check("local function f() end", "f => entity.name.function");
  await check("x = function(a) end", "function => keyword.declaration.function", "a => variable.parameter");
});

test("calls, fields and the library", async () => {
  await check("f(x)", "f => entity.name.function.call");
  await check("f'x'", "f => entity.name.function.call");
  await check("o:m{}", "o => variable.other", "m => entity.name.function.member");
  await check("o.a.b = 1", "a => variable.other.property", "b => variable.other.property");
  await check("print(1)", "print => support.function");
  await check("o.print(1)", "print => entity.name.function.member");
  await check("s = a..print(1)..nil", "print => support.function", "nil => constant.language");
  await check("string.format('')", "string => support.class", "format => entity.name.function.member");
});

test("operators", async () => {
  const operators = { "//": "arithmetic", "^": "arithmetic", "<<": "bitwise", ">>": "bitwise", "~": "bitwise", "~=": "comparison", "<=": "comparison", "..": "concatenation" };
  for (const [operator, kind] of Object.entries(operators)) {
    await check(`x = a ${operator} b`, `${operator} => keyword.operator.${kind}`);
  }
  await check("x = not a and b or ...", "not => keyword.operator.logical", "and => keyword.operator.logical", "... => constant.language.varargs");
});

test("words inside names are no keywords", async () => {
  await check("ending = format", "ending => variable.other", "format => variable.other");
});
