local a <const>, b <close> = 0x1p4, nil
local t = { 1, 2; x = 3, ["y"] = 4, f = function(...) return ... end, [[long]], }
function t.a.b:c(p, q, ...)
  if p == 'it\65\x41\u{48}\z
     x' then return self, ... elseif q ~= 1 then
    goto done
  else t[1], t.x = f{1}, f"s" end
  for i = 1, 10, 2 do t[i] = -i ^ 2 .. "x" end
  for k, v in pairs(t) do if not k then break end end
  ::done:: --[==[ comment
  ]==] repeat local x = #t until x > 3 and y or z
  while a <= b do a = a // 1 >> 2 & ~3 | 4 end
  return (f(a):g(b)), 1e10, 3.5
end
local function rec(n) return n < 2 and 1 or rec(n - 1) * n end
do local s = [==[
multi]]line]==]; print(s, "a\tb\\") end
return t
