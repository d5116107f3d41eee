//! How the tour looks on paper and on a terminal.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Writes to standard output, in colour where that helps.
pub struct Printer {
    is_colourful: bool,
}

/// What a piece of text is.
#[derive(Clone, Copy)]
pub enum Ink {
    /// A title.
    Title,
    /// Something beside the point.
    Faint,
    /// What to look at.
    Bright,
    /// What is wrong.
    Wrong,
    /// What is as it should be.
    Right,
}

impl Printer {
    /// Colours are for terminals whose owner wants them.
    pub fn new(is_terminal: bool) -> Printer {
        let refuses = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Printer { is_colourful: is_terminal && !refuses && !is_dumb }
    }

    /// A text in some ink.
    pub fn ink(&self, ink: Ink, text: impl Display) -> String {
        if !self.is_colourful {
            return text.to_string();
        }
        let code = match ink {
            Ink::Title => "1;36",
            Ink::Faint => "2",
            Ink::Bright => "1",
            Ink::Wrong => "1;31",
            Ink::Right => "32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Begins the tour.
    pub fn welcome(&self, root: &Path) {
        put(format_args!("{}", self.ink(Ink::Title, "Perilune: a program is edited, debugged and changed while it runs")));
        self.sentence(
            "The program is a small log service: a producer, three workers and a ticker, each a coroutine. \
             All that follows comes from it through the language server and the debug adapter, as in an editor.",
        );
        put(format_args!("{}", self.ink(Ink::Faint, format!("  {}", root.display()))));
    }

    /// Begins a step.
    pub fn heading(&self, number: usize, count: usize, title: &str) {
        put(format_args!("\n{}", self.ink(Ink::Title, format!("{number}/{count}  {title}"))));
    }

    /// A few sentences of prose.
    pub fn sentence(&self, text: &str) {
        for line in wrap(text, 76) {
            put(format_args!("  {line}"));
        }
    }

    /// Which requests are behind a step.
    pub fn protocol(&self, text: &str) {
        put(format_args!("  {}\n", self.ink(Ink::Faint, text)));
    }

    /// A line of what is shown.
    pub fn line(&self, text: impl Display) {
        put(format_args!("    {text}"));
    }

    /// A few lines of a source around one, from 0, with what stands below it.
    pub fn excerpt(&self, name: &str, text: &str, line: usize, mark: &str) {
        self.line(self.ink(Ink::Faint, format!("{name}:{}", line + 1)));
        let first = line.saturating_sub(2);
        for (index, content) in text.lines().enumerate().skip(first).take(line + 3 - first) {
            let is_it = index == line;
            let margin = format!("{:>4} {} ", index + 1, if is_it { ">" } else { "|" });
            let ink = if is_it { Ink::Bright } else { Ink::Faint };
            self.line(format!("{}{}", self.ink(Ink::Faint, margin), self.ink(ink, content)));
            if is_it && !mark.is_empty() {
                self.line(format!("       {}", self.ink(Ink::Wrong, mark)));
            }
        }
    }

    /// Two lists beside each other.
    pub fn beside(&self, titles: [&str; 2], left: &[String], right: &[String]) {
        let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(titles[0].len());
        let title = format!("{:<width$}   {}", titles[0], titles[1]);
        self.line(self.ink(Ink::Faint, title));
        for index in 0..left.len().max(right.len()) {
            let old = left.get(index).map_or("", String::as_str);
            let new = right.get(index).map_or("", String::as_str);
            self.line(format!("{old:<width$} | {}", self.ink(Ink::Right, new)));
        }
    }

    /// An empty line.
    pub fn blank(&self) {
        put(format_args!(""));
    }

    /// Asks for Enter.
    pub fn invitation(&self) {
        put(format_args!("\n  {}", self.ink(Ink::Faint, "Enter shows the next step")));
    }

    /// Ends the tour.
    pub fn farewell(&self, time: Duration) {
        put(format_args!("\n{}", self.ink(Ink::Title, format!("All was as it should be, after {:.1} s.", time.as_secs_f64()))));
        self.sentence(
            "On a program of your own: `perilune run --live FILE` in one terminal, `perilune repl --attach` in \
             another, and `perilune lsp` and `perilune dap` in your editor.",
        );
    }
}

/// Writes a line. When nobody reads any more, the tour goes on to its end.
fn put(line: std::fmt::Arguments<'_>) {
    writeln!(std::io::stdout(), "{line}").ok();
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.len() - 1;
        if !lines[line].is_empty() && lines[line].chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            let space = if lines[line].is_empty() { "" } else { " " };
            lines[line] = format!("{}{space}{word}", lines[line]);
        }
    }
    lines
}
