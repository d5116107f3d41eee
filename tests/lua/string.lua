-- The string library except patterns, format and pack (manual 6.4).
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
  { "sub", ("hello"):sub(2, 4), "ell" }, { "sub to end", ("hello"):sub(3), "llo" }, { "sub negative", ("hello"):sub(-3, -2), "ll" },
  { "sub beyond", ("hello"):sub(0, 99), "hello" }, { "sub empty", ("hello"):sub(4, 2), "" }, { "sub far negative", ("hello"):sub(-99, 2), "he" },
  { "sub min", ("hello"):sub(math.mininteger, math.maxinteger), "hello" }, { "sub float index", ("hello"):sub(2.0, 3), "el" },
  { "upper", ("aBc1"):upper(), "ABC1" }, { "lower", ("aBc1"):lower(), "abc1" }, { "len", ("a\0b"):len(), 3 }, { "reverse", ("abc"):reverse(), "cba" },
  { "reverse empty", (""):reverse(), "" }, { "rep", ("ab"):rep(3), "ababab" }, { "rep separator", ("ab"):rep(3, "-"), "ab-ab-ab" },
  { "rep zero", ("ab"):rep(0), "" }, { "rep negative", ("ab"):rep(-1), "" }, { "rep one", ("ab"):rep(1, "-"), "ab" }, { "rep empty", (""):rep(100), "" },
  { "byte", ("A"):byte(), 65 }, { "byte negative", ("abc"):byte(-1), 99 }, { "byte beyond", ("abc"):byte(10), nil },
  { "byte range", select("#", ("abc"):byte(1, -1)), 3 }, { "char", string.char(72, 105), "Hi" }, { "char nothing", string.char(), "" },
  { "byte high", ("\xff"):byte(), 255 }, { "number argument", string.rep(5, 2), "55" }, { "len of number", string.len(12), 2 },
} do same(row[1], row[2], row[3]) end
fails("char range", "bad argument #1 to 'string.char' (value out of range)", string.char, 256)
fails("char negative", "value out of range", string.char, -1)

-- Escapes and long strings, through load.
for _, row in ipairs {
  { [["\a\b\f\n\r\t\v\\\"\'"]], "\7\8\12\10\13\9\11\92\34\39" }, { [["\x41\x7a"]], "Az" }, { [["\65\066\0671"]], "ABC1" },
  { [["\u{48}\u{20AC}\u{10FFFF}"]], "H\xE2\x82\xAC\xF4\x8F\xBF\xBF" }, { [["\u{7FFFFFFF}"]], "\xFD\xBF\xBF\xBF\xBF\xBF" },
  { "\"a\\z  \n  b\"", "ab" }, { "\"a\\\nb\"", "a\nb" }, { "\"a\\\r\nb\"", "a\nb" }, { "[[x]]", "x" }, { "[[\nx]]", "x" }, { "[[\n\nx]]", "\nx" },
  { "[==[a]]b]=]c]==]", "a]]b]=]c" }, { "[[a\r\nb\rc\n\rd]]", "a\nb\nc\nd" }, { [=[[[\n]]]=], "\\n" }, { "'it''s'", nil }, { [['"']], '"' }, { [["\0"]], "\0" },
} do
  local f, e = load("return " .. row[1])
  if row[2] then same("literal " .. row[1]:gsub("[\r\n]", "|"), f and f(), row[2]) else check("bad literal", f == nil or not pcall(f)) end
end
for _, row in ipairs {
  { [["\q"]], "invalid escape sequence near '\"\\q'" }, { [["\400"]], "decimal escape too large near '\"\\400\"'" }, { [["\xZZ"]], "hexadecimal digit expected near '\"\\xZ'" },
  { [["\u{110000000}"]], "UTF-8 value too large" }, { [["\u123"]], "missing '{'" }, { [["\u{12"]], "missing '}'" }, { '"abc', "unfinished string near" },
  { '"abc\n"', "unfinished string near '\"abc'" }, { "[[abc", "unfinished long string (starting at line 1) near <eof>" }, { "[=abc", "invalid long string delimiter near '[='" },
  { "--[[abc", "unfinished long comment (starting at line 1) near <eof>" },
} do
  local f, e = load("return " .. row[1], "=c")
  check("bad literal " .. row[1]:gsub("\n", "|"), f == nil and e:find(row[2], 1, true) ~= nil, e)
end

-- tostring and comparison of text.
same("tostring nil", tostring(nil), "nil")
same("tostring true", tostring(true), "true")
check("tostring table", tostring({}):match("^table: 0x%x+$") ~= nil)
check("tostring function", tostring(print):match("^function: ") ~= nil)
fails("tostring nothing", "bad argument #1 to 'tostring' (value expected)", tostring)
same("concat numbers", 1 .. "" .. 2.0 .. -3, "12.0-3")
same("long concat", #table.concat { ("a"):rep(100), ("b"):rep(100) }, 200)
same("equal long strings", ("x"):rep(100) == ("x"):rep(50) .. ("x"):rep(50), true)
same("long string as a key", ({ [("k"):rep(100)] = 1 })[("k"):rep(60) .. ("k"):rep(40)], 1)
same("utf8 length in bytes", #"\u{20AC}", 3)
same("dump runs", load(string.dump(function(a) return a + 1 end), "d", "b")(4), 5)
same("the first upvalue of a dump becomes the globals", (function() local up = 1; return load(string.dump(function() return up end))() == _G end)(), true)
fails("dump of native", "unable to dump given function", string.dump, print)

print("checks", n)
