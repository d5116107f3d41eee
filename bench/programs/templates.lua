-- Text work by patterns: templates, escapes, trimming, wrapping, changing case, with all kinds of gsub.
-- tiny: 5
local size = tonumber(arg and arg[1]) or 6000

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escape(text) return (text:gsub('[&<>"]', ENTITIES)) end
local function trim(text) return text:match("^%s*(.-)%s*$") end
local function camel_case(name)
  return (name:gsub("_(%l)", function(letter) return letter:upper() end))
end
local function snake_case(name) return (name:gsub("(%l)(%u)", "%1_%2"):lower()) end
local function url_encode(text)
  return (text:gsub("[^%w%-_%.~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end
local function url_decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end
local function fill(template, values)
  return (template:gsub("{{(%w+)|?(%a*)}}", function(name, filter)
    local value = tostring(values[name])
    return filter == "raw" and value or escape(value)
  end))
end
local function wrap(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if #line + #word >= width and line ~= "" then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local template = [[
  <h1>{{title}}</h1>
  <p class="{{kind}}">{{body}} costs {{price}} and {{body|raw}}, of {{count}} items.</p>
  %% done at {{when}}: {{missing}}   ]]

local length, lines, checks = 0, 0, 0
for i = 1, size do
  local page = fill(trim(template), {
    title = "Page <" .. i .. ">", kind = "big", body = "R&D \"" .. ("x"):rep(i % 13) .. "\"",
    price = i / 8, count = i * 3, when = "noon",
  })
  length = length + #page
  lines = lines + #wrap(page, 40)
  local encoded = url_encode(page)
  if url_decode(encoded) == page then checks = checks + #encoded end
  local name = ("first_part_of_%s_number"):format(i % 2 == 0 and "even" or "odd")
  if snake_case(camel_case(name)) == name then checks = checks + 1 end
end
print(length, lines, checks)
print(camel_case("make_it_so"), snake_case("makeItSo"), url_encode("a b&c/ü"))
print(("THE (quick) fox"):find("%((%a+)%)"), ("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):gsub("%f[%a]%a+", string.lower))
