-- Library functions that call back may be left by a yield and resumed, but for those of the reference's tests.
local wrap, yield = coroutine.wrap, coroutine.yield

local co = wrap(function() return load(function() return yield("in the reader") end)() end)
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
