//! Values as people read them. Nothing here calls Lua, so looking never changes the program.

use perilune_vm::{Ctx, Kind, Value as Lua};

use crate::protocol::Value;

/// Longest text of a string value, in bytes.
const MAX_STRING: usize = 4096;
/// Longest summary of a table, in bytes.
const MAX_SUMMARY: usize = 100;

/// The value at `index`, without a reference.
pub(super) fn describe(ctx: &mut Ctx<'_>, index: i32) -> Value {
    let index = absolute(ctx, index);
    let (indexed, named) = if ctx.kind(index) == Kind::Table { counts(ctx, index) } else { (0, 0) };
    Value { text: text(ctx, index), kind: kind_name(ctx, index), reference: 0, indexed, named }
}

/// Whether a value has children.
pub(super) fn has_children(ctx: &mut Ctx<'_>, index: i32) -> bool {
    match ctx.kind(index) {
        Kind::Table => true,
        Kind::Userdata => ctx.has_metatable(index),
        _ => false,
    }
}

pub(super) fn absolute(ctx: &Ctx<'_>, index: i32) -> i32 {
    if index > 0 { index } else { ctx.top() as i32 + 1 + index }
}

fn kind_name(ctx: &mut Ctx<'_>, index: i32) -> String {
    match ctx.kind(index) {
        Kind::Int => "integer".into(),
        Kind::Float => "float".into(),
        _ => String::from_utf8_lossy(&ctx.type_name_of(index)).into_owned(),
    }
}

/// Array elements, and other children (the metatable is one).
pub(super) fn counts(ctx: &mut Ctx<'_>, index: i32) -> (u32, u32) {
    let length = ctx.len_raw(index).clamp(0, i64::from(u32::MAX));
    let (mut indexed, mut named) = (0u32, 0u32);
    ctx.push_nil();
    while let Ok(true) = ctx.next(index) {
        ctx.pop(1);
        match ctx.to_int_key(-1) {
            Some(key) if key >= 1 && key <= length => indexed += 1,
            _ => named += 1,
        }
    }
    // Holes in the sequence are elements, too.
    let indexed = if indexed == 0 { 0 } else { length as u32 };
    (indexed, named + u32::from(ctx.has_metatable(index)))
}

trait IntKey {
    fn to_int_key(&self, index: i32) -> Option<i64>;
}

impl IntKey for Ctx<'_> {
    fn to_int_key(&self, index: i32) -> Option<i64> {
        match self.value(index) {
            Lua::Int(i) => Some(i),
            _ => None,
        }
    }
}

/// A literal, or a summary.
pub(super) fn text(ctx: &mut Ctx<'_>, index: i32) -> String {
    match ctx.kind(index) {
        Kind::Table => summary(ctx, index),
        _ => plain(ctx, index, MAX_STRING),
    }
}

/// A value on one line without looking into tables.
fn plain(ctx: &mut Ctx<'_>, index: i32, limit: usize) -> String {
    match ctx.value(index) {
        Lua::Nil => return "nil".into(),
        Lua::Bool(value) => return value.to_string(),
        Lua::Int(i) => return i.to_string(),
        Lua::Float(f) => return perilune_vm::inspect::float_text(f),
        Lua::Str(bytes) => return quote(bytes, limit),
        _ => {}
    }
    let address = ctx.address(index).unwrap_or(0);
    match ctx.kind(index) {
        Kind::Function => match ctx.function_position(index) {
            Some((name, position)) => {
                let file = perilune_vm::inspect::chunk_id(&position.source);
                format!("function {name} ({}:{})", String::from_utf8_lossy(&file), position.line)
            }
            None => "function (library)".into(),
        },
        Kind::Native => match ctx.native_label(index) {
            Some(name) => format!("function {name} (native)"),
            None => "function (native)".into(),
        },
        Kind::Thread => format!("thread {}", ctx.coroutine_id(index).unwrap_or(0)),
        _ => format!("{}: 0x{address:x}", String::from_utf8_lossy(&ctx.type_name_of(index))),
    }
}

/// `{1, 2, name = "x", …}`, or with the name of its kind in front.
fn summary(ctx: &mut Ctx<'_>, index: i32) -> String {
    let index = absolute(ctx, index);
    let name = ctx.type_name_of(index);
    let mut text = if name == b"table" { String::new() } else { String::from_utf8_lossy(&name).into_owned() + " " };
    text.push('{');
    let (mut expected, mut first) = (1, true);
    ctx.push_nil();
    while let Ok(true) = ctx.next(index) {
        let key = match ctx.to_int_key(-2) {
            Some(key) if key == expected => {
                expected += 1;
                String::new()
            }
            _ => key_text(ctx, -2) + " = ",
        };
        let value = if ctx.kind(-1) == Kind::Table { "{…}".into() } else { plain(ctx, -1, 40) };
        ctx.pop(1);
        let comma = if first { "" } else { ", " };
        first = false;
        if text.len() + key.len() + value.len() > MAX_SUMMARY {
            text.push_str(comma);
            text.push('…');
            ctx.pop(1);
            break;
        }
        text.push_str(&format!("{comma}{key}{value}"));
    }
    text.push('}');
    text
}

/// A key as it stands in a constructor: `name`, or `[literal]`.
pub(super) fn key_text(ctx: &mut Ctx<'_>, index: i32) -> String {
    if let Lua::Str(bytes) = ctx.value(index)
        && is_name(bytes)
    {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if ctx.kind(index) == Kind::Table {
        let address = ctx.address(index).unwrap_or(0);
        return format!("[table: 0x{address:x}]");
    }
    format!("[{}]", plain(ctx, index, 200))
}

/// Whether a string can stand behind a dot.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    const KEYWORDS: [&str; 22] = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
        "true", "until", "while",
    ];
    let starts = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    starts && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') && !KEYWORDS.iter().any(|word| word.as_bytes() == bytes)
}

/// A string literal that reads back as the same bytes; cut when it is long.
pub(super) fn quote(bytes: &[u8], limit: usize) -> String {
    let shown = &bytes[..bytes.len().min(limit)];
    let mut text = String::from("\"");
    let mut rest = shown;
    while !rest.is_empty() {
        let (valid, bad) = match std::str::from_utf8(rest) {
            Ok(valid) => (valid, 0),
            Err(error) => {
                let valid = std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or_default();
                (valid, error.error_len().unwrap_or(rest.len() - error.valid_up_to()))
            }
        };
        for c in valid.chars() {
            match c {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                c if c.is_control() => c.to_string().bytes().for_each(|b| text.push_str(&format!("\\x{b:02x}"))),
                c => text.push(c),
            }
        }
        for byte in &rest[valid.len()..valid.len() + bad] {
            text.push_str(&format!("\\x{byte:02x}"));
        }
        rest = &rest[valid.len() + bad..];
    }
    text.push('"');
    if shown.len() < bytes.len() {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{is_name, quote};

    #[test]
    fn strings() {
        assert_eq!(quote(b"a\"b\\c\n\t", 100), r#""a\"b\\c\n\t""#);
        assert_eq!(quote("gr\u{fc}n".as_bytes(), 100), "\"gr\u{fc}n\"");
        assert_eq!(quote(b"\0\xff!", 100), r#""\x00\xff!""#);
        assert_eq!(quote(b"abcdef", 3), "\"abc\"… (6 bytes)");
    }

    #[test]
    fn names() {
        assert!(is_name(b"_x1"));
        assert!(!is_name(b"end") && !is_name(b"1x") && !is_name(b"a b") && !is_name(b""));
    }
}
