-- Allocation and collection of many small trees.
-- tiny: 6
local depth_max = tonumber(arg and arg[1]) or 15

local function tree(depth)
  if depth == 0 then return { false, false } end
  return { tree(depth - 1), tree(depth - 1) }
end

local function count(t)
  local left = t[1]
  if left then return 1 + count(left) + count(t[2]) end
  return 1
end

local long_lived = tree(depth_max)
local total = 0
for depth = 4, depth_max, 2 do
  local rounds = 1 << (depth_max - depth + 3)
  local nodes = 0
  for _ = 1, rounds do nodes = nodes + count(tree(depth)) end
  print("trees", depth, rounds, nodes)
  total = total + nodes
end
print("binary_trees", count(long_lived), total)
