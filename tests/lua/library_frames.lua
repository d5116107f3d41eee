-- Functions of the library that call back are natives to whoever looks: in tracebacks, by level, and for hooks.
local checks = 0
local function show(name, ...)
  checks = checks + 1
  print("ok   " .. name, ...)
end

local function callers(level)
  local names = {}
  for i = level, level + 3 do
    local info = debug.getinfo(i, "nSlt")
    if not info then break end
    names[#names + 1] = ("%s %s %s %d %s"):format(info.what, info.namewhat, info.name, info.currentline, info.istailcall)
  end
  return table.concat(names, ", ")
end

local once
local function note() once = once or callers(4) end
local plain, strange = { 3, 2, 1 }, setmetatable({ "b", "a" }, { __index = function(t, k) note() end })
local CALLS = {
  ["sort"] = function() table.sort(plain, function(a, b) note() return a < b end) end,
  ["gsub with a function"] = function() return ("ab"):gsub("%w", function(c) note() end) end,
  ["gsub with several captures"] = function() return ("ab"):gsub("(%w)(%w)", function(a, b) note() return b .. a end) end,
  ["gsub with a table"] = function() return ("ab"):gsub("%w", strange) end,
  ["pcall"] = function() return pcall(function() note() end) end,
  ["pcall of sort"] = function() return pcall(table.sort, { 2, 1 }, function(a, b) note() return a < b end) end,
}
local names = {}
for name in pairs(CALLS) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  once = nil
  CALLS[name]()
  show("callers in " .. name, once)
end

local function traced(f)
  local text
  f(function() text = text or debug.traceback("trace", 2) end)
  return (text:gsub("\n%s*", "; "))
end
show("traceback of sort", traced(function(note) table.sort({ 2, 1 }, function(a, b) note() return a < b end) end))
show("traceback of gsub", traced(function(note) return (("a"):gsub("a", function() note() end)) end))

local function failed(name, f, ...) show("error of " .. name, pcall(f, ...)) end
failed("sort", function()
  local t = {}
  for i = 1, 200 do t[i] = i % 7 end
  table.sort(t, function() return true end)
end)
failed("sort without an order", function() table.sort({ 1, "x", 2 }) end)
failed("gsub by its replacement", function() return ("abc"):gsub("%w", function() return {} end) end)
failed("gsub by a table", function() return ("abc"):gsub("%w", { b = {} }) end)
failed("gsub by its pattern", function() return ("abc"):gsub("%", print) end)
failed("gsub by a capture", function() return ("abc"):gsub("(a", print) end)
failed("gsub by a later capture", function() return ("abc"):gsub("()(b", print) end)
failed("gsub by its function", function() return ("abc"):gsub("a", function() error "own" end) end)
failed("gsub with arguments of other kinds", string.gsub, "abc", "a", true)
failed("gsub without a replacement", string.gsub, "abc", "a")

local function events(mask, f)
  local log = {}
  debug.sethook(function(event, line)
    local info = debug.getinfo(2, "nS")
    log[#log + 1] = ("%s %s %s %s"):format(event, line, info.name, info.what)
  end, mask)
  f()
  debug.sethook()
  return table.concat(log, ", ")
end
show("events of sort", events("crl", function() table.sort({ 3, 2, 1 }, function(a, b) return a < b end) end))
show("events of gsub", events("crl", function() return (("ab"):gsub("%w", function(c) return c end)) end))
show("events of gsub with a native", events("crl", function() return (("a2"):gsub("(%w)(%w)", string.rep)) end))

-- What replacements come to.
local long = ("x"):rep(50)
show("no replacement", (("a b c"):gsub("%w", function() end)))
show("the same", (("a b c"):gsub("%w", function(c) return c end)))
show("an integer", (("a b c"):gsub("%w", function() return 12 end)))
show("a float", (("a b c"):gsub("%w", function() return 0.5 end)))
show("growing", (("abc"):rep(40):gsub("b", function() return long end)):len())
show("shrinking", ((("abc"):rep(40)):gsub("%w", function(c) return c == "b" and "" or nil end)))
show("positions", (("abc"):gsub("()", function(at) return at end)))
show("empty matches", (("abc"):gsub("x*", function(at) return "-" end)))
show("anchored", (("aaa"):gsub("^a", function(at) return "-" end)))
show("limited", (("aaa"):gsub("a", function(at) return "-" end, 2)))
show("a native", (("ab c"):gsub("%w+", string.upper)))
show("captures to a table with __index", (("ab cd"):gsub("(%w)(%w)", setmetatable({}, { __index = function(_, k) return k:rep(3) end }))))
show("within itself", (("a(b)c"):gsub("%w", function(c) return (c:rep(2):gsub(".", function(d) return d:byte() end)) end)))
show("after an error", pcall(string.gsub, "abc", "%w", function(c) return c == "b" and error("stop", 0) or c end))
show("in a coroutine", coroutine.wrap(function() return pcall(string.gsub, "abc", "%w", coroutine.yield) end)())
print("checks", checks)
