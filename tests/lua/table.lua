-- The table library, next, and the length operator (manual 6.5).
local n = 0
local function check(name, ok, ...) n = n + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end
local function same(name, got, want)
  local shown = (type(got) == "table" or type(got) == "function") and type(got) or got
  check(name, got == want and math.type(got) == math.type(want), shown)
end
local function fails(name, text, f, ...)
  local ok, message = pcall(f, ...)
  check(name, not ok and tostring(message):find(text, 1, true) ~= nil, message)
end

local function join(t) return table.concat(t, ",") end

do
  same("concat", table.concat { 1, 2.5, "x" }, "12.5x")
  same("concat separator", table.concat({ 1, 2, 3 }, ", "), "1, 2, 3")
  same("concat range", table.concat({ 1, 2, 3, 4 }, "-", 2, 3), "2-3")
  same("concat empty range", table.concat({ 1 }, "-", 2, 1), "")
  same("concat of nothing", table.concat {}, "")
  same("concat at the largest index", table.concat({ [math.maxinteger] = "x" }, "-", math.maxinteger, math.maxinteger), "x")
  fails("concat of a hole", "invalid value (nil) at index 2 in table for 'concat'", table.concat, { 1, nil, 3 }, "", 1, 3)
  fails("concat of a table", "invalid value (table) at index 1 in table for 'concat'", table.concat, { {} })
  local m = setmetatable({}, { __len = function() return 3 end, __index = function(_, i) return "i" .. i end })
  same("concat respects metamethods", table.concat(m, ","), "i1,i2,i3")
end
do
  local t = { 1, 2, 3 }
  table.insert(t, 4)
  same("insert at the end", join(t), "1,2,3,4")
  table.insert(t, 1, 0)
  same("insert at the front", join(t), "0,1,2,3,4")
  table.insert(t, 6, 5)
  same("insert just after", join(t), "0,1,2,3,4,5")
  fails("insert out of range", "bad argument #2 to 'table.insert' (position out of bounds)", table.insert, t, 9, 1)
  fails("insert at zero", "position out of bounds", table.insert, t, 0, 1)
  fails("insert without value", "wrong number of arguments to 'insert'", table.insert, t)
  fails("insert with too many", "wrong number of arguments to 'insert'", table.insert, t, 1, 2, 3)
  fails("insert into no table", "bad argument #1 to 'table.insert' (table expected, got nil)", table.insert, nil, 1)
  same("remove the last", table.remove(t), 5)
  same("remove the first", table.remove(t, 1), 0)
  same("after removal", join(t), "1,2,3,4")
  same("remove after the end", table.remove(t, 5), nil)
  fails("remove out of range", "bad argument #2 to 'table.remove' (position out of bounds)", table.remove, t, 7)
  same("remove from empty", table.remove {}, nil)
  same("remove index zero of empty", table.remove({ [0] = "z" }, 0), "z")
  same("remove at length of empty", table.remove({}, 0), nil)
  local log = {}
  local proxy = setmetatable({}, { __len = function() return 2 end, __index = function(_, i) log[#log + 1] = "r" .. i return i end, __newindex = function(_, i, v) log[#log + 1] = "w" .. i end })
  table.insert(proxy, 1, "x")
  same("insert uses metamethods", table.concat(log, " "), "r2 w3 r1 w2 w1")
end
do
  local t = table.pack(1, nil, 3, nil)
  same("pack counts", t.n, 4)
  same("pack nothing", table.pack().n, 0)
  same("unpack", select("#", table.unpack({ 1, 2, 3 })), 3)
  same("unpack range", table.concat({ table.unpack({ 1, 2, 3, 4 }, 2, 3) }, ","), "2,3")
  same("unpack nils", select("#", table.unpack({}, 1, 3)), 3)
  same("unpack empty", select("#", table.unpack({}, 2, 1)), 0)
  fails("unpack too many", "too many results to unpack", table.unpack, {}, 1, 1e8)
  fails("unpack overflow", "too many results to unpack", table.unpack, {}, math.mininteger, math.maxinteger)
  same("unpack at the edge", (table.unpack({ [math.maxinteger] = 7 }, math.maxinteger, math.maxinteger)), 7)
end
do
  same("move right", join(table.move({ 1, 2, 3 }, 1, 3, 2)), "1,1,2,3")
  same("move left", join(table.move({ 1, 2, 3 }, 2, 3, 1)), "2,3,3")
  same("move to another", join(table.move({ 1, 2, 3 }, 1, 3, 3, { 9, 9 })), "9,9,1,2,3")
  same("move nothing", join(table.move({ 1, 2 }, 2, 1, 5)), "1,2")
  fails("move too many", "too many elements to move", table.move, {}, math.mininteger, math.maxinteger, 1)
  fails("move wraps", "destination wrap around", table.move, {}, 1, 2, math.maxinteger)
end
do
  local t = { 5, 2, 8, 1, 9, 3 }
  table.sort(t)
  same("sort", join(t), "1,2,3,5,8,9")
  table.sort(t, function(a, b) return a > b end)
  same("sort by function", join(t), "9,8,5,3,2,1")
  local w = { "pear", "apple", "fig", "Apple" }
  table.sort(w)
  same("sort strings", join(w), "Apple,apple,fig,pear")
  local m = { 3, 1.5, 2, -1, 2.5 }
  table.sort(m)
  same("sort mixed numbers", join(m), "-1,1.5,2,2.5,3")
  table.sort {}
  table.sort { 1 }
  local big, seed = {}, 7
  for i = 1, 500 do seed = (seed * 1103515245 + 12345) % 2147483648; big[i] = seed % 100 end
  table.sort(big)
  local ordered = true
  for i = 2, #big do ordered = ordered and big[i - 1] <= big[i] end
  check("sort many", ordered)
  local objects = {}
  local less = { __lt = function(a, b) return a.v < b.v end }
  for i = 1, 20 do objects[i] = setmetatable({ v = (i * 7) % 20 }, less) end
  table.sort(objects)
  ordered = true
  for i = 2, #objects do ordered = ordered and objects[i - 1].v <= objects[i].v end
  check("sort by metamethod", ordered)
  fails("sort mixed types", "attempt to compare", table.sort, { 1, "x", 2 })
  fails("sort comparator", "bad argument #2 to 'table.sort' (function expected, got number)", table.sort, { 1, 2 }, 5)
  fails("invalid order function", "invalid order function for sorting", table.sort, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, function() return true end)
  fails("error in the comparator", "from less", table.sort, { 3, 2, 1 }, function() error("from less") end)
end
do
  same("length", #{ 1, 2, 3 }, 3)
  same("length of nothing", #{}, 0)
  same("length with nil at the end", #{ 1, 2, nil }, 2)
  same("length ignores fields", #{ 1, x = 2, [0] = 0 }, 1)
  local t = {}
  for i = 1, 100 do t[i] = i end
  for i = 100, 51, -1 do t[i] = nil end
  same("length after removal", #t, 50)
  t = {}
  for i = 10, 1, -1 do t[i] = i end
  same("filled backwards", #t, 10)
  local big = {}
  big[1 << 40] = 1
  same("sparse", #big, 0)
  same("float key is its integer", (function() local f = {}; f[1.0] = "a"; f[2 ^ 53] = "b"; return f[1] .. f[1 << 53] .. #f end)(), "ab1")
  same("negative zero key", (function() local f = {}; f[0] = "z"; return f[-0.0] end)(), "z")
  local kinds = { [true] = 1, [1.5] = 2, [print] = 3, ["1"] = 4, [1] = 5 }
  same("keys of all types", kinds[true] .. kinds[1.5] .. kinds[print] .. kinds["1"] .. kinds[1], "12345")
  local c = { 1, 2, x = "f", [3] = "e", 3 }
  same("constructor order", c[3], 3)
  local long = {}
  for i = 1, 130 do long[i] = "v" .. i end
  local built = load("return {" .. table.concat(long, "=1,", 1, 0) .. ("7,"):rep(1000) .. "}")()
  same("long constructor", #built, 1000)
end
do
  local keys, sum = {}, 0
  for k, v in pairs { 10, 20, 30, a = 1, b = 2, c = 3 } do keys[#keys + 1] = tostring(k); sum = sum + v end
  table.sort(keys)
  same("pairs sees all", join(keys) .. " " .. sum, "1,2,3,a,b,c 66")
  local t = {}
  for i = 1, 100 do t["k" .. i] = i end
  for k in pairs(t) do t[k] = nil end
  same("clearing while walking", next(t), nil)
  same("next of empty", next {}, nil)
  local array = {}
  for i, v in pairs { "a", "b", "c" } do array[#array + 1] = i .. v end
  same("array part in order", join(array), "1a,2b,3c")
  fails("next with a foreign key", "invalid key to 'next'", next, {}, 1)
  t = { 1, 2, 3, x = 1 }
  for k in pairs(t) do t[k] = 0 end
  same("assignment while walking", t[1] + t[2] + t[3] + t.x, 0)
  local many = {}
  for i = 1, 1000 do many[i] = i; many[-i] = i; many["s" .. i] = i; many[i + 0.5] = i end
  local total = 0
  for _, v in pairs(many) do total = total + v end
  same("many keys", total, 4 * 500500)
  for i = 1, 1000 do many[-i] = nil; many["s" .. i] = nil; many[i + 0.5] = nil end
  total = 0
  for _, v in pairs(many) do total = total + v end
  same("after removal of most", total, 500500)
end

do
  same("nil between items", #{ 1, nil, 3 }, 3)
  same("nils before an item", #{ nil, nil, 3 }, 3)
  same("nil at the end", #{ 1, 2, nil }, 2)
  same("nils in results", #{ 0, table.unpack({ 1, nil, 3 }, 1, 3) }, 4)
  same("packed nil", #table.pack(1, nil, 3), 3)
  local long = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, nil, nil, nil, 52, nil, 54 }
  same("nils where a constructor is cut", #long, 54)
  same("and their neighbours", long[48] + long[52] + long[54], 154)
  local function taken(t) return join({ tostring(t[1]), tostring(t[2]), tostring(t[3]), #t }) end
  same("nils among items and keys", #{ "a", nil, nil, [9] = "i", "d", "e", [7] = {} }, 5)
  same("an item wins over its key", taken { [2] = "x", "a", "b", [1] = "y", "c" }, "a,b,c,3")
  same("so does nil", ({ [1] = "x", [2] = "y", nil })[1], nil)
  same("so does nil between items", taken { [1] = "x", [2] = "y", "a", nil, "c" }, "a,nil,c,3")
  same("a key goes on where the items end", taken { [3] = "z", "a", "b" }, "a,b,z,3")
  same("a nil at the end leaves its neighbour", taken { [1] = "x", [3] = "z", "a", nil }, "a,nil,z,1")
  local cut = { [30] = "x", nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
    nil, nil, nil, [20] = "y", "item" }
  same("a key before a cut", tostring(cut[30]) .. tostring(cut[20]) .. tostring(cut[51]), "nilyitem")
end

-- Keys of every kind between items that wait for their store.
do
  local function id(...) return ... end
  local t = { 1, [{}] = "table", 2, [id(5.5)] = "call", 3, [function() end] = id("function"), 4, [-id(7)] = "unary", id(5, 6) }
  same("items between keys", join(t), "1,2,3,4,5,6")
  same("keys between items", t[5.5] .. t[-7], "callunary")
  t = { "a", [id("x") .. "y"] = "concat", "b", [{ "in", [{}] = 1, "side" }] = 1, "c", [#t > 3] = "compare", n = 1, [id(t)[1]] = "b", "d" }
  same("items between expressions", join(t) .. t.xy .. t[true], "a,b,c,dconcatcompare")
  for key in pairs(t) do
    if type(key) == "table" then same("items of a key", key[1] .. key[2], "inside") end
  end
end

-- A list that is filled in order, but with nils, has the length that it has in the reference.
do
  local lengths = {}
  for count = 1, 5 do
    for mask = 1 << count - 1, (1 << count) - 1 do
      local t = {}
      for i = 1, count do t[i] = mask >> i - 1 & 1 == 1 and i or nil end
      lengths[#lengths + 1] = #t
    end
  end
  same("filled with holes", table.concat(lengths), "1020103010404440102010301050555")
end

-- Long lists with keys far behind them, that come and go: nothing is lost, and a border is a border.
do
  local function run(seed, n, far)
    local random = seed
    local function next_random(m) random = (random * 1103515245 + 12345) & 0x7fffffff return random % m end
    local t, shadow, alive = {}, {}, 0
    local function set(k, v)
      local s = "k" .. k
      if shadow[s] == nil and v ~= nil then alive = alive + 1 elseif shadow[s] ~= nil and v == nil then alive = alive - 1 end
      t[k], shadow[s] = v, v
    end
    for i = 1, n do set(i, i) end
    for i = 1, n do
      local k = far + next_random(n)
      set(k, i)
      if i % 3 ~= 0 then set(k, nil) end
      if i % 5 == 0 then set(next_random(n) + 1, nil) end
      if i % 7 == 0 then set(#t + 1, -i) end
    end
    local count, wrong = 0, 0
    for k, v in pairs(t) do
      count = count + 1
      if shadow["k" .. k] ~= v then wrong = wrong + 1 end
    end
    local border = #t
    return count == alive, wrong, (border == 0 or t[border] ~= nil) and t[border + 1] == nil
  end
  for _, case in ipairs { { 1100, 2000 }, { 3000, 3001 }, { 5000, 5050 }, { 2049, -100 }, { 4096, 1 << 40 } } do
    local n, far = case[1], case[2]
    for seed = 1, 3 do
      local all, wrong, border = run(seed, n, far)
      check("keys from " .. far .. " on behind " .. n, all and wrong == 0 and border)
    end
  end
end

-- Every byte as a string of its own.
do
  local all = {}
  for i = 0, 255 do all[i] = string.char(i) .. "x" end
  local function is(text, wanted) return string.sub(text, 1, 1) == wanted end
  local count = 0
  for _ = 1, 20 do
    for i = 0, 255 do
      if is(all[i], string.char(i)) then count = count + 1 end
      if is(all[i], "\\") then count = count + 1000 end
    end
  end
  check("bytes as strings", count == 20 * 256 + 20 * 1000, count)
end
-- A key that is no key of the table, though it is equal to one.
do
  local t = { 10, 20, 30, x = 1 }
  local outcomes
  for _ = 1, 200 do
    outcomes = { pcall(next, t, 2), pcall(next, t, 2.0), pcall(next, t, "y"), pcall(next, t, 1.5), pcall(next, t, 4) }
  end
  check("keys for next", #outcomes == 6, tostring(outcomes[1]), tostring(outcomes[2]), outcomes[6])
end
print("checks", n)
