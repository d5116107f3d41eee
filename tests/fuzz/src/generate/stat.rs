//! Statements.

use super::{Generator, KINDS, Kind};

const DEPTH_MAX: usize = 5;

impl Generator {
    /// A few statements.
    pub(super) fn block(&mut self) {
        let count = 1 + self.random.below(4);
        for _ in 0..count {
            if self.statements == 0 {
                return;
            }
            self.statements -= 1;
            self.statement();
        }
    }

    fn statement(&mut self) {
        let simple = self.depth > DEPTH_MAX;
        match self.random.below(if simple { 14 } else { 40 }) {
            0 | 1 => self.local(),
            2 | 3 => self.assignment(),
            4 => self.field_assignment(),
            5 => self.list_change(),
            6 | 7 => {
                let call = self.call();
                self.line(&format!("show({call})"));
            }
            8 => self.multiple_assignment(),
            9 => self.leave(),
            10 => {
                let (key, value) = (self.any(), self.any());
                self.line(&format!("note({key}, {value})"));
            }
            11 if self.in_coroutine => {
                let value = self.any();
                self.line(&format!("show('resumed', coroutine.yield({value}))"));
            }
            11 => self.line("collectgarbage('step')"),
            12 | 13 if simple => self.number_corners(),
            12 | 13 => self.numeric_for(),
            14 => self.counted_while(),
            15 => self.repeat(),
            16 => self.iteration(),
            17 | 18 => self.branch(),
            19 | 20 => self.guarded(),
            21 | 22 => self.coroutine(),
            23 => self.closing(),
            24 => self.jump_back(),
            25 => self.closures(),
            _ => self.idiom(),
        }
    }

    fn local(&mut self) {
        let kind = *self.random.pick(&KINDS);
        let value = self.expression(kind);
        let name = self.fresh();
        let constant = self.random.one_in(5);
        let attribute = if constant { " <const>" } else { "" };
        self.line(&format!("local {name}{attribute} = {value}"));
        self.declare(&name, kind, constant);
    }

    fn assignment(&mut self) {
        let kind = *self.random.pick(&KINDS);
        if let Some(name) = self.assignable(kind) {
            let value = self.expression(kind);
            self.line(&format!("{name} = {value}"));
        }
    }

    fn field_assignment(&mut self) {
        let value = self.any();
        let field = self.field();
        self.line(&format!("{field} = {value}"));
        let read = self.field();
        self.line(&format!("show({read})"));
    }

    fn list_change(&mut self) {
        let Some(list) = self.variable(Kind::List) else { return };
        let item = self.item();
        let text = match self.random.below(7) {
            0 => format!("table.insert({list}, {item})"),
            1 => format!("table.insert({list}, 1, {item})"),
            2 => format!("show(table.remove({list}))"),
            3 => format!("show(table.remove({list}, 1))"),
            4 => format!("table.sort({list}, function(a, b) return short(a) < short(b) end)"),
            5 => format!("table.move({list}, 1, #{list}, 2) show(#{list} < 40 or error('long list'))"),
            _ => format!("show(table.unpack({list}, 1, 4))"),
        };
        self.line(&text);
    }

    fn multiple_assignment(&mut self) {
        let (Some(a), Some(b)) = (self.assignable(Kind::Number), self.assignable(Kind::Text)) else { return };
        let (x, y) = (self.expression(Kind::Number), self.expression(Kind::Text));
        let field = self.field();
        match self.random.below(2) {
            0 => self.line(&format!("{a}, {b}, {field} = {x}, {y}, {a}")),
            _ => self.line(&format!("{field}, {a}, {b} = {b}, {x}, {y}")),
        }
    }

    /// Leaves a loop, a function or, by an error, more than that.
    fn leave(&mut self) {
        let condition = self.condition();
        match self.random.below(4) {
            0 if self.in_loop => self.line(&format!("if {condition} then break end")),
            1 => self.line(&format!("if {condition} then return {condition} end")),
            2 => {
                let value = self.any();
                self.line(&format!("if {condition} then error({value}) end"));
            }
            _ => self.line(&format!("assert({condition} ~= 1, 'asserted')")),
        }
    }

    pub(super) fn loop_body(&mut self, inner: impl FnOnce(&mut Generator)) {
        let saved = std::mem::replace(&mut self.in_loop, true);
        self.scope(inner);
        self.in_loop = saved;
    }

    fn numeric_for(&mut self) {
        let name = self.fresh();
        let range = match self.random.below(6) {
            0 => "1, 3".to_string(),
            1 => "3, 1, -1".into(),
            2 => "1.0, 2.0, 0.5".into(),
            3 => "math.maxinteger - 1, math.maxinteger".into(),
            4 => "math.mininteger, math.mininteger + 2".into(),
            _ => format!("1, math.min(4, {} or 1)", self.expression(Kind::Number)),
        };
        self.line(&format!("for {name} = {range} do"));
        self.loop_body(|it| {
            it.declare(&name, Kind::Number, true);
            it.line("burn()");
            if it.random.one_in(3) {
                let condition = it.condition();
                it.line(&format!("if {condition} then goto continue{name} end"));
            }
            // A label at the end of a block sees no local of the block.
            it.line("do");
            it.scope(Generator::block);
            it.line("end");
            it.line(&format!("::continue{name}::"));
        });
        self.line("end");
    }

    fn counted_while(&mut self) {
        let (name, condition) = (self.fresh(), self.condition());
        self.line(&format!("local {name} = 0"));
        self.line(&format!("while {name} < 3 and ({condition} or {name} < 2) do"));
        self.loop_body(|it| {
            it.line(&format!("{name} = {name} + 1 burn()"));
            it.block();
        });
        self.line("end");
        self.declare(&name, Kind::Number, true);
    }

    fn repeat(&mut self) {
        let name = self.fresh();
        self.line(&format!("local {name} = 3"));
        self.line("repeat");
        self.loop_body(|it| {
            it.line(&format!("{name} = {name} - 1 burn()"));
            it.line("local last = function() return not last end");
            it.line("do");
            it.scope(Generator::block);
            it.line("end");
            let condition = it.condition();
            it.line(&format!("local done = {condition}"));
        });
        self.line(&format!("until {name} <= 0 or done and last()"));
    }

    fn iteration(&mut self) {
        let (k, v) = (self.fresh(), self.fresh());
        let head = match self.random.below(4) {
            0 => format!("ipairs({})", self.expression(Kind::List)),
            1 => "next, {7}".into(),
            2 => format!("({}):gmatch('(.)(.?)')", self.expression(Kind::Text)),
            _ => "(function(s, i) if i < s then return i + 1, 'it' end end), 3, 0, rich({}, 'for')".into(),
        };
        self.line(&format!("for {k}, {v} in {head} do"));
        self.loop_body(|it| {
            it.declare(&v, Kind::Text, true);
            it.line(&format!("burn() show({k}, {v})"));
            it.block();
        });
        self.line("end");
    }

    fn branch(&mut self) {
        let condition = self.condition();
        self.line(&format!("if {condition} then"));
        self.scope(Generator::block);
        if self.random.one_in(2) {
            let condition = self.condition();
            self.line(&format!("elseif {condition} then"));
            self.scope(Generator::block);
        }
        self.line("else");
        self.scope(Generator::block);
        self.line("end");
    }

    fn guarded(&mut self) {
        self.line("show(pcall(function(...)");
        self.function_body(&[], false, true);
        let arguments = self.any();
        self.line(&format!("end, {arguments}))"));
    }

    fn coroutine(&mut self) {
        let name = self.fresh();
        let (a, b) = (self.fresh(), self.fresh());
        self.line(&format!("local {name} = coroutine.create(function({a}, {b}, ...)"));
        self.function_body(&[(&a, Kind::Number), (&b, Kind::Text)], true, true);
        self.line("end)");
        let value = self.any();
        let count = 1 + self.random.below(4);
        self.line(&format!("for i = 1, {count} do show(coroutine.resume({name}, i, {value})) end"));
        match self.random.below(3) {
            0 => self.line(&format!("show(coroutine.close({name}))")),
            1 => self.line(&format!("show(coroutine.status({name}))")),
            _ => self.line(&format!("cache[{name}] = {name}")),
        }
    }

    fn closing(&mut self) {
        let name = self.fresh();
        self.line("do");
        self.scope(|it| {
            let record = it.random.pick(&["rich({}, 'c')", "nil", "false", "rich({x = 1}, 'd')"]).to_string();
            it.line(&format!("local {name} <close> = {record}"));
            it.block();
        });
        self.line("end");
    }

    fn jump_back(&mut self) {
        let name = self.fresh();
        self.line("do");
        self.scope(|it| {
            it.line(&format!("local {name} = 0"));
            it.line(&format!("::again{name}::"));
            it.line(&format!("{name} = {name} + 1 burn()"));
            it.line("do");
            it.declare(&name, Kind::Number, true);
            it.scope(Generator::block);
            it.line("end");
            it.line(&format!("if {name} < 3 then goto again{name} end"));
        });
        self.line("end");
    }

    /// Closures that share variables of a loop, called after it.
    fn closures(&mut self) {
        let name = self.fresh();
        self.line(&format!("local {name} = {{}}"));
        self.line("for i = 1, 3 do");
        self.loop_body(|it| {
            let value = it.expression(Kind::Number);
            it.line(&format!("local shared = {value}"));
            it.line(&format!("{name}[i] = {{function() shared = shared + i return shared end, function() return shared end}}"));
        });
        self.line("end");
        self.line(&format!("for _, f in ipairs({name}) do f[1]() show(f[1](), f[2]()) end"));
    }
}
