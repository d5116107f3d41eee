-- The towers of Hanoi with disks as linked objects, in a class with inheritance.
-- tiny: 8
local size = tonumber(arg and arg[1]) or 18

local Stack = {}
Stack.__index = Stack
function Stack.new(class) return setmetatable({ top = nil, height = 0 }, class or Stack) end
function Stack:push(item)
  item.below = self.top
  self.top, self.height = item, self.height + 1
end
function Stack:pop()
  local item = self.top
  if not item then error("the stack is empty") end
  self.top, self.height = item.below, self.height - 1
  item.below = nil
  return item
end

local Pile = setmetatable({}, { __index = Stack })
Pile.__index = Pile
function Pile:push(disk)
  if self.top and disk.width >= self.top.width then error("a disk may not lie on a smaller one") end
  return Stack.push(self, disk)
end

local Towers = {}
Towers.__index = Towers
function Towers.new(disks)
  local towers = setmetatable({ piles = { Stack.new(Pile), Stack.new(Pile), Stack.new(Pile) }, moves = 0 }, Towers)
  for width = disks, 1, -1 do towers.piles[1]:push({ width = width }) end
  return towers
end
function Towers:move_one(from, to)
  self.piles[to]:push(self.piles[from]:pop())
  self.moves = self.moves + 1
end
function Towers:move(count, from, to)
  if count == 1 then return self:move_one(from, to) end
  local other = 6 - from - to
  self:move(count - 1, from, other)
  self:move_one(from, to)
  self:move(count - 1, other, to)
end

local towers = Towers.new(size)
for round = 1, 6 do towers:move(size, (round - 1) % 3 + 1, round % 3 + 1) end
print(towers.moves, towers.piles[1].height, towers.piles[2].height, towers.piles[3].height)
print(pcall(towers.piles[1].push, towers.piles[1], { width = size + 1 }))
