-- A method that is found in the table that `__index` names, called twenty million times.
-- tiny: 100
local size = tonumber(arg and arg[1]) or 20000000

local Counter = {}
Counter.__index = Counter
function Counter:get() return self.value end

local function count(counter, times)
  local sum = 0
  for _ = 1, times do sum = sum + counter:get() end
  return sum
end
print("method", count(setmetatable({ value = 1 }, Counter), size))
