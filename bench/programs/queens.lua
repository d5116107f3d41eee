-- Counts the placements of n queens by backtracking over three flag arrays.
-- tiny: 5
local size = tonumber(arg and arg[1]) or 11
local rounds = size >= 8 and 2 or 1

local function count(n)
  local column, rising, falling = {}, {}, {}
  for i = 1, n do column[i] = false end
  for i = 1, 2 * n do rising[i] = false; falling[i] = false end
  local found = 0
  local function place(row)
    if row > n then
      found = found + 1
      return
    end
    for c = 1, n do
      local up, down = row + c - 1, row - c + n
      if not column[c] and not rising[up] and not falling[down] then
        column[c], rising[up], falling[down] = true, true, true
        place(row + 1)
        column[c], rising[up], falling[down] = false, false, false
      end
    end
  end
  place(1)
  return found
end

local total = 0
for _ = 1, rounds do total = total + count(size) end
print("queens", size, total)
