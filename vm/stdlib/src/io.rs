//! `io` and the methods of files.

use std::io::{self, BufRead, SeekFrom, Write};
use std::process::Stdio;

use perilune_vm::{Buffer, Buffering, Ctx, Error, Kind, Next, Value, number};

use crate::os::shell;
use crate::stream::{self, Shared, Stream};
use crate::support::{
    self, exit_result, file_result, path_of, push_failure, set_functions, set_functions_with, system_message,
};

/// What a file userdata holds.
#[derive(Clone)]
enum Handle {
    Stdin,
    Stdout,
    Stderr,
    File(Shared),
}

impl Handle {
    fn is_closed(&self) -> bool {
        match self {
            // A file in use by an enclosing call is open.
            Handle::File(shared) => shared.try_lock().is_ok_and(|stream| stream.is_closed()),
            _ => false,
        }
    }

    /// Calls back with the stream, for those that have one.
    fn with_file<T>(&self, action: impl FnOnce(&mut Stream) -> io::Result<T>) -> io::Result<T> {
        match self {
            Handle::File(shared) => match shared.try_lock() {
                Ok(mut stream) => action(&mut stream),
                Err(_) => Err(io::Error::from_raw_os_error(16)),
            },
            // A terminal or a pipe has no position.
            _ => Err(io::Error::from_raw_os_error(29)),
        }
    }

    fn read_with<T>(&self, ctx: &mut Ctx<'_>, action: impl FnOnce(&mut dyn BufRead) -> io::Result<T>) -> io::Result<T> {
        match self {
            Handle::Stdin => {
                ctx.out().flush().ok();
                action(&mut *ctx.in_())
            }
            Handle::Stdout | Handle::Stderr => Err(io::Error::from_raw_os_error(9)),
            Handle::File(_) => self.with_file(|stream| action(stream)),
        }
    }

    fn write_all(&self, ctx: &mut Ctx<'_>, bytes: &[u8]) -> io::Result<()> {
        match self {
            Handle::Stdin => Err(io::Error::from_raw_os_error(9)),
            Handle::Stdout => ctx.out().write_all(bytes),
            Handle::Stderr => ctx.err().write_all(bytes).and_then(|()| ctx.err().flush()),
            Handle::File(_) => self.with_file(|stream| stream.write_all(bytes)),
        }
    }

    fn flush(&self, ctx: &mut Ctx<'_>) -> io::Result<()> {
        match self {
            Handle::Stdin => Ok(()),
            Handle::Stdout => ctx.out().flush(),
            Handle::Stderr => ctx.err().flush(),
            Handle::File(_) => self.with_file(Write::flush),
        }
    }
}

/// The upvalues of this library's functions: a table with the default files, and the files' metatable.
const DEFAULTS: usize = 1;
const METATABLE: usize = 2;
const INPUT: i64 = 1;
const OUTPUT: i64 = 2;

const METHODS: &[support::Entry] = &[
    ("file.close", file_close),
    ("file.flush", file_flush),
    ("file.lines", file_lines),
    ("file.read", file_read),
    ("file.seek", file_seek),
    ("file.setvbuf", file_setvbuf),
    ("file.write", file_write),
];

const FUNCTIONS: &[support::Entry] = &[
    ("io.close", close),
    ("io.flush", flush),
    ("io.input", input),
    ("io.lines", lines),
    ("io.open", open_file),
    ("io.output", output),
    ("io.popen", popen),
    ("io.read", read),
    ("io.tmpfile", tmpfile),
    ("io.type", type_),
    ("io.write", write),
];

/// Installs the library.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 14)?;
    let library = ctx.top() as i32;
    ctx.new_table(2, 0)?;
    let defaults = library + 1;
    support::push_registry_table(ctx, b"FILE*")?;
    let metatable = library + 2;
    fill_metatable(ctx)?;
    for (name, handle) in [(&b"stdin"[..], Handle::Stdin), (b"stdout", Handle::Stdout), (b"stderr", Handle::Stderr)] {
        ctx.push_host(Box::new(handle.clone()), 0)?;
        ctx.push_copy(metatable);
        ctx.set_metatable(-2);
        match handle {
            Handle::Stdin => {
                ctx.push_copy(-1);
                ctx.raw_set_int(defaults, INPUT)?;
            }
            Handle::Stdout => {
                ctx.push_copy(-1);
                ctx.raw_set_int(defaults, OUTPUT)?;
            }
            _ => {}
        }
        ctx.raw_set_field(library, name)?;
    }
    set_functions_with(ctx, 2, FUNCTIONS)?;
    support::publish(ctx, b"io")
}

/// Fills the metatable on the top.
fn fill_metatable(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.push_bytes(b"FILE*")?;
    ctx.raw_set_field(-2, b"__name")?;
    ctx.new_table(0, METHODS.len() as u32)?;
    set_functions(ctx, METHODS)?;
    ctx.raw_set_field(-2, b"__index")?;
    set_functions(ctx, &[
        ("file.__close", file_gc),
        ("file.__gc", file_gc),
        ("file.__tostring", file_tostring),
    ])
}

/// The file in an argument, closed or not.
fn any_handle(ctx: &mut Ctx<'_>, index: i32) -> Result<Handle, Error> {
    match ctx.host_mut::<Handle>(index) {
        Some(handle) => Ok(handle.clone()),
        None => Err(ctx.type_error(index, "FILE*")),
    }
}

fn open_handle(ctx: &mut Ctx<'_>, index: i32) -> Result<Handle, Error> {
    let handle = any_handle(ctx, index)?;
    if handle.is_closed() {
        return Err(ctx.error("attempt to use a closed file"));
    }
    Ok(handle)
}

/// Pushes a new file; uses this library's upvalues.
fn push_file(ctx: &mut Ctx<'_>, shared: Shared) -> Result<(), Error> {
    ctx.push_host(Box::new(Handle::File(shared)), 0)?;
    ctx.upvalue(METATABLE);
    ctx.set_metatable(-2);
    Ok(())
}

/// Pushes a default file.
fn push_default(ctx: &mut Ctx<'_>, which: i64) {
    ctx.upvalue(DEFAULTS);
    ctx.raw_get_int(-1, which);
    ctx.remove(-2);
}

fn default_handle(ctx: &mut Ctx<'_>, which: i64) -> Result<Handle, Error> {
    push_default(ctx, which);
    let handle = any_handle(ctx, -1)?;
    ctx.pop(1);
    if handle.is_closed() {
        let name = if which == INPUT { "input" } else { "output" };
        return Err(ctx.error(format!("default {name} file is closed")));
    }
    Ok(handle)
}

fn close_handle(ctx: &mut Ctx<'_>, handle: &Handle) -> Result<Next, Error> {
    let Handle::File(shared) = handle else {
        ctx.push_nil();
        ctx.push_bytes(b"cannot close standard file")?;
        return Ok(Next::Return(2));
    };
    ctx.out().flush().ok();
    let closed = match shared.try_lock() {
        Ok(mut stream) => stream.close(),
        Err(_) => Err(io::Error::from_raw_os_error(16)),
    };
    match closed {
        Ok(Some(status)) => exit_result(ctx, status),
        Ok(None) => file_result(ctx, Ok(()), None),
        Err(error) => file_result(ctx, Err(error), None),
    }
}

fn file_close(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    close_handle(ctx, &handle)
}

fn close(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.is_none(1) {
        push_default(ctx, OUTPUT);
    }
    let handle = open_handle(ctx, 1)?;
    close_handle(ctx, &handle)
}

fn file_gc(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = any_handle(ctx, 1)?;
    if let Handle::File(shared) = handle
        && let Ok(mut stream) = shared.try_lock()
        && !stream.is_closed()
    {
        stream.close().ok();
    }
    Ok(Next::Return(0))
}

fn file_tostring(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = any_handle(ctx, 1)?;
    if handle.is_closed() {
        ctx.push_bytes(b"file (closed)")?;
    } else {
        let address = ctx.address(1).unwrap_or(0);
        ctx.push_bytes(format!("file ({address:#x})").as_bytes())?;
    }
    Ok(Next::Return(1))
}

fn type_(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.check_any(1)?;
    match ctx.host_mut::<Handle>(1).map(|handle| handle.is_closed()) {
        Some(true) => ctx.push_bytes(b"closed file")?,
        Some(false) => ctx.push_bytes(b"file")?,
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

fn is_mode(mode: &[u8]) -> bool {
    let [b'r' | b'w' | b'a', rest @ ..] = mode else {
        return false;
    };
    rest.strip_prefix(b"+").unwrap_or(rest).iter().all(|&byte| byte == b'b')
}

fn open_file(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    let mode = ctx.opt_bytes(2)?.unwrap_or(b"r").to_vec();
    if !is_mode(&mode) {
        return Err(ctx.arg_error(2, "invalid mode"));
    }
    match Stream::open(&path_of(&name), &mode) {
        Ok(shared) => {
            push_file(ctx, shared)?;
            Ok(Next::Return(1))
        }
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, Some(&name))?)),
    }
}

fn popen(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let command = ctx.check_bytes(1)?.to_vec();
    let mode = ctx.opt_bytes(2)?.unwrap_or(b"r").to_vec();
    let mut shell = shell(&command);
    match &mode[..] {
        b"r" => shell.stdout(Stdio::piped()),
        b"w" => shell.stdin(Stdio::piped()),
        _ => return Err(ctx.arg_error(2, "invalid mode")),
    };
    ctx.out().flush().ok();
    stream::flush_all();
    match shell.spawn() {
        Ok(child) => {
            push_file(ctx, Stream::from_child(child))?;
            Ok(Next::Return(1))
        }
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, Some(&command))?)),
    }
}

fn tmpfile(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    match tempfile::tempfile() {
        Ok(file) => {
            push_file(ctx, Stream::from_file(file))?;
            Ok(Next::Return(1))
        }
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, None)?)),
    }
}

fn push_opened(ctx: &mut Ctx<'_>, name: &[u8], mode: &[u8]) -> Result<(), Error> {
    match Stream::open(&path_of(name), mode) {
        Ok(shared) => push_file(ctx, shared),
        Err(error) => {
            let reason = system_message(&error);
            Err(ctx.error([b"cannot open file '", name, b"' (", reason.as_bytes(), b")"].concat()))
        }
    }
}

/// Makes the argument, a name or a file, the default file; returns the default file.
fn choose_default(ctx: &mut Ctx<'_>, which: i64, mode: &[u8]) -> Result<Next, Error> {
    if !ctx.is_none_or_nil(1) {
        if matches!(ctx.kind(1), Kind::Str | Kind::Int | Kind::Float) {
            let name = ctx.check_bytes(1)?.to_vec();
            push_opened(ctx, &name, mode)?;
        } else {
            open_handle(ctx, 1)?;
            ctx.push_copy(1);
        }
        ctx.upvalue(DEFAULTS);
        ctx.insert(-2);
        ctx.raw_set_int(-2, which)?;
    }
    push_default(ctx, which);
    Ok(Next::Return(1))
}

fn input(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    choose_default(ctx, INPUT, b"r")
}

fn output(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    choose_default(ctx, OUTPUT, b"w")
}

/// Reads one format and pushes the value; pushes fail and answers false at the end of the file.
fn read_format(ctx: &mut Ctx<'_>, handle: &Handle, argument: i32) -> Result<io::Result<bool>, Error> {
    if let Value::Int(_) | Value::Float(_) = ctx.value(argument) {
        let count = ctx.check_int(argument)?;
        if count == 0 {
            return push_read(ctx, |ctx| Ok((!handle.read_with(ctx, stream::at_end)?).then(Buffer::default)));
        }
        return push_read(ctx, |ctx| {
            let text = ctx.buffer();
            handle.read_with(ctx, |source| stream::read_bytes(source, count as u64, text))
        });
    }
    let format = ctx.check_bytes(argument)?;
    match format.strip_prefix(b"*").unwrap_or(format).first() {
        Some(b'n') => read_number(ctx, handle),
        Some(b'l') => push_line(ctx, handle, false),
        Some(b'L') => push_line(ctx, handle, true),
        Some(b'a') => push_read(ctx, |ctx| {
            let text = ctx.buffer();
            handle.read_with(ctx, |source| stream::read_all(source, text).map(Some))
        }),
        _ => Err(ctx.arg_error(argument, "invalid format")),
    }
}

fn push_read(
    ctx: &mut Ctx<'_>,
    read: impl FnOnce(&mut Ctx<'_>) -> io::Result<Option<Buffer>>,
) -> Result<io::Result<bool>, Error> {
    match read(ctx) {
        Ok(Some(bytes)) => {
            ctx.push_buffer(&bytes)?;
            Ok(Ok(true))
        }
        Ok(None) => {
            ctx.push_nil();
            Ok(Ok(false))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn push_line(ctx: &mut Ctx<'_>, handle: &Handle, keep_end: bool) -> Result<io::Result<bool>, Error> {
    push_read(ctx, |ctx| {
        let text = ctx.buffer();
        handle.read_with(ctx, |source| stream::read_line(source, keep_end, text))
    })
}

fn read_number(ctx: &mut Ctx<'_>, handle: &Handle) -> Result<io::Result<bool>, Error> {
    let numeral = match handle.read_with(ctx, stream::read_numeral) {
        Ok(numeral) => numeral,
        Err(error) => return Ok(Err(error)),
    };
    match number::parse(&numeral) {
        Some(number::Number::Int(i)) => ctx.push_int(i),
        Some(number::Number::Float(f)) => ctx.push_float(f),
        None => {
            ctx.push_nil();
            return Ok(Ok(false));
        }
    }
    Ok(Ok(true))
}

/// Reads the formats in the arguments from `first` on; pushes the results and answers how many.
fn read_formats(ctx: &mut Ctx<'_>, handle: &Handle, first: i32) -> Result<u32, Error> {
    let last = ctx.top() as i32;
    if last < first {
        let line = push_line(ctx, handle, false)?;
        return match line {
            Ok(_) => Ok(1),
            Err(error) => push_failure(ctx, &error, None),
        };
    }
    for argument in first..=last {
        match read_format(ctx, handle, argument)? {
            Ok(true) => {}
            Ok(false) => return Ok((argument - first + 1) as u32),
            Err(error) => return push_failure(ctx, &error, None),
        }
    }
    Ok((last - first + 1) as u32)
}

fn read(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = default_handle(ctx, INPUT)?;
    Ok(Next::Return(read_formats(ctx, &handle, 1)?))
}

fn file_read(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    Ok(Next::Return(read_formats(ctx, &handle, 2)?))
}

/// Writes the arguments from `first` on; the file to return is on the top.
fn write_arguments(ctx: &mut Ctx<'_>, handle: &Handle, first: i32) -> Result<Next, Error> {
    let mut text = Vec::new();
    let mut result = Ok(());
    for argument in first..ctx.top() as i32 {
        text.clear();
        match ctx.value(argument) {
            Value::Str(bytes) => text.extend_from_slice(bytes),
            Value::Int(i) => text.extend_from_slice(&number::format_int(i)),
            Value::Float(f) => text.extend_from_slice(&number::format_float(f)),
            _ => text.extend_from_slice(ctx.check_bytes(argument)?),
        }
        result = result.and_then(|()| handle.write_all(ctx, &text));
    }
    match result {
        Ok(()) => Ok(Next::Return(1)),
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, None)?)),
    }
}

fn write(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = default_handle(ctx, OUTPUT)?;
    push_default(ctx, OUTPUT);
    write_arguments(ctx, &handle, 1)
}

fn file_write(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    ctx.push_copy(1);
    write_arguments(ctx, &handle, 2)
}

fn flush(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = default_handle(ctx, OUTPUT)?;
    push_default(ctx, OUTPUT);
    flush_handle(ctx, &handle)
}

fn file_flush(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    ctx.push_copy(1);
    flush_handle(ctx, &handle)
}

/// Returns the file, which is on the top, unless flushing fails.
fn flush_handle(ctx: &mut Ctx<'_>, handle: &Handle) -> Result<Next, Error> {
    match handle.flush(ctx) {
        Ok(()) => Ok(Next::Return(1)),
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, None)?)),
    }
}

fn file_seek(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    let origin = ctx.check_option(2, Some("cur"), &["set", "cur", "end"])?;
    let offset = ctx.opt_int(3, 0)?;
    let position = match origin {
        0 => u64::try_from(offset).map(SeekFrom::Start).map_err(|_| io::Error::from_raw_os_error(22)),
        1 => Ok(SeekFrom::Current(offset)),
        _ => Ok(SeekFrom::End(offset)),
    };
    match position.and_then(|position| handle.with_file(|stream| stream.seek(position))) {
        Ok(position) => {
            ctx.push_int(position as i64);
            Ok(Next::Return(1))
        }
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, None)?)),
    }
}

fn file_setvbuf(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let handle = open_handle(ctx, 1)?;
    let buffering = match ctx.check_option(2, None, &["no", "full", "line"])? {
        0 => Buffering::None,
        1 => Buffering::Full,
        _ => Buffering::Line,
    };
    ctx.opt_int(3, 1024)?;
    let result = match &handle {
        Handle::File(_) => handle.with_file(|stream| stream.set_buffering(buffering)),
        Handle::Stdout => {
            ctx.buffer_output(buffering);
            Ok(())
        }
        // Standard error has no buffer, and that of standard input shows nowhere.
        Handle::Stdin | Handle::Stderr => Ok(()),
    };
    file_result(ctx, result, None)
}

/// How many formats an iterator over lines keeps.
const MAX_FORMATS: usize = 250;

/// The upvalues of an iterator over lines; the formats follow them.
const LINES_FILE: usize = 1;
const LINES_COUNT: usize = 2;
const LINES_CLOSES: usize = 3;

/// Pushes an iterator over the file in the first argument; the other arguments are its formats.
fn push_lines(ctx: &mut Ctx<'_>, closes: bool) -> Result<(), Error> {
    let count = ctx.top() - 1;
    if count > MAX_FORMATS {
        return Err(ctx.arg_error(MAX_FORMATS as i32 + 2, "too many arguments"));
    }
    ctx.push_copy(1);
    ctx.push_int(count as i64);
    ctx.push_bool(closes);
    for argument in 2..=count as i32 + 1 {
        ctx.push_copy(argument);
    }
    ctx.push_native("io.read_line", read_line, count + 3)
}

fn file_lines(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    open_handle(ctx, 1)?;
    push_lines(ctx, false)?;
    Ok(Next::Return(1))
}

fn lines(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    if ctx.is_none(1) {
        ctx.push_nil();
    }
    if ctx.is_nil(1) {
        push_default(ctx, INPUT);
        ctx.replace(1);
        open_handle(ctx, 1)?;
        push_lines(ctx, false)?;
        return Ok(Next::Return(1));
    }
    let name = ctx.check_bytes(1)?.to_vec();
    match Stream::open(&path_of(&name), b"r") {
        Ok(shared) => push_file(ctx, shared)?,
        Err(error) => {
            let reason = system_message(&error);
            return Err(ctx.error([b"cannot open file '".as_slice(), &name, b"' (", reason.as_bytes(), b")"].concat()));
        }
    }
    ctx.replace(1);
    push_lines(ctx, true)?;
    ctx.push_nil();
    ctx.push_nil();
    ctx.push_copy(1);
    Ok(Next::Return(4))
}

fn read_line(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.set_top(1);
    ctx.upvalue(LINES_COUNT);
    let count = ctx.to_int(-1).unwrap_or(0) as usize;
    ctx.set_top(1);
    ctx.upvalue(LINES_FILE);
    let handle = any_handle(ctx, -1)?;
    ctx.pop(1);
    if handle.is_closed() {
        return Err(ctx.error("file is already closed"));
    }
    for format in 0..count {
        ctx.upvalue(LINES_CLOSES + 1 + format);
    }
    let results = read_formats(ctx, &handle, 2)?;
    let first = -(results as i32);
    if ctx.to_bool(first) {
        return Ok(Next::Return(results));
    }
    if results > 1 {
        let message = ctx.bytes(first + 1).unwrap_or(b"").to_vec();
        return Err(ctx.error(message));
    }
    ctx.upvalue(LINES_CLOSES);
    if ctx.to_bool(-1) {
        close_handle(ctx, &handle)?;
    }
    Ok(Next::Return(0))
}

#[cfg(test)]
mod tests {
    use super::is_mode;

    #[test]
    fn modes() {
        for mode in ["r", "w+", "ab", "r+b"] {
            assert!(is_mode(mode.as_bytes()));
        }
        for mode in ["", "rw", "+r", "rb+", "x"] {
            assert!(!is_mode(mode.as_bytes()));
        }
    }
}
