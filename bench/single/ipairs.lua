-- The sum of an array of a hundred items, by ipairs, two hundred thousand times.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 200000

local array = {}
for i = 1, 100 do array[i] = i end
local function total(times)
  local sum = 0
  for _ = 1, times do
    for _, value in ipairs(array) do sum = sum + value end
  end
  return sum
end
print("ipairs", total(size))
