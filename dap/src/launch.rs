//! The request `launch`: checks what is asked, then starts the program as a
//! child, or has the client start it in a terminal.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perilune_live::protocol::SessionInfo;
use perilune_live::session::{self, Directory};
use serde_json::Value as Json;

use crate::envelope::Call;
use crate::field::Fields;
use crate::process::Child;
use crate::refusal::{Reason, Refusal};
use crate::session::{Answer, Found, Origin, Outcome, Plan, Search, Session};
use crate::types::body::RunInTerminal;

/// Marks the program that a terminal starts for us, wherever its process ends up.
const MARK: &str = "PERILUNE_LAUNCH";
/// How long a child may take to be reachable; one that ends is noticed at once.
const CHILD_LIMIT: Duration = Duration::from_secs(30);
/// The same for a terminal, which may have to be opened first.
const TERMINAL_LIMIT: Duration = Duration::from_secs(60);

/// What the client wants to run.
#[derive(Debug, PartialEq, Eq)]
struct Launch {
    program: PathBuf,
    args: Vec<String>,
    cwd: PathBuf,
    env: BTreeMap<String, Option<String>>,
    terminal: Terminal,
    jit: Option<String>,
    perilune: PathBuf,
    stops_on_entry: bool,
    is_undisturbed: bool,
}

/// Where the program reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terminal {
    /// It writes into the client's console and reads nothing.
    None,
    /// A terminal inside the client.
    Integrated,
    /// A terminal of its own.
    External,
}

/// Handles the request.
pub fn launch(session: &mut Session, call: &Call, arguments: Json) -> Outcome {
    let launch = Launch::read(&arguments, &session.options.perilune).map_err(Refusal::shown)?;
    if launch.terminal != Terminal::None && !session.abilities.terminals {
        let text = "this client cannot run programs in a terminal: use \"terminal\": \"internalConsole\"";
        return Err(Refusal::new(Reason::BadArguments, text).shown());
    }
    let plan = Plan { stops_on_entry: launch.stops_on_entry, is_undisturbed: launch.is_undisturbed, state: None };
    session.begin_start(call, plan);
    match launch.terminal {
        Terminal::None => start_child(session, &launch),
        Terminal::Integrated => start_in_terminal(session, launch, "integrated"),
        Terminal::External => start_in_terminal(session, launch, "external"),
    }
    Ok(Answer::Later)
}

impl Launch {
    fn read(arguments: &Json, perilune: &Path) -> Result<Launch, Refusal> {
        let fields = Fields::of("launch", arguments)?;
        let wrong = |text: String| Refusal::new(Reason::BadArguments, text);
        let cwd = std::path::absolute(fields.text("cwd")?.unwrap_or("."))
            .map_err(|error| wrong(format!("there is no working directory: {error}")))?;
        if !cwd.is_dir() {
            return Err(wrong(format!("the working directory {} does not exist", cwd.display())));
        }
        let program = fields.text("program")?.filter(|program| !program.is_empty());
        let program = program.ok_or_else(|| wrong("launch needs `program`, the path of a Lua file".to_owned()))?;
        let program = cwd.join(program);
        check_program(&program).map_err(wrong)?;
        Ok(Launch {
            program,
            args: fields.texts("args")?,
            cwd,
            env: fields.environment("env")?,
            terminal: Terminal::read(fields.text("terminal")?)?,
            jit: read_jit(fields.text("jit")?)?,
            perilune: fields.text("perilune")?.map_or_else(|| perilune.to_path_buf(), PathBuf::from),
            stops_on_entry: fields.flag("stopOnEntry")?,
            is_undisturbed: fields.flag("noDebug")?,
        })
    }

    /// The program's command line after the path of `perilune`.
    fn arguments(&self) -> Vec<String> {
        let jit = self.jit.iter().map(|jit| format!("--jit={jit}"));
        let program = self.program.to_string_lossy().into_owned();
        let fixed = ["--live".to_owned(), "--wait".to_owned(), program];
        ["run".to_owned()].into_iter().chain(jit).chain(fixed).chain(self.args.iter().cloned()).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.perilune);
        command.args(self.arguments()).current_dir(&self.cwd);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

fn check_program(program: &Path) -> Result<(), String> {
    match fs::metadata(program) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(format!("the program {} is not a file", program.display())),
        Err(error) => Err(format!("the program {} cannot be read: {error}", program.display())),
    }
}

impl Terminal {
    fn read(text: Option<&str>) -> Result<Terminal, Refusal> {
        match text {
            None | Some("internalConsole") => Ok(Terminal::None),
            Some("integratedTerminal") => Ok(Terminal::Integrated),
            Some("externalTerminal") => Ok(Terminal::External),
            Some(other) => {
                let known = "internalConsole, integratedTerminal or externalTerminal";
                Err(Refusal::new(Reason::BadArguments, format!("`terminal` is {known}, not {other}")))
            }
        }
    }
}

fn read_jit(text: Option<&str>) -> Result<Option<String>, Refusal> {
    match text {
        None => Ok(None),
        Some("off" | "on" | "eager") => Ok(text.map(str::to_owned)),
        Some(other) => Err(Refusal::new(Reason::BadArguments, format!("`jit` is off, on or eager, not {other}"))),
    }
}

fn start_child(session: &mut Session, launch: &Launch) {
    let child = Child::start(session.start_number, launch.command(), &session.inputs);
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            let text = format!("cannot start {}: {error}", launch.perilune.display());
            return session.fail_start(&Refusal::new(Reason::NoProgram, text));
        }
    };
    let pid = child.id();
    session.ending.child = Some(child);
    let look = move || find_by_pid(pid).map_or(Found::NotYet, Found::Session);
    session.search(Search {
        origin: Origin::Child,
        look: Box::new(look),
        pause: Duration::from_millis(5),
        limit: CHILD_LIMIT,
    });
}

/// Without a look at other programs, which `session::find_by_pid` would also try to reach.
fn find_by_pid(pid: u32) -> Option<SessionInfo> {
    let directories = Directory::candidates();
    let mut safe = directories.iter().filter_map(|path| Directory::existing(path).ok());
    safe.find_map(|directory| directory.find_by_pid(pid))
}

fn start_in_terminal(session: &mut Session, launch: Launch, kind: &'static str) {
    let mark = mark(session.start_number);
    let mut env = launch.env.clone();
    env.insert(MARK.to_owned(), Some(mark.clone()));
    let file = launch.program.file_name().unwrap_or_default().to_string_lossy();
    let arguments = RunInTerminal {
        kind,
        title: format!("Lua: {file}"),
        cwd: launch.cwd.to_string_lossy().into_owned(),
        args: [vec![launch.perilune.to_string_lossy().into_owned()], launch.arguments()].concat(),
        env,
    };
    let known: HashSet<u32> = session::list().iter().map(|session| session.pid).collect();
    let number = session.start_number;
    let question = session.writer.request("runInTerminal", arguments);
    let then = move |session: &mut Session, answer: Result<Json, String>| {
        if number != session.start_number {
            return;
        }
        match answer {
            Ok(_) => session.search(look_in_terminal(launch, known, mark)),
            Err(why) => {
                let text = format!("the client could not run the program in a terminal: {why}");
                session.fail_start(&Refusal::new(Reason::NoProgram, text));
            }
        }
    };
    session.questions.insert(question, Box::new(then));
}

fn mark(number: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}-{number}-{now}", std::process::id())
}

/// The process that a terminal tells of may be a shell; what counts is a new
/// session with our mark, or one of the same program where marks cannot be read.
fn look_in_terminal(launch: Launch, known: HashSet<u32>, mark: String) -> Search {
    let marked = format!("{MARK}={mark}");
    let is_ours = move |session: &SessionInfo| {
        if known.contains(&session.pid) {
            return false;
        }
        match fs::read(format!("/proc/{}/environ", session.pid)) {
            Ok(environment) => environment.split(|byte| *byte == 0).any(|entry| entry == marked.as_bytes()),
            Err(_) => Path::new(&session.program) == launch.program && session.args == launch.args,
        }
    };
    let look = move || session::list().into_iter().find(&is_ours).map_or(Found::NotYet, Found::Session);
    Search {
        origin: Origin::Terminal,
        look: Box::new(look),
        pause: Duration::from_millis(50),
        limit: TERMINAL_LIMIT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(arguments: &Json) -> Result<Launch, String> {
        Launch::read(arguments, Path::new("/bin/perilune")).map_err(|refusal| refusal.text().to_owned())
    }

    #[test]
    fn a_program_is_resolved_against_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        let launch = read(&json!({ "program": "Cargo.toml", "args": ["a", "-b"], "jit": "off" })).unwrap();
        assert_eq!(launch.program, here.join("Cargo.toml"));
        let program = launch.program.to_string_lossy().into_owned();
        let expected = ["run", "--jit=off", "--live", "--wait", &program, "a", "-b"];
        assert_eq!(launch.arguments(), expected);
        let launch = read(&json!({ "program": "lib.rs", "cwd": here.join("src") })).unwrap();
        assert_eq!((launch.program, launch.cwd), (here.join("src/lib.rs"), here.join("src")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let here = std::env::current_dir().unwrap();
        let cases = [
            (json!(null), "launch needs `program`, the path of a Lua file".to_owned()),
            (json!([]), "the arguments of launch must be an object".to_owned()),
            (json!({ "program": "" }), "launch needs `program`, the path of a Lua file".to_owned()),
            (json!({ "program": 5 }), "`program` must be text".to_owned()),
            (json!({ "program": "/" }), "the program / is not a file".to_owned()),
            (
                json!({ "program": "/no/file.lua" }),
                "the program /no/file.lua cannot be read: No such file or directory (os error 2)".to_owned(),
            ),
            (json!({ "cwd": "/no/where" }), "the working directory /no/where does not exist".to_owned()),
            (json!({ "program": here.join("Cargo.toml"), "args": "x" }), "`args` must be a list of texts".to_owned()),
            (json!({ "program": here.join("Cargo.toml"), "args": [1] }), "`args` must be a list of texts".to_owned()),
            (
                json!({ "program": here.join("Cargo.toml"), "env": { "A": 1 } }),
                "`env` must be an object of texts or nulls".to_owned(),
            ),
            (
                json!({ "program": here.join("Cargo.toml"), "stopOnEntry": "yes" }),
                "`stopOnEntry` must be true or false".to_owned(),
            ),
            (
                json!({ "program": here.join("Cargo.toml"), "jit": "fast" }),
                "`jit` is off, on or eager, not fast".to_owned(),
            ),
        ];
        for (arguments, expected) in cases {
            assert_eq!(read(&arguments).unwrap_err(), expected, "{arguments}");
        }
    }
}
