//! Running programs, as the commands of a terminal reach them.

use std::io::{BufRead, IsTerminal};
use std::sync::mpsc;
use std::time::Duration;

use perilune_live::client::Client;
use perilune_live::protocol::{Hello, OnDisconnect, SessionInfo, State, VERSION};
use perilune_live::session;

use crate::command::{Failure, say};
use crate::sessions;

/// How long a program may take to say what it does before that counts as unknown.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is said when there is no program.
pub const NONE: &str = "no program can be attached to; `perilune run --live FILE` starts one";

/// The greeting of a client that lets the program go on when it leaves.
pub fn hello(client: &str, output: bool) -> Hello {
    Hello { version: VERSION, client: client.into(), token: None, on_disconnect: OnDisconnect::Continue, output }
}

/// What a program does now; `None` when it does not say so in time.
pub fn state(session: &SessionInfo) -> Option<State> {
    let (answer, answered) = mpsc::channel();
    let session = session.clone();
    std::thread::spawn(move || {
        let connected = Client::connect(&session, hello("perilune sessions", false), |_| {});
        // Who asked may have given up.
        answer.send(connected.ok().map(|(_, hello)| hello.state)).ok();
    });
    answered.recv_timeout(PATIENCE).ok().flatten()
}

/// The program with this process id.
///
/// # Errors
/// When it cannot be reached.
pub fn with_pid(pid: u32) -> Result<SessionInfo, Failure> {
    session::find_by_pid(pid).ok_or_else(|| Failure::Failed(format!("process {pid} cannot be attached to; {}", known())))
}

/// The only program there is, or the one that the person chooses.
///
/// # Errors
/// When there is none, or several and nobody to choose.
pub fn the_only_one() -> Result<SessionInfo, Failure> {
    let mut sessions = session::list();
    match sessions.len() {
        0 => Err(Failure::Failed(NONE.into())),
        1 => Ok(sessions.remove(0)),
        _ if std::io::stdin().is_terminal() => choose(sessions),
        _ => Err(Failure::Usage(format!("'--attach' needs a process id, as there are several; {}", known()))),
    }
}

fn known() -> String {
    let sessions = session::list();
    if sessions.is_empty() {
        return NONE.into();
    }
    let names: Vec<String> = sessions.iter().map(|session| format!("{} ({})", session.pid, session.program)).collect();
    format!("those that can be: {}", names.join(", "))
}

fn choose(sessions: Vec<SessionInfo>) -> Result<SessionInfo, Failure> {
    say(&format!("{}PID? ", sessions::table(&sessions)));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| Failure::Failed(error.to_string()))?;
    let chosen = line.trim();
    let found = sessions.into_iter().find(|session| session.pid.to_string() == chosen);
    found.ok_or_else(|| Failure::Failed(format!("'{chosen}' is none of these process ids")))
}
