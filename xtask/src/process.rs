//! Running other programs: cargo, and Lua engines with a time limit.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::project;

/// What a program printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub output: Vec<u8>,
    pub errors: Vec<u8>,
    /// The exit code; nothing after a signal or when the time was over.
    pub code: Option<i32>,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    pub fn last_error(&self) -> String {
        String::from_utf8_lossy(&self.errors).lines().take(6).collect::<Vec<_>>().join("\n    ")
    }
}

/// Runs cargo at the root; its own output is shown as it comes.
pub fn cargo(arguments: &[&str]) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let status = Command::new(cargo).args(arguments).current_dir(project::root()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo {} ended with {status}", arguments.join(" "))),
        Err(error) => Err(format!("cargo does not start: {error}")),
    }
}

/// Runs a Lua program in its own folder, so that messages name it alike everywhere.
pub fn lua(
    engine: &Path,
    program: &Path,
    arguments: &[String],
    limit: Duration,
) -> Result<Outcome, String> {
    lua_in(&[], engine, &[], program, arguments, limit)
}

/// As [`lua`], with variables added to the environment, and switches before the program.
pub fn lua_in(
    environment: &[(&str, &str)],
    engine: &Path,
    switches: &[&str],
    program: &Path,
    arguments: &[String],
    limit: Duration,
) -> Result<Outcome, String> {
    let mut child = Command::new(engine)
        .envs(environment.iter().copied())
        .args(switches)
        .arg(program.file_name().unwrap_or_default())
        .args(arguments)
        .current_dir(program.parent().unwrap_or(project::root()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", engine.display()))?;
    let output = reader(child.stdout.take());
    let errors = reader(child.stderr.take());
    let code = wait(&mut child, limit);
    let output = output.join().unwrap_or_default();
    let errors = errors.join().unwrap_or_default();
    Ok(Outcome { output, errors, code })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A broken pipe leaves what came before it, which is what is compared.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return status.code();
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
