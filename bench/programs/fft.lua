-- The fast Fourier transform, in place, there and back: float arithmetic, two arrays, bit reversal.
-- tiny: 6
local size = tonumber(arg and arg[1]) or 16

local function reverse_bits(re, im)
  local n, j = #re, 1
  for i = 1, n - 1 do
    if i < j then
      re[i], re[j] = re[j], re[i]
      im[i], im[j] = im[j], im[i]
    end
    local m = n >> 1
    while m >= 1 and j > m do
      j = j - m
      m = m >> 1
    end
    j = j + m
  end
end

-- `sign` is -1 for the transform and 1 for its inverse, which is not scaled.
local function transform(re, im, sign)
  reverse_bits(re, im)
  local n, half = #re, 1
  while half < n do
    local angle = sign * math.pi / half
    local step_re, step_im = math.cos(angle), math.sin(angle)
    local w_re, w_im = 1.0, 0.0
    for k = 1, half do
      for i = k, n, half * 2 do
        local j = i + half
        local t_re = re[j] * w_re - im[j] * w_im
        local t_im = re[j] * w_im + im[j] * w_re
        re[j], im[j] = re[i] - t_re, im[i] - t_im
        re[i], im[i] = re[i] + t_re, im[i] + t_im
      end
      w_re, w_im = w_re * step_re - w_im * step_im, w_re * step_im + w_im * step_re
    end
    half = half * 2
  end
end

local n, re, im, original = 1 << size, {}, {}, {}
for i = 1, n do
  original[i] = math.sin(i * 0.37) + i % 5 / 5
  re[i], im[i] = original[i], 0.0
end
for _ = 1, 2 do
  transform(re, im, -1)
  print(string.format("%.5f %.5f", re[2], im[3]))
  transform(re, im, 1)
  local worst = 0
  for i = 1, n do
    re[i], im[i] = re[i] / n, im[i] / n
    worst = math.max(worst, math.abs(re[i] - original[i]))
  end
  print(n, worst < 1e-8)
end
