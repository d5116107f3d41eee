-- Loading: load, dofile, require, and syntax errors (manual 3.1 to 3.3, 6.1, 6.3).
local n = 0
local function check(name, ok, ...) n = n + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end
local function same(name, got, want)
  local shown = (type(got) == "table" or type(got) == "function") and type(got) or got
  check(name, got == want and math.type(got) == math.type(want), shown)
end
local function fails(name, text, f, ...)
  local ok, message = pcall(f, ...)
  check(name, not ok and tostring(message):find(text, 1, true) ~= nil, message)
end

-- Syntax errors: the code, and the message.
for _, row in ipairs {
  { "x =", "unexpected symbol near <eof>" }, { "x = = 1", "unexpected symbol near '='" }, { "local 1", "<name> expected near '1'" }, { "if x", "'then' expected near <eof>" }, { "if x then", "'end' expected near <eof>" }, { "while true do", "'end' expected near <eof>" },
  { "if x then\n\n", "'end' expected (to close 'if' at line 1) near <eof>" }, { "for i = 1 do end", "',' expected near 'do'" }, { "for i do end", "'=' or 'in' expected near 'do'" }, { "for 1 = 1, 2 do end", "<name> expected near '1'" },
  { "repeat x = 1", "'until' expected near <eof>" }, { "f(", "unexpected symbol near <eof>" }, { "f(1", "')' expected near <eof>" }, { "f\n(1\n", "')' expected (to close '(' at line 2) near <eof>" }, { "t = {1, 2", "'}' expected near <eof>" }, { "t = {\n1\n", "'}' expected (to close '{' at line 1) near <eof>" },
  { "return return", "unexpected symbol near 'return'" }, { "return 1 2", "<eof> expected near '2'" }, { "x", "syntax error near <eof>" }, { "x.y", "syntax error near <eof>" }, { "x + 1", "syntax error near '+'" }, { "1 = x", "unexpected symbol near '1'" }, { "f() = 1", "syntax error near '='" }, { "(x) = 1", "" }, { "a, f() = 1, 2", "syntax error near '='" },
  { "end", "<eof> expected near 'end'" }, { "else", "<eof> expected near 'else'" }, { "break", "break outside loop at line 1" }, { "goto nowhere", "no visible label 'nowhere' for <goto> at line 1" }, { "::a:: ::a::", "label 'a' already defined on line 1" },
  { "goto l; local a; ::l:: print(a)", "<goto l> at line 1 jumps into the scope of local 'a'" }, { "do ::in_block:: end goto in_block", "no visible label" }, { "function f() break end", "break outside loop" },
  { "local x <const> = 1; x = 2", "attempt to assign to const variable 'x'" }, { "local x <close> = nil; x = 2", "attempt to assign to const variable 'x'" }, { "local x <odd> = 1", "unknown attribute 'odd'" }, { "local a <close>, b <close> = 1, 2", "multiple to-be-closed variables in local list" },
  { "local x <const> = 1; function f() x = 2 end", "attempt to assign to const variable 'x'" }, { "function f(a, a.b) end", "')' expected near '.'" }, { "function f(..., a) end", "')' expected near ','" }, { "function f() return ... end", "cannot use '...' outside a vararg function near '...'" },
  { "x = }", "unexpected symbol near '}'" }, { "x = 3x", "malformed number near '3x'" }, { "x = 0x", "malformed number near '0x'" }, { "x = 1e", "malformed number near '1e'" }, { "x = 1..2", "malformed number near '1..2'" }, { "x = 0xg", "malformed number near '0xg'" }, { "x = 3.4.5", "malformed number near '3.4.5'" },
  { "x = @", "unexpected symbol near '@'" }, { "x = !1", "unexpected symbol near '!'" }, { "x = a b", "syntax error near <eof>" }, { "x ~ = 1", "syntax error near '~'" }, { "x != 1", "syntax error near '!'" }, { "\1", "unexpected symbol near '<\\1>'" }, { "local function 1", "<name> expected near '1'" },
  { "local function t.x() end", "'(' expected near '.'" }, { "function t:x.y() end", "'(' expected near '.'" }, { "x = function", "'(' expected near <eof>" }, { "x:y", "function arguments expected near <eof>" }, { "x = {a = }", "unexpected symbol near '}'" }, { "x = {[1] 2}", "'=' expected near '2'" }, { "local and = 1", "<name> expected near 'and'" },
  { "x = 'a", "unfinished string near <eof>" }, { "\n\nx = ", "chunk:3:" }, { "x = nil.y", "" }, { "::1::", "<name> expected near '1'" }, { "goto 1", "<name> expected near '1'" }, { "return;;", "<eof> expected near ';'" }, { "for a, b = 1, 2 do end", "'in' expected near '='" }, { "x = a..", "unexpected symbol near <eof>" },
  { "local " .. ("a,"):rep(250) .. "a", "too many local variables" },
} do
  local f, m = load(row[1], "=chunk")
  check("syntax " .. row[1]:sub(1, 40):gsub("%c", "?"), f == nil and m:find(row[2], 1, true) ~= nil, m)
end
-- Programs that are right, if unusual.
for _, row in ipairs {
  { ";;; return 1", 1 }, { "return(1)", 1 }, { "do end return 2", 2 }, { "local function f() end return f()", nil }, { "return--[[x]]3", 3 }, { "return--[==[x]]\n]==]4", 4 }, { "--x\nreturn 5", 5 }, { "#!shebang is for files", false }, { "return 0xA", 10 }, { "return 1//1", 1 }, { "local a<const>=6 return a", false }, { "local a<const> =6 return a", 6 },
  { "return {f=1;g=2,}.g", false }, { "return ({f=1;g=2,}).g", 2 }, { "return #'x'..'y'", "1y" }, { "goto e; do return 1 end ::e:: return 7", 7 }, { "return (function(...) return select('#', ...) end)(nil, nil)", 2 }, { "a = 1 b = 2 return a + b", 3 }, { "local t = {} t.x, t.y = 1, 2 return t.x + t.y", 3 },
  { "return ('x'):rep(2)", "xx" }, { "return - -1", 1 }, { "return not not nil", false, true }, { "local \228 = 1", false }, { "return 'a\\z   b'", "ab" }, { "return 1 --", 1 }, { "while true do if 1 then break end end return 8", 8 }, { "repeat local x = 9 until x == 9 return 9", 9 }, { "::a:: do ::a2:: end return 1", 1 },
} do
  local f = load(row[1], "=chunk", "t", setmetatable({}, { __index = _G }))
  if row[2] == false and not row[3] then check("rejected " .. row[1]:gsub("[^ -~]", "?"), f == nil) else same("accepted " .. row[1]:gsub("%c", "?"), f and f(), row[2]) end
end
-- load
same("text chunk", load("return ...")(7), 7)
do
  local parts, i = { "return ", "1", " + 2" }, 0
  same("reader", load(function() i = i + 1 return parts[i] end)(), 3)
  same("empty piece ends", load((function() local k = 0; return function() k = k + 1; return ({ "return 1", "", " + 1" })[k] end end)())(), 1)
  check("reader gives no string", select(2, load(function() return 1 == 1 end)):find("reader function must return a string", 1, true) ~= nil)
  check("error in the reader", not pcall(load(function() error("inside", 0) end) or error))
  local env = {}
  load("x = 1", "c", "t", env)()
  same("environment", env.x, 1)
  same("no environment", pcall(load("x = 1", "c", "t", nil)), false)
  check("mode t rejects binary", select(2, load(string.dump(function() end), "c", "t")):find("attempt to load a binary chunk (mode is 't')", 1, true) ~= nil)
  check("mode b rejects text", select(2, load("return 1", "c", "b")):find("attempt to load a text chunk (mode is 'b')", 1, true) ~= nil)
  for _, row in ipairs { { "=name", "name:1:" }, { "@file.lua", "file.lua:1:" }, { "x = = 1", '[string "x = = 1"]:1:' }, { "a\nb", '[string "a..."]:1:' }, { ("y"):rep(100), '[string "' }, { "=" .. ("z"):rep(100), "zzz" }, { "@" .. ("w"):rep(100), "...www" } } do
    local _, m = load("x = = 1", row[1])
    check("chunk name " .. row[1]:sub(1, 10):gsub("\n", "?"), m:sub(1, #row[2]) == row[2], m)
  end
  fails("load needs text", "bad argument #1 to 'load'", load, 5 == 5)
  check("truncated binary", load(string.dump(function() return 1 end):sub(1, 20), "c") == nil)
end
-- Files.
do
  local name = os.tmpname()
  local function write(text) local f = io.open(name, "w"); f:write(text); f:close() end
  write("#!/usr/bin/lua\nreturn 1, ...")
  same("loadfile skips the first line", select(2, loadfile(name)("x")), "x")
  same("dofile", (dofile(name)), 1)
  write("\xEF\xBB\xBFreturn 2")
  same("byte order mark", dofile(name), 2)
  write("x = 1\nerror('at')")
  check("error position", select(2, pcall(dofile, name)):sub(-6) == ":2: at")
  write("x = = 1")
  check("syntax error in a file", select(2, loadfile(name)):find(":1: unexpected symbol near '='", 1, true) ~= nil)
  write("y = 5")
  local env = {}
  loadfile(name, "t", env)()
  same("loadfile environment", env.y, 5)
  os.remove(name)
  check("missing file", select(2, loadfile("no/such/file.lua")) ~= nil, (select(2, loadfile("no/such/file.lua"))))
  fails("dofile missing", "cannot open no/such/file.lua", dofile, "no/such/file.lua")
end
-- require and package
do
  package.preload.made = function(...) return { args = select("#", ...), name = (...), extra = select(2, ...) } end
  local m, extra = require "made"
  same("preload name", m.name, "made")
  same("preload argument", m.extra, ":preload:")
  same("loader data", extra, ":preload:")
  check("loaded once", require "made" == m)
  package.preload.silent = function() end
  same("module without value", require "silent", true)
  package.preload.own = function() package.loaded.own = "set" end
  same("module that sets itself", require "own", "set")
  package.preload.wrong = function() error("inside", 0) end
  fails("error in a module", "inside", require, "wrong")
  fails("module not found", "module 'no.such.module' not found:\n\tno field package.preload['no.such.module']\n\tno file '", require, "no.such.module")
  local name = os.tmpname()
  local folder, file = name:match("^(.*)/(.-)$")
  local f = io.open(name .. ".lua", "w"); f:write("return { path = select(2, ...), name = ... }"); f:close()
  local saved = package.path
  package.path = folder .. "/?.lua"
  local got = require(file)
  check("found on the path", got.path == name .. ".lua" and got.name == file)
  check("searchpath", package.searchpath(file, package.path) == name .. ".lua")
  same("searchpath replaces dots", select(2, package.searchpath("a.b", "./?.x;?.y")), "no file './a/b.x'\n\tno file 'a/b.y'")
  same("searchpath separator", select(2, package.searchpath("a-b", "?.x", "-", "+")), "no file 'a+b.x'")
  package.path = saved
  os.remove(name .. ".lua"); os.remove(name)
  table.insert(package.searchers, 2, function(k) if k == "magic" then return function(a, b) return a .. b end, "!" end return "\n\tno magic" end)
  same("own searcher", require "magic", "magic!")
  fails("searcher's message", "no magic", require, "not.magic")
  table.remove(package.searchers, 2)
  same("config", package.config:sub(1, 1), "/")
  check("standard modules", package.loaded.string == string and package.loaded._G == _G and require "math" == math)
  local searchers = package.searchers
  package.searchers = nil
  fails("searchers must be a table", "'package.searchers' must be a table", require, "anything")
  package.searchers = searchers
  same("version", _VERSION, "Lua 5.4")
  check("global table", _G._G == _G)
end

print("checks", n)
