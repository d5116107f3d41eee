-- Tables that constructors make: of all sizes, that grow afterwards, at sites that run often; and natives in tail position.

local checks, said = 0, {}
local function check(name, condition, ...)
  if not condition then error(("check failed: %s %s"):format(name, table.concat({ ... }, " ")), 2) end
  if not said[name] then
    said[name], checks = true, checks + 1
    print("ok   " .. name)
  end
end

-- Lists of 0 to 40 items, and records of 0 to 30 fields, which then get more and lose some.
for n = 0, 40 do
  local items = {}
  for i = 1, n do items[i] = i % 5 == 4 and "nil" or i % 3 == 0 and "'s" .. i .. "'" or i % 7 == 0 and "{}" or tostring(i) end
  local make = load("return { " .. table.concat(items, ", ") .. " }")
  for round = 1, 20 do
    local t = make()
    for i = 1, n do
      local kind = items[i] == "nil" and "nil" or items[i]:find("'", 1, true) and "string" or items[i] == "{}" and "table" or "number"
      check("items", type(t[i]) == kind, n, i, round)
    end
    for i = n + 1, n + round do t[i] = { i } end
    for i = n + 1, n + round do check("items added", t[i][1] == i, n, i) end
    t.name, t[-1] = "x", round
    check("other keys", t.name == "x" and t[-1] == round and type(t[n]) == type(make()[n]), n)
  end
end
for n = 0, 30 do
  local fields = {}
  for i = 1, n do fields[i] = ("f%d = %s"):format(i, i % 3 == 0 and "{ " .. i .. " }" or i) end
  local make = load("return { " .. table.concat(fields, ", ") .. " }")
  for round = 1, 20 do
    local t = make()
    for i = 1, n do
      local value = t["f" .. i]
      check("fields", value == i or i % 3 == 0 and value[1] == i, n, i)
    end
    for i = n + 1, n + round do t["f" .. i] = i end
    for i = n + 1, n + round do check("fields added", t["f" .. i] == i, n, i) end
    for i = 1, n do t["f" .. i] = nil end
    local left = 0
    for _ in pairs(t) do left = left + 1 end
    check("fields removed", left == round, n, left, round)
  end
end

-- What comes last may be any number of values, or none.
do
  local function some(n) return table.unpack({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 1, n) end
  for round = 1, 30 do
    for n = 0, 10 do
      local t, u, v = { some(n) }, { "a", some(n) }, { x = 1, "a", { some(n) }, some(n) }
      check("results of a call", #t == n and #u == n + 1 and #v == n + 2 and #v[2] == n, round, n)
      check("last result", t[n] == (n > 0 and n or nil) and u[n + 1] == (n > 0 and n or "a"), round, n)
    end
    local function pass(...) return { ... }, { "a", ... }, { ..., "z" } end
    local a, b, c = pass(some(round % 11))
    check("extra arguments", #a == round % 11 and #b == round % 11 + 1 and c[2] == "z", round)
  end
end

-- Nils at the end are no items, wherever they come from.
do
  local function three(a, b, c) return { a, b, c } end
  for round = 1, 60 do
    local value = round % 2 == 0 and {} or round
    check("no nil", #three(value, value, value) == 3)
    check("nil at the end", #three(value, value) == 2 and #three(value) == 1 and #three() == 0)
    check("nil between", three(nil, nil, value)[3] == value and three(nil, value)[2] == value)
    local t = three(value, 2, 3)
    t[4] = 4
    check("goes on", #t == 4 and t[1] == value)
  end
end

-- A table that is reachable before it is filled: another constructor, and the collector, run in between.
do
  local kept
  local function keep(t) kept = t return #t end
  for round = 1, 60 do
    local t = { { round }, { round + 1 }, keep({ round }), { (collectgarbage("step") or true) and round } }
    check("nested", t[1][1] == round and t[2][1] == round + 1 and t[3] == 1 and t[4][1] == round and kept[1] == round)
  end
end

-- Sites that add keys to tables of which none outlives a collection.
do
  local function point(x, y) return { x = x, y = y, z = { x } } end
  local class = {}
  class.__index = class
  local function object(x)
    local o = setmetatable({}, class)
    o.x = x
    o.y = { x }
    o.z = x * 2
    return o
  end
  for round = 1, 6 do
    for i = 1, 400 do
      local p, o = point(i, -i), object(i)
      check("points", p.x == i and p.y == -i and p.z[1] == i)
      check("objects", o.x == i and o.y[1] == i and o.z == i * 2)
    end
    collectgarbage()
    if round == 3 then class.__newindex = function(t, k, v) rawset(t, k, k == "y" and { v[1] + 0 } or v) end end
    if round == 5 then class.__newindex = nil end
  end
end

-- Natives in tail position, of functions with and without extra arguments, for any number of results.
do
  local function count(...) return select("#", ...) end
  local function rest(n, ...) return select(n, ...) end
  local function greatest(...) return math.max(...) end
  local function floor(x) return math.floor(x) end
  local function kind(x) return type(x) end
  local function pack(...) return table.pack(...) end
  local function raise(message) return error(message, 0) end
  local function protected(f, ...) return pcall(f, ...) end
  local function again(f, ...) return protected(f, ...) end
  for i = 1, 80 do
    check("count", count() == 0 and count(i, nil) == 2 and count(table.unpack({}, 1, i)) == i)
    local a, b, c = rest(2, i, i + 1, i + 2)
    check("rest", a == i + 1 and b == i + 2 and c == nil and (rest(-1, i, "z")) == "z" and count(rest(1, 1, 2, 3)) == 3)
    check("all results", count(greatest(i, 2), floor(i + 0.5)) == 2 and count(floor(i + 0.5)) == 1 and pack(floor(i + 0.5)).n == 1)
    check("one result", greatest(i, 40) == (i > 40 and i or 40) and floor(i + 0.5) == i and kind(floor) == "function")
    floor(i)
    greatest(i)
    check("packed", pack(i, nil, nil).n == 3 and pack(kind(i))[1] == "number")
    check("strings", not pcall(floor, {}) and not pcall(greatest) and select(2, pcall(raise, i)) == i)
    local ok, message = again(raise, "m" .. i)
    check("protected", ok == false and message == "m" .. i and select("#", again(rest, 1, 1, 2, 3)) == 4)
    check("called back", ({ ("a,b"):gsub("%a", function(x) return x:upper() end) })[1] == "A,B")
    local sorted = { 3, 1, 2 }
    table.sort(sorted, function(x, y) return rawequal(x < y, true) end)
    check("comparison", table.concat(sorted, " ") == "1 2 3")
    local object = setmetatable({}, { __index = function(_, k) return tostring(k) end, __add = function(x, y) return rawlen({ 1, 2 }) end })
    check("metamethods", object[i] == tostring(i) and object + 1 == 2)
  end
  local ok, message = pcall(floor, {})
  check("message", message:find("bad argument #1 to 'floor'", 1, true), message)
end

print("checks", checks)
