//! Where input comes from: a terminal with editing, or anything else line by line.

use std::io::IsTerminal;

use super::chunk;
use super::editor::Editor;
use super::target::Shared;

/// Where input comes from.
pub enum Input {
    /// A terminal.
    Terminal(Box<Editor>),
    /// A file or pipe: no prompts, no history.
    Plain,
}

/// What was read.
pub enum Line {
    /// A complete chunk, or one that never becomes complete.
    Text(Vec<u8>),
    /// The person threw away what was typed.
    Cleared,
    /// Nothing follows.
    End,
}

impl Input {
    /// Whether there is a terminal on both sides.
    pub fn is_possible() -> bool {
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// The terminal if there is one on both sides.
    pub fn open(target: &Shared) -> Input {
        let editor = if Input::is_possible() { Editor::open(target) } else { None };
        editor.map_or(Input::Plain, |editor| Input::Terminal(Box::new(editor)))
    }

    /// Whether a person types.
    pub fn is_interactive(&self) -> bool {
        matches!(self, Input::Terminal(_))
    }

    /// The next input, of as many lines as it needs.
    pub fn read(&mut self, target: &Shared) -> Line {
        match self {
            Input::Terminal(editor) => {
                // The editor asks the target for completions, so it must not be borrowed meanwhile.
                let prompt = target.borrow_mut().prompt();
                editor.read(&prompt)
            }
            Input::Plain => read_plain(target),
        }
    }
}

fn read_plain(target: &Shared) -> Line {
    let mut target = target.borrow_mut();
    let Some(mut text) = target.read_line() else { return Line::End };
    while chunk::is_incomplete(&text) {
        let Some(more) = target.read_line() else { break };
        text.push(b'\n');
        text.extend(more);
    }
    Line::Text(text)
}
