-- Garbage collection: weak tables, finalizers, options (manual 2.5).
local n = 0
local function check(name, ok, ...) n = n + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end
local function same(name, got, want)
  local shown = (type(got) == "table" or type(got) == "function") and type(got) or got
  check(name, got == want and math.type(got) == math.type(want), shown)
end
local function fails(name, text, f, ...)
  local ok, message = pcall(f, ...)
  check(name, not ok and tostring(message):find(text, 1, true) ~= nil, message)
end

local function full() collectgarbage(); collectgarbage() end
local function size(t) local c = 0; for _ in pairs(t) do c = c + 1 end; return c end

do
  local w = setmetatable({}, { __mode = "v" })
  local keep = {}
  w[1], w[2], w.k, w.s, w.n = {}, keep, {}, "text", 5
  full()
  check("weak values go", w[1] == nil and w.k == nil)
  check("held values stay", w[2] == keep and w.s == "text" and w.n == 5)
end
do
  local w = setmetatable({}, { __mode = "k" })
  local keep = {}
  w[{}], w[keep], w.text, w[1] = 1, 2, {}, {}
  full()
  same("weak keys go", size(w), 3)
  same("held key stays", w[keep], 2)
end
do
  local e = setmetatable({}, { __mode = "k" })
  local root = {}
  do
    local a, b = {}, {}
    e[root], e[a], e[b] = a, b, "end"
  end
  full()
  same("ephemeron chain from a live root", e[e[e[root]]], "end")
  root = nil
  full()
  same("ephemeron chain collapses", size(e), 0)
  local c = {}
  e[c] = { c }
  c = nil
  full()
  same("value that refers to its key", size(e), 0)
end
do
  local w = setmetatable({}, { __mode = "kv" })
  local k, v = {}, {}
  w[k], w[v], w[{}] = {}, k, v
  full()
  same("weak both", size(w), 1)
  local f = setmetatable({}, { __mode = "v" })
  f[1] = function() return f end
  f[2] = coroutine.create(function() end)
  full()
  same("closures and coroutines", size(f) <= 1, true)
end
do
  local order = {}
  local held = {}
  for i = 1, 3 do held[i] = setmetatable({}, { __gc = function() order[#order + 1] = i end }) end
  held = nil
  full()
  same("finalizers run in reverse order", table.concat(order, " "), "3 2 1")
  local saved
  do local r = setmetatable({ v = 7 }, { __gc = function(o) saved = o end }) end
  full()
  same("resurrection", saved and saved.v, 7)
  local runs = 0
  do setmetatable({}, { __gc = function(o) runs = runs + 1; setmetatable(o, getmetatable(o)) end }) end
  full(); full()
  check("marked again runs again", runs >= 2)
  local once = 0
  do setmetatable({}, { __gc = function() once = once + 1 end }) end
  full(); full()
  same("runs once", once, 1)
  local late = 0
  do local o = setmetatable({}, {}); getmetatable(o).__gc = function() late = late + 1 end end
  full()
  same("__gc added after setmetatable does not mark", late, 0)
  local placeholder = 0
  do local o = setmetatable({}, { __gc = true }); getmetatable(o).__gc = function() placeholder = placeholder + 1 end end
  full()
  same("a placeholder marks", placeholder, 1)
  local w = setmetatable({}, { __mode = "v" })
  local k = setmetatable({}, { __mode = "k" })
  local value_seen, key_seen
  do
    local o = setmetatable({}, { __gc = function(x) value_seen, key_seen = w[1], k[x] end })
    w[1], k[o] = o, "attached"
  end
  full()
  same("weak value cleared before its finalizer", value_seen, nil)
  same("weak key kept until its finalizer", key_seen, "attached")
end
do
  check("count", collectgarbage("count") > 0 and math.type(collectgarbage("count")) == "float")
  same("collect gives zero", collectgarbage("collect"), 0)
  same("no argument", collectgarbage(), 0)
  same("isrunning", collectgarbage("isrunning"), true)
  collectgarbage("stop")
  same("stopped", collectgarbage("isrunning"), false)
  collectgarbage("restart")
  same("restarted", collectgarbage("isrunning"), true)
  same("step", type(collectgarbage("step")), "boolean")
  collectgarbage("incremental")
  same("from incremental", collectgarbage("generational"), "incremental")
  same("from generational", collectgarbage("incremental"), "generational")
  fails("option", "bad argument #1 to 'collectgarbage' (invalid option 'nothing')", collectgarbage, "nothing")
  local before = collectgarbage("count")
  do local junk = {}; for i = 1, 20000 do junk[i] = { i } end end
  full()
  check("garbage is freed", collectgarbage("count") < before + 200)
  for i = 1, 20000 do local s = ("x"):rep(i % 50) .. i end
  check("strings are freed", collectgarbage("count") < before + 4000)
end

do
  local answers = {}
  setmetatable({}, { __gc = function() answers[1] = collectgarbage() == nil; answers[2] = collectgarbage("count") == nil end })
  collectgarbage()
  check("a finalizer cannot call the collector", answers[1] == true and answers[2] == true)
end

do
  -- One that becomes due deep in calls does nothing to them.
  local function garbage() setmetatable({}, { __gc = function() string.gsub("a", "a", tostring) end }) end
  local function nest(depth, work)
    if depth == 0 then return work() end
    local ok, message = pcall(nest, depth - 1, work)
    if not ok then error(message, 0) end
    return message
  end
  for depth = 170, 210 do
    local plain = pcall(nest, depth, function() return "returned" end)
    local ok = pcall(nest, depth, function() garbage(); collectgarbage(); return "returned" end)
    same("finalizer at depth " .. depth, ok, plain)
  end
end

collectgarbage("restart") collectgarbage("incremental")
-- Values on their way out of a block, while what the block closes ends and finalizers run.
do
  local function junk() setmetatable({}, {__gc = function() local a, b, c = 1, 2, 3 return a, b, c end}) end
  local closers = {
    native = rawlen,
    lua = function() junk() for i = 1, 5 do local t = {} end end,
    yielding = coroutine.wrap(function() while true do coroutine.yield(junk()) end end),
  }
  for _, name in ipairs {"native", "lua", "yielding"} do
    local function find() local x <close> = setmetatable({}, {__close = closers[name]}); junk() return string.find("abc", "b(c)") end
    local function forward(...) local x <close> = setmetatable({}, {__close = closers[name]}); junk() return ... end
    local wrong = 0
    for i = 1, 40 do
      if select("#", find()) ~= 3 then wrong = wrong + 1 end
      if i % 2 == 0 and select("#", forward(nil, i, nil)) ~= 3 then wrong = wrong + 1 end
    end
    check("values that leave a block closed by a function: " .. name, wrong == 0, wrong)
  end
  local file = setmetatable({}, {__close = rawlen})
  local co = coroutine.wrap(function(...) local x <close> = file; junk() coroutine.yield(...) junk() return ... end)
  check("values that leave a coroutine", select("#", co(1, nil)) == 2, co())
end

do -- All results of a native are wanted: what it allocated is collected all the same.
  local long = ("x"):rep(60)
  local function length(text) return #text end
  local function pair(i) return i, string.reverse(long) end
  local loops = {
    { "last arguments", function(i) return length(tostring(i)) end },
    { "last arguments of natives", function(i) return select("#", string.reverse(long .. i)) end },
    { "last results", function(i) return select("#", pair(i)) end },
    { "formats", function(i) return length(string.format("%s %d", long, i)) end },
    { "protected calls", function(i) return select("#", pcall(string.reverse, long)) end },
    { "errors", function(i) return pcall(error, long .. i, 0) end },
    { "messages", function(i) return (xpcall(error, rawlen, "number " .. i)) end },
    { "extra arguments", function(i) return select("#", (function(...) return ... end)(tostring(i + 0.5))) end },
  }
  for _, loop in ipairs(loops) do
    local name, round = loop[1], loop[2]
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 120000 do round(i) end
    local grown = collectgarbage("count") - before
    check("memory of " .. name, grown < 3000)
  end
  local function descend(i) if i == 0 then return 0 end return descend(i - length(string.reverse(long)) // 60) end
  collectgarbage()
  local before = collectgarbage("count")
  descend(120000)
  check("memory of tail calls", collectgarbage("count") - before < 3000)
  local closed, seen = 0, nil
  local function finalized() return setmetatable({}, { __gc = function() closed = closed + 1 end }) end
  local function both(...) finalized() return select("#", ...), ... end
  for i = 1, 60000 do
    local count, a, b = both(i, tostring(i))
    if count ~= 2 or a ~= i or b ~= tostring(i) then seen = i end
  end
  check("results while finalizers run", not seen and closed > 0, seen)
end

print("checks", n)
