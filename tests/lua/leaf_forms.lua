-- Functions of the library that are done without a frame when one result is wanted: they are what they are with one.
local checks = 0
local function show(name, ...)
  checks = checks + 1
  print("ok   " .. name, ...)
end
local function values(f, ...) local ok, value = pcall(f, ...) return ok and value or tostring(value):gsub("^.-:%d+: ", "") end

local SUBJECTS = { "", "a", "abc", "hello world", "a.b.c", "  trim  ", "k=v; x=yz", ("ab "):rep(30), "12.5", 12, 1.5 }
local PATTERNS = { "", ".", "%w+", "(%w)(%w*)", "()%w", "^a", "b$", "(%w+)=(%w+)", "%s*", ".-", "x?", "[^ ]+", "%", "(", "(()", "%1", "%b()", "%f[%w]%w+", "." , "b c", "+" }
local STARTS = { false, 1, 2, -1, 0, 5, 100, -100, math.mininteger, 2.0, 2.5, "3", "x" }

for _, name in ipairs { "match", "find" } do
  local f = string[name]
  for _, subject in ipairs(SUBJECTS) do
    local results = {}
    for _, pattern in ipairs(PATTERNS) do
      for _, start in ipairs(STARTS) do
        local value
        if start then value = values(function() return (f(subject, pattern, start)) end) else value = values(function() return (f(subject, pattern)) end) end
        results[#results + 1] = tostring(value)
      end
    end
    show(name .. " in " .. tostring(subject):sub(1, 12), table.concat(results, " "))
  end
end
for _, plain in ipairs { true, false, "yes" } do
  local results = {}
  for _, subject in ipairs(SUBJECTS) do
    for _, pattern in ipairs(PATTERNS) do results[#results + 1] = tostring(values(function() return (string.find(subject, pattern, 1, plain)) end)) end
  end
  show("plain find, " .. tostring(plain), table.concat(results, " "))
end

for _, pattern in ipairs(PATTERNS) do
  local results = {}
  for _, subject in ipairs(SUBJECTS) do
    results[#results + 1] = tostring(values(function()
      local found = {}
      for first in string.gmatch(subject, pattern) do found[#found + 1] = tostring(first) end
      for first in string.gmatch(subject, pattern, 3) do found[#found + 1] = tostring(first) end
      local next = string.gmatch(subject, pattern)
      local first = next()
      for other in next do found[#found + 1] = tostring(other) .. tostring(first) end
      return table.concat(found, " ")
    end))
  end
  show("gmatch of " .. pattern, table.concat(results, "|"))
end
local kept, count = {}, 0
for word in (("some words that are collected "):rep(300)):gmatch("%a+") do
  count = count + 1
  kept[count % 50] = word .. count
end
show("gmatch that makes much", count, kept[0], kept[49])
local both = {}
local other = ("x y z"):gmatch("%w")
for word in ("a b c"):gmatch("%w") do both[#both + 1] = word .. tostring(other()) end
show("two at once", table.concat(both, " "))

local ODD = { 0, 1, -1, 3, 2.0, 2.5, "2", 63, 64, 65, 1 << 40 }
for _, subject in ipairs { "", "x", "ab", 7 } do
  local results = {}
  for _, n in ipairs(ODD) do
    local long = n == 1 << 40
    results[#results + 1] = long and "left out" or tostring(values(function() return (string.rep(subject, n)) end))
  end
  results[#results + 1] = string.rep(subject, 3, "-")
  show("rep of " .. tostring(subject), table.concat(results, " "))
end
for _, subject in ipairs { "", "aB1é", ("Ab"):rep(31), ("Ab"):rep(32), ("Ab"):rep(33), 12, 1.5 } do
  show("upper and lower of " .. tostring(subject):sub(1, 8), (string.upper(subject)), (string.lower(subject)))
end

local PLAIN = { 0, -1, math.maxinteger, math.mininteger, 0.5, -0.0, 1e15, 1e100, -1e-300, 2^53, 1 / 0, -1 / 0, true, false, "text", "" }
for _, value in ipairs(PLAIN) do show("tostring", (tostring(value)), (tostring(value)) == tostring(value), type(value) == "boolean" or value .. "" == tostring(value)) end
show("tostring of nil", (tostring(nil)), (pcall(tostring)))
show("tostring with a name", (tostring(setmetatable({}, { __tostring = function() return "own" end }))))
debug.setmetatable(1, { __tostring = function(n) return "number" end })
show("tostring of numbers with a metatable", (tostring(1)), (tostring(1.5)))
debug.setmetatable(1, nil)
getmetatable("").__tostring = function(s) return "string" end
local strange = tostring("x")
getmetatable("").__tostring = nil
show("tostring of strings with another metamethod", strange)
debug.setmetatable(nil, { __tostring = function() return "nothing" end })
show("tostring of nil with a metatable", (tostring(nil)))
debug.setmetatable(nil, nil)
show("numbers in a row", 1 .. "", 1 .. 2 .. 3, 1.5 .. "x" .. -2, 1 .. "a" .. 2 .. "b" .. 3 .. "c" .. 4 .. "d" .. 5 .. "e" .. 6.0)
print("checks", checks)
