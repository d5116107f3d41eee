//! A machine with the whole library, and what is asked of it after each blow.

use perilune_jit::Baseline;
use perilune_vm::tier::Eagerness;
use perilune_vm::{Options, Vm};

/// What is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Nothing.
    Off,
    /// What is hot.
    Hot,
    /// Every function at its first call.
    Eager,
}

impl Tier {
    /// All of them.
    pub const ALL: [Tier; 3] = [Tier::Off, Tier::Hot, Tier::Eager];
}

/// A program that uses most of the machine, and fails if anything in it is wrong.
const PROBE: &str = "
    local t, parts = {}, {}
    for i = 1, 60 do t[i] = (i * 37) % 61 parts[#parts + 1] = ('x'):rep(i % 5) .. i end
    table.sort(t)
    for i = 2, 60 do assert(t[i - 1] < t[i]) end
    assert(#table.concat(parts, ',') == 290, #table.concat(parts, ','))
    local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
    assert(co(1) == 2 and co(21) == 42)
    local object = setmetatable({}, { __index = function(_, k) return k .. '!' end, __add = function(_, b) return b end })
    assert(object.name == 'name!' and object + 5 == 5)
    assert(select('#', pcall(error, 'x')) == 2 and not pcall(error))
    assert(('key=value'):match('(%w+)=(%w+)') == 'key' and ('abc'):gsub('%w', '%0%0') == 'aabbcc')
    assert(load('return ...', '=probe')(7) == 7)
    local closed = 0
    do local v <close> = setmetatable({}, { __close = function() closed = closed + 1 end }) end
    assert(closed == 1)
    local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
    assert(fib(12) == 144)
    collectgarbage()
    return 'fine'";

/// A machine under test.
pub struct Machine {
    vm: Vm,
}

impl Machine {
    /// A machine with the library; limits hold from then on.
    ///
    /// # Panics
    /// When there is no memory for the library.
    pub fn new(tier: Tier) -> Machine {
        let mut vm = Vm::new(Options::default());
        assert!(vm.with(perilune_stdlib::open).is_ok(), "the library opens");
        match tier {
            Tier::Off => {}
            Tier::Hot => vm.set_tier(Box::new(Baseline::new()), Eagerness::Hot),
            Tier::Eager => vm.set_tier(Box::new(Baseline::new()), Eagerness::Eager),
        }
        Machine { vm }
    }

    /// The machine itself.
    pub fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }

    /// Runs a chunk, text or binary: its first result as text, or its error.
    ///
    /// # Errors
    /// The message.
    pub fn run(&mut self, source: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        let mut is_chunk = true;
        let result = self.vm.with(|ctx| {
            is_chunk = ctx.load(source, b"=torture", b"bt").is_ok();
            if is_chunk {
                ctx.call(0, Some(1))?;
            }
            text = shown(ctx);
            ctx.set_top(0);
            Ok(())
        });
        if result.is_err() {
            let message = self.vm.with(|ctx| {
                let message = shown(ctx);
                ctx.set_top(0);
                Ok(message)
            });
            return Err(message.unwrap_or_default());
        }
        if is_chunk { Ok(text) } else { Err(text) }
    }

    /// Asserts that the heap is sound and that a program runs as ever.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn probe(&mut self) {
        self.verify();
        assert_eq!(self.run(PROBE.as_bytes()).as_deref(), Ok("fine"), "the probe");
        self.verify();
    }

    /// Asserts that the heap is sound.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn verify(&mut self) {
        if let Err(why) = self.vm.verify() {
            panic!("the heap is unsound: {why}");
        }
    }
}

/// The value on the top, as text.
fn shown(ctx: &mut perilune_vm::Ctx<'_>) -> String {
    match ctx.check_bytes(-1) {
        Ok(text) => String::from_utf8_lossy(text).into_owned(),
        Err(_) => format!("(a {} value)", ctx.kind(-1).name()),
    }
}
