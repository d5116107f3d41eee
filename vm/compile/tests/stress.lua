local a, b <const>, c <close> = 1, 2, nil
print(a, b, c)
----
local n <const> = 5
local s <const> = "x"
local function f() return n + 1, s .. "y", t[n], t[s] end
----
for i = 1, 10 do local x = function() return i end if i > 5 then break end end
for k, v in pairs(t) do fs[#fs + 1] = function() return k, v end; if k == 1 then goto continue end; print(v) ::continue:: end
----
repeat local x = f(); g(function() return x end) until x > 3 or x == nil
repeat local x = 1; if x then break end; local y = function() return x end until y()
while not (a and b or c) do if a then break else b = not b end end
while true do if a then return end end
----
local a, i, t = {}, 1, {}
i, a[i], a.x, t[i], a = i + 1, 20, f()
a.b.c, x, y[1], y[300], z["k"], z[nil] = 1, nil, true, "s", 2.5, ...
----
local t = {1, 2, f(), x = 1, ["y"] = 2, [3] = 4, f(), ...}
local u = {f()}
local v = {...}
local w = {1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10,1,2,3,4,5,6,7,8,9,10, ...}
M = {start = function() local function inner() return M end return inner end, sub = {go = function() end}}
function M.a.b:c(x, ...) return self, x, ... end
----
return a < b, a > 1, 1 < a, 1 >= a, a == 1, 1 == a, a == nil, nil ~= a, a == "s", a ~= 2.0, a <= 300, not a, not (a == b), -a, ~a, #a, -0.0, 1/0, 0/0, 2^53, 7 // 0, 7 % -3, 1 << 70, "a" .. 1 .. x .. 2.5
----
local x = a and b or c
local y = (a or b) and (c or d)
local z = a == b and c
x = x or {}
x = x and x.y
f(a and b, not a or b, (f()), (...))
----
local _ENV = {}
x = y.z
function f() return x end
----
do goto l1 end
::l1:: do local a; ::l2:: local b = function() return a end; if b() then goto l2 end; goto l1 end
----
local function fact(n) if n <= 1 then return 1 else return n * fact(n - 1) end end
local function tail(...) return tail(select("#", ...), ...) end
local function closing() local x <close> = f(); return g(x) end
local function each() for k in next, t do return g(k) end end
s = ("x"):rep(10):upper()
f"str"{1}
local o = obj:method(1, f()):other(...)
----
return 5 + x, 5 - x, 5 * x, 5 / x, 5 % x, 5 & x, x & 5, x + 5, x - 5, x + 500, x * 2.5, x // 2, x % 3, x ^ 2, 2 ^ x, x | 1, x ~ 1, x << 1, 1 << x, x >> 1
----
local a <const>, b = 1
for i = a, 10, a do b = i end
for i = 10, 1, -1 do end
if nil then elseif false then else end
if a then ; end
