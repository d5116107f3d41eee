-- Digits of pi by a spigot on numbers of any length: arrays of integers with carries.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 600

local BASE <const> = 1 << 24

-- A natural number is a list of digits in BASE, the lowest first.
local Natural = {}
Natural.__index = Natural
local function natural(n)
  local digits = setmetatable({}, Natural)
  repeat
    digits[#digits + 1] = n % BASE
    n = n // BASE
  until n == 0
  return digits
end
function Natural.__add(a, b)
  if #a < #b then a, b = b, a end
  local sum, carry = setmetatable({}, Natural), 0
  for i = 1, #a do
    local digit = a[i] + (b[i] or 0) + carry
    sum[i] = digit & (BASE - 1)
    carry = digit >> 24
  end
  if carry > 0 then sum[#a + 1] = carry end
  return sum
end
-- b is not greater than a.
function Natural.__sub(a, b)
  local rest, borrow = setmetatable({}, Natural), 0
  for i = 1, #a do
    local digit = a[i] - (b[i] or 0) - borrow
    borrow = digit < 0 and 1 or 0
    rest[i] = digit & (BASE - 1)
  end
  for i = #a, 2, -1 do
    if rest[i] ~= 0 then break end
    rest[i] = nil
  end
  return rest
end
-- By a small number.
function Natural.__mul(a, k)
  local product, carry = setmetatable({}, Natural), 0
  for i = 1, #a do
    local digit = a[i] * k + carry
    product[i] = digit & (BASE - 1)
    carry = digit >> 24
  end
  if carry > 0 then product[#a + 1] = carry end
  return product
end
function Natural.__le(a, b)
  if #a ~= #b then return #a < #b end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return true
end
-- The quotient is known to be small, so it is guessed from the highest digits.
local function small_quotient(a, b)
  local n = #b
  if #a < n then return 0 end
  local high = ((a[n + 1] or 0) * BASE + a[n]) // (b[n] + 1)
  local rest = a - b * high
  while b <= rest do
    rest = rest - b
    high = high + 1
  end
  return high
end

local digits = {}
local numerator, accumulator, denominator = natural(1), natural(0), natural(1)
local k = 0
while #digits < size do
  k = k + 1
  local odd = 2 * k + 1
  accumulator = (accumulator + numerator * 2) * odd
  numerator = numerator * k
  denominator = denominator * odd
  if numerator <= accumulator then
    -- What is left lies between these two, so a digit they share is certain.
    local digit = small_quotient(accumulator, denominator)
    if digit == small_quotient(numerator * 4 + accumulator, denominator) then
      digits[#digits + 1] = digit
      accumulator = (accumulator - denominator * digit) * 10
      numerator = numerator * 10
    end
  end
end
local text = table.concat(digits)
for at = 1, #text, 70 do print(text:sub(at, at + 69)) end
