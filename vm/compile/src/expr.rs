//! Expressions.

use crate::Compiler;
use crate::error::Result;
use crate::exp::{Exp, Kind};
use perilune_isa::{Op, word};
use perilune_syntax::ast::{BinaryOp, Expr, ExprId, TableField};

/// Items of a constructor that are stored at a time.
const ITEMS_PER_STORE: usize = 50;

impl<'a> Compiler<'a> {
    /// Compiles an expression. Operands on the left are walked, not recursed
    /// into: a chain of a million terms is as good as a short one.
    pub(crate) fn expr(&mut self, id: ExprId) -> Result<Exp> {
        match self.left(id) {
            None => self.leaf(id),
            Some(left) => self.chain(id, left),
        }
    }

    /// An expression with an operand on its left.
    #[inline(never)]
    fn chain(&mut self, id: ExprId, left: ExprId) -> Result<Exp> {
        let base = self.spine.len();
        self.spine.push(id);
        let mut at = left;
        while let Some(left) = self.left(at) {
            self.spine.push(at);
            at = left;
        }
        let mut e = self.leaf(at)?;
        while self.spine.len() > base {
            let Some(outer) = self.spine.pop() else { break };
            self.apply(outer, &mut e)?;
        }
        Ok(e)
    }

    fn left(&self, id: ExprId) -> Option<ExprId> {
        match self.node(id).kind {
            Expr::Field { object, .. } | Expr::Index { object, .. } | Expr::Method { object, .. } => Some(object),
            Expr::Call { callee, .. } => Some(callee),
            Expr::Binary { op, lhs, .. } if op != BinaryOp::Concat => Some(lhs),
            _ => None,
        }
    }

    fn leaf(&mut self, id: ExprId) -> Result<Exp> {
        let node = self.node(id);
        self.at(node.line, node.span);
        let kind = match &node.kind {
            Expr::Nil => Kind::Nil,
            Expr::True => Kind::True,
            Expr::False => Kind::False,
            Expr::Int(i) => Kind::Int(*i),
            Expr::Float(f) => Kind::Float(*f),
            Expr::Str(text) => return Ok(self.string(*text)),
            Expr::Name(name) => return self.name(*name),
            Expr::Vararg => Kind::Vararg(self.f.emit(word::abc(Op::Vararg, 0, 0, 1))),
            Expr::Function(function) => return self.closure(*function),
            Expr::Table { fields, end_line } => return self.table(&self.ast[*fields], *end_line),
            Expr::Paren(inner) => {
                let mut e = self.expr(*inner)?;
                self.f.discharge_vars(&mut e);
                return Ok(e);
            }
            Expr::Unary { op, operand } => {
                let mut e = self.expr(*operand)?;
                self.f.unary(*op, &mut e, node.line)?;
                return Ok(e);
            }
            // Of the kinds with a left operand, only this one comes here.
            _ => return self.concat(id),
        };
        Ok(Exp::new(kind))
    }

    fn apply(&mut self, id: ExprId, e: &mut Exp) -> Result<()> {
        let node = self.node(id);
        match &node.kind {
            Expr::Field { name, .. } => {
                self.f.to_any_or_upvalue(e)?;
                self.at(name.line, name.span);
                let mut key = self.string(name.text);
                self.f.index(e, &mut key)
            }
            Expr::Index { key, .. } => {
                self.f.to_any_or_upvalue(e)?;
                let mut key = self.expr(*key)?;
                self.f.to_value(&mut key)?;
                self.f.index(e, &mut key)
            }
            Expr::Call { args, .. } => {
                let base = self.f.to_next(e)?;
                self.f.reserve(1)?;
                self.call(e, base, &self.ast[*args], 0, node.line)
            }
            Expr::Method { name, args, .. } => {
                let base = self.method(e, name.text)?;
                self.call(e, base, &self.ast[*args], 1, node.line)
            }
            Expr::Binary { op, rhs, .. } => {
                self.at(node.line, self.f.span);
                self.f.infix(*op, e)?;
                let rhs = self.expr(*rhs)?;
                self.f.postfix(*op, e, rhs, node.line)
            }
            _ => Ok(()),
        }
    }

    fn method(&mut self, e: &mut Exp, name: perilune_syntax::ast::StrId) -> Result<u8> {
        let object = self.f.to_any(e)?;
        self.f.release_exp(e);
        let base = self.f.reserve(3)?;
        let key = self.string(name);
        if let Some(short) = self.f.field_key(&key) {
            self.f.emit_wide(word::abc(Op::Method, base, object, 0), word::cache_key(0, short));
        } else if let Kind::K(index) = key.kind {
            self.f.emit(word::abc(Op::Move, base + 2, object, 0));
            self.f.load_constant(base + 1, index);
            self.f.emit(word::abc(Op::GetIndex, base, base + 2, base + 1));
        }
        Ok(base)
    }

    /// The call itself: callee in `base`, `given` arguments are in their places.
    fn call(&mut self, e: &mut Exp, base: u8, args: &'a [ExprId], given: usize, line: u32) -> Result<()> {
        let last = self.expr_list(args)?;
        let count = if last.is_multi() {
            self.f.set_returns(&last, None)?;
            0
        } else {
            let mut last = last;
            if last.kind != Kind::Void {
                self.f.to_next(&mut last)?;
            }
            (args.len() + given + 1) as u8
        };
        *e = Exp::new(Kind::Call(self.f.emit(word::abc(Op::Call, base, count, 2))));
        self.f.fix_line(line);
        self.f.free = usize::from(base) + 1;
        Ok(())
    }

    /// All but the last value in consecutive registers; the last is returned.
    pub(crate) fn expr_list(&mut self, list: &'a [ExprId]) -> Result<Exp> {
        let Some((last, others)) = list.split_last() else { return Ok(Exp::VOID) };
        for id in others {
            let mut e = self.expr(*id)?;
            self.f.to_next(&mut e)?;
        }
        self.expr(*last)
    }

    /// `a .. b .. c` is one instruction over consecutive registers, on the line of the last operator.
    fn concat(&mut self, id: ExprId) -> Result<Exp> {
        let mut line = self.node(id).line;
        let mut at = id;
        let mut count = 1u8;
        let mut first = None;
        while let Expr::Binary { op: BinaryOp::Concat, lhs, rhs } = self.node(at).kind {
            line = self.node(at).line;
            let mut e = self.expr(lhs)?;
            self.at(line, self.f.span);
            let register = self.f.to_next(&mut e)?;
            first.get_or_insert(register);
            count += 1;
            at = rhs;
        }
        let mut e = self.expr(at)?;
        let last = self.f.to_next(&mut e)?;
        let base = first.unwrap_or(last);
        self.f.emit(word::abc(Op::Concat, base, count, 0));
        self.f.fix_line(line);
        self.f.free = usize::from(base) + 1;
        Ok(Exp::new(Kind::Reg(base)))
    }

    fn table(&mut self, fields: &'a [TableField], end_line: u32) -> Result<Exp> {
        let prefix = self.hint.take();
        let table = self.f.reserve(1)?;
        let new = self.f.emit_wide(word::abc(Op::NewTable, table, 0, 0), 0);
        let (mut stored, mut pending, mut named) = (0usize, 0usize, 0usize);
        let mut item: Option<Exp> = None;
        // A call at the end gives one value as a rule.
        let mut expected = 0;
        for field in fields {
            if let Some(mut e) = item.take() {
                self.f.to_next(&mut e)?;
                if pending == ITEMS_PER_STORE {
                    self.set_list(table, pending + 1, stored);
                    stored += pending;
                    pending = 0;
                }
            }
            match field {
                TableField::Item(value) => {
                    item = Some(self.expr(*value)?);
                    pending += 1;
                }
                TableField::Named(name, value) => {
                    named += 1;
                    self.at(name.line, name.span);
                    let key = self.string(name.text);
                    self.hint_field(prefix.as_deref(), name.text, *value);
                    self.keyed(table, key, *value)?;
                }
                TableField::Keyed(key, value) => {
                    named += 1;
                    // The items that follow must come right behind those that wait: the key's register is free again.
                    let free = self.f.free;
                    let mut key = self.expr(*key)?;
                    self.f.to_value(&mut key)?;
                    self.keyed(table, key, *value)?;
                    self.f.free = free;
                }
            }
            self.hint = None;
        }
        self.f.line = end_line;
        if let Some(mut e) = item {
            if e.is_multi() {
                expected = usize::from(matches!(e.kind, Kind::Call(_)));
                self.f.set_returns(&e, None)?;
                self.set_list(table, 0, stored);
                pending -= 1;
                stored += pending;
                pending = 0;
            } else {
                self.f.to_next(&mut e)?;
            }
        }
        if pending > 0 {
            self.set_list(table, pending + 1, stored);
            stored += pending;
        }
        self.f.free = usize::from(table) + 1;
        self.f.code[new as usize] = word::abc(Op::NewTable, table, named.min(255) as u8, 0);
        self.f.code[new as usize + 1] = (stored + expected) as u32;
        Ok(Exp::new(Kind::Reg(table)))
    }

    fn set_list(&mut self, table: u8, count: usize, stored: usize) {
        self.f.emit_wide(word::abc(Op::SetList, table, count as u8, 1), stored as u32);
        self.f.free = usize::from(table) + 1;
    }

    fn keyed(&mut self, table: u8, mut key: Exp, value: ExprId) -> Result<()> {
        let free = self.f.free;
        let mut target = Exp::new(Kind::Reg(table));
        self.f.index(&mut target, &mut key)?;
        let mut value = self.expr(value)?;
        self.f.store(&target, &mut value)?;
        self.f.free = free;
        Ok(())
    }
}
