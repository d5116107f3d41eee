//! The memory limit: garbage never meets it, what is kept does, and the machine goes on.

use perilune_vm::{Options, Value, Vm};

const LIMIT: usize = 4 << 20;

/// Runs a program under the limit and gives what it returns as text.
fn run(program: &str) -> String {
    let mut vm = Vm::new(Options { memory_limit: LIMIT, ..Options::default() });
    let result = vm.with(|ctx| {
        perilune_stdlib::open(ctx)?;
        assert!(ctx.load(program.as_bytes(), b"=program", b"t").is_ok(), "{program}");
        ctx.call(0, Some(1))?;
        match ctx.value(-1) {
            Value::Str(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            other => panic!("a text is expected, not {other:?}"),
        }
    });
    assert!(vm.memory_used() <= LIMIT * 2);
    result.unwrap_or_else(|_| "error".to_owned())
}

#[test]
fn garbage_never_meets_the_limit() {
    let programs = [
        "for i = 1, 300000 do local t = { i, { i } } end",
        "for i = 1, 100 do local s = ('x'):rep(1000000) .. i end",
        "for i = 1, 20 do local s = ('x'):rep(3500000) end",
        "local s = '' for i = 1, 3000 do s = s .. 'xxxxxxxx' end",
        "for i = 1, 300 do local t = {} for j = 1, 2000 do t[j] = j; t['k' .. j % 100] = j end end",
        "for i = 1, 3000 do local co = coroutine.wrap(function(...) coroutine.yield(...) end) co(i) end",
        "for i = 1, 200 do local t = {} for j = 1, 5000 do t[#t + 1] = j end table.concat(t, ',') end",
        "for i = 1, 300 do ('abc'):rep(1000):gsub('%w', { a = 'xy' }) end",
        "for i = 1, 100 do setmetatable({ ('x'):rep(200000) }, { __gc = function() end }) end",
        "for i = 1, 300000 do setmetatable({}, { __gc = function() end }) end",
        "local m = { __gc = function() end } for i = 1, 1000000 do setmetatable({}, m) end assert(collectgarbage('count') < 3000)",
        "collectgarbage('generational') local m = { __gc = rawlen } for i = 1, 1000000 do setmetatable({ i }, m) end",
        "collectgarbage('stop') for i = 1, 300000 do local t = { i, { i } } end",
        "local keep = {} for i = 1, 200000 do keep[i % 1000] = { i } end",
        "for i = 1, 300 do load('local a = ' .. i .. ' return function() return a end')() end",
    ];
    for program in programs {
        assert_eq!(run(&format!("{program} return 'done'")), "done", "{program}");
    }
}

#[test]
fn what_is_kept_meets_the_limit_and_can_be_dropped() {
    let keepers = [
        "local t = {} for i = 1, 10000000 do t[i] = { i } end",
        "local t = {} for i = 1, 10000000 do t[i] = i end",
        "local t = {} for i = 1, 10000000 do t['k' .. i] = i end",
        "local s = 'x' for i = 1, 40 do s = s .. s end",
        "local t = {} for i = 1, 100000 do t[i] = coroutine.wrap(function() coroutine.yield() end) t[i]() end",
        "local s = ('x'):rep(100000000)",
        "local t = table.pack(('x'):rep(100000):byte(1, -1)) local u = {} for i = 1, 1000 do u[i] = { table.unpack(t) } end",
        "local f = 0 for i = 1, 1000000 do local g = f f = function() return g end end",
        "local t = {} for i = 1, 10000 do t[i] = ('x'):rep(10000) .. i end",
        "local s = ('a'):rep(100000):gsub('a', ('b'):rep(100000))",
        "local b = ('b'):rep(100000) local s = ('a'):rep(100000):gsub('a', function() return b end)",
        "local s = ('a'):rep(100000):gsub('a', { a = ('b'):rep(100000) })",
        "local function nest() ('ab'):gsub('.', function(c) if c == 'a' then return ('x'):rep(1000000) end nest() end) end nest()",
        "local b, t = ('b'):rep(100000), {} for i = 1, 100000 do t[i] = b end table.concat(t)",
        "local b = ('b'):rep(100000) local t = {} for i = 1, 200 do t[i] = b end
            local s = ('%s'):rep(200):format(table.unpack(t))",
        "local b = ('b'):rep(100000) local t = {} for i = 1, 200 do t[i] = b end
            local s = string.pack(('s'):rep(200), table.unpack(t))",
        "error(select(2, load(function() return (' '):rep(100000) end)), 0)",
        "error(select(2, package.searchpath(('a'):rep(10000), ('?'):rep(10000))), 0)",
        "local zeros <close> = io.open('/dev/zero') zeros:read('a')",
        "local zeros <close> = io.open('/dev/zero') zeros:read('l')",
        "local zeros <close> = io.open('/dev/zero') zeros:read(1 << 40)",
        "local s = ('a'):rep(3000000) .. 'b' local t = {} for i = 1, 100 do t[i] = s:upper() .. i end",
    ];
    for keeper in keepers {
        let program = format!(
            "for round = 1, 3 do
                local ok, message = pcall(function() {keeper} end)
                if ok or message ~= 'not enough memory' then return tostring(message) end
                collectgarbage()
            end
            local t = {{}} for i = 1, 1000 do t[i] = {{ i }} end
            return #t .. ' left'"
        );
        assert_eq!(run(&program), "1000 left", "{keeper}");
    }
}

#[test]
fn what_a_global_keeps_can_still_be_dropped() {
    let program = "t = {}
        local ok, message = pcall(function() for i = 1, 10000000 do t[i] = { i } end end)
        local said = 'caught: ' .. tostring(message)
        t = nil
        for i = 1, 100000 do local garbage = { i } end
        return said";
    assert_eq!(run(program), "caught: not enough memory");
}
