-- LU factorization with partial pivots, and the solution of a linear system checked by its residue.
-- tiny: 8
local size = tonumber(arg and arg[1]) or 250

local seed = 42
local function random()
  seed = (seed * 16807) % 2147483647
  return seed / 2147483647
end

local function system(n)
  local a, b = {}, {}
  for i = 1, n do
    a[i] = {}
    for j = 1, n do a[i][j] = random() - 0.5 end
    b[i] = random()
  end
  return a, b
end

local function pivot_row(a, column)
  local best, row = math.abs(a[column][column]), column
  for i = column + 1, #a do
    local candidate = math.abs(a[i][column])
    if candidate > best then best, row = candidate, i end
  end
  return row
end

local function factorize(a)
  local n, order = #a, {}
  for j = 1, n do
    local p = pivot_row(a, j)
    order[j] = p
    a[j], a[p] = a[p], a[j]
    local pivot = a[j]
    local inverse = 1.0 / pivot[j]
    for i = j + 1, n do
      local row = a[i]
      local factor = row[j] * inverse
      row[j] = factor
      for k = j + 1, n do row[k] = row[k] - factor * pivot[k] end
    end
  end
  return order
end

local function solve(lu, order, b)
  local x = table.move(b, 1, #b, 1, {})
  for i = 1, #x do x[i], x[order[i]] = x[order[i]], x[i] end
  for i = 2, #x do
    local row, sum = lu[i], x[i]
    for j = 1, i - 1 do sum = sum - row[j] * x[j] end
    x[i] = sum
  end
  for i = #x, 1, -1 do
    local row, sum = lu[i], x[i]
    for j = i + 1, #x do sum = sum - row[j] * x[j] end
    x[i] = sum / row[i]
  end
  return x
end

local function residue(a, x, b)
  local worst = 0
  for i = 1, #a do
    local sum = 0
    for j = 1, #x do sum = sum + a[i][j] * x[j] end
    worst = math.max(worst, math.abs(sum - b[i]))
  end
  return worst
end

for round = 1, 3 do
  local a, b = system(size)
  local lu = {}
  for i, row in ipairs(a) do lu[i] = table.move(row, 1, #row, 1, {}) end
  local order = factorize(lu)
  local x = solve(lu, order, b)
  print(round, order[1], order[size // 2], residue(a, x, b) < 1e-9)
end
