//! `debug.debug` (manual 6.10): a prompt inside a running program.

use crate::api::{Ctx, Next};
use crate::call::ERROR_STATE;
use crate::error::Error;

/// Runs lines from standard input until the end of it, or one that says `cont`.
pub(super) fn debug(ctx: &mut Ctx<'_>, state: u32) -> Result<Next, Error> {
    if state == ERROR_STATE {
        complain(ctx);
    }
    loop {
        // A protected native keeps its message handler, of which there is none, in register 0.
        ctx.set_top(0);
        ctx.push_nil();
        ctx.err().write_all(b"lua_debug> ").ok();
        let Some(line) = read_line(ctx) else {
            return Ok(Next::Return(0));
        };
        if ctx.load(&line, b"=(debug command)", b"bt").is_ok() {
            ctx.protect();
            return Ok(Next::Call { args: 0, results: Some(0), state: 1 });
        }
        complain(ctx);
    }
}

fn read_line(ctx: &mut Ctx<'_>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let count = ctx.in_().read_until(b'\n', &mut line).unwrap_or(0);
    (count > 0 && line != b"cont\n").then_some(line)
}

/// Shows the error on the top. Nobody can be told that standard error is closed.
fn complain(ctx: &mut Ctx<'_>) {
    let text = match ctx.bytes(-1) {
        Some(text) => text.to_vec(),
        None => format!("(error object is a {} value)", ctx.kind(-1).name()).into_bytes(),
    };
    ctx.err().write_all(&[&text[..], b"\n"].concat()).ok();
}
