-- Errors that are caught, and variables that are closed, in loops that run long enough to be compiled.
local count = 0
local function check(name, ok, ...)
  count = count + 1
  print((ok and "ok   " or "FAIL ") .. name, ...)
end

local function id(...) return ... end
local function one(x) return x end
local function two(x, y) return y, x end
local function none() end
local function extra(...) return select("#", ...), ... end
local function fails(problem) error(problem, 0) end
local function tag(problem) return "<" .. tostring(problem) .. ">" end
local function show(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, " ")
end

-- xpcall with every number of arguments and results, of functions that return and that fail.
for _, f in ipairs { one, two, none, extra, id, fails, tostring, error, select, pcall } do
  local line = {}
  for i = 1, 300 do
    local a = show(xpcall(f, tag))
    local b = show(xpcall(f, tag, i))
    local c = show(xpcall(f, tag, i, "y", nil))
    local d = xpcall(f, tag, "x")
    local e, g = xpcall(f, tag, 7)
    local h, j, k, l = xpcall(f, tag, 2, 3, 4, 5, 6)
    xpcall(f, tag, i)
    line = { a, b, c, tostring(d), tostring(e), tostring(g), tostring(h), tostring(j), tostring(k), tostring(l) }
  end
  check("xpcall", #line == 10, table.concat(line, " | "))
end

-- Handlers: natives, ones that fail, what is none.
local results = {}
for _ = 1, 300 do
  results = {
    show(xpcall(fails, tostring, { 1 } and nil)),
    show(xpcall(fails, math.type, 2.5)),
    show(xpcall(fails, function(problem) error(problem .. "!", 0) end, "again") == false),
    show(pcall(xpcall, fails, 1)),
    show(pcall(xpcall, fails)),
    show(xpcall(fails, setmetatable({}, { __call = function(_, m) return "called " .. tostring(m) end }) and tag, "c")),
    show(select("#", xpcall(fails, none, 1))),
    show(xpcall(xpcall, tag, fails, tag, 5)),
    show(xpcall(pcall, tag, fails, 6)),
  }
end
for i, result in ipairs(results) do check("handler " .. i, true, result) end
local seen
check("the handler sees the stack of the error", xpcall(function() local mine = 1; fails("deep") end, function()
  seen = debug.traceback("t", 2):find("in upvalue 'fails'", 1, true) ~= nil
end) == false and seen)

-- What is known of variables holds behind a call that has failed.
local function around(n)
  local x, y, z, t, s = 1.5, 2, "s", { v = 1 }, 0
  local captured = 0
  local function bump() captured = captured + 0.5; fails(captured) end
  for i = 1, n do
    x, y = x + 0.25, y + 1
    local ok, problem = pcall(bump)
    s = s + problem + (ok and 100 or 1)
    t.v = t.v + i
    local ok2, p2 = xpcall(fails, one, x)
    s = s + p2 + y
    z = ok2 and "never" or z
    pcall(fails, y)
    captured = i % 50 == 0 and captured // 1 | 0 or captured
  end
  return x, y, z, t.v, s, captured
end
check("variables", true, show(around(400)))

-- A failing function changes the table whose shape is known.
local function reshapes(t, i)
  t["k" .. i % 5] = i
  if i % 3 == 0 then t.v = nil end
  error(t)
end
local function shapes(n)
  local sum = 0
  for i = 1, n do
    local t = { v = i }
    sum = sum + t.v
    local ok, other = pcall(reshapes, t, i)
    sum = sum + (t.v or 1000) + (other == t and 1 or 0) + (ok and 5 or 0)
  end
  return sum
end
check("shapes", true, shapes(500))

-- An error passes frames of all kinds on its way.
local function depth(n, how)
  if n == 0 then fails("bottom") end
  if how == 1 then return depth(n - 1, how) end
  if how == 2 then return (depth(n - 1, how)) end
  if how == 3 then return (select(2, pcall(depth, n - 1, how))) end
  if how == 4 then for _ in function() return depth(n - 1, how) end do end end
  if how == 5 then return setmetatable({}, { __index = function() return depth(n - 1, how) end }).x end
  if how == 6 then return table.sort({ 1, 2, 3 }, function() return depth(n - 1, how) end) end
  return coroutine.wrap(depth)(n - 1, how)
end
for how = 1, 7 do
  local last
  for i = 1, 200 do last = show(pcall(depth, i % 7, how)) end
  check("depth " .. how, true, last)
end

-- Variables that are closed.
local log = {}
local function closer(name, what)
  return setmetatable({ name = name }, { __close = function(self, problem)
    log[#log + 1] = self.name .. ":" .. tostring(problem)
    if what then what(self, problem) end
  end })
end
local function take()
  local text = table.concat(log, " ")
  log = {}
  return text
end
local function returns_none() local a <close> = closer "a" end
local function returns_one(x) local a <close> = closer "a"; return x end
local function returns_two(x) local a <close> = closer "a"; local b = x; local c <close> = closer "c"; return b, x end
local function returns_many(...) local a <close> = closer "a"; return ... end
local function returns_call(...) local a <close> = closer "a"; local b <close> = closer "b"; return extra(...) end
local function breaks(n)
  local sum = 0
  for i = 1, n do
    local a <close> = closer("a" .. i)
    sum = sum + i
    if i == 3 then break end
  end
  return sum
end
local function falsy(x) local a <close> = nil; local b <close> = false; return x end
local function in_block(x)
  local t = { v = x }
  do
    local a <close> = closer("a", function() t.w, t.v = 1, "changed" end)
    t.v = t.v + 1
  end
  return t.v, t.w, x
end
local function captured(x)
  local n = x
  local f
  do
    local a <close> = closer("a", function() n = n + 0.5 end)
    f = function() n = n + 1 return n end
    f()
  end
  return n, f(), n
end
for _, f in ipairs { returns_none, returns_one, returns_two, returns_many, returns_call, breaks, falsy, in_block, captured } do
  local line
  for i = 1, 300 do
    log = {}
    line = show(f(i)) .. " / " .. show(pcall(f, 5)) .. " / " .. show((f(6))) .. " / " .. take()
  end
  check("closed", true, line)
end
-- Calls of these with extra arguments of many numbers.
for n = 0, 9 do
  local line
  for i = 1, 120 do
    log = {}
    line = show(returns_many(table.unpack({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 1, n))) .. " / "
      .. show(returns_call(table.unpack({ 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 1, n))) .. " / " .. take()
  end
  check("closed with " .. n, true, line)
end

-- __close that fails, yields, takes extra arguments, is native, calls on.
local function closes(what, f, ...)
  local a <close> = closer("a", what)
  local b <close> = closer "b"
  return f(...)
end
check("quiet", true, show(closes(none, id, 1, 2)))
local cases = {
  function(i) return pcall(closes, function() fails("in close") end, id, i % 2, 2) end,
  function(i) return pcall(closes, function() fails("in close") end, fails, "first") end,
  function() return pcall(closes, nil, fails, "only") end,
  function(i) return coroutine.wrap(function() return closes(function() coroutine.yield("never seen") end, id, 1) end)() end,
  function(i)
    local co = coroutine.wrap(function(...) return closes(function() coroutine.yield("yielded") end, id, ...) end)
    return co(i % 3, "two"), co(), take()
  end,
  function() return pcall(closes, function(self) return closes(nil, id, self.name) end, id, 3) end,
}
for n, case in ipairs(cases) do
  local line
  for i = 1, 200 do
    log = {}
    line = show(case(i)) .. " / " .. take()
  end
  check("close " .. n, true, line)
end
local VARIADIC = { __close = function(...) log[#log + 1] = select("#", ...) end }
local NATIVE = { __close = rawlen }
local function variadic(x) local a <close> = setmetatable({}, VARIADIC); local b <close> = setmetatable({ 1 }, NATIVE); return x, x end
local line
for i = 1, 300 do log = {}; line = show(variadic(i)) .. " " .. take() end
check("variadic and native", true, line)
check("no metamethod", true, select(2, pcall(function() local x <close> = {} end)))
local recursion = 0
local function deep(n)
  local a <close> = closer("d", function() recursion = recursion + 1 end)
  if n == 0 then return "bottom", n end
  return deep(n - 1)
end
for i = 1, 30 do log = {}; line = show(deep(150)) end
check("deep", recursion == 30 * 151, line, #log)
log = {}
local function endless() local a <close> = setmetatable({}, { __close = function() return endless() end }) end
local ok, problem = pcall(endless)
check("without end", not ok, (tostring(problem):gsub("^.-:%d+: ", "")))

-- The generic for closes its fourth value.
local function each(n, f)
  local found = 0
  for i in function(_, i) i = i + 1; return i <= n and i or nil end, nil, 0, closer("for") do
    found = found + i
    if f and i == 4 then return found, f() end
  end
  return found
end
for i = 1, 200 do
  log = {}
  line = show(each(5)) .. " " .. show(each(6, none)) .. " " .. show(each(7, two)) .. " " .. show(pcall(each, 9, fails)) .. " " .. take()
end
check("generic for", true, line)
-- The collector is due when an error or the end of a coroutine has led somewhere, and a finalizer is called there.
local finalized = 0
local mortal = { __gc = function() finalized = finalized + 1 end }
local function compares(x, y) return x < y end
local ways = {
  function() return xpcall(nil, type) end,
  function() local ok, kind = xpcall(nil, type) return ok, kind end,
  function(i) local ok, kind = xpcall(compares, type, i, {}) return ok, kind end,
  function(i) local ok = pcall(compares, {}, i) return ok end,
  function(i) local ok, text = coroutine.resume(coroutine.create(string.rep), "x", i % 20) return ok, #text end,
  function() local ok, why = coroutine.resume(coroutine.create(string.rep)) return ok, type(why) end,
  function(i) local ok, text = pcall(string.rep, "x", i % 20) return ok, #text end,
}
for n, way in ipairs(ways) do
  local function goes_on(i)
    local a, b, c = i, i + 1, i + 2
    for _ = 1, 3 do setmetatable({}, mortal) end
    local x, y = way(i)
    return a == i and b == i + 1 and c == i + 2, x, y
  end
  local ok, x, y = true, nil, nil
  for i = 1, 400 do
    local is_kept
    is_kept, x, y = goes_on(i)
    ok = ok and is_kept
  end
  check("finalizers, way " .. n, ok, x, y)
end
collectgarbage()
check("finalizers", finalized > 8000)

print("checks", count)
