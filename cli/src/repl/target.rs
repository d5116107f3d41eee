//! What a prompt talks to.

use std::cell::RefCell;
use std::rc::Rc;

/// A target that the loop and the editor's completion share.
pub type Shared = Rc<RefCell<dyn Target>>;

/// What the prompt says to an input.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Goes to standard output.
    Shown(Vec<u8>),
    /// Goes to standard error.
    Failed(Vec<u8>),
    /// The conversation is over.
    Leave,
}

impl Answer {
    /// An answer from something that may have failed.
    pub fn from<E: std::fmt::Display>(result: Result<String, E>) -> Answer {
        match result {
            Ok(text) => Answer::Shown(text.into_bytes()),
            Err(error) => Answer::Failed(error.to_string().into_bytes()),
        }
    }
}

/// A command of the prompt itself.
pub struct Meta {
    /// Without the colon.
    pub name: &'static str,
    /// What follows the name.
    pub argument: &'static str,
    /// In a few words.
    pub summary: &'static str,
}

/// What a prompt talks to.
pub trait Target {
    /// The first line of the conversation.
    fn greeting(&self) -> String;

    /// What stands before the line that is typed.
    fn prompt(&mut self) -> String {
        "> ".into()
    }

    /// Evaluates an expression list or statements; `=` in front stands for `return`.
    fn evaluate(&mut self, source: &[u8]) -> Answer;

    /// Where the word before the end of the text begins, and what could stand there instead.
    fn complete(&mut self, text: &str) -> (usize, Vec<String>);

    /// The commands that only this target has.
    fn commands(&self) -> &'static [Meta];

    /// Runs one of them.
    fn command(&mut self, name: &str, argument: &str) -> Answer;

    /// The next line of an input that is no terminal, without its end; `None` at the end.
    fn read_line(&mut self) -> Option<Vec<u8>>;

    /// Whether there is nobody left to talk to.
    fn has_ended(&self) -> bool {
        false
    }

    /// Gives the target what it needs to write while somebody types.
    fn set_printer(&mut self, _printer: Printer) {}

    /// Ends the conversation.
    fn leave(&mut self);
}

/// Writes lines without destroying what is typed.
pub type Printer = Box<dyn FnMut(String) + Send>;

const COMMON: &[Meta] = &[
    Meta { name: "help", argument: "", summary: "this list" },
    Meta { name: "load", argument: "FILE", summary: "run the text of a file here" },
    Meta { name: "quit", argument: "", summary: "leave, as Ctrl-D does" },
];

/// Runs a command of the prompt.
pub fn command(target: &mut dyn Target, name: &str, argument: &str) -> Answer {
    match name {
        "help" => Answer::Shown(help(target).into_bytes()),
        "quit" => Answer::Leave,
        _ if target.commands().iter().chain(COMMON).any(|meta| meta.name == name) => target.command(name, argument),
        _ => Answer::Failed(format!("no command is called ':{name}'; :help lists what there is").into_bytes()),
    }
}

fn help(target: &dyn Target) -> String {
    let mut text = String::from(
        "An expression shows its values, statements run; input goes on in the next line until it is complete.\n\
         Tab completes names and fields, Ctrl-C interrupts what runs or clears the line.\n",
    );
    for Meta { name, argument, summary } in COMMON.iter().chain(target.commands()) {
        text += &format!("  {:<20} {summary}\n", format!(":{name} {argument}"));
    }
    text
}
