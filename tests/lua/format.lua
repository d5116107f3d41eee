-- string.format: every conversion (manual 6.4).
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

for _, row in ipairs {
  { "5", "%d", 5 }, { "   42", "%5d", 42 }, { "00042", "%05d", 42 }, { "+42", "%+d", 42 }, { "42   |", "%-5d|", 42 }, { " 42", "% d", 42 }, { "-42", "%d", -42 }, { "3", "%d", 3.0 }, { "10", "%d", "10" },
  { "  007", "%5.3d", 7 }, { "9223372036854775807", "%d", math.maxinteger }, { "-9223372036854775808", "%i", math.mininteger }, { "18446744073709551615", "%u", -1 }, { "ff", "%x", 255 }, { "FF", "%X", 255 },
  { "0xff", "%#x", 255 }, { "ffffffffffffffff", "%x", -1 }, { "17", "%o", 15 }, { "017", "%#o", 15 }, { "A", "%c", 65 }, { "    A", "%5c", 65 }, { "\0", "%c", 0 },
  { "1.500000", "%f", 1.5 }, { "1.50", "%.2f", 1.5 }, { "  1.5", "%5.1f", 1.5 }, { "2", "%.0f", 1.5 }, { "0", "%.0f", 0.5 }, { "1.500000e+00", "%e", 1.5 }, { "1.5E+10", "%.1E", 1.5e10 }, { "1.5", "%g", 1.5 }, { "1e+20", "%g", 1e20 },
  { "1E+20", "%G", 1e20 }, { "100000", "%g", 100000 }, { "1e+06", "%g", 1000000 }, { "0.0001", "%g", 0.0001 }, { "1e-05", "%g", 0.00001 }, { "3.000000", "%f", 3 }, { "inf", "%f", math.huge }, { "-inf", "%f", -math.huge }, { "INF", "%G", math.huge },
  { "0x1p+0", "%a", 1 }, { "0x1.8p+1", "%a", 3.0 }, { "0X1.8P+1", "%A", 3.0 }, { "0x1.00p+0", "%.2a", 1.0 }, { "3.14", "%.3g", 3.14159 }, { "1.0000000000000000000", "%.19f", 1.0 }, { "0.1000000000000000055511151231257827", "%.34f", 0.1 },
  { "+1.5", "%+.1f", 1.5 }, { "-0.0", "%.1f", -0.0 }, { "1.", "%#.0f", 1 }, { "1.00000", "%#g", 1 }, { "  inf", "%5f", math.huge }, { "001.5", "%05.1f", 1.5 },
  { "hi", "%s", "hi" }, { "   hi", "%5s", "hi" }, { "hi   |", "%-5s|", "hi" }, { "he", "%.2s", "hello" }, { "nil", "%s", nil }, { "true", "%s", true }, { "1", "%s", 1 }, { "1.0", "%s", 1.0 }, { "", "%.0s", "x" }, { "a\0b", "%s", "a\0b" },
  { "%", "%%" }, { "a%b", "a%%b" }, { '"hi"', "%q", "hi" }, { '"a\\\nb"', "%q", "a\nb" }, { '"\\0"', "%q", "\0" }, { '"\\0001"', "%q", "\0001" }, { '"\\13\\9"', "%q", "\r\t" }, { '"\\"\\\\"', "%q", '"\\' }, { "5", "%q", 5 }, { "0x1p+0", "%q", 1.0 },
  { "0x8000000000000000", "%q", math.mininteger }, { "1e9999", "%q", math.huge }, { "-1e9999", "%q", -math.huge }, { "(0/0)", "%q", 0 / 0 }, { "nil", "%q", nil }, { "true", "%q", true },
  { "x=1 y=2.5 z", "x=%d y=%.1f %s", 1, 2.5, "z" }, { "[  7][7  ]", "[%3d][%-3d]", 7, 7 }, { "(null)", "%p", 5 }, { "(null)", "%p", nil }, { "0x0001", "%#06x", 1 }, { "0", "%x", 0 }, { "", "%.0d", 0 },
} do same("format " .. row[2], string.format(row[2], table.unpack(row, 3, #row > 2 and #row or 3)), row[1]) end
for _, row in ipairs {
  { "no integer representation", "%d", 1.5 }, { "number expected, got string", "%d", "x" }, { "no value", "%d" }, { "invalid conversion '%y' to 'format'", "%y", 1 }, { "(no value)", "%" },
  { "specifier '%q' cannot have modifiers", "%10q", "x" }, { "value has no literal form", "%q", {} }, { "invalid conversion", "%123d", 1 }, { "invalid conversion", "%.123d", 1 }, { "invalid conversion", "%#s", "x" }, { "invalid conversion", "%0s", "x" },
  { "string contains zeros", "%10s", "a\0b" }, { "number expected, got nil", "%f", nil }, { "invalid conversion", "%--5d x", 1, 2 },
} do
  local ok, m = pcall(string.format, table.unpack(row, 2, row[3] == nil and row[2] ~= "%d" and row[2] ~= "%" and 3 or #row))
  check("bad format " .. row[2], row[2] == "%--5d x" or (not ok and m:find(row[1], 1, true) ~= nil), m)
end
same("tostring is used", string.format("%s", setmetatable({}, { __tostring = function() return "T" end })), "T")
same("width with tostring", string.format("%4s", setmetatable({}, { __tostring = function() return "T" end })), "   T")
same("long text", #string.format("%s", ("x"):rep(1000)), 1000)
same("many arguments", string.format(("%d "):rep(50), table.unpack((function() local t = {}; for i = 1, 50 do t[i] = i end; return t end)())):sub(-4), " 50 ")
check("pointer", string.format("%p", {}):match("^0x%x+$") ~= nil)
same("pointer of equal strings", string.format("%p", "short") == string.format("%p", "sh" .. "ort"), true)
for _, x in ipairs { 0.1, 1 / 3, 1e300, 5e-324, 123456789.123, -2.5, 2 ^ 53, 1e15, 1.7976931348623157e308 } do
  same("round trip " .. x, tonumber(string.format("%.17g", x)) + 0.0, x)
  same("hexadecimal round trip " .. x, tonumber(string.format("%a", x)), x)
end

print("checks", n)
