-- Patterns: find, match, gmatch, gsub (manual 6.4.1).
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

local function show(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  return table.concat(out, "|")
end
for _, row in ipairs {
  { "hello", "l+", "3|4" }, { "hello", "xyz", "nil" }, { "hello", "", "1|0" }, { "", "", "1|0" }, { "hello", "(h)(e)", "1|2|h|e" }, { "hello", "()ll()", "3|4|3|5" },
  { "a.b", ".", "1|1" }, { "a.b", "%.", "2|2" }, { "x^y", "%^", "2|2" }, { "hello", "^h", "1|1" }, { "hello", "^e", "nil" }, { "hello", "o$", "5|5" }, { "a$b", "$b", "2|3" },
  { "aaa", "a-", "1|0" }, { "aaab", "a-b", "1|4" }, { "aaa", "a*", "1|3" }, { "aab", "a?b", "2|3" }, { "[x]", "%[(.-)%]", "1|3|x" }, { "f(a(b)c)d", "%b()", "2|8" },
  { "THE (quick) fox", "%f[%a]%a+%f[%A]", "1|3" }, { "key = value", "(%w+)%s*=%s*(%w+)", "1|11|key|value" }, { "2024-01-02", "(%d+)-(%d+)-(%d+)", "1|10|2024|01|02" },
  { "abcabc", "(abc)%1", "1|6|abc" }, { '"it"', "([\"'])(.-)%1", '1|4|"|it' }, { "x]y", "[]]", "2|2" }, { "x-y", "[a-]", "2|2" }, { "x-y", "[%-]", "2|2" }, { "b^", "[b^]", "1|1" },
  { "x^", "[^x]", "2|2" }, { "aZ9_", "[%a_][%w_]*", "1|4" }, { "\0a\0", "%z", "1|1" }, { "a\0b", "\0", "2|2" }, { "0x1F", "%x+$", "3|4" }, { "tab\there", "%c", "4|4" }, { "a,b", "%p", "2|2" },
  { "Ab", "%u%l", "1|2" }, { "  trim  ", "^%s*(.-)%s*$", "1|8|trim" }, { "a b", "%S+", "1|1" }, { "12ab", "%D+", "3|4" }, { "ab", "(a)(b)()", "1|2|a|b|3" }, { "ab!", "%g+", "1|3" },
  { "caf\xc3\xa9", "[\x80-\xff]+", "4|5" }, { "aXb", "%u", "2|2" }, { "((a)", "%(%(", "1|2" }, { "abc", "b", "2|2" }, { "a+b", "a+b", "nil" }, { "xay", "[a-c]", "2|2" }, { "x", "[^%s]", "1|1" },
} do same("find " .. (row[1] .. " " .. row[2]):gsub("%c", "?"), show(row[1]:find(row[2])), row[3]) end
for _, row in ipairs {
  { show(("hello"):find("l", 4)), "4|4" }, { show(("hello"):find("l", -1)), "nil" }, { show(("hello"):find("", 6)), "6|5" }, { show(("hello"):find("", 7)), "nil" }, { show(("a.b"):find(".", 2, true)), "2|2" },
  { show(("a+b"):find("+", 1, true)), "2|2" }, { show(("abc"):find("", 10, true)), "nil" }, { show(("abc"):find("b", -10)), "2|2" }, { show(("hello"):match("(h)(.)")), "h|e" }, { show(("hello"):match("l*", 3)), "ll" },
  { show(("hello"):match("^l", 3)), "l" }, { show(("x"):match("()")), "1" }, { show(("abc"):match(".-")), "" }, { show(("k=v"):match("(%w)=(%w)(%w?)")), "k|v|" }, { show(("x"):match("y")), "nil" },
} do same("start " .. row[2], row[1], row[2]) end

local function all(s, p)
  local out = {}
  for a, b in s:gmatch(p) do out[#out + 1] = b and a .. ":" .. b or tostring(a) end
  return table.concat(out, ",")
end
same("gmatch words", all("one two  three", "%a+"), "one,two,three")
same("gmatch pairs", all("a=1, b=2", "(%w+)=(%w+)"), "a:1,b:2")
same("gmatch empty", all("abc", ""), ",,,")
same("gmatch star", all("abab", "a*"), "a,a,")
same("gmatch positions", all("abc", "()"), "1,2,3,4")
same("gmatch has no anchor", all("aaa", "^a"), "")
do
  local out = {}
  for w in ("one two three"):gmatch("%a+", 5) do out[#out + 1] = w end
  same("gmatch from", table.concat(out, ","), "two,three")
end

for _, row in ipairs {
  { ("hello"):gsub("l", "L"), "heLLo" }, { ("hello"):gsub("l", "L", 1), "heLlo" }, { ("hello"):gsub("", "-"), "-h-e-l-l-o-" }, { ("abc"):gsub("%w", "%0%0"), "aabbcc" },
  { ("abc"):gsub("(a)(b)", "%2%1"), "bac" }, { ("hello world"):gsub("o", { o = "0" }), "hell0 w0rld" }, 
  { ("abc"):gsub("%w", function(c) if c == "b" then return "[b]" end end), "a[b]c" }, { ("abc"):gsub("b", "%%"), "a%c" }, { ("abc"):gsub("x*", "-"), "-a-b-c-" }, { ("abc"):gsub("^a", "x"), "xbc" },
  { ("aaa"):gsub("^a", "x"), "xaa" }, { ("$name is $age"):gsub("%$(%w+)", { name = "Lua", age = 30 }), "Lua is 30" }, { ("abc"):gsub("", ""), "abc" }, { ("a b c"):gsub("%s", ""), "abc" },
  { ("x"):gsub(".", "%1"), "x" }, { ("abc d"):gsub("%w+", string.upper), "ABC D" }, { ("abc"):gsub("(b)()", "%2"), "a3c" }, { ("abc"):gsub("b", 7), "a7c" }, { ("hello"):gsub("l", "L", 0), "hello" },
} do
  if row[2] then same("gsub " .. row[2], (row[1]), row[2]) end
end
same("gsub count", select(2, ("banana"):gsub("a", "o")), 3)
same("gsub of unchanged", select(2, ("abc"):gsub("x", "y")), 0)
same("gsub table false keeps", (("ab"):gsub("%w", { a = false })), "ab")
fails("gsub table true", "invalid replacement value (a boolean)", string.gsub, "a", "a", { a = true })
fails("gsub bad value", "invalid replacement value (a table)", string.gsub, "a", "a", function() return {} end)
fails("gsub replacement type", "bad argument #3 to 'gsub' (string/function/table expected, got nil)", function() string.gsub("a", "a", nil) end)
fails("gsub capture index", "invalid capture index %2", string.gsub, "a", "a", "%2")
fails("gsub bad escape", "invalid use of '%' in replacement string", string.gsub, "a", "a", "%x")
for _, row in ipairs {
  { "(", "unfinished capture" }, { "[a", "malformed pattern (missing ']')" }, { "%", "malformed pattern (ends with '%')" }, { "%b", "missing arguments to '%b'" },
  { "%f", "missing '[' after '%f' in pattern" }, { "%1", "invalid capture index" }, { "(a)%2", "invalid capture index" }, { "[%", "malformed pattern" }, { "(()", "unfinished capture" }, { "[]", "malformed pattern (missing ']')" },
} do fails("bad pattern " .. row[1], row[2], string.find, "aab", row[1]) end
fails("too many captures", "too many captures", string.find, "a", ("()"):rep(33))
fails("too complex", "pattern too complex", string.find, ("x"):rep(300000), ("x?"):rep(300000))
same("thirty-two captures", select("#", ("a"):find(("()"):rep(32))), 34)
same("long subject", #("x"):rep(100000):match(".*"), 100000)
same("lazy long", ("x"):rep(2000):find(".-y"), nil)
same("balanced nested", ("((a)(b))x"):match("%b()"), "((a)(b))")
same("frontier at the end", ("abc"):find("%f[%z]"), 4)

print("checks", n)
