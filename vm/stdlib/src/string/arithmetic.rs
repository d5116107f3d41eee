//! Arithmetic on strings that read as numbers: the metamethods of the string metatable.

use perilune_vm::leaf::{Leaf, LeafFn, LeafValue};
use perilune_vm::number::{self, Number};
use perilune_vm::{Ctx, Error, Kind, Next, Value};

use crate::support::Entry;

macro_rules! operations {
    ($($name:literal: $event:literal, $on_ints:expr, $on_floats:expr;)*) => {
        /// The metamethods, by versioned name.
        pub(super) const METAMETHODS: &[Entry] =
            &[$(($name, |ctx, _| arithmetic(ctx, $event, $on_ints, $on_floats))),*];

        /// Their leaf forms, by event.
        pub(super) const LEAVES: &[(&str, LeafFn)] = &[$(($event, |leaf| leaf_arithmetic(leaf, $on_ints, $on_floats))),*];
    };
}

operations! {
    "string.__add": "__add", |a, b| Ok(Number::Int(a.wrapping_add(b))), |a, b| a + b;
    "string.__sub": "__sub", |a, b| Ok(Number::Int(a.wrapping_sub(b))), |a, b| a - b;
    "string.__mul": "__mul", |a, b| Ok(Number::Int(a.wrapping_mul(b))), |a, b| a * b;
    "string.__mod": "__mod", modulo, float_modulo;
    "string.__pow": "__pow", |a, b| Ok(Number::Float(power(a as f64, b as f64))), power;
    "string.__div": "__div", |a, b| Ok(Number::Float(a as f64 / b as f64)), |a, b| a / b;
    "string.__idiv": "__idiv", floor_divide, |a, b| (a / b).floor();
    "string.__unm": "__unm", |a, _| Ok(Number::Int(a.wrapping_neg())), |a, _| -a;
}

type OnInts = fn(i64, i64) -> Result<Number, &'static str>;
type OnFloats = fn(f64, f64) -> f64;

fn arithmetic(ctx: &mut Ctx<'_>, event: &'static str, on_ints: OnInts, on_floats: OnFloats) -> Result<Next, Error> {
    let (Some(a), Some(b)) = (operand(ctx, 1), operand(ctx, 2)) else { return try_metamethod(ctx, event) };
    match compute(a, b, on_ints, on_floats) {
        Ok(Number::Int(int)) => ctx.push_int(int),
        Ok(Number::Float(float)) => ctx.push_float(float),
        Err(message) => return Err(ctx.error_plain(message.as_bytes())),
    }
    Ok(Next::Return(1))
}

fn leaf_arithmetic(leaf: &mut Leaf<'_>, on_ints: OnInts, on_floats: OnFloats) -> Option<LeafValue> {
    match compute(leaf.numeral(0)?, leaf.numeral(1)?, on_ints, on_floats).ok()? {
        Number::Int(int) => Some(LeafValue::int(int)),
        Number::Float(float) => Some(LeafValue::float(float)),
    }
}

fn compute(a: Number, b: Number, on_ints: OnInts, on_floats: OnFloats) -> Result<Number, &'static str> {
    match (a, b) {
        (Number::Int(a), Number::Int(b)) => on_ints(a, b),
        (a, b) => Ok(Number::Float(on_floats(to_float(a), to_float(b)))),
    }
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
fn try_metamethod(ctx: &mut Ctx<'_>, event: &'static str) -> Result<Next, Error> {
    ctx.set_top(2);
    if ctx.kind(2) == Kind::Str || !ctx.metafield(2, event.as_bytes()) {
        let operation = &event[2..];
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
