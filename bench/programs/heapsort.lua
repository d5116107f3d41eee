-- Heapsort of floats and of records under a comparison: reads and writes of an array in no order.
-- tiny: 50
local size = tonumber(arg and arg[1]) or 120000

local function sift(list, i, n, less)
  local item, child = list[i], i * 2
  while child <= n do
    if child < n and less(list[child], list[child + 1]) then child = child + 1 end
    if not less(item, list[child]) then break end
    list[i] = list[child]
    i, child = child, child * 2
  end
  list[i] = item
end

local function heapsort(list, less)
  local n = #list
  for i = n // 2, 1, -1 do sift(list, i, n, less) end
  for last = n, 2, -1 do
    list[1], list[last] = list[last], list[1]
    sift(list, 1, last - 1, less)
  end
  return list
end

local seed = 4711
local function random()
  seed = (seed * 3877 + 29573) % 139968
  return seed / 139968
end

local numbers, records = {}, {}
for i = 1, size do numbers[i] = random() end
for i = 1, size // 2 do records[i] = { key = random() * 1000 // 1, id = i } end
heapsort(numbers, function(a, b) return a < b end)
heapsort(records, function(a, b)
  if a.key ~= b.key then return a.key < b.key end
  return a.id < b.id
end)
local ordered = true
for i = 2, #numbers do ordered = ordered and numbers[i - 1] <= numbers[i] end
local weight = 0
for i, record in ipairs(records) do weight = (weight + i * record.id) % 1000003 end
print(ordered, string.format("%.6f", numbers[size // 2]), weight, records[1].id, records[#records].id)
