-- The bytes of a string of a hundred, one by one, two hundred thousand times.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 200000

local text = ("x"):rep(100)
local function total(times)
  local sum, byte = 0, string.byte
  for _ = 1, times do
    for i = 1, #text do sum = sum + byte(text, i) end
  end
  return sum
end
print("byte", total(size))
