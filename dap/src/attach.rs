//! The request `attach`: finds the one program that is meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use perilune_live::protocol::SessionInfo;
use perilune_live::session;
use serde_json::Value as Json;

use crate::envelope::Call;
use crate::field::Fields;
use crate::refusal::{Reason, Refusal};
use crate::session::{Answer, Found, Origin, Outcome, Plan, Search, Session};

/// How long all the programs that are looked at may take to be reached.
const LIMIT: Duration = Duration::from_secs(30);

/// Which program is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// The process with this id.
    Pid(u32),
    /// The newest that runs this file, or lies in this directory.
    Path(PathBuf),
}

/// Handles the request.
pub fn attach(session: &mut Session, call: &Call, arguments: Json) -> Outcome {
    let fields = Fields::of("attach", &arguments).map_err(Refusal::shown)?;
    let wanted = Wanted::read(&fields).map_err(Refusal::shown)?;
    let stops_on_entry = fields.flag("stopOnEntry").map_err(Refusal::shown)?;
    session.begin_start(call, Plan { stops_on_entry, is_undisturbed: false, state: None });
    let look = move || match wanted.find(session::list()) {
        Ok(found) => Found::Session(found),
        Err(refusal) => Found::Nothing(refusal),
    };
    session.search(Search {
        origin: Origin::Attached,
        look: Box::new(look),
        pause: Duration::ZERO,
        limit: LIMIT,
    });
    Ok(Answer::Later)
}

impl Wanted {
    fn read(fields: &Fields<'_>) -> Result<Wanted, Refusal> {
        if let Some(pid) = fields.pid("processId")? {
            return Ok(Wanted::Pid(pid));
        }
        let named = fields.text("session")?.filter(|name| !name.is_empty());
        if let Some(pid) = named.and_then(|name| name.parse().ok()) {
            return Ok(Wanted::Pid(pid));
        }
        let path = named.or(fields.text("cwd")?).unwrap_or(".");
        let path = std::path::absolute(path)
            .map_err(|error| Refusal::new(Reason::BadArguments, format!("cannot look at {path}: {error}")))?;
        Ok(Wanted::Path(path))
    }

    /// The program that is meant; the sessions come newest first.
    fn find(&self, sessions: Vec<SessionInfo>) -> Result<SessionInfo, Refusal> {
        let found = match self {
            Wanted::Pid(pid) => sessions.iter().find(|session| session.pid == *pid),
            Wanted::Path(path) => sessions.iter().find(|session| belongs(session, path)),
        };
        found.cloned().ok_or_else(|| self.not_found(&sessions))
    }

    fn not_found(&self, sessions: &[SessionInfo]) -> Refusal {
        let what = match self {
            Wanted::Pid(pid) => format!("no program with process id {pid} can be reached"),
            Wanted::Path(path) => format!("no program of {} can be reached", path.display()),
        };
        let listed: Vec<String> = sessions.iter().map(|known| format!("{} {}", known.pid, known.program)).collect();
        let others = match listed.is_empty() {
            true => "none runs: start it with `perilune run --live`".to_owned(),
            false => format!("those that can: {}", listed.join(", ")),
        };
        Refusal::new(Reason::NoProgram, format!("{what}; {others}"))
    }
}

/// Whether a program is this file, or it or its working directory lies in this directory.
fn belongs(session: &SessionInfo, path: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let path = real(path);
    let is_inside = |place: &str| !place.is_empty() && real(Path::new(place)).starts_with(&path);
    is_inside(&session.program) || is_inside(&session.cwd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(arguments: &Json) -> Result<Wanted, String> {
        let fields = Fields::of("attach", arguments).map_err(|refusal| refusal.text().to_owned())?;
        Wanted::read(&fields).map_err(|refusal| refusal.text().to_owned())
    }

    fn program(pid: u32, program: &str, cwd: &str) -> SessionInfo {
        let (program, cwd) = (program.to_owned(), cwd.to_owned());
        SessionInfo { version: 1, pid, program, args: vec![], cwd, started: 0, address: String::new(), token: None }
    }

    #[test]
    fn a_program_is_named_by_process_or_path() {
        assert_eq!(wanted(&json!({ "processId": 12 })), Ok(Wanted::Pid(12)));
        assert_eq!(wanted(&json!({ "processId": "12" })), Ok(Wanted::Pid(12)));
        assert_eq!(wanted(&json!({ "session": "12" })), Ok(Wanted::Pid(12)));
        assert_eq!(wanted(&json!({ "session": "/a/b.lua" })), Ok(Wanted::Path("/a/b.lua".into())));
        assert_eq!(wanted(&json!({ "cwd": "/a" })), Ok(Wanted::Path("/a".into())));
        assert_eq!(wanted(&json!(null)), Ok(Wanted::Path(std::env::current_dir().unwrap())));
        assert_eq!(wanted(&json!({ "processId": -1 })), Err("`processId` must be a process id".to_owned()));
        assert_eq!(wanted(&json!({ "session": [] })), Err("`session` must be text".to_owned()));
    }

    #[test]
    fn the_newest_of_a_workspace_is_taken() {
        let all = vec![program(3, "/z/c.lua", "/z"), program(2, "/w/b.lua", "/z"), program(1, "/w/a.lua", "/w")];
        let find = |path: &str| Wanted::Path(path.into()).find(all.clone()).map(|found| found.pid);
        assert_eq!(find("/w"), Ok(2));
        assert_eq!(find("/w/a.lua"), Ok(1));
        let refusal = find("/q").unwrap_err();
        let expected = "no program of /q can be reached; those that can: 3 /z/c.lua, 2 /w/b.lua, 1 /w/a.lua";
        assert_eq!(refusal.text(), expected);
    }
}
