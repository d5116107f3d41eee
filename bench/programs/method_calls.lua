-- Classes by metatable: own methods, inherited methods, overriding.
-- tiny: 100
local size = tonumber(arg and arg[1]) or 1800000

local Toggle = {}
Toggle.__index = Toggle
function Toggle.new(state) return setmetatable({ state = state }, Toggle) end
function Toggle:value() return self.state end
function Toggle:activate()
  self.state = not self.state
  return self
end

local Counting = setmetatable({}, { __index = Toggle })
Counting.__index = Counting
function Counting.new(state, limit)
  local object = Toggle.new(state)
  object.limit, object.count = limit, 0
  return setmetatable(object, Counting)
end
function Counting:activate()
  self.count = self.count + 1
  if self.count >= self.limit then
    self.state = not self.state
    self.count = 0
  end
  return self
end

local toggle, on = Toggle.new(true), 0
for _ = 1, size do
  if toggle:activate():value() then on = on + 1 end
end
print("toggle", on)

local counting
counting, on = Counting.new(true, 3), 0
for _ = 1, size do
  if counting:activate():value() then on = on + 1 end
end
print("counting", on)

local mixed, trues = { Toggle.new(false), Counting.new(false, 2), Counting.new(true, 5) }, 0
for i = 1, size // 2 do
  if mixed[i % 3 + 1]:activate():value() then trues = trues + 1 end
end
print("mixed", trues)
