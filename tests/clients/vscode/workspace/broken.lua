local function add(a, b)
  return a +
end
print(add(1, 2))
