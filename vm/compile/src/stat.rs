//! Statements without control flow: declarations, assignments, calls, returns.

use crate::Compiler;
use crate::error::{Next, Result};
use crate::exp::{Exp, Kind};
use crate::function::{Known, MAX_VARIABLES, VarKind};
use perilune_isa::{Op, word};
use perilune_syntax::ast::{Attrib, Block, Expr, ExprId, FunctionId, Name, Stat, StatKind};

impl<'a> Compiler<'a> {
    /// The statements of a block, in the scope that is open.
    pub(crate) fn statements(&mut self, block: Block) -> Result<()> {
        self.statements_before(block, true)
    }

    /// As [`Compiler::statements`]. Before an `until` the variables of the block stay in
    /// scope (`scope_ends` is false), so a label there is not behind them.
    pub(crate) fn statements_before(&mut self, block: Block, scope_ends: bool) -> Result<()> {
        let mut left = &self.ast[block.stats];
        while let Some((stat, rest)) = left.split_first() {
            self.count_statement()?;
            let labels = left.iter().take_while(|stat| matches!(stat.kind, StatKind::Label(_))).count();
            if labels > 0 {
                let (labels, rest) = left.split_at(labels);
                self.labels(labels, scope_ends && rest.is_empty())?;
                left = rest;
            } else {
                self.statement(stat)?;
                left = rest;
            }
            self.f.free = self.f.register_level(self.f.actives.len());
        }
        Ok(())
    }

    fn count_statement(&mut self) -> Result<()> {
        self.statements += 1;
        if self.statements < crate::STATEMENTS {
            return Ok(());
        }
        let statements = std::mem::take(&mut self.statements);
        if (self.keep_going)(statements) { Ok(()) } else { self.f.error(String::from_utf8_lossy(crate::INTERRUPTED).into()) }
    }

    /// A block with a scope of its own. What follows it is still on its last line, as a debugger
    /// does not stop at `end`; the caller goes on to the line of the token that ends it.
    pub(crate) fn block(&mut self, block: Block) -> Result<()> {
        self.f.enter(false);
        self.statements(block)?;
        self.f.line = block.last_line;
        self.f.leave(self.break_name)
    }

    fn statement(&mut self, stat: &'a Stat) -> Result<()> {
        self.f.line = stat.line;
        self.f.span = perilune_syntax::ast::Span { start: stat.span.start, end: stat.span.start };
        match stat.kind {
            StatKind::Local { names, values } => self.local(&self.ast[names], &self.ast[values]),
            StatKind::LocalFunction { name, function } => self.local_function(name, function),
            StatKind::Function { target, is_method, function } => {
                self.function_statement(target, is_method, function, stat.line)
            }
            StatKind::Assign { targets, values } => self.assign(&self.ast[targets], &self.ast[values]),
            StatKind::Call(call) => {
                let e = self.expr(call)?;
                self.f.set_returns(&e, Some(0))
            }
            StatKind::Do(block) => {
                self.block(block)?;
                self.f.line = block.end_line;
                Ok(())
            }
            StatKind::While { cond, body } => self.while_loop(cond, body),
            StatKind::Repeat { body, cond, cond_line } => self.repeat_loop(body, cond, cond_line),
            StatKind::If { arms, otherwise } => self.if_statement(&self.ast[arms], otherwise),
            StatKind::NumericFor { name, start, limit, step, body } => {
                self.numeric_for(name, [Some(start), Some(limit), step], body, stat.line)
            }
            StatKind::GenericFor { names, exprs, body } => {
                self.generic_for(&self.ast[names], &self.ast[exprs], body, stat.line)
            }
            StatKind::Return(values) => self.return_statement(&self.ast[values]),
            StatKind::Break => {
                let jump = self.f.jump()?;
                self.f.pending(self.break_name, stat.line, stat.span, jump);
                Ok(())
            }
            StatKind::Goto(name) => self.f.goto(name),
            StatKind::Label(_) => self.labels(std::slice::from_ref(stat), false),
        }
    }

    /// Labels without anything between them. As in PUC Lua the last one is defined first, and what is
    /// wrong with any of them is reported at what follows them all.
    fn labels(&mut self, labels: &'a [Stat], ends_block: bool) -> Result<()> {
        let end = labels.last().map_or(0, |last| last.span.end);
        for stat in labels.iter().rev() {
            let StatKind::Label(name) = stat.kind else { continue };
            self.at(stat.line, name.span);
            self.label(name, stat.line, ends_block, Next::LineBehindEmpty(end))?;
        }
        Ok(())
    }

    fn label(&mut self, name: Name, line: u32, at_end: bool, next: Next) -> Result<()> {
        if let Some(label) = self.f.find_label(name.text) {
            let text = self.lossy(name.text);
            return self.f.error_at(next, format!("label '{text}' already defined on line {}", label.line));
        }
        let created = self.f.create_label(name.text, line, at_end);
        let Some(into) = self.f.into_scope.take() else { return created.map(drop) };
        let (goto, variable) = (self.lossy(name.text), self.lossy(into.variable));
        let line = into.goto.line;
        self.f.error_at(next, format!("<goto {goto}> at line {line} jumps into the scope of local '{variable}'"))
    }

    fn local(&mut self, names: &'a [(Name, Attrib)], values: &'a [ExprId]) -> Result<()> {
        self.check_room(0, names.iter().map(|(name, _)| name))?;
        let closing = self.closing_variable(names)?;
        if let ([(name, Attrib::None | Attrib::Const)], [value]) = (names, values) {
            self.hint_name(name.text, *value);
        }
        let mut last = self.expr_list(values)?;
        self.hint = None;
        if let Some((name, Attrib::Const)) = names.last() {
            if names.len() == values.len() {
                if let Some(known) = self.known(&last) {
                    self.declare(&names[..names.len() - 1])?;
                    self.f.activate(name.text, VarKind::Known(known)).map(drop)?;
                    return Ok(());
                }
            }
        }
        self.adjust(names.len(), values.len(), &mut last)?;
        self.declare(names)?;
        if let Some(at) = closing {
            self.f.mark_to_be_closed();
            let register = self.f.actives[self.f.actives.len() - names.len() + at].register;
            self.f.emit(word::abc(Op::Tbc, register, 0, 0));
        }
        Ok(())
    }

    /// Makes sure that so many hidden variables, and then some with names, can come into scope.
    /// As in PUC Lua it is where a name is read that there are too many.
    pub(crate) fn check_room<'n>(&mut self, hidden: usize, names: impl Iterator<Item = &'n Name>) -> Result<()> {
        let room = MAX_VARIABLES.saturating_sub(self.f.actives.len());
        let mut names = names;
        // Hidden variables come with the first name.
        let Some(name) = names.nth(room.saturating_sub(hidden)) else { return Ok(()) };
        self.f.span = name.span;
        self.f.limit("local variables", MAX_VARIABLES)
    }

    fn closing_variable(&mut self, names: &[(Name, Attrib)]) -> Result<Option<usize>> {
        let mut closing = names.iter().enumerate().filter(|(_, n)| n.1 == Attrib::Close);
        let first = closing.next().map(|(at, _)| at);
        if let Some((_, (name, _))) = closing.next() {
            self.at(name.line, name.span);
            return self.f.error("multiple to-be-closed variables in local list".into());
        }
        Ok(first)
    }

    fn known(&self, e: &Exp) -> Option<Known> {
        match e.kind {
            _ if e.has_jumps() => None,
            Kind::Nil | Kind::True | Kind::False | Kind::Int(_) | Kind::Float(_) => Some(Known::Plain(e.kind)),
            Kind::K(index) => self.f.constants.string(index).map(Known::Str),
            _ => None,
        }
    }

    fn declare(&mut self, names: &[(Name, Attrib)]) -> Result<()> {
        for (name, attrib) in names {
            let kind = match attrib {
                Attrib::None => VarKind::Regular,
                Attrib::Const => VarKind::Const,
                Attrib::Close => VarKind::Close,
            };
            self.f.span = name.span;
            self.f.activate(name.text, kind)?;
        }
        Ok(())
    }

    /// Brings a list of `given` values, whose last one is `last`, to `wanted` registers.
    pub(crate) fn adjust(&mut self, wanted: usize, given: usize, last: &mut Exp) -> Result<()> {
        let missing = wanted as isize - given as isize;
        if last.is_multi() {
            let extra = (missing + 1).max(0) as usize;
            if extra >= 250 {
                return self.f.error_near("function or expression needs too many registers".into());
            }
            self.f.set_returns(last, Some(extra))?;
        } else {
            if last.kind != Kind::Void {
                self.f.to_next(last)?;
            }
            if missing > 0 {
                self.f.check_stack(missing as usize)?;
                let first = self.f.free as u8;
                self.f.load_nil(first, missing as usize);
            }
        }
        if missing > 0 {
            self.f.reserve(missing as usize)?;
        } else {
            self.f.free -= missing.unsigned_abs();
        }
        Ok(())
    }

    fn local_function(&mut self, name: Name, function: FunctionId) -> Result<()> {
        self.f.span = name.span;
        self.f.activate(name.text, VarKind::Regular)?;
        self.hint = Some(crate::text(self.ast, name.text).to_vec());
        // The closure goes to the next register, which is the variable's.
        self.closure(function)?;
        // The variable can be seen by a debugger only when it has its value.
        let pc = self.f.pc();
        if let Some(active) = self.f.actives.last() {
            self.f.locals[active.record].start_pc = pc;
        }
        Ok(())
    }

    fn function_statement(&mut self, target: ExprId, is_method: bool, function: FunctionId, line: u32) -> Result<()> {
        let variable = self.expr(target)?;
        self.hint = self.path(target);
        if let (true, Some(path)) = (is_method, &mut self.hint) {
            if let Some(dot) = path.iter().rposition(|b| *b == b'.') {
                path[dot] = b':';
            }
        }
        let mut closure = self.closure(function)?;
        let end = self.ast.functions[function.0 as usize].span.end;
        self.check_target(target, &variable, end)?;
        self.f.store(&variable, &mut closure)?;
        self.f.fix_line(line);
        Ok(())
    }

    /// An error, at what follows byte `end`, if the target is a variable that may not be assigned to.
    fn check_target(&self, target: ExprId, variable: &Exp, end: u32) -> Result<()> {
        match self.node(target).kind {
            Expr::Name(name) => self.check_assignable(name, variable, end),
            _ => Ok(()),
        }
    }

    fn assign(&mut self, targets: &'a [ExprId], values: &'a [ExprId]) -> Result<()> {
        if let ([target], [value]) = (targets, values) {
            return self.assign_one(*target, *value);
        }
        let mut variables: Vec<Exp> = Vec::with_capacity(targets.len());
        for target in targets {
            let variable = self.target(*target)?;
            if matches!(variable.kind, Kind::Local(..) | Kind::Upvalue(_)) {
                self.keep_conflicting(&mut variables, variable.kind)?;
            }
            variables.push(variable);
        }
        let mut last = self.expr_list(values)?;
        if targets.len() == values.len() {
            self.f.discharge_vars(&mut last);
            if let Some(variable) = variables.pop() {
                self.f.store(&variable, &mut last)?;
            }
        } else {
            self.adjust(targets.len(), values.len(), &mut last)?;
        }
        while let Some(variable) = variables.pop() {
            let mut value = Exp::new(Kind::Reg((self.f.free - 1) as u8));
            self.f.store(&variable, &mut value)?;
        }
        Ok(())
    }

    fn assign_one(&mut self, target: ExprId, value: ExprId) -> Result<()> {
        let variable = self.target(target)?;
        if self.is_definition(value) {
            self.hint = self.path(target);
        }
        let mut value = self.expr(value)?;
        self.hint = None;
        self.f.discharge_vars(&mut value);
        self.f.store(&variable, &mut value)
    }

    /// What is assigned to.
    fn target(&mut self, target: ExprId) -> Result<Exp> {
        let variable = self.expr(target)?;
        self.check_target(target, &variable, self.node(target).span.end)?;
        Ok(variable)
    }

    /// A variable is about to be assigned that an earlier target uses as table or key:
    /// that target gets a copy.
    fn keep_conflicting(&mut self, earlier: &mut [Exp], assigned: Kind) -> Result<()> {
        let copy = self.f.free as u8;
        let mut conflict = false;
        for target in earlier {
            match (&mut target.kind, assigned) {
                (Kind::IndexUpvalue { upvalue, key }, Kind::Upvalue(index)) if *upvalue == index => {
                    conflict = true;
                    target.kind = Kind::IndexField { table: copy, key: *key };
                }
                (Kind::Indexed { table, key }, Kind::Local(register, _)) => {
                    for used in [table, key] {
                        if *used == register {
                            conflict = true;
                            *used = copy;
                        }
                    }
                }
                (Kind::IndexInt { table, .. } | Kind::IndexField { table, .. }, Kind::Local(register, _))
                    if *table == register =>
                {
                    conflict = true;
                    *table = copy;
                }
                _ => {}
            }
        }
        if conflict {
            match assigned {
                Kind::Local(register, _) => self.f.emit(word::abc(Op::Move, copy, register, 0)),
                Kind::Upvalue(index) => self.f.emit(word::abc(Op::GetUpvalue, copy, index, 0)),
                _ => 0,
            };
            self.f.reserve(1)?;
        }
        Ok(())
    }

    fn return_statement(&mut self, values: &'a [ExprId]) -> Result<()> {
        let close = u8::from(self.f.inside_tbc());
        let first = self.f.free as u8;
        let mut last = self.expr_list(values)?;
        if last.is_multi() {
            self.f.set_returns(&last, None)?;
            if let (Kind::Call(pc), 1, 0) = (last.kind, values.len(), close) {
                let call = self.f.code[pc as usize];
                self.f.code[pc as usize] = word::abc(Op::TailCall, word::a(call), word::b(call), 0);
            } else {
                self.f.emit(word::abc(Op::Return, first, 0, close));
            }
            return Ok(());
        }
        let (first, count) = match values.len() {
            0 => (0, 0),
            1 => (self.f.to_any(&mut last)?, 1),
            count => {
                self.f.to_next(&mut last)?;
                (first, count)
            }
        };
        self.f.emit(match (count, close) {
            (0, 0) => word::abc(Op::Return0, 0, 0, 0),
            (1, 0) => word::abc(Op::Return1, first, 0, 0),
            _ => word::abc(Op::Return, first, count as u8 + 1, close),
        });
        Ok(())
    }
}
