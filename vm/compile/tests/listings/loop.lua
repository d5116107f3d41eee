for i = 1, 10 do
  if i > 5 then break end
  fs[#fs + 1] = function() return i end
end
for k, v in pairs(t) do
  if k == 1 then goto continue end
  print(v)
  ::continue::
end
repeat local x = f(); g(function() return x end) until x > 3 or x == nil
while a and b or c do b = not b end
