-- Closures, upvalues, and higher-order functions.
-- tiny: 5
local size = tonumber(arg and arg[1]) or 2500

local function map(list, f)
  local out = {}
  for i = 1, #list do out[i] = f(list[i]) end
  return out
end
local function fold(list, start, f)
  for i = 1, #list do start = f(start, list[i]) end
  return start
end
local function compose(f, g) return function(x) return f(g(x)) end end
local function adder(n) return function(x) return x + n end end

local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end

local list = {}
for i = 1, 1000 do list[i] = i end
local total = 0
for round = 1, size do
  local bump, value = counter()
  local step = compose(adder(round), compose(adder(-1), function(x) return x * 2 end))
  local mapped = map(list, function(x) bump() return step(x) end)
  total = (total + fold(mapped, 0, function(a, b) return a + b end) + value()) & 0xffffffffff
end
print("closures", total)

local function cons(head, tail) return function(pick) return pick(head, tail) end end
local function head(cell) return cell(function(a) return a end) end
local function tail(cell) return cell(function(_, b) return b end) end
local sum = 0
for _ = 1, size // 4 + 1 do
  local cell
  for i = 1, 200 do cell = cons(i, cell) end
  while cell do
    sum = sum + head(cell)
    cell = tail(cell)
  end
end
print("cells", sum)
