-- An operating system's scheduler: tasks pass packets, by method calls and linked lists.
-- tiny: 1
local rounds = tonumber(arg and arg[1]) or 28

local IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = 1, 2, 3, 4, 5, 6
local KIND_DEVICE, KIND_WORK = 1, 2
local PACKET_SIZE = 4

local function class(base)
  local c = setmetatable({}, base)
  c.__index = c
  return c
end

local Packet = class()
function Packet.new(link, id, kind)
  local data = {}
  for i = 1, PACKET_SIZE do data[i] = 0 end
  return setmetatable({ link = link, id = id, kind = kind, datum = 1, data = data }, Packet)
end
function Packet:append_to(queue)
  self.link = nil
  if not queue then return self end
  local last = queue
  while last.link do last = last.link end
  last.link = self
  return queue
end

local Scheduler = class()
function Scheduler.new()
  return setmetatable({ tasks = {}, list = nil, current = nil, queued = 0, held = 0 }, Scheduler)
end
function Scheduler:add(task, id, priority, queue)
  task.id, task.priority, task.queue, task.scheduler = id, priority, queue, self
  task.is_held, task.is_suspended, task.is_runnable = false, true, queue ~= nil
  task.next = self.list
  self.list = task
  self.tasks[id] = task
  return task
end
function Scheduler:run()
  self.current = self.list
  while self.current do
    local task = self.current
    if task:is_waiting() then
      self.current = task.next
    else
      self.current = task:step()
    end
  end
end
function Scheduler:release(id)
  local task = self.tasks[id]
  task.is_held = false
  if task.priority > self.current.priority then return task end
  return self.current
end
function Scheduler:hold()
  self.held = self.held + 1
  self.current.is_held = true
  return self.current.next
end
function Scheduler:suspend()
  self.current.is_suspended = true
  return self.current
end
function Scheduler:send(packet)
  local task = self.tasks[packet.id]
  self.queued = self.queued + 1
  packet.link = nil
  packet.id = self.current.id
  return task:receive(packet, self.current)
end

local Task = class()
function Task:is_waiting()
  return self.is_held or (self.is_suspended and not self.is_runnable)
end
function Task:step()
  local packet
  if self.is_suspended and self.is_runnable then
    packet = self.queue
    self.queue = packet.link
    self.is_suspended, self.is_runnable = false, self.queue ~= nil
  end
  return self:work(packet)
end
function Task:receive(packet, sender)
  if not self.queue then
    self.queue, self.is_runnable = packet, true
    if self.priority > sender.priority then return self end
  else
    self.queue = packet:append_to(self.queue)
  end
  return sender
end

local Idle = class(Task)
function Idle:work()
  self.count = self.count - 1
  if self.count == 0 then return self.scheduler:hold() end
  if self.seed & 1 == 0 then
    self.seed = self.seed >> 1
    return self.scheduler:release(DEVICE_A)
  end
  self.seed = (self.seed >> 1) ~ 0xD008
  return self.scheduler:release(DEVICE_B)
end

local Device = class(Task)
function Device:work(packet)
  if packet then
    self.pending = packet
    return self.scheduler:hold()
  end
  local pending = self.pending
  if not pending then return self.scheduler:suspend() end
  self.pending = nil
  return self.scheduler:send(pending)
end

local Worker = class(Task)
function Worker:work(packet)
  if not packet then return self.scheduler:suspend() end
  self.target = self.target == HANDLER_A and HANDLER_B or HANDLER_A
  packet.id, packet.datum = self.target, 1
  for i = 1, PACKET_SIZE do
    self.letter = self.letter % 26 + 1
    packet.data[i] = self.letter
  end
  return self.scheduler:send(packet)
end

local Handler = class(Task)
function Handler:work(packet)
  if packet then
    if packet.kind == KIND_WORK then
      self.work_queue = packet:append_to(self.work_queue)
    else
      self.device_queue = packet:append_to(self.device_queue)
    end
  end
  local work = self.work_queue
  if work then
    if work.datum > PACKET_SIZE then
      self.work_queue = work.link
      return self.scheduler:send(work)
    end
    local device = self.device_queue
    if device then
      self.device_queue = device.link
      device.datum = work.data[work.datum]
      work.datum = work.datum + 1
      return self.scheduler:send(device)
    end
  end
  return self.scheduler:suspend()
end

local function packets(count, id, kind)
  local queue
  for _ = 1, count do queue = Packet.new(queue, id, kind) end
  return queue
end

local function simulate()
  local s = Scheduler.new()
  local function new(kind, fields) return setmetatable(fields or {}, kind) end
  local idle = s:add(new(Idle, { seed = 1, count = 10000 }), IDLE, 0, nil)
  idle.is_suspended = false
  s:add(new(Worker, { target = HANDLER_A, letter = 0 }), WORKER, 1000, packets(2, WORKER, KIND_WORK))
  s:add(new(Handler), HANDLER_A, 2000, packets(3, DEVICE_A, KIND_DEVICE))
  s:add(new(Handler), HANDLER_B, 3000, packets(3, DEVICE_B, KIND_DEVICE))
  s:add(new(Device), DEVICE_A, 4000, nil)
  s:add(new(Device), DEVICE_B, 5000, nil)
  s:run()
  return s.queued, s.held
end

local queued, held = 0, 0
for _ = 1, rounds do
  local q, h = simulate()
  queued, held = queued + q, held + h
end
print("richards", rounds, queued, held)
