local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
local function closing() local x <close> = f(); return g(x) end
M = { start = function(...) return ("x"):rep(10, ...) end }
function M.sub:stop() local function inner() return self end return inner end
return M.start(fact(3), (...))
