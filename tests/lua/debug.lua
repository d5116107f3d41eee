-- The debug library (manual 6.10).
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

local getinfo = debug.getinfo
local function sample(a, b, ...)
  local c = a
  return getinfo(1, "nSlutfr"), c
end
do
  local i = sample(1, 2)
  for _, key in ipairs { "source", "short_src", "what", "linedefined", "lastlinedefined", "currentline", "nups", "nparams", "isvararg", "istailcall", "namewhat", "name", "ftransfer", "ntransfer" } do check("info " .. key, i[key] ~= nil, i[key]) end
  check("func", i.func == sample)
  local f = getinfo(print)
  check("native", f.what == "C" and f.short_src == "[C]" and f.currentline == -1 and f.linedefined == -1 and f.source == "=[C]" and f.isvararg)
  local m = getinfo(1)
  check("main", m.what == "main" and m.nparams == 0 and m.isvararg and m.name == nil and m.namewhat == "", m.namewhat)
  check("beyond the stack", getinfo(100) == nil)
  local lines = getinfo(sample, "L").activelines
  local list = {}
  for k in pairs(lines) do list[#list + 1] = k end
  table.sort(list)
  check("active lines", #list >= 3, table.concat(list, " "))
  fails("bad option", "bad argument #2 to 'debug.getinfo' (invalid option)", getinfo, 1, "?")
  fails("bad level", "number expected", getinfo, {})
  local t = { method = function() return getinfo(1, "n") end }
  check("method name", t:method() and (function() local r = t:method() return r.name == "method" and r.namewhat == "method" end)())
  function global_one() return getinfo(1, "n") end
  local r = global_one()
  check("global name", r.name == "global_one" and r.namewhat == "global", r.name, r.namewhat)
  local r2 = setmetatable({}, { __add = function() return getinfo(1, "n") end }) + 1
  check("metamethod name", r2.name == "add" and r2.namewhat == "metamethod", r2.name, r2.namewhat)
  local r3
  for x in function(_, c) if not c then r3 = getinfo(1, "n") return 1 end end do end
  check("iterator name", r3.name == "for iterator" and r3.namewhat == "for iterator", r3.name, r3.namewhat)
  local function tail() return getinfo(1, "t").istailcall end
  local function through() return tail() end
  same("tail call", through(), true)
  same("no tail call", (tail()), false)
end
do
  local function f(a, b, ...)
    local c <const>, d = "c", "d"
    do local hidden = 1 end
    local names = {}
    for i = 1, 10 do
      local k, v = debug.getlocal(1, i)
      if not k then break end
      names[#names + 1] = k .. "=" .. tostring(v):sub(1, 5)
    end
    local extra, value = debug.getlocal(1, -1)
    return table.concat(names, " "):match("^a=1 b=2 d=d") ~= nil or table.concat(names, " "), extra, value, (debug.getlocal(1, -2))
  end
  check("locals", true, f(1, 2, "va"))
  same("parameters of a function", debug.getlocal(f, 1) .. debug.getlocal(f, 2) .. tostring(debug.getlocal(f, 3)), "abnil")
  local x = 1
  local index = 0
  repeat index = index + 1; local k = debug.getlocal(1, index) until k == "x" or not k
  same("setlocal", debug.setlocal(1, index, 42), "x")
  same("its effect", x, 42)
  fails("level", "bad argument #1 to 'debug.getlocal' (level out of range)", debug.getlocal, 100, 1)
  local co = coroutine.create(function(p) local q = p * 2; coroutine.yield(); return q end)
  coroutine.resume(co, 21)
  same("local of a coroutine", select(2, debug.getlocal(co, 1, 2)), 42)
  debug.setlocal(co, 1, 2, "changed")
  same("set in a coroutine", select(2, coroutine.resume(co)), "changed")
end
do
  local a, b = 1, 2
  local function f() return a, b end
  local function g() return b end
  local k, v = debug.getupvalue(f, 1)
  same("getupvalue", k .. v, "a1")
  same("no upvalue", debug.getupvalue(f, 3), nil)
  same("setupvalue", debug.setupvalue(f, 1, 10), "a")
  same("its effect", a, 10)
  check("upvalueid", debug.upvalueid(f, 2) == debug.upvalueid(g, 1) and debug.upvalueid(f, 1) ~= debug.upvalueid(f, 2))
  debug.upvaluejoin(g, 1, f, 1)
  same("upvaluejoin", g(), 10)
  fails("bad upvalue", "invalid upvalue index", debug.upvaluejoin, f, 9, g, 1)
  same("_ENV upvalue", debug.getupvalue(load("x = 1"), 1), "_ENV")
  same("native without upvalues", debug.getupvalue(print, 1), nil)
end
do
  local lines, base = {}, getinfo(1, "l").currentline
  debug.sethook(function(_, line) lines[#lines + 1] = line - base end, "l")
  local x = 1
  for i = 1, 2 do
    x = x + i
  end
  debug.sethook()
  check("line hook", #lines > 0, table.concat(lines, " "))
  local calls = {}
  local function callee() return 1 end
  debug.sethook(function(e) local i = getinfo(2, "S"); if i.what == "Lua" then calls[#calls + 1] = e end end, "cr")
  callee()
  local r = (function() return callee() end)()
  debug.sethook()
  same("call hook", table.concat(calls, " "), "call return call tail call return")
  local count = 0
  debug.sethook(function(e) count = count + 1 end, "", 100)
  for i = 1, 1000 do x = x + i end
  check("gethook", type((debug.gethook())) == "function" and select(3, debug.gethook()) == 100)
  debug.sethook()
  check("count hook", count > 5)
  same("no hook", debug.gethook(), nil)
  local ok, m = pcall(function()
    debug.sethook(function() debug.sethook(); error("from the hook", 0) end, "l")
    x = 1
    x = 2
  end)
  debug.sethook()
  check("error in a hook", not ok and m == "from the hook")
end
do
  local t = {}
  check("setmetatable", debug.setmetatable(t, { __metatable = "hidden" }) == t and debug.getmetatable(t).__metatable == "hidden")
  debug.setmetatable(5, { __index = { double = function(v) return v * 2 end }, __len = function(v) return v end, __call = function(v, a) return v + a end })
  same("methods of numbers", (5):double(), 10)
  same("length of numbers", #7, 7)
  same("call of numbers", (5)(1), 6)
  debug.setmetatable(5, nil)
  debug.setmetatable(nil, { __index = function() return "nothing" end })
  same("index of nil", (nil).x, "nothing")
  debug.setmetatable(nil, nil)
  check("registry", type(debug.getregistry()) == "table")
  same("uservalue of no userdata", debug.getuservalue(1), nil)
  fails("metatable type", "nil or table expected", debug.setmetatable, 1, 1)
end

-- Temporaries that are not in use are values too.
do
  local function one() return 1 end
  local function look(values)
    one(one(1, one(2, one(3))))
    one(1, one(2, one(3, (function()
      for i = 1, 20 do
        local name, value = debug.getlocal(2, i)
        values[i] = value
      end
    end)())))
    collectgarbage()
  end
  local values = {}
  look(values)
  collectgarbage()
  check("temporaries are values", values[1] == values and tostring(values[2]) ~= "")
end

-- A hook between a call that returns all its values and whoever takes them changes nothing.
do
  local function three() return 1, 2, 3 end
  local function pass(...) return ... end
  local function gather()
    local t = { three() }
    return #t, select("#", pass(three())), select("#", pass(0, load("return 1 + 1")())), select("#", pass(table.unpack({}, 1, 5)))
  end
  for _, mask in ipairs { "", "l", "r", "c", "crl" } do
    debug.sethook(function() local t = {} end, mask, 1)
    local a, b, c, d = gather()
    debug.sethook()
    check("values under a hook " .. mask, a == 3 and b == 3 and c == 2 and d == 5, a, b, c, d)
  end
end

-- A function that is a module of its own goes by the module's name.
do
  package.loaded["sample.module"] = function() return debug.traceback("here") end
  local module = require "sample.module"
  local text = module()
  check("module that is a function", text:find("in function 'sample.module'", 1, true) ~= nil, text:match("in function [^\n]*"))
  package.loaded["sample.module"] = string.rep
  local rep = string.rep
  string.rep = nil
  fails("native module", "bad argument #1 to 'sample.module'", rep)
  string.rep = rep
  package.loaded["sample.module"] = nil
end

print("checks", n)
