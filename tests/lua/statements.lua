-- Statements and scopes: assignment, loops, goto, closures, varargs (manual 3.3, 3.4).
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

local function pack(...) return select("#", ...), table.concat((function(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  return out
end)(...), " ") end
local function list(name, want, ...)
  local _, text = pack(...)
  check(name, text == want, text)
end

do
  local a, b, c = 1
  list("missing values are nil", "1 nil nil", a, b, c)
  local x, y = 1, 2
  x, y = y, x
  list("swap", "2 1", x, y)
  local i, t = 1, {}
  i, t[i] = i + 1, 20
  list("operands before assignment", "2 20 nil", i, t[1], t[2])
  local function three() return 1, 2, 3 end
  local p, q, r, s = three()
  list("call expands", "1 2 3 nil", p, q, r, s)
  p, q, r = three(), 10
  list("call in the middle is cut", "1 10 nil", p, q, r)
  list("parentheses cut", "1", (three()))
  list("constructor expands the last", "1 1 2 3", table.unpack { (three()), three() })
  list("no values", "", (function() end)())
  list("nil in parentheses", "nil", ((function() end)()))
  local order = {}
  local function mark(x) order[#order + 1] = x return x end
  local u = {}
  u[mark(1)], u[mark(2)] = mark(3), mark(4)
  list("evaluation order of a multiple assignment", "1 2 3 4", table.unpack(order))
  list("its values", "3 4", u[1], u[2])
end

-- Blocks and shadowing.
do
  local x = 1
  do local x = x + 1; same("inner local", x, 2) end
  same("outer local", x, 1)
  local x = x + 10
  same("redeclared local", x, 11)
  local y <const> = 5
  same("constant", y + 1, 6)
  local f = function() return y end
  same("constant captured", f(), 5)
end

-- Loops.
do
  local s = ""
  for i = 1, 3 do s = s .. i end
  same("for up", s, "123")
  s = ""
  for i = 3, 1, -1 do s = s .. i end
  same("for down", s, "321")
  s = ""
  for i = 1, 0 do s = s .. i end
  same("for never", s, "")
  s = ""
  for i = 1.0, 2, 0.5 do s = s .. i .. ";" end
  same("for float", s, "1.0;1.5;2.0;")
  s = ""
  for i = 1, 2.9 do s = s .. i end
  same("float limit is clipped", s, "12")
  s = ""
  for i = -1, -2.5, -1 do s = s .. i end
  same("float limit downwards", s, "-1-2")
  local count = 0
  for _ = math.maxinteger - 1, math.maxinteger do count = count + 1 end
  same("for stops at the largest integer", count, 2)
  count = 0
  for _ = math.mininteger, math.mininteger + 1 do count = count + 1 end
  same("for starts at the smallest", count, 2)
  count = 0
  for _ = math.mininteger + 1, math.mininteger, -1 do count = count + 1 end
  same("for stops at the smallest", count, 2)
  count = 0
  for _ = 1, math.huge do count = count + 1; if count == 5 then break end end
  same("for to infinity", count, 5)
  count = 0
  for _ = 1, -math.huge do count = count + 1 end
  same("for to minus infinity", count, 0)
  for _ = 1, 0 / 0 do count = count + 1 end
  same("for to nan", count, 0)
  local nan = 0/0
  local function rounds(a, b, c) local n = 0 for i = a, b, c do n = n + 1 if n > 3 then break end end return n end
  local found = {}
  for _, range in ipairs {{nan, 1.5, 1}, {nan, 1, 1}, {1.5, nan, 1}, {1, nan, 1}, {nan, nan, 1}, {1.0, 2.0, nan}, {nan, 1.5, -1},
    {1, nan, -1}, {1.5, nan, -1}, {1, 2, nan}, {nan, nan, nan}, {2.0, 1.0, nan}} do
    found[#found + 1] = rounds(table.unpack(range))
  end
  same("for with nan", table.concat(found, " "), "1 1 1 0 1 0 1 4 1 0 1 1")
  for _ = math.mininteger, math.maxinteger, math.maxinteger do count = count + 1 end
  same("for with a giant step", count, 3)
  count = 0
  for i = 1, 3 do local j = i; i = 10; count = count + j end
  same("loop variable is a copy", count, 6)
  local fs = {}
  for i = 1, 3 do fs[i] = function() i = i + 1 return i end end
  list("fresh variable each round", "2 3 3", fs[1](), fs[1](), fs[2]())
  fails("zero step", "'for' step is zero", function() for _ = 1, 2, 0 do end end)
  fails("zero float step", "'for' step is zero", function() for _ = 1.0, 2, 0 do end end)
  fails("initial value", "'for' initial value", function() for _ = {}, 2 do end end)
  fails("limit", "'for' limit", function() for _ = 1, {} do end end)
  fails("step", "'for' step", function() for _ = 1, 2, "x" do end end)
  local i = 0
  repeat local stop = i >= 3; i = i + 1 until stop
  same("until sees the body's local", i, 4)
  i = 0
  while true do i = i + 1; if i > 5 then break end end
  same("while with break", i, 6)
end

-- Generic for.
do
  local function upto(limit, i) if i < limit then return i + 1 end end
  local s = ""
  for i in upto, 3, 0 do s = s .. i end
  same("stateless iterator", s, "123")
  s = ""
  for k, v in next, { 10, 20 } do s = s .. k .. "=" .. v .. ";" end
  same("next as iterator", s, "1=10;2=20;")
  s = ""
  for i, v in ipairs { 1, 2, nil, 4 } do s = s .. i .. v end
  same("ipairs stops at nil", s, "1122")
  local log = {}
  local closing = setmetatable({}, { __close = function(_, e) log[#log + 1] = "closed " .. tostring(e) end })
  for i in upto, 3, 0, closing do log[#log + 1] = i end
  same("closing value at the end", table.concat(log, " "), "1 2 3 closed nil")
  log = {}
  for i in upto, 3, 0, closing do log[#log + 1] = i; if i == 2 then break end end
  same("closing value at break", table.concat(log, " "), "1 2 closed nil")
  log = {}
  local function leave() for i in upto, 3, 0, closing do return i end end
  list("closing value at return", "1 closed nil", leave(), log[1])
  log = {}
  pcall(function() for _ in upto, 3, 0, closing do error("x", 0) end end)
  same("closing value at an error", table.concat(log, " "), "closed x")
  fails("iterator must be callable", "attempt to call a nil value", function() for _ in nil do end end)
  fails("iterator must be callable too", "attempt to call a number value", function() for _ in 5 do end end)
end

-- Goto.
do
  local s = ""
  for i = 1, 5 do
    if i % 2 == 0 then goto continue end
    s = s .. i
    ::continue::
  end
  same("continue", s, "135")
  local i = 1
  ::top::
  if i < 4 then i = i + 1; goto top end
  same("backwards", i, 4)
  for a = 1, 3 do for b = 1, 3 do if a * b == 4 then i = a * 10 + b; goto out end end end
  ::out::
  same("out of two loops", i, 22)
  local fs, k = {}, 0
  ::again::
  local fresh = k
  fs[#fs + 1] = function() fresh = fresh + 1 return fresh end
  k = k + 10
  if k < 30 then goto again end
  list("goto closes the variable", "1 2 11 21", fs[1](), fs[1](), fs[2](), fs[3]())
end

-- Closures.
do
  local function counter()
    local c = 0
    return function() c = c + 1 return c end, function() return c end
  end
  local up, value = counter()
  up(); up()
  list("shared upvalue", "2", value())
  local other = counter()
  list("separate closures", "1 2", other(), value())
  local function chain(n) if n == 0 then return function() return n end end; return chain(n - 1) end
  same("upvalue through tail calls", chain(50)(), 0)
  local a = {}
  for i = 1, 3 do local x = i * 10; a[i] = function(y) if y then x = y end return x end end
  a[2](99)
  list("locals of each round", "10 99 30", a[1](), a[2](), a[3]())
  local function deep(n) local v = n; return function() return function() v = v + 1 return v end end end
  local d = deep(5)()
  list("two levels", "6 7", d(), d())
  local function fact(k) return k <= 1 and 1 or k * fact(k - 1) end
  same("recursive local", fact(20), 2432902008176640000)
end

-- Varargs and calls.
do
  local function count(...) return select("#", ...) end
  same("no extra", count(), 0)
  same("nils count", count(nil, nil), 2)
  list("select from", "b c", select(2, "a", "b", "c"))
  list("select negative", "c", select(-1, "a", "b", "c"))
  list("select past the end", "", select(5, 1))
  fails("select zero", "bad argument #1 to 'select' (index out of range)", select, 0)
  fails("select too negative", "bad argument #1 to 'select' (index out of range)", select, -2, 1)
  local function middle(a, ...) local b, c = ...; return a, b, c, ... end
  list("vararg adjusts", "1 2 nil 2", middle(1, 2))
  local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
  list("varargs in tail calls", "1 2 3", tail(3))
  local t = table.pack((function(...) return ..., "end" end)(1, 2))
  list("vararg in the middle is cut", "2 1 end", t.n, t[1], t[2])
  same("many values", select("#", table.unpack({}, 1, 200)), 200)
  local function loop(k) if k == 0 then return "done" end return loop(k - 1) end
  same("tail calls do not grow the stack", loop(300000), "done")
  local o = { v = 3 }
  function o:get(k) return self.v + (k or 0) end
  function o.plain(x) return x end
  list("methods", "3 5 7", o:get(), o:get(2), o.plain(7))
  same("string call", (function(s) return s end) "text", "text")
  same("table call", (function(s) return #s end) { 1, 2 }, 2)
  same("method on a string", ("x"):rep(3), "xxx")
  local env = { print = print }
  local f = load("x = 1; local _ENV <const> = {}; y = 2; return x", "c", "t", env)
  list("_ENV is a name", "nil 1", f(), env.x)
end

-- Logical operators.
do
  list("and or", "2 nil false 1 nil 5", 1 and 2, nil and 1, false and nil, 1 or error(), nil or nil, false or 5)
  list("mixed", "b a true false", nil and "a" or "b", 1 and "a" or "b", not nil, not 0)
  local function f(x) return x and x > 1 or x == nil end
  list("conditions as values", "true true false", f(nil), f(2), f(1))
  local a = nil
  same("nested", (a or {}).x, nil)
  same("comparison value", 1 == 1.0 and "yes" or "no", "yes")
end

-- To-be-closed variables.
do
  local log = {}
  local function closer(name, act)
    return setmetatable({}, { __close = function(_, e)
      log[#log + 1] = name .. ":" .. tostring(e)
      if act then act(e) end
    end })
  end
  local function take() local s = table.concat(log, " "); log = {}; return s end
  do
    local a <close> = closer "a"
    local b <close> = closer "b"
    log[#log + 1] = "body"
  end
  same("closed in reverse order", take(), "body b:nil a:nil")
  local function f() local a <close> = closer "a"; return "value", take() end
  list("result before closing", "value ", f())
  same("then closed", take(), "a:nil")
  list("error passes through", "false x", pcall(function() local a <close> = closer "a"; error("x", 0) end))
  same("handler got the error", take(), "a:x")
  list("error in handler replaces", "false second", pcall(function()
    local a <close> = closer "a"
    local b <close> = closer("b", function() error("second", 0) end)
    error("first", 0)
  end))
  same("later handler sees the new error", take(), "b:first a:second")
  list("nil and false are ignored", "true", pcall(function() local a <close> = nil; local b <close> = false end))
  fails("no __close", "variable 'bad' got a non-closable value", function() local bad <close> = 5 end)
  local co = coroutine.wrap(function()
    local a <close> = closer("a", function() coroutine.yield("closing") end)
    coroutine.yield("body")
    return "end"
  end)
  list("yield while closing", "body closing end", co(), co(), co())
  take()
  for i = 1, 2 do local a <close> = closer("r" .. i); if i == 1 then goto next end; log[#log + 1] = "x"; ::next:: end
  same("goto and loops close", take(), "r1:nil x r2:nil")
  local function g() local a <close> = closer "a"; return (function() log[#log + 1] = "callee" end)() end
  g()
  same("not a tail call", take(), "callee a:nil")
end

print("checks", n)
