//! Natives that machine code does in place, and fields over metatables: what was seen, then what was not, gives what
//! the interpreter gives.

use perilune_jit::Baseline;
use perilune_vm::tier::Eagerness;
use perilune_vm::{Options, Torture, Vm};

/// Runs a chunk that returns a string.
fn run(options: Options, tier: Option<Eagerness>, chunk: &str) -> String {
    let mut vm = Vm::new(options);
    if let Some(eagerness) = tier {
        vm.set_tier(Box::new(Baseline::new()), eagerness);
    }
    let mut text = String::new();
    let outcome = vm.with(|ctx| {
        perilune_stdlib::open(ctx)?;
        assert!(ctx.load(chunk.as_bytes(), b"=chunk", b"t").is_ok(), "{chunk}");
        ctx.call(0, Some(1))?;
        text = String::from_utf8_lossy(ctx.bytes(-1).expect("a string")).into_owned();
        ctx.set_top(0);
        Ok(())
    });
    assert!(outcome.is_ok(), "{chunk}\n{}", vm.error_text());
    vm.verify().expect("a sound heap");
    text
}

#[track_caller]
fn same(chunk: &str) {
    let expected = run(Options::default(), None, chunk);
    for eagerness in [Eagerness::Early, Eagerness::Eager, Eagerness::Hot] {
        assert_eq!(run(Options::default(), Some(eagerness), chunk), expected, "{eagerness:?}\n{chunk}");
    }
    let tortured = Options { torture: Torture::Cycles(500), ..Options::default() };
    assert_eq!(run(tortured, Some(Eagerness::Early), chunk), expected, "torture\n{chunk}");
}

/// Code that takes note of results, in `s`; errors are results.
const NOTE: &str = "
    local s = {}
    local function show(v)
      if math.type(v) == 'float' then return string.format('%a', v) end
      if type(v) == 'table' or type(v) == 'function' then return type(v) end
      return tostring(v)
    end
    local function note(ok, ...)
      local all = { tostring(ok), select('#', ...) }
      for i = 1, select('#', ...) do all[#all + 1] = show((select(i, ...))) end
      s[#s + 1] = table.concat(all, ' ')
    end
";

const VALUES: &str = "{ 0, 1, -1, 7, 2, 300, math.maxinteger, math.mininteger, 0.0, -0.0, 0.5, -2.5, 2.0, 1e300, 2^53, 2^63, -2^63,
    1/0, -1/0, 0/0, '10', 'abc', '', 'x', true, {}, print }";

#[test]
fn numbers() {
    let functions = ["math.abs(x)", "math.floor(x)", "math.sqrt(x)", "math.max(x, y)", "math.min(x, y)", "math.max(y, x)"];
    for function in functions {
        for (x, y) in [("3", "-4"), ("2.5", "-0.5"), ("-7", "7.5"), ("-0.0", "0.0")] {
            same(&format!(
                "{NOTE}
                 local function f(x, y) local kept = x local r = {function} return r, kept, y end
                 for i = 1, 200 do note(pcall(f, {x}, {y})) end
                 for _, x in ipairs({VALUES}) do
                   for _, y in ipairs({VALUES}) do note(pcall(f, x, y)) end
                 end
                 for i = 1, 3 do note(pcall(f)) note(pcall(f, {x}, {y})) end
                 return table.concat(s, ';'):gsub('%-nan', 'nan')"
            ));
        }
    }
}

#[test]
fn numbers_in_loops() {
    same(
        "local n, x, m = 0, 0.5, 0
         local abs, floor, max, min = math.abs, math.floor, math.max, math.min
         for i = 1, 500 do
           n = n + abs(i - 250)
           x = x + max(x * 0.5, 1.25) - min(x, 3.5)
           m = max(m, floor(x * 7.3)) + min(i, 9)
           if i == 300 then x = 1e18 end
           if i == 400 then abs = function(v) return -v end end
           if i == 450 then floor = math.ceil end
         end
         return n .. ' ' .. string.format('%a', x) .. ' ' .. m",
    );
}

#[test]
fn strings() {
    let positions = "{ 1, 2, 3, 0, -1, -3, 4, -4, math.maxinteger, math.mininteger, 1.0, 2.5, '2', 'x', false }";
    for call in ["t:byte(i)", "t:byte()", "string.byte(t, i)", "t:sub(i, i)", "t:sub(i, j)", "string.sub(t, j, i)"] {
        same(&format!(
            "{NOTE}
             local function f(t, i, j) local r = {call} return r, i end
             for k = 1, 200 do note(pcall(f, 'hello', k % 5 + 1, k % 5 + 1)) end
             for _, t in ipairs {{ 'abc', '', 'a', 12, 1.5, {{}}, false, ('long'):rep(30), '\\0\\255' }} do
               for _, i in ipairs({positions}) do
                 for _, j in ipairs({positions}) do note(pcall(f, t, i, j)) end
               end
             end
             return table.concat(s, ';')"
        ));
    }
}

#[test]
fn lists() {
    same(&format!(
        "{NOTE}
         local insert, remove = table.insert, table.remove
         local function push(t, v) insert(t, v) return #t end
         local function pop(t) local v = remove(t) return v, #t end
         local function drop(t) remove(t) return #t end
         local t = {{}}
         for i = 1, 300 do push(t, i) end
         for i = 1, 150 do note(pcall(pop, t)) end
         for i = 1, 100 do note(pcall(drop, t)) end
         for _, v in ipairs({VALUES}) do note(pcall(push, t, v)) end
         note(pcall(push, t, nil))
         for i = 1, 90 do note(pcall(pop, t)) note(pcall(drop, t)) end
         local holes = {{ 1, nil, 3, nil, nil, 6 }}
         for i = 1, 8 do note(pcall(pop, holes)) end
         local hashed = {{ [1] = 1, [2] = 2, [4] = 4 }}
         for i = 1, 5 do note(pcall(push, hashed, i)) end
         for i = 1, 9 do note(pcall(pop, hashed)) end
         local proxy = setmetatable({{}}, {{ __len = function() return 5 end, __newindex = function(t, k, v) rawset(t, k, v + 1) end,
           __index = function(t, k) return k * 10 end }})
         for i = 1, 3 do note(pcall(push, proxy, i)) note(pcall(pop, proxy)) end
         note(pcall(push, 'x', 1)) note(pcall(pop)) note(pcall(drop, 3))
         return table.concat(s, ';')"
    ));
}

#[test]
fn iterators() {
    same(&format!(
        "{NOTE}
         local function sum(t) local n = 0 for i, v in ipairs(t) do n = n + i * v end return n end
         local function count(t) local n, keys = 0, '' for k, v in pairs(t) do n = n + 1 keys = keys .. tostring(k) .. ' ' end return n, keys end
         local function first(t) local f, a, b = pairs(t) return f == next, a == t, b end
         local tables = {{ {{}}, {{ 1 }}, {{ 1, 2, 3 }}, {{ 1, nil, 3 }}, {{ nil, 2 }}, {{ x = 1 }}, {{ 1, 2, x = 3, y = 4 }}, {{ [1.5] = 1, [0] = 2, [-1] = 3 }} }}
         for i = 1, 60 do for _, t in ipairs(tables) do note(pcall(sum, t)) note(pcall(count, t)) note(pcall(first, t)) end end
         note(pcall(sum, setmetatable({{ 1 }}, {{ __index = function(t, k) if k < 5 then return k end end }})))
         note(pcall(count, setmetatable({{}}, {{ __pairs = function(t) return next, {{ 5, 6 }}, nil end }})))
         note(pcall(count, setmetatable({{ 7 }}, {{}})))
         for _, v in ipairs {{ 1, 'x', true, print }} do note(pcall(sum, v)) note(pcall(count, v)) end
         note(pcall(sum)) note(pcall(count))
         local removed = {{}}
         for i = 1, 50 do removed[i] = i removed['k' .. i] = i end
         for k in pairs(removed) do removed[k] = nil end
         note(true, next(removed))
         return table.concat(s, ';')"
    ));
}

#[test]
fn protected_calls() {
    same(&format!(
        "{NOTE}
         local function none() end
         local function one(a) return a end
         local function two(a, b) return b, a end
         local function many(...) return ... end
         local function fail(a) error(a, 0) end
         local function tail(a) return one(a) end
         local function grow(n) if n > 0 then return 1 + grow(n - 1) end return 0 end
         local function deep(n) if n == 0 then return 'end' end local ok, v = pcall(deep, n - 1) return ok and v or 'failed ' .. tostring(v) end
         local function waits(a) return coroutine.yield(a) end
         local function call1(f, a, b) pcall(f, a, b) end
         local function call2(f, a, b) local ok = pcall(f, a, b) return ok end
         local function call3(f, a, b) local ok, v = pcall(f, a, b) return ok, v end
         local function call5(f, a, b) local ok, v, w, x = pcall(f, a, b) return ok, v, w, x end
         local function all(f, a, b) return pcall(f, a, b) end
         local function listed(f, a, b) return #{{ pcall(f, a, b) }} end
         for _, call in ipairs {{ call1, call2, call3, call5, all, listed }} do
           for i = 1, 150 do note(call(one, i, 2)) end
           for _, f in ipairs {{ none, one, two, many, fail, tail, print, 5, grow, setmetatable({{}}, {{ __call = two }}), math.floor }} do
             for i = 1, 3 do if f ~= print then note(call(f, i, i + 1)) end end
           end
           note(call(grow, 5000)) note(call(grow, 1e6)) note(call(deep, 50)) note((call(deep, 250)))
           local co = coroutine.wrap(function() return call(waits, 1) end)
           note(true, co()) note(true, co('back'))
           local co = coroutine.wrap(function() return call(function() coroutine.yield(2) error('late', 0) end) end)
           note(true, co()) note(true, co())
         end
         local n = 0
         for i = 1, 1000 do
           local ok, v = pcall(function() if i % 3 == 0 then error(i) end return i end)
           if ok then n = n + v end
         end
         note(true, n)
         return table.concat(s, ';')"
    ));
}

#[test]
fn coroutines() {
    same(&format!(
        "{NOTE}
         local yield, resume, wrap, create = coroutine.yield, coroutine.resume, coroutine.wrap, coroutine.create
         -- Every number of values given, for every number of results wanted.
         local function echo(a, b, c)
           while true do
             if a == 'stop' then error({{ a }}) end
             local how = math.type(a) == 'integer' and a % 6 or 0
             if how == 0 then yield() a, b, c = yield()
             elseif how == 1 then local x = yield(b) a, b, c = yield(x)
             elseif how == 2 then local x, y = yield(b, c) a, b, c = yield(x, y)
             elseif how == 3 then local x, y, z = yield(a, b, c) a, b, c = yield(x, y, z)
             elseif how == 4 then local t = {{ yield(a, b, c, a) }} a, b, c = yield(#t, t[1])
             else a, b, c = yield('five', a) end
           end
         end
         for _, start in ipairs {{ create(echo), wrap(echo) }} do
           local is_wrapped = type(start) == 'function'
           for i = 1, 300 do
             local how = i % 5
             if is_wrapped then
               start(how, i, 2) local x = start(i) local x2, y2 = start(how, i, x) local x3, y3, z3, w3 = start(1, y2, i)
               note(true, x, x2, y2, x3, y3, z3, w3) start()
             else
               resume(start, how, i, 2) local ok, x = resume(start, i) local ok2, x2, y2 = resume(start, how, i, x)
               local all = {{ resume(start, 1, y2, i) }} local ok4, a, b, c, d = resume(start, x2)
               note(ok, x, ok2, x2, y2, #all, all[2], ok4, a, b, c, d)
             end
           end
           if not is_wrapped then resume(start, 'stop') note(resume(start, 'stop')) note(resume(start, 'stop')) note(resume(start)) note(coroutine.status(start)) end
         end
         -- In loops, one inside of the other; the inner one grows its stack.
         local function deep(n) if n > 0 then return 1 + deep(n - 1) end yield('deep') return 0 end
         local function range(n) return wrap(function() for i = 1, n do if i % 50 == 0 then deep(i) end yield(i, i * 2) end end) end
         local function odd(source) return wrap(function() for i, j in source do if i ~= 'deep' and i % 2 == 1 then yield(j, i) end end end) end
         local n = 0
         for i, j in odd(range(400)) do n = n + i * 3 - j if i % 40 == 2 then collectgarbage('step') end end
         note(true, n)
         -- Many, each for a while; some are closed, some fail, some get a hook, some have their variables changed.
         local many = {{}}
         for i = 1, 40 do
           many[i] = create(function(x) local sum = x while true do local given = yield(sum) sum = sum + given if sum > 3000 then error('full ' .. sum, 0) end end end)
         end
         local steps = 0
         for round = 1, 120 do
           for i, co in ipairs(many) do
             local ok, value = resume(co, i)
             if not ok and round % 10 == 0 then note(ok, value) end
             steps = steps + (ok and value or 1)
           end
           if round == 40 then note(coroutine.close(many[3])) end
           if round == 60 then debug.sethook(many[5], function() steps = steps + 1 end, 'l') end
           if round == 70 then debug.sethook(many[5]) end
           if round == 80 then debug.setlocal(many[7], 1, 2, -500.5) end
         end
         note(true, steps)
         note(pcall(resume, 5)) note(resume(coroutine.running())) note(pcall(wrap(function() yield() end)))
         note(pcall(yield, 1))
         return table.concat(s, ';')"
    ));
}

#[test]
fn fields_of_others_that_change() {
    // What is inherited moves when its holder becomes a map; it goes, and comes back as another kind.
    same(
        "local base = { v = 1, w = 2 }
         local o = setmetatable({}, { __index = base })
         local function get(o) return o.v + o.w end
         local s = 0
         for i = 1, 5000 do s = s + get(o) end
         for i = 1, 3000 do base['k' .. i] = i end
         for i = 1, 3000 do base['k' .. i] = nil end
         base.v, base.w = 10, 20
         for i = 1, 100 do s = s + get(o) end
         base.v = nil
         s = s .. ' ' .. tostring(pcall(get, o))
         base.v = 2.5
         for i = 1, 10 do s = s .. ' ' .. get(o) end
         return s",
    );
    // A nearer table hides it, and ceases to; a metatable gets a method for new keys.
    same(
        "local mt, log, s = {}, 0, 0
         local function make() local t = setmetatable({}, mt) t.x = 1 t.y = 2 return t end
         for i = 1, 3000 do make() end
         mt.__newindex = function(t, k, v) log = log + v end
         local hidden = rawget(make(), 'x')
         local base = { v = 1 }
         local nearer = setmetatable({}, { __index = base })
         local o = setmetatable({}, { __index = nearer })
         local function get(o) return o.v end
         for i = 1, 3000 do s = s + get(o) end
         nearer.v = 5
         for i = 1, 100 do s = s + get(o) end
         nearer.v = nil base.v = 7
         for i = 1, 100 do s = s + get(o) end
         return log .. ' ' .. tostring(hidden) .. ' ' .. s",
    );
}
