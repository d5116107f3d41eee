-- Balls that bounce in a box: many small objects, methods, fields that change.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 15000

local Random = {}
Random.__index = Random
function Random.new(seed) return setmetatable({ seed = seed }, Random) end
function Random:next(limit)
  self.seed = (self.seed * 1309 + 13849) & 0xffff
  return self.seed % limit
end

local Ball = {}
Ball.__index = Ball
function Ball.new(random)
  local ball = setmetatable({}, Ball)
  ball.x, ball.y = random:next(500), random:next(500)
  ball.dx, ball.dy = random:next(300) - 150, random:next(300) - 150
  return ball
end
function Ball:hit_wall(axis, speed, limit)
  if self[axis] > limit then
    self[axis], self[speed] = limit, -math.abs(self[speed])
    return true
  elseif self[axis] < 0 then
    self[axis], self[speed] = 0, math.abs(self[speed])
    return true
  end
  return false
end
function Ball:move()
  self.x, self.y = self.x + self.dx, self.y + self.dy
  local horizontal = self:hit_wall("x", "dx", 500)
  local vertical = self:hit_wall("y", "dy", 500)
  return horizontal or vertical
end

local random, balls = Random.new(74755), {}
for i = 1, 100 do balls[i] = Ball.new(random) end
local bounces = 0
for _ = 1, size do
  for _, ball in ipairs(balls) do
    if ball:move() then bounces = bounces + 1 end
  end
end
local sum = 0
for i, ball in ipairs(balls) do sum = sum + i * (ball.x + 3 * ball.y) end
print(bounces, sum)
