//! Forms whose rules have corners: constructors, borders of loops and numbers, coercions, variables
//! that are closed, goto, and what is passed on in lists of unknown length.

use super::expr::{TEXTS, subtrahend};
use super::{Generator, Kind};

/// Headers of numeric loops at the borders of integers and of floats.
const RANGES: &[&str] = &[
    "math.maxinteger - 2, math.maxinteger, 2",
    "math.mininteger, -math.maxinteger, 3",
    "math.mininteger + 2, math.mininteger, -1",
    "math.maxinteger, math.maxinteger - 3, -2",
    "1, math.maxinteger, math.maxinteger // 2",
    "math.mininteger, math.maxinteger, math.maxinteger",
    "math.maxinteger - 1, math.huge",
    "math.mininteger + 1, -math.huge, -1",
    "1, 0",
    "3, 2.5, -0.25",
    "0.1, 0.35, 0.1",
    "1, 3, 0",
    "1.5, 3, 0",
    "'1', 2",
    "1, {}",
    "1, 2, 'x'",
    "-1, -3.5, -1",
    "2^53, 2^53 + 4, 2",
    "1, 0/0",
    "3, -math.huge, math.mininteger",
];
/// Numbers on which operators have special cases, as literals and as strings.
const NUMBERS: &[&str] = &[
    "0", "-0.0", "0.0", "1", "-1", "2", "-2", "3", "-3", "7", "-7", "5.5", "-5.5", "63", "64", "-64", "65", "2^53", "2^53 + 1", "2^63",
    "-2^63", "math.maxinteger", "math.mininteger", "math.huge", "-math.huge", "'10'", "'0x10'", "' 5 '", "'1e1'", "'-0'", "'3.0'",
    "'3.5'", "'abc'", "''", "'9223372036854775808'", "'0x7fffffffffffffff'", "1e308", "2^-1074", "255 // 1 | 0",
];
const OPERATORS: &[&str] = &["+", "-", "*", "/", "//", "//", "%", "%", "^", "&", "|", "~", "<<", ">>", "<<", ">>", "..", "<", "<=", "==", "~="];
const STRINGS: &[&str] = &["''", "'a'", "'B'", "'a\\0b'", "'a\\0c'", "'10'", "'9'", "'ab'", "'é'", "'Z'", "'a\\0'", "'\\xff'"];
/// Keys that are, or are not, one and the same.
const KEYS: &[&str] = &[
    "1", "1.0", "'1'", "-0.0", "0", "2^53", "2^53 | 0", "1.5", "true", "'x'", "0/0", "nil", "math.huge", "2 ^ 63", "math.mininteger",
    "-2^63", "3 // 1.0",
];
/// What may be raised.
const RAISED: &[&str] = &[
    "nil", "false", "12", "1.5", "{code = 1}", "'text', 0", "'text', 1", "'text', 2", "rich({}, 'e')", "print", "{'a', n = 2}", "",
    "coroutine.create(print)",
];

impl Generator {
    /// One of the forms of this file, mostly in a function of its own: half of them end in an error.
    pub(super) fn idiom(&mut self) {
        if self.random.one_in(4) {
            return self.form();
        }
        let in_loop = std::mem::replace(&mut self.in_loop, false);
        let has_varargs = std::mem::replace(&mut self.has_varargs, true);
        self.line("show(pcall(function(...)");
        self.scope(Generator::form);
        self.line("end, 1, nil, 'three', nil))");
        (self.in_loop, self.has_varargs) = (in_loop, has_varargs);
    }

    fn form(&mut self) {
        match self.random.below(19) {
            0 => self.constructor(),
            1 => self.long_constructor(),
            2 => self.passing_metamethods(),
            3 => self.border_loop(),
            4 | 5 => self.number_corners(),
            6 => self.string_corners(),
            7 => self.varargs(),
            8 => self.generators(),
            9 => self.raised_values(),
            10 => self.order_of_assignments(),
            11 => self.normal_keys(),
            12 => self.captured_loop_variables(),
            13 => self.continued_loops(),
            14..=17 => self.habit(),
            _ => self.closed_variables(),
        }
    }

    /// A call that gives several values, or all that were passed.
    fn tail(&mut self) -> String {
        match self.random.below(4) {
            0 if self.has_varargs => "...".into(),
            1 => self.call(),
            2 => format!("vary({}, nil)", self.any()),
            _ => "forward(nil, 2, nil)".into(),
        }
    }

    fn constructor(&mut self) {
        let count = self.random.below(7);
        let mut items: Vec<String> = Vec::new();
        for _ in 0..count {
            let value = self.any();
            items.push(match self.random.below(5) {
                0 => format!("x{} = {value}", self.random.below(3)),
                1 => format!("[{}] = {value}", self.random.pick(&["'x1'", "10", "11.0", "#'four'", "true", "'k' .. 1", "-1"])),
                2 => format!("[trace({}, 'key')] = trace({value}, 'value')", 20 + self.random.below(9)),
                3 => format!("({})", self.tail()),
                _ => value,
            });
        }
        if self.random.one_in(2) {
            items.push(self.tail());
        }
        let separator = *self.random.pick(&[", ", "; "]);
        self.line(&format!("show({{{}}})", items.join(separator)));
    }

    /// Items are stored in groups; this one passes the border of a group.
    fn long_constructor(&mut self) {
        let count = 46 + self.random.below(60);
        let items: Vec<String> = (1..=count)
            .map(|at| if self.random.one_in(20) { format!("f{at} = {at}") } else { format!("{at}") })
            .collect();
        let tail = self.tail();
        let name = self.fresh();
        self.line(&format!("local {name} = {{{}, {tail}}}", items.join(", ")));
        self.line(&format!("show({name}[1], {name}[45], {name}[50], {name}[51], {name}[{count}], {name}[{}])", count - 4));
    }

    fn passing_metamethods(&mut self) {
        let name = self.fresh();
        let (one, other) = (*self.random.pick(&["forward", "vary", "last"]), *self.random.pick(&["forward", "vary", "last"]));
        self.line(&format!("local {name} = passing({one}, {other})"));
        let argument = self.any();
        let tail = self.tail();
        let uses = [
            format!("{name}.x"),
            format!("{name}[{argument}]"),
            format!("{name}({argument}, {tail})"),
            format!("({name} + {argument})"),
            format!("({argument} // {name})"),
            format!("({name} .. 'x')"),
            format!("(-{name})"),
            format!("(#{name})"),
            format!("({name} < {name})"),
            format!("(1 <= {name})"),
            format!("({name} == {name})"),
            format!("(~{name} | 1)"),
            format!("select('#', {name}({tail}))"),
            format!("pcall({name}, {tail})"),
        ];
        for _ in 0..3 {
            let used = self.random.pick(&uses).clone();
            self.line(&format!("show({used})"));
        }
        self.line(&format!("{name}.y = {argument} show(rawget({name}, 'y'))"));
    }

    fn border_loop(&mut self) {
        let (name, rounds) = (self.fresh(), self.fresh());
        let range = *self.random.pick(RANGES);
        self.line(&format!("local {rounds} = 0"));
        self.line(&format!("for {name} = {range} do"));
        self.loop_body(|it| {
            it.line(&format!("burn() {rounds} = {rounds} + 1 show({name}, math.type({name}))"));
            it.line(&format!("if {rounds} == 4 then break end"));
            it.declare(&name, Kind::Number, true);
            it.block();
        });
        self.line("end");
    }

    /// The same operation on constants, on variables and on one of each: three ways to compile it.
    pub(super) fn number_corners(&mut self) {
        let (a, b) = (*self.random.pick(NUMBERS), *self.random.pick(NUMBERS));
        let operator = *self.random.pick(OPERATORS);
        let b = subtrahend(operator, b);
        let (x, y) = (self.fresh(), self.fresh());
        self.line(&format!("local {x}, {y} = {a}, {b}"));
        let operation = |left: &str, right: &str| format!("show(pcall(function() return plain(({left}) {operator} ({right})) end))");
        self.line(&operation(&x, &y));
        self.line(&operation(a, &y));
        self.line(&operation(&x, b));
        self.line(&operation(a, b));
        let unary = *self.random.pick(&["-", "~", "#", "not "]);
        self.line(&format!("show(pcall(function() return plain({unary}{x}) end))"));
        let function = *self.random.pick(&["math.tointeger", "math.floor", "math.abs", "tonumber", "math.ult", "math.fmod", "tostring"]);
        self.line(&format!("show(pcall(function() return plain({function}({x}, {y})) end))"));
    }

    fn string_corners(&mut self) {
        let (a, b) = (*self.random.pick(STRINGS), *self.random.pick(STRINGS));
        let (x, y) = (self.fresh(), self.fresh());
        self.line(&format!("local {x}, {y} = {a}, {b}"));
        self.line(&format!("show({x} < {y}, {x} <= {b}, {a} > {y}, {x} >= {y}, {x} == {b}, #{x}, {x} .. {y} == {a} .. {b})"));
        let (from, to) = (self.random.below(7) as i64 - 3, self.random.below(7) as i64 - 3);
        let text = *self.random.pick(TEXTS);
        let method = match self.random.below(7) {
            0 => format!("{x}:sub({from}, {to})"),
            1 => format!("({text}):byte({from}, {to})"),
            2 => format!("({text}):find({x}, {from}, true)"),
            3 => format!("('%s|%q|%5s'):format({x}, {text}, {y})"),
            4 => format!("({text}):rep({to}, {x})"),
            5 => format!("{x}:upper():lower():len()"),
            _ => format!("pcall({x}.rep, {y}, {text})"),
        };
        self.line(&format!("show({method})"));
    }

    fn varargs(&mut self) {
        let (name, tail) = (self.fresh(), self.tail());
        let position = self.random.below(7) as i64 - 3;
        self.line(&format!("local function {name}(a, ...)"));
        self.scope(|it| {
            it.line("local b, c = ...");
            it.line(&format!("show(select('#', ...), a, b, c, (...), pcall(select, {position}, ...))"));
            it.line("local packed = table.pack(...) show(packed.n, packed[packed.n])");
            let result = *it.random.pick(&["...", "vary(...)", "(...)", "a, ...", "forward(a, ...)", "table.unpack({...}, 1, packed.n)"]);
            it.line(&format!("return {result}"));
        });
        self.line("end");
        self.line(&format!("show({name}()) show({name}({tail})) show({name}(nil, nil, {tail}))"));
        self.line(&format!("show((select('#', {name}({name}(1, {tail})))))"));
    }

    /// Coroutines as iterators, one inside the other.
    fn generators(&mut self) {
        let (a, b) = (self.fresh(), self.fresh());
        self.line(&format!("for {a}, {b} in coroutine.wrap(function(...)"));
        self.scope(|it| {
            it.line("for i = 1, 2 do");
            it.scope(|it| {
                it.line("for c, d in coroutine.wrap(function(...)");
                it.function_body(&[], true, true);
                it.line("end) do burn() coroutine.yield(i, c, d) end");
            });
            it.line("end");
        });
        self.line("end) do");
        self.loop_body(|it| {
            it.line(&format!("burn() show({a}, {b})"));
            it.block();
        });
        self.line("end");
    }

    fn raised_values(&mut self) {
        let (raised, handler) = (*self.random.pick(RAISED), *self.random.pick(&["vary", "forward", "type", "last", "function(e) return e end"]));
        let place = match self.random.below(5) {
            0 => format!("pcall(error, {})", if raised.is_empty() { "nil" } else { raised }),
            1 => format!("xpcall(function() error({raised}) end, {handler})"),
            2 => format!("pcall(pcall, error, {})", if raised.is_empty() { "nil" } else { raised }),
            3 => format!("coroutine.resume(coroutine.create(function() error({raised}) end))"),
            _ => format!("pcall(coroutine.wrap(function() local v <close> = rich({{}}, 'r') error({raised}) end))"),
        };
        self.line(&format!("show({place})"));
        self.line(&format!("show(select('#', {place}))"));
    }

    fn order_of_assignments(&mut self) {
        let (t, i) = (self.fresh(), self.fresh());
        let value = self.any();
        self.line(&format!("local {t}, {i} = {{}}, 1"));
        let text = match self.random.below(5) {
            0 => format!("{t}[trace(1, 'a')], {t}[trace(2, 'b')], {i} = trace({value}, 'c'), trace(4, 'd'), trace(5, 'e')"),
            1 => format!("{i}, {t}[{i}], {t}[{i} + 1] = {i} + 1, {value}, {i}"),
            2 => format!("{t}[{i}], {i}, {t} = {value}, {t}, {i}"),
            3 => format!("{t}.x, {t}.y, {t}.x = vary({value})"),
            _ => format!("{t}[{i}], {i} = trace({i}, 'f'), vary({value}, {i})"),
        };
        self.line(&format!("{text} show({t}, {i})"));
        let swapped = self.random.pick(&["a, b = b, a", "a, b, c = c, a, b", "a, b = vary(b)", "c, b = a, (vary(c))"]).to_string();
        self.line(&format!("do local a, b, c = 1, {value}, 'c' {swapped} show(a, b, c) end"));
    }

    fn normal_keys(&mut self) {
        let t = self.fresh();
        let (k, l, m) = (*self.random.pick(KEYS), *self.random.pick(KEYS), *self.random.pick(KEYS));
        let key = self.fresh();
        self.line(&format!("local {t}, {key} = {{}}, {k}"));
        self.line(&format!("show(pcall(function() {t}[{key}] = 'first' end), pcall(rawset, {t}, {l}, 'second'))"));
        self.line(&format!("show({t}[{k}], {t}[{l}], {t}[{m}], {t}[{key}], rawget({t}, {m}))"));
        // Of several keys the order is anyone's.
        self.line(&format!("if not next({t}, (next({t}))) then show(next({t}), math.type((next({t})))) end"));
    }

    /// Each round has variables of its own, at every level.
    fn captured_loop_variables(&mut self) {
        let name = self.fresh();
        let value = self.expression(Kind::Number);
        self.line(&format!("local {name} = {{}}"));
        self.line("for i = 1, 2 do");
        self.loop_body(|it| {
            it.line(&format!("local outer = {value}"));
            let head = *it.random.pick(&["for j, k in ipairs({7, 8}) do", "for j = i, i + 1 do local k = j", "for j = 2, 1, -1 do local k <const> = i"]);
            it.line(head);
            it.loop_body(|it| {
                it.line("local l = j");
                let leave = *it.random.pick(&["", "if l == 2 then goto next end", "if l == 2 then break end"]);
                let body = "l = l + 1 outer = type(outer) == 'number' and outer + k or k return function() l = l + i return i, j, k, l, outer end";
                it.line(leave);
                it.line(&format!("{name}[#{name} + 1] = function(...) {body} end"));
                it.line("::next::");
            });
            it.line("end");
        });
        self.line("end");
        self.line(&format!("for _, f in ipairs({name}) do local g = f() show(g()) show(f()()) show(g()) end"));
    }

    fn continued_loops(&mut self) {
        let (name, kept) = (self.fresh(), self.fresh());
        let condition = self.condition();
        let (head, end) = *self.random.pick(&[("while i < 4 do", "end"), ("repeat", "until i >= 4")]);
        self.line(&format!("local {kept} = {{}}"));
        self.line("do");
        self.scope(|it| {
            it.line("local i = 0");
            it.line(head);
            it.loop_body(|it| {
                it.line("i = i + 1 burn()");
                it.line("do");
                it.scope(|it| {
                    it.line(&format!("local {name} = i"));
                    it.line(&format!("{kept}[i] = function() {name} = {name} * 2 return {name} end"));
                    it.line(&format!("if i == 2 or {condition} then goto continue end"));
                    it.line(&format!("for j = 1, 3 do local v <close> = j == 3 and rich({{}}, 'g') or nil if j == 3 then goto continue end {name} = {name} + j end"));
                });
                it.line("end");
                it.line("show('not continued', i)");
                it.line("::continue::");
            });
            it.line(end);
        });
        self.line("end");
        self.line(&format!("for i = 1, 4 do if {kept}[i] then show({kept}[i](), {kept}[i]()) end end"));
    }

    fn closed_variables(&mut self) {
        let value = self.any();
        let leave = *self.random.pick(&["return vary(1, nil)", "error('left', 0)", "error({})", "goto out", "return", "return forward(a, b)", "coroutine.yield('in')"]);
        let fails = *self.random.pick(&["true", "false", "false"]);
        let wrapped = if leave.starts_with("coroutine") || self.random.one_in(3) { "coroutine.wrap" } else { "" };
        self.line(&format!("show(pcall({wrapped}(function(...)"));
        self.scope(|it| {
            it.line(&format!("local a <close>, b = closing('a', {fails}), {value}"));
            it.line("do");
            it.scope(|it| {
                it.line("local c <close> = closing('c', false)");
                it.line("local d <close> = nil");
                it.line(&format!("for k, v in forward(next, {{5, 6}}, nil, closing('for', {fails})) do if k == 2 then {leave} end end"));
            });
            it.line("end");
            it.line("::out:: show('out', b ~= nil)");
        });
        self.line("end)))");
    }
}
