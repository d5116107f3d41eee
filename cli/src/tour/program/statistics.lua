-- What is known about the log entries so far.

local Statistics = {}
Statistics.__index = Statistics

function Statistics.new()
  return setmetatable({ count = 0, selected = 0, total = 0, worst = 0, by_status = {} }, Statistics)
end

-- Counts an entry; `is_selected` says whether the query selects it.
function Statistics:add(entry, is_selected)
  self.count = self.count + 1
  self.total = self.total + entry.latency
  self.worst = math.max(self.worst, entry.latency)
  self.by_status[entry.status] = (self.by_status[entry.status] or 0) + 1
  if is_selected then
    self.selected = self.selected + 1
  end
end

-- Mean latency in milliseconds.
function Statistics:mean()
  return self.count > 0 and self.total / self.count or 0
end

function Statistics:__tostring()
  return string.format("%d entries, mean %.0f ms, worst %d ms", self.count, self:mean(), self.worst)
end

return Statistics
