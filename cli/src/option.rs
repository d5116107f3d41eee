//! The command line of the stand-alone interpreter, with the options of PUC Lua's.

use crate::limits::{self, Limits};

/// What the user asked for.
#[derive(Debug, Default, PartialEq)]
pub struct Options {
    /// Go on interactively after the script (`-i`).
    pub interactive: bool,
    /// Show the version (`-v`, `-i`).
    pub version: bool,
    /// Ignore the environment's variables (`-E`).
    pub no_environment: bool,
    /// What comes before the script, in order.
    pub actions: Vec<Action>,
    /// Where the script stands in the command line.
    pub script: Option<usize>,
    /// The script is standard input (`-`).
    pub script_is_stdin: bool,
    /// How much the script may use (`--max-memory=SIZE` and the like).
    pub limits: Limits,
}

/// Something to do before the script runs.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Run this text (`-e`).
    Execute(Vec<u8>),
    /// Require this module (`-l`), which may say the global's name: `name=module`.
    Require(Vec<u8>),
    /// Turn warnings on (`-W`).
    Warn,
}

/// What is wrong with a command line.
#[derive(Debug, PartialEq)]
pub enum BadOption {
    /// An option of `lua` that is unknown or lacks its argument, as it was written.
    Unrecognized(Vec<u8>),
    /// The value of a limit: what it takes.
    Limit(String),
}

impl Options {
    /// Whether some text was given to run.
    pub fn executes(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::Execute(_)))
    }

    /// Reads a whole command line, whose first element is the program's name.
    pub fn parse(line: &[Vec<u8>]) -> Result<Options, BadOption> {
        let mut options = Options::default();
        let mut at = 1;
        while let Some(argument) = line.get(at) {
            let bad = || Err(BadOption::Unrecognized(argument.clone()));
            match argument.as_slice() {
                b"-" => {
                    options.script = Some(at);
                    options.script_is_stdin = true;
                    return Ok(options);
                }
                b"--" => {
                    at += 1;
                    break;
                }
                b"-E" => options.no_environment = true,
                b"-W" => options.actions.push(Action::Warn),
                b"-v" => options.version = true,
                b"-i" => {
                    options.interactive = true;
                    options.version = true;
                }
                [b'-', letter @ (b'e' | b'l'), attached @ ..] => {
                    let value = if attached.is_empty() {
                        at += 1;
                        match line.get(at) {
                            Some(next) if next.first() != Some(&b'-') => next.clone(),
                            _ => return bad(),
                        }
                    } else {
                        attached.to_vec()
                    };
                    let action = if *letter == b'e' { Action::Execute } else { Action::Require };
                    options.actions.push(action(value));
                }
                [b'-', b'-', option @ ..] => {
                    let option = String::from_utf8_lossy(option);
                    let (name, value) =
                        option.split_once('=').map_or((&*option, None), |(name, value)| (name, Some(value)));
                    let Some(missing) = limits::missing(name) else { return bad() };
                    let read = value.map_or(Err(missing), |value| options.limits.read(name, value));
                    read.map_err(BadOption::Limit)?;
                }
                [b'-', ..] => return bad(),
                _ => break,
            }
            at += 1;
        }
        options.script = (at < line.len()).then_some(at);
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, BadOption> {
        let line: Vec<Vec<u8>> = text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Options::parse(&line)
    }

    #[test]
    fn options_end_at_the_script() {
        let options = parse("lua -e x=1 -lm=mod -W a.lua -v").expect("valid options");
        assert_eq!(
            options.actions,
            [Action::Execute(b"x=1".to_vec()), Action::Require(b"m=mod".to_vec()), Action::Warn,]
        );
        assert_eq!(options.script, Some(5));
        assert!(!options.version);
    }

    #[test]
    fn dashes() {
        assert!(parse("lua - a").expect("valid options").script_is_stdin);
        assert_eq!(parse("lua -- -").expect("valid options").script, Some(2));
        assert_eq!(parse("lua -i --").expect("valid options").script, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, option) in [
            ("lua -e", "-e"),
            ("lua -l -v", "-l"),
            ("lua -vi", "-vi"),
            ("lua --help", "--help"),
            ("lua --x=1", "--x=1"),
        ] {
            assert_eq!(parse(line), Err(BadOption::Unrecognized(option.into())));
        }
        let takes = "a duration, as 500ms, 2s or 3m";
        assert_eq!(
            parse("lua --deadline=soon a"),
            Err(BadOption::Limit(format!("'--deadline' takes {takes}, not 'soon'")))
        );
        assert_eq!(parse("lua --deadline 2s"), Err(BadOption::Limit(format!("'--deadline=' takes {takes}"))));
    }
}
