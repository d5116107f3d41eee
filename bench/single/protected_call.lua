-- A function that does nothing, called by pcall ten million times.
-- tiny: 100
local size = tonumber(arg and arg[1]) or 10000000

local function nothing() end
local function count(times)
  local works = 0
  for _ = 1, times do
    if pcall(nothing) then works = works + 1 end
  end
  return works
end
print("pcall", count(size))
