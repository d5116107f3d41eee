-- Coroutines (manual 2.6 and 6.2).
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

local create, resume, yield, wrap, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.wrap, coroutine.status
local function list(name, want, ...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  local text = table.concat(out, " ")
  check(name, text == want, text)
end

-- Values and states.
do
  local co = create(function(a, b)
    local c = yield(a + b)
    local d, e = yield(c * 2)
    return d, e, "end"
  end)
  same("suspended at first", status(co), "suspended")
  list("first resume passes arguments", "true 3", resume(co, 1, 2))
  list("second resume gives yield its result", "true 20", resume(co, 10))
  list("return", "true x y end", resume(co, "x", "y"))
  same("dead at the end", status(co), "dead")
  list("dead resume", "false cannot resume dead coroutine", resume(co))
  same("type", type(co), "thread")
  list("yield nothing", "true", resume(create(function() yield() end)))
  list("yield nil", "true nil", resume(create(function() yield(nil) end)))
  local outer, inner
  inner = create(function() return status(outer), status(inner) end)
  outer = create(function() return resume(inner) end)
  list("normal and running", "true true normal running", resume(outer))
  list("resume itself", "true false cannot resume non-suspended coroutine", resume(create(function() return resume((coroutine.running())) end)))
  local main, is_main = coroutine.running()
  check("main", type(main) == "thread" and is_main)
  list("main resumes itself", "false cannot resume non-suspended coroutine", resume(main))
  same("running inside", select(2, resume(create(function() return select(2, coroutine.running()) end))), false)
  same("main is not yieldable", coroutine.isyieldable(), false)
  same("inside is yieldable", wrap(function() return coroutine.isyieldable() end)(), true)
  fails("yield outside", "attempt to yield from outside a coroutine", yield, 1)
  fails("create needs a function", "bad argument #1 to 'coroutine.create' (function expected, got number)", create, 1)
  fails("resume needs a coroutine", "bad argument #1 to 'coroutine.resume' (thread expected, got number)", resume, 1)
  fails("status needs a coroutine", "thread expected, got table", status, {})
  list("a native body", "true 3", resume(create(math.max), 1, 3, 2))
  list("yield as the body", "true 1 2", resume(create(yield), 1, 2))
end

-- Wrap.
do
  local gen = wrap(function() for i = 1, 3 do yield(i) end end)
  list("wrap", "1 2 3", gen(), gen(), gen())
  list("wrap ends with nothing", "", gen())
  fails("dead wrap", "cannot resume dead coroutine", gen)
  local out = ""
  for k, v in wrap(function() yield("a", 1); yield("b", 2) end) do out = out .. k .. v end
  same("as iterator", out, "a1b2")
  local w = wrap(function() error("boom") end)
  fails("error in wrap has a position", "coroutine.lua:", w)
  local t = {}
  local ok, e = pcall(wrap(function() error(t) end))
  check("error object passes through wrap", not ok and e == t)
end

-- Errors.
do
  local co = create(function() local x = nil; x.y = 1 end)
  list("error gives false", "false coroutine.lua:74: attempt to index a nil value (local 'x')", resume(co))
  same("dead after the error", status(co), "dead")
  list("error with a table", "false true", (function(ok, e) return ok, type(e) == "table" end)(resume(create(function() error {} end))))
  list("error nil", "false nil", resume(create(function() error() end)))
  local steps = {}
  co = create(function()
    local ok, e = pcall(function() steps[1] = yield(1); error("inner", 0) end)
    steps[2] = tostring(ok) .. e
    local ok2, r = pcall(yield, 2)
    steps[3] = tostring(ok2) .. r
    return "end"
  end)
  resume(co); resume(co, "first")
  list("yield inside pcall", "true end", resume(co, "third"))
  same("its steps", table.concat(steps, " "), "first falseinner truethird")
  co = wrap(function()
    return xpcall(function(a) local b = yield(a); error(b, 0) end, function(m) return "handled " .. m end, "in")
  end)
  list("yield inside xpcall", "in false handled out", co(), co("out"))
  co = wrap(function() return pcall(pcall, pcall, yield, 5) end)
  list("nested pcalls", "5 true true true 6", co(), co(6))
end

-- Yields across metamethods, iterators, and library calls.
do
  local function y(tag) return function(a, b) return yield(tag) end end
  local mt = {}
  for _, e in ipairs { "add", "sub", "mul", "div", "mod", "pow", "unm", "idiv", "band", "bor", "bxor", "shl", "shr", "bnot", "concat", "len",
    "eq", "lt", "le", "index", "newindex", "call", "close" } do mt["__" .. e] = y(e) end
  local function new() return setmetatable({}, mt) end
  for _, row in ipairs {
    { "add", "a + 1" }, { "sub", "1 - a" }, { "mul", "a * b" }, { "div", "a / b" }, { "mod", "a % 2" }, { "pow", "a ^ 2" }, { "unm", "-a" },
    { "idiv", "a // b" }, { "band", "a & 1" }, { "bor", "1 | a" }, { "bxor", "a ~ b" }, { "shl", "a << 1" }, { "shr", "a >> 1" },
    { "bnot", "~a" }, { "concat", "a .. 'x'" }, { "len", "#a" }, { "index", "a.k" }, { "index", "a[1]" }, { "call", "(a(1))" },
  } do
    local co = wrap(load("local a, b = ...; local r = " .. row[2] .. "; return r"))
    list("yield in " .. row[2], row[1] .. " 42", co(new(), new()), co(42))
  end
  for _, row in ipairs { { "eq", "a == b" }, { "lt", "a < b" }, { "le", "a <= 1" }, { "lt", "a > 1" }, { "eq", "not (a ~= b)" } } do
    local co = wrap(load("local a, b = ...; if " .. row[2] .. " then return 'yes' else return 'no' end"))
    list("yield in " .. row[2], row[1] .. " yes", co(new(), new()), co(1))
    co = wrap(load("local a, b = ...; if " .. row[2] .. " then return 'yes' else return 'no' end"))
    list("yield false in " .. row[2], row[1] .. " no", co(new(), new()), co(false))
  end
  local co = wrap(function() local t = new(); t.x = 1; return rawget(t, "x") end)
  list("yield in newindex", "newindex nil", co(), co())
  co = wrap(function() local t = new(); return "p" .. "q" .. t end)
  list("yield in a concat chain", "concat pr", co(), co("r"))
  co = wrap(function() local s = 0; for a in function(_, i) return yield(i) end do s = s + a end return s end)
  list("yield in an iterator", "nil 1 2 3", co(), co(1), co(2), co())
  co = wrap(function() local t = setmetatable({}, { __pairs = function(t) yield("p"); return next, { 1 }, nil end }); local c = 0; for _ in pairs(t) do c = c + 1 end; return c end)
  list("yield in pairs", "p 1", co(), co())
  co = wrap(function() return select(2, pcall(error, setmetatable({}, { __tostring = function() return "t" end }))) end)
  same("error object from a coroutine", tostring(co()), "t")
  co = wrap(function() return dofile == nil or true end)
  same("runs", co(), true)
  local function depth(k) if k == 0 then yield("deep") return 0 end return 1 + depth(k - 1) end
  co = wrap(depth)
  list("yield from deep calls", "deep 5000", co(5000), co())
end

-- Close.
do
  local log = {}
  local function closer(name) return setmetatable({}, { __close = function(_, e) log[#log + 1] = name .. ":" .. tostring(e) end }) end
  local co = create(function() local a <close> = closer "a"; local b <close> = closer "b"; yield() end)
  resume(co)
  list("close", "true", coroutine.close(co))
  same("variables are closed", table.concat(log, " "), "b:nil a:nil")
  same("dead after close", status(co), "dead")
  list("close again", "true", coroutine.close(co))
  list("close fresh", "true", coroutine.close(create(print)))
  co = create(function() error("e", 0) end)
  resume(co)
  list("close after an error", "false e", coroutine.close(co))
  co = create(function() local a <close> = setmetatable({}, { __close = function() error("in close", 0) end }); yield() end)
  resume(co)
  list("error while closing", "false in close", coroutine.close(co))
  fails("close running", "cannot close a running coroutine", function() coroutine.close((coroutine.running())) end)
  list("close normal", "true false cannot close a normal coroutine", resume(create(function()
    local me = coroutine.running()
    return wrap(function() return pcall(coroutine.close, me) end)()
  end)))
  log = {}
  local gen = wrap(function() local a <close> = closer "g"; yield(1); error("stop", 0) end)
  gen()
  pcall(gen)
  same("wrap closes on error", table.concat(log), "g:stop")
end

-- Many coroutines.
do
  local sum = 0
  for i = 1, 2000 do local co = wrap(function(a) sum = sum + yield(a) end); co(i); co(i) end
  same("many", sum, 2001000)
  local prev = function() return 1 end
  for i = 1, 100 do local p = prev; prev = wrap(function() while true do yield(p() + 1) end end) end
  same("chain", prev(), 101)
  local function rec(k) if k == 0 then return 0 end return 1 + wrap(rec)(k - 1) end
  same("nested", rec(100), 100)
  local ok, e = pcall(function() local function f() return wrap(f)() end return f() end)
  check("nesting without end is an error", not ok and tostring(e):find("C stack overflow", 1, true) ~= nil)
end

do -- what sort and gsub call cannot yield
  local message = "attempt to yield across a C-call boundary"
  local function tried(work)
    return wrap(function()
      local ok, why = pcall(work)
      local between = yield("outside", coroutine.isyieldable())
      return ok, why, between
    end)
  end
  local function order(a, b) yield(a) return a < b end
  local works = {
    { "sort with yield", function() table.sort({ 3, 1, 2 }, yield) end },
    { "sort", function() table.sort({ 3, 1, 2 }, order) end },
    { "sort by metamethod", function()
      local meta = { __lt = function(a, b) return order(a[1], b[1]) end }
      table.sort({ setmetatable({ 2 }, meta), setmetatable({ 1 }, meta) })
    end },
    { "sort of what yields", function() table.sort(setmetatable({ 2, 1 }, { __len = function() return 2 end }), order) end },
    { "sort by a length", function() table.sort(setmetatable({ 2, 1 }, { __len = function() yield() return 2 end })) end },
    { "gsub", function() string.gsub("abc", "b", function(c) return yield(c) end) end },
    { "gsub with yield", function() string.gsub("abc", "b", yield) end },
    { "gsub with a table", function() string.gsub("abc", "b", setmetatable({}, { __index = function(_, k) return yield(k) end })) end },
    { "deeper", function() table.sort({ 2, 1 }, function(a, b) local function deep(k) if k == 0 then yield() end deep(k - 1) end deep(20) return a < b end) end },
    { "for", function() string.gsub("a", "a", function() for _ in yield do end end) end },
  }
  for _, case in ipairs(works) do
    local name, co = case[1], tried(case[2])
    list(name .. " is left", "outside true", co())
    list(name .. " fails", "false " .. message .. " between", co("between"))
  end
  local inside
  wrap(function() table.sort({ 2, 1 }, function(a, b) inside = coroutine.isyieldable() return a < b end) end)()
  same("not yieldable in sort", inside, false)
  wrap(function() ("a"):gsub("a", function() inside = select(2, coroutine.isyieldable()) or coroutine.isyieldable() end) end)()
  same("not yieldable in gsub", inside, false)
  local co = wrap(function()
    table.sort({ 2, 1 }, function(a, b)
      for x in wrap(function() yield(1) yield(2) end) do inside = x end
      return a < b
    end)
    return yield(inside)
  end)
  list("coroutines inside may", "2", co())
  list("and it may afterwards", "after", co("after"))
end

do -- an error that is nil is an error
  local co = create(function() error(nil) end)
  local ran, why = coroutine.resume(co)
  local closed, with = coroutine.close(co)
  check("nil as error closes", ran == false and why == nil and closed == false and with == nil)
  check("once", coroutine.close(co) == true)
  co = create(function() local x <close> = setmetatable({}, {__close = function() error(nil) end}) coroutine.yield() end)
  coroutine.resume(co)
  check("nil in __close", select("#", coroutine.close(co)) == 2)
end

print("checks", n)
