-- Errors: values, levels, handlers, names in messages (manual 2.3, 6.1).
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

-- Each row: code, and the message after the position.
local function message(code, ...)
  local f, e = load(code, "=chunk")
  if not f then return "syntax: " .. e end
  local ok, m = pcall(f, ...)
  return m
end
global_number = 5
for _, row in ipairs {
  { "local x; x.y = 1", "chunk:1: attempt to index a nil value (local 'x')" },
  { "local x; return x.y", "chunk:1: attempt to index a nil value (local 'x')" },
  { "return undefined.y", "chunk:1: attempt to index a nil value (global 'undefined')" },
  { "return string.nothing.y", "chunk:1: attempt to index a nil value (field 'nothing')" },
  { "local t = {}; return t.a.b.c", "chunk:1: attempt to index a nil value (field 'a')" },
  { "local t = {}; return t[1][2]", "chunk:1: attempt to index a nil value (field 'integer index')" },
  { "local t, k = {}, 'k'; return t[k].x", "chunk:1: attempt to index a nil value (field '?')" },
  { "local u; return (function() return u.x end)()", "chunk:1: attempt to index a nil value (upvalue 'u')" },
  { "local u; (function() u.x = 1 end)()", "chunk:1: attempt to index a nil value (upvalue 'u')" },
  { "undefined()", "chunk:1: attempt to call a nil value (global 'undefined')" },
  { "local f = 5; f()", "chunk:1: attempt to call a number value (local 'f')" },
  { "string.nothing()", "chunk:1: attempt to call a nil value (field 'nothing')" },
  { "local s = 'x'; s:nothing()", "chunk:1: attempt to call a nil value (method 'nothing')" },
  { "('x')()", "chunk:1: attempt to call a string value" },
  { "local t = {}; t.f.g()", "chunk:1: attempt to index a nil value (field 'f')" },
  { "local t = {}; t:m()", "chunk:1: attempt to call a nil value (method 'm')" },
  { "return (1)()", "chunk:1: attempt to call a number value" },
  { "local a; return a + 1", "chunk:1: attempt to perform arithmetic on a nil value (local 'a')" },
  { "local a = {}; return 1 + a", "chunk:1: attempt to perform arithmetic on a table value (local 'a')" },
  { "return undefined + 1", "chunk:1: attempt to perform arithmetic on a nil value (global 'undefined')" },
  { "local t = {}; return t.x * 2", "chunk:1: attempt to perform arithmetic on a nil value (field 'x')" },
  { "local a; return -a", "chunk:1: attempt to perform arithmetic on a nil value (local 'a')" },
  { "return 2 ^ {}", "chunk:1: attempt to perform arithmetic on a table value" },
  { "local a = 'x'; return a + 1", "chunk:1: attempt to add a 'string' with a 'number'" },
  { "return 'x' + 1", "chunk:1: attempt to add a 'string' with a 'number'" },
  { "local a; return a .. 'x'", "chunk:1: attempt to concatenate a nil value (local 'a')" },
  { "local a, b; return a .. b", "chunk:1: attempt to concatenate a nil value (local 'a')" },
  { "local a, b, c; return a .. b .. c", "chunk:1: attempt to concatenate a nil value (local 'b')" },
  { "local a, b, c = 1, {}, {}; return a .. b .. c", "chunk:1: attempt to concatenate a table value (local 'b')" },
  { "return 'x' .. undefined", "chunk:1: attempt to concatenate a nil value (global 'undefined')" },
  { "local t = {}; return 'x' .. t.f .. 'y'", "chunk:1: attempt to concatenate a nil value (field 'f')" },
  { "local a; return #a", "chunk:1: attempt to get length of a nil value (local 'a')" },
  { "return #global_number", "chunk:1: attempt to get length of a number value (global 'global_number')" },
  { "local a = {}; return a < 1", "chunk:1: attempt to compare table with number" },
  { "return 1 < 'x'", "chunk:1: attempt to compare number with string" },
  { "return {} <= {}", "chunk:1: attempt to compare two table values" },
  { "return nil > 1", "chunk:1: attempt to compare number with nil" },
  { "local a = 1.5; return a | 1", "chunk:1: number (local 'a') has no integer representation" },
  { "local a = {}; return a | 1", "chunk:1: attempt to perform bitwise operation on a table value (local 'a')" },
  { "local a = 'x'; return a & 1", "chunk:1: attempt to perform bitwise operation on a string value (local 'a')" },
  { "return 1 // 0", "chunk:1: attempt to divide by zero" },
  { "return 1 % 0", "chunk:1: attempt to perform 'n%0'" },
  { "local a\nlocal b = 1\nreturn a.x", "chunk:3: attempt to index a nil value (local 'a')" },
  { "local t = {}\nt.x =\n1 +\nnil", "chunk:3: attempt to perform arithmetic on a nil value" },
  { "local t = setmetatable({}, {__index = function(t, k) return k.x.y end}); return t.a", "chunk:1: attempt to index a nil value (field 'x')" },
  { "error('m')", "chunk:1: m" }, { "error('m', 0)", "m" }, { "error('m', 1)", "chunk:1: m" },
  { "local function f() error('m', 2) end\nf()", "chunk:2: m" },
  { "local function f() error('m', 2) end\nlocal function g()\nf() end\ng()", "chunk:3: m" },
  { "error(5)", 5 }, { "error(nil)", nil }, { "error()", nil }, { "error(true)", true },
  { "assert(false)", "assertion failed!" }, { "assert(nil, 'why')", "why" }, { "assert(false, 7)", 7 },
  { "assert()", "bad argument #1 to 'assert' (value expected)" },
  { "string.rep()", "bad argument #1 to 'rep' (string expected, got no value)" },
  { "('x'):rep({})", "bad argument #1 to 'rep' (number expected, got table)" },
  { "('x'):rep(1.5)", "bad argument #1 to 'rep' (number has no integer representation)" },
  { "string.rep('x', 'y')", "bad argument #2 to 'rep' (number expected, got string)" },
  { "setmetatable(1)", "bad argument #1 to 'setmetatable' (table expected, got number)" },
  { "ipairs()", "bad argument #1 to 'ipairs' (value expected)" },
  { "for k in pairs(nil) do end", "bad argument #1 to 'for iterator' (table expected, got nil)" },
  { "next({}, 'x')", "invalid key to 'next'" },
  { "math.floor('x')", "bad argument #1 to 'floor' (number expected, got string)" },
  { "local m = math; m.floor({})", "bad argument #1 to 'floor' (number expected, got table)" },
  { "io.open('x', 'bad')", "bad argument #2 to 'open' (invalid mode)" },
  { "getmetatable()", "bad argument #1 to 'getmetatable' (value expected)" },
  { "type()", "bad argument #1 to 'type' (value expected)" },
  { "string.bad()", "chunk:1: attempt to call a nil value (field 'bad')" },
  { "for i = 1, 10, 0 do end", "chunk:1: 'for' step is zero" },
  { "local a <const> = nil; return a.b", "chunk:1: attempt to index a nil value" },
  { "local t = {}; t[nil] = 1", "chunk:1: table index is nil" },
  { "local t = {}; t[0/0] = 1", "chunk:1: table index is NaN" },
  { "rawset({}, nil, 1)", "table index is nil" },
  { "return ('x').y.z", "chunk:1: attempt to index a nil value (field 'y')" },
  { "return math.huge // 0 | 1", "chunk:1: number has no integer representation" },
} do
  local m = message(row[1])
  local want = row[2]
  local plain = type(m) == "string" and type(want) == "string" and (m == want or m == "chunk:1: " .. want or m:sub(1, #want) == want)
  check(row[1]:gsub("\n", "\\n"), m == want or plain, m)
end

-- pcall and xpcall.
do
  local t = {}
  local ok, e = pcall(error, t)
  check("error object keeps its identity", not ok and e == t)
  check("pcall returns all", select("#", pcall(function() return 1, nil, nil end)) == 4)
  check("pcall of no function", select(2, pcall(5)) == "attempt to call a number value", (select(2, pcall(5))))
  fails("pcall without argument", "bad argument #1 to 'pcall' (value expected)", pcall)
  local _, m = xpcall(function() error("x", 0) end, function(m) return m .. "!" end)
  same("handler result", m, "x!")
  _, m = xpcall(function() local a; a() end, function(m) return (m:gsub("^.-:%d+: ", "")) end)
  same("handler sees runtime errors", m, "attempt to call a nil value (local 'a')")
  same("xpcall success", select(2, xpcall(function(...) return select("#", ...) end, print, 1, 2, 3)), 3)
  local depth
  xpcall(function() local x <const> = 1; error("x") end, function() depth = debug.traceback("tb", 1):find("in function <errors.lua:", 1, true) ~= nil end)
  check("handler runs on the stack of the error", depth)
  _, m = xpcall(error, function() error("again", 0) end, "x")
  check("error in the handler", type(m) == "string" or m == nil)
  fails("xpcall needs a handler", "bad argument #2 to 'xpcall' (function expected, got no value)", xpcall, print)
  local function loop() return 1 + loop() end
  local ok2, so = pcall(loop)
  check("stack overflow", not ok2 and so:find("stack overflow", 1, true) ~= nil)
  local ok3, so3 = pcall(function() local function f(...) return pcall(f, ...) end return f() end)
  check("pcall recursion ends", ok3 ~= nil)
  local mt = setmetatable({}, { __index = function(s, k) return s[k .. "x"] end })
  ok2, so = pcall(function() return mt.a end)
  check("metamethod recursion ends", not ok2 and tostring(so):find("overflow", 1, true) ~= nil)
  local ok4, back = pcall(string.rep, "x", -1)
  check("still works", ok4 and back == "")
  local ok5, m5 = pcall(string.rep, "x", 1 << 60)
  check("result too large", not ok5, m5)
  same("error in deep pcalls", select(4, pcall(pcall, pcall, error, "e")), "e")
  local levels = {}
  local function level(k) error("at", k) end
  local function caller(k) level(k) end
  for k = 1, 3 do levels[k] = select(2, pcall(caller, k)):match(":(%d+):") or "none" end
  check("levels differ", levels[1] ~= levels[2], levels[2] - levels[1])
end

-- Tracebacks.
do
  local function inner() return debug.traceback("msg") .. "" end
  local tb = inner()
  local lines = {}
  for line in tb:gmatch("[^\n]+") do lines[#lines + 1] = line end
  same("message first", lines[1], "msg")
  same("then the header", lines[2], "stack traceback:")
  check("local function", lines[3]:match("^\terrors%.lua:%d+: in local 'inner'$") ~= nil, lines[3])
  check("main chunk", lines[4]:match("^\terrors%.lua:%d+: in main chunk$") ~= nil, lines[4])
  same("the host", lines[5], "\t[C]: in ?")
  same("not a string", debug.traceback(12.5), "12.5\nstack traceback:\n" .. debug.traceback(""):gsub("^\nstack traceback:\n", ""))
  local t = {}
  same("object comes back", debug.traceback(t), t)
  same("nil message", debug.traceback(nil):sub(1, 16), "stack traceback:")
  function global_function() return (debug.traceback("g")) end
  check("global function", global_function():find("in function 'global_function'", 1, true) ~= nil)
  local o = {}
  function o.field() return (debug.traceback("g")) end
  function o:method() return (debug.traceback("g")) end
  check("field", o.field():match("in (%l+ 'field')") == "field 'field'" or o.field():match("in function") ~= nil, (o.field():match("in %l+ '[%w.]+'")))
  check("method", o:method():match("in (%l+ 'method')") == "method 'method'", (o:method():match("in %l+ '[%w.]+'")))
  check("library function", select(2, xpcall(string.rep, debug.traceback)):find("[C]: in function 'string.rep'", 1, true) ~= nil)
  local function tail() return debug.traceback("t") end
  local function starter() local r = tail(); return r end
  check("tail call", (function() return tail() end)():find("(...tail calls...)", 1, true) ~= nil)
  local co = coroutine.create(function() local function waits() coroutine.yield() end waits() end)
  coroutine.resume(co)
  local text = debug.traceback(co)
  check("of a coroutine", text:find("in function 'coroutine.yield'", 1, true) ~= nil and text:find("in local 'waits'", 1, true) ~= nil, text)
  same("of a coroutine with message and level", debug.traceback(co, "m", 1):match("^m\nstack traceback:\n\terrors%.lua") ~= nil, true)
  local function deep(k) if k == 0 then return debug.traceback("d") end return (deep(k - 1)) end
  check("long traces are cut", deep(50):find("\n\t...\t(skipping", 1, true) ~= nil)
end

-- A chain of concatenations is on the line of its last operator.
do
  fails("concat over lines", "4: attempt to concatenate a nil value (global 't')", load([[local f = function() return "a" ..
    "b"
    ..
    t ..
    "c" end
    return f]], "=x")())
end

do
  local two = load("local f = function(a, b) return a\n  < \n b\n end return f", "=x")()
  fails("comparison over lines", "x:3: attempt to compare two table values", two, {}, {})
  local three = load("local f = function(a) return a >\n function()\n end\n end return f", "=x")()
  fails("comparison with a long operand", "x:3: attempt to compare function with number", three, 1)
  local name = load("local f = function() return {} & 'a\\0b' end return f", "=x")()
  fails("a name ends at a NUL", "x:1: attempt to perform bitwise operation on a table value", name)
  name = load("local f = function() return 1 & 'a\\0b' end return f", "=x")()
  fails("a constant's name ends at a NUL", "x:1: attempt to perform bitwise operation on a string value (constant 'a')", name)
end

-- The library's own variables have no names.
do
  local broken = setmetatable({}, { __index = 5, __len = function() return 3 end })
  local function plain(name, f, ...)
    local ok, message = pcall(f, ...)
    check(name, not ok and not message:find("local", 1, true), message)
  end
  plain("ipairs over a broken table", function() for _ in ipairs(broken) do end end)
  plain("concat of a broken table", table.concat, broken)
  plain("unpack of a broken table", table.unpack, broken)
  plain("sort of a broken table", table.sort, broken)
  plain("remove from a broken table", table.remove, broken)
  plain("sort with a broken order", table.sort, { 3, {}, 1 })
end

-- The line of an error that PUC Lua finds when it has read the next token.
for _, row in ipairs {
  { "::l::\n::l::", "chunk:2: label 'l' already defined on line 2" },
  { "::l::\n::m::\n::l\n::\n;;\nx = 1", "chunk:6: label 'l' already defined on line 3" },
  { "::l\n:: x = 1 ::\nl::\nx = 1", "chunk:4: label 'l' already defined on line 1" },
  { "goto l; ::l::\ndo ::l:: end", "chunk:2: label 'l' already defined on line 1" },
  { "goto l\nlocal a\n::l::\n;;\nprint(a)", "chunk:5: <goto l> at line 1 jumps into the scope of local 'a'" },
  { "repeat\ngoto l\nlocal a\n::l::\nuntil a", "chunk:5: <goto l> at line 2 jumps into the scope of local 'a'" },
  { "local x <const> = 1\nx\n=\n2", "chunk:3: attempt to assign to const variable 'x'" },
  { "local x <const> = 1\nfunction x()\nend\n\nx = 2", "chunk:5: attempt to assign to const variable 'x'" },
  { ("local a\n"):rep(201), "chunk:202: too many local variables (limit is 200) in main function near <eof>" },
  { "local a" .. (",a"):rep(200) .. "\n= 1", "chunk:2: too many local variables (limit is 200) in main function near '='" },
  { ("local a\n"):rep(198) .. "for\ni\n=\n1, 2 do end", "chunk:201: too many local variables (limit is 200) in main function near '='" },
  { ("local a\n"):rep(197) .. "for i\nin\nnext do end", "chunk:199: too many local variables (limit is 200) in main function near 'in'" },
  { "local a" .. (",a"):rep(200) .. "\n= (", "chunk:2: too many local variables (limit is 200) in main function near '='" },
  { "local x <const> = 1\nx = 2\nif", "chunk:2: attempt to assign to const variable 'x'" },
  { "local x <const> = 1\nx = 2 +", "chunk:2: attempt to assign to const variable 'x'" },
  { "function f() goto a end\n)", "chunk:2: no visible label 'a' for <goto> at line 1" },
  { "function f() goto a\n)", "chunk:2: unexpected symbol near ')'" },
  { "return function()\nlocal a" .. (",a"):rep(200) .. " end", "chunk:2: too many local variables (limit is 200) in function at line 1 near 'end'" },
} do
  local got = message(row[1]):gsub("^syntax: ", "")
  check("place of " .. row[2], got == row[2], got)
end

-- A function of a module is known by the module's name, whoever calls it.
for _, row in ipairs {
  { "table.sort({1, 2, 3}, table.sort)", "bad argument #1 to 'table.sort' (table expected, got number)" },
  { "table.insert(setmetatable({}, { __len = string.rep }), 1)", "bad argument #1 to 'string.rep' (string expected, got table)" },
  { "table.unpack(setmetatable({}, { __index = string.rep }), 1, 2)", "bad argument #1 to 'string.rep' (string expected, got table)" },
  { "string.gsub('x', 'x', setmetatable({}, { __index = string.rep }))", "bad argument #1 to 'string.rep' (string expected, got table)" },
} do
  local got = message(row[1])
  check("named by module: " .. row[1], got == row[2], got)
end
do
  local ok, got = pcall(function() coroutine.yield() end)
  check("yield outside a coroutine has no position", got == "attempt to yield from outside a coroutine", got)
end

print("checks", n)
