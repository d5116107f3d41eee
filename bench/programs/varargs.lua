-- Functions of many arguments: ..., select, table.pack, table.unpack, and calls that pass them on.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 100000

local function sum(...)
  local total = 0
  for i = 1, select("#", ...) do total = total + (select(i, ...)) end
  return total
end
local function sum_list(...)
  local total = 0
  for _, value in ipairs({ ... }) do total = total + value end
  return total
end
local function sum_tail(first, ...)
  if not first then return 0 end
  return first + sum_tail(...)
end
local function count(...)
  local packed = table.pack(...)
  return packed.n
end
local function bind(f, ...)
  local bound = table.pack(...)
  return function(...)
    local arguments = { table.unpack(bound, 1, bound.n) }
    for i = 1, select("#", ...) do arguments[bound.n + i] = (select(i, ...)) end
    return f(table.unpack(arguments, 1, bound.n + select("#", ...)))
  end
end
local function reverse(...)
  local function step(n, ...)
    if n == 0 then return end
    return select(n, ...), step(n - 1, ...)
  end
  return step(select("#", ...), ...)
end
local function pass(...) return ... end
local function map(f, first, ...)
  if first == nil then return end
  return f(first), map(f, ...)
end

local add_three = bind(sum, 1, 2, 3)
local total = 0
for i = 1, size do
  total = total + sum(i, 1, 2, 3, 4, 5, 6, 7) + sum_list(i, 1, 2, 3) + sum_tail(i, 1, 2, 3, 4)
  total = total + count(nil, i, nil) + add_three(i, 4)
  total = total + select(2, pass(pass(i, i + 1, i + 2)))
  total = total - math.max(map(function(x) return x * 2 end, i, 2, 3)) + (reverse(1, 2, i % 10))
end
print(total, reverse("a", "b", "c"))
print(select("#", table.unpack({}, 1, 200)), select(-1, "x", "y"), pcall(select, 0))
