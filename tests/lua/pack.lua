-- string.pack, packsize and unpack (manual 6.4.2).
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

local pack, unpack, packsize = string.pack, string.unpack, string.packsize
local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
for _, row in ipairs {
  { "<i4", "01000000", 1 }, { ">i4", "00000001", 1 }, { "<i4", "ffffffff", -1 }, { "b", "80", -128 }, { "B", "ff", 255 }, { "<h", "feff", -2 }, { ">H", "0102", 258 }, { "<i3", "ffffff", -1 }, { ">I3", "010203", 66051 }, { "<j", "0100000000000000", 1 },
  { "<J", "ffffffffffffffff", -1 }, { "<i16", "ffffffffffffffffffffffffffffffff", -1 }, { ">I16", "00000000000000000000000000000001", 1 }, { "<d", "000000000000f03f", 1.0 }, { ">d", "3ff0000000000000", 1.0 }, { "<f", "0000c03f", 1.5 }, { "<n", "0000000000000040", 2.0 },
  { "z", "616200", "ab" }, { "s1", "026162", "ab" }, { "<s2", "02006162", "ab" }, { "<s", "02000000000000006162", "ab" }, { "c4", "61620000", "ab" }, { "c2", "6162", "ab" }, { "<l", "0500000000000000", 5 }, { "<T", "0500000000000000", 5 }, { "<i", "07000000", 7 }, { "I1", "c8", 200 },
} do
  same("pack " .. row[1] .. " " .. tostring(row[3]), hex(pack(row[1], row[3])), row[2])
  local back = unpack(row[1], pack(row[1], row[3]))
  if row[1] == "c4" then back = back:gsub("%z+$", "") end
  same("unpack " .. row[1] .. " " .. tostring(row[3]), back, row[3])
end
same("several", hex(pack(">I2 I1 z", 1, 2, "x")), "0001027800")
same("alignment", hex(pack("<!4 i1 i4", 1, 2)), "0100000002000000")
same("alignment limited", hex(pack("<!2 i1 i4", 1, 2)), "010002000000")
same("no alignment", hex(pack("<i1 i4", 1, 2)), "0102000000")
same("padding byte", hex(pack("<i1 x i1", 1, 2)), "010002")
same("align to option", hex(pack("<!4 i1 Xi4", 1)), "01000000")
same("switching order", hex(pack(">i2 <i2", 1, 1)), "00010100")
for _, row in ipairs { { "<i4", 4 }, { "!8 i1 i8", 16 }, { "i1 i2", 3 }, { "d", 8 }, { "f", 4 }, { "j", 8 }, { "c10", 10 }, { "b h i", 7 }, { "", 0 }, { "!4 i1 !2 i4", 6 } } do same("packsize " .. row[1], packsize(row[1]), row[2]) end
do
  local a, b, at = unpack("<i2 i2", "\1\0\2\0")
  same("unpack several", a * 100 + b * 10 + at, 125)
  same("unpack from", unpack("<i2", "\1\0\2\0", 3), 2)
  same("unpack from the end", unpack("b", "abc", -1), 99)
  same("position after", select(2, unpack("z", "ab\0cd")), 4)
  same("position at the end", (unpack("", "abc", 4)), 4)
end
fails("too short", "data string too short", unpack, "i4", "abc")
fails("position", "initial position out of string", unpack, "b", "abc", 9)
fails("overflow", "integer overflow", pack, "i1", 200)
fails("unsigned overflow", "unsigned overflow", pack, "I1", 256)
fails("size limit", "integral size (17) out of limits [1,16]", pack, "i17", 1)
fails("option", "invalid format option 'y'", pack, "y", 1)
fails("variable size", "variable-length format", packsize, "s")
fails("variable size z", "variable-length format", packsize, "z")
fails("zeros in z", "string contains zeros", pack, "z", "a\0")
fails("too long for c", "string longer than given size", pack, "c1", "ab")
fails("too long for s1", "string length does not fit in given size", pack, "s1", ("x"):rep(300))
fails("missing size", "missing size for format option 'c'", pack, "c", "x")
fails("unfinished z", "unfinished string for format 'z'", unpack, "z", "abc")
fails("does not fit", "16-byte integer does not fit into Lua Integer", unpack, "<i16", ("\255"):rep(8) .. ("\1"):rep(8))
fails("alignment", "format asks for alignment not power of 2", pack, "!3 i3", 1)
fails("X option", "invalid next option for option 'X'", pack, "X", 1)

print("checks", n)
