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
        match self.random.below(10) {
            0 => self.numbers_of_a_kind(),
            1 => self.arguments_that_are_missing(),
            2 => self.fields_that_move(),
            3 => self.calls_of_itself(),
            4 => self.selected_arguments(),
            5 => self.protected_calls(),
            6 => self.variables_to_close(),
            7 => self.library_calls(),
            8 => self.strings_that_differ(),
            _ => self.young_in_old(),
        }
    }

    /// A function `name` that leaves values on the stack.
    fn leaves_values(&mut self, name: &str) {
        self.line(&format!("local function {name}() local p, q, r, s, t, u, v, w = 1, 2, 3, 4, 5, 6, 7, 8 return w end"));
    }

    /// A function that calls itself with too few arguments or too many, above what other calls have left on the stack.
    fn calls_of_itself(&mut self) {
        let (name, dirty) = (self.fresh(), self.fresh());
        let given = ["", "a", "b, a", "nil, c", "a, b, c", "c, a, b, n, n", "a, nil", "{}, a"];
        let (usual, odd) = (*self.random.pick(&given), *self.random.pick(&given));
        let comma = |list: &str| if list.is_empty() { String::new() } else { format!(", {list}") };
        let (usual, odd) = (comma(usual), comma(odd));
        let dots = *self.random.pick(&["", "", ", ..."]);
        let after = *self.random.pick(&[
            "return NAME(n - 1USUAL)",
            "local x, y, z = NAME(n - 1USUAL) return x, y, z, a, b, c",
            "local x = NAME(n - 1USUAL) return x, b",
            "NAME(n - 1USUAL) return c, a",
            "return (NAME(n - 1USUAL))",
            "return n, NAME(n - 1USUAL)",
        ]);
        let after = after.replace("NAME", &name).replace("USUAL", &usual);
        self.leaves_values(&dirty);
        self.line(&format!("local {name}"));
        self.line(&format!("function {name}(n, a, b, c{dots})"));
        self.line(&format!("  local x = {dirty}()"));
        self.line("  if n <= 0 then return a, b, c end");
        self.line(&format!("  if n == 4 then return {name}(n - 1{odd}) end"));
        self.line(&format!("  {after}"));
        self.line("end");
        self.line(&format!("for i = 1, {ROUNDS} do {name}(i % 4, i, 'b') end"));
        self.line(&format!("show({name}(3, 'a', 'b', 'c')) show({name}(6, 'a', 2.5)) show({name}(5))"));
        if self.random.one_in(3) {
            let other = *self.random.pick(&["show", "vary", "select", "nil"]);
            self.line(&format!("local kept = {name} {name} = {other} show(pcall(kept, 2, 'x', 'y')) {name} = kept"));
        }
    }

    /// `select` of extra arguments, in their range and out of it.
    fn selected_arguments(&mut self) {
        let name = self.fresh();
        let body = *self.random.pick(&[
            "return select('#', ...), (select(i, ...))",
            "local n = select('#', ...) local v = select(i, ...) return n, v",
            "local v, w = select(i, ...) return v, w",
            "return (select(i, ...)), select(i, ...)",
            "local n = 0 for j = i, select('#', ...) do n = n + (tonumber((select(j, ...))) or 0.5) end return n",
            "if select('#', ...) > 1 then return (select(2, ...)) end return select(i, ...)",
            "return ...",
            "local a, b = ... return b, a, (...)",
        ]);
        self.line(&format!("local function {name}(i, ...) {body} end"));
        let lists = ["", ", 'x'", ", 1, nil, 3", ", nil", ", 'a', 2.5, {}, true, 5, 6, 7, 8", ", 1, 2"];
        let usual = *self.random.pick(&lists);
        self.line(&format!("for i = 1, {ROUNDS} do pcall({name}, i % 2 + 1{usual}) end"));
        for _ in 0..4 {
            let odd = *self.random.pick(&["0", "-1", "-2", "-9", "1", "2", "3", "4", "9", "2.0", "'2'", "nil", "1.5", "math.maxinteger", "math.mininteger", "{}"]);
            let list = *self.random.pick(&lists);
            self.line(&format!("show(pcall({name}, {odd}{list}))"));
        }
    }

    /// Protected calls of functions that return, until one fails.
    fn protected_calls(&mut self) {
        let name = self.fresh();
        let call = *self.random.pick(&["pcall(f", "pcall(f", "xpcall(f, forward", "xpcall(f, drop", "xpcall(f, short", "xpcall(f, type", "pcall(pcall, f", "pcall(xpcall, f, vary", "xpcall(f, rich({}, 'handler')"]);
        let arguments = *self.random.pick(&["", ", i", ", i, y, t", ", t, nil", ", i, i, i, i, i, i, i"]);
        let results = *self.random.pick(&["local ok, p, q", "local ok", "local ok, p, q, r, s"]);
        let shown = *self.random.pick(&["ok", "ok, p, q"]);
        let (results, shown) = if results == "local ok" { (results, "ok") } else { (results, shown) };
        self.line(&format!("local function {name}(i, f)"));
        self.line("  local x, y, t = i + 0.5, i, {v = i}");
        self.line("  for j = 1, 2 do");
        self.line(&format!("    {results} = {call}{arguments})"));
        self.line(&format!("    x = x + 1 y = y + 1 if j == 2 then return x, y, t.v, t.w, {shown} end"));
        self.line("  end");
        self.line("end");
        let usual = *self.random.pick(&["function(a, b) return b, a end", "function() end", "function(...) return ... end", "function(a) return a end", "vary", "type"]);
        self.line(&format!("for i = 1, {ROUNDS} do {name}(i, {usual}) end"));
        for _ in 0..3 {
            let odd = *self.random.pick(&[
                "function(a) error(a, 0) end",
                "function(a) error({a}) end",
                "function(a) drop() error(drop(a), 0) end",
                "coroutine.wrap(function(a) drop(coroutine.yield(a)) return drop(a) end)",
                "function(a) error() end",
                "error",
                "function(...) local c <close> = closing('c', false) return ... end",
                "function(...) local c <close> = closing('c', true) error('e', 0) end",
                "function(a, b, c) if type(c) == 'table' then c.v, c.w = 'changed', 1 end error(c, 0) end",
                "function() return pcall(error, 'in', 0) end",
                "function(a) local function g(n) if n == 0 then error(a, 0) end return g(n - 1) end return (g(3)) end",
                "function(a) local function g(n) if n == 0 then error(a, 0) end local r = g(n - 1) return r end return g(3) end",
                "coroutine.wrap(function(a) coroutine.yield(a) error('w', 0) end)",
                "function(a) return coroutine.yield(a) end",
                "function(a) return a.b.c end",
                "rich({}, 'called')",
                "nil",
                "select",
                "function(...) return ... end",
            ]);
            self.line(&format!("show({name}(7, {odd}))"));
        }
        self.line(&format!("show(coroutine.wrap(function() return {name}(8, function(a) error(a, 0) end) end)())"));
    }

    /// Variables that are closed by a function that is used to others.
    fn variables_to_close(&mut self) {
        let name = self.fresh();
        let body = *self.random.pick(&[
            "return ...",
            "return (...), v == nil",
            "return 1, 2, 3",
            "local t = {x = 1} do local b <close> = v t.x = 2 end return t.x, ...",
            "for i = 1, 3 do local b <close> = v if i == 2 then break end end return select('#', ...)",
            "local b <close> = v return vary(...)",
            "return pcall(...)",
            "local s = {x = 1} shared = s do local b <close> = v s.x = 2 end s.z = 3 return s, s.x, s.z",
            "local s = {x = 1, y = 2} shared = s do local b <close> = v s.y = 3 end s.w = s.x return s, s.y, rawget(s, 'z')",
            "local n = 0.5 do local b <close> = v n = n + 1 local f = function() return b end f() end return n",
            "for k in next, {1}, nil, v do if k then return k, ... end end",
        ]);
        self.line(&format!("local {name} = (function()"));
        self.line("  local n = 0");
        self.line("  local shared = {}");
        self.line("  local quiet = setmetatable({}, {__close = function() n = n + 1 end})");
        self.line("  local moving = setmetatable({}, {__close = function() shared.q, shared.z = n, 'z' shared.w = nil end})");
        self.line(&format!("  local function f(v, ...) local a <close> = v {body} end"));
        self.line(&format!("  for i = 1, {ROUNDS} do f(quiet, i, 2) end"));
        for _ in 0..3 {
            let odd = *self.random.pick(&[
                "nil",
                "false",
                "{}",
                "1",
                "quiet",
                "closing('odd', false)",
                "closing('odd', true)",
                "moving",
                "moving",
                "moving",
                "rich({}, 'r')",
                "setmetatable({}, {__close = rawlen})",
                "setmetatable({}, {__close = drop})",
                "setmetatable({}, {__close = function(...) show(select('#', ...)) end})",
                "setmetatable({}, {__close = 1})",
                "setmetatable({}, {__close = function(_, e) n = n + 100 return e, e end})",
            ]);
            let more = *self.random.pick(&["", ", 'x'", ", nil, 2, {}", ", error, 'given'"]);
            self.line(&format!("  show(pcall(f, {odd}{more})) show(n)"));
        }
        self.line("  return n");
        self.line(&format!("end)() show({name})"));
    }

    /// Functions of the library, first with what they are mostly given.
    fn library_calls(&mut self) {
        let name = self.fresh();
        let call = *self.random.pick(&[
            "return table.remove(t, a), #t, t[1]",
            "table.insert(t, a, b) return #t, t[1], t[2], t[4]",
            "return table.unpack(t, a, b)",
            "local x, y, z = table.unpack(t) return z, y, x",
            "return (table.unpack(t, a, b))",
            "return table.concat(t, ',', a, b)",
            "return table.concat(t), table.concat(t, ' ')",
            "return next(t, a)",
            "local k = next(t, a) return k",
            "return ('hello'):byte(a, b)",
            "local x, y = ('hello'):byte(a, b) return y, x",
            "return string.char(a, b, 65)",
            "local p = table.pack(a, b, nil) return p.n, p[1], p[2]",
            "return #table.pack(t, a, b, t), select('#', table.unpack({a, b}, 1, 3))",
        ]);
        self.line(&format!("local function {name}(t, a, b) {call} end"));
        let usual = *self.random.pick(&["{1, 2, 3}, 1, 3", "{1, 2, 3}, 2, 2", "{'a', 2.5, 'c', 4}, 1, 4", "{1, 2, 3}"]);
        self.line(&format!("for i = 1, {ROUNDS} do pcall({name}, {usual}) end"));
        for _ in 0..4 {
            let odd = *self.random.pick(&[
                "{}, 1, 1",
                "{}, 0",
                "{1, 2, 3}, 4, 2",
                "{1, 2, 3}, 5",
                "{1, 2, 3}, 0, 9",
                "{1, 2}, 1, nil",
                "{1, 2, 3}, -1, 300",
                "{1, 2, 3}, -3, -1",
                "rich({1, 2, 3}, 't'), 2, 4",
                "setmetatable({1, 2, 3}, {__index = function(_, k) return k end, __len = function() return 5 end}), 2, 4",
                "{1, nil, 3}, 2, 2",
                "{'a', 2.5, {}}, 1, 3",
                "{'a', 2.5, {}}, 1, 2",
                "'text', 1, 2",
                "nil, 1, 2",
                "{1, 2, 3}, '2', '3'",
                "{1, 2, 3}, 2.0, 3.0",
                "{1, 2, 3}, 1.5",
                "{1, 2, 3}, math.maxinteger, math.mininteger",
                "{1, 2, 3}, math.mininteger, math.maxinteger",
                "{1, 2, 3}, math.maxinteger - 1, math.maxinteger",
                "{x = 1}, 'x', 1",
                "{x = 1}, 'y'",
                "{table.unpack({}, 1, 9)}, 1, 9",
                "{table.unpack({1, 2, 3, 4, 5, 6, 7, 8, 9})}, 2, 8",
                "{1, 2, 3}, 66, 67",
                "{('x'):rep(300), 'y'}, 1, 2",
            ]);
            self.line(&format!("show(pcall({name}, {odd}))"));
        }
    }

    /// Strings that are compared, of all lengths, equal but for little.
    fn strings_that_differ(&mut self) {
        let name = self.fresh();
        let test = *self.random.pick(&["a == b", "a ~= b", "not (a == b)", "(a == b) == (b == a)", "a < b or a == b", "t[a] == t[b]"]);
        self.line(&format!("local function {name}(a, b) local t = {{[a] = 1}} if {test} then return 'yes' end return 'no', #a end"));
        self.line(&format!("for i = 1, {ROUNDS} do {name}(('s'):rep(i), ('s'):rep(i // 2 * 2)) end"));
        for _ in 0..6 {
            let length = *self.random.pick(&[1, 7, 8, 9, 39, 40, 41, 42, 47, 48, 49, 55, 64, 100]);
            let at = 1 + self.random.below(length);
            let length = length as usize;
            self.line(&format!("do local s = ('s'):rep({length}) local o = s:sub(1, {at} - 1) .. 'o' .. s:sub({at} + 1)"));
            self.line(&format!("show({name}(s, o), {name}(s, s .. ''), {name}(o .. 'x', o .. 'x'), {name}(s .. 'x', s .. 'y')) end"));
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
        self.leaves_values(&dirty);
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
        let logs = if self.random.one_in(3) { ", __newindex = function(t, k, v) show(k, v) end" } else { "" };
        let class = *self.random.pick(&["{}", "{x = 'class'}", "{y = 3}", "setmetatable({}, {__index = {x = 'base'}})"]);
        self.line(&format!("local {get} = function(o) return o.{key} end"));
        let value = *self.random.pick(&["v", "v", "true", "v == 'set'"]);
        self.line(&format!("local {set} = function(o, v) o.{key} = {value} end"));
        self.line(&format!("local {o} = (function()"));
        self.line(&format!("  local c = {class} local m = {{__index = c{logs}}} local o = setmetatable({initial}, m)"));
        self.line(&format!("  for i = 1, {ROUNDS} do {get}(o) end"));
        if self.random.one_in(2) {
            self.line(&format!("  for i = 1, {ROUNDS} do {set}(o, i) end"));
        }
        for _ in 0..3 {
            let change = if self.random.one_in(3) { format!("o.{key} = nil") } else { self.random.pick(CHANGES).to_string() };
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
