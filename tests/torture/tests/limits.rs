//! Limits and stops: they end everything, in every mode, and leave a machine that works.

use perilune_torture::machine::{Machine, Tier};
use perilune_vm::{OnLimit, Stop};
use std::time::Duration;

/// Programs that never end and do not want to be ended; `seen` counts what ran after the limit.
const STUBBORN: &[&str] = &[
    "while true do end",
    "repeat local ok = pcall(function() while true do end end) seen = true until false",
    "while true do xpcall(function() while true do end end, function() seen = true end) seen = true end",
    "local co = coroutine.create(function() while true do end end) coroutine.resume(co) seen = true while true do end",
    "local co = coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() seen = true end }) while true do end end)
     local y <close> = setmetatable({}, { __close = function() seen = true end })
     pcall(co) seen = true while true do end",
    "local function nest(n) local v <close> = setmetatable({}, { __close = function() seen = true end })
       if n == 0 then while true do end end pcall(coroutine.wrap(function() nest(n - 1) end)) seen = true end
     nest(20) seen = true",
    "setmetatable({}, { __gc = function() while true do end end }) collectgarbage() seen = true while true do end",
    "local t = setmetatable({}, { __index = function() while true do end end }) pcall(function() return t.x end) seen = true while true do end",
    "pcall(string.gsub, ('a'):rep(99), 'a', function() while true do end end) seen = true while true do end",
    "pcall(table.sort, { 3, 2, 1 }, function() while true do end end) seen = true while true do end",
    "pcall(string.rep, 'x', -1) while true do pcall(pcall, pcall, string.find, ('a'):rep(40000), ('.-'):rep(90) .. 'b') end",
    "coroutine.wrap(function() debug.sethook(function() while true do end end, 'l') local x = 1\n x = 2\n seen = true end)() seen = true",
    "local t = {} for i = 1, 300 do t[i] = i end while true do table.sort(t, function(a, b) return a > b end) end",
    "load(function() while true do end end) seen = true while true do end",
    "local function f() return f() end f()",
    "goto top ::top:: goto top",
    "for i = 1, math.huge do end",
    "while true do local s = tostring(setmetatable({}, { __tostring = function() while true do end end })) end",
];

fn each(check: impl Fn(&mut Machine, &str, Tier)) {
    for tier in Tier::ALL {
        for program in STUBBORN {
            check(&mut Machine::new(tier), program, tier);
        }
    }
}

#[track_caller]
fn assert_unseen(machine: &mut Machine, program: &str) {
    assert_eq!(machine.run(b"return tostring(seen)").as_deref(), Ok("nil"), "{program}");
    machine.probe();
}

#[test]
fn a_stop_by_instructions_is_not_seen() {
    each(|machine, program, tier| {
        machine.vm().set_instruction_limit(Some(200_000), OnLimit::Stop);
        let message = machine.run(program.as_bytes()).expect_err("it never ends");
        assert_eq!(machine.vm().stopped(), Some(Stop::Instructions), "{tier:?} {program}");
        assert!(message.ends_with("instruction limit exceeded"), "{message}");
        assert_eq!(machine.vm().instructions_left(), Some(0));
        machine.vm().set_instruction_limit(None, OnLimit::Stop);
        assert_unseen(machine, program);
    });
}

#[test]
fn a_stop_by_deadline_is_not_seen() {
    each(|machine, program, tier| {
        machine.vm().set_time_limit(Duration::from_millis(5), OnLimit::Stop).expect("a thread");
        let message = machine.run(program.as_bytes()).expect_err("it never ends");
        assert_eq!(machine.vm().stopped(), Some(Stop::Deadline), "{tier:?} {program}");
        assert!(message.ends_with("deadline exceeded"), "{message}");
        machine.vm().set_deadline(None, OnLimit::Stop).expect("no thread is needed");
        assert_unseen(machine, program);
    });
}

#[test]
fn another_thread_stops_a_machine() {
    each(|machine, program, _| {
        let handle = machine.vm().stop_handle();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(2));
            handle.stop();
        });
        assert!(machine.run(program.as_bytes()).is_err());
        stopper.join().expect("it only stops");
        assert_eq!(machine.vm().stopped(), Some(Stop::Host), "{program}");
        assert_unseen(machine, program);
    });
}

#[test]
fn a_stop_for_memory_is_not_seen() {
    let programs = [
        "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1000) .. #t end) end",
        "local s = 'x' while true do pcall(function() s = s .. s end) end",
        "local ok = pcall(string.rep, 'x', 1 << 30) seen = true",
        "local s = {} local co = coroutine.wrap(function() for i = 1, math.huge do s[i] = { i } end end) pcall(co) seen = true",
        "local v <close> = setmetatable({}, { __close = function() seen = true end }) local t = {} for i = 1, math.huge do t[i] = {} end",
        "local t = {} for i = 1, math.huge do t[i] = load('return ' .. i) end",
        "local function f(...) return f(1, ...) end pcall(f) seen = true",
    ];
    for tier in Tier::ALL {
        for program in &programs[..6] {
            let mut machine = Machine::new(tier);
            machine.vm().set_memory_limit(8 << 20, OnLimit::Stop);
            assert!(machine.run(program.as_bytes()).is_err());
            assert_eq!(machine.vm().stopped(), Some(Stop::Memory), "{tier:?} {program}");
            machine.vm().set_memory_limit(usize::MAX, OnLimit::Stop);
            assert_unseen(&mut machine, program);
        }
    }
}

#[test]
fn a_limit_as_an_error_is_seen_but_not_evaded() {
    for tier in Tier::ALL {
        let mut machine = Machine::new(tier);
        machine.vm().set_instruction_limit(Some(100_000), OnLimit::Error);
        let message = machine.run(b"while true do pcall(function() while true do end end) end").expect_err("a limit");
        assert_eq!(message, "torture:1: instruction limit exceeded");
        assert_eq!(machine.vm().stopped(), None);
        machine.vm().set_instruction_limit(None, OnLimit::Error);
        machine.probe();
        machine.vm().set_time_limit(Duration::from_millis(5), OnLimit::Error).expect("a thread");
        let message = machine.run(b"while true do pcall(function() while true do end end) end").expect_err("a limit");
        assert_eq!(message, "torture:1: deadline exceeded");
        machine.vm().set_deadline(None, OnLimit::Error).expect("no thread is needed");
        machine.probe();
    }
}

/// The same limit ends the same program at the same place, whatever is compiled.
#[test]
fn instructions_are_counted_alike_in_all_modes() {
    let program = "
        count = 0
        local t, parts = {}, {}
        for i = 1, 50 do t[i] = 0 end
        local co = coroutine.wrap(function() while true do coroutine.yield(#parts) end end)
        local object = setmetatable({}, { __index = function(_, k) return k end, __call = function(_, a) return a end })
        while true do
          count = count + 1
          t[count % 50 + 1] = object[count] + co() + object(1)
          if count % 10 == 0 then table.sort(t, function(a, b) return a < b end) end
          parts[#parts + 1] = ('%d'):format(count):gsub('%d', { ['1'] = 'one' })
          if count % 100 == 0 then parts = { table.concat(parts):sub(1, 1000):rep(100):reverse():find('z', 1, true) } end
        end";
    for limit in [0, 1, 2, 17, 1000, 12_345, 300_000, 1_000_003] {
        let mut counts = Vec::new();
        for tier in [Tier::Off, Tier::Off, Tier::Hot, Tier::Eager] {
            let mut machine = Machine::new(tier);
            machine.vm().set_instruction_limit(Some(limit), OnLimit::Stop);
            assert!(machine.run(program.as_bytes()).is_err());
            assert_eq!(machine.vm().stopped(), Some(Stop::Instructions));
            machine.vm().set_instruction_limit(None, OnLimit::Stop);
            counts.push(machine.run(b"return tostring(count)").expect("it runs"));
        }
        counts.dedup();
        assert_eq!(counts.len(), 1, "limit {limit}: {counts:?}");
    }
}

#[test]
fn exactly_as_many_instructions_run_as_the_limit_says() {
    let mut machine = Machine::new(Tier::Off);
    machine.vm().set_instruction_limit(Some(1_000_000), OnLimit::Stop);
    machine.run(b"local x = 1 x = x + 1 return x").expect("it ends");
    let used = 1_000_000 - machine.vm().instructions_left().expect("a limit");
    machine.vm().set_instruction_limit(Some(used), OnLimit::Stop);
    assert_eq!(machine.run(b"local x = 1 x = x + 1 return x").as_deref(), Ok("2"));
    machine.vm().set_instruction_limit(Some(used - 1), OnLimit::Stop);
    assert!(machine.run(b"local x = 1 x = x + 1 return x").is_err());
    assert_eq!(machine.vm().stopped(), Some(Stop::Instructions));
}

#[test]
fn a_deadline_that_passed_holds_until_another_one_is_set() {
    let mut machine = Machine::new(Tier::Hot);
    machine.vm().set_time_limit(Duration::ZERO, OnLimit::Stop).expect("a thread");
    for _ in 0..3 {
        assert!(machine.run(b"while true do end").is_err());
        assert_eq!(machine.vm().stopped(), Some(Stop::Deadline));
    }
    machine.vm().set_time_limit(Duration::from_secs(3600), OnLimit::Stop).expect("a thread");
    machine.probe();
    assert_eq!(machine.vm().stopped(), None);
}

#[test]
fn a_stop_can_be_withdrawn() {
    let mut machine = Machine::new(Tier::Off);
    let handle = machine.vm().stop_handle();
    handle.stop();
    assert!(machine.run(b"return 1").is_err());
    assert_eq!(machine.run(b"return 1").as_deref(), Ok("1"), "one stop ends one call");
    handle.stop();
    handle.withdraw();
    assert_eq!(machine.run(b"return 1").as_deref(), Ok("1"));
}

#[test]
fn a_library_function_that_gave_up_has_no_result() {
    let programs = [
        "return string.dump(load('return 1'))",
        "return (('x'):rep(1 << 21)):find('y', 1, true)",
        "return (('x'):rep(1 << 21)):upper()",
        "return utf8.offset(('x'):rep(1 << 21), 1 << 20)",
        "return string.format('%q', ('x'):rep(1 << 21))",
    ];
    for tier in Tier::ALL {
        for program in programs {
            let mut machine = Machine::new(tier);
            let word = machine.vm().interruption();
            // The word that gets the machine's attention comes after this one, perhaps only when all is over.
            word.store(1, std::sync::atomic::Ordering::SeqCst);
            let message = machine.run(program.as_bytes()).expect_err(program);
            assert!(message.ends_with("interrupted!"), "{tier:?} {program}: {message}");
            assert_eq!(machine.run(b"return 1").as_deref(), Ok("1"));
        }
    }
}

#[test]
fn coroutines_that_were_under_way_are_dead() {
    for tier in Tier::ALL {
        let mut machine = Machine::new(tier);
        machine.vm().set_instruction_limit(Some(10_000), OnLimit::Stop);
        let program = b"idle = coroutine.create(function() coroutine.yield() return 'idle' end) coroutine.resume(idle)
            busy = coroutine.create(function() local kept = 7 get = function() return kept end while true do end end) coroutine.resume(busy)";
        assert!(machine.run(program).is_err());
        machine.vm().set_instruction_limit(None, OnLimit::Stop);
        let state = machine.run(b"return coroutine.status(busy) .. select(2, coroutine.resume(busy)) .. select(2, coroutine.resume(idle)) .. get()");
        assert_eq!(state.as_deref(), Ok("deadcannot resume dead coroutineidle7"));
        machine.probe();
    }
}
