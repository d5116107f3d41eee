//! Machine code counts how often it runs, when it is asked to.

use perilune_jit::Baseline;
use perilune_vm::inspect::{FunctionFeedback, Stage};
use perilune_vm::tier::Eagerness;
use perilune_vm::{Options, Vm};

const CHUNK: &str = "
    local function plain(n) for i = 1, n do end return n end
    local function extra(...) local t = { ... } for i, v in ipairs(t) do end return #t end
    local function again(n) while n > 0 do n = n - 1 end end
    local function tail(n) return plain(n) end
    local class = setmetatable({}, { __add = function(a, b) return b end, __index = function(t, k) return k end })
    for round = 1, 100 do
      plain(10)
      extra(1, 2, 3)
      again(5)
      tail(2)
      pcall(plain, 1)
      local sum = class + 1
      sum = class[round]
      coroutine.wrap(again)(2)
      table.sort({ 2, 1 }, function(a, b) return a < b end)
    end
";

/// What is known of the function that begins in a line of the chunk, 0 for all of it.
fn at(vm: &Vm, line: u32) -> FunctionFeedback {
    vm.feedback(b"=chunk").into_iter().find(|it| it.line == line).expect("a function")
}

fn rounds(of: &FunctionFeedback) -> Vec<u64> {
    of.sites.iter().filter_map(|site| site.rounds).collect()
}

fn run(vm: &mut Vm) {
    let outcome = vm.with(|ctx| {
        ctx.push_copy(1);
        ctx.call(0, Some(0))
    });
    assert!(outcome.is_ok(), "{}", vm.error_text());
}

#[test]
fn calls_and_rounds_are_counted() {
    let mut vm = Vm::new(Options::default());
    vm.set_tier(Box::new(Baseline::new()), Eagerness::Eager);
    let outcome = vm.with(|ctx| {
        perilune_stdlib::open(ctx)?;
        assert!(ctx.load(CHUNK.as_bytes(), b"=chunk", b"t").is_ok());
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", vm.error_text());
    run(&mut vm);
    assert_eq!((at(&vm, 2).calls, rounds(&at(&vm, 2))), (None, vec![]), "nothing is counted unasked");
    vm.count_runs(true);
    for times in 1..=2 {
        run(&mut vm);
        let expected = [(0, 1, vec![99]), (2, 300, vec![1000]), (3, 100, vec![300]), (4, 200, vec![700]), (5, 100, vec![])];
        for (line, calls, jumps) in expected {
            let found = at(&vm, line);
            assert!(matches!(found.stage, Stage::Compiled(_)), "{found:?}");
            let wanted = jumps.iter().map(|count| count * times).collect::<Vec<_>>();
            assert_eq!((found.calls, rounds(&found)), (Some(calls * times), wanted), "line {line}, {times} times");
        }
        let of_metamethods = vm.feedback(b"=chunk").into_iter().filter(|it| it.line == 6).map(|it| it.calls);
        assert_eq!(of_metamethods.collect::<Vec<_>>(), [Some(100 * times), Some(100 * times)]);
        assert_eq!(at(&vm, 16).calls, Some(100 * times), "one comparison");
    }
    vm.count_runs(false);
    run(&mut vm);
    assert_eq!((at(&vm, 2).calls, rounds(&at(&vm, 2))), (None, vec![]));
    vm.verify().expect("a sound heap");
}
