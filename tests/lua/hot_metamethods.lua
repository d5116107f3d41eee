-- Metamethods that compiled code calls: results of changing kinds, jumps, errors, yields, and frames around them.
local N = 1200
local checks = 0
-- What was seen is compared with the reference.
local function show(...)
  checks = checks + 1
  print("ok  ", ...)
end

-- Results of other kinds than those at first; what is beside them in registers stays.
do
  local mt = {}
  local kinds = { 1, 2.5, "s", true, false, mt }
  local function give(i) return kinds[i // 200 % 7 + 1] end
  local step = 0
  for _, name in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr" } do
    mt["__" .. name] = function() step = step + 1 return give(step) end
  end
  mt.__unm, mt.__bnot, mt.__len = mt.__add, mt.__add, mt.__add
  mt.__index = function(_, key) step = step + 1 return give(step) end
  local o = setmetatable({}, mt)
  local counts = {}
  local function count(value)
    local kind = math.type(value) or type(value)
    counts[kind] = (counts[kind] or 0) + 1
  end
  local ops = {
    function(a, b) return a + b end, function(a, b) return a - b end, function(a, b) return a * b end,
    function(a, b) return a / b end, function(a, b) return a % b end, function(a, b) return a ^ b end,
    function(a, b) return a // b end, function(a, b) return a & b end, function(a, b) return a | b end,
    function(a, b) return a ~ b end, function(a, b) return a << b end, function(a, b) return a >> b end,
    function(a) return a + 1 end, function(a) return 1 - a end, function(a) return a * 2.5 end, function(a) return -a end,
    function(a) return ~a end, function(a) return #a end, function(a) return a.field end, function(a) return a[1] end,
    function(a, b) return a[b] end, function() return o.up end,
  }
  for n, op in ipairs(ops) do
    step, counts = 0, {}
    local sum, float = 0, 0.5
    for i = 1, N do
      local before, flag = i * 3, i % 2 == 0
      local result = op(o, i)
      sum, float = sum + before, float + 0.25
      if flag then sum = sum + 1 end
      count(result)
    end
    local all = {}
    for kind, times in pairs(counts) do all[#all + 1] = kind .. "=" .. times end
    table.sort(all)
    show(n, sum, float, table.concat(all, " "))
  end
end

-- In one function, with operands that are numbers half of the time.
do
  local V = {}
  V.__index = V
  V.__add = function(a, b)
    if type(a) == "number" then return a + b.v end
    if type(b) == "number" then return a.v + b end
    return setmetatable({ v = a.v + b.v }, V)
  end
  V.__lt = function(a, b) return (type(a) == "table" and a.v or a) < (type(b) == "table" and b.v or b) end
  V.__le = function(a, b) return not (type(b) == "table" and b.v or b) or (type(a) == "table" and a.v or a) <= (type(b) == "table" and b.v or b) end
  V.__eq = function(a, b) return a.v == b.v end
  V.__concat = function(a, b) return (type(a) == "table" and a.v or a) .. "|" .. (type(b) == "table" and b.v or b) end
  V.__len = function(a) return a.v end
  V.__call = function(self, x, ...) return self.v + x, ... end
  local function new(v) return setmetatable({ v = v }, V) end
  local function run()
    local less, le, equal, text, calls = 0, 0, 0, 0, 0
    local x, y = new(1), 7
    for i = 1, N do
      local a, b = new(i % 10), new(5)
      if a < b then less = less + 1 end
      if not (a < b) then less = less + 100 end
      if a <= b then le = le + 1 else le = le + 1000 end
      if a < 3 then less = less + 10000 end
      if 3 < a then less = less + 1 end
      if a >= 4 then le = le + 3 end
      if 4 <= a then le = le + 3 end
      if a == b then equal = equal + 1 end
      if a ~= b then equal = equal + 1000 end
      text = text + #(a .. b .. i)
      calls = calls + a(i) + select("#", a(1, 2, nil))
      x = (i % 2 == 0) and x + a or i + (x + 1)
      x = type(x) == "number" and new(x % 1000) or x
      y = y + #b
    end
    return less, le, equal, text, calls, x.v, y
  end
  show(run())
  show(run())
end

-- Fields that are absent, in tables and behind upvalues, and written ones.
do
  local log = 0
  local o = setmetatable({ have = 1 }, {
    __index = function(t, k) log = log + #tostring(k) return k end,
    __newindex = function(t, k, v) log = log + 1 rawset(t, "last", v) end,
  })
  local function run(n)
    local s = 0
    for i = 1, n do
      s = s + #o.absent + o.have
      o.new, o[i], o["k" .. i % 3], o[1] = i, i, "constant", nil
      o.two = 2
      s = s + (o.last == 2 and 1 or 0)
    end
    return s, log
  end
  show(run(N))
  show(run(N))
  setmetatable(o, nil)
  show(pcall(run, 3))
  local function names(t) local all = {} for k in pairs(t) do all[#all + 1] = tostring(k) end table.sort(all) return table.concat(all, " ") end
  show(names(o))
end

-- Errors name what they name elsewhere, and tracebacks have the metamethod in them.
do
  local mt = { __add = function(a, b) if b == N - 1 then error("in add") end return b end }
  mt.__index = function(t, k) if k == N - 1 then error({}) end return k end
  mt.__lt = function(a, b) return a.x.y end
  local o = setmetatable({}, mt)
  local function add() for i = 1, N do local _ = o + i end end
  local function index() for i = 1, N do local _ = o[i] end end
  local function less() return o < o end
  show(pcall(add))
  local ok, what = pcall(index)
  show(ok, type(what))
  show(pcall(less))
  show((select(2, xpcall(add, debug.traceback)):gsub("\n.*in function 'xpcall'.*", "")))
  mt.__add = function(a, b) return a + b end
  local ok, message = pcall(add)
  show(ok, (message:gsub("stack overflow.*", "stack overflow")))
  mt.__add = nil
  show(pcall(add))
end

-- Coroutines that yield in metamethods go on in the instruction.
do
  local mt = { __add = function(a, b) return coroutine.yield(b) end, __lt = function(a, b) return coroutine.yield("lt") end }
  mt.__index = function(t, k) return coroutine.yield(k) end
  mt.__newindex = function(t, k, v) coroutine.yield(v) end
  mt.__eq = mt.__lt
  local function body()
    local a, b, s = setmetatable({}, mt), setmetatable({}, mt), 0
    for i = 1, 300 do
      s = s + (a + i) + a.x
      a.y = s
      if a < b then s = s + 1 end
      if a == b then s = s + 1 else s = s - 1 end
    end
    return "end", s
  end
  local co = coroutine.wrap(body)
  local value, turns, seen = co(), 0, 0
  while value ~= "end" do
    turns = turns + 1
    if type(value) == "number" then seen = seen + value % 7 end
    local result
    value, result = co(turns % 3)
    if value == "end" then show(turns, seen, result) end
  end
end

-- A metamethod that looks at its caller and changes it.
do
  local mt = { __add = function(a, b)
    if b == 200 then debug.setlocal(2, 2, "changed") end
    return b
  end }
  local function run()
    local o, witness = setmetatable({}, mt), 1
    local kinds = {}
    for i = 1, 400 do
      local _ = o + i
      kinds[type(witness)] = (kinds[type(witness)] or 0) + 1
      if type(witness) == "string" then witness = 2 end
    end
    return kinds.number, kinds.string, witness
  end
  for _ = 1, 5 do show(run()) end
end

-- Metamethods of metamethods, with extra arguments, and in tail position.
do
  local inner = setmetatable({}, { __index = function(t, k) return function(...) return select("#", ...), k, ... end end })
  local function tail(a, b) return math.max(a.v, b.v) end
  local mt = { __sub = function(...) return select("#", ...) end, __mul = function(a, b) return tail(a, b) end, __index = inner }
  local a, b = setmetatable({ v = 3 }, mt), setmetatable({ v = 4 }, mt)
  local s = 0
  for i = 1, N do
    s = s + (a - b) + a * b
    local n, k, x = a.method(i, i)
    s = s + n + #k + x
  end
  show(s)
end
print("checks", checks)
