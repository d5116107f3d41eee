-- A small log service. A producer writes log lines into a queue, workers parse
-- them and look for those that a query selects, and a ticker reports each round.
--
--   lua main.lua [ROUNDS [SECONDS PER ROUND]]

local Queue = require "queue"
local Scheduler = require "scheduler"
local Statistics = require "statistics"
local query = require "query"
local record = require "record"

-- Each line is to be seen when it is written.
io.stdout:setvbuf("line")

-- Nothing runs forever: this is far more than anybody waits for.
local ROUNDS = tonumber(arg and arg[1]) or 2000
local PACE = tonumber(arg and arg[2]) or 0.05

local SLOW = "latency > 250 and not (path ~ '/health')"

local rounds = 0
local lines = Queue.new(16)
local statistics = Statistics.new()
local is_slow = query.compile(SLOW)

-- The report of a round, as one line.
local function describe(found)
  rounds = rounds + 1
  return string.format("round %3d: %4d lines, %3d slow", rounds, found.count, found.selected)
end

-- Writes lines for ever, some of them in each tick of the clock.
local function produce(scheduler)
  local source = record.source(42)
  while true do
    for _ = 1, source:burst() do
      scheduler:push(lines, source:line())
    end
    scheduler:sleep(1)
  end
end

-- Takes lines from the queue and adds them to the statistics.
local function work(scheduler, worker)
  local handled = 0
  while true do
    local line = scheduler:pop(lines)
    local entry, problem = record.parse(line)
    if entry then
      handled = handled + 1
      entry.worker = worker
      local selected = is_slow(entry)
      statistics:add(entry, selected)
    else
      io.stderr:write("worker ", worker, ": ", problem, "\n")
    end
  end
end

-- A function that spends the rest of a round, as a service would in its poll.
local function pacer(seconds)
  local started = os.date("%X")
  local function idle()
    local deadline = os.clock() + seconds
    repeat
      local now = os.clock()
    until now >= deadline
  end
  print(string.format("log service, started at %s: at most %d rounds of %g s", started, ROUNDS, seconds))
  return idle
end

-- Reports every few ticks, and stops the service after the last round.
local function tick(scheduler)
  local idle = pacer(PACE)
  while rounds < ROUNDS do
    scheduler:sleep(4)
    print(describe(statistics))
    idle()
  end
  scheduler:stop()
end

local scheduler = Scheduler.new()
scheduler:spawn("producer", produce)
for worker = 1, 3 do
  scheduler:spawn("worker " .. worker, work, worker)
end
scheduler:spawn("ticker", tick)

local failure = scheduler:run()
if failure then
  error(failure, 0)
end
