//! `math`, with the functions that stock builds keep from Lua 5.3.

use perilune_vm::leaf::Intrinsic;
use perilune_vm::{Ctx, Error, Next, Value, number};

use crate::{leaf, random};
use crate::support::{self, Chunk, set_functions, set_with_chunks};

/// Compares values of which one may have metamethods.
const LESS: Chunk = Chunk::new("math", "local a, b = ... return a < b");

/// Installs the library.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 36)?;
    set_functions(ctx, &[
        ("math.abs", abs),
        ("math.acos", |ctx, _| map(ctx, f64::acos)),
        ("math.asin", |ctx, _| map(ctx, f64::asin)),
        ("math.atan", atan),
        ("math.ceil", |ctx, _| round(ctx, f64::ceil)),
        ("math.cos", |ctx, _| map(ctx, f64::cos)),
        ("math.cosh", |ctx, _| map(ctx, f64::cosh)),
        ("math.deg", |ctx, _| map(ctx, |x| x * (180.0 / std::f64::consts::PI))),
        ("math.exp", |ctx, _| map(ctx, f64::exp)),
        ("math.floor", |ctx, _| round(ctx, f64::floor)),
        ("math.fmod", fmod),
        ("math.frexp", frexp),
        ("math.ldexp", ldexp),
        ("math.log", log),
        ("math.log10", |ctx, _| map(ctx, f64::log10)),
        ("math.modf", modf),
        ("math.pow", pow),
        ("math.rad", |ctx, _| map(ctx, |x| x * (std::f64::consts::PI / 180.0))),
        ("math.sin", |ctx, _| map(ctx, f64::sin)),
        ("math.sinh", |ctx, _| map(ctx, f64::sinh)),
        ("math.sqrt", |ctx, _| map(ctx, f64::sqrt)),
        ("math.tan", |ctx, _| map(ctx, f64::tan)),
        ("math.tanh", |ctx, _| map(ctx, f64::tanh)),
        ("math.tointeger", tointeger),
        ("math.type", type_),
        ("math.ult", ult),
    ])?;
    set_with_chunks(ctx, ("math.max", max), 1)?;
    set_with_chunks(ctx, ("math.min", min), 1)?;
    support::set_leaves(ctx, leaf::MATH);
    support::set_intrinsics(
        ctx,
        &[
            ("abs", Intrinsic::Abs),
            ("floor", Intrinsic::Floor),
            ("max", Intrinsic::Max),
            ("min", Intrinsic::Min),
            ("sqrt", Intrinsic::Sqrt),
        ],
    );
    random::install(ctx)?;
    ctx.push_float(std::f64::consts::PI);
    ctx.raw_set_field(-2, b"pi")?;
    ctx.push_float(f64::INFINITY);
    ctx.raw_set_field(-2, b"huge")?;
    ctx.push_int(i64::MAX);
    ctx.raw_set_field(-2, b"maxinteger")?;
    ctx.push_int(i64::MIN);
    ctx.raw_set_field(-2, b"mininteger")?;
    support::publish(ctx, b"math")
}

fn one_float(ctx: &mut Ctx<'_>, result: f64) -> Result<Next, Error> {
    ctx.push_float(result);
    Ok(Next::Return(1))
}

fn map(ctx: &mut Ctx<'_>, function: fn(f64) -> f64) -> Result<Next, Error> {
    let x = ctx.check_float(1)?;
    one_float(ctx, function(x))
}

/// Pushes a float without fraction as an integer if it fits one.
fn push_whole(ctx: &mut Ctx<'_>, whole: f64) {
    match number::float_to_int(whole) {
        Some(integer) => ctx.push_int(integer),
        None => ctx.push_float(whole),
    }
}

fn abs(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    match ctx.value(1) {
        Value::Int(i) => ctx.push_int(i.wrapping_abs()),
        _ => {
            let x = ctx.check_float(1)?;
            ctx.push_float(x.abs());
        }
    }
    Ok(Next::Return(1))
}

fn round(ctx: &mut Ctx<'_>, direction: fn(f64) -> f64) -> Result<Next, Error> {
    match ctx.value(1) {
        Value::Int(i) => ctx.push_int(i),
        _ => {
            let x = ctx.check_float(1)?;
            push_whole(ctx, direction(x));
        }
    }
    Ok(Next::Return(1))
}

fn atan(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let y = ctx.check_float(1)?;
    let x = ctx.opt_float(2, 1.0)?;
    one_float(ctx, y.atan2(x))
}

fn fmod(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if let (Value::Int(dividend), Value::Int(divisor)) = (ctx.value(1), ctx.value(2)) {
        if divisor == 0 {
            return Err(ctx.arg_error(2, "zero"));
        }
        ctx.push_int(dividend.wrapping_rem(divisor));
        return Ok(Next::Return(1));
    }
    // As in a stock build of the reference, the second argument is looked at first.
    let divisor = ctx.check_float(2)?;
    let dividend = ctx.check_float(1)?;
    one_float(ctx, dividend % divisor)
}

fn modf(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if let Value::Int(_) = ctx.value(1) {
        ctx.push_copy(1);
        ctx.push_float(0.0);
        return Ok(Next::Return(2));
    }
    let x = ctx.check_float(1)?;
    let whole = x.trunc();
    match number::float_to_int(whole) {
        Some(i) => ctx.push_int(i),
        None => ctx.push_float(whole),
    }
    ctx.push_float(if x == whole { 0.0 } else { x - whole });
    Ok(Next::Return(2))
}

fn log(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let x = ctx.check_float(1)?;
    if ctx.is_none_or_nil(2) {
        return one_float(ctx, x.ln());
    }
    let base = ctx.check_float(2)?;
    let result = if base == 2.0 {
        x.log2()
    } else if base == 10.0 {
        x.log10()
    } else {
        x.ln() / base.ln()
    };
    one_float(ctx, result)
}

fn pow(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let x = ctx.check_float(1)?;
    let y = ctx.check_float(2)?;
    one_float(ctx, x.powf(y))
}

/// Splits a number into a fraction in `[0.5, 1)` and a power of two.
fn split(x: f64) -> (f64, i64) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let exponent = (x.to_bits() >> 52 & 0x7FF) as i64;
    if exponent == 0 {
        let (fraction, exponent) = split(x * (1u64 << 54) as f64);
        return (fraction, exponent - 54);
    }
    let fraction = f64::from_bits(x.to_bits() & !(0x7FF << 52) | 1022 << 52);
    (fraction, exponent - 1022)
}

/// `x` times a power of two, in steps that do not overflow before the result does and round once.
fn scale(mut x: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-3000, 3000);
    while left > 1000 {
        x *= f64::from_bits((1000 + 1023) << 52);
        left -= 1000;
    }
    while left < -900 {
        // Stay above the subnormal range until the last step.
        x *= f64::from_bits((1023 - 900) << 52);
        left += 900;
    }
    x * f64::from_bits(((left + 1023) as u64) << 52)
}

fn frexp(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let (fraction, exponent) = split(ctx.check_float(1)?);
    ctx.push_float(fraction);
    ctx.push_int(exponent);
    Ok(Next::Return(2))
}

fn ldexp(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let x = ctx.check_float(1)?;
    let exponent = ctx.check_int(2)?;
    // Normalising first leaves at most one step that can round.
    let (fraction, own) = split(x);
    one_float(ctx, scale(fraction, exponent.saturating_add(own)))
}

/// Lua's `a < b` for two values that are numbers.
fn less(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a < b,
        (Value::Float(a), Value::Float(b)) => a < b,
        (Value::Int(a), Value::Float(b)) => int_less_than_float(a, b),
        (Value::Float(a), Value::Int(b)) => float_below(a, b),
        _ => false,
    }
}

fn int_less_than_float(a: i64, b: f64) -> bool {
    if b >= 9_223_372_036_854_775_808.0 {
        return true;
    }
    // Above the smallest integer, the ceiling fits; NaN fails the comparison.
    b > -9_223_372_036_854_775_808.0 && a < b.ceil() as i64
}

fn float_below(a: f64, b: i64) -> bool {
    if a < -9_223_372_036_854_775_808.0 {
        return true;
    }
    a < 9_223_372_036_854_775_808.0 && (a.floor() as i64) < b
}

/// Whether `a < b`, where that can be said without asking Lua.
fn plain_less(a: Value<'_>, b: Value<'_>) -> Option<bool> {
    match (a, b) {
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => Some(less(a, b)),
        (Value::Str(a), Value::Str(b)) => Some(a < b),
        _ => None,
    }
}

fn max(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    extreme(ctx, state, |best, candidate| (best, candidate))
}

fn min(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    extreme(ctx, state, |best, candidate| (candidate, best))
}

/// The argument that comes first in an order; `pair` says which of two has to be less for the second to be it.
///
/// As in the reference, any values that can be compared will do. State `n` is entered with the answer for
/// argument `n` on the top, above the place of the best one so far.
fn extreme(ctx: &mut Ctx<'_>, state: u32, pair: fn(i32, i32) -> (i32, i32)) -> Result<Next, Error> {
    if state == 0 {
        if ctx.top() == 0 {
            return Err(ctx.arg_error(1, "value expected"));
        }
        ctx.push_int(1);
    }
    let mut next = 2;
    if state > 0 {
        let is_better = ctx.to_bool(-1);
        ctx.pop(1);
        if is_better {
            set_best(ctx, state as i32);
        }
        next = state as i32 + 1;
    }
    let count = ctx.top() as i32 - 1;
    while next <= count {
        let best = ctx.to_int(-1).unwrap_or(1) as i32;
        let (a, b) = pair(best, next);
        match plain_less(ctx.value(a), ctx.value(b)) {
            Some(true) => set_best(ctx, next),
            Some(false) => {}
            None => {
                LESS.push(ctx, 1)?;
                ctx.push_copy(a);
                ctx.push_copy(b);
                return Ok(Next::Call { args: 2, results: Some(1), state: next as u32 });
            }
        }
        next += 1;
    }
    let best = ctx.to_int(-1).unwrap_or(1) as i32;
    ctx.push_copy(best);
    Ok(Next::Return(1))
}

fn set_best(ctx: &mut Ctx<'_>, index: i32) {
    ctx.pop(1);
    ctx.push_int(index.into());
}

fn tointeger(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    match ctx.to_int(1) {
        Some(integer) => ctx.push_int(integer),
        None => {
            ctx.check_any(1)?;
            ctx.push_nil();
        }
    }
    Ok(Next::Return(1))
}

fn type_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    match ctx.value(1) {
        Value::Int(_) => ctx.push_bytes(b"integer")?,
        Value::Float(_) => ctx.push_bytes(b"float")?,
        _ => {
            ctx.check_any(1)?;
            ctx.push_nil();
        }
    }
    Ok(Next::Return(1))
}

fn ult(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let below = (ctx.check_int(1)? as u64) < (ctx.check_int(2)? as u64);
    ctx.push_bool(below);
    Ok(Next::Return(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_and_scaling_are_inverse() {
        for x in [1.0, -0.75, 3e300, 5e-324, f64::MAX, 1e-310] {
            let (fraction, exponent) = split(x);
            assert!((0.5..1.0).contains(&fraction.abs()));
            assert_eq!(scale(fraction, exponent), x);
        }
    }

    #[test]
    fn mixed_comparison() {
        assert!(less(Value::Int(1), Value::Float(1.5)));
        assert!(!less(Value::Float(1.5), Value::Int(1)));
        assert!(less(Value::Float(1.5), Value::Int(2)));
        assert!(!less(Value::Float(2.0), Value::Int(2)));
        assert!(!less(Value::Float(f64::NAN), Value::Int(2)));
        assert!(!less(Value::Int(i64::MAX), Value::Float(-1e300)));
    }
}
