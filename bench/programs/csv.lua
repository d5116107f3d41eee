-- Reading and writing comma separated records: find, sub, gsub, tonumber and concat.
-- tiny: 20
local size = tonumber(arg and arg[1]) or 32000

local function quote(field)
  field = tostring(field)
  if field:find('[,"\n]') then return '"' .. field:gsub('"', '""') .. '"' end
  return field
end

local function write(records)
  local lines = {}
  for i, record in ipairs(records) do
    local fields = {}
    for j = 1, #record do fields[j] = quote(record[j]) end
    lines[i] = table.concat(fields, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- The field at `at`, and where what follows it begins.
local function read_field(text, at)
  if text:sub(at, at) ~= '"' then
    local stop = text:find("[,\n]", at)
    return text:sub(at, stop - 1), stop
  end
  local from, parts = at + 1, {}
  while true do
    local stop = text:find('"', from, true)
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop + 1, stop + 1) ~= '"' then return table.concat(parts, '"'), stop + 1 end
    from = stop + 2
  end
end

local function read(text)
  local records, record, at = {}, {}, 1
  while at <= #text do
    local field, stop = read_field(text, at)
    record[#record + 1] = tonumber(field) or field
    if text:sub(stop, stop) == "\n" then
      records[#records + 1] = record
      record = {}
    end
    at = stop + 1
  end
  return records
end

local function split(line, separator)
  local fields, from = {}, 1
  for at in line:gmatch("()" .. separator) do
    fields[#fields + 1] = line:sub(from, at - 1)
    from = at + 1
  end
  fields[#fields + 1] = line:sub(from)
  return fields
end

local records = {}
for i = 1, size do
  records[i] = { i, "name " .. i % 97, i * 0.25, i % 5 == 0 and 'says "hello", twice' or "plain", i % 11 == 0 and "two\nlines" or "" }
end
local text = write(records)
local back = read(text)
local sum, same = 0, true
for i, record in ipairs(back) do
  sum = sum + record[1] + record[3]
  for j = 1, 5 do same = same and record[j] == records[i][j] end
end
print(#text, #back, same, sum)

local longest, count = 0, 0
for line in text:gmatch("[^\n]*") do
  local fields = split(line, ",")
  count = count + #fields
  for _, field in ipairs(fields) do longest = math.max(longest, #field) end
end
print(count, longest)
