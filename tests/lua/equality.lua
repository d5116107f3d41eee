-- Equality of values of all kinds, in loops that run long enough to be compiled.
local count = 0
local function check(name, ok, ...)
  count = count + 1
  print((ok and "ok   " or "FAIL ") .. name, ...)
end
local function long(n, last) return ("abcdefgh"):rep(n) .. last end
local plain, other = {}, {}
local bare, bare2 = setmetatable({}, {}), setmetatable({}, {})
local calls = 0
local by_name = { __eq = function(a, b) calls = calls + 1; return rawget(a, "name") == rawget(b, "name") end }
local one, uno, two = setmetatable({ name = 1 }, by_name), setmetatable({ name = 1 }, by_name), setmetatable({ name = 2 }, by_name)
local texts = {}
for n = 5, 9 do
  for tail = 0, 9 do
    local text = long(n, ("x"):rep(tail))
    texts[#texts + 1] = text
    texts[#texts + 1] = text:sub(1, -2) .. "?"
    texts[#texts + 1] = "?" .. text:sub(2)
    texts[#texts + 1] = text:sub(1, 41) .. "?" .. text:sub(43)
    texts[#texts + 1] = (text .. "!"):sub(1, -2)
  end
end
local same, expected = 0, 0
for i = 1, #texts do
  for j = 1, #texts do
    if texts[i] == texts[j] then same = same + 1 end
    if texts[i] ~= texts[j] then expected = expected + 1 end
  end
end
check("long strings", same + expected == #texts * #texts, same, expected)
local named = 0
for _ = 1, 20 do
  for i = 1, #texts do
    if texts[i] == "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh" then named = named + 1 end
    if texts[i] == "abcdefgh" then named = named + 1000 end
    if texts[i] ~= "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefghxxxxx" then named = named + 100000 end
  end
end
check("constants", true, named)

local values = {
  1, 1.0, 2, 2.5, 0 / 0, -0.0, 0, math.maxinteger, math.maxinteger + 0.0, "1", "a", long(5, "a"), long(5, "b"), true, false,
  plain, other, bare, bare2, one, uno, two, print, check, io.stdout, io.stderr, coroutine.create(print), coroutine.create(print),
}
local n = #values
local pattern
for _ = 1, 10 do
  local rows = {}
  for i = 1, n + 1 do
    local row = {}
    for j = 1, n + 1 do row[j] = (values[i] == values[j]) and "=" or (values[i] ~= values[j]) and "." or "?" end
    rows[i] = table.concat(row)
  end
  pattern = table.concat(rows, "\n")
end
print(pattern) check("all pairs", calls > 0, calls)

-- A metatable gets `__eq` after it was found to lack it, and loses it.
local meta = {}
local first, second = setmetatable({}, meta), setmetatable({}, meta)
local found = {}
for i = 1, 600 do
  if i == 200 then meta.__eq = function() return true end end
  if i == 400 then meta.__eq = nil end
  if i == 500 then meta.__eq = function() return i % 2 == 0 end end
  if first == second then found[#found + 1] = i end
end
check("late metamethods", #found == 301, found[1], found[200], found[201])

-- Numbers around keep their places in registers.
local function around(list)
  local x, y, z, k = 1.5, 0, 0.25, 0
  for i = 1, #list - 1 do
    x = x + z
    if list[i] == list[i + 1] then y = y + 1 else z = z + 0.125 end
    if list[i] ~= first then k = k + i end
    x = x * 0.75
  end
  return x, y, z, k
end
local result
for _ = 1, 60 do result = table.pack(around(texts)) end
for _ = 1, 60 do result = table.pack(around { plain, plain, other, bare, one, uno, two, 1, 1.0, "a", "a", first, second, first }) end
check("around", true, table.unpack(result))

-- Booleans take the place of other values in items and fields, and are keys then.
local function truths(list, record, n)
  local counts = {}
  for i = 1, n do
    list[i] = i * 3
    record.flag, record.other = i, i * 0.5
    if i % 3 == 0 then list[i] = true elseif i % 3 == 1 then list[i] = false end
    if i % 2 == 0 then record.flag = true else record.other = false end
    for _, value in ipairs { list[i], record.flag, record.other } do
      counts[value] = (counts[value] or 0) + 1
    end
    if list[i] == true then counts.yes = (counts.yes or 0) + 1 end
    if record.flag == record.other then counts.same = (counts.same or 0) + 1 end
  end
  local keys = 0
  for _ in pairs(counts) do keys = keys + 1 end
  return keys, counts[true], counts[false], counts.yes, counts.same, next({ [list[3]] = 1 }), rawequal(list[3], record.flag)
end
for _ = 1, 20 do result = table.pack(truths({}, {}, 100)) end
check("booleans as keys", true, table.unpack(result))
local guarded, sets = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, not v) end }), 0
for i = 1, 500 do
  guarded.on = true
  if guarded.on then sets = sets + 1 end
  if i % 10 == 0 then guarded.on = nil end
end
check("booleans for __newindex", true, sets)
print("checks", count)
