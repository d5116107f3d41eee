-- Encodes and decodes JSON: byte scanning, string building, recursive descent.
-- tiny: 1
local rounds = tonumber(arg and arg[1]) or 60

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local unescapes = { n = "\n", r = "\r", t = "\t", b = "\b", f = "\f" }

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

local encode_into
local function encode_list(out, list)
  out[#out + 1] = "["
  for i = 1, #list do
    if i > 1 then out[#out + 1] = "," end
    encode_into(out, list[i])
  end
  out[#out + 1] = "]"
end
local function encode_object(out, object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  out[#out + 1] = "{"
  for i = 1, #keys do
    if i > 1 then out[#out + 1] = "," end
    out[#out + 1] = quote(keys[i])
    out[#out + 1] = ":"
    encode_into(out, object[keys[i]])
  end
  out[#out + 1] = "}"
end
function encode_into(out, value)
  local kind = type(value)
  if kind == "table" then
    if #value > 0 or next(value) == nil then encode_list(out, value) else encode_object(out, value) end
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  else
    out[#out + 1] = tostring(value)
  end
end
local function encode(value)
  local out = {}
  encode_into(out, value)
  return table.concat(out)
end

local decode_value
local function skip(text, at)
  return text:find("%S", at) or #text + 1
end
local function decode_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then error("unfinished string at " .. at) end
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:byte(stop) == 34 then return table.concat(parts), stop + 1 end
    local c = text:sub(stop + 1, stop + 1)
    if c == "u" then
      parts[#parts + 1] = utf8.char(tonumber(text:sub(stop + 2, stop + 5), 16))
      from = stop + 6
    else
      parts[#parts + 1] = unescapes[c] or c
      from = stop + 2
    end
  end
end
local function decode_list(text, at)
  local list = {}
  at = skip(text, at + 1)
  if text:byte(at) == 93 then return list, at + 1 end
  while true do
    local value
    value, at = decode_value(text, at)
    list[#list + 1] = value
    at = skip(text, at)
    local c = text:byte(at)
    if c == 93 then return list, at + 1 end
    if c ~= 44 then error("expected , or ] at " .. at) end
    at = skip(text, at + 1)
  end
end
local function decode_object(text, at)
  local object = {}
  at = skip(text, at + 1)
  if text:byte(at) == 125 then return object, at + 1 end
  while true do
    local key
    key, at = decode_string(text, at)
    at = skip(text, at)
    if text:byte(at) ~= 58 then error("expected : at " .. at) end
    object[key], at = decode_value(text, skip(text, at + 1))
    at = skip(text, at)
    local c = text:byte(at)
    if c == 125 then return object, at + 1 end
    if c ~= 44 then error("expected , or } at " .. at) end
    at = skip(text, at + 1)
  end
end
local words = { t = { "true", true }, f = { "false", false } }
function decode_value(text, at)
  local c = text:sub(at, at)
  if c == "{" then return decode_object(text, at) end
  if c == "[" then return decode_list(text, at) end
  if c == '"' then return decode_string(text, at) end
  local word = words[c]
  if word then
    if text:sub(at, at + #word[1] - 1) ~= word[1] then error("bad word at " .. at) end
    return word[2], at + #word[1]
  end
  local digits = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  if not digits then error("unexpected character at " .. at) end
  return tonumber(digits), at + #digits
end

local document = { name = "a \"document\"\n", items = {}, nested = { { { { true, false } } } } }
for i = 1, 200 do
  document.items[i] = {
    id = i, label = "item\t" .. i, price = i * 1.25,
    tags = { "red", "green", "caf\u{e9}", "\1" }, available = i % 3 == 0,
  }
end
local text, total = encode(document), 0
for _ = 1, rounds do
  local copy = decode_value(text, 1)
  text = encode(copy)
  total = total + #text + copy.items[7].id
end
local hash = 0
for i = 1, #text do hash = (hash * 31 + text:byte(i)) & 0xffffffff end
print("json", #text, total, hash)
