//! A prompt on a machine of its own.

use super::chunk;
use super::complete;
use super::render;
use super::target::{Answer, Meta, Target};
use crate::engine::{Engine, Message};
use crate::help::VERSION;
use crate::interactive;

const NAME: &[u8] = b"=stdin";

/// A machine and how its values are shown.
pub struct Own {
    engine: Engine,
    shows: Shows,
}

/// How results are shown.
#[derive(Clone, Copy, PartialEq)]
enum Shows {
    /// As text that can be read.
    Rendered,
    /// By the global `print`.
    Printed,
}

impl Own {
    /// A fresh machine.
    ///
    /// # Errors
    /// What keeps the library from opening.
    pub fn new() -> Result<Own, String> {
        let engine = Engine::new(perilune_vm::Options::default(), false);
        let mut engine = engine.map_err(|message| String::from_utf8_lossy(&message).into_owned())?;
        engine.raise_interrupts();
        engine.obey_interrupts();
        Ok(Own { engine, shows: Shows::Rendered })
    }

    /// A machine whose program prints its results itself.
    pub fn printing(engine: Engine) -> Own {
        Own { engine, shows: Shows::Printed }
    }

    /// Compiles, runs and shows.
    fn run(&mut self, source: &[u8], name: &[u8]) -> Result<Vec<u8>, Message> {
        let shows = self.shows;
        let result = self.engine.evaluate(source, name, &[], |ctx, count| {
            if shows == Shows::Printed {
                return Ok(interactive::print(ctx, count)?.map(|()| Vec::new()));
            }
            let first = ctx.top() + 1 - count;
            let mut lines = Vec::new();
            for index in first..first + count {
                lines.extend(render::value(ctx, index as i32)?);
                lines.push(if index + 1 == first + count { b'\n' } else { b'\t' });
            }
            Ok(Ok(lines))
        });
        self.engine.flush();
        result
    }

    fn load(&mut self, path: &str) -> Answer {
        if path.is_empty() {
            return Answer::Failed(b":load needs a file".to_vec());
        }
        match std::fs::read(path) {
            Ok(source) => {
                let name = format!("@{path}");
                answer(self.run(perilune_stdlib::strip_shebang(&source), name.as_bytes()))
            }
            Err(error) => Answer::Failed(format!("cannot read {path}: {error}").into_bytes()),
        }
    }
}

fn answer(result: Result<Vec<u8>, Message>) -> Answer {
    result.map_or_else(Answer::Failed, Answer::Shown)
}

impl Target for Own {
    fn greeting(&self) -> String {
        VERSION.into()
    }

    fn prompt(&mut self) -> String {
        String::from_utf8_lossy(&interactive::prompt(&mut self.engine, b"_PROMPT", b"> ")).into_owned()
    }

    fn evaluate(&mut self, source: &[u8]) -> Answer {
        let source = chunk::without_equals(source);
        let expression = chunk::as_expression(&source);
        let source = if chunk::is_chunk(&expression) { expression } else { source };
        answer(self.run(&source, NAME))
    }

    fn complete(&mut self, text: &str) -> (usize, Vec<String>) {
        self.engine.with(|ctx| complete::complete(ctx, text)).unwrap_or((text.len(), Vec::new()))
    }

    fn commands(&self) -> &'static [Meta] {
        &[]
    }

    fn command(&mut self, name: &str, argument: &str) -> Answer {
        match name {
            "load" => self.load(argument),
            _ => Answer::Failed(format!("':{name}' needs a program that runs").into_bytes()),
        }
    }

    fn read_line(&mut self) -> Option<Vec<u8>> {
        // The machine's own reader, so that the program can read the lines that follow.
        let mut line = Vec::new();
        let count = self.engine.with(|ctx| Ok(ctx.in_().read_until(b'\n', &mut line).unwrap_or(0))).ok()?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        (count > 0).then_some(line)
    }

    fn leave(&mut self) {
        self.engine.close();
    }

}
