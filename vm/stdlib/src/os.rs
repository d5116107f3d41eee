//! `os`, except for dates, which are `date.rs`.

use std::process::Command;
use std::time::Duration;

use perilune_vm::{Ctx, Error, Next, Value};

use crate::support::{self, exit_result, file_result, os_bytes, path_of, push_failure, set_functions};
use crate::{date, stream};

/// Installs the library.
pub(crate) fn open(ctx: &mut Ctx<'_>) -> Result<(), Error> {
    ctx.new_table(0, 11)?;
    set_functions(ctx, &[
        ("os.clock", clock),
        ("os.date", date::date),
        ("os.difftime", difftime),
        ("os.execute", execute),
        ("os.exit", exit),
        ("os.getenv", getenv),
        ("os.remove", remove),
        ("os.rename", rename),
        ("os.setlocale", setlocale),
        ("os.time", date::time),
        ("os.tmpname", tmpname),
    ])?;
    support::publish(ctx, b"os")
}

/// The processor time this process has used.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

fn clock(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    ctx.push_float(processor_time().as_secs_f64());
    Ok(Next::Return(1))
}

fn difftime(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let later = ctx.check_int(1)?;
    let earlier = ctx.check_int(2)?;
    ctx.push_float(later as f64 - earlier as f64);
    Ok(Next::Return(1))
}

/// A shell that runs this command.
pub(crate) fn shell(command: &[u8]) -> Command {
    let mut shell = Command::new("/bin/sh");
    // The name under which C's `system` starts it, which its messages begin with.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::arg0(&mut shell, "sh");
    shell.arg("-c").arg(path_of(command).into_os_string());
    shell
}

fn execute(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let Some(command) = ctx.opt_bytes(1)?.map(<[u8]>::to_vec) else {
        ctx.push_bool(std::path::Path::new("/bin/sh").exists());
        return Ok(Next::Return(1));
    };
    ctx.out().flush().ok();
    match shell(&command).status() {
        Ok(status) => exit_result(ctx, status),
        Err(error) => Ok(Next::Return(push_failure(ctx, &error, None)?)),
    }
}

fn exit(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let code = match ctx.value(1) {
        Value::Bool(false) => 1,
        Value::Bool(true) | Value::None | Value::Nil => 0,
        _ => ctx.check_int(1)? as i32,
    };
    let flush = |_: &mut Ctx<'_>| stream::flush_all();
    if ctx.to_bool(2) { ctx.close_and_exit(flush, code) } else { ctx.exit(flush, code) }
}

fn getenv(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = path_of(ctx.check_bytes(1)?).into_os_string();
    match std::env::var_os(name) {
        Some(value) => ctx.push_bytes(&os_bytes(&value))?,
        None => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

fn remove(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let name = ctx.check_bytes(1)?.to_vec();
    let path = path_of(&name);
    let is_directory = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
    let result = if is_directory { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) };
    file_result(ctx, result, Some(&name))
}

fn rename(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let from = ctx.check_bytes(1)?.to_vec();
    let to = path_of(ctx.check_bytes(2)?);
    let result = std::fs::rename(path_of(&from), to);
    file_result(ctx, result, None)
}

/// There is one locale, C, so that a program means the same everywhere.
fn setlocale(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let wanted = ctx.opt_bytes(1)?.map(<[u8]>::to_vec);
    ctx.check_option(2, Some("all"), &["all", "collate", "ctype", "monetary", "numeric", "time"])?;
    match wanted.as_deref() {
        None | Some(b"" | b"C" | b"POSIX") => ctx.push_bytes(b"C")?,
        Some(_) => ctx.push_nil(),
    }
    Ok(Next::Return(1))
}

fn tmpname(ctx: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
    let made = tempfile::Builder::new().prefix("lua_").tempfile().ok().and_then(|file| file.into_temp_path().keep().ok());
    match made {
        Some(path) => ctx.push_bytes(&os_bytes(path.as_os_str()))?,
        None => return Err(ctx.error("unable to generate a unique filename")),
    }
    Ok(Next::Return(1))
}
