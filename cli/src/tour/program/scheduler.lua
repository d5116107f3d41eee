-- Tasks that take turns. A task is a coroutine that sleeps on the scheduler's
-- clock or waits for a queue; the clock jumps to the next timer when all wait.

local Scheduler = {}
Scheduler.__index = Scheduler

function Scheduler.new()
  return setmetatable({ now = 0, order = 0, ready = {}, timers = {}, stopped = false }, Scheduler)
end

-- Starts a task; its body gets the scheduler and the other arguments.
function Scheduler:spawn(name, body, ...)
  local task = { name = name, thread = coroutine.create(body), arguments = table.pack(self, ...) }
  self.ready[#self.ready + 1] = task
  return task
end

-- Lets this many ticks of the clock pass.
function Scheduler:sleep(ticks)
  coroutine.yield("sleep", ticks)
end

-- Adds an item to a queue, and waits while the queue is full.
function Scheduler:push(queue, item)
  while not queue:push(item) do
    coroutine.yield("wait", queue.writers)
  end
  self:wake(queue.readers)
end

-- Takes an item from a queue, and waits while there is none.
function Scheduler:pop(queue)
  while queue:is_empty() do
    coroutine.yield("wait", queue.readers)
  end
  local item = queue:pop()
  self:wake(queue.writers)
  return item
end

-- Makes the task that waited longest ready again.
function Scheduler:wake(waiting)
  local task = table.remove(waiting, 1)
  if task then
    self.ready[#self.ready + 1] = task
  end
end

function Scheduler:stop()
  self.stopped = true
end

-- Puts a task where its timer belongs: by time, then by age.
local function add_timer(self, task, ticks)
  self.order = self.order + 1
  local timer = { time = self.now + ticks, order = self.order, task = task }
  local at = #self.timers + 1
  while at > 1 and self.timers[at - 1].time > timer.time do
    at = at - 1
  end
  table.insert(self.timers, at, timer)
end

-- What a task asks for when it yields.
local requests = {}

function requests.sleep(self, task, ticks)
  add_timer(self, task, ticks)
end

function requests.wait(_, task, waiting)
  waiting[#waiting + 1] = task
end

-- Runs a task until it asks for something; the message if it failed.
local function step(self, task)
  local arguments = task.arguments
  task.arguments = { n = 0 }
  local ok, request, detail = coroutine.resume(task.thread, table.unpack(arguments, 1, arguments.n))
  if not ok then
    return task.name .. ": " .. tostring(request)
  end
  if coroutine.status(task.thread) ~= "dead" then
    requests[request](self, task, detail)
  end
end

-- Runs all tasks that are ready; the message of the first that fails.
local function turn(self)
  local ready = self.ready
  self.ready = {}
  for _, task in ipairs(ready) do
    local failure = step(self, task)
    if failure then
      return failure
    end
  end
end

-- Runs until a task stops the scheduler, or all tasks have ended or wait for ever.
function Scheduler:run()
  while not self.stopped do
    local failure = turn(self)
    if failure then
      return failure
    end
    if #self.ready == 0 then
      local timer = table.remove(self.timers, 1)
      if not timer then
        return nil
      end
      self.now = timer.time
      self.ready[1] = timer.task
    end
  end
end

return Scheduler
