//! Programs that are stopped by a deadline at a random moment.

use crate::machine::{Machine, Tier};
use crate::random::Random;
use perilune_vm::{OnLimit, Stop};
use std::time::{Duration, Instant};

/// Made before time is counted.
const SETUP: &str = "
    mega = ('abcdefgh'):rep(1 << 17) big = mega:rep(16)
    as = ('a'):rep(1 << 16) lines = ('some words on a line\\n'):rep(50000)
    numbers, strings, packed = {}, {}, {}
    for i = 1, 300000 do numbers[i] = (i * 7919) % 300007 end
    for i = 1, 60000 do strings[i] = 's' .. (i * 7919) % 60013 end
    source = {} for i = 1, 20000 do source[i] = 'local x' .. ' = { a = ' .. i .. ', b = \"text\" .. ' .. i .. ' } f(x)' end
    source = 'do ' .. table.concat(source, ' end\\ndo ') .. ' end'
    large = load(source) binary = string.dump(large) object = setmetatable({}, { __index = function(_, k) return k end, __len = function() return 1 << 40 end })
    format = ('%d %s '):rep(60) digits = ('1234567890'):rep(100000)";

/// Bodies of endless loops.
pub const WORKLOADS: &[(&str, &str)] = &[
    ("empty loop", ""),
    ("arithmetic", "x = (x or 0) * 3 + 1"),
    ("float arithmetic", "local y = 1.5 for i = 1, 100 do y = y * 1.01 % 7 end"),
    ("calls", "local function f(a) return a end for i = 1, 100 do f(i) end"),
    ("recursion", "local function f(n) return n < 2 and n or f(n - 1) + f(n - 2) end f(20)"),
    ("closures", "local t = {} for i = 1, 100 do t[i] = function() return t end end"),
    ("tables", "local t = {} for i = 1, 100 do t[i] = { i } end"),
    ("fields", "local t = {} for i = 1, 50 do t['f' .. i] = i end"),
    ("strings", "local s = '' for i = 1, 100 do s = s .. i end"),
    (
        "coroutines",
        "local co = coroutine.wrap(function() for i = 1, 50 do coroutine.yield(i) end end) for i = 1, 50 do co() end",
    ),
    ("new coroutines", "coroutine.wrap(function() end)()"),
    ("errors", "pcall(error, {})"),
    (
        "nested errors",
        "pcall(function() local x <close> = setmetatable({}, { __close = function() error('x') end }) error('y') end)",
    ),
    ("handlers", "xpcall(error, debug.traceback, 'x')"),
    ("stack overflow", "pcall(function() local function f() return 1 + f() end f() end)"),
    ("metamethods", "for i = 1, 100 do local x = object[i] end"),
    ("finalizers", "setmetatable({}, { __gc = function() local t = {} end })"),
    ("weak tables", "local t = setmetatable({}, { __mode = 'k' }) for i = 1, 100 do t[{}] = {} end"),
    ("goto", "do local i = 0 ::top:: i = i + 1 if i < 100 then goto top end end"),
    ("small collection", "collectgarbage('step')"),
    ("hook", "coroutine.wrap(function() debug.sethook(function() end, 'l') for i = 1, 100 do end end)()"),
    ("find", "mega:find('hgf')"),
    ("find plain", "big:find('hgfedcba', 1, true)"),
    ("find worst plain", "as:rep(100):find(as .. 'b', 1, true)"),
    ("find worst", "as:find('.-.-.-.-b')"),
    ("find backtracking", "as:find('a*a*a*a*b')"),
    ("find set", "as:find('[' .. ('b-y'):rep(1000) .. ']')"),
    ("find long set", "as:find(('[%d]'):rep(10) .. '[' .. mega:sub(2, 1000) .. ']*$')"),
    ("find balance", "('('):rep(60000):find('%b()x')"),
    ("find frontier", "mega:find('%f[' .. ('0-9'):rep(1000) .. ']')"),
    ("find back reference", "as:find('(a*)b%1')"),
    ("match", "lines:match('^(.-)zzz')"),
    ("gmatch", "for w in lines:gmatch('%a+') do end"),
    ("gsub", "lines:gsub('%a+', '<%0>')"),
    ("gsub table", "lines:gsub('%a+', { some = 'x' })"),
    ("gsub function", "lines:gsub('%a+', function(w) return w end)"),
    ("gsub empty", "big:gsub('', '-')"),
    ("gsub long", "as:gsub('a', as:sub(1, 5000))"),
    ("rep", "local s = ('x'):rep(1 << 22)"),
    ("rep separated", "local s = ('x'):rep(1 << 20, ', ')"),
    ("reverse", "local s = big:reverse()"),
    ("upper", "local s = big:upper():lower()"),
    ("byte and char", "local s = string.char(mega:byte(1, 100000))"),
    ("format", "format:format(table.unpack(numbers, 1, 120))"),
    ("format quoted", "('%q'):format(mega)"),
    ("pack", "string.pack(('i4'):rep(20000), table.unpack(numbers, 1, 20000))"),
    ("unpack", "string.unpack(('i4'):rep(20000), mega)"),
    ("sort numbers", "table.sort(table.move(numbers, 1, #numbers, 1, {}))"),
    ("sort strings", "table.sort(table.move(strings, 1, #strings, 1, {}))"),
    ("sort order", "table.sort(table.move(numbers, 1, 20000, 1, {}), function(a, b) return a > b end)"),
    ("concat", "local s = table.concat(numbers, ', ')"),
    ("insert", "local t = table.move(numbers, 1, 100000, 1, {}) for i = 1, 100 do table.insert(t, 1, i) end"),
    ("remove", "local t = table.move(numbers, 1, 100000, 1, {}) for i = 1, 100 do table.remove(t, 1) end"),
    ("move", "table.move(numbers, 1, #numbers, 1, {})"),
    ("move far", "pcall(table.move, {}, 1, 1 << 60, 1 << 61, {})"),
    ("move meta", "pcall(table.move, object, 1, 1 << 60, 1, object)"),
    ("unpack table", "local n = select('#', table.unpack(numbers, 1, 200000))"),
    ("next", "for k, v in pairs(numbers) do end"),
    ("next by hand", "local k repeat k = next(strings, k) until not k"),
    ("utf8", "utf8.len(big)"),
    ("utf8 offset", "utf8.offset(big, 1 << 23)"),
    ("utf8 codes", "for p, c in utf8.codes(lines) do end"),
    ("tonumber", "tonumber(digits)"),
    ("comparison", "local a, b = big .. 'a', big .. 'b' for i = 1, 10 do local x = a < b end"),
    ("concatenation", "local s = big .. mega"),
    ("tostring", "for i = 1, 100 do tostring(i * 1.5) end"),
    ("load text", "load(source)"),
    ("load binary", "load(binary, 'x', 'b')"),
    ("load pieces", "local i = 0 load(function() i = i + 1 return i < 5000 and 'local x = 1 ' or nil end)"),
    ("dump", "string.dump(load('return 1'))"),
    ("dump of a large function", "string.dump(large)"),
    (
        "io",
        "local f = io.tmpfile() for i = 1, 1000 do f:write(i, '\\n') end f:seek('set') for l in f:lines() do end f:close()",
    ),
    ("io read", "local f = io.tmpfile() f:write(mega) f:seek('set') f:read('a') f:close()"),
    ("date", "os.date('%c')"),
    ("random", "for i = 1, 100 do math.random(i) end"),
    ("full collection", "collectgarbage()"),
];

/// How long it took from the deadline to the stop, of each kill.
#[derive(Default)]
pub struct Times(Vec<(Duration, &'static str)>);

impl Times {
    /// How many kills.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time within which a share of all kills ended, with the workload that took so long.
    pub fn within(&mut self, share: f64) -> (Duration, &'static str) {
        self.0.sort_unstable();
        let at = (self.0.len() as f64 * share) as usize;
        self.0.get(at.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The median of each workload that has one above `limit`, worst first: what other programs on
    /// the same processors do to single kills is left out.
    pub fn slow(&mut self, limit: Duration) -> Vec<(Duration, &'static str)> {
        let mut slow: Vec<(Duration, &'static str)> =
            WORKLOADS.iter().filter_map(|(name, _)| Some((self.median(name)?, *name))).collect();
        slow.retain(|(time, _)| *time > limit);
        slow.sort_unstable_by(|a, b| b.cmp(a));
        slow
    }

    fn median(&self, name: &str) -> Option<Duration> {
        let mut times: Vec<Duration> = self.0.iter().filter(|(_, of)| *of == name).map(|(time, _)| *time).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

/// Kills one workload `rounds` times.
///
/// # Panics
/// When it is not stopped, or the machine does not work afterwards.
pub fn check(name: &'static str, body: &str, tier: Tier, rounds: usize, random: &mut Random, times: &mut Times) {
    let mut machine = Machine::new(tier);
    let made = machine.run(SETUP.as_bytes());
    assert!(made.is_ok(), "{made:?}");
    let program = format!("while true do {body} end");
    for _ in 0..rounds {
        machine.vm().set_memory_limit(1 << 30, OnLimit::Stop);
        let deadline = Instant::now() + Duration::from_micros(500 + random.below(25_000) as u64);
        machine.vm().set_deadline(Some(deadline), OnLimit::Stop).expect("a thread");
        let ended = machine.run(program.as_bytes());
        times.0.push((deadline.elapsed(), name));
        assert_eq!(machine.vm().stopped(), Some(Stop::Deadline), "{name}, {tier:?}: {ended:?}");
        machine.vm().set_deadline(None, OnLimit::Stop).expect("no thread");
    }
    machine.probe();
}
