-- Counting words: gmatch, lower, tables with string keys, sorting by count.
-- tiny: 30
local size = tonumber(arg and arg[1]) or 55000

local seed = 7
local function random(n)
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return (seed >> 12) % n + 1
end

local syllables = {}
for s in ("ba ce di fo gu ha je ki lo mu na pe ri so tu Va we xi Yo zu"):gmatch("%a+") do
  syllables[#syllables + 1] = s
end
local function word()
  -- Few words are frequent, as in real text.
  local choice = random(random(#syllables))
  local text = syllables[choice]
  for _ = 1, random(3) - 1 do text = text .. syllables[random(choice)] end
  return text
end

local lines = {}
for i = 1, size do
  local words = {}
  for j = 1, 4 + random(6) do words[j] = word() end
  lines[i] = table.concat(words, " ") .. (i % 7 == 0 and "!" or ".")
end
local text = table.concat(lines, "\n")

local counts, order, longest = {}, {}, ""
for found in text:gmatch("%a+") do
  local key = found:lower()
  if not counts[key] then order[#order + 1] = key end
  counts[key] = (counts[key] or 0) + 1
  if #key > #longest then longest = key end
end
table.sort(order, function(a, b)
  if counts[a] ~= counts[b] then return counts[a] > counts[b] end
  return a < b
end)

print(#text, #order, longest)
for i = 1, math.min(10, #order) do print(("%-8s%6d"):format(order[i], counts[order[i]])) end

local initials = {}
for key, count in pairs(counts) do
  local initial = key:sub(1, 1)
  initials[initial] = (initials[initial] or 0) + count
end
local shown = {}
for initial, count in pairs(initials) do shown[#shown + 1] = initial .. "=" .. count end
table.sort(shown)
print(table.concat(shown, " "))
