-- Generators by coroutine.wrap: walks of trees, permutations, pipelines, and a scheduler of tasks.
-- tiny: 4
local size = tonumber(arg and arg[1]) or 18

local function tree(depth, base)
  if depth == 0 then return nil end
  local half = 1 << (depth - 1)
  return { key = base + half, left = tree(depth - 1, base), right = tree(depth - 1, base + half) }
end
local function walk(node)
  if node then
    walk(node.left)
    coroutine.yield(node.key)
    walk(node.right)
  end
end
local function keys(root) return coroutine.wrap(function() walk(root) end) end

local sum, last, ordered = 0, 0, true
for key in keys(tree(size, 0)) do
  sum, ordered, last = sum + key, ordered and key > last, key
end
print("tree", sum, ordered)

local function permutations(list, n)
  n = n or #list
  if n <= 1 then return coroutine.yield(list) end
  for i = 1, n do
    list[n], list[i] = list[i], list[n]
    permutations(list, n - 1)
    list[n], list[i] = list[i], list[n]
  end
end
local weight, count = 0, 0
for list in coroutine.wrap(function() permutations({ 1, 2, 3, 4, 5, 6, 7, 8 }) end) do
  count = count + 1
  weight = (weight * 3 + list[1] * 8 + list[8]) % 1000003
end
print("permutations", count, weight)

local function range(n)
  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
end
local function filter(keep, source)
  return coroutine.wrap(function()
    for value in source do
      if keep(value) then coroutine.yield(value) end
    end
  end)
end
local function map(f, source)
  return coroutine.wrap(function() for value in source do coroutine.yield(f(value)) end end)
end
local piped = 0
for value in map(function(x) return x * x end, filter(function(x) return x % 3 ~= 0 end, range(size * 12000))) do
  piped = (piped + value) % 1000003
end
print("pipeline", piped)

local function scheduler(tasks)
  local steps, results = 0, {}
  while #tasks > 0 do
    for i = #tasks, 1, -1 do
      local ok, value = coroutine.resume(tasks[i], steps)
      steps = steps + 1
      if coroutine.status(tasks[i]) == "dead" then
        results[#results + 1] = ok and value or "failed"
        table.remove(tasks, i)
      end
    end
  end
  return steps, results
end
local tasks = {}
for i = 1, 500 do
  tasks[i] = coroutine.create(function(at)
    local seen = at
    for j = 1, i % 50 + size do seen = (seen + coroutine.yield(j)) % 997 end
    if i % 100 == 0 then error("a task fails") end
    return seen
  end)
end
local steps, results = scheduler(tasks)
print("tasks", steps, #results, table.concat(results, " ", 1, 10))
