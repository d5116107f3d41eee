-- Input, output and the operating system (manual 6.8, 6.9).
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

local name = os.tmpname()
local function write(text) local f = assert(io.open(name, "wb")); f:write(text); f:close() end
local function hide(m) return (tostring(m):gsub(name:gsub("%p", "%%%0"), "FILE")) end
local function list(label, want, ...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = hide((select(i, ...))) end
  check(label, table.concat(out, "|") == want, (table.concat(out, "|"):gsub("%c", "?")))
end
write("one\ntwo\n\nfour 4 0x10 -7 1e1 .5\nlast")
do
  local f = io.open(name)
  list("lines", "one|two||four 4 0x10 -7 1e1 .5|last|nil", f:read(), f:read("l"), f:read(), f:read(), f:read(), f:read())
  list("seek to the start", "0", f:seek("set"))
  list("with line ends", "one\n|two\n", f:read("L", "L"))
  list("position", "8", f:seek())
  list("count", "|\nfou", f:read(0, 4))
  list("letter then numbers", "r|4|16|-7|10.0|0.5", f:read(1, "n", "n", "n", "n", "n"))
  list("rest", "\nlast|", f:read("a", "a"))
  list("nothing left", "nil|nil", f:read(0), (f:read("n")))
  list("size", "35", f:seek("end"))
  list("relative", "last", f:seek("cur", -4) and f:read("a"))
  list("failed format stops", "one|nil", (function() f:seek("set"); local a, b, c = f:read("l", "n", "l"); return a, b end)())
  check("type", io.type(f) == "file" and io.type(5) == nil)
  list("close", "true", f:close())
  check("closed", io.type(f) == "closed file" and tostring(f) == "file (closed)")
  fails("use of closed", "attempt to use a closed file", f.read, f)
  fails("bad format", "bad argument #1 to 'read' (invalid format)", function() local g <close> = io.open(name); g:read("x") end)
  f = io.open(name)
  check("text of a file", tostring(f):match("^file %(0x%x+%)$") ~= nil)
  f:close()
end
do
  local out = {}
  for line in io.lines(name) do out[#out + 1] = line end
  list("io.lines", "one,two,,four 4 0x10 -7 1e1 .5,last", table.concat(out, ","))
  out = {}
  for a, b in io.lines(name, 1, "l") do out[#out + 1] = a .. "-" .. tostring(b) end
  list("lines with formats", "o-ne t-wo \n-four 4 0x10 -7 1e1 .5 l-ast", table.concat(out, " "))
  local f = io.open(name)
  out = {}
  for line in f:lines("L") do out[#out + 1] = #line end
  list("file:lines keeps it open", "4 4 1 22 4 file", table.concat(out, " ") .. " " .. tostring(io.type(f)))
  f:close()
  fails("lines of a closed file", "file is already closed", function() local g = io.open(name); local it = g:lines(); g:close(); it() end)
  fails("io.lines missing", "No such file or directory", io.lines, "no/such/file")
  list("four values", "4", select("#", io.lines(name)))
end
do
  local f = io.open(name, "w")
  check("write returns the file", f:write("a", 1, 2.5, "\n") == f)
  f:write("b"); f:seek("set", 1); f:write("X")
  f:close()
  list("written", "aX2.5\nb", io.open(name):read("a"))
  f = io.open(name, "a"); f:write("+"); f:close()
  list("appended", "aX2.5\nb+", io.open(name):read("a"))
  f = io.open(name, "r+"); f:write("Y"); f:seek("cur", 0); list("read and write", "X2.5", f:read()); f:close()
  f = io.open(name, "w+"); f:write("new"); f:seek("set"); list("truncated", "new", f:read("a")); f:close()
  f = io.open(name, "rb"); list("write to a reader", "nil|Bad file descriptor|9", f:write("x")); f:close()
  fails("write a table", "bad argument #1 to 'write' (string expected, got table)", function() io.stdout:write({}) end)
  list("open missing", "nil|no/such/file: No such file or directory|2", io.open("no/such/file"))
  fails("open mode", "bad argument #2 to 'io.open' (invalid mode)", io.open, name, "rz")
  f = io.open(name, "w")
  list("setvbuf", "true|true|true", f:setvbuf("no"), f:setvbuf("full", 1024), f:setvbuf("line"))
  check("flush", f:flush() ~= nil)
  f:close()
  do local g <close> = io.open(name); f = g end
  check("to-be-closed file", io.type(f) == "closed file")
  fails("seek option", "bad argument #1 to 'seek' (invalid option 'bad')", function() local g <close> = io.open(name); g:seek("bad") end)
  list("negative seek", "nil|Invalid argument|22", (function() local g <close> = io.open(name); return g:seek("set", -1) end)())
end
do
  write("default\n42")
  local before = io.input()
  io.input(name)
  list("io.read from the default", "default|42", io.read("l", "n"))
  io.close(io.input())
  io.input(before)
  local out = io.output()
  io.output(name); io.write("to ", "file"); io.close(); io.output(out)
  list("io.output", "to file", io.open(name):read("a"))
  check("standard files", io.type(io.stdin) == "file" and io.type(io.stdout) == "file" and io.type(io.stderr) == "file")
  local t = io.tmpfile()
  t:write("temp"); t:seek("set")
  list("tmpfile", "temp", t:read("a")); t:close()
  local p = io.popen("echo out; exit 3")
  list("popen", "out\n", p:read("a"))
  list("popen status", "nil|exit|3", p:close())
  p = io.popen("cat > " .. name, "w"); p:write("piped"); p:close()
  list("popen write", "piped", io.open(name):read("a"))
  fails("popen mode", "bad argument #2 to 'io.popen' (invalid mode)", io.popen, "true", "x")
end
write("0x 1e 99999999999999999999 nan - +5 0x1p4 12abc")
do
  local f = io.open(name)
  list("bad hexadecimal", "nil", (f:read("n")))
  f:seek("set", 6); list("large", "1e+20", f:read("n"))
  list("no word", "nil", (f:read("n")))
  f:seek("set", 33); list("signed", "5|16.0", f:read("n", "n"))
  f:close()
end
-- os
list("execute", "true|exit|0", os.execute("true"))
list("execute fails", "nil|exit|2", os.execute("exit 2"))
list("execute signal", "nil|signal|9", os.execute("kill -9 $$"))
list("shell", "true", os.execute())
list("getenv", "nil", os.getenv("NO_SUCH_VARIABLE_HERE"))
check("getenv present", os.getenv("PATH") ~= nil)
check("clock", math.type(os.clock()) == "float")
check("time", math.type(os.time()) == "integer")
list("date in universal time", "1970-01-01 00:00:00", os.date("!%Y-%m-%d %H:%M:%S", 0))
list("date parts", "Thu Jan 001 % 70", os.date("!%a %b %j %% %y", 0))
list("date of a day", "02/29/24", os.date("!%D", 1709164800))
local d = os.date("!*t", 1000000000)
list("date table", "2001|9|9|1|46|40|1|252|false", d.year, d.month, d.day, d.hour, d.min, d.sec, d.wday, d.yday, d.isdst)
local t = os.time { year = 2020, month = 1, day = 1, hour = 12 }
list("time differences", "86400.0", os.difftime(os.time { year = 2020, month = 1, day = 2, hour = 12 }, t))
local norm = { year = 2020, month = 14, day = -3, hour = 12 }
os.time(norm)
list("normalised", "2021|1|28", norm.year, norm.month, norm.day)
fails("missing field", "field 'day' missing in date table", os.time, { year = 2020, month = 1 })
fails("field type", "field 'year' is not an integer", os.time, { year = "x", month = 1, day = 1 })
fails("bad conversion", "invalid conversion specifier '%Ez'", os.date, "%Ez")
list("setlocale", "C|C", os.setlocale("C"), os.setlocale(nil))
list("setlocale unknown", "nil", os.setlocale("no_such_locale"))
list("rename", "true", os.rename(name, name .. ".moved"))
list("rename missing", "nil|No such file or directory|2", os.rename(name, name .. ".x"))
list("remove", "true", os.remove(name .. ".moved"))
list("remove missing", "nil|FILE: No such file or directory|2", os.remove(name))

do
  local pipe = io.popen("no_such_command 2>&1")
  local said = pipe:read("a")
  local ok, how, code = pipe:close()
  check("the shell's name", said:find("^sh: ") ~= nil, said:match("^%w+"), ok, how, code)
end

print("checks", n)
