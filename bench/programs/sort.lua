-- table.sort, with and without a comparator, and a merge sort in Lua.
-- tiny: 300
local size = tonumber(arg and arg[1]) or 100000

local seed = 42
local function random()
  seed = (seed * 1103515245 + 12345) & 0x7fffffff
  return seed
end

local function checksum(list, key)
  local sum = 0
  for i = 1, #list do
    local value = key and list[i][key] or list[i]
    sum = (sum * 31 + value * i) & 0xffffffffffff
  end
  return sum
end

local numbers = {}
for i = 1, size do numbers[i] = random() end

local plain = table.move(numbers, 1, size, 1, {})
table.sort(plain)
print("plain", checksum(plain))

local falling = table.move(numbers, 1, size, 1, {})
table.sort(falling, function(a, b) return a > b end)
print("falling", checksum(falling))

local records = {}
for i = 1, size do records[i] = { key = numbers[i] % 1000, id = i } end
table.sort(records, function(a, b)
  if a.key ~= b.key then return a.key < b.key end
  return a.id < b.id
end)
print("records", checksum(records, "id"))

local function merge_sort(list, less)
  local from, to, n, width = list, {}, #list, 1
  while width < n do
    for start = 1, n, 2 * width do
      local middle = math.min(start + width, n + 1)
      local stop = math.min(start + 2 * width, n + 1)
      local i, j = start, middle
      for k = start, stop - 1 do
        if i < middle and (j >= stop or not less(from[j], from[i])) then
          to[k] = from[i]; i = i + 1
        else
          to[k] = from[j]; j = j + 1
        end
      end
    end
    from, to = to, from
    width = width * 2
  end
  return from
end
print("merge", checksum(merge_sort(numbers, function(a, b) return a < b end)))
