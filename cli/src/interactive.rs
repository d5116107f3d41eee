//! The interactive mode of `lua`, line by line: `perilune -i`.
//!
//! On a terminal it is the prompt of `repl/`, with editing, history and completion; elsewhere it prompts on
//! standard output although nobody types, as `lua` does. Either way the global `print` shows results.

use std::io::Write;

use perilune_vm::{Ctx, Error};

use crate::command::say;
use crate::engine::{Engine, Message, protected_call};
use crate::repl;

const NAME: &[u8] = b"=stdin";
const TRACEBACK: &[u8] = b"\nstack traceback:";

/// Reads and runs until the end of the input, then closes the machine; errors are shown and end nothing.
pub fn run(mut engine: Engine) {
    engine.flush();
    if repl::is_possible() {
        repl::run_on(engine);
    } else {
        run_plain(&mut engine);
        engine.close();
    }
}

fn run_plain(engine: &mut Engine) {
    while let Some(line) = read_line(engine, b"_PROMPT", b"> ") {
        let outcome = complete(engine, line).and_then(|source| engine.evaluate(&source, NAME, &[], print));
        engine.flush();
        if let Err(message) = outcome {
            // Nobody can be told that standard error is closed.
            std::io::stderr().write_all(&[&message[..], b"\n"].concat()).ok();
        }
    }
    say("\n");
}

/// Shows results by the global `print`, whatever it is.
pub fn print(ctx: &mut Ctx<'_>, count: usize) -> Result<Result<(), Message>, Error> {
    if count == 0 {
        return Ok(Ok(()));
    }
    let first = (ctx.top() + 1 - count) as i32;
    ctx.push_globals();
    ctx.raw_get_field(-1, b"print");
    ctx.remove(-2);
    ctx.insert(first);
    Ok(protected_call(ctx, count)?.map(|_| ()).map_err(|message| {
        let traceback = message.windows(TRACEBACK.len()).position(|part| part == TRACEBACK);
        let reason = &message[..traceback.unwrap_or(message.len())];
        [b"error calling 'print' (", reason, b")"].concat()
    }))
}

/// The prompt that a global asks for.
pub fn prompt(engine: &mut Engine, global: &[u8], default: &[u8]) -> Message {
    let source = [b"return ", global, b" ~= nil and tostring(", global, b") or nil"].concat();
    let asked = engine.evaluate(&source, NAME, &[], |ctx, _| Ok(Ok(ctx.bytes(-1).map(<[u8]>::to_vec))));
    asked.ok().flatten().unwrap_or_else(|| default.to_vec())
}

fn read_line(engine: &mut Engine, prompt_name: &[u8], default: &[u8]) -> Option<Vec<u8>> {
    let prompt = prompt(engine, prompt_name, default);
    let mut out = std::io::stdout().lock();
    out.write_all(&prompt).and_then(|()| out.flush()).ok();
    let mut line = Vec::new();
    let mut count = 0;
    engine
        .with(|ctx| {
            count = ctx.in_().read_until(b'\n', &mut line).unwrap_or(0);
            Ok(())
        })
        .ok();
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    (count > 0).then_some(line)
}

/// A chunk that starts with this line: an expression, or as many lines as its statements need.
fn complete(engine: &mut Engine, line: Vec<u8>) -> Result<Vec<u8>, Message> {
    let mut source = match line.strip_prefix(b"=") {
        Some(expression) => [b"return ", expression].concat(),
        None => line,
    };
    let expression = [b"return ", &source[..]].concat();
    if engine.check(&expression, NAME).is_ok() {
        return Ok(expression);
    }
    loop {
        match engine.check(&source, NAME) {
            Ok(()) => return Ok(source),
            Err(message) if message.ends_with(b"<eof>") => match read_line(engine, b"_PROMPT2", b">> ") {
                Some(more) => source = [&source[..], b"\n", &more].concat(),
                None => return Err(message),
            },
            Err(message) => return Err(message),
        }
    }
}
