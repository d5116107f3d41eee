-- torture: 3
-- What old objects are given while the collector is under way stays alive (manual 2.5).
local n = 0
local function check(name, ok, ...) n = n + 1; print((ok and "ok   " or "FAIL ") .. name, ...) end

local record = {a = false, b = false, c = false, d = false}
local list = {false, false, false, false}
local first, second
local function share() return first, second end
local meta = setmetatable({}, {__index = {x = false}})

local function put(round)
  local place = round % 4
  if place == 0 then
    record.a = {round}
    list[1] = {round}
    first = {round}
  elseif place == 1 then
    record.b = {round}
    list[2] = {tostring(round)}
    second = {round}
  elseif place == 2 then
    record.c = "round " .. round
    list[3] = function() return round end
    meta.x = {round}
  else
    record.d = {round}
    list[place + 1] = {round}
  end
end

-- Most rounds only make garbage, so that what was put has to last for whole cycles.
local bad = {}
for round = 0, 3999 do
  if round % 200 < 4 then put(round) end
  local garbage = {round, {round}}
  if round % 200 == 199 then
    local base = round - 199
    local at = function(k) return base + k end
    local one, two = share()
    local fine = record.a[1] == at(0) and list[1][1] == at(0) and one[1] == at(0)
      and record.b[1] == at(1) and list[2][1] == tostring(at(1)) and two[1] == at(1)
      and record.c == "round " .. at(2) and list[3]() == at(2) and meta.x[1] == at(2)
      and record.d[1] == at(3) and list[4][1] == at(3)
    if not fine then bad[#bad + 1] = round end
  end
end
check("stores into old objects", #bad == 0, table.concat(bad, " "))
print("checks", n)
