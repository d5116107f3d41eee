-- An incremental solver of one-way constraints with strengths, in classes.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 1500

local REQUIRED, STRONG, PREFERRED, DEFAULT, WEAKEST = 1, 2, 3, 4, 7

local function class(base)
  local c = setmetatable({}, base)
  c.__index = c
  return c
end

local Variable = class()
function Variable.new(value)
  return setmetatable({ value = value, constraints = {}, by = nil, mark = 0, strength = WEAKEST, stay = true }, Variable)
end
function Variable:forget(constraint)
  local list = self.constraints
  for i = 1, #list do
    if list[i] == constraint then table.remove(list, i) break end
  end
  if self.by == constraint then self.by = nil end
end

-- A constraint has variables, and methods: each computes one of them from the others.
local Constraint = class()
function Constraint:attach(variables, strength)
  self.variables, self.strength, self.output = variables, strength, nil
  for i = 1, #variables do
    local list = variables[i].constraints
    list[#list + 1] = self
  end
  return self
end
function Constraint:choose(mark)
  local best, weakest
  for i = 1, #self.variables do
    local v = self.variables[i]
    if self:can_write(i) and v.mark ~= mark and v.strength > self.strength and (not weakest or v.strength > weakest) then
      best, weakest = v, v.strength
    end
  end
  self.output = best
  return best ~= nil
end
function Constraint:can_write() return true end
function Constraint:mark_inputs(mark)
  for i = 1, #self.variables do
    local v = self.variables[i]
    if v ~= self.output then v.mark = mark end
  end
end
function Constraint:inputs_known(mark)
  for i = 1, #self.variables do
    local v = self.variables[i]
    if v ~= self.output and not (v.mark == mark or v.stay or not v.by) then return false end
  end
  return true
end
function Constraint:recalculate()
  local out, strength, stay = self.output, self.strength, not self.is_input
  for i = 1, #self.variables do
    local v = self.variables[i]
    if v ~= out then
      if v.strength > strength then strength = v.strength end
      stay = stay and v.stay
    end
  end
  out.strength, out.stay = strength, stay
  if stay then self:execute() end
end
function Constraint:execute() end

local Stay = class(Constraint)
local Edit = class(Constraint)
Edit.is_input = true

local Equal = class(Constraint)
function Equal:execute()
  local a, b = self.variables[1], self.variables[2]
  if self.output == b then b.value = a.value else a.value = b.value end
end

local Scale = class(Constraint)
function Scale:can_write(index) return index <= 2 end
function Scale:execute()
  local source, target, factor, offset = self.variables[1], self.variables[2], self.variables[3], self.variables[4]
  if self.output == target then
    target.value = source.value * factor.value + offset.value
  else
    source.value = (target.value - offset.value) // factor.value
  end
end

local Planner = class()
function Planner.new() return setmetatable({ mark = 0 }, Planner) end
function Planner:next_mark()
  self.mark = self.mark + 1
  return self.mark
end
function Planner:add(constraint)
  local mark = self:next_mark()
  local overridden = self:satisfy(constraint, mark)
  while overridden do overridden = self:satisfy(overridden, mark) end
  return constraint
end
function Planner:satisfy(constraint, mark)
  if not constraint:choose(mark) then
    assert(constraint.strength ~= REQUIRED, "cannot satisfy a required constraint")
    return nil
  end
  constraint:mark_inputs(mark)
  local out = constraint.output
  local overridden = out.by
  if overridden then overridden.output = nil end
  out.by = constraint
  self:propagate(constraint)
  out.mark = mark
  return overridden
end
local function consumers(v, into)
  local list = v.constraints
  for i = 1, #list do
    local c = list[i]
    if c ~= v.by and c.output then into[#into + 1] = c end
  end
end
function Planner:propagate(constraint)
  local todo = { constraint }
  while #todo > 0 do
    local c = table.remove(todo)
    c:recalculate()
    consumers(c.output, todo)
  end
end
function Planner:remove(constraint)
  local out = constraint.output
  for i = 1, #constraint.variables do constraint.variables[i]:forget(constraint) end
  if not out then return end
  constraint.output = nil
  out.by, out.strength, out.stay = nil, WEAKEST, true
  local unsatisfied, todo, seen = {}, { out }, {}
  while #todo > 0 do
    local v = table.remove(todo)
    for _, c in ipairs(v.constraints) do
      if not c.output then
        unsatisfied[#unsatisfied + 1] = c
      elseif c ~= v.by and not seen[c] then
        seen[c] = true
        c:recalculate()
        todo[#todo + 1] = c.output
      end
    end
  end
  for strength = REQUIRED, WEAKEST do
    for _, c in ipairs(unsatisfied) do
      if c.strength == strength and not c.output then self:add(c) end
    end
  end
end
function Planner:plan(sources)
  local mark, plan, todo = self:next_mark(), {}, {}
  for i = 1, #sources do todo[i] = sources[i] end
  while #todo > 0 do
    local c = table.remove(todo)
    local out = c.output
    if out.mark ~= mark and c:inputs_known(mark) then
      plan[#plan + 1] = c
      out.mark = mark
      consumers(out, todo)
    end
  end
  return plan
end
function Planner:change(variable, values)
  local edit = self:add(setmetatable({}, Edit):attach({ variable }, PREFERRED))
  local plan = self:plan { edit }
  for value = 1, values do
    variable.value = value
    for i = 1, #plan do plan[i]:execute() end
  end
  self:remove(edit)
end

local function chain(n)
  local planner, variables = Planner.new(), {}
  for i = 1, n + 1 do variables[i] = Variable.new(0) end
  for i = 1, n do planner:add(setmetatable({}, Equal):attach({ variables[i], variables[i + 1] }, REQUIRED)) end
  planner:add(setmetatable({}, Stay):attach({ variables[n + 1] }, DEFAULT))
  planner:change(variables[1], 100)
  for i = 1, n + 1 do assert(variables[i].value == 100, "the chain does not follow") end
  return variables[n + 1].value
end

local function projection(n)
  local planner, sources, targets = Planner.new(), {}, {}
  local factor, offset = Variable.new(10), Variable.new(1000)
  for i = 1, n do
    sources[i], targets[i] = Variable.new(i), Variable.new(i)
    planner:add(setmetatable({}, Stay):attach({ sources[i] }, DEFAULT))
    planner:add(setmetatable({}, Scale):attach({ sources[i], targets[i], factor, offset }, REQUIRED))
  end
  planner:change(sources[n], 17)
  local first = targets[n].value
  planner:change(targets[n], 1050)
  local second = sources[n].value
  planner:change(factor, 5)
  local sum = 0
  for i = 1, n - 1 do sum = sum + targets[i].value end
  planner:change(offset, 20)
  for i = 1, n - 1 do sum = sum + targets[i].value end
  return first, second, sum
end

print("chain", chain(size))
print("projection", projection(size))
