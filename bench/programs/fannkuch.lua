-- Pancake flips over every permutation: array reads, writes and short loops.
-- tiny: 6
local size = tonumber(arg and arg[1]) or 9

local function fannkuch(n)
  local perm, work, counter = {}, {}, {}
  for i = 1, n do perm[i] = i; counter[i] = i end
  local sign, flips_max, checksum = 1, 0, 0
  while true do
    if perm[1] ~= 1 then
      for i = 1, n do work[i] = perm[i] end
      local flips = 0
      local first = work[1]
      while first ~= 1 do
        local low, high = 1, first
        while low < high do
          work[low], work[high] = work[high], work[low]
          low, high = low + 1, high - 1
        end
        flips = flips + 1
        first = work[1]
      end
      if flips > flips_max then flips_max = flips end
      checksum = checksum + sign * flips
    end
    if sign == 1 then
      perm[1], perm[2] = perm[2], perm[1]
      sign = -1
    else
      perm[2], perm[3] = perm[3], perm[2]
      sign = 1
      local i = 3
      while true do
        local left = counter[i] - 1
        if left > 0 then counter[i] = left; break end
        if i == n then return checksum, flips_max end
        counter[i] = i
        local head = perm[1]
        for j = 1, i do perm[j] = perm[j + 1] end
        perm[i + 1] = head
        i = i + 1
      end
    end
  end
end

local rounds = size >= 9 and 2 or 1
for _ = 1, rounds do print("fannkuch", size, fannkuch(size)) end
