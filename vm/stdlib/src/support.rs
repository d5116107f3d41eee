//! Small things every library file needs: installing functions and naming system errors.

use perilune_vm::leaf::{Intrinsic, LeafFn};
use perilune_vm::{Ctx, Error, NativeFn, Next};

/// A function of a library: its versioned name (`table.concat`) and its code.
pub(crate) type Entry = (&'static str, NativeFn);

/// The Lua source of a function run in place of a native that has to call back.
///
/// Each one is a whole chunk that takes its arguments from `...`. It is compiled when it is first needed.
pub(crate) struct Chunk {
    name: &'static str,
    source: &'static str,
}

impl Chunk {
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Chunk {
        Chunk { name, source }
    }

    /// Pushes the function. Upvalue `n` of the running native keeps it from the first time on.
    pub(crate) fn push(&self, ctx: &mut Ctx<'_>, n: usize) -> Result<(), Error> {
        ctx.upvalue(n);
        if ctx.is_nil(-1) {
            ctx.pop(1);
            ctx.load_prelude(self.source.as_bytes(), self.name.as_bytes())?;
            ctx.push_copy(-1);
            ctx.set_upvalue(n);
        }
        Ok(())
    }
}

/// The key under which a function with this versioned name is stored in its library's table.
fn field_name(versioned: &'static str) -> &'static [u8] {
    versioned.rsplit('.').next().unwrap_or(versioned).as_bytes()
}

/// Sets every entry, without upvalues, in the table on the top.
pub(crate) fn set_functions(ctx: &mut Ctx<'_>, entries: &[Entry]) -> Result<(), Error> {
    for &(name, function) in entries {
        ctx.push_native(name, function, 0)?;
        ctx.raw_set_field(-2, field_name(name))?;
    }
    Ok(())
}

/// Sets every entry in the table below the `n` values on the top, which become its upvalues, and pops those.
pub(crate) fn set_functions_with(ctx: &mut Ctx<'_>, n: usize, entries: &[Entry]) -> Result<(), Error> {
    for &(name, function) in entries {
        for _ in 0..n {
            ctx.push_copy(-(n as i32));
        }
        ctx.push_native(name, function, n)?;
        ctx.raw_set_field(-(n as i32) - 2, field_name(name))?;
    }
    ctx.pop(n);
    Ok(())
}

/// Sets a function with room for `chunks` chunks among its upvalues in the table on the top.
pub(crate) fn set_with_chunks(ctx: &mut Ctx<'_>, entry: Entry, chunks: usize) -> Result<(), Error> {
    for _ in 0..chunks {
        ctx.push_nil();
    }
    ctx.push_native(entry.0, entry.1, chunks)?;
    ctx.raw_set_field(-2, field_name(entry.0))
}

/// Makes the table on the top the loaded module `name` and a global of that name, and pops it.
pub(crate) fn publish(ctx: &mut Ctx<'_>, name: &[u8]) -> Result<(), Error> {
    push_loaded(ctx)?;
    ctx.push_copy(-2);
    ctx.raw_set_field(-2, name)?;
    ctx.pop(1);
    ctx.push_globals();
    ctx.push_copy(-2);
    ctx.raw_set_field(-2, name)?;
    ctx.pop(2);
    Ok(())
}

/// Pushes the table of loaded modules, which it makes on first use.
pub(crate) fn push_loaded(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    push_registry_table(ctx, b"_LOADED")
}

/// Pushes the table stored in the registry under `key`, which it makes on first use.
pub(crate) fn push_registry_table(ctx: &mut Ctx<'_>, key: &[u8]) -> Result<(), Error> {
    ctx.push_registry();
    ctx.raw_get_field(-1, key);
    if ctx.is_nil(-1) {
        ctx.pop(1);
        ctx.new_table(0, 8)?;
        ctx.push_copy(-1);
        ctx.raw_set_field(-3, key)?;
    }
    ctx.remove(-2);
    Ok(())
}

/// What the operating system calls this error, as C's `strerror` would.
pub(crate) fn system_message(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Returns `true`, or fail, a message and the error's number, as most functions of `io` and `os` do.
pub(crate) fn file_result(
    ctx: &mut Ctx<'_>,
    result: Result<(), std::io::Error>,
    path: Option<&[u8]>,
) -> Result<Next, Error> {
    match result {
        Ok(()) => {
            ctx.push_bool(true);
            Ok(Next::Return(1))
        }
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, path)?)),
    }
}

/// Pushes fail, a message and the error's number; the answer is how many values that is.
pub(crate) fn push_failure(ctx: &mut Ctx<'_>, error: &std::io::Error, path: Option<&[u8]>) -> Result<u32, Error> {
    let mut message = Vec::new();
    if let Some(path) = path {
        message.extend_from_slice(path);
        message.extend_from_slice(b": ");
    }
    message.extend_from_slice(system_message(error).as_bytes());
    ctx.push_nil();
    ctx.push_bytes(&message)?;
    ctx.push_int(error.raw_os_error().unwrap_or(0).into());
    Ok(3)
}

/// Pushes how a process ended: `true` or fail, `"exit"` or `"signal"`, and the number.
pub(crate) fn exit_result(ctx: &mut Ctx<'_>, status: std::process::ExitStatus) -> Result<Next, Error> {
    let (what, number) = match status.code() {
        Some(code) => ("exit", code),
        None => ("signal", signal_number(status)),
    };
    if what == "exit" && number == 0 {
        ctx.push_bool(true);
    } else {
        ctx.push_nil();
    }
    ctx.push_bytes(what.as_bytes())?;
    ctx.push_int(number.into());
    Ok(Next::Return(3))
}

#[cfg(unix)]
fn signal_number(status: std::process::ExitStatus) -> i32 {
    std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0)
}

#[cfg(not(unix))]
fn signal_number(_: std::process::ExitStatus) -> i32 {
    0
}

/// A Lua string as a path of the system.
#[cfg(unix)]
pub(crate) fn path_of(bytes: &[u8]) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

/// A Lua string as a path of the system.
#[cfg(not(unix))]
pub(crate) fn path_of(bytes: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// The bytes of a system string.
pub(crate) fn os_bytes(text: &std::ffi::OsStr) -> Vec<u8> {
    text.as_encoded_bytes().to_vec()
}

/// Gives functions in the table on the top their leaf forms.
pub(crate) fn set_leaves(ctx: &mut Ctx<'_>, entries: &[(&str, LeafFn)]) {
    for &(name, leaf) in entries {
        ctx.raw_get_field(-1, name.as_bytes());
        ctx.set_leaf(-1, leaf);
        ctx.pop(1);
    }
}

/// Says which functions in the table on the top compiled code may do in place.
pub(crate) fn set_intrinsics(ctx: &mut Ctx<'_>, entries: &[(&str, Intrinsic)]) {
    for &(name, intrinsic) in entries {
        ctx.raw_get_field(-1, name.as_bytes());
        ctx.set_intrinsic(-1, intrinsic);
        ctx.pop(1);
    }
}
