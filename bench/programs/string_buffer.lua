-- Building, splitting, searching and replacing strings.
-- tiny: 200
local size = tonumber(arg and arg[1]) or 250000

local function hash(text)
  local h = 5381
  for i = 1, #text, 97 do h = (h * 33 + text:byte(i)) & 0xffffffff end
  return h
end

local parts = {}
for i = 1, size do
  parts[#parts + 1] = string.format("%d:%s;", i, ("x"):rep(i % 7))
end
local text = table.concat(parts)
print("concat", #text, hash(text))

local fields, letters = 0, 0
for number, tail in text:gmatch("(%d+):(x*);") do
  fields = fields + tonumber(number) % 3
  letters = letters + #tail
end
print("gmatch", fields, letters)

local replaced, count = text:gsub("x+", function(run) return #run % 2 == 0 and run:upper() or nil end)
print("gsub", #replaced, count, hash(replaced))

local position, lines = 1, 0
while true do
  local found = text:find(";", position, true)
  if not found then break end
  lines = lines + 1
  position = found + 1
end
print("find", lines)

local grown = ""
for i = 1, size // 20 do grown = grown .. string.char(65 + i % 26) end
print("append", #grown, hash(grown))

local words, distinct = {}, 0
for i = 1, size do
  local word = "w" .. (i * 7919) % (size // 4 + 1)
  if not words[word] then
    words[word] = 0
    distinct = distinct + 1
  end
  words[word] = words[word] + 1
end
print("words", distinct, words.w0 or words.w1)
print("reverse", hash(text:reverse()), hash(text:rep(2, ",")), hash(text:lower()))
