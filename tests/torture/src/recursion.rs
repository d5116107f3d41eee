//! Programs that recur without end, each by another way: all end with a Lua error.

use crate::machine::{Machine, Tier};

/// Each returns what `pcall` answers.
pub const KINDS: &[(&str, &str)] = &[
    ("function", "local function f() return 1 + f() end return pcall(f)"),
    ("function with varargs", "local function f(...) return 1 + f(1, ...) end return pcall(f)"),
    ("mutual", "local g local function f() return 1 + g() end function g() return 1 + f() end return pcall(f)"),
    ("method", "local o = {} function o:f() return 1 + self:f() end return pcall(o.f, o)"),
    (
        "__index",
        "local m = {} m.__index = function(t, k) return t[k .. 'x'] .. '' end return pcall(function() return setmetatable({}, m).x end)",
    ),
    (
        "__index chain",
        "local t = {} setmetatable(t, { __index = t }) t = setmetatable({}, { __index = t }) getmetatable(getmetatable(t).__index).__index = t return pcall(function() return t.x end)",
    ),
    (
        "__newindex",
        "local m = {} m.__newindex = function(t, k, v) t[k] = v end return pcall(function() setmetatable({}, m).x = 1 end)",
    ),
    ("__newindex chain", "local t = {} setmetatable(t, { __newindex = t }) return pcall(function() t.x = 1 end)"),
    ("__call", "local m = {} m.__call = function(o) return 1 + o() end return pcall(setmetatable({}, m))"),
    ("__call chain", "local t = setmetatable({}, {}) getmetatable(t).__call = t return pcall(t)"),
    (
        "__add",
        "local m = {} m.__add = function(a, b) return (a + b) .. '' end local o = setmetatable({}, m) return pcall(function() return o + o end)",
    ),
    (
        "__unm",
        "local m = {} m.__unm = function(a) return (-a) .. '' end return pcall(function() return -setmetatable({}, m) end)",
    ),
    (
        "__len",
        "local m = {} m.__len = function(a) return #a + 1 end return pcall(function() return #setmetatable({}, m) end)",
    ),
    (
        "__concat",
        "local m = {} m.__concat = function(a, b) return (a .. b) .. '' end return pcall(function() return setmetatable({}, m) .. 'x' end)",
    ),
    (
        "__eq",
        "local m = {} m.__eq = function(a, b) return not (a == b) end local a, b = setmetatable({}, m), setmetatable({}, m) return pcall(function() return a == b end)",
    ),
    (
        "__lt",
        "local m = {} m.__lt = function(a, b) return not (a < b) end local a = setmetatable({}, m) return pcall(function() return a < a end)",
    ),
    (
        "__le",
        "local m = {} m.__le = function(a, b) return not (a <= b) end local a = setmetatable({}, m) return pcall(function() return a <= a end)",
    ),
    (
        "__tostring",
        "local m = {} m.__tostring = function(o) return tostring(o) .. '' end return pcall(tostring, setmetatable({}, m))",
    ),
    (
        "string.format",
        "local m = {} m.__tostring = function(o) return ('%s'):format(o) .. '' end return pcall(string.format, '%s', setmetatable({}, m))",
    ),
    (
        "print",
        "local m = {} m.__tostring = function(o) print(o) return '' end return pcall(print, setmetatable({}, m))",
    ),
    (
        "__pairs",
        "local m = {} m.__pairs = function(o) return next, {}, pairs(o) end return pcall(pairs, setmetatable({}, m))",
    ),
    (
        "__close",
        "local function f() local x <close> = setmetatable({}, { __close = function() f() end }) end return pcall(f)",
    ),
    (
        "__gc",
        "setmetatable({}, { __gc = function() local function f() return 1 + f() end f() end }) return pcall(function() collectgarbage() error('survived') end)",
    ),
    ("sort", "local function f() table.sort({ 1, 2, 3 }, function() return f() end) end return pcall(f)"),
    ("gsub", "local function f() return (('x'):gsub('x', f)) end return pcall(f)"),
    (
        "gsub table",
        "local t t = setmetatable({}, { __index = function() return (('x'):gsub('x', t)) end }) return pcall(string.gsub, 'x', 'x', t)",
    ),
    ("coroutines", "local function f() return coroutine.wrap(f)() end return pcall(f)"),
    ("coroutine.resume", "local function f() return assert(coroutine.resume(coroutine.create(f))) end return pcall(f)"),
    (
        "coroutine.close",
        "local function f() local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = f }) coroutine.yield() end) assert(coroutine.resume(co)) assert(coroutine.close(co)) end return pcall(f)",
    ),
    ("pcall", "local function f() return assert(pcall(f)) end return pcall(f)"),
    (
        "pcall of itself",
        "local t = { pcall } for i = 2, 30000 do t[i] = pcall end return pcall(function() return assert(select(-2, pcall(table.unpack(t)))) end)",
    ),
    ("xpcall", "local function f() return assert(xpcall(f, function(m) return m end)) end return pcall(f)"),
    ("error handler", "local function h(m) return h(m) .. '' end return xpcall(error, h)"),
    ("failing error handler", "local function h(m) error(m) end return xpcall(error, h)"),
    ("load", "local s = 'local s = ... return 1 + load(s)(s)' return pcall(load(s), s)"),
    ("load by reader", "local function f() return assert(load(f)) end return pcall(f)"),
    (
        "require",
        "package.preload.m = function() package.loaded.m = nil return 1 + require('m') end return pcall(require, 'm')",
    ),
    (
        "ipairs",
        "local m = {} m.__index = function(t, i) for _, v in ipairs(t) do return v end end return pcall(function() for _ in ipairs(setmetatable({}, m)) do end end)",
    ),
    ("iterator", "local function f() for _ in f do end end return pcall(f)"),
    (
        "table.concat",
        "local m = {} m.__index = function(t) return table.concat(t, '', 1, 1) end return pcall(table.concat, setmetatable({}, m), '', 1, 1)",
    ),
    (
        "table.unpack",
        "local m = {} m.__index = function(t) return (table.unpack(t, 1, 1)) end return pcall(table.unpack, setmetatable({}, m), 1, 1)",
    ),
    (
        "hook",
        "return pcall(coroutine.wrap(function() local function h() debug.sethook(h, 'l') return 1 + h() end debug.sethook(h, 'l') local x = 1\nx = 2 end))",
    ),
    (
        "goto and closures",
        "local function f(g) local i = 0 ::top:: i = i + 1 if i < 3 then goto top end return 1 + f(function() return g, i end) end return pcall(f)",
    ),
    ("parentheses", "return load('return ' .. ('('):rep(100000))"),
    ("brackets", "return load('return ' .. ('a['):rep(100000))"),
    ("braces", "return load('return ' .. ('{'):rep(100000))"),
    ("functions", "return load(('function f() '):rep(100000))"),
    ("blocks", "return load(('do '):rep(100000))"),
    ("loops", "return load(('while a do '):rep(100000))"),
    ("conditions", "return load(('if a then '):rep(100000))"),
    ("else branches", "return load('if a then ' .. ('else if a then '):rep(100000))"),
    ("unary operators", "return load('return ' .. ('- '):rep(100000) .. '1')"),
    ("powers", "return load('return ' .. ('1 ^ '):rep(100000) .. '1')"),
    ("concatenations", "return load('return ' .. ('a .. '):rep(100000) .. 'a')"),
    ("calls", "return load('return ' .. ('f('):rep(100000))"),
    ("assignments", "return load(('a, '):rep(100000) .. 'a = 1')"),
    ("pattern", "return pcall(string.find, ('x'):rep(300000), ('.?'):rep(300000))"),
    ("pattern captures", "return pcall(string.find, 'x', ('('):rep(100000))"),
    (
        "pattern of minimal repetitions",
        "return pcall(string.find, ('a'):rep(400), ('(a-)'):rep(31) .. ('.-'):rep(300) .. 'b')",
    ),
];

/// Runs one kind; what it says of the error.
///
/// # Panics
/// When it ends without an error, or the machine does not work afterwards.
pub fn check(name: &str, program: &str, tier: Tier) -> String {
    let mut machine = Machine::new(tier);
    let code = format!(
        "local r = table.pack((function() {program} end)()) assert(not r[1], 'no error') return tostring(r[2])"
    );
    let message = match machine.run(code.as_bytes()) {
        Ok(message) => message,
        Err(why) => panic!("{name}, {tier:?}: {why}"),
    };
    machine.probe();
    message
}
