//! `package` and `require`.

use perilune_vm::{Buffer, Ctx, Error, Kind, Next};

use crate::load;
use crate::support::{self, path_of, push_loaded, set_functions, set_functions_with};

const LUA_PATH: &str = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
    /usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
const LUA_CPATH: &str = "/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so";

/// Installs the library and `require`.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 8)?;
    set_functions(ctx, &[("package.loadlib", loadlib), ("package.searchpath", searchpath)])?;
    ctx.new_table(4, 0)?;
    for (index, (name, searcher)) in SEARCHERS.into_iter().enumerate() {
        ctx.push_copy(-2);
        ctx.push_native(name, searcher, 1)?;
        ctx.raw_set_int(-2, index as i64 + 1)?;
    }
    ctx.raw_set_field(-2, b"searchers")?;
    set_path(ctx, "path", "LUA_PATH", LUA_PATH)?;
    set_path(ctx, "cpath", "LUA_CPATH", LUA_CPATH)?;
    ctx.push_bytes(b"/\n;\n?\n!\n-\n")?;
    ctx.raw_set_field(-2, b"config")?;
    push_loaded(ctx)?;
    ctx.raw_set_field(-2, b"loaded")?;
    support::push_registry_table(ctx, b"_PRELOAD")?;
    ctx.raw_set_field(-2, b"preload")?;
    ctx.push_globals();
    ctx.push_copy(-2);
    set_functions_with(ctx, 1, &[("require", require)])?;
    ctx.pop(1);
    support::publish(ctx, b"package")
}

/// The searchers in the order `require` asks them; the upvalue of each is `package`.
const SEARCHERS: [support::Entry; 4] = [
    ("package.searcher_preload", searcher_preload),
    ("package.searcher_lua", searcher_lua),
    ("package.searcher_c", searcher_c),
    ("package.searcher_croot", searcher_croot),
];

/// Sets a search path from the environment, where `;;` stands for the default one.
fn set_path(ctx: &mut Ctx<'_>, field: &str, variable: &str, default: &str) -> Result<(), Error> {
    ctx.push_registry();
    ctx.raw_get_field(-1, b"LUA_NOENV");
    let ignore_environment = ctx.to_bool(-1);
    ctx.pop(2);
    let versioned = format!("{variable}_5_4");
    let wanted = std::env::var_os(versioned).or_else(|| std::env::var_os(variable));
    let path = match wanted {
        Some(path) if !ignore_environment => with_default(&support::os_bytes(&path), default.as_bytes()),
        _ => default.as_bytes().to_vec(),
    };
    ctx.push_bytes(&path)?;
    ctx.raw_set_field(-2, field.as_bytes())
}

fn with_default(path: &[u8], default: &[u8]) -> Vec<u8> {
    let Some(at) = path.windows(2).position(|pair| pair == b";;") else {
        return path.to_vec();
    };
    let (before, after) = (&path[..at], &path[at + 2..]);
    let mut result = before.to_vec();
    if !before.is_empty() {
        result.push(b';');
    }
    result.extend_from_slice(default);
    if !after.is_empty() {
        result.push(b';');
        result.extend_from_slice(after);
    }
    result
}

fn loadlib(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_bytes(1)?;
    ctx.check_bytes(2)?;
    ctx.push_nil();
    ctx.push_bytes(b"dynamic libraries not enabled; check your Lua installation")?;
    ctx.push_bytes(b"absent")?;
    Ok(Next::Return(3))
}

/// Appends the text with what is replaced.
fn replace_all(text: &[u8], from: &[u8], to: &[u8], mut result: Buffer) -> Buffer {
    if from.is_empty() {
        result.extend_from_slice(text);
        return result;
    }
    let mut rest = text;
    while !rest.is_empty() && !result.is_full() {
        match rest.strip_prefix(from) {
            Some(after) => {
                result.extend_from_slice(to);
                rest = after;
            }
            None => {
                result.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    result
}

/// The first file of a path that can be read, or the list of those that cannot, as a message. Texts are
/// put together in new buffers.
fn search(name: &[u8], path: &[u8], separator: &[u8], replacement: &[u8], buffer: impl Fn() -> Buffer) -> Result<Vec<u8>, Vec<u8>> {
    let name = replace_all(name, separator, replacement, buffer());
    let candidates = replace_all(path, b"?", &name, buffer());
    let mut message = buffer();
    for candidate in candidates.split(|&byte| byte == b';') {
        if std::fs::File::open(path_of(candidate)).is_ok() {
            return Ok(candidate.to_vec());
        }
        if !message.is_empty() {
            message.extend_from_slice(b"\n\t");
        }
        message.extend_from_slice(&[b"no file '", candidate, b"'"].concat());
    }
    if name.is_full() || candidates.is_full() || message.is_full() {
        return Err(b"not enough memory".to_vec());
    }
    Err(message.into())
}

fn searchpath(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    let path = ctx.check_bytes(2)?.to_vec();
    let separator = ctx.opt_bytes(3)?.unwrap_or(b".").to_vec();
    let replacement = ctx.opt_bytes(4)?.unwrap_or(b"/").to_vec();
    match search(&name, &path, &separator, &replacement, || ctx.buffer()) {
        Ok(found) => {
            ctx.push_bytes(&found)?;
            Ok(Next::Return(1))
        }
        Err(message) => {
            ctx.push_nil();
            ctx.push_bytes(&message)?;
            Ok(Next::Return(2))
        }
    }
}

fn one_message(ctx: &mut Ctx<'_>, message: &[u8]) -> Result<Next, Error> {
    ctx.push_bytes(message)?;
    Ok(Next::Return(1))
}

/// Searches the path in a field of `package`, the upvalue.
fn search_field(ctx: &mut Ctx<'_>, name: &[u8], field: &str) -> Result<Result<Vec<u8>, Vec<u8>>, Error> {
    ctx.upvalue(1);
    ctx.raw_get_field(-1, field.as_bytes());
    let Some(path) = ctx.bytes(-1).map(<[u8]>::to_vec) else {
        return Err(ctx.error(format!("'package.{field}' must be a string")));
    };
    ctx.pop(2);
    Ok(search(name, &path, b".", b"/", || ctx.buffer()))
}

fn searcher_preload(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    support::push_registry_table(ctx, b"_PRELOAD")?;
    ctx.raw_get_field(-1, &name);
    if ctx.is_nil(-1) && name == b"advice" {
        // Perilune's own modules need no file, and `package.preload` stays empty as programs expect it.
        ctx.push_native("advice", crate::advice::open, 0)?;
    }
    if ctx.is_nil(-1) {
        return one_message(ctx, &[b"no field package.preload['", &name[..], b"']"].concat());
    }
    ctx.push_bytes(b":preload:")?;
    Ok(Next::Return(2))
}

fn searcher_lua(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    let file = match search_field(ctx, &name, "path")? {
        Ok(file) => file,
        Err(message) => return one_message(ctx, &message),
    };
    if load::push_file(ctx, Some(&file), b"bt")? {
        ctx.push_bytes(&file)?;
        return Ok(Next::Return(2));
    }
    let reason = ctx.bytes(-1).unwrap_or(b"").to_vec();
    let message = [b"error loading module '", &name[..], b"' from file '", &file, b"':\n\t", &reason].concat();
    Err(ctx.error(message))
}

/// Looks for a library of C, only to say that it was found and cannot be used.
fn refuse_library(ctx: &mut Ctx<'_>, name: &[u8]) -> Result<Next, Error> {
    match search_field(ctx, name, "cpath")? {
        Ok(file) => one_message(ctx, &[b"no support for C modules such as file '", &file[..], b"'"].concat()),
        Err(message) => one_message(ctx, &message),
    }
}

fn searcher_c(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    refuse_library(ctx, &name)
}

fn searcher_croot(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    match name.iter().position(|&byte| byte == b'.') {
        Some(end) => refuse_library(ctx, &name[..end]),
        None => Ok(Next::Return(0)),
    }
}

/// The window's slots while `require` works: the name, then these.
const LOADED: i32 = 2;
const SEARCHER_LIST: i32 = 3;
const MESSAGE: i32 = 4;
const ASKED: i32 = 5;
const LOADER_DATA: i32 = 6;

/// States: 0, the start; 1, a searcher has answered; 2, the loader has returned.
fn require(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    match state {
        0 => start(ctx),
        1 => take_answer(ctx),
        _ => finish(ctx),
    }
}

fn start(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    ctx.set_top(1);
    push_loaded(ctx)?;
    ctx.raw_get_field(LOADED, &name);
    if ctx.to_bool(-1) {
        return Ok(Next::Return(1));
    }
    ctx.pop(1);
    ctx.upvalue(1);
    ctx.raw_get_field(-1, b"searchers");
    ctx.remove(-2);
    if ctx.kind(-1) != Kind::Table {
        return Err(ctx.error("'package.searchers' must be a table"));
    }
    ctx.push_bytes(b"")?;
    ctx.push_int(0);
    ask_next(ctx)
}

fn ask_next(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    ctx.set_top(ASKED as usize);
    let index = ctx.to_int(ASKED).unwrap_or(0) + 1;
    ctx.push_int(index);
    ctx.replace(ASKED);
    ctx.raw_get_int(SEARCHER_LIST, index);
    if ctx.is_nil(-1) {
        let name = ctx.bytes(1).unwrap_or(b"").to_vec();
        let reasons = ctx.bytes(MESSAGE).unwrap_or(b"").to_vec();
        return Err(ctx.error([b"module '", &name[..], b"' not found:", &reasons].concat()));
    }
    ctx.push_copy(1);
    Ok(Next::Call { args: 1, results: Some(2), state: 1 })
}

fn take_answer(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    match ctx.kind(-2) {
        Kind::Function | Kind::Native => {
            ctx.insert(LOADER_DATA);
            ctx.push_copy(1);
            ctx.push_copy(LOADER_DATA);
            return Ok(Next::Call { args: 2, results: Some(1), state: 2 });
        }
        Kind::Str | Kind::Int | Kind::Float => {
            let reason = ctx.check_bytes(-2)?.to_vec();
            let reasons = [ctx.bytes(MESSAGE).unwrap_or(b""), b"\n\t", &reason].concat();
            ctx.push_bytes(&reasons)?;
            ctx.replace(MESSAGE);
        }
        _ => {}
    }
    ask_next(ctx)
}

fn finish(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    let name = ctx.bytes(1).unwrap_or(b"").to_vec();
    if ctx.is_nil(-1) {
        ctx.pop(1);
    } else {
        ctx.raw_set_field(LOADED, &name)?;
    }
    ctx.raw_get_field(LOADED, &name);
    if ctx.is_nil(-1) {
        ctx.pop(1);
        ctx.push_bool(true);
        ctx.push_copy(-1);
        ctx.raw_set_field(LOADED, &name)?;
    }
    ctx.push_copy(LOADER_DATA);
    Ok(Next::Return(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_semicolons_stand_for_the_default() {
        assert_eq!(with_default(b";;", b"d"), b"d");
        assert_eq!(with_default(b"a;;", b"d"), b"a;d");
        assert_eq!(with_default(b"a;;b", b"d"), b"a;d;b");
        assert_eq!(with_default(b"a;b", b"d"), b"a;b");
    }

    #[test]
    fn a_search_lists_what_it_tried() {
        let tried = search(b"a.b", b"/nowhere/?.lua;/nowhere/?", b".", b"/", || Buffer::with_room(1000));
        assert_eq!(tried, Err(b"no file '/nowhere/a/b.lua'\n\tno file '/nowhere/a/b'".to_vec()));
        let huge = search(&[b'a'; 100], &[b'?'; 100], b".", b"/", || Buffer::with_room(1000));
        assert_eq!(huge, Err(b"not enough memory".to_vec()));
    }
}
