-- Power method on an implicit matrix: calls in inner loops and float division.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 500

local function entry(i, j)
  local ij = i + j
  return 1.0 / ((ij - 1) * (ij - 2) * 0.5 + i)
end

local function multiply(n, x, y)
  for i = 1, n do
    local sum = 0.0
    for j = 1, n do sum = sum + x[j] * entry(i, j) end
    y[i] = sum
  end
end

local function multiply_transposed(n, x, y)
  for i = 1, n do
    local sum = 0.0
    for j = 1, n do sum = sum + x[j] * entry(j, i) end
    y[i] = sum
  end
end

local u, v, t = {}, {}, {}
for i = 1, size do u[i] = 1.0 end
for _ = 1, 10 do
  multiply(size, u, t); multiply_transposed(size, t, v)
  multiply(size, v, t); multiply_transposed(size, t, u)
end
local uv, vv = 0.0, 0.0
for i = 1, size do
  uv = uv + u[i] * v[i]
  vv = vv + v[i] * v[i]
end
print("spectral_norm", size, string.format("%.9f", math.sqrt(uv / vv)))
