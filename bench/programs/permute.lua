-- Permutations by exchange, and lists as pairs compared by length: recursion over tables.
-- tiny: 1
local size = tonumber(arg and arg[1]) or 200

local function swap(v, i, j) v[i], v[j] = v[j], v[i] end

local function permute(v, n, visit)
  if n == 0 then return visit(v) end
  permute(v, n - 1, visit)
  for i = n - 1, 1, -1 do
    swap(v, n, i)
    permute(v, n - 1, visit)
    swap(v, n, i)
  end
end

local List = {}
List.__index = List
local function cons(value, rest) return setmetatable({ value = value, rest = rest }, List) end
function List.range(n) return n > 0 and cons(n, List.range(n - 1)) or nil end
function List:length() return self.rest and 1 + self.rest:length() or 1 end

local function is_shorter(x, y)
  while y do
    if not x then return true end
    x, y = x.rest, y.rest
  end
  return false
end
local function tail(x, y, z)
  if is_shorter(y, x) then
    return tail(tail(x.rest, y, z), tail(y.rest, z, x), tail(z.rest, x, y))
  end
  return z
end

local count, weight = 0, 0
for round = 1, size do
  permute({ 1, 2, 3, 4, 5, 6, 7 }, 7, function(v)
    count = count + 1
    weight = (weight * 7 + v[1] * 10 + v[7]) % 1000003
  end)
  weight = weight + tail(List.range(12), List.range(8), List.range(4)):length() + round
end
print(count, weight)
