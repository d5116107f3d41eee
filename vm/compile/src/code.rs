//! Emitting instructions, and jumps that wait for their targets.

use crate::error::Result;
use crate::exp::Jumps;
use crate::function::Function;
use perilune_isa::{Op, word};

/// The destination is not chosen.
const NO_REGISTER: u8 = 255;

impl Function {
    pub(crate) fn pc(&self) -> u32 {
        self.code.len() as u32
    }

    pub(crate) fn emit(&mut self, first: u32) -> u32 {
        let pc = self.pc();
        self.last_pc = pc;
        self.code.push(first);
        self.lines.push(self.line);
        pc
    }

    pub(crate) fn emit_wide(&mut self, first: u32, extra: u32) -> u32 {
        let pc = self.emit(first);
        self.code.push(extra);
        self.lines.push(self.line);
        pc
    }

    /// Gives the last instruction another line.
    pub(crate) fn fix_line(&mut self, line: u32) {
        for slot in &mut self.lines[self.last_pc as usize..] {
            *slot = line;
        }
    }

    pub(crate) fn op(&self, pc: u32) -> Op {
        op_of(self.code[pc as usize])
    }

    /// Drops the last instruction.
    pub(crate) fn remove_last(&mut self) {
        self.code.truncate(self.last_pc as usize);
        self.lines.truncate(self.last_pc as usize);
    }

    pub(crate) fn set_a(&mut self, pc: u32, a: u8) {
        set_byte(&mut self.code[pc as usize], 1, a);
    }

    pub(crate) fn set_c(&mut self, pc: u32, c: u8) {
        set_byte(&mut self.code[pc as usize], 3, c);
    }

    /// The next instruction may be jumped to.
    pub(crate) fn here(&mut self) -> u32 {
        self.last_target = self.pc();
        self.last_target
    }

    /// `count` registers from `first` become nil; continues a nil load that stands before.
    pub(crate) fn load_nil(&mut self, first: u8, count: usize) {
        let pc = self.pc();
        if pc > 0 && pc > self.last_target && self.op(self.last_pc) == Op::LoadNil {
            let previous = self.code[self.last_pc as usize];
            let (from, extra) = (word::a(previous), word::b(previous));
            if usize::from(from) + usize::from(extra) + 1 == usize::from(first) {
                let merged = word::abc(Op::LoadNil, from, extra + count as u8, 0);
                self.code[self.last_pc as usize] = merged;
                return;
            }
        }
        self.emit(word::abc(Op::LoadNil, first, (count - 1) as u8, 0));
    }

    /// A jump whose target comes later.
    pub(crate) fn jump(&mut self) -> Result<Jumps> {
        if self.code.len() > 0x7f_0000 {
            return self.error("control structure too long".into());
        }
        Ok(Jumps(self.emit(word::sj(Op::Jump, -1))))
    }

    /// A jump to a place that was passed.
    pub(crate) fn jump_back(&mut self, target: u32) -> Result<()> {
        let jump = self.jump()?;
        self.patch(jump, target);
        Ok(())
    }

    /// A conditional jump `op a b c`, whose target comes later.
    pub(crate) fn branch(&mut self, op: Op, a: u8, b: u8, c: bool) -> u32 {
        self.emit_wide(word::abc(op, a, b, u8::from(c)), Jumps::NONE.0)
    }

    pub(crate) fn test_set(&mut self, register: u8, condition: bool) -> Jumps {
        Jumps(self.branch(Op::TestSet, NO_REGISTER, register, condition))
    }

    fn next_jump(&self, at: Jumps) -> Jumps {
        let first = self.code[at.0 as usize];
        match op_of(first) {
            Op::Jump => Jumps(word::get_sj(first) as u32),
            _ => Jumps(self.code[at.0 as usize + 1]),
        }
    }

    fn link(&mut self, at: Jumps, next: Jumps) {
        let first = self.code[at.0 as usize];
        match op_of(first) {
            Op::Jump => self.code[at.0 as usize] = word::sj(Op::Jump, next.0 as i32),
            _ => self.code[at.0 as usize + 1] = next.0,
        }
    }

    /// Both lists as one. The first is walked, so it should be the short one.
    pub(crate) fn join(&mut self, short: Jumps, long: Jumps) -> Jumps {
        if short.is_none() {
            return long;
        }
        if long.is_none() {
            return short;
        }
        let mut last = short;
        loop {
            let next = self.next_jump(last);
            if next.is_none() {
                break;
            }
            last = next;
        }
        self.link(last, long);
        short
    }

    /// Gives a jump its target.
    pub(crate) fn fix_jump(&mut self, at: u32, target: u32) {
        let first = self.code[at as usize];
        let offset = |words: u32| i64::from(target) - i64::from(at + words);
        match op_of(first) {
            Op::Jump => {
                let offset = offset(1) as i32;
                let op = if offset < 0 { Op::Loop } else { Op::Jump };
                self.code[at as usize] = word::sj(op, offset);
            }
            _ => self.code[at as usize + 1] = offset(2) as i32 as u32,
        }
    }

    /// All jumps of the list go to `target`.
    pub(crate) fn patch(&mut self, list: Jumps, target: u32) {
        self.patch_values(list, target, NO_REGISTER, target);
    }

    pub(crate) fn patch_here(&mut self, list: Jumps) {
        let here = self.here();
        self.patch(list, here);
    }

    /// Jumps that carry a value put it in `register` and go to `value_target`, others to `other_target`.
    pub(crate) fn patch_values(&mut self, list: Jumps, value_target: u32, register: u8, other_target: u32) {
        let mut at = list;
        while !at.is_none() {
            let next = self.next_jump(at);
            let carries = self.choose_register(at.0, register);
            self.fix_jump(at.0, if carries { value_target } else { other_target });
            at = next;
        }
    }

    /// Whether some jump of the list has no value of its own.
    pub(crate) fn needs_value(&self, list: Jumps) -> bool {
        let mut at = list;
        while !at.is_none() {
            if self.op(at.0) != Op::TestSet {
                return true;
            }
            at = self.next_jump(at);
        }
        false
    }

    /// The values of these jumps are not wanted.
    pub(crate) fn drop_values(&mut self, list: Jumps) {
        let mut at = list;
        while !at.is_none() {
            self.choose_register(at.0, NO_REGISTER);
            at = self.next_jump(at);
        }
    }

    fn choose_register(&mut self, at: u32, register: u8) -> bool {
        let first = self.code[at as usize];
        if op_of(first) != Op::TestSet {
            return false;
        }
        let (source, condition) = (word::b(first), word::c(first));
        self.code[at as usize] = if register == NO_REGISTER || register == source {
            word::abc(Op::Test, source, 0, condition)
        } else {
            word::abc(Op::TestSet, register, source, condition)
        };
        true
    }

    /// The comparison at `pc` jumps when it does not hold.
    pub(crate) fn negate(&mut self, pc: u32) {
        let flag = word::c(self.code[pc as usize]);
        self.set_c(pc, flag ^ 1);
    }
}

/// The instruction of a word that this crate encoded.
pub(crate) fn op_of(first: u32) -> Op {
    Op::from_byte(word::op_byte(first)).unwrap_or(Op::Move)
}

fn set_byte(target: &mut u32, index: u32, value: u8) {
    let shift = index * 8;
    *target = (*target & !(0xff << shift)) | u32::from(value) << shift;
}
