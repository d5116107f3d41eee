-- Functions of the library in the places where all their results are wanted: last arguments, last items, results.
local checks = 0
local function show(name, ...)
  checks = checks + 1
  print("ok   " .. name, ...)
end
local function n(...) return select("#", ...), ... end
local t = {1,2,3}
local mt = setmetatable({}, {__metatable = "locked"})
local cases = {
  function() return n(math.max(1, 2)) end, function() return n(math.floor(2.5)) end, function() return n(("abc"):byte(2)) end,
  function() return n(("abc"):byte(9)) end, function() return n(("abc"):byte(1, -1)) end, function() return n(("abc"):upper()) end,
  function() return n(("abc"):find("b")) end, function() return n(("abc"):find("z")) end, function() return n(("abc"):find("b", 1, true)) end,
  function() return n(("abc"):find("z", 1, true)) end, function() return n(("abc"):match("b")) end, function() return n(("abc"):match("(a)(b)")) end,
  function() return n(("abc"):match("()b")) end, function() return n(("abc"):match("z")) end, function() return n(("abc"):gsub("b", "x")) end,
  function() return n(("abc"):gsub("z", "x")) end, function() return n(("abc"):gsub("z", print)) end, function() return n(("abc"):gsub("b", {})) end,
  function() return n(("%d %s"):format(1, "x")) end, function() return n(assert(1)) end, function() return n(assert(1, 2, 3)) end,
  function() return n(select(2, 1, 2, 3)) end, function() return n(select(3, 1, 2, 3)) end, function() return n(select("#", 1, 2)) end,
  function() return n(select(4, 1, 2, 3)) end, function() return n(select(-1, 1, 2, 3)) end, function() return n(tonumber("ff", 16)) end,
  function() return n(tonumber("zz", 10)) end, function() return n(tonumber("-ff", 16)) end, function() return n(tonumber(" 12 ", 8)) end,
  function() return n(tonumber("7fffffffffffffff", 16)) end, function() return n(tonumber("", 16)) end, function() return n(tonumber("1e1", 16)) end,
  function() return n(tonumber("12", 36)) end, function() return n(tonumber("Zz", 36)) end, function() return n(tonumber("9", 8)) end,
  function() return n(tonumber("1x")) end, function() return n(tonumber(nil)) end, function() return n(tostring(nil)) end,
  function() return n(type(1)) end, function() return n(rawget(t, 9)) end, function() return n(rawget(t, 1)) end,
  function() return n(getmetatable(t)) end, function() return n(getmetatable(mt)) end, function() return n(getmetatable("").__index == string) end,
  function() local x = {} return n(table.insert(x, 1)), #x end, function() return n(table.remove({})) end, function() return n(table.remove({5, 6})) end,
  function() return n(string.char(65)) end, function() return n(string.char()) end, function() return n(string.char(65, 66)) end,
  function() return n(string.rep("x", 3)) end, function() return n(("x"):len()) end, function() return n(("hello"):sub(2, 3)) end,
  function() return n(setmetatable({}, nil)) ~= nil end, function() return n(rawequal(1, 1)) end, function() return n(math.tointeger(2.0)) end,
  function() return n(math.tointeger("x")) end, function() return n(("x"):gsub("x", "%1")) end,
  function() return ({math.max(1, 2), math.min(1, 2)})[2] end, function() return #{("abc"):byte(1, 3)}, #{("a"):byte()} end,
  function() return {tostring(1), tostring(2), n(tostring(3))} and 1 end,
}
for _ = 1, 60 do for _, f in ipairs(cases) do pcall(f) end end
for i, f in ipairs(cases) do show("case " .. i, pcall(f)) end

-- Formats, alone and as last argument.
local FORMATS = {
  "", "text", "%%", "%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%.3d", "%.0d", "%i", "%x", "%X", "%#x", "%08X", "%c", "%5c", "%s", "%10s", "%-10s|", "%.2s",
  "%5.1s", "%f", "%.2f", "%10.3f", "%-10.1f|", "%e", "%g", "%.14g", "%G", "%a", "%q", "%5q", "%u", "%o", "%p", "%", "%y", "%123d", "%.123d", "%0-+ #5d", "%s and %d", "%d%d",
  "%d %s %x %5.2f %%", ("%s"):rep(20), ("x"):rep(250) .. "%d", ("x"):rep(300) .. "%s", "%-300d", "%99d%99d%99d",
}
local VALUES = { 0, 1, -1, 255, math.mininteger, math.maxinteger, 2.0, 2.5, -0.0, 1 / 0, "12", "0x10", "text", "a\0b", ("y"):rep(260), true }
for _, format in ipairs(FORMATS) do
  local results = {}
  for _, value in ipairs(VALUES) do
    for _ = 1, 2 do
      local ok, one = pcall(function() local one = string.format(format, value, value) return one end)
      local all, count = pcall(function() return n(string.format(format, value, value)) end)
      local address = format:find("%%p") and ok
      results[#results + 1] = tostring(ok) .. ":" .. (address and "address" or tostring(one)) .. ":" .. tostring(all and count)
    end
  end
  show("format " .. format:sub(1, 20), table.concat(results, ";"))
end
show("a name in a format", pcall(string.format, "%s %s", setmetatable({}, { __tostring = function() return "own" end }), nil))
debug.setmetatable(1, { __tostring = function() return "number" end })
for _ = 1, 3 do show("numbers with a metatable", string.format("%s %s %d", 1, 1.5, 2)) end
debug.setmetatable(1, nil)
for _ = 1, 3 do show("no value", pcall(function() local s = ("%d %d"):format(1) return s end)) end

-- gsub for one result.
local function one(...) local ok, text = pcall(function(...) local text = string.gsub(...) return text end, ...) return text end
local SUBJECTS = { "", "abc", "a.b.c", "hello world", ("ab"):rep(40), ("x"):rep(5000), 12, 1.5 }
local PATTERNS = { "", "b", "^a", "%w+", "(%w)(%w*)", "()", "z", "%", "(", "%f[%w]", "^", "$", "[%c\"]", ".-", "x" }
local calls = 0
local REPLACEMENTS = {
  "", "-", "%0%0", "%1", "%2", "%%", "%z", "%9", 5, 1.5, {}, { a = "A", abc = 1, x = false, [1] = "p" }, setmetatable({}, { __index = function(_, k) return k .. "!" end }),
  function() calls = calls + 1 end, function(...) return select("#", ...) end, string.upper, true,
}
for _, pattern in ipairs(PATTERNS) do
  for number, replacement in ipairs(REPLACEMENTS) do
    local results = {}
    for _, subject in ipairs(SUBJECTS) do
      for _ = 1, 2 do results[#results + 1] = tostring(one(subject, pattern, replacement)):sub(1, 60) end
      results[#results + 1] = tostring(one(subject, pattern, replacement, 1)):sub(1, 60)
    end
    show("gsub " .. pattern .. " by " .. number, table.concat(results, ";"))
  end
end
show("no replacement", one("abc", "b"), one("abc", "b", nil))
show("calls", calls)
-- Every number of results.
local EXPRESSIONS = {
  '("key = value"):find("=")', '("key = value"):find("(%w+) = (%w+)")', '("abc"):find("(a)(b)(c)")', '("abc"):find("()")', '("abc"):find("z")',
  '("abc"):find("b", 1, true)', '("abc"):find("", 10)', '("abc"):find("", 4)', '("abcd"):match("(.)(.)(.)(.)")', '("abcde"):match("(.)(.)(.)(.)(.)")',
  '("abc"):match("(a)(b)(c)")', '("abc"):match("b")', '("abc"):match("()b()")', '("abc"):match("(z)")', '("12,-5"):match("(-?%d+),(-?%d+)")',
  '("abc"):gsub("b", "x")', '("abc"):gsub("z", "x")', '("abc"):gsub(".", "%0%0")', '("abc"):gsub("b", string.upper)', '("abc"):gsub("z", string.upper)',
  '("abc"):gsub("", "-")', '("abc"):gsub("b", "x", 0)', '("abc"):byte(1, 3)', '("abc"):byte(2)', '("abc"):byte(7)', 'math.max(1, 2)', 'tostring(12)',
  'select(2, "a", "b", "c")', 'select("#", 1, 2)', 'select(3, 1, 2, 3)', 'assert(1, 2, 3)', 'assert("one")', 'tonumber("11", 2)', 'type({})',
  'string.format("%d-%s", 5, "x")', 'table.remove({ 1, 2 })', 'table.remove({})', 'table.insert({}, 1)', 'math.floor(1.5)', 'rawget({ 5 }, 1)', 'rawequal(1, 1)',
  '("x"):rep(3)', '("abc"):sub(2)', '("abc"):upper()', 'string.char(65)', 'getmetatable("").__index == string', '("(unfinished"):match("(()")', '("abc"):find("[")',
}
for _, expression in ipairs(EXPRESSIONS) do
  local results = {}
  for wanted = 1, 7 do
    local names = ("a,b,c,d,e,f,g"):sub(1, wanted * 2 - 1)
    local f = load("local " .. names .. " = " .. expression .. " return " .. names)
    for _ = 1, 70 do pcall(f) end
    local values = table.pack(pcall(f))
    for i = 1, values.n do values[i] = tostring(values[i]) end
    results[#results + 1] = table.concat(values, " ", 1, values.n)
  end
  show(expression, table.concat(results, "; "))
end
for _, pattern in ipairs { "(%w)=(%w)", "(%w)()", "%w", "()", "(%w)=(%w)(;?)", "(%w)(=)(%w)(;)", "(%w)(=)(%w)(;)()", "(" } do
  local results = {}
  local function add(...)
    for i = 1, select("#", ...) do results[#results + 1] = tostring((select(i, ...))) end
  end
  for _ = 1, 3 do
    pcall(function() for a in ("k=v;x=y;"):gmatch(pattern) do add(a) end end)
    pcall(function() for a, b in ("k=v;x=y;"):gmatch(pattern) do add(a, b) end end)
    pcall(function() for a, b, c in ("k=v;x=y;"):gmatch(pattern) do add(a, b, c) end end)
    pcall(function() for a, b, c, d in ("k=v;x=y;"):gmatch(pattern) do add(a, b, c, d) end end)
    pcall(function() for a, b, c, d, e in ("k=v;x=y;"):gmatch(pattern) do add(a, b, c, d, e) end end)
  end
  show("gmatch " .. pattern, table.concat(results, " "))
end
print("checks", checks)
