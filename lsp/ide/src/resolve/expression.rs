//! Expressions, and where the values of entities come from.

use super::Resolver;
use super::outline::Entry;
use crate::entity::{EntityId, EntityKind, Origin, Role};
use crate::analysis::Required;
use crate::symbol::SymbolKind;
use crate::Span;
use perilune_syntax::ast::{BinaryOp, Expr, ExprId, Name, TableField};

/// Expressions yet to be walked, each with what its value is given to.
type Work = Vec<(ExprId, Option<EntityId>)>;

impl<'a> Resolver<'a> {
    pub(super) fn expr(&mut self, expr: ExprId) {
        self.drain(vec![(expr, None)]);
    }

    pub(super) fn value(&mut self, value: ExprId, owner: Option<EntityId>) {
        self.drain(vec![(value, owner)]);
    }

    /// Walks an expression; the entity, if names alone lead to it.
    pub(super) fn operand(&mut self, expr: ExprId, role: Role) -> Option<EntityId> {
        let mut work = Work::new();
        let id = self.named(expr, role, &mut work);
        self.drain(work);
        id
    }

    /// As `operand`, but what is not a name is left as work.
    fn named(&mut self, expr: ExprId, role: Role, work: &mut Work) -> Option<EntityId> {
        let node = &self.ast.exprs[expr.0 as usize];
        match &node.kind {
            Expr::Name(name) => self.use_name(self.text(*name), node.span, role),
            Expr::Field { .. } => self.chain(expr, role, work),
            _ => {
                work.push((expr, None));
                None
            }
        }
    }

    fn drain(&mut self, mut work: Work) {
        while let Some((id, owner)) = work.pop() {
            let node = &self.ast.exprs[id.0 as usize];
            match &node.kind {
                Expr::Name(_) | Expr::Field { .. } => {
                    if let Some(named) = self.named(id, Role::Read, &mut work) {
                        self.set_origin(owner, Origin::Same(named));
                    }
                }
                Expr::Index { object, key } => work.extend([(*key, None), (*object, None)]),
                Expr::Call { callee, args } => self.call(*callee, &self.ast[*args], owner, &mut work),
                Expr::Method { object, name, args } => {
                    work.extend(self.ast[*args].iter().rev().map(|arg| (*arg, None)));
                    let holder = self.holder(*object, &mut work);
                    if let Some(method) = self.field(holder, name, Role::Read) {
                        self.set_origin(owner, Origin::Call(method));
                    }
                }
                Expr::Function(function) => self.function(*function, owner, None),
                Expr::Binary { op: BinaryOp::Or, lhs, rhs } => work.extend([(*rhs, owner), (*lhs, owner)]),
                Expr::Binary { op: BinaryOp::And, lhs, rhs } => work.extend([(*rhs, owner), (*lhs, None)]),
                Expr::Binary { lhs, rhs, .. } => work.extend([(*rhs, None), (*lhs, None)]),
                Expr::Unary { operand, .. } => work.push((*operand, None)),
                Expr::Paren(inner) => work.push((*inner, owner)),
                Expr::Table { fields, .. } => self.table(&self.ast[*fields], owner),
                Expr::Str(_) => {
                    let library = self.global(b"string");
                    self.set_origin(owner, Origin::Same(library));
                }
                Expr::Nil | Expr::True | Expr::False | Expr::Vararg | Expr::Int(_) | Expr::Float(_) => {}
            }
        }
    }

    fn call(&mut self, callee: ExprId, args: &'a [ExprId], owner: Option<EntityId>, work: &mut Work) {
        let function = self.named(callee, Role::Read, work);
        match (self.standard_name(function), args) {
            (Some("require"), [name, ..]) => self.require(*name, owner),
            (Some("setmetatable"), [table, metatable, ..]) => {
                return self.set_metatable(*table, *metatable, owner, work);
            }
            _ => {
                if let Some(function) = function {
                    self.set_origin(owner, Origin::Call(function));
                }
            }
        }
        work.extend(args.iter().rev().map(|arg| (*arg, None)));
    }

    /// The name of a global function whose calls say something about their results.
    fn standard_name(&self, function: Option<EntityId>) -> Option<&'static str> {
        let entity = &self.result.entities[function?.0 as usize];
        let known = ["require", "setmetatable"].into_iter().find(|name| **name == *entity.name)?;
        (entity.kind == EntityKind::Global).then_some(known)
    }

    fn require(&mut self, name: ExprId, owner: Option<EntityId>) {
        let node = &self.ast.exprs[name.0 as usize];
        if let Expr::Str(text) = &node.kind {
            let name = self.string(*text);
            self.result.required.push(Required { name: name.clone(), span: node.span });
            self.set_origin(owner, Origin::Module(name.into()));
        }
    }

    /// `setmetatable(table, metatable)`: an instance where a function makes it, else a table that inherits.
    ///
    /// Fields of instances are not told apart from those of their class.
    fn set_metatable(&mut self, table: ExprId, metatable: ExprId, owner: Option<EntityId>, work: &mut Work) {
        let is_literal = |id: ExprId| matches!(self.ast.exprs[id.0 as usize].kind, Expr::Table { .. });
        let is_instance = self.functions.len() > 1 && !is_literal(metatable);
        let class = self.new_value();
        work.push((metatable, Some(class)));
        let target = match self.ast.exprs[table.0 as usize].kind {
            Expr::Name(_) | Expr::Field { .. } => {
                let named = self.named(table, Role::Read, work);
                if let Some(named) = named {
                    self.set_origin(owner, Origin::Same(named));
                }
                named
            }
            _ => {
                work.push((table, owner));
                owner
            }
        };
        if is_instance {
            self.set_origin(target, Origin::Instance(class));
        } else if let Some(target) = target {
            self.entity(target).metatable.get_or_insert(class);
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
                TableField::Named(name, value) => self.named_field(name, *value, owner),
            }
        }
    }

    fn named_field(&mut self, name: &'a Name, value: ExprId, owner: Option<EntityId>) {
        let id = self.field(owner, name, Role::Write);
        let node = &self.ast.exprs[value.0 as usize];
        let symbol = match node.kind {
            Expr::Function(_) => {
                let span = Span { start: name.span.start, end: node.span.end };
                self.symbol(name, SymbolKind::Function, span).map(Entry::always)
            }
            Expr::Table { .. } => {
                let span = Span { start: name.span.start, end: node.span.end };
                self.symbol(name, SymbolKind::Variable, span).map(Entry::if_any_inside)
            }
            _ => None,
        };
        self.inside(symbol, |this| this.value(value, id));
    }

    fn field(&mut self, holder: Option<EntityId>, name: &Name, role: Role) -> Option<EntityId> {
        let id = self.member(holder?, self.text(name.text))?;
        self.mention(id, name.span, role);
        if self.result.entities[id.0 as usize].kind == EntityKind::Global {
            self.result.fields_of_globals.insert(name.span.start);
        }
        Some(id)
    }

    /// What a field is taken from: a name, or the value of whatever stands there.
    fn holder(&mut self, object: ExprId, work: &mut Work) -> Option<EntityId> {
        match self.ast.exprs[object.0 as usize].kind {
            Expr::Name(_) | Expr::Field { .. } => self.named(object, Role::Read, work),
            _ => {
                let value = self.new_value();
                work.push((object, Some(value)));
                Some(value)
            }
        }
    }

    /// Walks `a.b.c` from its root; `role` is that of the last name.
    fn chain(&mut self, expr: ExprId, role: Role, work: &mut Work) -> Option<EntityId> {
        let (mut names, mut root) = (Vec::new(), expr);
        while let Expr::Field { object, name } = &self.ast.exprs[root.0 as usize].kind {
            names.push(name);
            root = *object;
        }
        let mut id = self.holder(root, work);
        let last = names.len();
        for (index, name) in names.into_iter().rev().enumerate() {
            let role = if index + 1 == last { role } else { Role::Read };
            id = self.field(id, name, role);
        }
        id
    }
}
