-- The generic for: ipairs, pairs, next, stateless and closure iterators, __pairs, over arrays and records.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 1800

local array, record, sparse = {}, {}, {}
for i = 1, 1000 do
  array[i] = i * 3 % 101
  record["field" .. i % 200] = i
  sparse[i * 7919 % 65536] = i
end

local function every(list, step)
  local function following(state, i)
    i = i + step
    local value = state[i]
    if value then return i, value end
  end
  return following, list, 1 - step
end
local function reversed(list)
  local i = #list + 1
  return function()
    i = i - 1
    if i > 0 then return i, list[i] end
  end
end
local Window = {}
Window.__pairs = function(window)
  return function(w, i)
    i = i and i + 1 or w.from
    if i <= w.to then return i, w.list[i] end
  end, window, nil
end
local function keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  return list
end

local total = 0
for round = 1, size do
  for i, value in ipairs(array) do total = total + i * value end
  for _, value in pairs(array) do total = total - value end
  for _, value in pairs(record) do total = total + value end
  for key, value in next, sparse do total = total + key - value end
  for _, value in every(array, 3) do total = total + value end
  for i, value in reversed(array) do total = total + (i & value) end
  for i, value in pairs(setmetatable({ list = array, from = 100, to = 300 }, Window)) do total = total + i - value end
  total = total + #keys(record)
  if round % 50 == 0 then
    for key in pairs(sparse) do
      if key % 11 == round // 50 then sparse[key] = nil end
    end
  end
end
print(total, #keys(sparse), next({}), rawlen(array))
