-- torture: 4
-- Instructions that have seen one kind of operand are given others; nothing of that shows.
local checks = 0
local function check(name, ok, ...) checks = checks + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end
local function same(x, y) return x == y and math.type(x) == math.type(y) end

local loud = setmetatable({}, {
  __add = function(x, y) return "add" end, __sub = function(x, y) return "sub" end, __mul = function(x, y) return "mul" end,
  __lt = function(x, y) return true end, __le = function(x, y) return false end,
  __index = function(t, k) return "index " .. tostring(k) end, __newindex = function(t, k, v) rawset(t, k, v) end,
})

-- Each function sees floats for a while (first row), then everything else.
local function add(x, y) return x + y end
local function sub(x, y) return x - y end
local function mul(x, y) return x * y end
local function add_k(x) return x + 0.5 end
local function sub_k(x) return x - 1000 end
local function mul_k(x) return x * 1000 end
local function lt(x, y) if x < y then return true end return false end
local function le(x, y) if x <= y then return true end return false end
local function mul_add(x, y, z) return z + x * y end
local function mul_add_left(x, y, z) return x * y + z end
for round = 1, 3 do
  for i = 1, 20 do
    local f = i + 0.25
    assert(add(f, f) == 2 * i + 0.5 and sub(f, 0.25) == i and mul(f, 4.0) == 4 * i + 1.0)
    assert(add_k(f) == i + 0.75 and sub_k(f) == i - 999.75 and mul_k(f) == 1000.0 * i + 250)
    assert(lt(f, f + 1) and not lt(f, f) and le(f, f) and not le(f, f - 1))
    assert(mul_add(f, 4.0, 1.0) == 4 * i + 2 and mul_add_left(f, 4.0, 1.0) == 4 * i + 2)
  end
  check("integers", same(add(1, 2), 3) and same(sub(1, 2), -1) and same(mul(3, 4), 12))
  check("integers wrap", same(add(math.maxinteger, 1), math.mininteger) and same(mul(math.maxinteger, 2), -2))
  check("integers and constants", same(add_k(1), 1.5) and same(sub_k(1), -999) and same(mul_k(2), 2000))
  check("mixed", same(add(1, 2.0), 3.0) and same(sub(1.0, 2), -1.0) and same(mul(3, 4.0), 12.0))
  check("strings", same(add("1", 2), 3) and same(mul("2", "3.0"), 6.0) and same(sub_k("1e3"), 0.0))
  check("metamethods", add(loud, 1.0) == "add" and sub(1.0, loud) == "sub" and mul(loud, loud) == "mul")
  check("compared", lt(1, 2) and not lt(2, 1) and le(2, 2) and lt(1, 1.5) and not le(2.5, 2) and lt("a", "b"))
  check("compared by metamethods", lt(loud, 1.0) and not le(1.0, loud))
  check("NaN", not lt(0/0, 1.0) and not le(0/0, 0/0) and mul_add(0/0, 1.0, 1.0) ~= 1)
  check("sums of products", same(mul_add(2, 3, 4), 10) and same(mul_add(2.0, 3.0, 4), 10.0) and same(mul_add(2, 3, 4.0), 10.0)
    and same(mul_add_left(2.0, 3.0, 4), 10.0) and mul_add(2.0, 3.0, loud) == "add")
  check("errors", true, select(2, pcall(mul_add, 2.0, 3.0, {})), select(2, pcall(mul_add, {}, 3.0, 1.0)))
  check("errors", true, select(2, pcall(add, 1.0, {})), select(2, pcall(lt, 1.0, "x")), select(2, pcall(add_k, nil)))
end

-- A product that its own operand takes, and one that is needed afterwards.
local function horner(x, y, z) local p = x * y; p = p + z; local q = p * p; return p + q, q end
for i = 1, 30 do local s, q = horner(1.5, 2.0, 0.5); assert(s == 15.75 and q == 12.25) end
check("products stay", true, horner(1, 2, 3))

-- Keys that were names.
local function get(t, k) return t[k] end
local function set(t, k, v) t[k] = v end
local point = {x = 1, y = 2, [1] = "one"}
for i = 1, 30 do assert(get(point, "x") == 1); set(point, "y", i) end
check("keys", true, get(point, 1), get(point, "y"), get(point, 1.0), get(point, 2), get("text", "len") == string.len)
set(point, 2, "two"); set(point, 3.0, "three"); set(point, "z", nil); set(point, "y", nil)
check("keys that are set", true, #point, point[3], point.y)
check("keys of others", true, get(loud, "name"), get(loud, 7), select(2, pcall(get, nil, "x")))
set(loud, "name", 1); check("new keys", true, rawget(loud, "name"), select(2, pcall(set, 1, "x", 1)))
loud.name = nil

-- Short constants.
local function is_word(x) if x == "word" then return true end return false end
for i = 1, 30 do assert(is_word("wo" .. "rd") and not is_word("work")) end
check("constants", true, is_word("word"), is_word(1), is_word(nil), is_word({}), is_word(("word"):rep(20)))

-- Calls of what was a native.
local function call(f, x) local r = f(x) return r end
local function run(f, x) f(x) end
for i = 1, 30 do assert(call(math.floor, i + 0.5) == i); run(math.floor, i) end
local seen
check("calls", true, call(function(x) return x, x end, 1), call(string.upper, "x"), call(print, "printed"))
run(function(x) seen = x end, 2)
check("calls for nothing", true, seen, select(2, pcall(call, nil)), select(2, pcall(call, math.floor, {})))
check("calls of tables", true, call(setmetatable({}, {__call = function(self, x) return x + 1 end}), 1))
local co = coroutine.wrap(function(x) return call(coroutine.yield, x) end)
check("calls that yield", true, co(1), co(2))

-- Counted one by one, and line by line, though two are done at once.
local function moves(a, b, c) local x, y, z = a, b, c; a, b, c = z, x, y; return a, b, c end
local count = 0
debug.sethook(function() count = count + 1 end, "", 1)
moves(1, 2, 3)
debug.sethook()
local with_hook = count
count = 0
for i = 1, 30 do moves(i, i, i) end
debug.sethook(function() count = count + 1 end, "", 1)
moves(1, 2, 3)
debug.sethook()
check("counted", with_hook == count, moves(1, 2, 3))

-- Dumped as it was loaded.
local text = string.dump(mul_add)
check("dumped", true, load(text, "dumped", "b")(2.0, 3.0, 4.0), text == string.dump(mul_add))
print("checks", checks)
