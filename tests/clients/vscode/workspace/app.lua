local function greet(name)
  return "hello " .. name
end

local worker = coroutine.create(function()
  for count = 1, math.huge do
    coroutine.yield(greet(count))
  end
end)

local waiting = coroutine.create(function()
  coroutine.yield("waiting")
end)
coroutine.resume(waiting)

while true do
  local _, text = coroutine.resume(worker)
  print(text)
  io.stdout:flush()
end
