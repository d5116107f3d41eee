-- Powers with the exponents that compiled code does in place: the same bits as by the C library's pow.
local checks = 0
local function ok(name) checks = checks + 1 print("ok   " .. name) end

local function bits(x)
  if x ~= x then return 0x7ff8 << 48 end
  return (string.unpack("<i8", string.pack("<d", x)))
end

-- A digest of many roots, one of which is wrong in its last bit as often as not when it is rounded otherwise.
local function digest(next_value, count)
  local sum, exact = 0, 0
  for i = 1, count do
    local x = next_value(i)
    local root = x ^ 0.5
    if root * root == x then exact = exact + 1 end
    sum = (sum << 7 | sum >> 57) ~ bits(root)
  end
  return string.format("%016x %d", sum, exact)
end

local state = 12345
local function random()
  state = state * 6364136223846793005 + 1442695040888963407
  return state >> 12
end
print("integers", digest(function(i) return i end, 30000)) ok "integers"
print("squares", digest(function(i) return i * i end, 30000)) ok "squares"
print("quotients", digest(function(i) return i / 7 end, 30000)) ok "quotients"
print("near one", digest(function() return 1.0 + (random() >> 20) * 2.0 ^ -52 end, 30000)) ok "near one"
print("all sizes", digest(function()
  return (string.unpack("<d", string.pack("<i8", random() | (random() % 2046 + 1) << 52)))
end, 60000)) ok "all sizes"
print("signs and small", digest(function()
  return (string.unpack("<d", string.pack("<i8", (random() >> 40) << random() % 24 | (random() % 2) << 63)))
end, 20000)) ok "signs and small"
-- Halfway between two floats is the square of one that has a bit more.
print("halfway", digest(function()
  local root = (1 << 26 | random() & (1 << 26) - 1) * 2 + 1
  return (root * root) * 2.0 ^ (2 * (random() % 400) - 400)
end, 30000)) ok "halfway"
print("by a variable", digest(function(i)
  local half = 0.5
  return i ^ half
end, 3000)) ok "by a variable"

-- Edges, many times, so that they are compiled.
local edges = {
  0.0, -0.0, 1 / 0, -1 / 0, 0 / 0, 5e-324, -5e-324, 2.0 ^ -1022, 2.0 ^ -900, 2.0 ^ -900 * (1 - 2.0 ^ -53),
  1.7976931348623157e308, 0, 1, -1, 4, math.maxinteger, math.mininteger, 2, 0.25, -4.0, "16", " 0x10 ",
}
local lines
for _ = 1, 300 do
  lines = {}
  for i = 1, #edges do
    local x = edges[i]
    lines[i] = string.format("%016x %016x %s", bits(x ^ 0.5), bits(x ^ 2), math.type(x ^ 0.5))
  end
end
for i = 1, #lines do print(edges[i] ~= edges[i] and "nan" or edges[i], lines[i]) end
ok "edges"

-- The variable is its own root; variables around it keep their values.
local function around(n)
  local a, b, c, d, e, f, g, h = 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5
  local x = n
  for _ = 1, 40 do
    x = x ^ 0.5
    a, b, c, d = a + x, b - x, c * 1.01, d + a
    e, f, g, h = e + b, f - 1, g + x ^ 0.5, h + 0.5
    x = x * x + a
  end
  return string.format("%a %a %a %a %a %a %a %a %a", a, b, c, d, e, f, g, h, x)
end
local last
for i = 1, 400 do last = around(i / 3) end
print(last) ok "around"

local Power = setmetatable({}, { __pow = function(_, y) return "power " .. y end })
local mixed = { 9, 2.25, Power, 16 }
local found
for i = 1, 2000 do found = mixed[i % 4 + 1] ^ 0.5 end
print(found, Power ^ 0.5, pcall(function() return {} ^ 0.5 end)) ok "metamethods"
print("checks", checks)
