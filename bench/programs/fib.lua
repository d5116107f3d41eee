-- Recursive calls and integer arithmetic.
-- tiny: 15
local size = tonumber(arg and arg[1]) or 34

local function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

print("fib", size, fib(size))
