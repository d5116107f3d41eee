//! A function under construction: its code, registers, variables and blocks.

use crate::constants::{Constants, MixHasher};
use crate::error::{Next, Result, SemanticError};
use crate::exp::Kind;
use perilune_isa::{Op, Proto, word};
use perilune_syntax::ast::{Span, StrId};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

/// Registers a function may have.
pub(crate) const MAX_REGISTERS: usize = 250;

/// Local variables a function may have in scope.
pub(crate) const MAX_VARIABLES: usize = 200;

/// How a variable may be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum VarKind {
    Regular,
    Const,
    Close,
    /// A constant known now: the variable has no register.
    Known(Known),
}

/// The value of a compile-time constant; strings by id, so that any function can use them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    Plain(Kind),
    Str(StrId),
}

/// A variable in scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) name: StrId,
    pub(crate) kind: VarKind,
    pub(crate) register: u8,
    /// Its entry in [`Function::locals`], or in [`Function::known`].
    pub(crate) record: usize,
}

/// Debug record of a local variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalRecord {
    pub(crate) name: StrId,
    pub(crate) register: u8,
    pub(crate) start_pc: u32,
    pub(crate) end_pc: u32,
}

/// Debug record of a compile-time constant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownRecord {
    pub(crate) name: StrId,
    pub(crate) value: Known,
    pub(crate) start_pc: u32,
    pub(crate) end_pc: u32,
    /// Whether an enclosing function declares it.
    pub(crate) is_outer: bool,
}

/// An upvalue of the function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upvalue {
    pub(crate) name: StrId,
    pub(crate) in_stack: bool,
    pub(crate) index: u8,
    pub(crate) read_only: bool,
}

/// A lexical block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) first_active: usize,
    pub(crate) first_label: usize,
    pub(crate) first_goto: usize,
    pub(crate) has_upvalue: bool,
    pub(crate) is_loop: bool,
    pub(crate) inside_tbc: bool,
}

/// A function under construction.
pub(crate) struct Function {
    pub(crate) code: Vec<u32>,
    pub(crate) lines: Vec<u32>,
    pub(crate) constants: Constants,
    pub(crate) children: Vec<Proto>,
    pub(crate) upvalues: Vec<Upvalue>,
    pub(crate) locals: Vec<LocalRecord>,
    pub(crate) known: Vec<KnownRecord>,
    pub(crate) actives: Vec<Active>,
    /// Their names, which are searched all the time.
    pub(crate) active_names: Vec<StrId>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) labels: Vec<crate::label::Label>,
    pub(crate) gotos: Vec<crate::label::Goto>,
    /// First register that is not in use.
    pub(crate) free: usize,
    pub(crate) max_stack: usize,
    /// Line of the last token that was dealt with.
    pub(crate) line: u32,
    /// Place of that token, for errors.
    pub(crate) span: Span,
    /// Last instruction.
    pub(crate) last_pc: u32,
    /// Last place that something may jump to.
    pub(crate) last_target: u32,
    /// Cached instructions that are emitted or will be.
    pub(crate) promised_caches: u32,
    /// Whether returns must close: a local is captured or to be closed.
    pub(crate) closes: bool,
    /// Details of the error that a label gave.
    pub(crate) into_scope: Option<crate::label::IntoScope>,
    pub(crate) line_defined: u32,
    pub(crate) name: Arc<[u8]>,
    /// How many functions of each path were defined in this one.
    pub(crate) child_names: HashMap<Arc<[u8]>, u32, BuildHasherDefault<MixHasher>>,
}

impl Function {
    pub(crate) fn new(line_defined: u32, name: Arc<[u8]>) -> Self {
        Self {
            // Few functions are longer.
            code: Vec::with_capacity(128),
            lines: Vec::with_capacity(128),
            constants: Constants::default(),
            children: Vec::new(),
            upvalues: Vec::with_capacity(8),
            locals: Vec::with_capacity(16),
            known: Vec::new(),
            actives: Vec::with_capacity(16),
            active_names: Vec::with_capacity(16),
            scopes: Vec::with_capacity(8),
            labels: Vec::new(),
            gotos: Vec::new(),
            free: 0,
            max_stack: 2,
            line: line_defined,
            span: Span::default(),
            last_pc: 0,
            last_target: 0,
            promised_caches: 0,
            closes: false,
            into_scope: None,
            line_defined,
            name,
            child_names: HashMap::default(),
        }
    }

    /// Begins another function in the storage of a finished one.
    pub(crate) fn renew(&mut self, line_defined: u32, name: Arc<[u8]>) {
        self.code.clear();
        self.lines.clear();
        self.constants.clear();
        self.upvalues.clear();
        self.locals.clear();
        self.known.clear();
        self.actives.clear();
        self.active_names.clear();
        self.scopes.clear();
        self.labels.clear();
        self.gotos.clear();
        self.child_names.clear();
        (self.free, self.max_stack) = (0, 2);
        (self.line, self.span) = (line_defined, Span::default());
        (self.last_pc, self.last_target, self.promised_caches) = (0, 0, 0);
        self.closes = false;
        self.into_scope = None;
        (self.line_defined, self.name) = (line_defined, name);
    }

    /// An error about the last token.
    pub(crate) fn error<T>(&self, message: String) -> Result<T> {
        Err(Box::new(SemanticError { message, line: self.line.max(1), span: self.span, next: Next::Known(self.span.end) }))
    }

    /// As [`Function::error`], with the next token in the message.
    pub(crate) fn error_near<T>(&self, message: String) -> Result<T> {
        self.error(message).map_err(|mut e: Box<SemanticError>| {
            e.next = Next::Near(self.span.end);
            e
        })
    }

    /// As [`Function::error`], on the line of the next token.
    pub(crate) fn error_at<T>(&self, next: Next, message: String) -> Result<T> {
        self.error(message).map_err(|mut e: Box<SemanticError>| {
            e.next = next;
            e
        })
    }

    /// `what` went over `limit`.
    pub(crate) fn limit<T>(&self, what: &str, limit: usize) -> Result<T> {
        let place = match self.line_defined {
            0 => "main function".to_owned(),
            line => format!("function at line {line}"),
        };
        self.error_near(format!("too many {what} (limit is {limit}) in {place}"))
    }

    /// Makes sure that the frame has `count` registers above the free one.
    pub(crate) fn check_stack(&mut self, count: usize) -> Result<()> {
        let needed = self.free + count;
        if needed > MAX_REGISTERS {
            return self.error_near("function or expression needs too many registers".into());
        }
        self.max_stack = self.max_stack.max(needed);
        Ok(())
    }

    /// Takes `count` registers; the first of them is returned.
    pub(crate) fn reserve(&mut self, count: usize) -> Result<u8> {
        self.check_stack(count)?;
        let first = self.free as u8;
        self.free += count;
        Ok(first)
    }

    /// Gives a register back unless a variable lives in it.
    pub(crate) fn release(&mut self, register: u8) {
        if usize::from(register) >= self.register_level(self.actives.len()) {
            self.free -= 1;
        }
    }

    /// Gives two registers back, the higher one first.
    pub(crate) fn release_two(&mut self, a: u8, b: u8) {
        self.release(a.max(b));
        self.release(a.min(b));
    }

    /// Registers used by the first `count` variables.
    pub(crate) fn register_level(&self, count: usize) -> usize {
        self.actives[..count]
            .iter()
            .rev()
            .find(|v| !matches!(v.kind, VarKind::Known(_)))
            .map_or(0, |v| usize::from(v.register) + 1)
    }

    /// Puts a variable in scope; its value is in the next register of a variable.
    pub(crate) fn activate(&mut self, name: StrId, kind: VarKind) -> Result<u8> {
        if self.actives.len() >= MAX_VARIABLES {
            return self.limit("local variables", MAX_VARIABLES);
        }
        let register = self.register_level(self.actives.len()) as u8;
        let start_pc = self.code.len() as u32;
        let record = match kind {
            VarKind::Known(value) => {
                self.known.push(KnownRecord { name, value, start_pc, end_pc: start_pc, is_outer: false });
                self.known.len() - 1
            }
            VarKind::Regular | VarKind::Const | VarKind::Close => {
                self.locals.push(LocalRecord { name, register, start_pc, end_pc: start_pc });
                self.locals.len() - 1
            }
        };
        self.actives.push(Active { name, kind, register, record });
        self.active_names.push(name);
        Ok(register)
    }

    pub(crate) fn enter(&mut self, is_loop: bool) {
        let inside_tbc = self.scopes.last().is_some_and(|s| s.inside_tbc);
        self.scopes.push(Scope {
            first_active: self.actives.len(),
            first_label: self.labels.len(),
            first_goto: self.gotos.len(),
            has_upvalue: false,
            is_loop,
            inside_tbc,
        });
    }

    /// Ends the innermost scope.
    pub(crate) fn leave(&mut self, break_name: StrId) -> Result<()> {
        let Some(scope) = self.scopes.last().copied() else { return Ok(()) };
        let level = self.register_level(scope.first_active);
        self.deactivate(scope.first_active);
        self.free = level;
        let closed = scope.is_loop && self.create_label(break_name, 0, false)?;
        // The outermost scope ends with a return, which closes.
        if !closed && self.scopes.len() > 1 && scope.has_upvalue {
            self.emit(word::abc(Op::Close, level as u8, 0, 0));
        }
        self.labels.truncate(scope.first_label);
        self.scopes.pop();
        if !self.scopes.is_empty() {
            self.move_gotos_out(&scope);
        }
        Ok(())
    }

    fn deactivate(&mut self, keep: usize) {
        let end_pc = self.code.len() as u32;
        self.active_names.truncate(keep);
        for variable in self.actives.drain(keep..) {
            match variable.kind {
                VarKind::Known(_) => self.known[variable.record].end_pc = end_pc,
                VarKind::Regular | VarKind::Const | VarKind::Close => self.locals[variable.record].end_pc = end_pc,
            }
        }
    }

    /// A constant of an enclosing function is used here.
    pub(crate) fn note_known(&mut self, name: StrId, value: Known) {
        let is_same = |record: &KnownRecord| record.name == name && record.is_outer;
        if !self.known.iter().any(is_same) {
            // First, as what is declared here comes inside of it.
            self.known.insert(0, KnownRecord { name, value, start_pc: 0, end_pc: 0, is_outer: true });
            for active in self.actives.iter_mut().filter(|active| matches!(active.kind, VarKind::Known(_))) {
                active.record += 1;
            }
        }
    }

    /// A closure captures the variable: its scope has to be closed.
    pub(crate) fn mark_captured(&mut self, variable: usize) {
        self.closes = true;
        if let Some(scope) = self.scopes.iter_mut().rev().find(|s| s.first_active <= variable) {
            scope.has_upvalue = true;
        }
    }

    /// The innermost scope has a variable to be closed.
    pub(crate) fn mark_to_be_closed(&mut self) {
        self.closes = true;
        if let Some(scope) = self.scopes.last_mut() {
            scope.has_upvalue = true;
            scope.inside_tbc = true;
        }
    }

    pub(crate) fn inside_tbc(&self) -> bool {
        self.scopes.last().is_some_and(|s| s.inside_tbc)
    }
}
