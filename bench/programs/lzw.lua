-- LZW compression and its inverse: strings made by concatenation as keys of a dictionary.
-- tiny: 300
local size = tonumber(arg and arg[1]) or 1600000

local function compress(text)
  local codes, next_code = {}, 256
  for i = 0, 255 do codes[string.char(i)] = i end
  local out, run = {}, ""
  for i = 1, #text do
    local letter = text:sub(i, i)
    local longer = run .. letter
    if codes[longer] then
      run = longer
    else
      out[#out + 1] = codes[run]
      if next_code < 4096 then
        codes[longer] = next_code
        next_code = next_code + 1
      end
      run = letter
    end
  end
  if run ~= "" then out[#out + 1] = codes[run] end
  return out
end

local function expand(list)
  local strings, next_code = {}, 256
  for i = 0, 255 do strings[i] = string.char(i) end
  local previous = strings[list[1]]
  local out = { previous }
  for i = 2, #list do
    local entry = strings[list[i]] or previous .. previous:sub(1, 1)
    out[#out + 1] = entry
    if next_code < 4096 then
      strings[next_code] = previous .. entry:sub(1, 1)
      next_code = next_code + 1
    end
    previous = entry
  end
  return table.concat(out)
end

local parts, seed, length = {}, 99, 0
while length < size do
  seed = (seed * 16807) % 2147483647
  local part = ("%d apples and %s; "):format(seed % 100, ("pears "):rep(seed % 5))
  parts[#parts + 1] = part
  length = length + #part
end
local text = table.concat(parts)
local codes = compress(text)
local sum = 0
for i, code in ipairs(codes) do sum = (sum + i * code) % 1000003 end
print(#text, #codes, sum, expand(codes) == text)
