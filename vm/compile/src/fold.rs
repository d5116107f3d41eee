//! Arithmetic on numerals, done while compiling.

use crate::exp::Kind;
use perilune_syntax::ast::BinaryOp;

/// The value of `lhs op rhs` if it may be computed now: PUC Lua leaves alone
/// what can fail, and floats that a constant cannot hold faithfully.
pub(crate) fn binary(op: BinaryOp, lhs: Kind, rhs: Kind) -> Option<Kind> {
    let folded = match op {
        BinaryOp::BAnd | BinaryOp::BOr | BinaryOp::BXor | BinaryOp::Shl | BinaryOp::Shr => {
            Kind::Int(bitwise(op, integer(lhs)?, integer(rhs)?)?)
        }
        BinaryOp::Div | BinaryOp::IDiv | BinaryOp::Mod if float(rhs)? == 0.0 => return None,
        _ => match (lhs, rhs) {
            (Kind::Int(a), Kind::Int(b)) if !matches!(op, BinaryOp::Div | BinaryOp::Pow) => {
                Kind::Int(integers(op, a, b)?)
            }
            _ => Kind::Float(floats(op, float(lhs)?, float(rhs)?)?),
        },
    };
    storable(folded)
}

/// `-operand`.
pub(crate) fn negate(operand: Kind) -> Option<Kind> {
    match operand {
        Kind::Int(i) => Some(Kind::Int(i.wrapping_neg())),
        Kind::Float(f) => storable(Kind::Float(-f)),
        _ => None,
    }
}

/// `~operand`.
pub(crate) fn bit_not(operand: Kind) -> Option<Kind> {
    integer(operand).map(|i| Kind::Int(!i))
}

fn storable(value: Kind) -> Option<Kind> {
    match value {
        Kind::Float(f) if f.is_nan() || f == 0.0 => None,
        other => Some(other),
    }
}

fn integer(value: Kind) -> Option<i64> {
    match value {
        Kind::Int(i) => Some(i),
        Kind::Float(f) if f.floor() == f && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) => {
            Some(f as i64)
        }
        _ => None,
    }
}

fn float(value: Kind) -> Option<f64> {
    match value {
        Kind::Int(i) => Some(i as f64),
        Kind::Float(f) => Some(f),
        _ => None,
    }
}

fn bitwise(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::BAnd => a & b,
        BinaryOp::BOr => a | b,
        BinaryOp::BXor => a ^ b,
        BinaryOp::Shl => shift_left(a, b),
        BinaryOp::Shr => shift_left(a, b.wrapping_neg()),
        _ => return None,
    })
}

fn shift_left(a: i64, by: i64) -> i64 {
    match by {
        0..=63 => ((a as u64) << by) as i64,
        -63..=-1 => ((a as u64) >> -by) as i64,
        _ => 0,
    }
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::IDiv => {
            let quotient = a.wrapping_div(b);
            let inexact = a.wrapping_rem(b) != 0;
            if inexact && (a ^ b) < 0 { quotient - 1 } else { quotient }
        }
        BinaryOp::Mod => {
            let rest = a.wrapping_rem(b);
            if rest != 0 && (rest ^ b) < 0 { rest + b } else { rest }
        }
        _ => return None,
    })
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::IDiv => (a / b).floor(),
        BinaryOp::Pow if b == 2.0 => a * a,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Mod => {
            let rest = a % b;
            if rest * b < 0.0 { rest + b } else { rest }
        }
        _ => return None,
    })
}
