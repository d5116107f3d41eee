//! The interface for hosts, used as nobody should: errors and panics, but nothing worse.

use perilune_torture::machine::{Machine, Tier};
use perilune_vm::{Ctx, Error, Kind, NativeFn, Next, OnLimit, Options, Stop, StopHandle, Vm};
use std::panic::{AssertUnwindSafe, catch_unwind};

const fn is_send<T: Send>() {}
const fn is_shared<T: Send + Sync>() {}
const _: () = {
    is_send::<Vm>();
    is_shared::<StopHandle>();
};

fn set(machine: &mut Machine, name: &str, function: NativeFn) {
    let done = machine.vm().with(|ctx| {
        ctx.push_globals();
        ctx.push_native("test", function, 0)?;
        ctx.raw_set_field(-2, name.as_bytes())?;
        ctx.set_top(0);
        Ok(())
    });
    assert!(done.is_ok());
}

#[test]
fn a_machine_moves_between_threads_with_its_code() {
    for tier in Tier::ALL {
        let mut machine = Machine::new(tier);
        for round in 0..6 {
            machine = std::thread::spawn(move || {
                let program = "total = (total or 0) local function f(n) return n < 2 and n or f(n - 1) + f(n - 2) end
                    total = total + f(15) co = co or coroutine.wrap(function() while true do coroutine.yield(f(5)) end end)
                    file = file or io.tmpfile() file:write('x') return total + co()";
                assert_eq!(machine.run(program.as_bytes()), Ok((610 * (round + 1) + 5).to_string()));
                machine.probe();
                machine
            })
            .join()
            .expect("it runs");
        }
        assert_eq!(machine.run(b"file:seek('set') return file:read('a')").as_deref(), Ok("xxxxxx"));
    }
}

/// What a native may return that its window does not hold.
const LIARS: &[NativeFn] = &[
    |_, _| Ok(Next::Return(1)),
    |_, _| Ok(Next::Return(u32::MAX)),
    |ctx, _| {
        ctx.set_top(0);
        Ok(Next::Return(1000))
    },
    |_, state| if state == 0 { Ok(Next::Call { args: 0, results: None, state: 1 }) } else { Ok(Next::Return(50)) },
    |ctx, _| {
        ctx.set_top(0);
        Ok(Next::Call { args: 0, results: None, state: 1 })
    },
    |_, _| Ok(Next::Call { args: u32::MAX, results: Some(1), state: u32::MAX }),
    |ctx, _| {
        ctx.push_globals();
        ctx.raw_get_field(-1, b"print");
        Ok(Next::Call { args: 0, results: Some(300), state: 1 })
    },
    |ctx, state| {
        if state != 0 {
            return Ok(Next::Return(3));
        }
        ctx.push_globals();
        ctx.raw_get_field(-1, b"type");
        ctx.push_nil();
        Ok(Next::Call { args: 1, results: Some(254), state: u32::MAX - 1 })
    },
    |_, _| Ok(Next::TailCall { args: 7 }),
    |_, _| Ok(Next::TailCall { args: u32::MAX }),
    |ctx, _| {
        ctx.pop(usize::MAX);
        ctx.pop(1);
        Ok(Next::Return(2))
    },
    |ctx, _| {
        ctx.set_upvalue(1);
        ctx.upvalue(99);
        ctx.upvalue(0);
        Ok(Next::Return(2))
    },
    |ctx, _| {
        ctx.insert(i32::MIN);
        ctx.remove(i32::MAX);
        ctx.replace(0);
        ctx.push_copy(i32::MIN);
        Ok(Next::Return(1))
    },
    |ctx, _| {
        let _ = ctx.check_stack(usize::MAX);
        Ok(Next::Return(0))
    },
    |ctx, _| {
        ctx.push_native("n", |_, _| Ok(Next::Return(0)), 1 << 40)?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.new_table(0, 0)?;
        ctx.array_swap(-1, 0, u64::MAX);
        ctx.set_items(-1, 1 << 40)?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.call(5, None)?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.call(u32::MAX, Some(u32::MAX))?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.push_globals();
        ctx.raw_get_int(-1, i64::MIN);
        ctx.raw_set_int(-2, i64::MIN)?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.set_user_value(1, 1);
        ctx.user_value(1, 1);
        ctx.drop_host(1);
        ctx.set_function_upvalue(1, 1)?;
        Ok(Next::Return(1))
    },
    |ctx, _| {
        ctx.push_int(1);
        ctx.set_metatable(-1);
        ctx.set_metatable(7);
        Ok(Next::Return(0))
    },
];

#[test]
fn natives_that_count_wrong_break_nothing() {
    for tier in Tier::ALL {
        for (at, liar) in LIARS.iter().enumerate() {
            let mut machine = Machine::new(tier);
            set(&mut machine, "lie", *liar);
            let program = "local a, b, c = 1, 'two', {}
                for i = 1, 200 do pcall(lie) local x, y = lie() lie(a, b, c) coroutine.wrap(function() pcall(lie, 1) lie() end)() end
                return (select('#', lie()))";
            let _ = machine.run(program.as_bytes());
            let _ = machine.run(b"local t = setmetatable({}, { __index = lie, __add = lie, __close = lie, __gc = lie }) local x = t.x local y <close> = t return t + 1");
            let kept = machine.run(b"local a, b = 1, 'two' pcall(lie) return a .. b");
            assert_eq!(kept.as_deref(), Ok("1two"), "native {at}");
            machine.probe();
        }
    }
}

#[test]
fn a_window_without_end_is_refused() {
    let mut machine = Machine::new(Tier::Eager);
    set(&mut machine, "grow", |ctx, _| {
        assert!(!ctx.check_stack(1_000_000));
        ctx.set_top(usize::MAX);
        ctx.push_nil();
        Ok(Next::Return(5))
    });
    for _ in 0..3 {
        let _ = machine.run(b"for i = 1, 3 do pcall(grow) coroutine.wrap(pcall)(grow) end");
        machine.probe();
    }
}

#[test]
fn tables_that_are_none_are_a_panic_that_comes_through() {
    let wrong: &[NativeFn] = &[
        |ctx, _| {
            ctx.push_int(1);
            ctx.raw_get_int(-1, 1);
            Ok(Next::Return(1))
        },
        |ctx, _| {
            ctx.raw_set(5)?;
            Ok(Next::Return(1))
        },
        |_, _| panic!("on purpose"),
        |ctx, state| {
            if state == 0 {
                ctx.push_copy(1);
                return Ok(Next::Call { args: 0, results: None, state: 1 });
            }
            panic!("in the second round")
        },
    ];
    for tier in Tier::ALL {
        for native in wrong {
            let mut machine = Machine::new(tier);
            set(&mut machine, "fail", *native);
            let program = b"local v <close> = setmetatable({}, { __close = function() seen = true end })
                local function f() for i = 1, 300 do if i == 250 then pcall(coroutine.wrap(function() pcall(fail, math.random) seen = true end)) seen = true end end end
                local function g() f() seen = true end g()";
            let outcome = catch_unwind(AssertUnwindSafe(|| machine.run(program)));
            assert!(outcome.is_err(), "the panic comes through");
            assert_eq!(machine.vm().stopped(), Some(Stop::Panic));
            let cleared = machine.vm().with(|ctx| {
                ctx.set_top(0);
                Ok(())
            });
            assert!(cleared.is_ok());
            assert_eq!(machine.run(b"return tostring(seen)").as_deref(), Ok("nil"));
            machine.probe();
        }
    }
}

/// Calls its argument from the host's side, and goes on whatever comes of it.
fn swallow(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.push_copy(1);
    let outcome = ctx.call(0, Some(0));
    ctx.push_bool(outcome.is_ok());
    Ok(Next::Return(1))
}

#[test]
fn a_native_cannot_swallow_a_stop() {
    for tier in Tier::ALL {
        for program in [
            "swallow(function() while true do end end) seen = true",
            "swallow(function() swallow(function() while true do end end) seen = true end) seen = true while true do end",
            "pcall(swallow, coroutine.wrap(function() swallow(function() while true do end end) seen = true end)) seen = true",
            "local function f() local ok = swallow(function() while true do end end) seen = true return ok end for i = 1, 200 do f() end",
        ] {
            let mut machine = Machine::new(tier);
            set(&mut machine, "swallow", swallow);
            machine.vm().set_time_limit(std::time::Duration::from_millis(3), OnLimit::Stop).expect("a thread");
            assert!(machine.run(program.as_bytes()).is_err());
            assert_eq!(machine.vm().stopped(), Some(Stop::Deadline), "{program}");
            machine.vm().set_deadline(None, OnLimit::Stop).expect("no thread");
            assert_eq!(machine.run(b"return tostring(seen)").as_deref(), Ok("nil"), "{program}");
            machine.probe();
        }
    }
}

#[test]
fn pins_of_another_machine_find_no_foreign_value() {
    let (mut one, mut other) = (Vm::new(Options::default()), Vm::new(Options::default()));
    let pins: Vec<_> = (0..5)
        .map(|i| {
            one.with(|ctx| {
                ctx.push_bytes(format!("a long string that is a heap object {i}").as_bytes())?;
                Ok(ctx.pin(-1))
            })
            .expect("a pin")
        })
        .collect();
    let nothing = other.with(|ctx| {
        for pin in &pins {
            ctx.push_pin(pin);
            assert_eq!(ctx.kind(-1), Kind::Nil);
        }
        Ok(())
    });
    assert!(nothing.is_ok());
    // Nor does it let go of a value of its own.
    let own: Vec<_> = (0..5).map(|_| other.with(|ctx| { ctx.push_globals(); Ok(ctx.pin(-1)) }).expect("a pin")).collect();
    pins.into_iter().for_each(|pin| other.unpin(pin));
    let kept = other.with(|ctx| {
        for pin in &own {
            ctx.push_pin(pin);
            assert_eq!(ctx.kind(-1), Kind::Table);
        }
        Ok(())
    });
    assert!(kept.is_ok());
    assert!(other.verify().is_ok() && one.verify().is_ok());
}

#[test]
fn a_closed_machine_is_still_sound() {
    for tier in Tier::ALL {
        let mut machine = Machine::new(tier);
        assert!(machine.run(b"t = setmetatable({}, { __gc = function() t = 1 end }) f = io.tmpfile()").is_ok());
        machine.vm().close();
        let _ = machine.run(b"local t = {} for i = 1, 100 do t[i] = { i } end return f:write('x') and #t");
        machine.vm().close();
        machine.verify();
    }
}
