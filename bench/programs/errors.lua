-- Errors raised and caught: pcall, xpcall, error with tables, closing of variables, through deep calls.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 110000

local Failure = {}
Failure.__index = Failure
Failure.__tostring = function(failure) return "failure " .. failure.code end
local function fail(code) error(setmetatable({ code = code }, Failure)) end

local function deep(n, code)
  if n == 0 then return fail(code) end
  local result = deep(n - 1, code)
  return result
end

local closed = 0
local GUARD = { __close = function() closed = closed + 1 end }
local function guarded(f, ...)
  local guard <close> = setmetatable({}, GUARD)
  return f(...)
end

local function parse(text)
  local n = tonumber(text) or error("not a number: " .. text, 0)
  return n
end
local function rethrow(f, ...)
  local ok, problem = pcall(f, ...)
  if not ok then error(problem, 0) end
  return problem
end

local caught, codes, values, handled = 0, 0, 0, 0
local function handler(problem)
  handled = handled + 1
  return type(problem) == "table" and problem.code or problem
end
for i = 1, size do
  local ok, value = pcall(parse, i % 3 == 0 and "x" or tostring(i))
  if ok then values = values + value else caught = caught + 1 end
  local _, failure = pcall(deep, i % 8, i)
  codes = codes + failure.code
  local _, code = xpcall(rethrow, handler, fail, i)
  codes = codes + code
  pcall(guarded, i % 2 == 0 and fail or parse, tostring(i))
  local quiet = pcall(pcall, error)
  if quiet then caught = caught + 1 end
end
print(caught, codes, values, handled, closed)
print(pcall(error), pcall(error, nil), tostring(select(2, pcall(fail, 7))))
print(pcall(function() local t = nil; return t.x end))
print(select(2, xpcall(function() return {} + 1 end, function(m) return "handled: " .. m:gsub("^.-:%d+: ", "") end)))
