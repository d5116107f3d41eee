-- A coroutine that only yields, resumed three million times: six million switches.
-- tiny: 100
local size = tonumber(arg and arg[1]) or 3000000

local yield = coroutine.yield
local switch = coroutine.wrap(function()
  while true do yield() end
end)
local function go(times)
  for _ = 1, times do switch() end
end
go(size)
print("switches", 2 * size)
