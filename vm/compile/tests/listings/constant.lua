local LIMIT <const> = 10
local function f(n)
  local NAME <const> = 'x'
  do
    local INNER <const> = true
    n = n + 1
  end
  return n < LIMIT
end
f(1)
