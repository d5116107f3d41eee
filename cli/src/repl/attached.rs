//! A prompt in a running program, by the live protocol.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{
    Complete, Continue, Evaluate, EvaluateContext, Interrupt, Pause, Redefine, SessionInfo, Start, State, Status, Target as Functions,
};

use super::chunk;
use super::event::{Board, Listener};
use super::inspect;
use super::target::{Answer, Meta, Printer, Target};
use crate::command::Failure;
use crate::interrupt::Interrupts;
use crate::live;

/// How long completion may hold up the person who types.
const PATIENCE: Duration = Duration::from_secs(1);

const COMMANDS: &[Meta] = &[
    Meta { name: "status", argument: "", summary: "what the program does" },
    Meta { name: "coroutines", argument: "", summary: "its coroutines" },
    Meta { name: "stack", argument: "[COROUTINE]", summary: "frames, innermost first" },
    Meta { name: "frame", argument: "[NUMBER]", summary: "evaluate in this frame of the stack shown last" },
    Meta { name: "pause", argument: "", summary: "stop the program" },
    Meta { name: "continue", argument: "", summary: "let it go on" },
    Meta { name: "redefine", argument: "FILE", summary: "give it the functions of a file that were edited" },
    Meta { name: "output", argument: "on|off", summary: "show what it prints" },
];

/// A connection to a program.
pub struct Attached {
    client: Client,
    session: SessionInfo,
    state: State,
    board: Arc<Board>,
    interrupts: Interrupts,
    /// Frames of the stack that was shown last.
    frames: Vec<u64>,
    frame: Option<u64>,
}

impl Attached {
    /// Attaches to the program with this process id.
    pub fn to_process(pid: u32) -> Result<Attached, Failure> {
        Attached::to(live::with_pid(pid)?)
    }

    /// Attaches to the only program there is, or one that the person chooses.
    pub fn to_the_only_one() -> Result<Attached, Failure> {
        Attached::to(live::the_only_one()?)
    }

    fn to(session: SessionInfo) -> Result<Attached, Failure> {
        let board = Arc::new(Board::default());
        let listener = Listener::new(Arc::clone(&board));
        let (client, hello) = Client::connect_with(&session, live::hello("perilune repl", true), listener)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        board.follow(client.clone());
        let interrupter = client.clone();
        let interrupts = Interrupts::calling(move || {
            // What cannot be interrupted ends by the second Ctrl-C.
            interrupter.request_timeout(Interrupt {}, PATIENCE).ok();
        });
        Ok(Attached { client, session, state: hello.state, board, interrupts, frames: Vec::new(), frame: None })
    }

    fn run(&mut self, text: String) -> Answer {
        let _armed = self.interrupts.arm();
        let _shown = self.board.show_output();
        let frame = self.frame.filter(|_| self.board.is_stopped());
        let answer = self.client.request(Evaluate { text, frame, context: EvaluateContext::Repl });
        Answer::from(answer.map(|result| {
            let texts: Vec<String> = result.values.into_iter().map(|value| value.text).collect();
            texts.join("\t")
        }))
    }

    fn load(&mut self, path: &str) -> Answer {
        match read(path) {
            Ok(text) => self.run(text),
            Err(failure) => failure,
        }
    }

    fn redefine(&self, path: &str) -> Answer {
        let text = match read(path) {
            Ok(text) => text,
            Err(failure) => return failure,
        };
        let absolute = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        let source = absolute.to_string_lossy().into_owned();
        let asked = Redefine { source, text, target: Functions::Changed, check: false };
        match self.client.request(asked) {
            Ok(result) => Answer::Shown(inspect::redefined(&result).into_bytes()),
            Err(ClientError::Failed(failure)) => Answer::Failed(inspect::refused(path, &failure).into_bytes()),
            Err(error) => Answer::Failed(error.to_string().into_bytes()),
        }
    }

    fn stack(&mut self, argument: &str) -> Answer {
        let coroutine = match argument {
            "" => self.board.stopped_coroutine().unwrap_or(0),
            text => match text.parse() {
                Ok(id) => id,
                Err(_) => return Answer::Failed(format!("'{text}' is no coroutine's number; see :coroutines").into_bytes()),
            },
        };
        Answer::from(inspect::stack(&self.client, coroutine).map(|(text, frames)| {
            self.frames = frames;
            text
        }))
    }

    fn select_frame(&mut self, argument: &str) -> Answer {
        if argument.is_empty() {
            self.frame = None;
            return Answer::Shown(b"evaluating with globals only".to_vec());
        }
        match argument.parse::<usize>().ok().and_then(|number| self.frames.get(number)) {
            Some(&frame) => {
                self.frame = Some(frame);
                Answer::Shown(format!("evaluating in frame {argument}").into_bytes())
            }
            None => Answer::Failed(b"no such frame; :stack numbers them".to_vec()),
        }
    }

    fn go_on(&mut self) -> Answer {
        self.frames.clear();
        self.frame = None;
        match self.client.request(Status {}) {
            Ok(status) if status.state == State::Waiting => done(self.client.request(Start { stop_on_entry: false })),
            Ok(_) => done(self.client.request(Continue {})),
            Err(error) => Answer::Failed(error.to_string().into_bytes()),
        }
    }

    fn output(&self, argument: &str) -> Answer {
        match argument {
            "on" | "off" => {
                self.board.set_always_shows(argument == "on");
                Answer::Shown(Vec::new())
            }
            _ => Answer::Failed(b":output takes on or off".to_vec()),
        }
    }
}

/// The text of a file, or what to answer instead.
fn read(path: &str) -> Result<String, Answer> {
    if path.is_empty() {
        return Err(Answer::Failed(b"a file is missing".to_vec()));
    }
    std::fs::read_to_string(path).map_err(|error| Answer::Failed(format!("cannot read {path}: {error}").into_bytes()))
}

fn done<T>(result: Result<T, ClientError>) -> Answer {
    Answer::from(result.map(|_| String::new()))
}

impl Target for Attached {
    fn greeting(&self) -> String {
        let SessionInfo { pid, program, .. } = &self.session;
        let state = inspect::state_text(self.state);
        format!("attached to {program} (process {pid}), which {state}")
    }

    fn evaluate(&mut self, source: &[u8]) -> Answer {
        let source = chunk::without_equals(source);
        self.run(String::from_utf8_lossy(&source).into_owned())
    }

    fn complete(&mut self, text: &str) -> (usize, Vec<String>) {
        let frame = self.frame.filter(|_| self.board.is_stopped());
        let asked = Complete { text: text.into(), frame };
        match self.client.request_timeout(asked, PATIENCE) {
            Ok(result) => {
                let start = text.len().saturating_sub(result.replace as usize);
                (start, result.candidates.into_iter().map(|candidate| candidate.text).collect())
            }
            Err(_) => (text.len(), Vec::new()),
        }
    }

    fn commands(&self) -> &'static [Meta] {
        COMMANDS
    }

    fn command(&mut self, name: &str, argument: &str) -> Answer {
        match name {
            "status" => Answer::from(self.client.request(Status {}).map(|status| inspect::status(&status))),
            "coroutines" => Answer::from(inspect::coroutines(&self.client)),
            "stack" => self.stack(argument),
            "frame" => self.select_frame(argument),
            "pause" => done(self.client.request(Pause {})),
            "continue" => self.go_on(),
            "redefine" => self.redefine(argument),
            "output" => self.output(argument),
            _ => self.load(argument),
        }
    }

    fn read_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let count = std::io::stdin().lock().read_until(b'\n', &mut line).ok()?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        (count > 0).then_some(line)
    }

    fn has_ended(&self) -> bool {
        self.client.is_closed()
    }

    fn set_printer(&mut self, printer: Printer) {
        self.board.set_printer(printer);
    }

    fn leave(&mut self) {
        self.board.leave();
        self.client.close();
    }
}
