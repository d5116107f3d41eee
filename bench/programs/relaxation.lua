-- Successive over-relaxation on a grid, and an integral by random points: plain loops of floats.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 60

local function relax(grid, omega, rounds)
  local rows, columns = #grid, #grid[1]
  local quarter, rest = omega * 0.25, 1.0 - omega
  for _ = 1, rounds do
    for i = 2, rows - 1 do
      local above, row, below = grid[i - 1], grid[i], grid[i + 1]
      for j = 2, columns - 1 do
        row[j] = quarter * (above[j] + below[j] + row[j - 1] + row[j + 1]) + rest * row[j]
      end
    end
  end
end

local function generator(seed)
  return function()
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647.0
  end
end

local function monte_carlo(samples)
  local random, inside = generator(113), 0
  for _ = 1, samples do
    local x, y = random(), random()
    if x * x + y * y <= 1.0 then inside = inside + 1 end
  end
  return inside / samples * 4.0
end

local grid = {}
for i = 1, 128 do
  grid[i] = {}
  for j = 1, 128 do grid[i][j] = (i == 1 or j == 128) and 1.0 or 0.0 end
end
relax(grid, 1.25, size)
local sum = 0
for i = 1, 128 do for j = 1, 128 do sum = sum + grid[i][j] end end
print(string.format("%.9f %.9f", grid[20][100], sum))
print(string.format("%.6f", monte_carlo(size * 40000)))
