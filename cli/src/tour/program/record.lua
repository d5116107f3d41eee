-- Log lines such as `GET /orders/17 200 35ms`, and where they come from.

local record = {}

-- The fields of a line, or nil and what is wrong with it.
function record.parse(line)
  local method, path, status, latency = line:match("^(%u+) (%S+) (%d%d%d) (%d+)ms$")
  if not method then
    return nil, string.format("not a log line: %q", line)
  end
  return { method = method, path = path, status = tonumber(status), latency = tonumber(latency) }
end

local Source = {}
Source.__index = Source

-- A source of lines that gives the same lines for the same seed.
function record.source(seed)
  return setmetatable({ state = seed }, Source)
end

-- The next pseudo-random number from 1 to `limit`.
function Source:roll(limit)
  self.state = (self.state * 1103515245 + 12345) % 2147483648
  return self.state // 65536 % limit + 1
end

-- How many lines come at once.
function Source:burst()
  return self:roll(5)
end

local METHODS = { "GET", "GET", "GET", "POST", "PUT", "DELETE" }
local PATHS = { "/orders/", "/users/", "/carts/", "/health/" }

function Source:line()
  local method = METHODS[self:roll(#METHODS)]
  local path = PATHS[self:roll(#PATHS)] .. self:roll(40)
  local failed = self:roll(20) == 1
  local latency = self:roll(failed and 900 or 300)
  return string.format("%s %s %d %dms", method, path, failed and 503 or 200, latency)
end

return record
