-- Deep copies and comparison of graphs of tables, with shared parts and cycles: pairs, next, type.
-- tiny: 2
local size = tonumber(arg and arg[1]) or 200

local function deep_copy(value, seen)
  if type(value) ~= "table" then return value end
  seen = seen or {}
  local copy = seen[value]
  if copy then return copy end
  copy = {}
  seen[value] = copy
  for k, v in pairs(value) do copy[deep_copy(k, seen)] = deep_copy(v, seen) end
  return setmetatable(copy, getmetatable(value))
end

local function deep_equal(a, b, seen)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  seen = seen or {}
  if seen[a] == b then return true end
  seen[a] = b
  for k, v in pairs(a) do
    if not deep_equal(v, b[k], seen) then return false end
  end
  for k in next, b do
    if a[k] == nil then return false end
  end
  return true
end

local Item = {}
Item.__index = Item
local function build(depth, width)
  local node = setmetatable({ name = "node" .. depth, depth = depth, list = {}, flags = { on = true, off = false } }, Item)
  for i = 1, width do
    if depth > 0 then
      local child = build(depth - 1, width)
      child.parent = node
      node.list[i] = child
    else
      node.list[i] = i * 1.5
    end
  end
  return node
end

local original = build(4, 4)
original.self = original
original.shared = { original.list[1], original.list[1] }
local equal, tables = 0, 0
local copy = original
for _ = 1, size do
  copy = deep_copy(copy)
  if deep_equal(original, copy) then equal = equal + 1 end
end
local function count(value, seen)
  if type(value) == "table" and not seen[value] then
    seen[value] = true
    tables = tables + 1
    for _, v in pairs(value) do count(v, seen) end
  end
end
count(copy, {})
print(equal, tables, copy ~= original, copy.self == copy, copy.shared[1] == copy.list[1], getmetatable(copy) == Item)
copy.list[4].list[4].flags.on = nil
print(deep_equal(original, copy))
