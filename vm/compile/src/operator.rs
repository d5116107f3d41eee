//! Operators: what is done between the operands, and after them.

use crate::error::Result;
use crate::exp::{Exp, Kind};
use crate::fold;
use crate::function::Function;
use perilune_isa::{Op, word};
use perilune_syntax::ast::{BinaryOp, UnaryOp};

impl Function {
    pub(crate) fn unary(&mut self, op: UnaryOp, e: &mut Exp, line: u32) -> Result<()> {
        self.discharge_vars(e);
        let folded = match op {
            UnaryOp::Not => return self.not(e),
            UnaryOp::Neg if e.is_numeral() => fold::negate(e.kind),
            UnaryOp::BNot if e.is_numeral() => fold::bit_not(e.kind),
            _ => None,
        };
        if let Some(kind) = folded {
            e.kind = kind;
            return Ok(());
        }
        let op = match op {
            UnaryOp::Neg => Op::Neg,
            UnaryOp::BNot => Op::BNot,
            _ => Op::Len,
        };
        let register = self.to_any(e)?;
        self.release_exp(e);
        *e = Exp::new(Kind::Open(self.emit(word::abc(op, 0, register, 0))));
        self.fix_line(line);
        Ok(())
    }

    /// Prepares the left operand, before the right one is compiled.
    pub(crate) fn infix(&mut self, op: BinaryOp, e: &mut Exp) -> Result<()> {
        self.discharge_vars(e);
        match op {
            BinaryOp::And => return self.go_if_true(e),
            BinaryOp::Or => return self.go_if_false(e),
            BinaryOp::Eq | BinaryOp::Ne if e.is_numeral() || self.short_constant(e).is_some() => {}
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge if e.small_integer().is_some() => {}
            _ if e.is_numeral() && !is_comparison(op) => {}
            _ => drop(self.to_any(e)?),
        }
        Ok(())
    }

    /// Combines both operands; the result is in `lhs`.
    pub(crate) fn postfix(&mut self, op: BinaryOp, lhs: &mut Exp, mut rhs: Exp, line: u32) -> Result<()> {
        self.discharge_vars(&mut rhs);
        match op {
            BinaryOp::And => {
                rhs.on_false = self.join(rhs.on_false, lhs.on_false);
                *lhs = rhs;
            }
            BinaryOp::Or => {
                rhs.on_true = self.join(rhs.on_true, lhs.on_true);
                *lhs = rhs;
            }
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op == BinaryOp::Eq, lhs, &mut rhs)?,
            _ if is_comparison(op) => self.order(op, lhs, &mut rhs)?,
            _ => self.arithmetic(op, lhs, &mut rhs, line)?,
        }
        Ok(())
    }

    /// As in the reference, a comparison is on the line where its right operand ends.
    fn compared(&mut self, lhs: &mut Exp, rhs: &Exp, pc: u32) {
        self.release_exps(lhs, rhs);
        *lhs = Exp::new(Kind::Jump(pc));
    }

    fn equality(&mut self, equal: bool, lhs: &mut Exp, rhs: &mut Exp) -> Result<()> {
        if !matches!(lhs.kind, Kind::Reg(_)) {
            std::mem::swap(lhs, rhs);
        }
        let a = self.to_any(lhs)?;
        let pc = if let Some(small) = rhs.small_number() {
            self.branch(Op::EqImm, a, small as u8, equal)
        } else if let Some(constant) = self.short_constant(rhs) {
            self.branch(Op::EqK, a, constant, equal)
        } else {
            let b = self.to_any(rhs)?;
            self.branch(Op::Eq, a, b, equal)
        };
        self.compared(lhs, rhs, pc);
        Ok(())
    }

    fn order(&mut self, op: BinaryOp, lhs: &mut Exp, rhs: &mut Exp) -> Result<()> {
        let pc = if let Some(small) = rhs.small_integer() {
            let a = self.to_any(lhs)?;
            self.branch(immediate_order(op), a, small as u8, true)
        } else if let Some(small) = lhs.small_integer() {
            let b = self.to_any(rhs)?;
            self.branch(immediate_order(mirrored(op)), b, small as u8, true)
        } else {
            let (a, b) = (self.to_any(lhs)?, self.to_any(rhs)?);
            match op {
                BinaryOp::Lt => self.branch(Op::Lt, a, b, true),
                BinaryOp::Le => self.branch(Op::Le, a, b, true),
                BinaryOp::Gt => self.branch(Op::Lt, b, a, true),
                _ => self.branch(Op::Le, b, a, true),
            }
        };
        self.compared(lhs, rhs, pc);
        Ok(())
    }

    fn arithmetic(&mut self, op: BinaryOp, lhs: &mut Exp, rhs: &mut Exp, line: u32) -> Result<()> {
        if lhs.is_numeral() && rhs.is_numeral() {
            if let Some(kind) = fold::binary(op, lhs.kind, rhs.kind) {
                lhs.kind = kind;
                return Ok(());
            }
        }
        let first = match self.with_constant(op, lhs, rhs)? {
            Some(first) => first,
            None => {
                // A numeral on the left was put off until now.
                let b = self.to_any(rhs)?;
                let a = self.to_any(lhs)?;
                word::abc(plain(op), 0, a, b)
            }
        };
        self.release_exps(lhs, rhs);
        *lhs = Exp::new(Kind::Open(self.emit(first)));
        self.fix_line(line);
        Ok(())
    }

    fn with_constant(&mut self, op: BinaryOp, lhs: &mut Exp, rhs: &mut Exp) -> Result<Option<u32>> {
        if rhs.is_numeral() {
            if let Some(small) = rhs.small_integer() {
                let immediate = match op {
                    BinaryOp::Add => Some(Op::AddImm),
                    BinaryOp::Sub => Some(Op::SubImm),
                    _ => None,
                };
                if let Some(immediate) = immediate {
                    return Ok(Some(word::abc(immediate, 0, self.to_any(lhs)?, small as u8)));
                }
            }
            if let Some(constant) = self.short_constant(rhs) {
                return Ok(Some(word::abc(right_constant(op), 0, self.to_any(lhs)?, constant)));
            }
            self.to_any(lhs)?;
        } else if let (true, Some(op)) = (lhs.is_numeral(), left_constant(op)) {
            if let Some(constant) = self.short_constant(lhs) {
                return Ok(Some(word::abc(op, 0, constant, self.to_any(rhs)?)));
            }
        }
        Ok(None)
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge)
}

fn immediate_order(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Lt => Op::LtImm,
        BinaryOp::Le => Op::LeImm,
        BinaryOp::Gt => Op::GtImm,
        _ => Op::GeImm,
    }
}

/// `a op b` is `b mirrored(op) a`.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        _ => BinaryOp::Le,
    }
}

fn left_constant(op: BinaryOp) -> Option<Op> {
    Some(match op {
        BinaryOp::Add => Op::KAdd,
        BinaryOp::Sub => Op::KSub,
        BinaryOp::Mul => Op::KMul,
        BinaryOp::Div => Op::KDiv,
        _ => return None,
    })
}

fn plain(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::Div => Op::Div,
        BinaryOp::IDiv => Op::IDiv,
        BinaryOp::Mod => Op::Mod,
        BinaryOp::Pow => Op::Pow,
        BinaryOp::BAnd => Op::BAnd,
        BinaryOp::BOr => Op::BOr,
        BinaryOp::BXor => Op::BXor,
        BinaryOp::Shl => Op::Shl,
        _ => Op::Shr,
    }
}

fn right_constant(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::AddK,
        BinaryOp::Sub => Op::SubK,
        BinaryOp::Mul => Op::MulK,
        BinaryOp::Div => Op::DivK,
        BinaryOp::IDiv => Op::IDivK,
        BinaryOp::Mod => Op::ModK,
        BinaryOp::Pow => Op::PowK,
        BinaryOp::BAnd => Op::BAndK,
        BinaryOp::BOr => Op::BOrK,
        BinaryOp::BXor => Op::BXorK,
        BinaryOp::Shl => Op::ShlK,
        _ => Op::ShrK,
    }
}
