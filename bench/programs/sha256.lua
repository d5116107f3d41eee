-- SHA-256 with 64-bit integers: shifts, masks and exclusive or, with string.unpack and string.format.
-- tiny: 300
local size = tonumber(arg and arg[1]) or 450000

-- The first 32 bits of the fractions of roots of the first primes.
local K, INITIAL = {}, {}
do
  local function fraction(x) return math.floor((x - math.floor(x)) * 4294967296.0) end
  local n, found = 2, 0
  while found < 64 do
    local prime = true
    for d = 2, math.floor(math.sqrt(n)) do prime = prime and n % d ~= 0 end
    if prime then
      found = found + 1
      K[found] = fraction(n ^ (1 / 3))
      if found <= 8 then INITIAL[found] = fraction(math.sqrt(n)) end
    end
    n = n + 1
  end
end

local function rotate(x, n) return (x >> n | x << (32 - n)) & 0xffffffff end

local w = {}
local function compress(state, text, at)
  w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13], w[14], w[15], w[16] =
    string.unpack(">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4", text, at)
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = rotate(x, 7) ~ rotate(x, 18) ~ x >> 3
    local s1 = rotate(y, 17) ~ rotate(y, 19) ~ y >> 10
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff
  end
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local s1 = rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)
    local t1 = h + s1 + (e & f ~ ~e & g) + K[i] + w[i]
    local s0 = rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)
    local t2 = s0 + (a & b ~ a & c ~ b & c)
    h, g, f, e, d, c, b, a = g, f, e, (d + t1) & 0xffffffff, c, b, a, (t1 + t2) & 0xffffffff
  end
  for i, word in ipairs { a, b, c, d, e, f, g, h } do state[i] = (state[i] + word) & 0xffffffff end
end

local function sha256(text)
  local state = { table.unpack(INITIAL) }
  local padding = ("\0"):rep((55 - #text) % 64)
  text = text .. "\x80" .. padding .. string.pack(">I8", #text * 8)
  for at = 1, #text, 64 do compress(state, text, at) end
  return (("%08x"):rep(8):format(table.unpack(state)))
end

print(sha256(""))
print(sha256("abc"))
print(sha256(("abcdefgh"):rep(size // 8)))
local chain = "seed"
for _ = 1, size // 256 do chain = sha256(chain) end
print(chain)
