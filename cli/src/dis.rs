//! `perilune dis`: the listing of a file's code.

use std::ffi::OsString;
use std::path::Path;

use lexopt::Arg;
use perilune_jit::Baseline;
use perilune_vm::Vm;
use perilune_vm::tier::Eagerness;

use crate::command::{Arguments, Command, Failure, Outcome, output, unexpected};

/// `dis`
pub const COMMAND: Command = Command {
    name: "dis",
    arguments: "[--native] FILE",
    summary: "list the instructions of a file",
    details: "  --native   machine code beside the instructions\n",
    run,
};

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let mut native = false;
    let mut file: Option<OsString> = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("native") => native = true,
            Arg::Value(path) if file.is_none() => file = Some(path),
            other => return Err(unexpected(other)),
        }
    }
    let file = file.ok_or_else(|| Failure::Usage("a file is missing".into()))?;
    let chunk = compile(Path::new(&file)).map_err(Failure::Failed)?;
    if native {
        return output(&machine_code(&chunk.0).map_err(Failure::Failed)?);
    }
    output(&perilune_isa::disassemble(&chunk.0))
}

/// What `--jit=eager` makes of the functions before anything has run: caches know nothing yet.
fn machine_code(proto: &perilune_isa::Proto) -> Result<String, String> {
    let mut vm = Vm::new(perilune_vm::Options::default());
    vm.set_tier(Box::new(Baseline::new()), Eagerness::Eager);
    let binary = perilune_isa::encode_chunk(proto, false);
    vm.with(|ctx| {
        let loaded = ctx.load(&binary, b"=dis", b"b");
        assert!(loaded.is_ok(), "what was just compiled can be loaded");
        Ok(())
    })
    .map_err(|_| "not enough memory".to_string())?;
    let functions = vm.compile_all(&proto.source);
    if functions.is_empty() {
        return Err("machine code cannot be made here: the processor is another one, or the system forbids it".into());
    }
    Ok(functions.iter().map(perilune_jit::listing).collect())
}

/// The chunk in a file, text or binary, or a message that says why there is none.
fn compile(path: &Path) -> Result<perilune_isa::Chunk, String> {
    let source = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if source.first() == Some(&0x1b) {
        let chunk = perilune_isa::decode_chunk(&source).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(perilune_isa::Chunk(chunk.into_inner()));
    }
    let name = [b"@", path.as_os_str().as_encoded_bytes()].concat();
    perilune_compile::compile(perilune_stdlib::strip_shebang(&source), &name)
        .map_err(|error| String::from_utf8_lossy(&error.message).into_owned())
}
