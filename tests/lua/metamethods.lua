-- Metatables and metamethods (manual 2.4).
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

-- Every operator: the event, its operands, and its single result.
local log
local mt = {}
local function show(x) return type(x) == "table" and (x.name or "table") or tostring(x) end
for _, event in ipairs { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat", "len" } do
  mt["__" .. event] = function(a, b) log = event .. " " .. show(a) .. " " .. show(b); return event, "cut" end
end
local A, B = setmetatable({ name = "A" }, mt), setmetatable({ name = "B" }, mt)
for _, row in ipairs {
  { "add", "+" }, { "sub", "-" }, { "mul", "*" }, { "div", "/" }, { "mod", "%" }, { "pow", "^" }, { "idiv", "//" },
  { "band", "&" }, { "bor", "|" }, { "bxor", "~" }, { "shl", "<<" }, { "shr", ">>" }, { "concat", ".." },
} do
  local event, op = row[1], row[2]
  local f = load("local a, b = ...; return a " .. op .. " b")
  same(event .. " result", select("#", f(A, B)), 1)
  same(event .. " both", f(A, B) and log, event .. " A B")
  same(event .. " left", f(A, 2) and log, event .. " A 2")
  same(event .. " right", f(2, A) and log, event .. " 2 A")
  same(event .. " text left", f("x", A) and log, event .. " x A")
  same(event .. " constant right", load("local a = ...; return a " .. op .. " 3")(A) and log, event .. " A 3")
  same(event .. " constant left", load("local a = ...; return 3 " .. op .. " a")(A) and log, event .. " 3 A")
  same(event .. " nil", f(nil, A) and log, event .. " nil A")
end
same("unm", -A and log, "unm A A")
same("bnot", ~A and log, "bnot A A")
same("len", #A and log, "len A A")
same("concat chain", ("a" .. "b" .. A), "aconcat")
same("concat chain right first", log, "concat b A")
same("concat of result", A .. "x" .. "y", "concat")

-- Comparison.
do
  local c = {}
  c.__eq = function(a, b) log = "eq"; return a.v == b.v end
  c.__lt = function(a, b) return (type(a) == "table" and a.v or a) < (type(b) == "table" and b.v or b) end
  c.__le = function(a, b) return (type(a) == "table" and a.v or a) <= (type(b) == "table" and b.v or b) and 1 end
  local function new(v) return setmetatable({ v = v }, c) end
  local x, y, z = new(1), new(2), new(1)
  same("eq true", x == z, true)
  same("eq false", x == y, false)
  same("ne", x ~= z, false)
  log = "none"
  same("eq same object", x == x and log, "none")
  same("eq other type", x == 1, false)
  same("rawequal", rawequal(x, z), false)
  same("lt", x < y, true)
  same("gt", x > y, false)
  same("le gives boolean", x <= z, true)
  same("ge", x >= y, false)
  same("mixed lt", x < 5, true)
  same("mixed gt", 5 > x, true)
  same("number left", 0 >= x, false)
  fails("no lt", "attempt to compare two table values", function() return setmetatable({}, {}) < setmetatable({}, {}) end)
  same("eq of the second operand", setmetatable({ v = 1 }, {}) == x, true)
end

-- Index and newindex.
do
  local base = { inherited = "yes" }
  local t = setmetatable({}, { __index = base })
  same("index table", t.inherited, "yes")
  same("index missing", t.none, nil)
  same("rawget", rawget(t, "inherited"), nil)
  t.inherited = "own"
  same("own first", t.inherited .. base.inherited, "ownyes")
  local f = setmetatable({}, { __index = function(s, k) return k .. "!" end })
  same("index function", f.key, "key!")
  same("index function with integer", f[1], "1!")
  local deep = setmetatable({}, { __index = setmetatable({}, { __index = setmetatable({}, { __index = { z = 26 } }) }) })
  same("index chain", deep.z, 26)
  local store = {}
  local w = setmetatable({}, { __newindex = store })
  w.a = 1
  same("newindex table", tostring(rawget(w, "a")) .. store.a, "nil1")
  local seen
  local g = setmetatable({ present = 1 }, { __newindex = function(s, k, v) seen = k .. "=" .. tostring(v); rawset(s, k, v) end })
  g.present = 2
  same("existing key", seen, nil)
  g.absent = 3
  same("newindex function", seen, "absent=3")
  g.absent = nil
  seen = nil
  g.absent = 4
  same("after removal", seen, "absent=4")
  g[1] = "one"
  same("integer key", seen, "1=one")
  same("string methods by index", ("abc").len, string.len)
  same("string index missing", ("abc").nothing, nil)
  fails("nil index", "index is nil", function() local t = {}; t[nil] = 1 end)
  fails("nan index", "index is NaN", function() local t = {}; t[0 / 0] = 1 end)
  fails("index a number", "attempt to index a number value", function() local x = 5; return x.y end)
  local loop = {}
  setmetatable(loop, { __index = loop })
  fails("index loop", "'__index' chain too long; possible loop", function() return loop.x end)
  local wloop = {}
  setmetatable(wloop, { __newindex = wloop })
  fails("newindex loop", "'__newindex' chain too long; possible loop", function() wloop.x = 1 end)
  local late = setmetatable({}, {})
  same("before", late.x, nil)
  getmetatable(late).__index = function() return "late" end
  same("metamethod added later", late.x, "late")
  getmetatable(late).__index = nil
  same("metamethod removed", late.x, nil)
end

-- Call.
do
  local c = setmetatable({ k = 10 }, { __call = function(self, a, ...) return self.k + a, select("#", ...) end })
  same("call", (c(5)), 15)
  same("call extra", select(2, c(5, 1, nil)), 2)
  same("call by pcall", select(2, pcall(c, 1)), 11)
  local nested = setmetatable({}, { __call = c })
  fails("call chain passes the outer object", "attempt to perform arithmetic on a table value", nested, 1)
  same("tail call", (function(...) return c(...) end)(1), 11)
  fails("call a table", "attempt to call a table value", function() local t = {}; t() end)
  local obj = setmetatable({}, { __index = { m = c } })
  fails("method object", "attempt to perform arithmetic on a table value", function() return obj:m() end)
end

-- Names, text, pairs, protection.
do
  local t = setmetatable({}, { __tostring = function() return "I am t" end, __name = "My.Type" })
  same("tostring", tostring(t), "I am t")
  fails("tostring must give a string", "'__tostring' must return a string", tostring, setmetatable({}, { __tostring = function() return {} end }))
  local named = setmetatable({}, { __name = "My.Type" })
  check("name in tostring", tostring(named):match("^My%.Type: 0x%x+$") ~= nil)
  fails("name in messages", "My.Type", function() return named + 1 end)
  fails("name in argument messages", "number expected, got My.Type", math.floor, named)
  local p = setmetatable({}, { __pairs = function(x) return function(_, k) if not k then return 1, 2 end end, x, nil end })
  local out = ""
  for k, v in pairs(p) do out = out .. k .. v end
  same("pairs", out, "12")
  local ip = setmetatable({}, { __index = function(_, i) if i <= 3 then return i * i end end })
  out = ""
  for i, v in ipairs(ip) do out = out .. i .. v end
  same("ipairs uses index", out, "112439")
  local locked = setmetatable({}, { __metatable = "locked" })
  same("metatable field", getmetatable(locked), "locked")
  fails("protected", "cannot change a protected metatable", setmetatable, locked, {})
  same("string metatable", getmetatable("").__index, string)
  fails("setmetatable argument", "bad argument #2 to 'setmetatable' (nil or table expected, got number)", setmetatable, {}, 1)
  fails("setmetatable target", "bad argument #1 to 'setmetatable' (table expected, got number)", setmetatable, 1, {})
  same("setmetatable returns its table", setmetatable(t, nil) == t and getmetatable(t), nil)
  same("rawlen", rawlen(setmetatable({ 1, 2 }, { __len = function() return 9 end })), 2)
  same("rawlen string", rawlen("abc"), 3)
  fails("rawlen number", "table or string expected", rawlen, 5)
  same("len metamethod", #setmetatable({}, { __len = function() return "seven" end }), "seven")
  fails("rawset", "table expected", rawset, 1, 2, 3)
  same("rawset returns the table", rawset(t, 1, 2), t)
end

-- A metamethod that goes on in tail calls of functions with any number of arguments.
do
  local mt = {}
  local function point(x) return setmetatable({ x = x }, mt) end
  local function passed(...) return point(...) end
  local function again(...) return passed(...) end
  mt.__concat = function(a, b) return again((type(a) == "table" and a.x or a) .. (type(b) == "table" and b.x or b)) end
  mt.__add = function(...) return again("sum", ...) end
  mt.__lt = function(...) return again(...) end
  mt.__index = function(...) return select("#", ...), again(...) end
  local a, b = point("a"), point("b")
  same("concat by tail calls", ("<" .. a .. b .. "-" .. "-" .. a .. 1).x, "<ab--a1")
  same("arithmetic by tail calls", (a + b).x, "sum")
  same("comparison by tail calls", a < b, true)
  same("index by tail calls", a.missing, 2)
  local log = {}
  local function note(...) log[#log + 1] = select("#", ...) end
  local function closing(...) return note(...) end
  local function value()
    local outer <close> = setmetatable({}, { __close = function(...) return closing(...) end })
    local inner <close> = setmetatable({}, { __close = closing })
    return 1, 2, 3
  end
  same("results after closing by tail calls", select("#", value()), 3)
  same("closed", table.concat(log, " "), "2 2")
end

print("checks", n)
