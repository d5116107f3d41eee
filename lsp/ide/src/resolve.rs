//! Names to entities: one walk over the tree, scopes as Lua has them.
//!
//! Statements nest no deeper than the parser allows, so blocks recurse.
//! Operands may chain without limit, so expressions go through a work list.
//! Jumps are `resolve/jump.rs`.

mod jump;

use crate::Span;
use crate::analysis::Analysis;
use crate::diagnostic::{Diagnostic, DiagnosticKind};
use crate::entity::{Entity, EntityId, EntityKind, Occurrence, Role};
use crate::symbol::{Symbol, SymbolKind};
use jump::Jumps;
use perilune_syntax::ast::{Ast, Attrib, Block, Expr, ExprId, FunctionId, Name, Stat, StatKind, StrId, TableField};
use std::collections::HashMap;

/// Fields further than this from their variable are not told apart.
const MAX_DEPTH: u8 = 16;

/// The state of the walk.
pub(crate) struct Resolver<'a> {
    ast: &'a Ast,
    result: Analysis,
    /// Visible locals of each name, innermost last.
    visible: HashMap<&'a [u8], Vec<EntityId>>,
    /// Names declared by each open scope.
    scopes: Vec<Vec<&'a [u8]>>,
    members: HashMap<(EntityId, &'a [u8]), EntityId>,
    globals: HashMap<&'a [u8], EntityId>,
    jumps: Jumps<'a>,
    function_depth: u32,
    /// The statement being walked.
    statement: Span,
}

/// Expressions yet to be walked, each with what its value is assigned to.
type Work = Vec<(ExprId, Option<EntityId>)>;

impl<'a> Resolver<'a> {
    pub(crate) fn new(ast: &'a Ast) -> Resolver<'a> {
        Resolver {
            ast,
            result: Analysis::default(),
            visible: HashMap::new(),
            scopes: Vec::new(),
            members: HashMap::new(),
            globals: HashMap::new(),
            jumps: Jumps::default(),
            function_depth: 0,
            statement: Span::default(),
        }
    }

    /// Walks the main function.
    pub(crate) fn resolve(mut self) -> Analysis {
        if let Some(main) = self.ast.functions.last() {
            self.jumps.enter_function();
            self.block(&main.body);
            self.jumps.leave_function();
        }
        self.report_unused();
        let mut result = self.result;
        result.occurrences.sort_by_key(|occurrence| occurrence.span.start);
        let known = (0..result.entities.len()).map(|index| EntityId(index as u32));
        let paths: Vec<_> = known.filter_map(|id| Some((result.global_path(id)?, id))).collect();
        result.globals.extend(paths);
        result
    }

    fn report(&mut self, kind: DiagnosticKind, span: Span, message: String) {
        self.result.diagnostics.push(Diagnostic::new(kind, span, message));
    }

    fn report_unused(&mut self) {
        let unused: Vec<Diagnostic> = self.result.entities.iter().filter_map(|entity| {
            let is_checked = matches!(entity.kind, EntityKind::Local | EntityKind::Constant | EntityKind::LocalFunction);
            let span = entity.definition.filter(|_| is_checked && entity.reads == 0 && !entity.name.starts_with('_'))?;
            let message = format!("unused {} '{}'", entity.kind.words(), entity.name);
            Some(Diagnostic::new(DiagnosticKind::UnusedLocal, span, message))
        }).collect();
        self.result.diagnostics.extend(unused);
    }

    fn text(&self, id: StrId) -> &'a [u8] {
        &self.ast.strings[id.0 as usize]
    }

    fn string(&self, id: StrId) -> String {
        String::from_utf8_lossy(self.text(id)).into_owned()
    }

    fn entity(&mut self, id: EntityId) -> &mut Entity {
        &mut self.result.entities[id.0 as usize]
    }

    // Entities.

    fn new_entity(&mut self, kind: EntityKind, name: &[u8], parent: Option<EntityId>) -> EntityId {
        let id = EntityId(self.result.entities.len() as u32);
        let depth = parent.map_or(0, |parent| self.entity(parent).depth + 1);
        let name = String::from_utf8_lossy(name).into_owned();
        let (definition, statement, alias) = (None, None, None);
        let entity = Entity { kind, name, parent, definition, statement, is_function: false, reads: 0, depth, alias };
        self.result.entities.push(entity);
        id
    }

    fn declared(&mut self, kind: EntityKind, name: &Name) -> EntityId {
        let id = self.new_entity(kind, self.text(name.text), None);
        let statement = self.statement;
        let entity = self.entity(id);
        (entity.definition, entity.statement) = (Some(name.span), Some(statement));
        self.mention(id, name.span, Role::Declare);
        id
    }

    /// Notes a name in the text; an implicit or missing name has no bytes and is not one.
    fn mention(&mut self, entity: EntityId, span: Span, role: Role) {
        let statement = self.statement;
        let target = self.entity(entity);
        target.reads += u32::from(role == Role::Read);
        if role == Role::Write && target.definition.is_none() && !target.kind.is_lexical() {
            (target.definition, target.statement) = (Some(span), Some(statement));
        }
        if span.start < span.end {
            self.result.occurrences.push(Occurrence { span, entity, role });
        }
    }

    fn global(&mut self, name: &'a [u8]) -> EntityId {
        if let Some(id) = self.globals.get(name) {
            return *id;
        }
        let id = self.new_entity(EntityKind::Global, name, None);
        self.globals.insert(name, id);
        id
    }

    /// The field of `parent` with this name.
    fn member(&mut self, parent: EntityId, name: &'a [u8]) -> Option<EntityId> {
        let parent = self.entity(parent).alias.unwrap_or(parent);
        let holder = self.entity(parent);
        if holder.kind == EntityKind::Global && matches!(holder.name.as_str(), "_G" | "_ENV") {
            return Some(self.global(name));
        }
        if holder.depth >= MAX_DEPTH {
            return None;
        }
        if let Some(id) = self.members.get(&(parent, name)) {
            return Some(*id);
        }
        let id = self.new_entity(EntityKind::Member, name, Some(parent));
        self.members.insert((parent, name), id);
        Some(id)
    }

    // Scopes.

    fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    fn leave(&mut self) {
        for name in self.scopes.pop().unwrap_or_default() {
            if let Some(stack) = self.visible.get_mut(name) {
                stack.pop();
            }
        }
    }

    fn make_visible(&mut self, id: EntityId, name: &Name) {
        let text = self.text(name.text);
        let hidden = self.visible.get(text).and_then(|stack| stack.last()).copied();
        if let Some(hidden) = hidden.filter(|_| name.span.start < name.span.end && !text.starts_with(b"_")) {
            let related = self.entity(hidden).definition;
            let message = format!("'{}' hides a local of the same name", String::from_utf8_lossy(text));
            let mut diagnostic = Diagnostic::new(DiagnosticKind::Shadowing, name.span, message);
            diagnostic.related = related;
            self.result.diagnostics.push(diagnostic);
        }
        self.visible.entry(text).or_default().push(id);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(text);
        }
    }

    fn declare(&mut self, kind: EntityKind, name: &Name) -> EntityId {
        let id = self.declared(kind, name);
        self.make_visible(id, name);
        id
    }

    fn lookup(&self, name: &[u8]) -> Option<EntityId> {
        self.visible.get(name).and_then(|stack| stack.last()).copied()
    }

    /// The entity that a name stands for here.
    fn resolve_name(&mut self, name: &'a [u8]) -> Option<EntityId> {
        if let Some(local) = self.lookup(name) {
            return Some(local);
        }
        match self.lookup(b"_ENV").filter(|_| name != b"_ENV") {
            Some(environment) => {
                self.entity(environment).reads += 1;
                self.member(environment, name)
            }
            None => Some(self.global(name)),
        }
    }

    fn use_name(&mut self, name: &'a [u8], span: Span, role: Role) -> Option<EntityId> {
        let id = self.resolve_name(name)?;
        self.mention(id, span, role);
        let entity = self.entity(id);
        if role == Role::Write && entity.kind.is_read_only() {
            let message = format!("attempt to assign to const variable '{}'", entity.name);
            self.report(DiagnosticKind::ConstantAssignment, span, message);
        }
        self.result.has_own_environment |= role == Role::Write && name == b"_ENV";
        Some(id)
    }

    // Statements. Each answers whether control never passes its end.

    fn block(&mut self, block: &'a Block) -> bool {
        self.enter();
        let diverges = self.statements(block, false);
        self.leave();
        diverges
    }

    fn statements(&mut self, block: &'a Block, is_repeat: bool) -> bool {
        self.predeclare_labels(block, is_repeat);
        let (mut is_dead, mut is_reported) = (false, false);
        for (index, stat) in block.stats.iter().enumerate() {
            self.jumps.reach(index);
            let is_label = matches!(stat.kind, StatKind::Label(_));
            is_dead &= !is_label;
            if is_dead && !is_reported {
                let end = block.stats.iter().skip(index).take_while(|stat| !matches!(stat.kind, StatKind::Label(_)));
                let end = end.last().map_or(stat.span.end, |last| last.span.end);
                let span = Span { start: stat.span.start, end };
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
            StatKind::Local { names, values } => self.local(stat, names, values),
            StatKind::LocalFunction { name, function } => {
                let id = self.declare(EntityKind::LocalFunction, name);
                self.entity(id).is_function = true;
                let symbol = self.symbol(name, SymbolKind::Function, stat.span);
                self.inside(symbol, |this| this.function(*function, None));
            }
            StatKind::Function { target, is_method, function } => {
                self.function_statement(stat, *target, *is_method, *function);
            }
            StatKind::Assign { targets, values } => self.assign(stat, targets, values),
            StatKind::Call(call) => self.expr(*call),
            StatKind::Do(body) => return self.block(body),
            StatKind::While { cond, body } => {
                self.expr(*cond);
                self.in_loop(|this| this.block(body));
            }
            StatKind::Repeat { body, cond, .. } => {
                self.enter();
                self.in_loop(|this| this.statements(body, true));
                self.expr(*cond);
                self.leave();
            }
            StatKind::If { arms, otherwise } => return self.if_statement(arms, otherwise.as_ref()),
            StatKind::NumericFor { name, start, limit, step, body } => {
                for bound in [Some(*start), Some(*limit), *step].into_iter().flatten() {
                    self.expr(bound);
                }
                self.for_body(std::slice::from_ref(name), body);
            }
            StatKind::GenericFor { names, exprs, body } => {
                exprs.iter().for_each(|expr| self.expr(*expr));
                self.for_body(names, body);
            }
            StatKind::Return(values) => {
                values.iter().for_each(|value| self.expr(*value));
                return true;
            }
            StatKind::Break => {
                if self.jumps.loops == 0 {
                    let message = format!("break outside a loop at line {}", stat.line);
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

    fn if_statement(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<&'a Block>) -> bool {
        let mut all_diverge = otherwise.is_some();
        for (cond, body) in arms {
            self.expr(*cond);
            all_diverge &= self.block(body);
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

    fn for_body(&mut self, names: &'a [Name], body: &'a Block) {
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

    fn assign(&mut self, stat: &'a Stat, targets: &'a [ExprId], values: &'a [ExprId]) {
        let ids: Vec<Option<EntityId>> = targets.iter().map(|target| self.target(*target)).collect();
        for (index, value) in values.iter().enumerate() {
            let id = ids.get(index).copied().flatten();
            let symbol = id.and_then(|id| self.assigned_symbol(stat, id, targets[index], *value));
            self.inside(symbol, |this| this.value(*value, id));
        }
    }

    /// Walks what is assigned to; the entity, if it is known.
    fn target(&mut self, target: ExprId) -> Option<EntityId> {
        let node = &self.ast.exprs[target.0 as usize];
        let mut work = Work::new();
        let id = match &node.kind {
            Expr::Name(name) => self.use_name(self.text(*name), node.span, Role::Write),
            Expr::Field { .. } => self.chain(target, Role::Write, &mut work),
            _ => {
                work.push((target, None));
                None
            }
        };
        self.drain(work);
        id
    }

    fn function_statement(&mut self, stat: &'a Stat, target: ExprId, is_method: bool, function: FunctionId) {
        let id = self.target(target);
        if let Some(id) = id {
            self.entity(id).is_function |= !self.result.entities[id.0 as usize].kind.is_lexical();
        }
        let receiver = if is_method { self.receiver(target) } else { None };
        let symbol = self.path(target, is_method).map(|(name, name_span)| {
            let kind = if is_method { SymbolKind::Method } else { SymbolKind::Function };
            Symbol { name, kind, span: stat.span, name_span, children: Vec::new() }
        });
        self.inside(symbol, |this| this.function(function, receiver));
    }

    /// What `self` stands for in a method, and where that is named.
    fn receiver(&mut self, target: ExprId) -> Option<(Option<EntityId>, Span)> {
        let Expr::Field { object, .. } = &self.ast.exprs[target.0 as usize].kind else { return None };
        let node = &self.ast.exprs[object.0 as usize];
        let span = match &node.kind {
            Expr::Field { name, .. } => name.span,
            _ => node.span,
        };
        let entity = self.result.occurrences.iter().rev().find(|occurrence| occurrence.span == span);
        Some((entity.map(|occurrence| occurrence.entity), span))
    }

    fn function(&mut self, function: FunctionId, receiver: Option<(Option<EntityId>, Span)>) {
        let function = &self.ast.functions[function.0 as usize];
        let loops = self.jumps.enter_function();
        self.function_depth += 1;
        self.enter();
        for param in &function.params {
            let id = self.declare(EntityKind::Parameter, param);
            let is_implicit = param.span.start == param.span.end;
            if let Some((alias, span)) = receiver.filter(|_| is_implicit) {
                let entity = self.entity(id);
                (entity.alias, entity.definition) = (alias, Some(span));
            }
        }
        self.block(&function.body);
        self.leave();
        self.function_depth -= 1;
        self.jumps.leave_function();
        self.jumps.loops = loops;
    }

    // Expressions.

    fn expr(&mut self, expr: ExprId) {
        self.drain(vec![(expr, None)]);
    }

    fn value(&mut self, value: ExprId, owner: Option<EntityId>) {
        self.drain(vec![(value, owner)]);
    }

    fn drain(&mut self, mut work: Work) {
        while let Some((id, owner)) = work.pop() {
            let node = &self.ast.exprs[id.0 as usize];
            match &node.kind {
                Expr::Name(name) => {
                    self.use_name(self.text(*name), node.span, Role::Read);
                }
                Expr::Field { .. } => {
                    self.chain(id, Role::Read, &mut work);
                }
                Expr::Index { object, key } => work.extend([(*key, None), (*object, None)]),
                Expr::Call { callee, args } => {
                    work.extend(args.iter().rev().map(|arg| (*arg, None)));
                    work.push((*callee, None));
                }
                Expr::Method { object, name, args } => {
                    work.extend(args.iter().rev().map(|arg| (*arg, None)));
                    let holder = self.chain(*object, Role::Read, &mut work);
                    self.field(holder, name, Role::Read);
                }
                Expr::Function(function) => {
                    if let Some(owner) = owner {
                        self.entity(owner).is_function = true;
                    }
                    self.function(*function, None);
                }
                Expr::Binary { lhs, rhs, .. } => work.extend([(*rhs, None), (*lhs, None)]),
                Expr::Unary { operand, .. } | Expr::Paren(operand) => work.push((*operand, None)),
                Expr::Table { fields, .. } => self.table(fields, owner),
                Expr::Nil | Expr::True | Expr::False | Expr::Vararg | Expr::Int(_) | Expr::Float(_) | Expr::Str(_) => {}
            }
        }
    }

    fn table(&mut self, fields: &'a [TableField], owner: Option<EntityId>) {
        for field in fields {
            match field {
                TableField::Item(value) => self.expr(*value),
                TableField::Keyed(key, value) => {
                    self.expr(*key);
                    self.expr(*value);
                }
                TableField::Named(name, value) => {
                    let id = self.field(owner, name, Role::Write);
                    let node = &self.ast.exprs[value.0 as usize];
                    match node.kind {
                        Expr::Function(_) => {
                            let span = Span { start: name.span.start, end: node.span.end };
                            let symbol = self.symbol(name, SymbolKind::Function, span);
                            self.inside(symbol, |this| this.value(*value, id));
                        }
                        _ => self.value(*value, id),
                    }
                }
            }
        }
    }

    fn field(&mut self, holder: Option<EntityId>, name: &Name, role: Role) -> Option<EntityId> {
        let id = self.member(holder?, self.text(name.text))?;
        self.mention(id, name.span, role);
        Some(id)
    }

    /// Walks `a.b.c` from its root; `role` is that of the last name. What the root is, if not a name, is left as work.
    fn chain(&mut self, expr: ExprId, role: Role, work: &mut Work) -> Option<EntityId> {
        let (mut names, mut at) = (Vec::new(), expr);
        while let Expr::Field { object, name } = &self.ast.exprs[at.0 as usize].kind {
            names.push(name);
            at = *object;
        }
        let node = &self.ast.exprs[at.0 as usize];
        let mut id = match &node.kind {
            Expr::Name(name) => self.use_name(self.text(*name), node.span, Role::Read),
            _ => {
                work.push((at, None));
                None
            }
        };
        let last = names.len();
        for (index, name) in names.into_iter().rev().enumerate() {
            let role = if index + 1 == last { role } else { Role::Read };
            id = self.field(id, name, role);
        }
        id
    }

    // Outline.

    /// Walks what belongs below `symbol` in the outline.
    fn inside(&mut self, symbol: Option<Symbol>, walk: impl FnOnce(&mut Self)) {
        let Some(mut symbol) = symbol else { return walk(self) };
        let siblings = std::mem::take(&mut self.result.symbols);
        walk(self);
        symbol.children = std::mem::replace(&mut self.result.symbols, siblings);
        self.result.symbols.push(symbol);
    }

    fn symbol(&self, name: &Name, kind: SymbolKind, span: Span) -> Option<Symbol> {
        let is_written = name.span.start < name.span.end;
        let name_span = name.span;
        is_written.then(|| Symbol { name: self.string(name.text), kind, span, name_span, children: Vec::new() })
    }

    fn is_function(&self, value: Option<ExprId>) -> bool {
        value.is_some_and(|value| matches!(self.ast.exprs[value.0 as usize].kind, Expr::Function(_)))
    }

    /// Functions are shown everywhere, variables only in the main function.
    fn variable_symbol(&self, stat: &Stat, name: &Name, value: Option<ExprId>, is_constant: bool) -> Option<Symbol> {
        let kind = match () {
            () if self.is_function(value) => SymbolKind::Function,
            () if self.function_depth > 0 => return None,
            () if is_constant => SymbolKind::Constant,
            () => SymbolKind::Variable,
        };
        self.symbol(name, kind, stat.span)
    }

    fn assigned_symbol(&mut self, stat: &Stat, id: EntityId, target: ExprId, value: ExprId) -> Option<Symbol> {
        let (name, name_span) = self.path(target, false)?;
        let is_function = self.is_function(Some(value));
        let entity = self.entity(id);
        let is_new_global = entity.kind == EntityKind::Global && entity.definition == Some(name_span);
        let kind = match is_function {
            true => SymbolKind::Function,
            false if is_new_global => SymbolKind::Variable,
            false => return None,
        };
        Some(Symbol { name, kind, span: stat.span, name_span, children: Vec::new() })
    }

    /// `a.b:c` as text, and where it stands.
    fn path(&self, target: ExprId, is_method: bool) -> Option<(String, Span)> {
        let (mut names, mut at) = (Vec::new(), target);
        while let Expr::Field { object, name } = &self.ast.exprs[at.0 as usize].kind {
            names.push(self.string(name.text));
            at = *object;
        }
        let Expr::Name(root) = &self.ast.exprs[at.0 as usize].kind else { return None };
        let method = if is_method && !names.is_empty() { Some(names.remove(0)) } else { None };
        names.push(self.string(*root));
        names.reverse();
        let mut text = names.join(".");
        if let Some(method) = method {
            text = format!("{text}:{method}");
        }
        let span = self.ast.exprs[target.0 as usize].span;
        (span.start < span.end && !text.is_empty()).then_some((text, span))
    }
}
