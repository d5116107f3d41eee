local x = a and b or c
local y = (x or b) and (c or x)
local z = x == y and 1 < x
local w = not (x >= y)
x = x or {}
return x < y, "a" .. x .. 2, 5 % x, x % 5, 2^53, -0.0, (f())
