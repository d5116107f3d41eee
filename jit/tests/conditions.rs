//! Conditions of flagged instructions: what both tiers make of them is what the program would make of them.

use perilune_jit::Baseline;
use perilune_vm::inspect::{FlagPlan, Observer, Verdict};
use perilune_vm::tier::Eagerness;
use perilune_vm::{Ctx, Options, Value, Vm};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Each is looked at with every two of [`VALUES`] as `x` and `y`.
const CONDITIONS: &[&str] = &[
    "x", "not x", "x == y", "x ~= y", "x < y", "x <= y", "x > y", "x >= y",
    "x == 3", "3 == x", "x ~= 3", "x < 3", "3 <= x", "x >= -1", "x == 3.0", "x < 2.5", "x > 0.5", "x == 1 << 40", "x < 1 << 40",
    "x == 'ab'", "x ~= 'ab'", "x < 'b'", "x == nil", "x == true", "x == false", "not (x == y)",
    "x and y", "x or y", "not x and y", "x and not y or x == y", "(x or y) == 3", "(x and y) == nil",
    "x + 1 == 4", "x - 1 > 1", "x * 2 < 7", "x % 3 == 0", "x % -3 == 0", "x // 2 == 1", "x / 2 == 1.5", "x ^ 2 > 8", "x & 1 == 1", "x | 1 == 3",
    "x << 1 == 6", "x >> 1 == 1", "~x == -4", "-x < 0", "x + y == 6", "x % y == 0",
    "#x == 2", "#x > #y", "#y == i",
    "x.a", "x.a == 1", "x.a.b", "x.a.b == 2", "x[y]", "x[1] == 5", "x[i]", "x['a'] == y", "x.none == nil", "x.a < 2", "x.deep.er.still",
    "i == 2", "i > 1", "i % 2 == 0", "i < k", "k == 3", "k < 0", "f == 2.5", "f > 3", "f < k", "f <= 2.5", "2.5 >= f", "f == i", "f ~= f", "nan == nan",
    "nan < 1", "nan >= 1", "not (nan > 1)", "s == 'ab'", "s == x", "s < y", "r == i - 1", "r + 1 == i", "nothing", "nothing == nil", "t", "t == x", "t.z == i", "t.z.y",
    "up == 3", "up < x", "up", "up + 0 == up", "text == 'ab'", "text == x", "shared.a == x", "up == shared.a", "up < up",
    "g == 7", "g > x", "g.h", "none", "none == nil", "math.pi > 3", "_ENV.g == 7", "constant == 9", "constant < i",
];

/// The same of conditions that call natives, which the machine does not do for all values.
const CALLS: &[&str] = &[
    "type(x) == 'table'", "type(x) == type(y)", "math.type(x) == 'integer'", "x:len() == 2", "x:sub(1, 1) == 'a'", "math.max(x, y) == x", "rawequal(x, y)",
    "rawlen(x) == 2", "select('#', x, y) == 2", "select(1, (select(2, x, y)))", "getmetatable(x)", "tostring(x) == '3'", "math.floor(x) == 3",
    "(function() return x end)() == 3", "x .. '' == 'ab'", "table.insert(t, x)", "table.remove(t) or #t == 0", "setmetatable({}, x)",
];

const VALUES: &str = "
    local function yes() return true end
    local chain = setmetatable({ a = 1 }, { __index = setmetatable({ deep = { er = { still = true } } }, { __index = { a = { b = 2 } } }) })
    local odd = { __index = function(_, k) return k == 1 and 5 or 1 end, __eq = yes, __lt = yes, __le = yes, __len = function() return 2 end,
      __add = function() return 4 end, __mod = function() return 0 end, __unm = function() return -1 end }
    local values = {
      false, true, 0, 1, 3, -4, math.mininteger, 1 << 40, 3.0, 0.5, -0.0, 1e300, 0 / 0, 'ab', 'b', '3', ('long '):rep(20), {}, { 5, 5 }, { a = 1 }, { a = { b = 2 } }, chain,
      print, setmetatable({}, odd), setmetatable({ a = 1 }, odd),
    }
    return values, #values
";

/// Values, counted from 1, with metamethods: a string that reads as a number, and two tables.
const ODD: [usize; 3] = [16, 24, 25];

/// What the loops compute.
const SUM: f64 = 6.0 * 9.0 + 10.0 + 8.0 * (3.0 + 5.5 + 8.0);

/// The lines of the loops in which conditions are looked at, by function.
const LINES: [(i64, u32); 2] = [(1, 10), (3, 27)];

fn chunk(condition: &str) -> String {
    format!(
        "local up, text, shared = 3, 'ab', {{ a = 1 }}
         g = 7
         local constant <const> = 9
         local function use() return up, text, shared, constant end
         local function flagged(x, y)
           local k, f, nan, s, t, nothing, r, up, text, shared = 3, 2.5, 0 / 0, 'ab', {{ z = 2 }}, nil, 0, up, text, shared
           local a, b, c, d, e = 0, 0, 0, 0.5, 0.0
           local constant <const> = 9
           for i = 1, 3 do
             r = r + 1 a = a + i b = b + k c = c + a d = d + f e = e + d
           end
           return a * b + c + d * e, k, f, nan, s, t, nothing
         end
         local function plain(x, y)
           local k, f, nan, s, t, nothing, r = 3, 2.5, 0 / 0, 'ab', {{ z = 2 }}, nil, 0
           local count, a, b, c, d, e = 0, 0, 0, 0, 0.5, 0.0
           for i = 1, 3 do
             if {condition} then count = count + 1 end
             r = r + 1 a = a + i b = b + k c = c + a d = d + f e = e + d
           end
           return a * b + c + d * e, count
         end
         local function flagged_with_upvalues(x, y)
           local k, f, nan, s, t, nothing, r = 3, 2.5, 0 / 0, 'ab', {{ z = 2 }}, nil, 0
           local a, b, c, d, e = 0, 0, 0, 0.5, 0.0
           for i = 1, 3 do
             r = r + 1 a = a + i b = b + k c = c + a d = d + f e = e + d
           end
           return a * b + c + d * e, k, f, nan, s, t, nothing, up, text, shared, constant, g
         end
         return {{ flagged, plain, flagged_with_upvalues }}, 3"
    )
}

/// Lines of a chunk.
struct Lines(&'static [u8], BTreeSet<u32>);

impl FlagPlan for Lines {
    fn lines(&self, chunk_name: &[u8]) -> Option<&BTreeSet<u32>> {
        (chunk_name == self.0).then_some(&self.1)
    }
}

/// What the machine knew when it asked.
type Log = Rc<RefCell<Vec<Option<bool>>>>;

struct Asked {
    condition: &'static str,
    /// Whether this is the first time.
    is_first: bool,
    log: Log,
}

impl Observer for Asked {
    fn attention(&mut self, _: &mut Vm) -> Verdict {
        Verdict::Go
    }

    fn flagged(&mut self, vm: &mut Vm) -> Verdict {
        vm.rule_out(&[self.condition]);
        if !std::mem::take(&mut self.is_first) {
            self.log.borrow_mut().push(vm.is_ruled_in(0));
        }
        Verdict::Go
    }
}

/// Pushes the list that a text gives; its length.
fn load(ctx: &mut Ctx<'_>, text: &str) -> usize {
    assert!(ctx.load(text.as_bytes(), b"=chunk", b"t").is_ok(), "{text}");
    assert!(ctx.call(0, Some(2)).is_ok());
    let top = ctx.top();
    let Value::Int(length) = ctx.value(top as i32) else { panic!("no length") };
    ctx.set_top(top - 1);
    length as usize
}

/// What a function of the chunk, which is the value below the list, computes and counts; or that it raises an error.
fn call(ctx: &mut Ctx<'_>, function: i64, values: [usize; 2]) -> Option<(f64, i64)> {
    let top = ctx.top();
    ctx.raw_get_int(1, function);
    for value in values {
        ctx.raw_get_int(2, value as i64);
    }
    let result = ctx.call(2, Some(2)).ok().map(|()| match [1, 0].map(|back| ctx.value(ctx.top() as i32 - back)) {
        [Value::Float(sum), Value::Int(count)] => (sum, count),
        other => panic!("{other:?}"),
    });
    ctx.set_top(top);
    result
}

fn check(condition: &'static str, has_calls: bool, tier: bool) {
    let mut vm = Vm::new(Options::default());
    if tier {
        vm.set_tier(Box::new(Baseline::new()), Eagerness::Eager);
    }
    let log = Log::default();
    vm.set_observer(Some(Box::new(Asked { condition, is_first: true, log: log.clone() })));
    let mut n = 0;
    let outcome = vm.with(|ctx| {
        perilune_stdlib::open(ctx)?;
        load(ctx, &chunk(condition));
        n = load(ctx, VALUES);
        Ok(())
    });
    assert!(outcome.is_ok(), "{condition}: {}", vm.error_text());
    for (function, line) in LINES {
        vm.flag(&Lines(b"=chunk", BTreeSet::from([line])));
        let outcome = vm.with(|ctx| {
            // The first to come sees what nobody has ruled out yet.
            call(ctx, function, [1, 1]);
            for pair in (0..n * n).map(|at| [1 + at / n, 1 + at % n]) {
                log.borrow_mut().clear();
                let expected = call(ctx, 2, pair);
                let outcome = call(ctx, function, pair);
                assert_eq!(outcome.map(|it| it.0), Some(SUM), "{condition}, {pair:?}, function {function}, compiled {tier}");
                let answers = log.borrow();
                let context = || format!("{condition}, {pair:?}, function {function}, compiled {tier}: {answers:?}, expected {expected:?}");
                let count = |answer| answers.iter().filter(|it| **it == answer).count() as i64;
                assert_eq!(count(Some(false)), 0, "{}", context());
                match expected {
                    Some(expected) if count(None) == 0 => assert_eq!(count(Some(true)), expected.1, "{}", context()),
                    Some(_) => assert!(has_calls || pair.iter().any(|value| ODD.contains(value)), "{}", context()),
                    None => assert!(count(None) > 0, "{}", context()),
                }
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{condition}: {}", vm.error_text());
    }
    vm.verify().expect("a sound heap");
}

#[test]
fn conditions_hold_when_the_program_says_so() {
    for tier in [false, true] {
        for (conditions, has_calls) in [(CONDITIONS, false), (CALLS, true)] {
            conditions.iter().for_each(|condition| check(condition, has_calls, tier));
        }
    }
}

#[test]
fn a_main_function_that_returns_is_looked_after() {
    for tier in [false, true] {
        let mut vm = Vm::new(Options::default());
        if tier {
            vm.set_tier(Box::new(Baseline::new()), Eagerness::Eager);
        }
        let log = Log::default();
        vm.set_observer(Some(Box::new(Asked { condition: "x == 0", is_first: true, log: log.clone() })));
        let outcome = vm.with(|ctx| {
            assert!(ctx.load(b"local x = ...\nreturn x", b"@main.lua", b"t").is_ok());
            Ok(())
        });
        assert!(outcome.is_ok());
        vm.flag(&Lines(b"@main.lua", BTreeSet::from([2])));
        let outcome = vm.with(|ctx| {
            for _ in 0..4 {
                ctx.push_copy(1);
                ctx.push_int(1);
                ctx.call(1, Some(0))?;
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}", vm.error_text());
        assert_eq!(*log.borrow(), [None; 3], "compiled {tier}");
    }
}
