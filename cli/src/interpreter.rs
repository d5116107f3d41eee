//! The stand-alone interpreter: what PUC Lua's `lua` does with the same command line.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use crate::command::say;
use crate::engine::{Engine, Message};
use crate::entry::ExitCode;
use crate::help::VERSION;
use crate::interactive;
use crate::limits;
use crate::option::{Action, BadOption, Options};
use crate::run::Mode;
use crate::stats;

const USAGE: &str = "\
Available options are:
  -e stat   execute string 'stat'
  -i        enter interactive mode after executing 'script'
  -l mod    require library 'mod' into global 'mod'
  -l g=mod  require library 'mod' into global 'g'
  -v        show version information
  -E        ignore environment variables
  -W        turn warnings on
  --        stop handling options
  -         stop handling options and execute stdin
  --max-memory=SIZE, --max-instructions=N, --deadline=DURATION, --on-limit=stop|error
            end the script when it uses more (see 'perilune help run')
";

/// Runs a command line with the options of `lua`; the first element is the program's name.
pub fn run_line(line: &[Vec<u8>], mode: Mode) -> ExitCode {
    match Options::parse(line) {
        Ok(options) => run(line, &options, Mode { limits: options.limits, ..mode }),
        Err(BadOption::Unrecognized(option)) => {
            show_usage(program_name(line), &option);
            ExitCode::FAILURE
        }
        Err(BadOption::Limit(wrong)) => {
            show(program_name(line), wrong.as_bytes());
            ExitCode::from(2)
        }
    }
}

fn program_name(line: &[Vec<u8>]) -> &[u8] {
    line.first().filter(|name| !name.is_empty()).map_or(&b"perilune"[..], Vec::as_slice)
}

/// Does what options ask for; `arg` is made from the command line.
pub fn run(line: &[Vec<u8>], options: &Options, mode: Mode) -> ExitCode {
    let program = program_name(line);
    let started = mode.stats.then(Instant::now);
    if options.version {
        say(&format!("{VERSION}\n"));
    }
    let mut engine = match mode.start(options.no_environment) {
        Ok(engine) => engine,
        Err(message) => {
            show(program, &message);
            return ExitCode::FAILURE;
        }
    };
    if let (Some(live), Some(script)) = (&mode.live, options.script)
        && let Err(message) = live.open(&mut engine, &line[script], &line[script + 1..])
    {
        show(program, &message);
        return ExitCode::FAILURE;
    }
    let result = run_options(&mut engine, line, options).and_then(|after| engine.verify().map(|()| after));
    engine.flush();
    if let (Err(message), Some(_)) = (&result, engine.vm().stopped()) {
        show(program, &[b"stopped: ", message.as_slice()].concat());
        // No code of the program runs any more, so nothing is closed.
        perilune_live::service::finish(engine.vm(), i32::from(limits::STOPPED));
        std::mem::forget(engine);
        return ExitCode::from(limits::STOPPED);
    }
    match &result {
        Ok(After::Prompt) => {
            interactive::run(engine);
            return ExitCode::SUCCESS;
        }
        Ok(After::End) => {}
        Err(message) => show(program, message),
    }
    // A finalizer may still end the process with a code of its own.
    engine.close();
    if let Some(started) = started {
        stats::show_all(program, engine.vm(), started.elapsed());
    }
    perilune_live::service::finish(engine.vm(), i32::from(result.is_err()));
    // The process ends: its memory goes at once, without being given back block by block.
    std::mem::forget(engine);
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes a message to standard error, after the program's name.
pub fn show(program: &[u8], message: &[u8]) {
    let line = [program, b": ", message, b"\n"].concat();
    std::io::stderr().write_all(&line).ok();
}

fn show_usage(program: &[u8], option: &[u8]) {
    let needs_argument = matches!(option.get(1), Some(b'e' | b'l'));
    let message = if needs_argument {
        [b"'", option, b"' needs argument"].concat()
    } else {
        [b"unrecognized option '", option, b"'"].concat()
    };
    show(program, &message);
    let usage = [b"usage: ", program, b" [options] [script [args]]\n", USAGE.as_bytes()].concat();
    std::io::stderr().write_all(&usage).ok();
}

/// What follows when everything on the command line has run.
enum After {
    Prompt,
    End,
}

fn run_options(engine: &mut Engine, line: &[Vec<u8>], options: &Options) -> Result<After, Message> {
    set_arguments(engine, line, options.script.unwrap_or(0))?;
    if !options.no_environment {
        run_initial(engine)?;
    }
    for action in &options.actions {
        run_action(engine, action)?;
    }
    if let Some(script) = options.script {
        let path = (!options.script_is_stdin).then(|| line[script].as_slice());
        engine.run_script(path)?;
    }
    let asks_nothing = options.script.is_none() && !options.executes() && !options.version;
    if options.interactive {
        return Ok(After::Prompt);
    }
    if asks_nothing && std::io::stdin().is_terminal() {
        say(&format!("{VERSION}\n"));
        return Ok(After::Prompt);
    }
    if asks_nothing && let Err(message) = engine.run_file(None) {
        if engine.vm().stopped().is_some() {
            return Err(message);
        }
        // As in `lua`, an error in standard input is shown and does not count.
        show(program_name(line), &message);
    }
    Ok(After::End)
}

/// Makes the global `arg`: the script is element 0, and what comes before it has negative indices.
fn set_arguments(engine: &mut Engine, line: &[Vec<u8>], script: usize) -> Result<(), Message> {
    engine.with(|ctx| {
        ctx.push_globals();
        ctx.new_table(line.len() as u32, 2)?;
        for (index, argument) in line.iter().enumerate() {
            ctx.push_bytes(argument)?;
            ctx.raw_set_int(-2, index as i64 - script as i64)?;
        }
        ctx.raw_set_field(-2, b"arg")?;
        ctx.pop(1);
        Ok(())
    })
}

/// Runs what the environment asks to be run first.
fn run_initial(engine: &mut Engine) -> Result<(), Message> {
    for variable in ["LUA_INIT_5_4", "LUA_INIT"] {
        let Some(value) = std::env::var_os(variable) else {
            continue;
        };
        let value = value.as_encoded_bytes();
        return match value.strip_prefix(b"@") {
            Some(path) => engine.run_file(Some(path)),
            None => engine.run(value, format!("={variable}").as_bytes(), &[]),
        };
    }
    Ok(())
}

fn run_action(engine: &mut Engine, action: &Action) -> Result<(), Message> {
    match action {
        Action::Execute(text) => engine.run(text, b"=(command line)", &[]),
        Action::Warn => engine.with(|ctx| {
            ctx.warn(b"@on", false);
            Ok(())
        }),
        Action::Require(names) => {
            let (global, module) = module_names(names);
            engine.require(global, module)
        }
    }
}

/// The global's and the module's name; what follows a hyphen is no part of the global's.
fn module_names(names: &[u8]) -> (&[u8], &[u8]) {
    if let Some(at) = names.iter().position(|&byte| byte == b'=') {
        return (&names[..at], &names[at + 1..]);
    }
    let end = names.iter().position(|&byte| byte == b'-').unwrap_or(names.len());
    (&names[..end], names)
}

#[cfg(test)]
mod tests {
    use super::module_names;

    #[test]
    fn names_of_modules() {
        assert_eq!(module_names(b"a.b"), (&b"a.b"[..], &b"a.b"[..]));
        assert_eq!(module_names(b"g=a.b"), (&b"g"[..], &b"a.b"[..]));
        assert_eq!(module_names(b"a-v2"), (&b"a"[..], &b"a-v2"[..]));
    }
}
