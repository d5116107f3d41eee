//! Labels and the jumps that look for them.

use crate::error::{Next, Result, SemanticError};
use crate::exp::Jumps;
use crate::function::{Function, Scope};
use perilune_isa::{Op, word};
use perilune_syntax::ast::{Ast, Name, Span, StrId};

/// A label that is visible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    pub(crate) name: StrId,
    pub(crate) line: u32,
    pub(crate) pc: u32,
    pub(crate) actives: usize,
}

/// A jump to a label that was not seen yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goto {
    pub(crate) name: StrId,
    pub(crate) line: u32,
    pub(crate) span: Span,
    pub(crate) jumps: Jumps,
    pub(crate) actives: usize,
    /// Registers of the variables at the jump.
    pub(crate) level: usize,
    /// It leaves the scope of a captured variable.
    pub(crate) close: bool,
}

/// A label that cannot be jumped to, with the variable in the way.
#[derive(Debug)]
pub(crate) struct IntoScope {
    pub(crate) goto: Goto,
    pub(crate) variable: StrId,
}

impl Function {
    pub(crate) fn find_label(&self, name: StrId) -> Option<Label> {
        self.labels.iter().find(|l| l.name == name).copied()
    }

    pub(crate) fn pending(&mut self, name: StrId, line: u32, span: Span, jumps: Jumps) {
        let actives = self.actives.len();
        let level = self.register_level(actives);
        self.gotos.push(Goto { name, line, span, jumps, actives, level, close: false });
    }

    pub(crate) fn goto(&mut self, name: Name) -> Result<()> {
        let Some(label) = self.find_label(name.text) else {
            let jump = self.jump()?;
            self.pending(name.text, name.line, name.span, jump);
            return Ok(());
        };
        let level = self.register_level(label.actives);
        if self.register_level(self.actives.len()) > level {
            self.emit(word::abc(Op::Close, level as u8, 0, 0));
        }
        self.jump_back(label.pc)
    }

    /// Defines a label here; true if variables are closed at it.
    pub(crate) fn create_label(&mut self, name: StrId, line: u32, at_end: bool) -> Result<bool> {
        let pc = self.here();
        let outer = self.scopes.last().map_or(0, |s| s.first_active);
        let actives = if at_end { outer } else { self.actives.len() };
        let label = Label { name, line, pc, actives };
        self.labels.push(label);
        if self.solve(label)? {
            let level = self.register_level(self.actives.len());
            self.emit(word::abc(Op::Close, level as u8, 0, 0));
            return Ok(true);
        }
        Ok(false)
    }

    fn solve(&mut self, label: Label) -> Result<bool> {
        let mut close = false;
        let mut at = self.scopes.last().map_or(0, |s| s.first_goto);
        while at < self.gotos.len() {
            let goto = self.gotos[at];
            if goto.name != label.name {
                at += 1;
                continue;
            }
            if goto.actives < label.actives {
                let variable = self.actives[goto.actives].name;
                self.into_scope = Some(IntoScope { goto, variable });
                return self.error(String::new());
            }
            close |= goto.close;
            self.patch(goto.jumps, label.pc);
            self.gotos.remove(at);
        }
        Ok(close)
    }

    pub(crate) fn move_gotos_out(&mut self, scope: &Scope) {
        let outside = self.register_level(scope.first_active);
        for goto in &mut self.gotos[scope.first_goto..] {
            goto.close |= scope.has_upvalue && goto.level > outside;
            goto.level = goto.level.min(outside);
            goto.actives = scope.first_active;
        }
    }
}

/// The message for a jump that found no label; `line` and `next` say where its function ended.
pub(crate) fn undefined(goto: &Goto, ast: &Ast, break_name: StrId, line: u32, next: Next) -> Box<SemanticError> {
    let is_break = goto.name == break_name;
    let message = if is_break {
        format!("break outside loop at line {}", goto.line)
    } else {
        let name = String::from_utf8_lossy(crate::text(ast, goto.name));
        format!("no visible label '{name}' for <goto> at line {}", goto.line)
    };
    Box::new(SemanticError { message, line, span: goto.span, next })
}
