//! From a description of a value to the value in a register.

use crate::constants::Constant;
use crate::error::Result;
use crate::exp::{Exp, Jumps, Kind};
use crate::function::Function;
use perilune_isa::{Op, word};

impl Function {
    /// One value; anything but a constant or a jump becomes a register or an open instruction.
    pub(crate) fn discharge_vars(&mut self, e: &mut Exp) {
        e.kind = match e.kind {
            Kind::Local(register, _) => Kind::Reg(register),
            Kind::Upvalue(index) => Kind::Open(self.emit(word::abc(Op::GetUpvalue, 0, index, 0))),
            Kind::IndexUpvalue { upvalue, key } => {
                Kind::Open(self.emit_wide(word::abc(Op::GetUpTable, 0, upvalue, 0), word::cache_key(0, key)))
            }
            Kind::IndexField { table, key } => {
                self.release(table);
                Kind::Open(self.emit_wide(word::abc(Op::GetField, 0, table, 0), word::cache_key(0, key)))
            }
            Kind::IndexInt { table, key } => {
                self.release(table);
                Kind::Open(self.emit(word::abc(Op::GetInt, 0, table, key)))
            }
            Kind::Indexed { table, key } => {
                self.release_two(table, key);
                Kind::Open(self.emit(word::abc(Op::GetIndex, 0, table, key)))
            }
            Kind::Call(pc) => Kind::Reg(word::a(self.code[pc as usize])),
            Kind::Vararg(pc) => {
                self.set_c(pc, 2);
                Kind::Open(pc)
            }
            other => other,
        };
    }

    /// Asks a call or `...` for `count` values, or all of them.
    pub(crate) fn set_returns(&mut self, e: &Exp, count: Option<usize>) -> Result<()> {
        let c = count.map_or(0, |n| n as u8 + 1);
        match e.kind {
            Kind::Call(pc) => self.set_c(pc, c),
            Kind::Vararg(pc) => {
                self.set_c(pc, c);
                let first = self.reserve(1)?;
                self.set_a(pc, first);
            }
            _ => {}
        }
        Ok(())
    }

    fn discharge_to(&mut self, e: &mut Exp, register: u8) {
        self.discharge_vars(e);
        match e.kind {
            Kind::Nil => self.load_nil(register, 1),
            Kind::True => drop(self.emit(word::abc(Op::LoadTrue, register, 0, 0))),
            Kind::False => drop(self.emit(word::abc(Op::LoadFalse, register, 0, 0))),
            Kind::Int(i) => self.load_integer(register, i),
            Kind::Float(f) => self.load_float(register, f),
            Kind::K(index) => self.load_constant(register, index),
            Kind::Reg(from) if from != register => drop(self.emit(word::abc(Op::Move, register, from, 0))),
            Kind::Open(pc) => self.set_a(pc, register),
            Kind::Void | Kind::Jump(_) => return,
            _ => {}
        }
        e.kind = Kind::Reg(register);
    }

    fn load_integer(&mut self, register: u8, value: i64) {
        if let Ok(small) = i16::try_from(value) {
            self.emit(word::asbx(Op::LoadInt, register, small));
        } else {
            let index = self.constants.add(Constant::Int(value));
            self.load_constant(register, index);
        }
    }

    fn load_float(&mut self, register: u8, value: f64) {
        let small = value as i16;
        if f64::from(small).to_bits() == value.to_bits() {
            self.emit(word::asbx(Op::LoadFloat, register, small));
        } else {
            let index = self.constants.add(Constant::Float(value.to_bits()));
            self.load_constant(register, index);
        }
    }

    pub(crate) fn load_constant(&mut self, register: u8, index: u32) {
        match u16::try_from(index) {
            Ok(short) => self.emit(word::abx(Op::LoadK, register, short)),
            Err(_) => self.emit_wide(word::abx(Op::LoadKX, register, 0), index),
        };
    }

    fn discharge_any(&mut self, e: &mut Exp) -> Result<()> {
        if !matches!(e.kind, Kind::Reg(_)) {
            let register = self.reserve(1)?;
            self.discharge_to(e, register);
        }
        Ok(())
    }

    /// The whole value, its jumps included, in `register`.
    pub(crate) fn to_register(&mut self, e: &mut Exp, register: u8) -> Result<()> {
        self.discharge_to(e, register);
        if let Kind::Jump(pc) = e.kind {
            e.on_true = self.join(Jumps(pc), e.on_true);
        }
        if e.has_jumps() {
            self.settle_jumps(e, register)?;
        }
        *e = Exp::new(Kind::Reg(register));
        Ok(())
    }

    fn settle_jumps(&mut self, e: &Exp, register: u8) -> Result<()> {
        let (mut load_false, mut load_true) = (0, 0);
        if self.needs_value(e.on_true) || self.needs_value(e.on_false) {
            let over = if matches!(e.kind, Kind::Jump(_)) { Jumps::NONE } else { self.jump()? };
            load_false = self.here();
            self.emit(word::abc(Op::LoadFalseSkip, register, 0, 0));
            load_true = self.here();
            self.emit(word::abc(Op::LoadTrue, register, 0, 0));
            self.patch_here(over);
        }
        let end = self.here();
        self.patch_values(e.on_false, end, register, load_false);
        self.patch_values(e.on_true, end, register, load_true);
        Ok(())
    }

    /// The value in the next free register.
    pub(crate) fn to_next(&mut self, e: &mut Exp) -> Result<u8> {
        self.discharge_vars(e);
        self.release_exp(e);
        let register = self.reserve(1)?;
        self.to_register(e, register)?;
        Ok(register)
    }

    /// The value in some register.
    pub(crate) fn to_any(&mut self, e: &mut Exp) -> Result<u8> {
        self.discharge_vars(e);
        if let Kind::Reg(register) = e.kind {
            if !e.has_jumps() {
                return Ok(register);
            }
            if usize::from(register) >= self.register_level(self.actives.len()) {
                self.to_register(e, register)?;
                return Ok(register);
            }
        }
        self.to_next(e)
    }

    /// The value in a register, or left in its upvalue.
    pub(crate) fn to_any_or_upvalue(&mut self, e: &mut Exp) -> Result<()> {
        if !matches!(e.kind, Kind::Upvalue(_)) || e.has_jumps() {
            self.to_any(e)?;
        }
        Ok(())
    }

    /// A constant or a register.
    pub(crate) fn to_value(&mut self, e: &mut Exp) -> Result<()> {
        if e.has_jumps() || matches!(e.kind, Kind::Jump(_)) {
            self.to_any(e)?;
        } else {
            self.discharge_vars(e);
        }
        Ok(())
    }

    pub(crate) fn release_exp(&mut self, e: &Exp) {
        if let Kind::Reg(register) = e.kind {
            self.release(register);
        }
    }

    pub(crate) fn release_exps(&mut self, a: &Exp, b: &Exp) {
        match (a.kind, b.kind) {
            (Kind::Reg(a), Kind::Reg(b)) => self.release_two(a, b),
            _ => {
                self.release_exp(a);
                self.release_exp(b);
            }
        }
    }

    /// Index of the constant that `e` is, if it is one.
    pub(crate) fn constant(&mut self, e: &Exp) -> Option<u32> {
        if e.has_jumps() {
            return None;
        }
        let constant = match e.kind {
            Kind::Nil => Constant::Nil,
            Kind::True => Constant::True,
            Kind::False => Constant::False,
            Kind::Int(i) => Constant::Int(i),
            Kind::Float(f) => Constant::Float(f.to_bits()),
            Kind::K(index) => return Some(index),
            _ => return None,
        };
        Some(self.constants.add(constant))
    }

    /// As [`Function::constant`], when it fits an operand of eight bits.
    pub(crate) fn short_constant(&mut self, e: &Exp) -> Option<u8> {
        self.constant(e).and_then(|index| u8::try_from(index).ok())
    }

    /// `table[key]`; the table is in a register or an upvalue, the key is a value.
    pub(crate) fn index(&mut self, table: &mut Exp, key: &mut Exp) -> Result<()> {
        let field = self.field_key(key);
        if let (Kind::Upvalue(upvalue), Some(key)) = (table.kind, field) {
            table.kind = Kind::IndexUpvalue { upvalue, key };
            return Ok(());
        }
        if matches!(table.kind, Kind::Upvalue(_)) {
            // The key may hold the top register; a table above it must be released first,
            // which `release_two` sees to.
            self.to_any(table)?;
        }
        let (Kind::Reg(register) | Kind::Local(register, _)) = table.kind else { return Ok(()) };
        table.kind = match (field, key.kind) {
            (Some(key), _) => Kind::IndexField { table: register, key },
            (None, Kind::Int(i)) if !key.has_jumps() && (0..256).contains(&i) => {
                Kind::IndexInt { table: register, key: i as u8 }
            }
            _ => Kind::Indexed { table: register, key: self.to_any(key)? },
        };
        Ok(())
    }

    /// The index of a string key, if one more cached instruction is possible.
    pub(crate) fn field_key(&mut self, key: &Exp) -> Option<u16> {
        let Kind::K(index) = key.kind else { return None };
        let short = u16::try_from(index).ok()?;
        if key.has_jumps() || self.promised_caches >= 65_535 || self.constants.string(index).is_none() {
            return None;
        }
        self.promised_caches += 1;
        Some(short)
    }

    /// `variable = value`.
    pub(crate) fn store(&mut self, variable: &Exp, value: &mut Exp) -> Result<()> {
        match variable.kind {
            Kind::Local(register, _) => {
                self.release_exp(value);
                return self.to_register(value, register);
            }
            Kind::Upvalue(index) => {
                let from = self.to_any(value)?;
                self.emit(word::abc(Op::SetUpvalue, from, index, 0));
            }
            Kind::IndexUpvalue { upvalue, key } => {
                let ops = (Op::SetUpTable, Op::SetUpTableK);
                self.store_field(ops, upvalue, key, value)?;
            }
            Kind::IndexField { table, key } => {
                self.store_field((Op::SetField, Op::SetFieldK), table, key, value)?;
            }
            Kind::IndexInt { table, key } => {
                let from = self.to_any(value)?;
                self.emit(word::abc(Op::SetInt, from, table, key));
            }
            Kind::Indexed { table, key } => match self.short_constant(value) {
                Some(constant) => drop(self.emit(word::abc(Op::SetIndexK, constant, table, key))),
                None => {
                    let from = self.to_any(value)?;
                    self.emit(word::abc(Op::SetIndex, from, table, key));
                }
            },
            _ => {}
        }
        self.release_exp(value);
        Ok(())
    }

    fn store_field(&mut self, ops: (Op, Op), b: u8, key: u16, value: &mut Exp) -> Result<()> {
        let first = match self.short_constant(value) {
            Some(constant) => word::abc(ops.1, 0, b, constant),
            None => word::abc(ops.0, self.to_any(value)?, b, 0),
        };
        self.emit_wide(first, word::cache_key(0, key));
        Ok(())
    }

    /// Goes on when `e` is true; otherwise the false list leaves.
    pub(crate) fn go_if_true(&mut self, e: &mut Exp) -> Result<()> {
        self.discharge_vars(e);
        let leaves = match e.kind {
            Kind::Jump(pc) => {
                self.negate(pc);
                Jumps(pc)
            }
            Kind::K(_) | Kind::Int(_) | Kind::Float(_) | Kind::True => Jumps::NONE,
            _ => self.jump_on(e, false)?,
        };
        e.on_false = self.join(leaves, e.on_false);
        self.patch_here(e.on_true);
        e.on_true = Jumps::NONE;
        Ok(())
    }

    /// Goes on when `e` is false; otherwise the true list leaves.
    pub(crate) fn go_if_false(&mut self, e: &mut Exp) -> Result<()> {
        self.discharge_vars(e);
        let leaves = match e.kind {
            Kind::Jump(pc) => Jumps(pc),
            Kind::Nil | Kind::False => Jumps::NONE,
            _ => self.jump_on(e, true)?,
        };
        e.on_true = self.join(leaves, e.on_true);
        self.patch_here(e.on_false);
        e.on_false = Jumps::NONE;
        Ok(())
    }

    fn jump_on(&mut self, e: &mut Exp, condition: bool) -> Result<Jumps> {
        if let Kind::Open(pc) = e.kind {
            if pc == self.last_pc && self.op(pc) == Op::Not {
                let register = word::b(self.code[pc as usize]);
                self.remove_last();
                // The register holds the operand, not what `not` makes of it.
                let jumps = self.test_set(register, !condition);
                self.drop_values(jumps);
                return Ok(jumps);
            }
        }
        self.discharge_any(e)?;
        self.release_exp(e);
        let Kind::Reg(register) = e.kind else { return Ok(Jumps::NONE) };
        Ok(self.test_set(register, condition))
    }

    pub(crate) fn not(&mut self, e: &mut Exp) -> Result<()> {
        self.discharge_vars(e);
        e.kind = match e.kind {
            Kind::Nil | Kind::False => Kind::True,
            Kind::K(_) | Kind::Int(_) | Kind::Float(_) | Kind::True => Kind::False,
            Kind::Jump(pc) => {
                self.negate(pc);
                Kind::Jump(pc)
            }
            _ => {
                self.discharge_any(e)?;
                self.release_exp(e);
                let Kind::Reg(register) = e.kind else { return Ok(()) };
                Kind::Open(self.emit(word::abc(Op::Not, 0, register, 0)))
            }
        };
        std::mem::swap(&mut e.on_true, &mut e.on_false);
        self.drop_values(e.on_true);
        self.drop_values(e.on_false);
        Ok(())
    }
}
