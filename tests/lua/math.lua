-- The math and utf8 libraries (manual 6.5 to 6.7).
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

local huge, max, min = math.huge, math.maxinteger, math.mininteger
for _, row in ipairs {
  { "abs", math.abs(-5), 5 }, { "abs float", math.abs(-5.5), 5.5 }, { "abs minimum", math.abs(min), min }, { "ceil", math.ceil(1.2), 2 }, { "ceil negative", math.ceil(-1.2), -1 }, { "ceil integer", math.ceil(7), 7 }, { "ceil huge", math.ceil(1e100), 1e100 },
  { "floor", math.floor(1.8), 1 }, { "floor negative", math.floor(-1.2), -2 }, { "floor text", math.floor("3.7"), 3 }, { "floor inf", math.floor(huge), huge }, { "fmod", math.fmod(7, 3), 1 }, { "fmod negative", math.fmod(-7, 3), -1 }, { "fmod float", math.fmod(-7.5, 2), -1.5 },
  { "fmod minimum", math.fmod(min, -1), 0 }, { "max", math.max(1, 2.5, 2), 2.5 }, { "max keeps type", math.max(1, 2), 2 }, { "min", math.min(3, 1.5), 1.5 }, { "min one", math.min(3), 3 }, { "modf", (math.modf(3.7)), 3 }, { "modf negative", (math.modf(-3.7)), -3 },
  { "modf fraction", select(2, math.modf(3.5)), 0.5 }, { "modf inf", select(2, math.modf(huge)), 0.0 }, { "modf integer", (math.modf(5)), 5 }, { "sqrt", math.sqrt(16), 4.0 }, { "exp", math.exp(0), 1.0 }, { "log", math.log(1), 0.0 }, { "log 2", math.log(8, 2), 3.0 }, { "log 10", math.log(1000, 10), 3.0 },
  { "log zero", math.log(0), -huge }, { "sin", math.sin(0), 0.0 }, { "cos", math.cos(0), 1.0 }, { "tan", math.tan(0), 0.0 }, { "asin", math.asin(1), math.pi / 2 }, { "acos", math.acos(1), 0.0 }, { "atan", math.atan(1), math.pi / 4 }, { "atan two", math.atan(1, -1), 3 * math.pi / 4 },
  { "atan of zeros", math.atan(0.0, -1), math.pi }, { "tointeger", math.tointeger(3.0), 3 }, { "tointeger fraction", math.tointeger(3.5), nil }, { "tointeger text", math.tointeger("8"), 8 }, { "tointeger bad text", math.tointeger("x"), nil }, { "tointeger table", math.tointeger({}), nil },
  { "tointeger big", math.tointeger(2 ^ 63), nil }, { "type integer", math.type(1), "integer" }, { "type float", math.type(1.0), "float" }, { "type other", math.type("1"), nil }, { "ult", math.ult(1, -1), true }, { "ult same", math.ult(5, 5), false }, { "ult large", math.ult(-1, 1), false },
  { "pi", string.format("%.15f", math.pi), "3.141592653589793" }, { "huge", huge > max, true }, { "maxinteger", max, 0x7fffffffffffffff }, { "rad", math.rad(180), math.pi }, { "deg", math.deg(math.pi), 180.0 }, { "floor of large", math.floor(2 ^ 62), 1 << 62 },
} do same(row[1], row[2], row[3]) end
fails("max of nothing", "bad argument #1 to 'math.max' (value expected)", math.max)
fails("fmod zero", "bad argument #2 to 'math.fmod' (zero)", math.fmod, 1, 0)
fails("fmod of texts", "bad argument #2 to 'math.fmod' (number expected, got string)", math.fmod, "x", "y")
fails("type of nothing", "bad argument #1 to 'math.type' (value expected)", math.type)
check("fmod of float zero is nan", (function(x) return x ~= x end)(math.fmod(1, 0.0)))
check("sqrt of a negative is nan", (function(x) return x ~= x end)(math.sqrt(-1)))
math.randomseed(42)
local a, b = math.random(1000), math.random(1000)
math.randomseed(42)
check("same seed, same numbers", a == math.random(1000) and b == math.random(1000), a, b)
math.randomseed(42)
check("generator is xoshiro256**", true, math.random(0), math.random(1, 6), string.format("%.14f", math.random()))
math.randomseed(1, 2)
check("two seeds", true, math.random(0), math.random(-10, 10), math.random(math.mininteger, math.maxinteger))
local inside = true
for _ = 1, 500 do
  local r, i, j = math.random(), math.random(6), math.random(-3, 3)
  inside = inside and r >= 0 and r < 1 and i >= 1 and i <= 6 and j >= -3 and j <= 3
end
check("ranges", inside)
same("single value", math.random(7, 7), 7)
fails("empty interval", "bad argument #1 to 'math.random' (interval is empty)", math.random, 0 - 1)
fails("reversed interval", "bad argument #1 to 'math.random' (interval is empty)", math.random, 2, 1)
fails("three arguments", "wrong number of arguments", math.random, 1, 2, 3)

-- utf8
local text = "a\u{e9}\u{20ac}\u{1f600}"
same("char", utf8.char(97, 233, 0x20ac, 0x1f600), text)
same("char of nothing", utf8.char(), "")
same("len", utf8.len(text), 4)
same("len in a range", utf8.len(text, 2, 4), 2)
same("len negative", utf8.len(text, -4), 1)
same("len of empty", utf8.len(""), 0)
same("len invalid", select(2, utf8.len("ab\xff")), 3)
same("len invalid first", utf8.len("\x80"), nil)
same("surrogate", select(2, utf8.len("\u{D800}")), 1)
same("surrogate lax", utf8.len("\u{D800}", 1, -1, true), 1)
same("overlong", utf8.len("\xC0\x80"), nil)
same("codepoint", utf8.codepoint(text, 2), 233)
same("codepoints", table.concat({ utf8.codepoint(text, 1, -1) }, " "), "97 233 8364 128512")
same("offset", utf8.offset(text, 3), 4)
same("offset from the end", utf8.offset(text, -1), 7)
same("offset after the last", utf8.offset(text, 5), 11)
same("offset beyond", utf8.offset(text, 6), nil)
same("offset zero", utf8.offset(text, 0, 5), 4)
same("charpattern", utf8.charpattern, "[\0-\x7F\xC2-\xFD][\x80-\xBF]*")
local out = {}
for p, c in utf8.codes(text) do out[#out + 1] = p .. "=" .. c end
same("codes", table.concat(out, " "), "1=97 2=233 4=8364 7=128512")
out = {}
for c in text:gmatch(utf8.charpattern) do out[#out + 1] = #c end
same("charpattern lengths", table.concat(out), "1234")
fails("codes invalid", "invalid UTF-8 code", function() for _ in utf8.codes("a\xff") do end end)
fails("codepoint invalid", "invalid UTF-8 code", utf8.codepoint, "\xff")
fails("codepoint out of bounds", "bad argument #3 to 'utf8.codepoint' (out of bounds)", utf8.codepoint, "abc", 9)
fails("offset continuation", "initial position is a continuation byte", utf8.offset, text, 1, 3)
fails("char range", "bad argument #1 to 'utf8.char' (value out of range)", utf8.char, -1)
fails("len position", "bad argument #2 to 'utf8.len' (initial position out of bounds)", utf8.len, "abc", 9)

-- The largest and the smallest of whatever can be compared.
do
  local mt = {}
  mt.__lt = function(a, b) return a.rank < b.rank end
  local function ranked(rank) return setmetatable({ rank = rank }, mt) end
  same("max of strings", math.max("a", "c", "b"), "c")
  same("min of strings", math.min("b", "a", "c"), "a")
  same("max of one string", math.max("10"), "10")
  local only = {}
  check("max of one table", math.max(only) == only)
  same("max of objects", math.max(ranked(2), ranked(5), ranked(3)).rank, 5)
  same("min of objects", math.min(ranked(2), ranked(5), ranked(1), ranked(3)).rank, 1)
  same("the first of equals", math.max(1, 1.0), 1)
  check("max with NaN", math.max(1, 0 / 0) == 1 and math.max(0 / 0, 1) ~= math.max(0 / 0, 1))
  for _, row in ipairs { { "max number string", math.max, 1, "2" }, { "min table", math.min, 1, {} }, { "max tables", math.max, {}, {} }, { "min nils", math.min, nil, nil } } do
    local ok, message = pcall(row[2], row[3], row[4])
    check(row[1], not ok, message)
  end
end

print("checks", n)
