//! Arithmetic on strings that read as numbers: the metamethods of the string metatable.

use perilune_vm::number::{self, Number};
use perilune_vm::{Ctx, Error, Kind, Next, Value};

use crate::support::Entry;

/// The metamethods, by versioned name.
pub(super) const METAMETHODS: &[Entry] = &[
    ("string.__add", |ctx, _| arithmetic(ctx, b"__add", |a, b| Ok(Number::Int(a.wrapping_add(b))), |a, b| a + b)),
    ("string.__sub", |ctx, _| arithmetic(ctx, b"__sub", |a, b| Ok(Number::Int(a.wrapping_sub(b))), |a, b| a - b)),
    ("string.__mul", |ctx, _| arithmetic(ctx, b"__mul", |a, b| Ok(Number::Int(a.wrapping_mul(b))), |a, b| a * b)),
    ("string.__mod", |ctx, _| arithmetic(ctx, b"__mod", modulo, float_modulo)),
    ("string.__pow", |ctx, _| arithmetic(ctx, b"__pow", |a, b| Ok(Number::Float(power(a as f64, b as f64))), power)),
    ("string.__div", |ctx, _| arithmetic(ctx, b"__div", |a, b| Ok(Number::Float(a as f64 / b as f64)), |a, b| a / b)),
    ("string.__idiv", |ctx, _| arithmetic(ctx, b"__idiv", floor_divide, |a, b| (a / b).floor())),
    ("string.__unm", |ctx, _| arithmetic(ctx, b"__unm", |a, _| Ok(Number::Int(a.wrapping_neg())), |a, _| -a)),
];

type OnInts = fn(i64, i64) -> Result<Number, &'static str>;

fn arithmetic(ctx: &mut Ctx<'_>, event: &'static [u8], on_ints: OnInts, on_floats: fn(f64, f64) -> f64) -> Result<Next, Error> {
    let (Some(a), Some(b)) = (operand(ctx, 1), operand(ctx, 2)) else { return try_metamethod(ctx, event) };
    let result = match (a, b) {
        (Number::Int(a), Number::Int(b)) => on_ints(a, b),
        (a, b) => Ok(Number::Float(on_floats(to_float(a), to_float(b)))),
    };
    match result {
        Ok(Number::Int(int)) => ctx.push_int(int),
        Ok(Number::Float(float)) => ctx.push_float(float),
        Err(message) => return Err(ctx.error_plain(message.as_bytes())),
    }
    Ok(Next::Return(1))
}

fn operand(ctx: &Ctx<'_>, index: i32) -> Option<Number> {
    match ctx.value(index) {
        Value::Int(int) => Some(Number::Int(int)),
        Value::Float(float) => Some(Number::Float(float)),
        Value::Str(bytes) => number::parse(bytes),
        _ => None,
    }
}

fn to_float(number: Number) -> f64 {
    match number {
        Number::Int(int) => int as f64,
        Number::Float(float) => float,
    }
}

/// The second operand's metamethod; a string there would only lead back here.
fn try_metamethod(ctx: &mut Ctx<'_>, event: &'static [u8]) -> Result<Next, Error> {
    ctx.set_top(2);
    if ctx.kind(2) == Kind::Str || !ctx.metafield(2, event) {
        let operation = String::from_utf8_lossy(&event[2..]);
        let (left, right) = (ctx.kind(1).name(), ctx.kind(2).name());
        return Err(ctx.error(format!("attempt to {operation} a '{left}' with a '{right}'")));
    }
    ctx.insert(1);
    Ok(Next::TailCall { args: 2 })
}

fn floor_divide(a: i64, b: i64) -> Result<Number, &'static str> {
    if b == 0 {
        return Err("attempt to divide by zero");
    }
    let quotient = a.wrapping_div(b);
    let is_rounded_up = a.wrapping_rem(b) != 0 && (a < 0) != (b < 0);
    Ok(Number::Int(quotient - i64::from(is_rounded_up)))
}

fn modulo(a: i64, b: i64) -> Result<Number, &'static str> {
    if b == 0 {
        return Err("attempt to perform 'n%0'");
    }
    let rest = a.wrapping_rem(b);
    let has_wrong_sign = rest != 0 && (rest < 0) != (b < 0);
    Ok(Number::Int(if has_wrong_sign { rest + b } else { rest }))
}

fn float_modulo(a: f64, b: f64) -> f64 {
    let rest = a % b;
    let has_wrong_sign = if rest > 0.0 { b < 0.0 } else { rest < 0.0 && b > 0.0 };
    if has_wrong_sign { rest + b } else { rest }
}

fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 { a * a } else { a.powf(b) }
}
