//! Statements. Each answers whether control never passes its end.

use super::outline::Entry;
use super::{OpenFunction, Resolver};
use crate::Span;
use crate::diagnostic::DiagnosticKind;
use crate::entity::{EntityId, EntityKind, Origin, Role, Signature};
use crate::symbol::{Symbol, SymbolKind};
use perilune_syntax::ast::{Attrib, Block, Expr, ExprId, Function, FunctionId, Name, Stat, StatKind};

/// What `self` stands for in a method, and where that is named.
pub(super) struct Receiver {
    entity: Option<EntityId>,
    span: Span,
    is_method: bool,
}

impl<'a> Resolver<'a> {
    pub(super) fn block(&mut self, block: Block) -> bool {
        self.enter();
        let diverges = self.statements(block, false);
        self.leave();
        diverges
    }

    fn statements(&mut self, block: Block, is_repeat: bool) -> bool {
        let stats = &self.ast[block.stats];
        self.predeclare_labels(stats, is_repeat);
        let (mut is_dead, mut is_reported) = (false, false);
        for (index, stat) in stats.iter().enumerate() {
            self.jumps.reach(index);
            is_dead &= !is_label(stat);
            if is_dead && !is_reported {
                let end = stats.iter().skip(index).take_while(|stat| !is_label(stat)).last();
                let span = Span { start: stat.span.start, end: end.map_or(stat.span.end, |last| last.span.end) };
                self.report(DiagnosticKind::Unreachable, span, "unreachable code".into());
            }
            is_reported = is_dead;
            let outer = std::mem::replace(&mut self.statement, stat.span);
            is_dead |= self.stat(stat);
            self.statement = outer;
        }
        self.jumps.leave_block();
        is_dead
    }

    fn stat(&mut self, stat: &'a Stat) -> bool {
        match &stat.kind {
            StatKind::Local { names, values } => self.local(stat, &self.ast[*names], &self.ast[*values]),
            StatKind::LocalFunction { name, function } => {
                let id = self.declare(EntityKind::LocalFunction, name);
                let symbol = self.symbol(name, SymbolKind::Function, stat.span);
                self.inside(symbol.map(Entry::always), |this| this.function(*function, Some(id), None));
            }
            StatKind::Function { target, is_method, function } => {
                self.function_statement(stat, *target, *is_method, *function);
            }
            StatKind::Assign { targets, values } => self.assign(stat, &self.ast[*targets], &self.ast[*values]),
            StatKind::Call(call) => self.expr(*call),
            StatKind::Do(body) => return self.block(*body),
            StatKind::While { cond, body } => {
                self.expr(*cond);
                let exits = self.jumps.exits;
                self.in_loop(|this| this.block(*body));
                let is_endless = matches!(self.ast.exprs[cond.0 as usize].kind, Expr::True);
                return is_endless && self.jumps.exits == exits;
            }
            StatKind::Repeat { body, cond, .. } => {
                self.enter();
                self.in_loop(|this| this.statements(*body, true));
                self.expr(*cond);
                self.leave();
            }
            StatKind::If { arms, otherwise } => return self.if_statement(&self.ast[*arms], *otherwise),
            StatKind::NumericFor { name, start, limit, step, body } => {
                for bound in [Some(*start), Some(*limit), *step].into_iter().flatten() {
                    self.expr(bound);
                }
                self.for_body(std::slice::from_ref(name), *body);
            }
            StatKind::GenericFor { names, exprs, body } => {
                self.ast[*exprs].iter().for_each(|expr| self.expr(*expr));
                self.for_body(&self.ast[*names], *body);
            }
            StatKind::Return(values) => {
                self.return_statement(&self.ast[*values]);
                return true;
            }
            StatKind::Break => {
                self.jumps.exits += 1;
                if self.jumps.loops == 0 {
                    let message = format!("break outside loop at line {}", stat.line);
                    self.report(DiagnosticKind::Jump, stat.span, message);
                }
                return true;
            }
            StatKind::Goto(label) => {
                self.goto(label);
                return true;
            }
            StatKind::Label(_) => {}
        }
        false
    }

    /// The first value is what a call of the function results in.
    fn return_statement(&mut self, values: &'a [ExprId]) {
        let mut values = values.iter();
        if let Some(first) = values.next() {
            let known = self.functions.last().and_then(|function| function.result);
            let result = known.unwrap_or_else(|| self.new_value());
            if let Some(function) = self.functions.last_mut() {
                function.result = Some(result);
            }
            self.value(*first, Some(result));
        }
        values.for_each(|value| self.expr(*value));
    }

    fn if_statement(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<Block>) -> bool {
        let mut all_diverge = otherwise.is_some();
        for (cond, body) in arms {
            self.expr(*cond);
            all_diverge &= self.block(*body);
        }
        if let Some(body) = otherwise {
            all_diverge &= self.block(body);
        }
        all_diverge
    }

    fn in_loop(&mut self, walk: impl FnOnce(&mut Self) -> bool) {
        self.jumps.loops += 1;
        walk(self);
        self.jumps.loops -= 1;
    }

    fn for_body(&mut self, names: &'a [Name], body: Block) {
        self.enter();
        for name in names {
            self.declare(EntityKind::LoopVariable, name);
        }
        self.in_loop(|this| this.block(body));
        self.leave();
    }

    /// The names become visible after the values.
    fn local(&mut self, stat: &'a Stat, names: &'a [(Name, Attrib)], values: &'a [ExprId]) {
        let ids: Vec<EntityId> = names.iter().map(|(name, attrib)| {
            let kind = match attrib {
                Attrib::None => EntityKind::Local,
                Attrib::Const => EntityKind::Constant,
                Attrib::Close => EntityKind::ToBeClosed,
            };
            let id = self.declared(kind, name);
            self.result.has_own_environment |= self.text(name.text) == b"_ENV";
            id
        }).collect();
        for ((_, attrib), value) in names.iter().zip(values) {
            if *attrib == Attrib::Close {
                self.check_closable(*value);
            }
        }
        for index in 0..ids.len().max(values.len()) {
            let symbol = names.get(index).and_then(|(name, attrib)| {
                let is_constant = *attrib == Attrib::Const;
                self.variable_symbol(stat, name, values.get(index).copied(), is_constant)
            });
            let value = values.get(index).copied();
            self.inside(symbol, |this| {
                if let Some(value) = value {
                    this.value(value, ids.get(index).copied());
                }
            });
        }
        for (id, (name, _)) in ids.into_iter().zip(names) {
            self.make_visible(id, name);
        }
    }

    /// The value of a `<close>` variable needs a metamethod, unless it is nil or false.
    fn check_closable(&mut self, value: ExprId) {
        let node = &self.ast.exprs[value.0 as usize];
        let kind = match &node.kind {
            Expr::True => "a boolean",
            Expr::Int(_) | Expr::Float(_) => "a number",
            Expr::Str(_) => "a string",
            Expr::Function(_) => "a function",
            Expr::Table { .. } => "a table without a metatable",
            _ => return,
        };
        self.report(DiagnosticKind::Close, node.span, format!("{kind} cannot be closed"));
    }

    fn assign(&mut self, stat: &'a Stat, targets: &'a [ExprId], values: &'a [ExprId]) {
        let ids: Vec<Option<EntityId>> = targets.iter().map(|target| self.target(*target)).collect();
        for (index, value) in values.iter().enumerate() {
            let id = ids.get(index).copied().flatten();
            let symbol = id.and_then(|id| self.assigned_symbol(stat, id, targets[index], *value));
            self.inside(symbol, |this| this.value(*value, id));
        }
    }

    fn function_statement(&mut self, stat: &'a Stat, target: ExprId, is_method: bool, function: FunctionId) {
        let id = self.target(target);
        let receiver = self.receiver(target, is_method);
        let symbol = self.path(target, is_method).map(|(name, name_span)| {
            let kind = if is_method { SymbolKind::Method } else { SymbolKind::Function };
            Symbol { name, kind, span: stat.span, name_span, children: Vec::new() }
        });
        self.inside(symbol.map(Entry::always), |this| this.function(function, id, receiver));
    }

    fn receiver(&mut self, target: ExprId, is_method: bool) -> Option<Receiver> {
        let Expr::Field { object, .. } = &self.ast.exprs[target.0 as usize].kind else { return None };
        let node = &self.ast.exprs[object.0 as usize];
        let span = match &node.kind {
            Expr::Field { name, .. } => name.span,
            _ => node.span,
        };
        let named = self.result.occurrences.iter().rev().find(|occurrence| occurrence.span == span);
        Some(Receiver { entity: named.map(|occurrence| occurrence.entity), span, is_method })
    }

    pub(super) fn function(&mut self, function: FunctionId, owner: Option<EntityId>, receiver: Option<Receiver>) {
        let function = &self.ast.functions[function.0 as usize];
        let loops = self.jumps.enter_function();
        self.functions.push(OpenFunction::default());
        self.enter();
        for (index, param) in self.ast[function.params].iter().enumerate() {
            let id = self.declare(EntityKind::Parameter, param);
            if index == 0 {
                self.bind_self(id, param, receiver.as_ref());
            }
        }
        if let Some(owner) = owner {
            self.describe(owner, function, receiver.is_some_and(|receiver| receiver.is_method));
        }
        self.block(function.body);
        self.leave();
        let result = self.functions.pop().and_then(|open| open.result);
        if let Some(owner) = owner {
            let entity = self.entity(owner);
            entity.result = entity.result.or(result);
        }
        self.jumps.leave_function();
        self.jumps.loops = loops;
    }

    /// `self` stands for the table of the method; where it is a written parameter, probably.
    fn bind_self(&mut self, id: EntityId, param: &Name, receiver: Option<&Receiver>) {
        let Some(receiver) = receiver else { return };
        if receiver.is_method {
            let entity = self.entity(id);
            (entity.alias, entity.definition) = (receiver.entity, Some(receiver.span));
        } else if self.text(param.text) == b"self"
            && let Some(table) = receiver.entity
        {
            self.set_origin(Some(id), Origin::Same(table));
        }
    }

    /// The first function that something is given counts.
    fn describe(&mut self, owner: EntityId, function: &Function, is_method: bool) {
        let skipped = usize::from(is_method);
        let params = self.ast[function.params].iter().skip(skipped).map(|param| self.string(param.text)).collect();
        let signature = Signature { params, is_vararg: function.is_vararg, is_method };
        self.entity(owner).signature.get_or_insert(Box::new(signature));
    }

    /// Walks what is assigned to; the entity, if it is known.
    fn target(&mut self, target: ExprId) -> Option<EntityId> {
        self.operand(target, Role::Write)
    }
}

fn is_label(stat: &Stat) -> bool {
    matches!(stat.kind, StatKind::Label(_))
}
