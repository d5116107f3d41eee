//! Arithmetic and comparison of numbers: the rows that the tiers share.
//!
//! Reference manual, sections 3.4.1 to 3.4.4. Strings are not looked at here
//! (their arithmetic is metamethods); only bitwise operators convert them.

use crate::meta::Event;
use crate::value::{Slot, tag};

/// What arithmetic on two values came to.
pub enum Outcome {
    /// A number.
    Value(Slot),
    /// Not two numbers: a metamethod is asked.
    Metamethod,
    /// `//` by integer zero.
    DivideByZero,
    /// `%` by integer zero.
    ModuloByZero,
    /// A float without integer representation met a bitwise operator.
    NoInteger,
}

/// The number as a float.
#[inline]
pub fn to_float(value: Slot) -> Option<f64> {
    match value.tag {
        tag::INT => Some(value.as_int() as f64),
        tag::FLOAT => Some(value.as_float()),
        _ => None,
    }
}

/// The number as an integer, if it has that value exactly.
#[inline]
pub fn to_int(value: Slot) -> Option<i64> {
    match value.tag {
        tag::INT => Some(value.as_int()),
        tag::FLOAT => crate::number::float_to_int(value.as_float()),
        _ => None,
    }
}

/// Floor division of integers; `b` is not 0.
#[inline]
pub const fn floor_div(a: i64, b: i64) -> i64 {
    if b == -1 {
        return a.wrapping_neg();
    }
    let q = a / b;
    if (a ^ b) < 0 && a % b != 0 { q - 1 } else { q }
}

/// Modulo of integers with the sign of the divisor; `b` is not 0.
#[inline]
pub const fn floor_mod(a: i64, b: i64) -> i64 {
    if b == -1 {
        return 0;
    }
    let m = a % b;
    if m != 0 && (m ^ b) < 0 { m + b } else { m }
}

/// Modulo of floats with the sign of the divisor.
#[inline]
pub fn float_mod(a: f64, b: f64) -> f64 {
    let m = a % b;
    if if m > 0.0 { b < 0.0 } else { m < 0.0 && b != m && b > 0.0 } { m + b } else { m }
}

/// `a ^ b`.
#[inline]
pub fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}

/// Shift left; negative counts shift right; bits that leave are lost.
#[inline]
pub const fn shift_left(a: i64, n: i64) -> i64 {
    if n <= -64 || n >= 64 {
        0
    } else if n >= 0 {
        ((a as u64) << n) as i64
    } else {
        ((a as u64) >> -n) as i64
    }
}

/// `a event b` for the arithmetic and bitwise events (unary ones take the operand twice).
pub fn arith(event: Event, a: Slot, b: Slot) -> Outcome {
    use Event as E;
    match event {
        E::BAnd | E::BOr | E::BXor | E::Shl | E::Shr | E::BNot => return bitwise(event, a, b),
        _ => {}
    }
    if a.tag == tag::INT && b.tag == tag::INT {
        let (x, y) = (a.as_int(), b.as_int());
        let r = match event {
            E::Add => x.wrapping_add(y),
            E::Sub => x.wrapping_sub(y),
            E::Mul => x.wrapping_mul(y),
            E::Unm => x.wrapping_neg(),
            E::IDiv if y == 0 => return Outcome::DivideByZero,
            E::IDiv => floor_div(x, y),
            E::Mod if y == 0 => return Outcome::ModuloByZero,
            E::Mod => floor_mod(x, y),
            E::Div => return Outcome::Value(Slot::float(x as f64 / y as f64)),
            _ => return Outcome::Value(Slot::float(power(x as f64, y as f64))),
        };
        return Outcome::Value(Slot::int(r));
    }
    let (Some(x), Some(y)) = (to_float(a), to_float(b)) else {
        return Outcome::Metamethod;
    };
    Outcome::Value(Slot::float(match event {
        E::Add => x + y,
        E::Sub => x - y,
        E::Mul => x * y,
        E::Div => x / y,
        E::IDiv => (x / y).floor(),
        E::Mod => float_mod(x, y),
        E::Unm => -x,
        _ => power(x, y),
    }))
}

fn bitwise(event: Event, a: Slot, b: Slot) -> Outcome {
    if !a.is_number() || !b.is_number() {
        return Outcome::Metamethod;
    }
    let (Some(x), Some(y)) = (to_int(a), to_int(b)) else {
        return Outcome::NoInteger;
    };
    Outcome::Value(Slot::int(match event {
        Event::BAnd => x & y,
        Event::BOr => x | y,
        Event::BXor => x ^ y,
        Event::Shl => shift_left(x, y),
        Event::Shr => shift_left(x, y.wrapping_neg().max(-64)),
        _ => !x,
    }))
}

/// `i < f`, exactly.
pub fn int_lt_float(i: i64, f: f64) -> bool {
    if f.is_nan() {
        false
    } else if f >= 9_223_372_036_854_775_808.0 {
        true
    } else if f <= -9_223_372_036_854_775_808.0 {
        false
    } else {
        i < f.ceil() as i64 || (f.ceil() >= 9_223_372_036_854_775_808.0)
    }
}

/// `i <= f`, exactly.
pub fn int_le_float(i: i64, f: f64) -> bool {
    if f.is_nan() {
        false
    } else if f >= 9_223_372_036_854_775_808.0 {
        true
    } else if f < -9_223_372_036_854_775_808.0 {
        false
    } else {
        i <= f.floor() as i64
    }
}

/// `f < i`, exactly.
pub fn float_lt_int(f: f64, i: i64) -> bool {
    !f.is_nan() && !int_le_float(i, f)
}

/// `f <= i`, exactly.
pub fn float_le_int(f: f64, i: i64) -> bool {
    !f.is_nan() && !int_lt_float(i, f)
}

/// `a < b` of two numbers; `None` when they are not two numbers.
pub fn less(a: Slot, b: Slot) -> Option<bool> {
    Some(match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.as_int() < b.as_int(),
        (tag::FLOAT, tag::FLOAT) => a.as_float() < b.as_float(),
        (tag::INT, tag::FLOAT) => int_lt_float(a.as_int(), b.as_float()),
        (tag::FLOAT, tag::INT) => float_lt_int(a.as_float(), b.as_int()),
        _ => return None,
    })
}

/// `a <= b` of two numbers; `None` when they are not two numbers.
pub fn less_equal(a: Slot, b: Slot) -> Option<bool> {
    Some(match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.as_int() <= b.as_int(),
        (tag::FLOAT, tag::FLOAT) => a.as_float() <= b.as_float(),
        (tag::INT, tag::FLOAT) => int_le_float(a.as_int(), b.as_float()),
        (tag::FLOAT, tag::INT) => float_le_int(a.as_float(), b.as_int()),
        _ => return None,
    })
}

/// Equality of two numbers of any kinds.
pub fn number_equal(a: Slot, b: Slot) -> bool {
    match (a.tag, b.tag) {
        (tag::INT, tag::INT) => a.payload == b.payload,
        (tag::FLOAT, tag::FLOAT) => a.as_float() == b.as_float(),
        (tag::INT, tag::FLOAT) => to_int(b) == Some(a.as_int()),
        (tag::FLOAT, tag::INT) => to_int(a) == Some(b.as_int()),
        _ => false,
    }
}

/// How a numeric `for` goes (reference manual 3.3.5).
pub enum ForStart {
    /// Not at all.
    Skip,
    /// Integers: first value, rounds after the first, step.
    Int(i64, u64, i64),
    /// Floats: first value, limit, step.
    Float(f64, f64, f64),
    /// The step is zero.
    ZeroStep,
    /// One of the three is no number: its name in the message, and which (0 start, 1 limit, 2 step).
    NotNumber(&'static str, u32),
}

/// Prepares a numeric `for`.
pub fn for_start(start: Slot, limit: Slot, step: Slot) -> ForStart {
    if start.tag == tag::INT && step.tag == tag::INT {
        return int_for(start.as_int(), limit, step.as_int());
    }
    let Some(limit) = to_float(limit) else { return ForStart::NotNumber("limit", 1) };
    let Some(step) = to_float(step) else { return ForStart::NotNumber("step", 2) };
    let Some(start) = to_float(start) else { return ForStart::NotNumber("initial", 0) };
    if step == 0.0 {
        return ForStart::ZeroStep;
    }
    // As in PUC Lua, a loop that begins or ends at not-a-number makes a round: neither is less than the other.
    let is_over = if step > 0.0 { limit < start } else { start < limit };
    if !is_over { ForStart::Float(start, limit, step) } else { ForStart::Skip }
}

fn int_for(start: i64, limit: Slot, step: i64) -> ForStart {
    if step == 0 {
        return ForStart::ZeroStep;
    }
    let limit = match limit.tag {
        tag::INT => limit.as_int(),
        tag::FLOAT => {
            let f = limit.as_float();
            let rounded = if step > 0 { f.floor() } else { f.ceil() };
            match crate::number::float_to_int(rounded) {
                Some(i) => i,
                // Not-a-number is taken for what is below all integers, as in PUC Lua.
                None if f > 0.0 && step < 0 => return ForStart::Skip,
                None if f > 0.0 => i64::MAX,
                None if step > 0 => return ForStart::Skip,
                None => i64::MIN,
            }
        }
        _ => return ForStart::NotNumber("limit", 1),
    };
    if if step > 0 { start > limit } else { start < limit } {
        return ForStart::Skip;
    }
    let rounds = if step > 0 {
        (limit as u64).wrapping_sub(start as u64) / step as u64
    } else {
        (start as u64).wrapping_sub(limit as u64) / (step.unsigned_abs())
    };
    ForStart::Int(start, rounds, step)
}
