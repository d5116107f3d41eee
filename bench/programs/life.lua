-- Conway's game of life, once on a wrapped grid, once on an unbounded plane with cells as string keys.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 190

local function grid(width, height, alive)
  local g = { width = width, height = height }
  for y = 1, height do
    g[y] = {}
    for x = 1, width do g[y][x] = alive(x, y) and 1 or 0 end
  end
  return g
end
local function step_grid(g)
  local width, height = g.width, g.height
  local following = { width = width, height = height }
  for y = 1, height do
    local above, row, below = g[(y - 2) % height + 1], g[y], g[y % height + 1]
    local out = {}
    for x = 1, width do
      local left, right = (x - 2) % width + 1, x % width + 1
      local n = above[left] + above[x] + above[right] + row[left] + row[right]
        + below[left] + below[x] + below[right]
      out[x] = (n == 3 or n == 2 and row[x] == 1) and 1 or 0
    end
    following[y] = out
  end
  return following
end
local function population(g)
  local count = 0
  for y = 1, g.height do for x = 1, g.width do count = count + g[y][x] end end
  return count
end

local seed = 11
local torus = grid(100, 80, function()
  seed = (seed * 16807) % 2147483647
  return seed % 100 < 35
end)
for _ = 1, size do torus = step_grid(torus) end
print("torus", population(torus))

local function step_plane(cells)
  local neighbours = {}
  for key in pairs(cells) do
    local x, y = key:match("(-?%d+),(-?%d+)")
    for dx = -1, 1 do
      for dy = -1, 1 do
        if dx ~= 0 or dy ~= 0 then
          local near = ("%d,%d"):format(x + dx, y + dy)
          neighbours[near] = (neighbours[near] or 0) + 1
        end
      end
    end
  end
  local following = {}
  for key, n in pairs(neighbours) do
    if n == 3 or n == 2 and cells[key] then following[key] = true end
  end
  return following
end
-- The R-pentomino, which grows for a thousand steps.
local cells = { ["1,0"] = true, ["2,0"] = true, ["0,1"] = true, ["1,1"] = true, ["1,2"] = true }
for _ = 1, size * 2 do cells = step_plane(cells) end
local count, sum = 0, 0
for key in pairs(cells) do
  count = count + 1
  local x, y = key:match("(.-),(.*)")
  sum = sum + tonumber(x) * 3 + tonumber(y)
end
print("plane", count, sum)
