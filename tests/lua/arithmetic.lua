-- Numbers: two subtypes, conversions, operators (manual 3.4.1 to 3.4.3).
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

local max, min = math.maxinteger, math.mininteger
local function run(text, ...) return assert(load("return " .. text))(...) end

-- Constant and computed operands must agree: each row runs folded and not.
for _, row in ipairs {
  { "7 + 3", 10 }, { "7 - 10", -3 }, { "7 * -3", -21 }, { "7 / 2", 3.5 }, { "8 / 2", 4.0 },
  { "7 // 2", 3 }, { "-7 // 2", -4 }, { "7 // -2", -4 }, { "-7 // -2", 3 }, { "7.0 // 2", 3.0 },
  { "-7 // 2.0", -4.0 }, { "7 % 3", 1 }, { "-7 % 3", 2 }, { "7 % -3", -2 }, { "-7 % -3", -1 },
  { "5.5 % 2", 1.5 }, { "-5.5 % 2", 0.5 }, { "5.5 % -2", -0.5 }, { "-6 % 2", 0 }, { "2 ^ 10", 1024.0 },
  { "2 ^ -1", 0.5 }, { "2 ^ 0.5", 2 ^ (1 / 2) }, { "-2 ^ 2", -4.0 }, { "2 ^ 3 ^ 2", 512.0 },
  { "1e15 + 0.5", 1000000000000000.5 }, { "3 | 4", 7 }, { "7 & 2", 2 }, { "5 ~ 3", 6 }, { "~0", -1 },
  { "1 << 4", 16 }, { "256 >> 4", 16 }, { "1 << 63", min }, { "1 << 64", 0 }, { "1 >> 64", 0 },
  { "-1 >> 63", 1 }, { "-1 >> 1", max }, { "1 << -1", 0 }, { "2 >> -1", 4 }, { "1 << 62 << 1", min },
  { "3.0 | 0", 3 }, { "2.0 << 1", 4 }, { "'10' + 5", 15 }, { "'0x10' + 0", 16 },
  { "'10' * '2'", 20 }, { "'3.0' + 1", 4.0 }, { "' 5 ' + 0", 5 }, { "'1e1' + 0", 10.0 }, { "10 .. 20", "1020" },
  { "-'2'", -2 }, { "-'2.0'", -2.0 }, { "1.5 .. ''", "1.5" }, { "2.0 .. '|'", "2.0|" }, { "-0.0 .. ''", "-0.0" },
  { "0 // 5", 0 }, { "-0.0 // 1", -0.0 }, { "1 // 0.0", math.huge }, { "-1 // 0.0", -math.huge },
  { "1 / 0", math.huge }, { "-1 / 0", -math.huge }, { "5 % math.huge", 5.0 }, { "-5 % math.huge", math.huge },
  { "5 % -math.huge", -math.huge }, { "'7' // '2'", 3 }, { "'7' % 4", 3 }, { "2^53 | 0", 1 << 53 },
  { "0x7fffffffffffffff + 1", min }, { "0xffffffffffffffff", -1 }, { "0x1ffffffffffffffff", -1 },
  { "9223372036854775807", max }, { "9223372036854775808", 2 ^ 63 }, { "-9223372036854775808", -(2 ^ 63) },
  { "0x.8", 0.5 }, { "0xA.8p1", 21.0 }, { "0x1p-2", 0.25 }, { "1e2", 100.0 }, { ".5", 0.5 }, { "5.", 5.0 },
  { "3e-2", 0.03 }, { "0xep1", 28.0 }, { "1 < 2 == true", true }, { "not nil == true", true },
  { "1 .. 2 == '12'", true }, { "2 + 3 .. ''", "5" }, { "1 << 2 + 1", 8 }, { "6 & 3 | 8", 10 },
  { "5 ~ 1 & 3", 4 }, { "-3 ^ 2", -9.0 }, { "not 1 == 2", false }, { "#'abc' + 1", 4 }, { "- - 2", 2 }, { "~~5", 5 },
} do
  local text, want = row[1], row[2]
  same(text, run(text), want)
  local a, op, b = text:match("^(%S+) (%S+) (%S+)$")
  if a and a ~= "-" and a ~= "not" and not ({ ["-2"] = op == "^", ["-3"] = op == "^" })[a] then
    local computed = run("(function(a, b) return a " .. op .. " b end)(...)", run(a), run(b))
    same("computed " .. text, computed, want)
    if math.type(run(b)) then
      same("constant right " .. text, run("(function(a) return a " .. op .. " " .. b .. " end)(...)", run(a)), want)
    end
    if math.type(run(a)) then
      same("constant left " .. text, run("(function(b) return " .. a .. " " .. op .. " b end)(...)", run(b)), want)
    end
  end
end

check("addition wraps", max + 1 == min)
check("subtraction wraps", min - 1 == max)
check("multiplication wraps", max * 2 == -2)
check("negation wraps", -min == min)
check("minimum divided by minus one", min // -1 == min)
check("minimum modulo minus one", min % -1 == 0)
check("nan differs from itself", (0 / 0) ~= (0 / 0))
check("modulo of zero float is nan", (function(x) return x ~= x end)(5.0 % 0.0))
check("inf modulo is nan", (function(x) return x ~= x end)(math.huge % 2))
check("negative zero equals zero", -0.0 == 0.0 and 1 / -0.0 == -math.huge)
check("zero result keeps the sign", 1 / (-0.0 % 5) == -math.huge or 1 / (-0.0 % 5) == math.huge)

local zero = 0
fails("integer division by zero", "attempt to ", function() return 1 // zero end)
fails("integer modulo by zero", "attempt to perform 'n%0'", function() return 1 % zero end)
fails("float has no integer", "number has no integer representation", function() return 1.5 | 1 end)
fails("huge has no integer", "number has no integer representation", function() return 2 ^ 63 | zero end)
fails("string is no integer", "attempt to perform bitwise operation on a string value", function() return "1.5" | 1 end)
fails("bitwise on text", "attempt to perform bitwise operation on a string value", function() return "a" | 1 end)
fails("arithmetic on text", "attempt to add a 'string' with a 'number'", function() return "abc" + 1 end)
fails("arithmetic on table", "attempt to perform arithmetic on a table value", function() return {} + 1 end)
fails("arithmetic on nil", "attempt to perform arithmetic on a nil value", function() return 1 - nil end)
fails("unary minus on table", "attempt to perform arithmetic on a table value", function() return -{} end)
fails("bitwise not on nil", "attempt to perform bitwise operation on a nil value", function() return ~nil end)
fails("length of number", "attempt to get length of a number value", function() return #5 end)
fails("concatenation of nil", "attempt to concatenate a nil value", function() return "a" .. nil end)
fails("concatenation of boolean", "attempt to concatenate a boolean value", function() return true .. "a" end)

-- Order between integers and floats is exact.
local big = 2 ^ 53
for _, row in ipairs {
  { "max < 2^63", max < 2 ^ 63, true }, { "max <= 2^63", max <= 2 ^ 63, true }, { "max == 2^63", max == 2 ^ 63, false },
  { "max + 0.0 == 2^63", max + 0.0 == 2 ^ 63, true }, { "min == -2^63", min == -(2 ^ 63), true },
  { "min <= -2^63", min <= -(2 ^ 63), true }, { "min < -2^63", min < -(2 ^ 63), false },
  { "max < huge", max < math.huge, true }, { "min > -huge", min > -math.huge, true },
  { "2^53 == 2^53 + 1", (1 << 53) + 1 == big, false }, { "2^53 + 1 > float", (1 << 53) + 1 > big, true },
  { "float < 2^53 + 1", big < (1 << 53) + 1, true }, { "1 == 1.0", 1 == 1.0, true }, { "1 < 1.5", 1 < 1.5, true },
  { "-1 > -1.5", -1 > -1.5, true }, { "nan < 1", 0 / 0 < 1, false }, { "1 < nan", 1 < 0 / 0, false },
  { "nan >= 1", 0 / 0 >= 1, false }, { "max > nan", max > 0 / 0, false }, { "'10' == 10", "10" == 10, false },
  { "'a' < 'b'", "a" < "b", true }, { "'a' < 'B'", "a" < "B", false }, { "'' < 'a'", "" < "a", true },
  { "'a\\0b' < 'a\\0c'", "a\0b" < "a\0c", true }, { "'a' < 'a\\0'", "a" < "a\0", true }, { "'Z' <= 'Z'", "Z" <= "Z", true },
} do same("order " .. row[1], row[2], row[3]) end
fails("number with string", "attempt to compare number with string", function() return 1 < "2" end)
fails("string with number", "attempt to compare string with number", function() return "1" <= 2 end)
fails("two tables", "attempt to compare two table values", function() return {} < {} end)
fails("nil with number", "attempt to compare nil with number", function() return nil < 1 end)
fails("greater swaps operands", "attempt to compare number with nil", function() return nil > 1 end)
fails("two nils", "attempt to compare two nil values", function() return nil < nil end)

-- Text of numbers.
for _, row in ipairs {
  { 1, "1" }, { -1, "-1" }, { 1.0, "1.0" }, { -1.5, "-1.5" }, { 1e15, "1e+15" }, { 1e14, "1e+14" }, { 123456789012345.0, "1.2345678901234e+14" },
  { 1e100, "1e+100" }, { 0.1, "0.1" }, { 1 / 3, "0.33333333333333" }, { 1e-5, "1e-05" }, { 123456.789, "123456.789" },
  { 3.14159265358979, "3.1415926535898" }, { math.huge, "inf" }, { -math.huge, "-inf" }, { 2 ^ 63, "9.2233720368548e+18" },
  { max, "9223372036854775807" }, { min, "-9223372036854775808" }, { 1e300 * 1e10, "inf" }, { -0.0, "-0.0" }, { 100.0, "100.0" },
  { 5e-324, "4.9406564584125e-324" }, { 99999999999999.0, "99999999999999.0" },
} do same("text " .. row[2], tostring(row[1]), row[2]) end

-- Numbers from text.
for _, row in ipairs {
  { "10", 10 }, { "  10  ", 10 }, { "10.", 10.0 }, { ".5", 0.5 }, { "0x10", 16 }, { "0x.1", 0.0625 }, { "1e1", 10.0 }, { "-7", -7 },
  { "- 7", nil }, { "+7", 7 }, { "", nil }, { " ", nil }, { "abc", nil }, { "1 2", nil }, { "1e", nil }, { "0x", nil }, { "inf", nil },
  { "nan", nil }, { "1_000", nil }, { "9223372036854775807", max }, { "9223372036854775808", 2 ^ 63 }, { "0xffffffffffffffff", -1 },
  { "-0x10", -16 }, { "1\0", nil }, { "\t1\n", 1 }, { "0x1p4", 16.0 }, { "1e+2", 100.0 }, { "--1", nil }, { "5e-1", 0.5 }, { "1..2", nil },
} do same(string.format("tonumber %q", row[1]), tonumber(row[1]), row[2]) end
for _, row in ipairs {
  { "ff", 16, 255 }, { "FF", 16, 255 }, { "zz", 36, 1295 }, { "101", 2, 5 }, { "8", 8, nil }, { "-77", 8, -63 }, { " 11 ", 2, 3 },
  { "1.0", 10, nil }, { "", 10, nil }, { "7fffffffffffffff", 16, max }, { "ffffffffffffffff", 16, -1 }, { "1e1", 16, 0x1e1 },
} do same("tonumber base " .. row[1] .. " " .. row[2], tonumber(row[1], row[2]), row[3]) end
fails("base out of range", "bad argument #2 to 'tonumber' (base out of range)", tonumber, "1", 99)
fails("number with base", "bad argument #1 to 'tonumber' (string expected, got number)", tonumber, 1, 10)
fails("tonumber without argument", "bad argument #1 to 'tonumber' (value expected)", tonumber)

print("checks", n)
