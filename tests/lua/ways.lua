-- torture: 3
-- One site reads and writes fields of tables of one shape, then of several, of many, and of none.
local checks = 0
local function check(name, ok, ...) checks = checks + 1; if ok then print("ok   " .. name) else print("FAIL " .. name, ...) end end

-- Tables that have `name` in different places: own at several slots, inherited one and two levels up, by a function, absent.
local function of_class(class, object) return setmetatable(object, class) end
local Base = { name = "base" } Base.__index = Base
local Middle = setmetatable({ kind = "middle" }, Base) Middle.__index = Middle
local Computed = { __index = function(t, key) return "computed " .. key end }
local Shadow = { name = "shadow" } Shadow.__index = Shadow
local function long_key(i) return "key" .. i end
local function dictionary()
  local t = {}
  for i = 1, 200 do t[long_key(i)] = i end
  for i = 1, 200 do t[long_key(i)] = nil end
  t.name = "dictionary"
  return t
end
local makers = {
  { "first", function() return { name = "first" } end },
  { "second", function() return { x = 1, name = "second" } end },
  { "third", function() return { x = 1, y = 2, name = "third" } end },
  { "fourth", function() return { z = 3, name = "fourth" } end },
  { "base", function() return of_class(Base, {}) end },
  { "base", function() return of_class(Middle, { x = 1 }) end },
  { "shadow", function() return of_class(Shadow, { y = 0 }) end },
  { "own", function() return of_class(Shadow, { name = "own" }) end },
  { "computed name", function() return of_class(Computed, {}) end },
  { "nil", function() return { other = true } end },
  { "nil", function() return of_class(Middle.__index and { __index = {} } or {}, { q = 1 }) end },
  { "dictionary", dictionary },
  { "nil", function() return { name = nil } end },
  { "false", function() return { name = false } end },
}

-- A new function each time, so that each has seen nothing.
local function new_reader() return load("local t = ... return t.name", "=reader") end
local function new_caller() return load("local t = ... return (t:name())", "=caller") end
local function new_writer() return load("local t, v = ... t.name = v", "=writer") end

for n_ways = 1, #makers do
  local read = new_reader()
  for round = 1, 3 do
    for i = 1, 120 do
      local maker = makers[i % n_ways + 1]
      local got = tostring(read(maker[2]()))
      check("read", got == maker[1], n_ways, round, i, got, maker[1])
    end
  end
  -- Whoever was left out comes at last.
  for _, maker in ipairs(makers) do
    for _ = 1, 4 do check("read late", tostring(read(maker[2]())) == maker[1], n_ways, maker[1]) end
  end
end

-- Methods: tables of several classes, and strings.
do
  local classes = {}
  for i = 1, 6 do
    local c = { name = function(self) return i end }
    c.__index = c
    if i % 2 == 0 then c = setmetatable({}, c) c.__index = c end
    classes[i] = c
  end
  string.name = function(self) return "string " .. self end
  for n_ways = 1, 6 do
    local call = new_caller()
    for i = 1, 300 do
      local which = i % n_ways + 1
      check("method", call(of_class(classes[which], {})) == which, n_ways, i)
      if i % 50 == 0 then check("method of a string", call("s" .. i) == "string s" .. i) end
    end
  end
  string.name = nil
end

-- Classes change under compiled sites.
do
  local read = new_reader()
  local A, B = { name = "a" }, { name = "b" }
  A.__index, B.__index = A, B
  local a, b = of_class(A, { p = 1 }), of_class(B, { q = 1 })
  local own = { name = "o" }
  for _ = 1, 400 do check("before", read(a) == "a" and read(b) == "b" and read(own) == "o") end
  A.name = "a2"
  for _ = 1, 100 do check("value", read(a) == "a2" and read(b) == "b") end
  A.name = nil
  for _ = 1, 100 do check("gone", read(a) == nil and read(b) == "b") end
  A.__index = B
  for _ = 1, 100 do check("another", read(a) == "b") end
  A.__index = function() return "f" end
  for _ = 1, 100 do check("a function", read(a) == "f" and read(own) == "o") end
  B.__index = nil
  for _ = 1, 100 do check("none", read(b) == nil) end
  setmetatable(b, { __index = { name = "c" } })
  for _ = 1, 100 do check("another metatable", read(b) == "c") end
  rawset(b, "name", "own")
  for _ = 1, 100 do check("own", read(b) == "own") end
  B, A, a = nil, nil, nil
  collectgarbage()
  for _ = 1, 100 do check("after a collection", read(own) == "o" and read(b) == "own") end
end

-- Writes: own properties at several places, nil ones, with and without `__newindex`, additions, dictionaries.
do
  local log = {}
  local Logged = { __newindex = function(t, key, value) log[#log + 1] = key; rawset(t, key, value) end }
  local writers = {
    function() return { name = 0 } end,
    function() return { x = 1, name = 0 } end,
    function() return { x = 1, y = 1, name = 0 } end,
    function() return { x = 1, y = 1, z = 1, name = 0 } end,
    function() return { a = 1, b = 1, c = 1, d = 1, name = 0 } end,
    function() local t = { name = 0, w = 1 } t.name = nil return t end,
    function() local t = of_class(Logged, { name = 0 }) t.name = nil return t end,
    function() return {} end,
    function() return { one = 1, two = 2, three = 3, four = 4 } end,
    function() return of_class(Logged, {}) end,
    dictionary,
  }
  local values = { 1, 2.5, "text", false, {} }
  for n_ways = 1, #writers do
    local write, logged = new_writer(), 0
    local old = {}
    for i = 1, 400 do
      local which = i % n_ways + 1
      local t = writers[which]()
      local value = values[i % #values + 1]
      -- Old objects get young ones.
      if type(value) == "table" then value = { i } end
      write(t, value)
      check("write", t.name == value, n_ways, i)
      if which == 7 or which == 10 then logged = logged + 1 end
      if i % 7 == 0 then old[#old + 1] = { t, value } end
      if i % 100 == 0 then collectgarbage("step") end
    end
    check("log", #log == logged, n_ways, #log, logged)
    log = {}
    collectgarbage()
    for _, pair in ipairs(old) do
      check("kept", pair[1].name == pair[2], n_ways)
      write(pair[1], nil)
      check("nil", rawget(pair[1], "name") == nil)
    end
  end
end

-- Objects that grow one field at a time, by the same sites, with and without a collection between.
do
  local grow = load [[local t, v = ... t.a = v t.b = v t.c = v t.d = v t.e = v t.f = v t.g = v t.h = v t.i = v]]
  for i = 1, 300 do
    local t = i % 3 == 0 and {} or i % 3 == 1 and { before = i } or of_class(Base, {})
    grow(t, i)
    if i % 60 == 0 then collectgarbage() end
    check("grown", t.a == i and t.d == i and t.e == i and t.i == i, i)
  end
end

-- Traversals within traversals, and tables that lose what was met.
do
  local outer, inner = {}, {}
  for i = 1, 40 do outer["o" .. i] = i; inner[i * 1.5] = i; inner["i" .. i] = i end
  local pairs_met, sum = 0, 0
  for _, i in pairs(outer) do
    for key, k in pairs(inner) do
      pairs_met = pairs_met + 1
      if next(inner, key) == nil then sum = sum + i end
      check("value", inner[key] == k)
    end
  end
  check("nested", pairs_met == 40 * 80 and sum == 820, pairs_met, sum)
  local left = 80
  for key in pairs(inner) do
    inner[key] = nil
    left = left - 1
    if left == 40 then collectgarbage() end
  end
  check("emptied", left == 0 and next(inner) == nil)
  local small = { a = 1, b = 2, c = 3 }
  local key, met = nil, {}
  repeat
    key = next(small, key)
    met[#met + 1] = tostring(key)
    next(outer)
  until key == nil
  check("alternating", table.remove(met) == "nil")
  table.sort(met)
  check("all met", table.concat(met, " ") == "a b c", table.concat(met, " "))
  check("not a key", not pcall(next, small, "d"))
end

-- Strings in arithmetic, with every operator that takes them.
do
  local compute = load [[
    local x, y = ...
    return x + y, x - y, x * y, x / y, x % y, x // y, x ^ y, -x, x + 1, 2 - x
  ]]
  local expected = table.concat({ compute(7, 2) }, " ")
  for i = 1, 200 do
    local x, y = i % 2 == 0 and "7" or 7, i % 3 == 0 and " 2 " or 2
    check("strings", table.concat({ compute(x, y) }, " ") == expected, i)
  end
  check("no number", select(2, pcall(compute, "x", 1)):find("attempt to add a 'string' with a 'number'", 1, true))
  check("bits", select(2, pcall(load "local x = ... return x & 1", "1")):find("perform bitwise operation on a string value", 1, true))
end

print("checks", checks)
