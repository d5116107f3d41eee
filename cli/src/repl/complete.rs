//! Names and fields that could complete what was typed, on the prompt's own machine.
//!
//! Tables are read raw and along `__index` tables: completing runs nothing of the program.

use std::collections::BTreeSet;

use perilune_vm::{Ctx, Error, Kind};

use super::render::{KEYWORDS, is_name};

/// Candidates that are collected at most.
const CANDIDATES: usize = 500;
/// Tables along `__index` that are looked at.
const CHAIN: usize = 16;

/// Where the word before the end of the text begins, and what could stand there instead.
///
/// # Errors
/// The memory limit.
pub fn complete(ctx: &mut Ctx<'_>, text: &str) -> Result<(usize, Vec<String>), Error> {
    let (path, word) = split(text);
    let start = text.len() - word.len();
    let mut found = BTreeSet::new();
    ctx.push_globals();
    for name in &path {
        if !field(ctx, name)? {
            return Ok((start, Vec::new()));
        }
    }
    let only_functions = text[..start].ends_with(':');
    collect(ctx, word, only_functions, &mut found)?;
    if path.is_empty() {
        found.extend(KEYWORDS.iter().filter(|keyword| keyword.starts_with(word)).map(|&keyword| keyword.to_owned()));
    }
    Ok((start, found.into_iter().collect()))
}

/// The names before the last `.` or `:`, and the word after it.
fn split(text: &str) -> (Vec<&str>, &str) {
    let is_part = |c: char| c == '_' || c == '.' || c == ':' || c.is_ascii_alphanumeric();
    let begin = text.rfind(|c| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    // What follows `..` or `::` begins anew.
    let begin = ["..", "::"].iter().filter_map(|sign| Some(text[begin..].rfind(sign)? + begin + 2)).max().unwrap_or(begin);
    let mut names: Vec<&str> = text[begin..].split(['.', ':']).collect();
    let word = names.pop().unwrap_or_default();
    (names, word)
}

/// Replaces the value on the top by its field; whether there is one.
fn field(ctx: &mut Ctx<'_>, name: &str) -> Result<bool, Error> {
    for _ in 0..CHAIN {
        if ctx.kind(-1) == Kind::Table {
            ctx.raw_get_field(-1, name.as_bytes());
            if !ctx.is_nil(-1) {
                ctx.remove(-2);
                return Ok(true);
            }
            ctx.pop(1);
        }
        if !index_of(ctx) {
            break;
        }
    }
    Ok(false)
}

/// Replaces the value on the top by its `__index`; whether there is one.
fn index_of(ctx: &mut Ctx<'_>) -> bool {
    let has = ctx.metafield(-1, b"__index");
    if has {
        ctx.remove(-2);
    }
    has
}

/// Collects names of the value on the top that begin with the word.
fn collect(ctx: &mut Ctx<'_>, word: &str, only_functions: bool, found: &mut BTreeSet<String>) -> Result<(), Error> {
    for _ in 0..CHAIN {
        if ctx.kind(-1) == Kind::Table {
            collect_table(ctx, word, only_functions, found)?;
        }
        if found.len() >= CANDIDATES || !index_of(ctx) {
            break;
        }
    }
    Ok(())
}

fn collect_table(ctx: &mut Ctx<'_>, word: &str, only_functions: bool, found: &mut BTreeSet<String>) -> Result<(), Error> {
    let table = ctx.top() as i32;
    ctx.push_nil();
    while ctx.next(table)? {
        let is_wanted = !only_functions || matches!(ctx.kind(-1), Kind::Function | Kind::Native);
        ctx.pop(1);
        match ctx.bytes(-1) {
            Some(name) if is_wanted && name.starts_with(word.as_bytes()) && is_name(name) => {
                found.insert(String::from_utf8_lossy(name).into_owned());
            }
            _ => {}
        }
        if found.len() >= CANDIDATES {
            ctx.pop(1);
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn the_word_is_what_follows_the_last_dot() {
        assert_eq!(split("pri"), (vec![], "pri"));
        assert_eq!(split("x = string.fo"), (vec!["string"], "fo"));
        assert_eq!(split("f(a.b:c"), (vec!["a", "b"], "c"));
        assert_eq!(split("'x'..st"), (vec![], "st"));
        assert_eq!(split("größe.x"), (vec!["e"], "x"));
    }
}
