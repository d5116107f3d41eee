-- Library functions that call back may be left by a yield and resumed.
local wrap, yield = coroutine.wrap, coroutine.yield

local co = wrap(function()
  local t = { 3, 1, 2 }
  local asked = 0
  table.sort(t, function(a, b)
    if asked == 0 then asked = 1; yield("in sort") end
    return a < b
  end)
  return table.concat(t, " ")
end)
print(co()) --> in sort
print(co()) --> 1 2 3

co = wrap(function() return (("abc"):gsub("b", function(c) return yield("in gsub " .. c) end)) end)
print(co()) --> in gsub b
print(co("B")) --> aBc

co = wrap(function() return load(function() return yield("in the reader") end)() end)
print(co()) --> in the reader
print(co("return 1 + 1")) --> in the reader
print(co(nil)) --> 2

package.preload.waits = function() return yield("in require") end
co = wrap(function() return require "waits" end)
print(co()) --> in require
print(co("module")) --> module	:preload:

co = wrap(function() return tostring(setmetatable({}, { __tostring = function() return yield("in tostring") end })) end)
print(co()) --> in tostring
print(co("text")) --> text
