//! `load`, `loadfile` and `dofile`: text or binary chunks to functions.

use std::io::{BufRead, BufReader};

use perilune_vm::{Buffer, Ctx, Error, Kind, Next};

use crate::stream::read_all;
use crate::support::{path_of, system_message};

/// The source of a chunk without a byte order mark and a first line that starts with `#`.
///
/// The line's end is kept before text, so that lines keep their numbers, but not before a binary chunk.
pub fn strip_shebang(source: &[u8]) -> &[u8] {
    let source = source.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(source);
    if source.first() != Some(&b'#') {
        return source;
    }
    let end = source.iter().position(|&byte| byte == b'\n').unwrap_or(source.len());
    match &source[end..] {
        [b'\n', rest @ ..] if rest.first() == Some(&0x1B) => rest,
        rest => rest,
    }
}

/// Reads a chunk's file, or standard input: its source and its chunk name, or a message.
pub fn read_chunk(ctx: &mut Ctx<'_>, path: Option<&[u8]>) -> Result<(Vec<u8>, Vec<u8>), Vec<u8>> {
    let text = ctx.buffer();
    let Some(path) = path else {
        return Ok((read_source(&mut *ctx.in_(), text, b"stdin")?, b"=stdin".to_vec()));
    };
    let file = std::fs::File::open(path_of(path)).map_err(|error| failure("open", path, &error))?;
    let source = read_source(&mut BufReader::with_capacity(1 << 14, file), text, path)?;
    Ok((source, [b"@", path].concat()))
}

fn read_source(file: &mut dyn BufRead, text: Buffer, path: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let text = read_all(file, text).map_err(|error| failure("read", path, &error))?;
    if text.is_full() {
        return Err([b"cannot read ", path, b": not enough memory"].concat());
    }
    let skipped = text.len() - strip_shebang(&text).len();
    let mut source = Vec::from(text);
    source.drain(..skipped);
    Ok(source)
}

fn failure(what: &str, path: &[u8], error: &std::io::Error) -> Vec<u8> {
    let message = system_message(error);
    [b"cannot ", what.as_bytes(), b" ", path, b": ", message.as_bytes()].concat()
}

/// Pushes the function of the chunk in a file, or a message.
pub(crate) fn push_file(ctx: &mut Ctx<'_>, path: Option<&[u8]>, mode: &[u8]) -> Result<bool, Error> {
    match read_chunk(ctx, path) {
        Ok((source, name)) => Ok(ctx.load(&source, &name, mode).is_ok()),
        Err(message) => {
            ctx.push_bytes(&message)?;
            Ok(false)
        }
    }
}

/// Returns the function on the top, with the environment at `env` if there is one, or fail and the message on the top.
fn finish(ctx: &mut Ctx<'_>, loaded: bool, env: Option<i32>) -> Result<Next, Error> {
    if !loaded {
        ctx.push_nil();
        ctx.insert(-2);
        return Ok(Next::Return(2));
    }
    if let Some(env) = env {
        ctx.push_copy(env);
        ctx.set_function_upvalue(-2, 1)?;
    }
    Ok(Next::Return(1))
}

/// `loadfile`
pub(crate) fn loadfile(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let path = ctx.opt_bytes(1)?.map(<[u8]>::to_vec);
    let mode = ctx.opt_bytes(2)?.unwrap_or(b"bt").to_vec();
    let env = (!ctx.is_none(3)).then_some(3);
    let loaded = push_file(ctx, path.as_deref(), &mode)?;
    finish(ctx, loaded, env)
}

/// `dofile`
pub(crate) fn dofile(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state > 0 {
        return Ok(Next::Return(ctx.top() as u32 - 1));
    }
    let path = ctx.opt_bytes(1)?.map(<[u8]>::to_vec);
    ctx.set_top(1);
    if !push_file(ctx, path.as_deref(), b"bt")? {
        return Err(ctx.error_top());
    }
    Ok(Next::Call { args: 0, results: None, state: 1 })
}

/// The window's slots while a reader function is being asked for pieces: the arguments come first.
const HAS_ENV: i32 = 5;
const SOURCE: i32 = 6;

/// `load`; its upvalue is `pcall`, because an error in the reader is an answer of `load`.
pub(crate) fn load(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state > 0 {
        return take_piece(ctx);
    }
    let mode = ctx.opt_bytes(3)?.unwrap_or(b"bt").to_vec();
    let has_env = !ctx.is_none(4);
    if matches!(ctx.kind(1), Kind::Str | Kind::Int | Kind::Float) {
        let source = ctx.check_bytes(1)?.to_vec();
        let name = ctx.opt_bytes(2)?.map(<[u8]>::to_vec);
        let loaded = ctx.load(&source, name.as_deref().unwrap_or(&source), &mode).is_ok();
        return finish(ctx, loaded, has_env.then_some(4));
    }
    ctx.opt_bytes(2)?;
    ctx.check_kind(1, Kind::Function)?;
    ctx.set_top(4);
    ctx.push_bool(has_env);
    let source = ctx.buffer();
    ctx.push_host(Box::new(source), 0)?;
    Ok(ask_reader(ctx))
}

fn ask_reader(ctx: &mut Ctx<'_>) -> Next {
    ctx.set_top(SOURCE as usize);
    ctx.upvalue(1);
    ctx.push_copy(1);
    Next::Call { args: 1, results: Some(2), state: 1 }
}

fn take_piece(ctx: &mut Ctx<'_>) -> Result<Next, Error> {
    if !ctx.to_bool(-2) {
        return finish(ctx, false, None);
    }
    let piece = match ctx.kind(-1) {
        Kind::Nil => Vec::new(),
        Kind::Str | Kind::Int | Kind::Float => ctx.check_bytes(-1)?.to_vec(),
        _ => {
            let message = [&ctx.where_(1)[..], b"reader function must return a string"].concat();
            ctx.push_bytes(&message)?;
            return finish(ctx, false, None);
        }
    };
    let Some(source) = ctx.host_mut::<Buffer>(SOURCE) else {
        return Err(ctx.error("reader function is not running"));
    };
    if !piece.is_empty() {
        source.extend_from_slice(&piece);
        let (owned, is_full) = (source.capacity(), source.is_full());
        ctx.charge_host(SOURCE, owned)?;
        if is_full {
            ctx.push_bytes(b"not enough memory")?;
            return finish(ctx, false, None);
        }
        return Ok(ask_reader(ctx));
    }
    let source = std::mem::take(source);
    ctx.drop_host(SOURCE);
    let mode = ctx.opt_bytes(3)?.unwrap_or(b"bt").to_vec();
    let name = ctx.opt_bytes(2)?.unwrap_or(b"=(load)").to_vec();
    let has_env = ctx.to_bool(HAS_ENV);
    let loaded = ctx.load(&source, &name, &mode).is_ok();
    finish(ctx, loaded, has_env.then_some(4))
}
