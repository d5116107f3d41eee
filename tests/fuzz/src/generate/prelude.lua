local fuel = 3000
local function burn()
  fuel = fuel - 1
  if fuel < 0 then error("out of fuel", 0) end
end
local function text(value, depth)
  local kind = type(value)
  if kind == "table" then
    if depth > 3 then return "{...}" end
    local shown, others = {}, 0
    for k, v in next, value do
      if type(k) == "number" or type(k) == "string" then
        shown[#shown + 1] = tostring(k) .. "=" .. text(v, depth + 1)
      else
        others = others + 1
      end
    end
    table.sort(shown)
    return "{" .. table.concat(shown, ",", 1, math.min(#shown, 20)) .. "|" .. others .. "}"
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  elseif kind == "string" then
    -- How deep calls go before they overflow may differ, so that is always said.
    local left_out = value:find("stack overflow", 200, true) and " stack overflow" or ""
    return #value > 200 and value:sub(1, 200) .. "~" .. #value .. left_out or value
  end
  return kind
end
local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = text((select(i, ...)), 0) end
  print(table.concat(parts, " "))
end
local function guard(f, ...)
  -- Caches are filled by the first round, used by the second, and code made from them by the third.
  for round = 1, 3 do show("guard", round, pcall(f, ...)) end
end
local function short(s)
  -- The sign of not-a-number is the C compiler's business, and parts of its text hide it.
  if s ~= s then return "nan" end
  if type(s) ~= "string" and type(s) ~= "number" then s = type(s) end
  s = tostring(s)
  return #s > 300 and s:sub(1, 300) or s
end
local function rich(fields, log)
  return setmetatable(fields, {
    __index = function(t, k) return type(k) == "string" and k .. "?" or k end,
    __newindex = function(t, k, v) rawset(t, k, v) end,
    __call = function(self, a, b) return b, a end,
    __add = function(a, b) return 1 end, __sub = function(a, b) return 2 end,
    __mul = function(a, b) return 3 end, __div = function(a, b) return 4.5 end,
    __mod = function(a, b) return 5 end, __pow = function(a, b) return 6 end,
    __idiv = function(a, b) return 7 end, __band = function(a, b) return 8 end,
    __bor = function(a, b) return 9 end, __bxor = function(a, b) return 10 end,
    __shl = function(a, b) return 11 end, __shr = function(a, b) return 12 end,
    __unm = function(a) return 13 end, __bnot = function(a) return 14 end,
    __concat = function(a, b) return "c" end, __len = function(a) return 15 end,
    __eq = function(a, b) return true end, __lt = function(a, b) return true end,
    __le = function(a, b) return false end, __tostring = function() return "rich" end,
    __close = function(_, e) show("close", log, e) end, __name = "Rich",
    __gc = function(o) o.x = {o} end,
  })
end
local cache = setmetatable({}, {__mode = "k"})
local function note(key, value) if type(key) == "table" then cache[key] = {value} end end
local function vary(...) return select("#", ...), ... end
local function last(...) return (select(select("#", ...), 0, ...)) end
local function forward(...) return ... end
local function drop(...) rich({}, "dropped") return ... end
local function trace(value, name) show("trace", name) return value end
local function plain(value)
  -- The sign of not-a-number is the processor's business.
  return value ~= value and "nan" or value
end
local function passing(one, other)
  local events = {}
  for name in ("index call add sub mul div mod pow unm idiv band bor bxor shl shr bnot concat len eq lt le"):gmatch("%a+") do
    events["__" .. name] = function(self, ...) return one(name, other(name, type(...), ...)) end
  end
  events.__newindex = function(self, key, ...) return rawset(self, key, (forward(...))) end
  return setmetatable({}, events)
end
local function closing(name, fails)
  return setmetatable({}, {__close = function(_, e)
    show("closing", name, e)
    if fails then error(name .. " fails", 0) end
  end})
end
local function attempt(f, ...)
  local works, value = pcall(f, ...)
  if not works then show("failed", value) end
  return works and value or nil
end
