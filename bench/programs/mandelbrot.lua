-- Escape-time iteration on floats kept in locals.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 600

local inside, checksum = 0, 0
for row = 0, size - 1 do
  local ci = 2.0 * row / size - 1.0
  for column = 0, size - 1 do
    local cr = 2.0 * column / size - 1.5
    local zr, zi, steps = 0.0, 0.0, 0
    while steps < 100 do
      local r2, i2 = zr * zr, zi * zi
      if r2 + i2 > 4.0 then break end
      zi = 2.0 * zr * zi + ci
      zr = r2 - i2 + cr
      steps = steps + 1
    end
    if steps == 100 then inside = inside + 1 end
    checksum = (checksum * 31 + steps) & 0xffffffff
  end
end
print("mandelbrot", size, inside, checksum)
