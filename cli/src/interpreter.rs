//! The stand-alone interpreter: what PUC Lua's `lua` does with the same command line.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use crate::engine::{Engine, Message};
use crate::option::{Action, BadOption, Options};
use crate::repl;

const VERSION: &str = concat!("Perilune ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)");

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
";

/// Sets the global that `-l` names; both names come as arguments.
const REQUIRE: &[u8] = b"local global, module = ... _G[global] = require(module)";

/// Runs a command line; the first element is the program's name.
pub fn run(line: &[Vec<u8>], vm: perilune_vm::Options) -> ExitCode {
    let program = line.first().map_or(&b"perilune"[..], Vec::as_slice);
    let options = match Options::parse(line) {
        Ok(options) => options,
        Err(bad) => {
            show_usage(program, &bad);
            return ExitCode::FAILURE;
        }
    };
    if options.version {
        println!("{VERSION}");
    }
    let mut engine = match Engine::new(vm, options.no_environment) {
        Ok(engine) => engine,
        Err(message) => {
            show(program, &message);
            return ExitCode::FAILURE;
        }
    };
    let result = run_options(&mut engine, line, &options).and_then(|()| engine.verify());
    engine.flush();
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            show(program, &message);
            ExitCode::FAILURE
        }
    };
    engine.close();
    code
}

/// Writes a message to standard error, after the program's name.
pub fn show(program: &[u8], message: &[u8]) {
    let line = [program, b": ", message, b"\n"].concat();
    std::io::stderr().write_all(&line).ok();
}

fn show_usage(program: &[u8], BadOption(option): &BadOption) {
    let needs_argument = matches!(option.get(1), Some(b'e' | b'l'));
    let message = if needs_argument {
        [b"'", &option[..], b"' needs argument"].concat()
    } else {
        [b"unrecognized option '", &option[..], b"'"].concat()
    };
    show(program, &message);
    let usage = [b"usage: ", program, b" [options] [script [args]]\n", USAGE.as_bytes()].concat();
    std::io::stderr().write_all(&usage).ok();
}

fn run_options(engine: &mut Engine, line: &[Vec<u8>], options: &Options) -> Result<(), Message> {
    set_arguments(engine, line, options.script.unwrap_or(0))?;
    if !options.no_environment {
        run_initial(engine)?;
    }
    for action in &options.actions {
        run_action(engine, action)?;
    }
    if let Some(script) = options.script {
        let path = (!options.script_is_stdin).then(|| line[script].as_slice());
        engine.run_file(path, &line[script + 1..])?;
    }
    if options.interactive {
        repl::run(engine);
    } else if options.script.is_none() && !options.executes() && !options.version {
        if std::io::stdin().is_terminal() {
            println!("{VERSION}");
            repl::run(engine);
        } else {
            engine.run_file(None, &[])?;
        }
    }
    Ok(())
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
            Some(path) => engine.run_file(Some(path), &[]),
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
            engine.run(REQUIRE, b"=(command line)", &[global.to_vec(), module.to_vec()])
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
