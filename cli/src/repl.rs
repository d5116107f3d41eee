//! The interactive mode of the stand-alone interpreter, line by line.

use std::io::Write;

use crate::engine::{Engine, Message};

/// Runs the text in its first argument and prints the results.
const EVALUATE: &[u8] = b"
local results = table.pack(load(...)())
if results.n > 0 then print(table.unpack(results, 1, results.n)) end";

const NAME: &[u8] = b"=stdin";

/// Reads and runs until the end of the input; errors are shown and end nothing.
pub fn run(engine: &mut Engine) {
    while let Some(line) = read_line(engine, "> ") {
        let outcome = match complete(engine, line) {
            Ok(source) => engine.run(EVALUATE, NAME, &[source, NAME.to_vec()]),
            Err(message) => Err(message),
        };
        engine.flush();
        if let Err(message) = outcome {
            let line = [&message[..], b"\n"].concat();
            std::io::stderr().write_all(&line).ok();
        }
    }
    println!();
}

fn read_line(engine: &mut Engine, prompt: &str) -> Option<Vec<u8>> {
    print!("{prompt}");
    std::io::stdout().flush().ok();
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
            Err(message) if message.ends_with(b"<eof>") => match read_line(engine, ">> ") {
                Some(more) => source = [&source[..], b"\n", &more].concat(),
                None => return Err(message),
            },
            Err(message) => return Err(message),
        }
    }
}
