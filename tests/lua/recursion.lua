-- Runaway recursion of every kind ends in an error, quickly (manual 2.3; limits of the reference).
-- torture: 2000
local n = 0
local function check(name, ok, ...) n = n + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end

-- The end of a message: what comes before repeats the position at every level.
local function tail(message) return type(message) == "string" and message:sub(-24) or type(message) end
local function bounded(name, f, ...)
  local ok, message = pcall(f, ...)
  local text = tostring(message)
  local known = text:find("stack overflow", 1, true) or text:find("error in error handling", 1, true)
  check(name, not ok and known ~= nil, tail(message))
end
-- The same where engines differ in which of their limits is met first.
local function bounded_somehow(name, f)
  local ok, message = pcall(f)
  check(name, not ok and tostring(message):find("stack overflow", 1, true) ~= nil)
end
local function fails(name, text, f, ...)
  local ok, message = pcall(f, ...)
  check(name, not ok and tostring(message):find(text, 1, true) ~= nil, tail(message))
end
local function meta(event, f) return setmetatable({}, { [event] = f }) end

-- Lua functions.
local function down(i) return 1 + down(i + 1) end
bounded("call", down, 1)
local function even(i) return (1 + (function(j) return even(j) end)(i)) end
bounded("mutual call", even, 1)
local function spread(...) return (select("#", spread(1, ...))) end
bounded("varargs that grow", spread)
local object = {}
function object:go() return self:go() + 1 end
bounded("method", object.go, object)
bounded("load", function() local f; f = load "local f = ...; return 1 + f(f)"; return f(f) end)

-- Functions that call back.
local f
f = function() return (pcall(error, f()) ) end
bounded("arguments", f)
f = function() local ok, m = pcall(f); if not ok then error(m, 0) end end
bounded("pcall that passes the error on", f)
f = function() local ok, m = xpcall(f, function(e) return e end); if not ok then error(m, 0) end end
bounded("xpcall that passes the error on", f)
f = function() table.sort({ 1, 2, 3 }, f) end
bounded_somehow("sort", f)
f = function() string.gsub("a", ".", f) end
bounded("gsub with a function", f)
local t = meta("__index", function() string.gsub("a", ".", f) end)
f = function() string.gsub("a", ".", t) end
t = meta("__index", f)
bounded("gsub with a table", f)
f = function() assert(load(f)) end
bounded("load with a reader", f)
f = function() tostring(meta("__tostring", f)) end
bounded("tostring", f)
f = function() return string.format("%s", meta("__tostring", f)) end
bounded("format", f)
f = function() return (table.concat(setmetatable({}, { __index = f, __len = function() return 1 end }))) end
bounded("concat", f)
f = function() table.insert(setmetatable({}, { __len = f }), 1) end
bounded("insert", f)
f = function() table.unpack(setmetatable({}, { __index = f }), 1, 1) end
bounded("unpack", f)
f = function() for _ in pairs(meta("__pairs", f)) do end end
bounded("pairs", f)
package.preload.endless = function() package.loaded.endless = nil; return require "endless" end
bounded("require", require, "endless")

-- Metamethods.
local binary = {
  __add = "a + a", __sub = "a - a", __mul = "a * a", __div = "a / a", __mod = "a % a", __pow = "a ^ a", __unm = "-a",
  __idiv = "a // a", __band = "a & a", __shl = "a << a", __bnot = "~a", __concat = "a .. a", __len = "#a", __eq = "a == b",
  __lt = "a < a", __le = "a <= a", __index = "a.x", __newindex = "(function() a.x = 1 end)()", __call = "a()",
}
local names = {}
for name in pairs(binary) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local run = load("local a, b = ...; local r = " .. binary[name] .. "; return 1")
  local mt, a, b = {}, {}, {}
  mt[name] = function() return (run(a, b)) end
  setmetatable(a, mt); setmetatable(b, mt)
  if name == "__call" then
    -- Two functions take turns; which of them meets the limit depends on the size of their frames.
    bounded_somehow(name, function() return (run(a, b)) end)
  else
    bounded(name, run, a, b)
  end
end
t = {}; setmetatable(t, { __index = t })
fails("a loop of __index", "'__index' chain too long; possible loop", function() return t.x end)
t = {}; setmetatable(t, { __newindex = t })
fails("a loop of __newindex", "'__newindex' chain too long; possible loop", function() t.x = 1 end)
t = {}; setmetatable(t, { __call = t })
local deep = setmetatable({}, { __call = type })
for _ = 1, 30 do deep = setmetatable({}, { __call = deep }) end
check("a chain of __call", pcall(deep) == true)
f = function() local x <close> = meta("__close", f) end
bounded("__close", f)
f = function() local x <close> = meta("__close", function() f() end); error("inner", 0) end
bounded_somehow("__close after an error", f)
f = function() for _ in f do end end
bounded_somehow("iterator", f)

-- Message handlers.
local count = 0
local function show(name, ...) check(name, true, count, select("#", ...), ...) end
show("handler that fails", xpcall(error, function(m) count = count + 1; error(m, 0) end, "first"))
count = 0
show("handler that recovers", xpcall(error, function() count = count + 1; if count < 30 then error("again", 0) end; return "done" end))
show("handler error", xpcall(error, error, "first"))
show("handler that overflows", xpcall(error, down, 1))
show("overflow with a handler that overflows", xpcall(down, down, 1))
local function handled() return select(2, xpcall(down, function(m) return (m:gsub("^.*: ", "")) end, 1)) end
for i = 1, 3 do check("overflow " .. i .. " reaches its handler", handled() == "stack overflow") end
show("tostring in a handler", xpcall(down, function(m) return #tostring(m) > 0 end, 1))

-- Coroutines.
f = function() return coroutine.wrap(f)() end
bounded("wrap", f)
f = function() assert(coroutine.resume(coroutine.create(f))) end
bounded("resume", f)
local function nest(i) if i > 0 then return 1 + nest(i - 1) else return coroutine.wrap(function() return nest(1000) end)() end end
bounded("coroutines in deep calls", nest, 1000)
local function body() coroutine.yield(); local g = coroutine.wrap(body); g(); g() end
f = coroutine.wrap(body); f()
bounded("yielded coroutines", f)
f = function() pcall(1); coroutine.wrap(f)() end
bounded("coroutines after errors", f)
local last = false
for _ = 1, 1000 do
  local previous = last
  last = coroutine.create(function()
    local x <close> = meta("__close", function() if previous then assert(coroutine.close(previous)) end end)
    coroutine.yield()
  end)
  coroutine.resume(last)
end
local closed, message = coroutine.close(last)
check("chain of coroutine.close", not closed, tail(message))
local co = coroutine.create(down)
local ok, why = coroutine.resume(co, 1)
check("overflow in a coroutine", not ok, tail(why), coroutine.status(co))

-- Patterns.
fails("pattern", "pattern too complex", string.match, ("a"):rep(300000), (".-"):rep(250000) .. "b")
fails("pattern of optional items", "too complex", string.match, ("a"):rep(2000), (".?"):rep(2000))
fails("captures", "too many captures", string.find, "x", ("()"):rep(40))

-- Source that nests.
local function nested(name, open, middle, close)
  local text = "return " .. open:rep(100000) .. middle .. close:rep(100000)
  local _, chunk, e = pcall(load, text, "=nested")
  check("nested " .. name, chunk == nil, e)
end
for _, level in ipairs { 60, 300 } do
  for _, row in ipairs { { "(", "1", ")" }, { "{", "", "}" }, { "function() return ", "1", " end" } } do
    local text = "return " .. row[1]:rep(level) .. row[2] .. row[3]:rep(level)
    local _, chunk, e = pcall(load, text, "=nested")
    check(level .. " of " .. row[1], (chunk ~= nil) == (level < 200), e)
  end
end
nested("parentheses", "(", "1", ")")
nested("constructors", "{", "", "}")
nested("functions", "function() return ", "1", " end")
nested("calls", "f(", "", ")")
nested("indices", "t[", "1", "]")
nested("unary operators", "- ", "1", "")
nested("right operators", "1 .. ", "1", "")
nested("powers", "2 ^ ", "1", "")
local function block(name, open, close)
  local _, chunk, e = pcall(load, open:rep(100000) .. close:rep(100000), "=nested")
  check("nested " .. name, chunk == nil, e)
end
block("do", "do ", "end ")
block("while", "while true do ", "end ")
block("repeat", "repeat ", "until true ")
block("if", "if true then ", "end ")
check("nested for", load(("for i = 1, 1 do "):rep(300) .. ("end "):rep(300)) == nil)
block("local functions", "local function f() ", "end ")
check("else-if chains are flat", load("if x then " .. ("elseif x then "):rep(10000) .. "end") ~= nil)

-- How deep a program may be nested, and how much less where calls are under way already.
local function deepest(f)
  local low, high = 0, 250
  while low < high do
    local middle = (low + high + 1) // 2
    if f(middle) then low = middle else high = middle - 1 end
  end
  local chunk, e = f(low + 1)
  return low, e:match "^[^\n]*"
end
local function parens(k) return load("return " .. ("("):rep(k) .. "1" .. (")"):rep(k)) end
local function levels(name, f) check("levels of " .. name, true, deepest(f)) end
for _, row in ipairs {
  { "do ", " end" }, { "while a do ", " end" }, { "if a then else ", " end" }, { "repeat ", " until a" },
  { "function f() ", " end" }, { "return function() ", " end" }, { "f(function() ", " end)" },
} do
  levels(row[1], function(k) return load(row[1]:rep(k) .. row[2]:rep(k)) end)
end
for _, row in ipairs {
  { "{", "}" }, { "not ", "" }, { "- ", "" }, { "a..", "" }, { "a^", "" }, { "a[", "]" }, { "{[", "]=1}" }, { "{x=", "}" },
} do
  levels(row[1], function(k) return load("return " .. row[1]:rep(k) .. "a" .. row[2]:rep(k)) end)
end
levels(",a", function(k) return load("a" .. (",a"):rep(k) .. "= 1") end)
levels("parentheses", parens)
local function within(depth, f) if depth == 0 then return f() end return select(2, pcall(within, depth - 1, f)) end
for _, depth in ipairs { 1, 10, 100, 150 } do
  levels("parentheses in pcall " .. depth, function(k) return within(depth, function() return parens(k) end) end)
end
levels("parentheses in a coroutine", function(k) return coroutine.wrap(function() return parens(k) end)() end)
levels("parentheses in a metamethod", function(k)
  local f, e
  local _ = meta("__index", function() f, e = parens(k) end).x
  return f, e
end)
levels("parentheses in gsub", function(k) local f, e; string.gsub("a", "a", function() f, e = parens(k) end); return f, e end)
levels("parentheses in __close", function(k)
  local f, e
  do local c <close> = meta("__close", function() f, e = parens(k) end) end
  return f, e
end)
levels("parentheses in a message handler", function(k)
  local f, e
  xpcall(error, function() local ok; ok, f, e = pcall(parens, k) end)
  return f, e
end)

check("still alive", handled() == "stack overflow")
print("checks", n)
