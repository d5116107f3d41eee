//! Functions that get used to something before something else comes: what compiled code was made for no longer fits.

use super::Generator;

/// Rounds until a function is compiled for what it has seen.
const ROUNDS: &str = "60";
/// What a function gets used to, as the arguments of its calls in round `i`.
const USUAL: &[&str] = &["i, 3", "i + 0.5, 3.5", "i, 2.25", "i / 4, i", "-i, -3", "i, i + 1", "'a' .. i, 'b'", "i, '3'"];
/// What comes then.
const ODD: &[&str] = &[
    "0/0, 1.5", "1.5, 0/0", "0/0, 0/0", "1, 2.5", "2.5, 1", "'10', 2", "2, '10'", "1, nil", "nil", "{}, 1", "rich({}, 'h'), 2",
    "2, rich({}, 'h')", "math.maxinteger, 1", "math.mininteger, -1", "-0.0, 0.0", "math.huge, -math.huge", "7, 64", "7, -65", "1e300, 1e300",
    "'a', 'b'", "'b', 'a'", "5, 0.25", "-7.5, 2", "-7, 2", "3",
];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "<", "<=", ">", ">=", "==", "~="];
const CONSTANTS: &[&str] = &["3", "-2", "0.5", "64", "'x'", "-1.5", "200", "1"];
/// What is done to a metatable, its `__index` and the object between two looks at a field.
const CHANGES: &[&str] = &[
    "setmetatable(o, nil)", "m.__index = nil", "m.__index = {x = 'new', y = 5}", "m.__index = function(t, k) return k .. '!' end",
    "c.x = 'class'", "c.x = nil", "c.y = nil", "o.x = nil", "o.x = 'own'", "o.z = 1", "rawset(o, 'y', 'raw')", "c = {x = 1}",
    "setmetatable(c, {__index = {x = 'far', y = 'far'}})", "m.__newindex = function(t, k, v) rawset(t, k, {v}) end",
    "m.__newindex = c", "for k = 1, 20 do o['k' .. k] = k end", "o = setmetatable({y = 0, x = 1}, m)", "o = 'text'", "o = setmetatable({}, m)",
];

impl Generator {
    /// One of the forms of this file.
    pub(super) fn habit(&mut self) {
        self.line("burn()");
        match self.random.below(4) {
            0 => self.numbers_of_a_kind(),
            1 => self.arguments_that_are_missing(),
            2 => self.fields_that_move(),
            _ => self.young_in_old(),
        }
    }

    fn numbers_of_a_kind(&mut self) {
        let name = self.fresh();
        let mut operator = || *self.random.pick(OPERATORS);
        let (first, second, third) = (operator(), operator(), operator());
        let constant = *self.random.pick(CONSTANTS);
        // Not a difference: the reference adds the negative constant.
        let third = if third == "-" { "+" } else { third };
        let compare = *self.random.pick(&["<", "<=", ">", ">=", "==", "~="]);
        let usual = *self.random.pick(USUAL);
        self.line(&format!("local function {name}(a, b)"));
        self.line(&format!("  local n = 0 if a {compare} b then n = n + 1 end if not (b {compare} a) then n = n + 2 end"));
        if self.random.one_in(3) {
            self.line("  for j = a, b do n = n + 4 if n > 20 then break end end");
        }
        self.line(&format!("  return n, plain(a {first} b), plain(b {second} a), plain(a {third} {constant})"));
        self.line("end");
        self.line(&format!("for i = 1, {ROUNDS} do pcall({name}, {usual}) end"));
        for _ in 0..3 {
            let odd = *self.random.pick(ODD);
            self.line(&format!("show(pcall({name}, {odd}))"));
        }
    }

    fn arguments_that_are_missing(&mut self) {
        let (name, caller, dirty) = (self.fresh(), self.fresh(), self.fresh());
        let given = ["", "i", "i, 2", "i, 2, 3", "i, nil, 3", "i, 2, 3, 4, 5"];
        let (usual, odd) = (*self.random.pick(&given), *self.random.pick(&given));
        let tail = *self.random.pick(&["return", "local a, b, c, d ="]);
        let after = if tail == "return" { "" } else { " return a, b, c, d" };
        let (dots, extra) = if self.random.one_in(3) { (", ...", ", ...") } else { ("", "") };
        self.line(&format!("local function {name}(a, b, c, d{dots}) return a, b, c, d{extra} end"));
        self.line(&format!("local function {dirty}() local p, q, r, s, t, u, v, w = 1, 2, 3, 4, 5, 6, 7, 8 return w end"));
        self.line(&format!("local function {caller}(i, odd)"));
        self.line(&format!("  local x = {dirty}()"));
        self.line(&format!("  if odd then {tail} {name}({odd}){after} end"));
        self.line(&format!("  {tail} {name}({usual}){after}"));
        self.line("end");
        self.line(&format!("for i = 1, {ROUNDS} do {caller}(i) end show({caller}(1)) show({caller}(1, true))"));
    }

    fn fields_that_move(&mut self) {
        let (get, set, o) = (self.fresh(), self.fresh(), self.fresh());
        let key = *self.random.pick(&["x", "y", "z"]);
        let initial = *self.random.pick(&["{}", "{x = 1}", "{y = 1}", "{x = 1, y = 2}", "{y = 2, z = 3, x = 1}"]);
        let class = *self.random.pick(&["{}", "{x = 'class'}", "{y = 3}", "setmetatable({}, {__index = {x = 'base'}})"]);
        self.line(&format!("local {get} = function(o) return o.{key} end"));
        self.line(&format!("local {set} = function(o, v) o.{key} = v end"));
        self.line(&format!("local {o} = (function()"));
        self.line(&format!("  local c = {class} local m = {{__index = c}} local o = setmetatable({initial}, m)"));
        self.line(&format!("  for i = 1, {ROUNDS} do {get}(o) end"));
        if self.random.one_in(2) {
            self.line(&format!("  for i = 1, {ROUNDS} do {set}(o, i) end"));
        }
        for _ in 0..3 {
            let change = *self.random.pick(CHANGES);
            self.line(&format!("  show(pcall(function() {change} end)) show(pcall({get}, o))"));
            if self.random.one_in(2) {
                self.line(&format!("  show(pcall({set}, o, 'set')) show(pcall({get}, o))"));
            }
        }
        self.line("  return type(o) == 'table' and rawget(o, 'x') or nil");
        self.line(&format!("end)() show(type({o}))"));
    }

    /// What is young, or not yet marked, is put into what is old, or has been.
    fn young_in_old(&mut self) {
        let (place, put) = (self.fresh(), self.fresh());
        let (store, read) = *self.random.pick(&[
            ("box.x = v", "box.x[1]"),
            ("box[1] = v", "box[1][1]"),
            ("box[#box + 1] = v", "box[#box][1]"),
            ("box[k] = v", "box[k][1]"),
            ("held = v", "held[1]"),
            ("setmetatable(box, v)", "getmetatable(box)[1]"),
            ("table.insert(box, v)", "box[#box][1]"),
            ("box.x.y = v", "box.x.y[1]"),
            ("rawset(box, 'y', v)", "box.y[1]"),
        ]);
        let mode = *self.random.pick(&["generational", "incremental"]);
        self.line(&format!("local {place} = (function()"));
        // A value of a kind that is known where it is stored, or not.
        let value = *self.random.pick(&["local v = {...}", "local v = (...) and {...}", "local v = ... v = {v}"]);
        self.line(&format!("  local box, k, {put}, get = {{x = {{}}, a = 1}}, 'key'"));
        // The block closes its variable.
        self.line("  do");
        self.line("    local held = {0}");
        self.line(&format!("    {put} = function(...) {value} {store} end"));
        self.line(&format!("    get = function() return {read} end"));
        self.line("  end");
        self.line(&format!("  collectgarbage('{mode}') collectgarbage() collectgarbage()"));
        self.line(&format!("  for i = 1, {ROUNDS} do {put}('p' .. i) if i % 7 == 0 then collectgarbage('step') end end"));
        self.line(&format!("  {put}('q' .. k) collectgarbage('step') local junk = {{}} for i = 1, 20 do junk[i] = {{'r' .. i}} end"));
        self.line("  collectgarbage('step') local last = get() collectgarbage('incremental')");
        self.line("  return last");
        self.line(&format!("end)() show({place})"));
    }
}
