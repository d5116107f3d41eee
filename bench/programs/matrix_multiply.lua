-- Multiplying matrices of floats: tables of tables, an inner loop of multiply and add.
-- tiny: 8
local size = tonumber(arg and arg[1]) or 190

local function matrix(n, f)
  local m = {}
  for i = 1, n do
    local row = {}
    for j = 1, n do row[j] = f(i, j) end
    m[i] = row
  end
  return m
end

local function transpose(m) return matrix(#m, function(i, j) return m[j][i] end) end

local function multiply(a, b)
  local n, columns, c = #a, transpose(b), {}
  for i = 1, n do
    local row, from = {}, a[i]
    for j = 1, n do
      local sum, column = 0.0, columns[j]
      for k = 1, n do sum = sum + from[k] * column[k] end
      row[j] = sum
    end
    c[i] = row
  end
  return c
end

local a = matrix(size, function(i, j) return (i - j) * (i + j) / size / size end)
local b = matrix(size, function(i, j) return (i + 2 * j) % 7 / size end)
local c = multiply(multiply(a, b), b)
local trace = 0
for i = 1, size do trace = trace + c[i][size + 1 - i] end
print(size, string.format("%.9f %.9f", c[1][1], trace))
