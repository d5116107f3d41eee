//! `format`: takes the arguments a format asks for; how they are laid out is `conversion.rs`.
//!
//! Arguments with a `__tostring` that meet `%s` are converted first, one call each, in place: so the
//! calls may yield, and the formatting itself runs through without any.

use perilune_vm::leaf::{Leaf, LeafValue};
use perilune_vm::{Buffer, Ctx, Error, Kind, Next, Value, number};

use super::conversion::{Layout, ShortText, Specification, Text, quote, quote_float, quote_int};
use super::text;
use crate::text::append_plain;

const FLOAT_FLAGS: &[u8] = b"-+ #0";
const SIGNED_FLAGS: &[u8] = b"-+0 ";
const UNSIGNED_FLAGS: &[u8] = b"-0";
const HEX_FLAGS: &[u8] = b"-#0";
const TEXT_FLAGS: &[u8] = b"-";

/// `string.format`: a state above zero is the argument whose `__tostring` has just answered.
pub(super) fn format(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state > 0 {
        if !matches!(ctx.kind(-1), Kind::Str | Kind::Int | Kind::Float) {
            return Err(ctx.error("'__tostring' must return a string"));
        }
        ctx.replace(state as i32);
    } else {
        ctx.check_bytes(1)?;
    }
    if let Some(call) = convert_next(ctx, state as i32) {
        return Ok(call);
    }
    let format = text(ctx, 1).to_vec();
    let result = fill(ctx, &format)?;
    ctx.push_buffer(&result)?;
    Ok(Next::Return(1))
}

/// Prepares the call of the next `__tostring` needed behind the argument `done`.
fn convert_next(ctx: &mut Ctx<'_>, done: i32) -> Option<Next> {
    let top = ctx.top() as i32;
    let may_convert = |kind| !matches!(kind, Kind::Nil | Kind::Bool | Kind::Int | Kind::Float | Kind::Str);
    if !(done.max(1) + 1..=top).any(|index| may_convert(ctx.kind(index)) || ctx.kind(index) != Kind::Str && ctx.has_metatable(index)) {
        return None;
    }
    let wanted = string_arguments(text(ctx, 1));
    for index in wanted.into_iter().filter(|index| *index > done && *index <= top) {
        if ctx.kind(index) != Kind::Str && ctx.metafield(index, b"__tostring") {
            ctx.push_copy(index);
            return Some(Next::Call { args: 1, results: Some(1), state: index as u32 });
        }
    }
    None
}

/// The beginning of a format, up to its first `%`.
struct Piece<'a> {
    /// What is shown as it is, with the first `%` of two.
    text: &'a [u8],
    /// What stands behind it, and behind the `%` that begins a conversion.
    behind: &'a [u8],
    is_conversion: bool,
}

impl<'a> Piece<'a> {
    /// `None` when there is no `%`.
    #[inline]
    fn of(format: &'a [u8]) -> Option<Piece<'a>> {
        let at = format.iter().position(|c| *c == b'%')?;
        let is_conversion = format.get(at + 1) != Some(&b'%');
        let (text, behind) = if is_conversion { (at, at + 1) } else { (at + 1, at + 2) };
        Some(Piece { text: &format[..text], behind: &format[behind..], is_conversion })
    }
}

/// The arguments that `%s` takes.
fn string_arguments(format: &[u8]) -> Vec<i32> {
    let mut wanted = Vec::new();
    let mut argument = 1;
    let mut rest = format;
    while let Some(piece) = Piece::of(rest) {
        rest = piece.behind;
        if !piece.is_conversion {
            continue;
        }
        argument += 1;
        let Ok(specification) = Specification::read(rest) else { break };
        if specification.letter() == b's' {
            wanted.push(argument);
        }
        rest = &rest[specification.len()..];
    }
    wanted
}

fn fill(ctx: &mut Ctx<'_>, format: &[u8]) -> Result<Buffer, Error> {
    let top = ctx.top() as i32;
    let mut out = ctx.buffer();
    out.reserve(format.len() + 16);
    let mut argument = 1;
    let mut rest = format;
    while let Some(piece) = Piece::of(rest) {
        out.extend_from_slice(piece.text);
        rest = piece.behind;
        if !piece.is_conversion {
            ctx.work(1)?;
            continue;
        }
        argument += 1;
        if argument > top {
            return Err(ctx.arg_error(argument, "no value"));
        }
        let specification = Specification::read(rest).map_err(|message| ctx.error(message))?;
        let before = out.len();
        convert(ctx, argument, specification, &mut out)?;
        ctx.work(8 + out.len().saturating_sub(before) / 8)?;
        if out.is_full() {
            break;
        }
        rest = &rest[specification.len()..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

/// The whole of it where each argument is shown as it is, and the text is short.
pub(super) fn leaf(leaf: &mut Leaf<'_>) -> Option<LeafValue> {
    let mut out = ShortText::new();
    let (mut argument, mut rest) = (0, leaf.bytes(0)?);
    while let Some(piece) = Piece::of(rest) {
        out.append(piece.text);
        rest = piece.behind;
        if !piece.is_conversion {
            continue;
        }
        argument += 1;
        let length = match rest.first() {
            Some(b'd') => {
                out.append(&number::format_int(leaf.int(argument)?));
                1
            }
            Some(b's') if leaf.kind(argument)? == Kind::Str => {
                out.append(leaf.bytes(argument)?);
                1
            }
            _ => {
                let specification = Specification::read(rest).ok()?;
                convert_plain(leaf, argument, specification, &mut out)?;
                specification.len()
            }
        };
        rest = &rest[length..];
    }
    out.append(rest);
    leaf.string(out.text()?)
}

fn convert_plain(leaf: &mut Leaf<'_>, argument: usize, specification: Specification<'_>, out: &mut ShortText) -> Option<()> {
    let letter = specification.letter();
    match letter {
        b'd' | b'i' => specification.layout(SIGNED_FLAGS, true)?.put_signed(leaf.int(argument)?, out),
        b'x' | b'X' => specification.layout(HEX_FLAGS, true)?.put_unsigned(leaf.int(argument)? as u64, letter, out),
        b'c' => specification.layout(TEXT_FLAGS, false)?.put_bytes(&[leaf.int(argument)? as u8], out),
        b'e' | b'f' | b'g' => specification.layout(FLOAT_FLAGS, true)?.put_float(leaf.float(argument)?, letter, out),
        b's' if !specification.is_bare() => {
            let bytes = leaf.bytes(argument).filter(|bytes| !bytes.contains(&0))?;
            specification.layout(TEXT_FLAGS, true)?.put_bytes(bytes, out);
        }
        b's' => match leaf.kind(argument)? {
            Kind::Int if leaf.has_plain_text(argument) => out.append(&number::format_int(leaf.int(argument)?)),
            Kind::Float if leaf.has_plain_text(argument) => out.append(&number::format_float(leaf.float(argument)?)),
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

fn convert(ctx: &mut Ctx<'_>, argument: i32, specification: Specification<'_>, out: &mut Buffer) -> Result<(), Error> {
    let letter = specification.letter();
    match letter {
        b'c' => {
            let layout = layout(ctx, specification, TEXT_FLAGS, false)?;
            layout.put_bytes(&[ctx.check_int(argument)? as u8], out);
        }
        b'd' | b'i' => {
            let value = ctx.check_int(argument)?;
            layout(ctx, specification, SIGNED_FLAGS, true)?.put_signed(value, out);
        }
        b'u' | b'o' | b'x' | b'X' => {
            let value = ctx.check_int(argument)? as u64;
            let flags = if letter == b'u' { UNSIGNED_FLAGS } else { HEX_FLAGS };
            layout(ctx, specification, flags, true)?.put_unsigned(value, letter, out);
        }
        b'a' | b'A' | b'e' | b'E' | b'f' | b'g' | b'G' => {
            let value = ctx.check_float(argument)?;
            layout(ctx, specification, FLOAT_FLAGS, true)?.put_float(value, letter, out);
        }
        b'p' => {
            let layout = layout(ctx, specification, TEXT_FLAGS, false)?;
            let address = ctx.address(argument).map_or("(null)".to_owned(), |address| format!("{address:#x}"));
            layout.put_bytes(address.as_bytes(), out);
        }
        b'q' if !specification.is_bare() => return Err(ctx.error("specifier '%q' cannot have modifiers")),
        b'q' => put_literal(ctx, argument, out)?,
        b's' => put_string(ctx, argument, specification, out)?,
        _ => {
            let message = [b"invalid conversion '".as_slice(), &specification.quoted(), b"' to 'format'"].concat();
            return Err(ctx.error(message));
        }
    }
    Ok(())
}

fn layout(ctx: &mut Ctx<'_>, specification: Specification<'_>, flags: &[u8], may_have_precision: bool) -> Result<Layout, Error> {
    specification.layout(flags, may_have_precision).ok_or_else(|| {
        ctx.error([b"invalid conversion specification: '".as_slice(), &specification.quoted(), b"'"].concat())
    })
}

fn put_string(ctx: &mut Ctx<'_>, argument: i32, specification: Specification<'_>, out: &mut Buffer) -> Result<(), Error> {
    if specification.is_bare() {
        append_plain(ctx, argument, out);
        return Ok(());
    }
    let mut bytes = ctx.buffer();
    append_plain(ctx, argument, &mut bytes);
    if bytes.contains(&0) {
        return Err(ctx.arg_error(argument, "string contains zeros"));
    }
    layout(ctx, specification, TEXT_FLAGS, true)?.put_bytes(&bytes, out);
    Ok(())
}

fn put_literal(ctx: &mut Ctx<'_>, argument: i32, out: &mut Buffer) -> Result<(), Error> {
    match ctx.value(argument) {
        Value::Str(_) => {
            let mut patience = ctx.patience();
            quote(ctx.bytes(argument).unwrap_or(b""), out, &mut patience);
            return ctx.settle(&patience);
        }
        Value::Int(value) => quote_int(value, out),
        Value::Float(value) => quote_float(value, out),
        Value::Nil => out.extend_from_slice(b"nil"),
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        _ => return Err(ctx.arg_error(argument, "value has no literal form")),
    }
    Ok(())
}
