-- First in, first out, up to a limit.

local Queue = {}
Queue.__index = Queue

function Queue.new(limit)
  return setmetatable({ first = 1, last = 0, limit = limit, readers = {}, writers = {} }, Queue)
end

function Queue:__len()
  return self.last - self.first + 1
end

function Queue:is_empty()
  return self.last < self.first
end

-- Whether there was room for the item.
function Queue:push(item)
  if #self >= self.limit then
    return false
  end
  self.last = self.last + 1
  self[self.last] = item
  return true
end

function Queue:pop()
  local item = self[self.first]
  self[self.first] = nil
  self.first = self.first + 1
  return item
end

return Queue
