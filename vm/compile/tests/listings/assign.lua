local a, i, t = {}, 1, {}
i, a[i], a.x, t[i], a = i + 1, 20, f()
local t = {1, f(), x = 1, [3] = 4, ...}
a.b.c, x, t[1], t[300] = 1, nil, true
