//! Loops and conditions.

use crate::Compiler;
use crate::error::Result;
use crate::exp::{Exp, Jumps, Kind};
use crate::function::VarKind;
use perilune_isa::{Op, word};
use perilune_syntax::ast::{Block, Expr, ExprId, Name, StatKind};

impl<'a> Compiler<'a> {
    pub(crate) fn while_loop(&mut self, cond: ExprId, body: Block) -> Result<()> {
        let start = self.f.here();
        let exit = self.leaves_if_false(cond)?;
        self.f.enter(true);
        self.block(body)?;
        self.f.jump_back(start)?;
        self.f.line = body.end_line;
        self.f.leave(self.break_name)?;
        self.f.patch_here(exit);
        Ok(())
    }

    fn leaves_if_false(&mut self, cond: ExprId) -> Result<Jumps> {
        let e = self.expr(cond)?;
        self.jumps_if_false(e)
    }

    /// As [`Compiler::leaves_if_false`]; the jump belongs to the line of `then`.
    fn skips_if_false(&mut self, cond: ExprId, then_line: u32) -> Result<Jumps> {
        let e = self.expr(cond)?;
        self.f.line = then_line;
        self.jumps_if_false(e)
    }

    fn jumps_if_false(&mut self, mut e: Exp) -> Result<Jumps> {
        if e.kind == Kind::Nil {
            e.kind = Kind::False;
        }
        self.f.go_if_true(&mut e)?;
        Ok(e.on_false)
    }

    pub(crate) fn repeat_loop(&mut self, body: Block, cond: ExprId, cond_line: u32) -> Result<()> {
        let start = self.f.here();
        self.f.enter(true);
        self.f.enter(false);
        self.statements_before(body, false)?;
        self.f.line = cond_line;
        let mut e = self.expr(cond)?;
        self.f.go_if_false(&mut e)?;
        if self.f.scopes.last().is_some_and(|s| s.has_upvalue) {
            let level = self.f.scopes.last().map_or(0, |s| s.first_active);
            let level = self.f.register_level(level) as u8;
            self.f.emit(word::abc(Op::Close, level, 0, 0));
        }
        self.f.jump_back(start)?;
        self.f.patch_here(e.on_true);
        self.f.leave(self.break_name)?;
        self.f.leave(self.break_name)
    }

    pub(crate) fn if_statement(&mut self, arms: &'a [(ExprId, Block)], otherwise: Option<Block>) -> Result<()> {
        let mut escapes = Jumps::NONE;
        for (at, (cond, body)) in arms.iter().copied().enumerate() {
            let is_last = at + 1 == arms.len() && otherwise.is_none();
            if let [stat] = &self.ast[body.stats] {
                if matches!(stat.kind, StatKind::Break) {
                    self.break_if(cond, stat, body.first_line)?;
                    continue;
                }
            }
            let next = self.skips_if_false(cond, body.first_line)?;
            self.block(body)?;
            if !is_last {
                let escape = self.f.jump()?;
                escapes = self.f.join(escape, escapes);
            }
            self.f.line = body.end_line;
            self.f.patch_here(next);
        }
        if let Some(body) = otherwise {
            self.block(body)?;
            self.f.line = body.end_line;
        }
        self.f.patch_here(escapes);
        Ok(())
    }

    /// `if cond then break`: the condition itself leaves the loop.
    fn break_if(&mut self, cond: ExprId, stat: &perilune_syntax::ast::Stat, then_line: u32) -> Result<()> {
        let mut e = self.expr(cond)?;
        self.f.line = then_line;
        self.f.go_if_false(&mut e)?;
        self.f.pending(self.break_name, stat.line, stat.span, e.on_true);
        Ok(())
    }

    fn hidden(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            self.f.activate(crate::FOR_STATE, VarKind::Regular)?;
        }
        Ok(())
    }

    pub(crate) fn numeric_for(
        &mut self,
        name: Name,
        bounds: [Option<ExprId>; 3],
        body: Block,
        line: u32,
    ) -> Result<()> {
        self.f.enter(true);
        self.check_room(3, [name].iter())?;
        let base = self.f.free as u8;
        for bound in bounds {
            let mut e = match bound {
                Some(id) => self.expr(id)?,
                None => Exp::new(Kind::Int(1)),
            };
            self.f.to_next(&mut e)?;
        }
        self.hidden(3)?;
        let prep = self.f.emit_wide(word::abc(Op::ForPrep, base, 0, 0), 0);
        self.loop_body(&[name], body)?;
        let end = self.f.here();
        self.f.fix_jump(prep, end + 2);
        let again = self.f.emit_wide(word::abc(Op::ForLoop, base, 0, 0), 0);
        self.f.fix_jump(again, prep + 2);
        self.f.fix_line(line);
        self.f.line = body.end_line;
        self.f.here();
        self.f.leave(self.break_name)
    }

    pub(crate) fn generic_for(
        &mut self,
        names: &'a [Name],
        exprs: &'a [ExprId],
        body: Block,
        line: u32,
    ) -> Result<()> {
        self.f.enter(true);
        self.check_room(4, names.iter())?;
        let base = self.f.free as u8;
        // The iterator is called on the line where its expression begins.
        let line = exprs.first().map_or(line, |first| self.first_line(*first));
        let mut last = self.expr_list(exprs)?;
        self.adjust(4, exprs.len(), &mut last)?;
        self.hidden(4)?;
        self.f.mark_to_be_closed();
        // The call copies the callee and two arguments above the loop's own registers.
        self.f.check_stack(4)?;
        let prep = self.f.emit_wide(word::abc(Op::TForPrep, base, 0, 0), 0);
        self.loop_body(names, body)?;
        let call = self.f.here();
        self.f.fix_jump(prep, call);
        self.f.emit(word::abc(Op::TForCall, base, 0, names.len() as u8));
        self.f.fix_line(line);
        let again = self.f.emit_wide(word::abc(Op::TForLoop, base, 0, 0), 0);
        self.f.fix_jump(again, prep + 2);
        self.f.fix_line(line);
        self.f.line = body.end_line;
        self.f.here();
        self.f.leave(self.break_name)
    }

    /// Line on which an expression begins.
    fn first_line(&self, id: ExprId) -> u32 {
        let mut id = id;
        loop {
            id = match self.node(id).kind {
                Expr::Call { callee, .. } => callee,
                Expr::Method { object, .. } | Expr::Field { object, .. } | Expr::Index { object, .. } => object,
                Expr::Binary { lhs, .. } => lhs,
                _ => return self.node(id).line,
            };
        }
    }

    fn loop_body(&mut self, names: &[Name], body: Block) -> Result<()> {
        self.f.enter(false);
        for name in names {
            self.f.span = name.span;
            self.f.activate(name.text, VarKind::Regular)?;
        }
        self.f.reserve(names.len())?;
        self.f.here();
        self.block(body)?;
        self.f.leave(self.break_name)?;
        self.f.line = body.end_line;
        Ok(())
    }
}
