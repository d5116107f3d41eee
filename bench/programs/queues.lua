-- Queues, stacks and sorted lists by table.insert and table.remove, table.move and table.unpack.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 16000

local seed = 3
local function random(n)
  seed = (seed * 69069 + 1) & 0xffffffff
  return (seed >> 8) % n + 1
end

-- A queue at the front of an array: everything moves at each removal.
local queue, served = {}, 0
for i = 1, size do
  for _ = 1, 3 do table.insert(queue, i * random(9)) end
  if #queue > 100 then
    for _ = 1, 4 do served = served + table.remove(queue, 1) end
  end
end
print("queue", #queue, served)

local stack, deepest, popped = {}, 0, 0
for i = 1, size * 60 do
  if random(5) > 2 or #stack == 0 then
    table.insert(stack, i)
  else
    popped = popped + table.remove(stack)
  end
  if #stack > 5000 then
    deepest = deepest + 1
    table.move(stack, 4001, #stack, 1)
    for _ = 1, 4000 do stack[#stack] = nil end
  end
end
print("stack", #stack, deepest, popped)

-- Binary search and insertion in the middle.
local function insert_sorted(list, item)
  local low, high = 1, #list + 1
  while low < high do
    local middle = (low + high) // 2
    if list[middle] < item then low = middle + 1 else high = middle end
  end
  table.insert(list, low, item)
end
local sorted = {}
for _ = 1, size do
  insert_sorted(sorted, random(1000000))
  if #sorted > 400 then
    for _ = 1, 100 do table.remove(sorted, random(#sorted)) end
  end
end
local ordered = true
for i = 2, #sorted do ordered = ordered and sorted[i - 1] <= sorted[i] end
print("sorted", #sorted, ordered, sorted[1], sorted[#sorted])

local total = 0
for i = 1, size * 10 do
  local a, b, c = table.unpack(sorted, i % 50 + 1, i % 50 + 3)
  total = total + (a or 0) - (b or 0) + select("#", table.unpack(sorted, 1, i % 8)) + (c and 1 or 0)
end
print("unpack", total)
