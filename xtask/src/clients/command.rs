//! Programs that are run with all that they start, and with a time limit.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Time to end in peace before the group is killed.
const GRACE: Duration = Duration::from_secs(3);
const LINES_SHOWN: usize = 30;

/// Runs a program in a process group of its own; nothing of the group outlives the call.
pub fn run(command: &mut Command, limit: Duration) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    let group = Pid::from_raw(child.id() as i32);
    let status = wait(&mut child, limit);
    if status.is_none() {
        // Whoever handles it can end what it started outside of the group.
        let _ = killpg(group, Signal::SIGTERM);
        wait(&mut child, GRACE);
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("{name} ended with {status}")),
        None => Err(format!("{name} did not end in {} s", limit.as_secs())),
    }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    None
}

/// As [`run`], silent: what the program writes goes to a file, whose end is shown when it fails.
pub fn run_logged(command: &mut Command, limit: Duration, log: &Path) -> Result<(), String> {
    let open = |error| format!("{}: {error}", log.display());
    let file = fs::File::create(log).map_err(open)?;
    let second = file.try_clone().map_err(open)?;
    run(command.stdout(file).stderr(second), limit).map_err(|why| {
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n    ");
        format!("{why}; {} ends with\n    {end}", log.display())
    })
}

/// Where a program of this name stands in the search path.
pub fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let start = Instant::now();
        let outcome = run(
            &mut shell("sleep 100 & sleep 100; wait"),
            Duration::from_millis(50),
        );
        assert_eq!(outcome.unwrap_err(), "sh did not end in 0 s");
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn the_end_of_a_log_says_why() {
        let log = std::env::temp_dir().join(format!("xtask-command-{}", std::process::id()));
        let why = run_logged(
            &mut shell("echo no luck >&2; exit 3"),
            Duration::from_secs(60),
            &log,
        );
        fs::remove_file(&log).unwrap();
        let why = why.unwrap_err();
        assert!(
            why.contains("exit status: 3") && why.ends_with("no luck"),
            "{why}"
        );
    }
}
