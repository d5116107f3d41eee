//! `run --stats`: what was compiled, and that the common instructions stay in compiled code.

mod support;

use support::Place;

fn stats(options: &[&str], program: &str) -> String {
    let place = Place::new(&[("program.lua", program)]);
    let left = place.run(&[&["run", "--stats"], options, &["program.lua"]].concat(), "");
    assert_eq!(left.code, Some(0), "{left:?}");
    left.err
}

#[test]
fn interpreted_programs_say_so() {
    let said = stats(&["--jit=off"], "print(1)");
    assert!(said.ends_with(": everything was interpreted\n"), "{said}");
}

#[test]
fn what_compiled_code_leaves_is_counted() {
    let said = stats(&["--jit=eager"], "local t = setmetatable({}, { __add = function() return 1 end }) for i = 1, 100 do t = t + 1; t = setmetatable({}, getmetatable(t) or { __add = function() return 2 end }) end");
    assert!(said.contains(": compiled ") && said.contains("most often left: "), "{said}");
    assert!(said.contains("add"), "{said}");
}

/// Each program runs its instruction some thousands of times; only a few may be left to the interpreter.
#[test]
fn common_instructions_stay_in_compiled_code() {
    let programs = [
        ("new_table and set_list", "for i = 1, 20000 do local t = { i, i, x = 1 } end"),
        ("append", "local t = {} for i = 1, 20000 do t[#t + 1] = i end"),
        ("append to an object", "local t = setmetatable({}, {}) for i = 1, 20000 do t[i] = { i } end"),
        ("return of several", "local function f(a, b) return b, a end local x, y = 1, 2 for i = 1, 20000 do x, y = f(x, y) end"),
        ("return of all", "local function f(...) return ... end for i = 1, 20000 do local x, y = f(f(i, i)) end"),
        ("varargs", "local function f(...) local a, b = ... return b end for i = 1, 20000 do f(i, i) end"),
        ("tail call of all", "local function g(a, b) return a end local function f(a, b) return g(g(a, b), b) end for i = 1, 20000 do f(i, i) end"),
        ("tail call of a native", "local abs = math.abs local function f(a) return abs(a) end for i = 1, 20000 do f(i) end"),
        ("closure", "for i = 1, 20000 do local f = function() return i end f() end"),
        ("concat", "for i = 1, 20000 do local s = 'a' .. i .. 'b' end"),
        ("compiled iterators", "local function each(t, i) if i < 20000 then return i + 1 end end for i in each, {}, 0 do end"),
        ("loops with steps", "for i = 1, 5000 do for j = 10, 1, -3 do end for x = 0.5, 1.5, 0.5 do end end"),
        ("length with a metatable", "local t, n = setmetatable({ 1, 2 }, {}), 0 for i = 1, 20000 do n = n + #t end"),
        ("item that is absent, with a metatable", "local t, n = setmetatable({}, {}), 0 for i = 1, 20000 do if not t[i] then n = n + 1 end end"),
        ("fields of a map", "local t = {} for i = 1, 3000 do t['k' .. i] = i end for i = 1, 20000 do t.k7 = t.k8 + i end"),
        ("key in a variable", "local t, keys = { a = 1, b = 2 }, { 'a', 'b' } for i = 1, 20000 do local k = keys[i % 2 + 1] t[k] = t[k] + 1 end"),
        ("black objects", "local keep = {} for i = 1, 20000 do keep[i % 100 + 1] = { keep[i % 7 + 1] and 1, i } end"),
    ];
    // These wait for what is seen.
    let informed = [
        ("protected call", "local function f(a) return a end for i = 1, 20000 do local ok, v = pcall(f, i) end"),
        ("intrinsics", "local t, s = {}, 'abc' for i = 1, 20000 do table.insert(t, s:byte(i % 3 + 1)) end"),
        ("loops over lists", "local t = { 1, 2, 3 } for i = 1, 5000 do for j, v in ipairs(t) do end for k, v in pairs(t) do end end"),
        ("coroutines", "local co = coroutine.wrap(function() while true do coroutine.yield(1) end end) for i = 1, 20000 do co() end"),
    ];
    let all = programs.map(|(what, program)| (what, program, "--jit=eager"));
    for (what, program, jit) in all.into_iter().chain(informed.map(|(what, program)| (what, program, "--jit=on"))) {
        let said = stats(&[jit], program);
        let left = said.split("code left ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse::<u64>().ok());
        assert!(left.is_some_and(|n| n < 1000), "{what}: {said}");
    }
}

#[test]
fn compiled_functions_are_named_for_perf() {
    let program = "local function busy(n) local s = 0 for i = 1, n do s = s + i end return s end
        for i = 1, 5000 do busy(3) end
        print(io.open('/proc/self/stat'):read('n'))";
    let place = Place::new(&[("program.lua", program)]);
    let left = place.run(&["run", "--perf-map", "program.lua"], "");
    assert_eq!(left.code, Some(0), "{left:?}");
    let path = format!("/tmp/perf-{}.map", left.out.trim());
    let map = std::fs::read_to_string(&path).expect("the map");
    std::fs::remove_file(&path).expect("the map can be removed");
    let busy = map.lines().find(|line| line.ends_with(" lua program.lua:1")).expect("the function");
    let numbers: Vec<_> = busy.split(' ').take(2).map(|word| u64::from_str_radix(word, 16).expect("a number")).collect();
    assert!(numbers[0] > 0 && numbers[1] > 16, "{busy}");
    assert!(map.lines().any(|line| line.ends_with(" lua program.lua (main chunk)")), "{map}");
}
