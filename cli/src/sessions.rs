//! `perilune sessions`: the running programs that can be attached to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lexopt::Arg;
use perilune_live::protocol::{SessionInfo, State};
use perilune_live::session;

use crate::command::{Arguments, Command, Failure, Outcome, complain, output, unexpected};
use crate::entry::ExitCode;
use crate::live;

/// `sessions`
pub const COMMAND: Command = Command {
    name: "sessions",
    arguments: "[--format=text|json]",
    summary: "list the running programs that can be attached to",
    details: "Programs that were started with `perilune run --live` are listed, the newest first.\n\n  \
              --format=json   an array of objects: pid, program, args, cwd, started, address, version\n",
    run,
};

enum Format {
    Text,
    Json,
}

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let mut format = Format::Text;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("format") => {
                format = match parser.value()?.to_str() {
                    Some("text") => Format::Text,
                    Some("json") => Format::Json,
                    _ => return Err(Failure::Usage("'--format' takes 'text' or 'json'".into())),
                }
            }
            other => return Err(unexpected(other)),
        }
    }
    let sessions = session::list();
    match format {
        Format::Json => output(&json(sessions)?),
        Format::Text if sessions.is_empty() => {
            complain(live::NONE);
            Ok(ExitCode::SUCCESS)
        }
        Format::Text => output(&table(&sessions)),
    }
}

/// The sessions without their tokens: who may use one can read its file.
fn json(mut sessions: Vec<SessionInfo>) -> Result<String, Failure> {
    for session in &mut sessions {
        session.token = None;
    }
    let text = serde_json::to_string_pretty(&sessions).map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(text + "\n")
}

/// The sessions as lines with a heading.
pub fn table(sessions: &[SessionInfo]) -> String {
    let heading = ["PID", "STATE", "AGE", "PROGRAM", "DIRECTORY"].map(String::from);
    let rows: Vec<[String; 5]> = std::iter::once(heading).chain(sessions.iter().map(row)).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String; 5], widths: &[usize; 5]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn row(session: &SessionInfo) -> [String; 5] {
    let state = match live::state(session) {
        Some(State::Waiting) => "waiting",
        Some(State::Running) => "running",
        Some(State::Stopped) => "stopped",
        Some(State::Ended) => "ended",
        None => "?",
    };
    let started = UNIX_EPOCH + Duration::from_secs(session.started);
    let age = SystemTime::now().duration_since(started).unwrap_or_default();
    [session.pid.to_string(), state.into(), age_text(age), session.program.clone(), session.cwd.clone()]
}

/// A duration to read at a glance: its two largest units.
fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        _ => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_show_two_units() {
        let texts = [7, 61, 3600, 90_061].map(|seconds| age_text(Duration::from_secs(seconds)));
        assert_eq!(texts, ["7s", "1m01s", "1h00m", "1d01h"]);
    }

    #[test]
    fn json_has_no_tokens() {
        let session = SessionInfo {
            version: 1,
            pid: 7,
            program: "/p/app.lua".into(),
            args: vec!["x".into()],
            cwd: "/p".into(),
            started: 5,
            address: "tcp:127.0.0.1:9".into(),
            token: Some("secret".into()),
        };
        let text = json(vec![session]).expect("JSON");
        assert!(!text.contains("secret") && !text.contains("token"), "{text}");
        assert!(text.contains("\"program\": \"/p/app.lua\""), "{text}");
    }
}
