-- `require "advice"`: functions wrapped around function objects.
local advice = require "advice"

local function add(a, b)
  return a + b
end
local same = add
local holder = { f = add }

-- around: the advice gets the function and its arguments
advice.add(add, "around", function(f, a, b)
  return f(a * 10, b * 10)
end, { name = "tenfold" })
print(add(1, 2), same(1, 2), holder.f(1, 2)) --> 30	30	30

-- before and after see the arguments; the results stay
local log = {}
advice.add(add, "before", function(a, b)
  log[#log + 1] = "before " .. a .. " " .. b
end, { name = "log" })
advice.add(add, "after", function(a, b)
  log[#log + 1] = "after " .. a .. " " .. b
  return "ignored"
end, { name = "log after" })
print(add(3, 4), table.concat(log, ", ")) --> 70	before 3 4, after 3 4

-- the list is outermost first
for _, piece in ipairs(advice.list(add)) do
  io.write(piece.how, " ", piece.name, "; ")
end
print() --> after log after; before log; around tenfold; 

-- a second piece of the same name takes the place of the first
advice.add(add, "around", function(f, ...)
  return f(...) + 1
end, { name = "tenfold" })
print(add(3, 4), #advice.list(add)) --> 8	3
print(advice.remove(add, "tenfold"), advice.remove(add, "tenfold")) --> true	false
print(add(3, 4)) --> 7

-- override, removed by the function itself
local function instead()
  return "instead"
end
advice.add(add, "override", instead)
print(add(1, 1)) --> instead
advice.remove(add, instead)
advice.remove(add, "log")
advice.remove(add, "log after")
print(add(1, 1), #advice.list(add), same == add) --> 2	0	true

-- upvalues are shared with the original, identity stays
local n = 0
local function count()
  n = n + 1
  return n
end
advice.add(count, "after", function() n = n + 100 end, { name = "jump" })
print(count(), count(), n) --> 1	102	202
advice.remove(count, "jump")
print(count()) --> 203

-- natives
local insert = table.insert
advice.add(table.insert, "before", function(t, v) io.write("insert ", v, "\n") end, { name = "trace" })
local t = {}
insert(t, "x") --> insert x
print(#t) --> 1
advice.remove(table.insert, "trace")
insert(t, "y")
print(#t, table.insert == insert) --> 2	true

-- a running function finishes its own code; recursion sees the advice
local function fact(k)
  if k == 0 then
    advice.add(fact_object, "around", function(f, x) return -f(x) end, { name = "minus" })
    return 1
  end
  return k * fact_object(k - 1)
end
fact_object = fact
print(fact(3), fact(0 + 1)) --> 6	1
advice.remove(fact, "minus")

-- advice may yield and raise errors
local co = coroutine.wrap(function() return add(1, 2) end)
advice.add(add, "around", function(f, ...) coroutine.yield("yielded") return f(...) end, { name = "pause" })
print(co(), co()) --> yielded	3
advice.add(add, "before", function() error("refused", 0) end, { name = "guard" })
print(pcall(add, 1, 2)) --> false	refused
advice.remove(add, "guard")
advice.remove(add, "pause")

-- depth: lower ones are further out, whatever the order
advice.add(add, "around", function(f, ...) return "inner " .. f(...) end, { name = "i", depth = 10 })
advice.add(add, "around", function(f, ...) return "outer " .. f(...) end, { name = "o", depth = -10 })
advice.add(add, "around", function(f, ...) return "middle " .. f(...) end, { name = "m" })
print(add(1, 2)) --> outer middle inner 3

-- misuse
print(pcall(advice.add, 1, "before", print)) --> false	bad argument #1 to 'add' (function expected, got number)
print(pcall(advice.add, add, "beside", print)) --> false	bad argument #2 to 'add' (invalid combinator 'beside': 'around', 'before', 'after' or 'override' expected)
print(pcall(advice.add, add, "before")) --> false	bad argument #3 to 'add' (function expected, got no value)
print(advice.remove(print, "nothing")) --> false
