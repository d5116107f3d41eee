//! Conversations with the adapter, as text beside what it answers.
//!
//! Each file of `tests/transcripts` has a title (`# …`), the script of a fake
//! program (`program:`, see `support/fake.rs`) and a conversation (`client:`).
//! In it, `> COMMAND ARGUMENTS` sends a request and waits for its response,
//! `>> COMMAND ARGUMENTS` does not wait, `wait NAME` waits for an event (or
//! `wait response COMMAND`, for the next one of those), `all NAME, …` waits for
//! several whose order is left open and notes them sorted, `start` runs the
//! program before anybody launches it, `run` does what the adapter's
//! `runInTerminal` asks for, `answer JSON` answers it, `decline TEXT` refuses,
//! `raw TEXT` sends bytes, and `end` hangs up. Lines with `<` are what comes
//! back; `BLESS=1` writes them anew. Every message is held against
//! `protocol.txt`. One more test (`monkey`) sends what makes no sense.
//!
//! This binary is also the adapter (`--adapter`) and the fake program (`run …`).

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use support::play::Play;
use support::{fake, monkey};

fn main() -> ExitCode {
    let line: Vec<String> = std::env::args().skip(1).collect();
    match line.first().map(String::as_str) {
        Some("--adapter") => adapter(),
        Some("run") if line.iter().any(|word| word == "--live") => {
            fake::run(&line);
            ExitCode::SUCCESS
        }
        // A filter comes first; what else test runners say makes no difference here.
        _ => run_all(line.first().filter(|word| !word.starts_with('-'))),
    }
}

fn adapter() -> ExitCode {
    let perilune = std::env::current_exe().unwrap();
    match perilune_dap::serve_stdio(perilune_dap::Options { perilune }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(filter: Option<&String>) -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut failures = 0;
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if filter.is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let outcome = thread::spawn(move || check(&file)).join().unwrap_or_else(|_| Err("it panicked".to_owned()));
        println!("transcript {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if let Err(why) = outcome {
            println!("{why}");
            failures += 1;
        }
    }
    if filter.is_none_or(|filter| "monkey".contains(filter.as_str())) {
        let outcome = thread::spawn(nonsense).join().unwrap_or_else(|_| Err("it panicked".to_owned()));
        println!("monkey ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if let Err(why) = outcome {
            println!("{why}");
            failures += 1;
        }
    }
    ExitCode::from(u8::from(failures > 0))
}

/// Whatever is asked, and whenever, there is one answer, and the adapter lives.
fn nonsense() -> Result<(), String> {
    const SCRIPT: &str = "program:\non start {}\non terminate {}\n    announce 0\nclient:\n";
    let mut play = Play::new("monkey", SCRIPT);
    let requests = monkey::requests(&play.protocol);
    let mut count = 0;
    let launch = "> launch {\"program\":\"$DIR/app.lua\"}";
    for step in ["> threads", "> initialize {\"adapterID\":\"x\"}", launch, "> configurationDone"] {
        play.step(step);
        for requests in requests.chunks(200) {
            count += requests.len();
            play.ask_nonsense(requests)?;
        }
    }
    play.step("> disconnect");
    play.end();
    let is_good = play.transcript.ends_with("< ok disconnect\n< the adapter ended: exit status: 0\n");
    match (is_good, count > 4000) {
        (true, true) => Ok(()),
        _ => Err(format!("{count} requests, then:\n{}", play.faults.join("\n"))),
    }
}

fn check(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut play = Play::new(&file.file_stem().unwrap().to_string_lossy(), &text);
    let actual = play.perform(&text);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &actual).unwrap();
    }
    let mut why = play.faults.join("\n");
    if actual != text && std::env::var_os("BLESS").is_none() {
        let _ = write!(why, "\n--- expected\n{text}\n--- actual\n{actual}");
    }
    if why.is_empty() { Ok(()) } else { Err(why) }
}
