-- Finding collisions of moving aircraft: vectors with metamethods, a tree map, buckets in space.
-- tiny: 3
local size = tonumber(arg and arg[1]) or 60

local Vector = {}
Vector.__index = Vector
local function vector(x, y, z) return setmetatable({ x = x, y = y, z = z }, Vector) end
function Vector.__add(a, b) return vector(a.x + b.x, a.y + b.y, a.z + b.z) end
function Vector.__sub(a, b) return vector(a.x - b.x, a.y - b.y, a.z - b.z) end
function Vector.__mul(a, k) return vector(a.x * k, a.y * k, a.z * k) end
function Vector:dot(b) return self.x * b.x + self.y * b.y + self.z * b.z end
function Vector:length() return math.sqrt(self:dot(self)) end

-- A map ordered by key: an AA tree, which keeps its balance by two rotations.
local Map = {}
Map.__index = Map
function Map.new() return setmetatable({ count = 0 }, Map) end
local function skew(node)
  local left = node.left
  if left and left.level == node.level then
    node.left, left.right = left.right, node
    return left
  end
  return node
end
local function split(node)
  local right = node.right
  if right and right.right and right.right.level == node.level then
    node.right, right.left = right.left, node
    right.level = right.level + 1
    return right
  end
  return node
end
function Map:get(key)
  local node = self.root
  while node do
    if key == node.key then return node.value end
    node = key < node.key and node.left or key > node.key and node.right
  end
end
function Map:put(key, value)
  local function insert(node)
    if not node then
      self.count = self.count + 1
      return { key = key, value = value, level = 1 }
    end
    if key < node.key then
      node.left = insert(node.left)
    elseif key > node.key then
      node.right = insert(node.right)
    else
      node.value = value
      return node
    end
    return split(skew(node))
  end
  self.root = insert(self.root)
end
local function each(node, visit)
  if not node then return end
  each(node.left, visit)
  visit(node.key, node.value)
  return each(node.right, visit)
end
function Map:each(visit) return each(self.root, visit) end

local RADIUS, CELL = 0.5, 2.0

-- The time in [0, 1] at which two aircraft come nearer than twice the radius.
local function meet(a, b)
  local apart, drift = a.from - b.from, (a.to - a.from) - (b.to - b.from)
  local square, linear = drift:dot(drift), 2 * apart:dot(drift)
  local rest = apart:dot(apart) - 4 * RADIUS * RADIUS
  if rest <= 0 then return 0 end
  if square == 0 then return nil end
  local discriminant = linear * linear - 4 * square * rest
  if discriminant < 0 then return nil end
  local time = (-linear - math.sqrt(discriminant)) / (2 * square)
  if time >= 0 and time <= 1 then return time end
end

local function cell(position) return position.x // CELL * 4096 + position.y // CELL end

-- Each motion is entered into the cells around both of its ends.
local function buckets(motions)
  local map = Map.new()
  local function enter(key, motion)
    local list = map:get(key)
    if not list then
      list = {}
      map:put(key, list)
    end
    if list[#list] ~= motion then list[#list + 1] = motion end
  end
  for _, motion in ipairs(motions) do
    local first, last = cell(motion.from), cell(motion.to)
    for _, step in ipairs { 0, 1, -1, 4096, -4096 } do enter(first + step, motion) end
    if last ~= first then enter(last, motion) end
  end
  return map
end

local function collisions(motions)
  local found = {}
  buckets(motions):each(function(_, list)
    for i = 1, #list - 1 do
      for j = i + 1, #list do
        local a, b = list[i], list[j]
        local time = meet(a, b)
        if time then
          local at = a.from + (a.to - a.from) * time
          found[#found + 1] = { a = a.name, b = b.name, at = at }
        end
      end
    end
  end)
  return found
end

local function place(i, frame)
  local angle = frame * 0.02 + i * 0.7
  return vector(10 + i % 12 + math.cos(angle) * 3, 10 + i // 12 + math.sin(angle * 1.5) * 3, 5 + i % 3)
end

local last, total, sum = Map.new(), 0, vector(0, 0, 0)
for frame = 1, size do
  local motions = {}
  for i = 1, 100 do
    local now = place(i, frame)
    motions[i] = { name = i, from = last:get(i) or now, to = now }
    last:put(i, now)
  end
  for _, hit in ipairs(collisions(motions)) do
    total = total + 1
    sum = sum + hit.at * (1 / (hit.a + hit.b))
  end
end
print(total, string.format("%.6f", sum:length()), last.count)
