-- Random patterns on random subjects, wrong ones included: `find`, `match`, `gsub` and `gmatch` as the reference.

local seed = 20260
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return (seed >> 8) % n + 1
end

local items = {
  "a", "b", "x", "%a", "%d", "%w", "%s", "%A", "%u", ".", "[ab]", "[^a]", "[%d_]", "[a-c]", "[^%s]", "%.", "%%", "[]]", "[^]]",
  "%f[%w]", "%f[%W]", "%bab", "%b()", "%1", "%2", "()", "^", "$", "%", "[a", "(", ")", "%f", "]", "-", "%z", "\0",
}
local ordinary = 23
local suffixes = { "*", "+", "-", "?" }
local pieces = { "a", "b", "ab", "x", " ", "1", "_", "(", ")", "]", "%", "^", "$", "c", "A", "\0", "aab" }

local function pattern()
  local parts, open = {}, 0
  for _ = 1, random(7) do
    local choice = random(100)
    if choice <= 15 then
      parts[#parts + 1] = "("
      open = open + 1
    elseif choice <= 27 and open > 0 then
      parts[#parts + 1] = ")"
      open = open - 1
    else
      parts[#parts + 1] = items[random(random(100) <= 85 and ordinary or #items)]
      if random(100) <= 45 then parts[#parts + 1] = suffixes[random(4)] end
    end
  end
  if random(10) > 1 then parts[#parts + 1] = (")"):rep(open) end
  local text = table.concat(parts)
  if random(7) == 1 then text = "^" .. text end
  if random(7) == 1 then text = text .. "$" end
  return text
end

local function subject()
  local parts = {}
  for i = 1, random(15) - 1 do parts[i] = pieces[random(#pieces)] end
  return table.concat(parts)
end

local function show(...)
  local values = table.pack(...)
  for i = 1, values.n do values[i] = ("%q"):format(tostring(values[i])) end
  return table.concat(values, " ")
end

local function joined(text, searched)
  local found = {}
  for a, b in text:gmatch(searched) do found[#found + 1] = tostring(a) .. "|" .. tostring(b) end
  return table.concat(found, ";")
end

local checks = 400
for _ = 1, checks do
  local searched, text = pattern(), subject()
  print(("ok   %q %q"):format(searched, text))
  print(show(pcall(string.find, text, searched, random(5) == 1 and random(14) - 6 or nil)))
  print(show(pcall(string.match, text, searched)))
  print(show(pcall(string.gsub, text, searched, random(2) == 1 and "<%0>" or "<%1>")))
  print(show(pcall(string.gsub, text, searched, function(a, b) return tostring(a) .. tostring(b) end)))
  print(show(pcall(joined, text, searched)))
end

-- More items than are taken apart at once.
local long = ("a?"):rep(150) .. ("b"):rep(6000) .. "(c)"
local text = ("b"):rep(6000) .. "c"
print(text:find(long), text:match(long), (text:gsub(long, "%1%1")))
print(pcall(string.find, ("b"):rep(6000), ("b"):rep(6000) .. "%"))
print(pcall(string.find, "x", ("b"):rep(6000) .. "%"))
print("checks", checks)
