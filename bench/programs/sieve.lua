-- The sieve of Eratosthenes: an array of booleans, filled and read in order and by strides.
-- tiny: 1000
local size = tonumber(arg and arg[1]) or 4000000

local function primes(limit)
  local composite, list = {}, {}
  for i = 1, limit do composite[i] = false end
  for i = 2, limit do
    if not composite[i] then
      list[#list + 1] = i
      for j = i * i, limit, i do composite[j] = true end
    end
  end
  return list
end

for limit = size // 2, size, size // 2 do
  local list = primes(limit)
  local twins, sum = 0, 0
  for i, prime in ipairs(list) do
    if prime - (list[i - 1] or 0) == 2 then twins = twins + 1 end
    sum = sum + prime
  end
  print(limit, #list, list[#list], twins, sum)
end
