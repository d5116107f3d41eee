//! Leaf forms of the library's busiest functions. Whatever is unusual they leave to the general form.

use perilune_vm::leaf::{Leaf, LeafFn, LeafValue};
use perilune_vm::number::{self, Number};
use perilune_vm::Kind;

use crate::string::conversion::{ShortText, Text};
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
    ("next", |leaf| leaf.next(0, 1)),
    ("rawget", |leaf| if leaf.count() == 2 { leaf.raw_get(0, 1) } else { None }),
    ("select", select),
    ("type", |leaf| leaf.type_name(0)),
];

/// Of `table`.
pub(crate) const TABLE: &[(&str, LeafFn)] = &[
    ("concat", concat),
    ("insert", insert),
    ("pack", |leaf| leaf.pack()),
    ("remove", remove),
    ("unpack", unpack),
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

/// Bytes that are there, and a start in the string.
fn byte(leaf: &mut Leaf<'_>) -> Result {
    let bytes = leaf.bytes(0)?;
    let position = if leaf.count() > 1 { leaf.int(1)? } else { 1 };
    let at = start_position(position, bytes.len());
    let end = if leaf.count() > 2 { end_position(leaf.int(2)?, bytes.len()) } else { at };
    // A start before the string is moved to its beginning, but the end is not.
    if leaf.count() < 3 && (position < 0 && position.unsigned_abs() > bytes.len() as u64 || position == 0) {
        return None;
    }
    let (first, others) = bytes.get(at - 1..end)?.split_first()?;
    also(leaf, others.iter().map(|byte| LeafValue::int(i64::from(*byte))))?;
    Some(LeafValue::int(i64::from(*first)))
}

/// Results after the first, if they are wanted.
fn also(leaf: &mut Leaf<'_>, mut values: impl Iterator<Item = LeafValue>) -> Option<()> {
    if leaf.wants_more() { values.try_for_each(|value| leaf.also(value)) } else { Some(()) }
}

fn char_(leaf: &mut Leaf<'_>) -> Result {
    let mut result = [0; SHORT];
    let result = result.get_mut(..leaf.count())?;
    for (at, place) in result.iter_mut().enumerate() {
        *place = u8::try_from(leaf.int(at)?).ok()?;
    }
    leaf.string(result)
}

fn insert(leaf: &mut Leaf<'_>) -> Result {
    match leaf.count() {
        2 => leaf.append(0, 1),
        3 => leaf.insert(0, leaf.int(1)?, 2),
        _ => None,
    }
}

fn remove(leaf: &mut Leaf<'_>) -> Result {
    match leaf.count() {
        1 => leaf.take_last(0),
        _ => leaf.remove(0, leaf.int(1)?),
    }
}

/// An argument that is an integer, or missing, or nil.
fn int_or(leaf: &Leaf<'_>, index: usize, otherwise: i64) -> Option<i64> {
    match leaf.kind(index) {
        None | Some(Kind::Nil) => Some(otherwise),
        _ => leaf.int(index),
    }
}

fn unpack(leaf: &mut Leaf<'_>) -> Result {
    let length = leaf.plain_len(0)?;
    let (first, last) = (int_or(leaf, 1, 1)?, int_or(leaf, 2, length)?);
    if first > last {
        return if leaf.wants_more() { None } else { Some(LeafValue::nil()) };
    }
    last.checked_sub(first).filter(|more| *more < FEW)?;
    if leaf.wants_more() {
        for index in first + 1..=last {
            let value = leaf.item(0, index)?;
            leaf.also(value)?;
        }
    }
    leaf.item(0, first)
}

/// A short text.
fn concat(leaf: &mut Leaf<'_>) -> Result {
    let length = leaf.plain_len(0)?;
    let separator = match leaf.kind(1) {
        None | Some(Kind::Nil) => b"".as_slice(),
        _ => leaf.bytes(1)?,
    };
    let (first, last) = (int_or(leaf, 2, 1)?, int_or(leaf, 3, length)?);
    last.checked_sub(first).filter(|more| *more < FEW)?;
    let mut result = ShortText::new();
    for index in first..=last {
        let item = leaf.item(0, index)?;
        match item.number() {
            Some(Number::Int(int)) => result.append(&number::format_int(int)),
            Some(Number::Float(float)) => result.append(&number::format_float(float)),
            None => result.append(item.bytes(leaf)?),
        }
        if index < last {
            result.append(separator);
        }
    }
    leaf.string(result.text()?)
}

/// Ranges of no more items are dealt with at once.
const FEW: i64 = 256;

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
