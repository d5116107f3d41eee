//! Every operator in every operand form on the values at the edges: machine code gives what the interpreter gives.

use perilune_jit::Baseline;
use perilune_vm::tier::Eagerness;
use perilune_vm::{Kind, Options, Torture, Vm};

/// Operands as Lua writes them; the integers that fit become immediates, the rest constants.
const OPERANDS: &[&str] = &[
    "0", "1", "-1", "2", "7", "-7", "63", "64", "-64", "127", "-128", "200", "3000000000", "0x7fffffffffffffff",
    "(-0x7fffffffffffffff - 1)", "9007199254740993", "0.0", "-0.0", "0.5", "-2.5", "2.0", "64.0", "9007199254740992.0",
    "9223372036854775808.0", "1e308", "(1/0)", "(-1/0)", "(0/0)", "'10'", "'0x10'", "'abc'", "''", "nil", "true", "false", "{}",
    "(function() end)",
];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>"];
const COMPARISONS: &[&str] = &["<", "<=", ">", ">=", "==", "~="];

/// What a chunk returns, or its error.
fn result(vm: &mut Vm, chunk: &str) -> String {
    let mut text = String::new();
    let outcome = vm.with(|ctx| {
        assert!(ctx.load(chunk.as_bytes(), b"=edge", b"t").is_ok(), "{chunk}");
        ctx.call(0, Some(1))?;
        text = match ctx.kind(-1) {
            Kind::Int => format!("int {}", ctx.to_int(-1).unwrap_or(0)),
            Kind::Float => format!("float {:016x}", ctx.to_float(-1).unwrap_or(0.0).to_bits()),
            Kind::Bool => format!("{}", ctx.to_bool(-1)),
            Kind::Str => format!("string {}", String::from_utf8_lossy(ctx.bytes(-1).unwrap_or(b""))),
            other => other.name().to_string(),
        };
        ctx.set_top(0);
        Ok(())
    });
    if outcome.is_err() {
        text = format!("error {}", vm.error_text());
        let cleared = vm.with(|ctx| {
            ctx.set_top(0);
            Ok(())
        });
        assert!(cleared.is_ok());
    }
    text
}

/// The quiet NaN that an operation makes has a sign that no program can see but by its bits.
fn without_sign_of_nan(text: String) -> String {
    if text == "float fff8000000000000" { "float 7ff8000000000000".into() } else { text }
}

#[track_caller]
fn same(chunks: impl Iterator<Item = String>) -> usize {
    let mut compiled = Vm::new(Options::default());
    compiled.set_tier(Box::new(Baseline::new()), Eagerness::Eager);
    same_in(compiled, chunks)
}

/// As [`same`], with functions that are compiled at the second call, and again after a few misses.
#[track_caller]
fn same_when_seen(chunks: impl Iterator<Item = String>) -> usize {
    let mut compiled = Vm::new(Options { torture: Torture::Cycles(1000), ..Options::default() });
    compiled.set_tier(Box::new(Baseline::new()), Eagerness::Early);
    same_in(compiled, chunks)
}

#[track_caller]
fn same_in(mut compiled: Vm, chunks: impl Iterator<Item = String>) -> usize {
    let mut interpreted = Vm::new(Options::default());
    let mut count = 0;
    for chunk in chunks {
        let expected = without_sign_of_nan(result(&mut interpreted, &chunk));
        let actual = without_sign_of_nan(result(&mut compiled, &chunk));
        assert_eq!(actual, expected, "{chunk}");
        count += 1;
    }
    assert!(compiled.tier_counts().compiled >= count as u64, "every chunk was compiled");
    count
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERANDS.iter().flat_map(|a| OPERANDS.iter().map(move |b| (*a, *b)))
}

#[test]
fn operators_on_registers() {
    let chunks = pairs().flat_map(|(a, b)| OPERATORS.iter().map(move |op| format!("local a, b = {a}, {b} return a {op} b")));
    assert_eq!(same(chunks), OPERANDS.len() * OPERANDS.len() * OPERATORS.len());
}

#[test]
fn operators_with_a_constant_on_either_side() {
    let right = pairs().flat_map(|(a, b)| OPERATORS.iter().map(move |op| format!("local a = {a} return a {op} {b}")));
    let left = pairs().flat_map(|(a, b)| OPERATORS.iter().map(move |op| format!("local b = {b} return {a} {op} b")));
    same(right.chain(left));
}

#[test]
fn comparisons_as_values_and_as_conditions() {
    let chunks = pairs().flat_map(|(a, b)| {
        COMPARISONS.iter().flat_map(move |op| {
            [
                format!("local a, b = {a}, {b} return a {op} b"),
                format!("local a, b = {a}, {b} if not (a {op} b) then return 'no' end return 'yes'"),
                format!("local a = {a} if a {op} {b} then return 'yes' end return 'no'"),
                format!("local b = {b} while {a} {op} b do return 'yes' end return 'no'"),
            ]
        })
    });
    same(chunks);
}

#[test]
fn unary_operators() {
    let chunks = OPERANDS
        .iter()
        .flat_map(|a| ["-", "~", "#", "not "].iter().map(move |op| format!("local a = {a} return {op}a")));
    same(chunks);
}

#[test]
fn numeric_loops() {
    let numbers = || OPERANDS.iter().filter(|text| !text.starts_with('{') && !text.contains("function"));
    let chunks = numbers().flat_map(move |first| {
        numbers().flat_map(move |limit| {
            ["", ", 1", ", -1", ", 2", ", 0.5", ", -3000000000", ", 0", ", '1'"].iter().map(move |step| {
                format!("local n, s = 0, 0 for i = {first}, {limit}{step} do n = n + 1 s = i if n > 5 then break end end return s")
            })
        })
    });
    same(chunks);
}

#[test]
fn indices_and_lengths() {
    let tables = ["{}", "{10, 20, 30}", "{x = 1}", "{[1.0] = 5, [2^53] = 6}", "'text'", "nil", "{nil, nil, 3}"];
    let chunks = tables.iter().flat_map(|table| {
        OPERANDS.iter().flat_map(move |key| {
            [
                format!("local t, k = {table}, {key} return t[k]"),
                format!("local t, k = {table}, {key} t[k] = 7 return t[k]"),
                format!("local t, k = {table}, {key} t[k] = nil return #t"),
                format!("local t = {table} t[3] = 'c' t[4] = 'd' return #t"),
                format!("local t = {table} t.x = {key} t.y = t.x return t.y"),
            ]
        })
    });
    same(chunks);
}

/// Operands of a few kinds, by which a function first learns and then is surprised.
const KINDS: &[&str] = &["3", "-7", "0x7fffffffffffffff", "2.5", "-0.0", "(0/0)"];

#[test]
fn operators_after_other_kinds_were_seen() {
    let operators = || OPERATORS.iter().filter(|op| !["&", "|", "~", "<<", ">>"].contains(op));
    let chunks = KINDS.iter().flat_map(move |first| {
        KINDS.iter().flat_map(move |then| {
            operators().map(move |op| {
                format!(
                    "local function f(a, b) if a == 0 or b == 0 then return 0 end return a {op} b, b {op} 3 end
                     local s = ''
                     local function run(a, b)
                       for i = 1, 12 do local p, q = f(a, b) if p == p and q == q then s = s .. p .. ' ' .. q .. ';' end end
                     end
                     run({first}, 5) run({then}, {first}) run(2, {then})
                     return s"
                )
            })
        })
    });
    same_when_seen(chunks);
}

#[test]
fn comparisons_after_other_kinds_were_seen() {
    let chunks = KINDS.iter().flat_map(|first| {
        KINDS.iter().flat_map(move |then| {
            COMPARISONS.iter().map(move |op| {
                format!(
                    "local function f(a, b) if a {op} b then return 1 end if 3 {op} b then return 2 end return 3 end
                     local s = 0
                     for i = 1, 12 do s = s * 3 + f({first}, 5) end
                     for i = 1, 12 do s = s * 3 + f({then}, {first}) end
                     for i = 1, 12 do s = s * 3 + f(2, {then}) end
                     return s"
                )
            })
        })
    });
    assert_eq!(same_when_seen(chunks), KINDS.len() * KINDS.len() * COMPARISONS.len());
}

#[test]
fn fields_and_items_after_other_kinds_were_seen() {
    let values = ["1", "2.5", "'s'", "nil", "true"];
    let chunks = values.iter().flat_map(|first| {
        values.iter().map(move |then| {
            format!(
                "local function f(t, k, v)
                   t.x = v t[k] = v t[#t + 1] = k
                   local n = 0
                   for i = 1, #t do if t[i] == k then n = n + i end end
                   if t.x == v and t[k] == v then n = n + 1000 end
                   return n + #t
                 end
                 local s = ''
                 local function run(v, k, t) for i = 1, 8 do s = s .. f(t, k, v) .. ';' end end
                 run({first}, 2, {{0, 0}}) run({then}, 2, {{0, 0}}) run({first}, 2.0, {{}}) run({then}, 'k', {{1}})
                 return s"
            )
        })
    });
    assert_eq!(same_when_seen(chunks), values.len() * values.len());
}

#[test]
fn variables_that_others_change() {
    let chunks = [
        // By a closure.
        "local x, s = 1, '' local function set(v) x = v end
         for i = 1, 40 do local y = x + 1 s = s .. y if i == 20 then set(2.5) end if i == 30 then set('4') end end return s",
        "local s = 0 for i = 1, 40 do local x = i local f = function() x = x + 0.5 end f() f() s = s + x end return s",
        // In a loop, with what stays in homes.
        "local a, b, t = 0, 0.5, {} for i = 1, 200 do a = a + i b = b * 1.01 if i % 50 == 0 then t[#t + 1] = a t[#t + 1] = b end end
         return a + b + #t",
        "local n, x = 0, 1.5 while n < 100 do n = n + 1 if n == 60 then x = 2 end x = x + n end return x",
        "local s = '' for i = 3, 1, -1 do for j = i, 6, 2 do i = i + 0.5 s = s .. j .. ' ' .. i .. ';' end end return s",
        // Fields of tables of several shapes, with what is loaded into homes on the way.
        "local function g() local a, b = 0, 1 for j = 1, 3 do a = a + j b = b + a end return a + b end
         local s, objects = 0, { { x = 1 }, { y = 1, x = 2 }, { z = 0, w = 1, x = 3 } }
         for i = 1, 600 do local o, n, m = objects[i % 3 + 1], i * 2, i * 3 g() o.x = n s = s + n + m + o.x end return s",
        "local function f(n) if n < 2 then return n end return f(n - 1) + f(n - 2) end local a = f(15) local b = f(15.0) return a + b",
    ];
    assert_eq!(same_when_seen(chunks.iter().map(|chunk| chunk.to_string())), chunks.len());
}
