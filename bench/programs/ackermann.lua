-- Ackermann's function, Takeuchi's function and mutual recursion: nothing but calls.
-- tiny: 3
local size = tonumber(arg and arg[1]) or 9

local function ackermann(m, n)
  if m == 0 then return n + 1 end
  if n == 0 then return ackermann(m - 1, 1) end
  return ackermann(m - 1, ackermann(m, n - 1))
end

local function tak(x, y, z)
  if y >= x then return z end
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
end

local is_even, is_odd
function is_even(n)
  if n == 0 then return true end
  return is_odd(n - 1)
end
function is_odd(n)
  if n == 0 then return false end
  return is_even(n - 1)
end

-- Hofstadter's female and male sequences.
local male
local function female(n) return n == 0 and 1 or n - male(female(n - 1)) end
function male(n) return n == 0 and 0 or n - female(male(n - 1)) end

print(ackermann(2, size), ackermann(3, size))
print(tak(size * 2 + 4, size + 4, size), tak(size * 2.0 + 4, size + 4.0, size + 0.0))
print(is_even(size * 100000), is_odd(size * 100001))
print(female(size * 5), male(size * 5))
