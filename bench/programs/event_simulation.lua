-- A discrete event simulation of a shop: inheritance three levels deep, a binary heap of events.
-- tiny: 50
local size = tonumber(arg and arg[1]) or 70000

local function class(base)
  local c = {}
  c.__index = c
  return setmetatable(c, {
    __index = base,
    __call = function(self, ...)
      local object = setmetatable({}, self)
      object:init(...)
      return object
    end,
  })
end

local Heap = class()
function Heap:init() self.n = 0 end
function Heap:push(item)
  local i = self.n + 1
  self.n = i
  while i > 1 do
    local above = i // 2
    if not (item < self[above]) then break end
    self[i] = self[above]
    i = above
  end
  self[i] = item
end
function Heap:pop()
  local first, n = self[1], self.n
  local item = self[n]
  self[n], self.n = nil, n - 1
  if n > 1 then self:sift(item, n - 1) end
  return first
end
function Heap:sift(item, n)
  local i, child = 1, 2
  while child <= n do
    if child < n and self[child + 1] < self[child] then child = child + 1 end
    if not (self[child] < item) then break end
    self[i] = self[child]
    i, child = child, child * 2
  end
  self[i] = item
end

local Simulation = class()
function Simulation:init(seed)
  self.now, self.serial, self.seed, self.events = 0, 0, seed, Heap()
end
function Simulation:random(limit)
  self.seed = (self.seed * 1103515245 + 12345) & 0x7fffffff
  return (self.seed >> 8) % limit + 1
end
function Simulation:schedule(event, delay)
  self.serial = self.serial + 1
  event.time, event.serial = self.now + delay, self.serial
  self.events:push(event)
end
function Simulation:run()
  local handled = 0
  while self.events.n > 0 do
    local event = self.events:pop()
    self.now = event.time
    event:happen(self)
    handled = handled + 1
  end
  return handled
end

local Event = class()
Event.__lt = function(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.serial < b.serial
end
function Event:init(shop) self.shop = shop end
function Event:happen() error("not a kind of event") end

-- Metamethods are not inherited: each class that is instantiated names its own.
local function event(base)
  local c = class(base)
  c.__lt = Event.__lt
  return c
end

local CustomerEvent = event(Event)
function CustomerEvent:init(shop, customer)
  Event.init(self, shop)
  self.customer = customer
end

local Departure = event(CustomerEvent)
function Departure:happen(simulation)
  local shop = self.shop
  shop.served, shop.busy = shop.served + 1, shop.busy - 1
  shop.waited = shop.waited + (self.customer.started - self.customer.arrived)
  shop:serve(simulation)
end

local Arrival = event(CustomerEvent)
function Arrival:happen(simulation)
  self.customer.arrived = simulation.now
  self.shop:join(self.customer)
  self.shop:serve(simulation)
  if self.customer.id < size then
    simulation:schedule(Arrival(self.shop, { id = self.customer.id + 1 }), simulation:random(20))
  end
end

local Shop = class()
function Shop:init(clerks)
  self.clerks, self.busy, self.served, self.waited = clerks, 0, 0, 0
  self.first, self.last, self.longest = 1, 0, 0
  self.queue = {}
end
function Shop:join(customer)
  self.last = self.last + 1
  self.queue[self.last] = customer
  self.longest = math.max(self.longest, self.last - self.first + 1)
end
function Shop:serve(simulation)
  while self.busy < self.clerks and self.first <= self.last do
    local customer = self.queue[self.first]
    self.queue[self.first], self.first = nil, self.first + 1
    self.busy, customer.started = self.busy + 1, simulation.now
    simulation:schedule(Departure(self, customer), self:service_time(simulation))
  end
end
function Shop:service_time(simulation) return simulation:random(40) end

local Bakery = class(Shop)
function Bakery:service_time(simulation) return Shop.service_time(self, simulation) // 2 + 5 end

for seed, kind in ipairs { Shop, Bakery } do
  local simulation, shop = Simulation(seed), kind(2)
  simulation:schedule(Arrival(shop, { id = 1 }), 0)
  print(simulation:run(), simulation.now, shop.served, shop.waited, shop.longest)
end
