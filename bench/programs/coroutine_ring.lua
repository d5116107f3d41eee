-- Coroutines: a token around a ring, a chain of generators, a permutation generator.
-- tiny: 200
local size = tonumber(arg and arg[1]) or 30000

local wrap, yield = coroutine.wrap, coroutine.yield

local ring = {}
for i = 1, 100 do
  ring[i] = coroutine.create(function(token)
    while true do token = yield(token + i % 3) end
  end)
end
local token = 0
for _ = 1, size // 4 do
  for i = 1, #ring do
    local _, value = coroutine.resume(ring[i], token)
    token = value
  end
end
print("ring", token)

local function numbers(n)
  return wrap(function() for i = 2, n do yield(i) end end)
end
local function filter(source, prime)
  return wrap(function()
    for n in source do
      if n % prime ~= 0 then yield(n) end
    end
  end)
end
local source, primes, last = numbers(size), 0, 0
while true do
  local prime = source()
  if not prime then break end
  primes, last = primes + 1, prime
  if prime * prime <= size then source = filter(source, prime) end
end
print("sieve", primes, last)

local function permutations(list, n)
  if n == 0 then yield(list) return end
  for i = 1, n do
    list[i], list[n] = list[n], list[i]
    permutations(list, n - 1)
    list[i], list[n] = list[n], list[i]
  end
end
local length = size >= 1000 and 8 or 5
local list = {}
for i = 1, length do list[i] = i end
local sum, count = 0, 0
for p in wrap(function() permutations(list, length) end) do
  count = count + 1
  sum = (sum * 7 + p[1] * p[length]) & 0xffffffff
end
print("permutations", count, sum)
local made = 0
for i = 1, size * 5 do
  local co = wrap(function(a) local b = yield(a) made = made + b end)
  co(i); co(1)
end
print("made", made)
