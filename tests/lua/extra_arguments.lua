-- Extra arguments: copied, counted, selected, in functions with and without parameters, at every number of arguments.
local checks = 0
local function show(name, ...)
  checks = checks + 1
  print("ok   " .. name, ...)
end
local function text(...)
  local parts = table.pack(...)
  for i = 1, parts.n do parts[i] = tostring(parts[i]) end
  return parts.n .. "(" .. table.concat(parts, " ") .. ")"
end
local function message(problem) return (tostring(problem):gsub("^.-:%d+: ", "")) end

local function one(a, ...) return select("#", ...), a, ... end
local function sum(...) local total = 0 for i = 1, select("#", ...) do total = total + (select(i, ...)) end return total end
local function first_three(...) local a, b, c = ... return a, b, c end
local function first_six(...) local a, b, c, d, e, f = ... return a, b, c, d, e, f end
local function three(a, b, c, ...) return (select(2, ...)), (select("#", ...)), a, b, c, ... end
local function ten(a, b, c, d, e, f, g, h, i, j, ...) return (select("#", ...)), a, j, ... end
local function at(i, ...) return (select(i, ...)) end
local function at_in_loop(...) local all = {} for i = 1, 3 do all[i] = tostring((select(i, ...))) end return table.unpack(all) end
local function late(...) local x = select("#", ...) > 2 and (select(3, ...)) or "none" return x end
local function replaced(...) local select = function(...) return "own", ... end return (select("#", ...)), (select(1, ...)) end
local function closed(...) local n = select("#", ...) local function get() n = n + 1 return n end return get() + get(), ... end
local function tail(...) return one(...) end
local function passed(...) return text(...) end
local function list(...) return #{ ... }, #{ 1, 2, ... } end
local function counted(...) local c = 0 for _ in pairs({ ... }) do c = c + (select("#", ...)) end return c end

local FUNCTIONS = {
  one = one, first_three = first_three, first_six = first_six, three = three, ten = ten, late = late, replaced = replaced,
  closed = closed, tail = tail, passed = passed, list = list, counted = counted, at_in_loop = at_in_loop,
}
local NAMES = {}
for name in pairs(FUNCTIONS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)
local arguments = { 1, nil, "three", 4.5, false, {}, 7, 8, 9, 10, 11, 12, 13, 14 }
arguments[6] = setmetatable({}, { __tostring = function() return "table" end })
for round = 1, 4 do
  for _, name in ipairs(NAMES) do
    local f = FUNCTIONS[name]
    for count = 0, 14 do
      local result = text(f(table.unpack(arguments, 1, count)))
      if round == 4 then show(name .. " of " .. count, result) end
    end
    for _ = 1, 400 do f(1, 2, 3) end
  end
end
for _, key in ipairs { 1, 2, 3, 4, 0, -1, -3, -4, 2.0, 2.5, "2", "#", "x", math.maxinteger, math.mininteger, false } do
  for _ = 1, 40 do pcall(at, key, "a", "b", "c") end
  for _ = 1, 600 do at(2, "a", "b", "c") end
  local ok, result = pcall(at, key, "a", "b", "c")
  show("select " .. tostring(key), ok, message(result))
end
show("sums", sum(), sum(1), sum(1, 2.5, 3), pcall(sum, 1, {}) == false)
local large = table.pack(table.unpack({}, 1, 200))
for _ = 1, 3 do show("many", sum(table.unpack((function() local t = {} for i = 1, 200 do t[i] = i end return t end)())), large.n) end
local co = coroutine.wrap(function(...) while true do coroutine.yield((select("#", ...)), (select(2, ...)), ...) end end)
for _ = 1, 3 do show("in a coroutine", co(1, 2, nil)) end
local function deep(n, ...) if n == 0 then return select("#", ...) end return (deep(n - 1, n, ...)) end
show("growing", deep(100), deep(150, nil))
local meta = setmetatable({}, { __call = function(self, ...) return (select("#", ...)), (select(2, ...)) end, __index = function(...) return (select("#", ...)) end })
for _ = 1, 50 do meta(1, 2, 3) end
show("called", meta(1, 2, 3))
show("indexed", meta.x)
local self_calls = 0
local function itself(n, a, b) self_calls = self_calls + 1 if n == 0 then return a, b end if n % 3 == 0 then return itself(n - 1) end local x, y = itself(n - 1, n, b, n) return x, y end
for i = 0, 40 do itself(i, 1, 2) end
-- What lies where missing arguments go was something else before.
local function fewer(n, a, b, c)
  local filled = #{ n, n, n, n, n, n, n, n, n, n }
  if n == 0 then return text(filled, a, b, c) end
  if n % 4 == 3 then return fewer(n - 1, n) end
  local inner
  if n % 4 == 2 then inner = fewer(n - 1) elseif n % 4 == 1 then inner = fewer(n - 1, a) else inner = fewer(n - 1, n, n, n, n, n) end
  return inner .. text(a, b, c)
end
for _ = 1, 100 do fewer(7, 1, 2, 3) end
for i = 0, 9 do show("fewer " .. i, fewer(i), fewer(i, 1, 2, 3)) end
show("itself", itself(7, 1, 2), itself(8, 3, 4), self_calls)
local other
local function swapped(n) if n == 0 then return "end" end local next = swapped if n == 5 then next = other end return (next(n - 1)) end
other = function(n) return "other " .. n end
for _ = 1, 100 do swapped(4) end
show("another in its place", swapped(4), swapped(9))
local function overflow(n) return 1 + overflow(n + 1) end
show("overflow", (select(2, pcall(overflow, 1)):find("stack overflow", 1, true)) ~= nil)
print("checks", checks)
