//! The line editor of a terminal.

use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, ExternalPrinter, Helper};

use super::chunk;
use super::history;
use super::input::Line;
use super::target::Shared;

/// Lines of history that are kept.
const HISTORY_MAX: usize = 2000;

/// A line editor with history and completion.
pub struct Editor {
    editor: rustyline::Editor<Assistant, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Editor {
    /// An editor on the terminal, if it can be had.
    pub fn open(target: &Shared) -> Option<Editor> {
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .ok()?
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let mut editor = rustyline::Editor::with_config(config).ok()?;
        editor.set_helper(Some(Assistant { target: Rc::clone(target) }));
        let history = history::file();
        if let Some(path) = &history {
            // A history that cannot be read is one that is empty.
            editor.load_history(path).ok();
        }
        if let Ok(mut printer) = editor.create_external_printer() {
            target.borrow_mut().set_printer(Box::new(move |text| {
                printer.print(text).ok();
            }));
        }
        Some(Editor { editor, history })
    }

    /// Lets the person type a chunk.
    pub fn read(&mut self, prompt: &str) -> Line {
        match self.editor.readline(prompt) {
            Ok(text) => {
                if let Some(path) = &self.history {
                    self.editor.append_history(path).ok();
                }
                Line::Text(text.into_bytes())
            }
            Err(ReadlineError::Interrupted) => Line::Cleared,
            Err(_) => Line::End,
        }
    }
}

/// What the editor asks while somebody types.
struct Assistant {
    target: Shared,
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..position).unwrap_or(line);
        // A tab in the indentation of a further line is a tab.
        if before.is_empty() || before.ends_with(char::is_whitespace) {
            return Ok((position, vec!["\t".into()]));
        }
        Ok(self.target.borrow_mut().complete(before))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let is_incomplete = chunk::is_incomplete(context.input().as_bytes());
        Ok(if is_incomplete { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}
impl Helper for Assistant {}
