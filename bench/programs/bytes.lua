-- Walking strings byte by byte: string.byte, string.char, checksums, and a base64 coder.
-- tiny: 300
local size = tonumber(arg and arg[1]) or 400000

local crc_table = {}
for i = 0, 255 do
  local c = i
  for _ = 1, 8 do c = c & 1 == 1 and 0xedb88320 ~ (c >> 1) or c >> 1 end
  crc_table[i] = c
end
local function crc32(text)
  local crc = 0xffffffff
  for i = 1, #text do crc = crc_table[(crc ~ text:byte(i)) & 0xff] ~ (crc >> 8) end
  return crc ~ 0xffffffff
end
local function adler32(text)
  local a, b = 1, 0
  for i = 1, #text do
    a = (a + text:byte(i)) % 65521
    b = (b + a) % 65521
  end
  return b << 16 | a
end
local function fnv1a(text)
  local hash = 0xcbf29ce484222325
  for _, byte in ipairs { text:byte(1, 100) } do hash = (hash ~ byte) * 0x100000001b3 end
  return hash
end

local letters, values = {}, {}
for i = 0, 63 do
  local letter = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i + 1)
  letters[i], values[letter] = string.char(letter), i
end
local function encode(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = letters[bits >> 18] .. letters[bits >> 12 & 63]
      .. (b and letters[bits >> 6 & 63] or "=") .. (c and letters[bits & 63] or "=")
  end
  return table.concat(out)
end
local function decode(text)
  local out = {}
  for i = 1, #text, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    local bits = values[a] << 18 | values[b] << 12 | (values[c] or 0) << 6 | (values[d] or 0)
    local three = string.char(bits >> 16, bits >> 8 & 255, bits & 255)
    out[#out + 1] = values[c] and (values[d] and three or three:sub(1, 2)) or three:sub(1, 1)
  end
  return table.concat(out)
end

local seed, parts = 1, {}
for i = 1, size do
  seed = (seed * 16807) % 2147483647
  parts[i] = string.char(seed >> 7 & 255)
end
local text = table.concat(parts)
local coded = encode(text)
print(("%08x %08x %016x"):format(crc32(text), adler32(text), fnv1a(text)))
print(#coded, coded:sub(1, 20), decode(coded) == text, encode("any carnal pleas"))
print(("%08x"):format(crc32("123456789")))
local spaces = 0
for i = 1, #text do
  local byte = text:byte(i)
  if byte == 32 or byte >= 9 and byte <= 13 then spaces = spaces + 1 end
end
print(spaces)
