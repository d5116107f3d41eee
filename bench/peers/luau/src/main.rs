//! Luau with its native code as a peer: what Perilune is compared with, on programs that both understand.

use std::io::Write;
use std::process::ExitCode;

use mlua::{Compiler, Lua, Result, Variadic, Value};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: luau FILE");
        return ExitCode::from(2);
    };
    match run(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("luau: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str) -> Result<()> {
    let lua = Lua::new();
    lua.enable_jit(true);
    lua.set_compiler(Compiler::new().set_optimization_level(2).set_debug_level(0));
    // Luau has no `io`; the programs only write.
    let io = lua.create_table()?;
    io.set("write", lua.create_function(write)?)?;
    lua.globals().set("io", io)?;
    lua.load(std::fs::read(path).map_err(mlua::Error::external)?).set_name(format!("@{path}")).exec()
}

fn write(lua: &Lua, values: Variadic<Value>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for value in values {
        if let Some(text) = lua.coerce_string(value)? {
            out.write_all(&text.as_bytes()).map_err(mlua::Error::external)?;
        }
    }
    Ok(())
}
