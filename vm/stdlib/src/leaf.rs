//! Leaf forms of the library's busiest functions. Whatever is unusual they leave to the general form.

use perilune_vm::leaf::{Leaf, LeafFn, LeafValue};
use perilune_vm::number::{self, Number};
use perilune_vm::Kind;

use crate::string::{SHORT, end_position, start_position};

type Result = Option<LeafValue>;

/// Of `math`.
pub(crate) const MATH: &[(&str, LeafFn)] = &[
    ("abs", abs),
    ("acos", |leaf| float_map(leaf, f64::acos)),
    ("asin", |leaf| float_map(leaf, f64::asin)),
    ("ceil", |leaf| round(leaf, f64::ceil)),
    ("cos", |leaf| float_map(leaf, f64::cos)),
    ("exp", |leaf| float_map(leaf, f64::exp)),
    ("floor", |leaf| round(leaf, f64::floor)),
    ("log", |leaf| if leaf.count() == 1 { float_map(leaf, f64::ln) } else { None }),
    ("max", |leaf| best(leaf, |a, b| a > b, |a, b| a > b)),
    ("min", |leaf| best(leaf, |a, b| a < b, |a, b| a < b)),
    ("sin", |leaf| float_map(leaf, f64::sin)),
    ("sqrt", |leaf| float_map(leaf, f64::sqrt)),
    ("tan", |leaf| float_map(leaf, f64::tan)),
    ("tointeger", tointeger),
];

/// Of `string`.
pub(crate) const STRING: &[(&str, LeafFn)] = &[
    ("byte", byte),
    ("char", char_),
    ("len", |leaf| Some(LeafValue::int(leaf.bytes(0)?.len() as i64))),
    ("lower", |leaf| map(leaf, <[u8]>::make_ascii_lowercase)),
    ("rep", rep),
    ("sub", sub),
    ("upper", |leaf| map(leaf, <[u8]>::make_ascii_uppercase)),
];

/// Of the basic functions.
pub(crate) const BASE: &[(&str, LeafFn)] = &[
    ("assert", assert),
    ("getmetatable", |leaf| leaf.shown_metatable(0)),
    ("rawequal", |leaf| leaf.raw_equal(0, 1)),
    ("setmetatable", |leaf| leaf.set_metatable(0, 1)),
    ("tonumber", tonumber),
    ("tostring", tostring),
    ("rawget", |leaf| if leaf.count() == 2 { leaf.raw_get(0, 1) } else { None }),
    ("select", select),
    ("type", |leaf| leaf.type_name(0)),
];

/// Of `table`.
pub(crate) const TABLE: &[(&str, LeafFn)] = &[
    ("insert", |leaf| if leaf.count() == 2 { leaf.append(0, 1) } else { None }),
    ("remove", |leaf| if leaf.count() == 1 { leaf.take_last(0) } else { None }),
];

fn float_map(leaf: &mut Leaf<'_>, function: fn(f64) -> f64) -> Result {
    leaf.number(0).map(|x| LeafValue::float(function(x)))
}

fn round(leaf: &mut Leaf<'_>, function: fn(f64) -> f64) -> Result {
    if let Some(integer) = leaf.int(0) {
        return Some(LeafValue::int(integer));
    }
    let whole = function(leaf.float(0)?);
    Some(number::float_to_int(whole).map_or_else(|| LeafValue::float(whole), LeafValue::int))
}

fn abs(leaf: &mut Leaf<'_>) -> Result {
    match leaf.int(0) {
        Some(integer) => Some(LeafValue::int(integer.wrapping_abs())),
        None => leaf.float(0).map(|float| LeafValue::float(float.abs())),
    }
}

/// The best of numbers of one kind: the first of those that are as good.
fn best(leaf: &mut Leaf<'_>, ints: fn(i64, i64) -> bool, floats: fn(f64, f64) -> bool) -> Result {
    let others = 1..leaf.count();
    match leaf.int(0) {
        Some(first) => best_of(first, others.map(|at| leaf.int(at)), ints).map(LeafValue::int),
        None => best_of(leaf.float(0)?, others.map(|at| leaf.float(at)), floats).map(LeafValue::float),
    }
}

fn best_of<T: Copy>(first: T, mut others: impl Iterator<Item = Option<T>>, is_better: fn(T, T) -> bool) -> Option<T> {
    others.try_fold(first, |best, next| next.map(|next| if is_better(next, best) { next } else { best }))
}

fn assert(leaf: &mut Leaf<'_>) -> Result {
    let is_all = leaf.count() == 1 || !leaf.wants_more();
    leaf.argument(0).filter(|_| is_all && !matches!(leaf.kind(0), None | Some(Kind::Nil | Kind::Bool)))
}

fn tonumber(leaf: &mut Leaf<'_>) -> Result {
    if leaf.count() == 2 {
        return number_in_base(leaf);
    }
    match leaf.numeral(0).filter(|_| leaf.count() == 1)? {
        Number::Int(int) => Some(LeafValue::int(int)),
        Number::Float(float) => Some(LeafValue::float(float)),
    }
}

/// Digits of a base and nothing else, no more than surely fit.
fn number_in_base(leaf: &mut Leaf<'_>) -> Result {
    let (bytes, base) = (leaf.bytes(0)?, leaf.int(1)?);
    if !(2..=36).contains(&base) || bytes.is_empty() || bytes.len() > 12 {
        return None;
    }
    let value = bytes.iter().try_fold(0, |value, byte| Some(value * base + i64::from(char::from(*byte).to_digit(base as u32)?)))?;
    Some(LeafValue::int(value))
}

fn tointeger(leaf: &mut Leaf<'_>) -> Result {
    match leaf.int(0) {
        Some(integer) => Some(LeafValue::int(integer)),
        None => Some(number::float_to_int(leaf.float(0)?).map_or_else(LeafValue::nil, LeafValue::int)),
    }
}

/// One byte, which is there.
fn byte(leaf: &mut Leaf<'_>) -> Result {
    let bytes = leaf.bytes(0)?;
    let position = match leaf.count() {
        1 => 1,
        2 => leaf.int(1)?,
        _ => return None,
    };
    let at = start_position(position, bytes.len());
    // A start before the string is moved to its beginning, but the end is not.
    if position < 0 && position.unsigned_abs() > bytes.len() as u64 || position == 0 {
        return None;
    }
    bytes.get(at - 1).map(|byte| LeafValue::int(i64::from(*byte)))
}

fn char_(leaf: &mut Leaf<'_>) -> Result {
    let byte = u8::try_from(leaf.int(0)?).ok().filter(|_| leaf.count() == 1)?;
    leaf.string(&[byte])
}

fn map(leaf: &mut Leaf<'_>, function: fn(&mut [u8])) -> Result {
    let bytes = leaf.bytes(0)?;
    let mut result = [0; SHORT];
    let result = result.get_mut(..bytes.len())?;
    result.copy_from_slice(bytes);
    function(result);
    leaf.string(result)
}

fn rep(leaf: &mut Leaf<'_>) -> Result {
    let (bytes, n) = (leaf.bytes(0)?, usize::try_from(leaf.int(1)?.max(0)).ok()?);
    if leaf.count() != 2 || bytes.is_empty() {
        return None;
    }
    let mut result = [0; SHORT];
    let result = result.get_mut(..bytes.len().checked_mul(n)?)?;
    result.chunks_exact_mut(bytes.len()).for_each(|place| place.copy_from_slice(bytes));
    leaf.string(result)
}

fn tostring(leaf: &mut Leaf<'_>) -> Result {
    if !leaf.has_plain_text(0) {
        return None;
    }
    match leaf.kind(0)? {
        Kind::Str => leaf.argument(0),
        Kind::Int => leaf.string(&number::format_int(leaf.int(0)?)),
        Kind::Float => leaf.string(&number::format_float(leaf.float(0)?)),
        Kind::Nil => leaf.string(b"nil"),
        Kind::Bool => leaf.string(if leaf.is_falsy(0) { b"false" } else { b"true" }),
        _ => None,
    }
}

fn sub(leaf: &mut Leaf<'_>) -> Result {
    let length = leaf.bytes(0)?.len();
    let start = start_position(leaf.int(1)?, length);
    let end = match leaf.count() {
        2 => length,
        3 => end_position(leaf.int(2)?, length),
        _ => return None,
    };
    if start > end {
        return leaf.string(b"");
    }
    leaf.part(0, start - 1..end)
}

/// `select('#', …)` and one value by a positive number.
fn select(leaf: &mut Leaf<'_>) -> Result {
    if let Some(n) = leaf.int(0) {
        let n = usize::try_from(n).ok().filter(|n| *n > 0)?;
        return leaf.argument(n).filter(|_| !leaf.wants_more() || n + 1 == leaf.count());
    }
    (leaf.bytes(0)? == b"#").then(|| LeafValue::int(leaf.count() as i64 - 1))
}
