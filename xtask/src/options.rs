//! The command line of the tasks.

use std::path::PathBuf;

pub const USAGE: &str = "\
usage: cargo xtask test  [--perilune PATH] [--lua PATH]      everything a change must pass
       cargo xtask suite [--perilune PATH] [--lua PATH] [NAME..]   Lua programs under both engines
       cargo xtask tidy                                      rules about the source itself
       cargo xtask clients [--perilune PATH] [--write] [NAME..]     editors, debuggers, terminals
       cargo xtask bench [--perilune PATH] [--lua PATH] [--rounds N] [--peers] [--write] [NAME..]
       cargo xtask torture [--minutes N] [memory] [mutants] [recursion] [kill]   long runs against the machine";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Test,
    Suite,
    Tidy,
    Clients,
    Bench,
    Torture,
}

#[derive(Debug)]
pub struct Options {
    pub task: Task,
    /// A ready engine to use instead of building ours.
    pub perilune: Option<PathBuf>,
    /// A ready reference interpreter to use instead of building it.
    pub lua: Option<PathBuf>,
    pub rounds: usize,
    /// How long the runs of `torture` take together.
    pub minutes: String,
    /// Whether results that the documentation shows are written into it.
    pub write: bool,
    /// Whether the other implementations of Lua are measured as well.
    pub peers: bool,
    /// Only the programs whose names contain one of these; all when empty.
    pub names: Vec<String>,
}

impl Options {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let task = match arguments.next().as_deref() {
            Some("test") => Task::Test,
            Some("suite") => Task::Suite,
            Some("tidy") => Task::Tidy,
            Some("clients") => Task::Clients,
            Some("bench") => Task::Bench,
            Some("torture") => Task::Torture,
            Some(other) => return Err(format!("no task is called '{other}'")),
            None => return Err("a task is missing".into()),
        };
        let mut options =
            Options { task, perilune: None, lua: None, rounds: 5, minutes: "10".into(), write: false, peers: false, names: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--perilune" => options.perilune = Some(value()?.into()),
                "--lua" => options.lua = Some(value()?.into()),
                "--rounds" => options.rounds = rounds(&value()?)?,
                "--minutes" => options.minutes = value()?,
                "--write" => options.write = true,
                "--peers" => options.peers = true,
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                name => options.names.push(name.to_string()),
            }
        }
        Ok(options)
    }

    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| name.contains(wanted.as_str()))
    }
}

fn rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds) if rounds > 0 => Ok(rounds),
        _ => Err(format!("'{text}' is not a number of rounds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn names_choose_programs() {
        let options = parse("suite string --lua /bin/lua").expect("a good line");
        assert!(options.wants("string_format.lua"));
        assert!(!options.wants("math.lua"));
        assert_eq!(options.lua, Some(PathBuf::from("/bin/lua")));
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse("bench --rounds 0").unwrap_err(), "'0' is not a number of rounds");
        assert_eq!(parse("dance").unwrap_err(), "no task is called 'dance'");
        assert_eq!(parse("test --lua").unwrap_err(), "--lua needs a value");
    }
}
