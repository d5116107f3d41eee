-- Counting short substrings of a long sequence: string.sub, and tables whose keys are made at run time.
-- tiny: 500
local size = tonumber(arg and arg[1]) or 280000

local seed = 42
local function random()
  seed = (seed * 3877 + 29573) % 139968
  return seed / 139968
end

local function sequence(n)
  local letters = {}
  for i = 1, n do
    local x = random()
    letters[i] = x < 0.30 and "a" or x < 0.50 and "c" or x < 0.70 and "g" or "t"
  end
  return table.concat(letters)
end

local function frequencies(text, length)
  local counts = setmetatable({}, { __index = function() return 0 end })
  for i = 1, #text - length + 1 do
    local key = text:sub(i, i + length - 1)
    counts[key] = counts[key] + 1
  end
  return counts
end

local function report(counts, total)
  local keys = {}
  for key in pairs(counts) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  for i = 1, math.min(4, #keys) do
    print(("%s %.3f"):format(keys[i]:upper(), counts[keys[i]] * 100 / total))
  end
end

local text = sequence(size)
for length = 1, 2 do report(frequencies(text, length), size - length + 1) end
for _, fragment in ipairs { "ggt", "ggta", "ggtatt", "ggtattttaatt" } do
  print(frequencies(text, #fragment)[fragment], fragment:upper())
end
