//! Running programs: listed, and talked to.

mod support;

use support::{Place, Running, until};

/// Counts, and never waits where it cannot be reached; ends by itself after a minute or two at most.
const PROGRAM: &str = "\
count = 0
local function step(n)
  count = count + n
end
for _ = 1, 300 do
  local deadline = os.clock() + 0.2
  repeat step(1) until os.clock() > deadline
end
";

struct Program {
    place: Place,
    child: Running,
}

fn start() -> Program {
    let place = Place::new(&[("count.lua", PROGRAM)]);
    let child = Running(place.command(&["run", "--live", "count.lua", "x"]).spawn().expect("perilune starts"));
    let pid = child.0.id().to_string();
    until("the session", || place.run(&["sessions"], "").out.contains(&pid).then_some(()));
    Program { place, child }
}

impl Program {
    fn pid(&self) -> String {
        self.child.0.id().to_string()
    }

    fn say(&self, input: &str) -> support::Left {
        self.place.run(&["repl", "--attach", &self.pid()], input)
    }
}

#[test]
fn sessions_are_listed_without_their_secrets() {
    let program = start();
    let text = program.place.run(&["sessions"], "").out;
    let mut lines = text.lines();
    let heading: Vec<&str> = lines.next().expect("a heading").split_whitespace().collect();
    assert_eq!(heading, ["PID", "STATE", "AGE", "PROGRAM", "DIRECTORY"]);
    let row: Vec<&str> = lines.next().expect("a row").split_whitespace().collect();
    assert_eq!((row[0], row[1]), (program.pid().as_str(), "running"));
    assert_eq!(row[3], program.place.file("count.lua").to_string_lossy());

    let json = program.place.run(&["sessions", "--format=json"], "").out;
    let sessions: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(sessions[0]["pid"].to_string(), program.pid());
    assert_eq!(sessions[0]["args"], serde_json::json!(["x"]));
    assert!(sessions[0].get("token").is_none(), "{json}");
}

#[test]
fn no_sessions_are_no_error() {
    let text = support::run(&["sessions"], "");
    assert_eq!((text.code, text.out.as_str()), (Some(0), ""));
    assert!(text.err.contains("no program can be attached to"), "{text:?}");
    let json = support::run(&["sessions", "--format=json"], "");
    assert_eq!((json.code, json.out.as_str(), json.err.as_str()), (Some(0), "[]\n", ""));
}

#[test]
fn the_prompt_evaluates_in_the_program() {
    let program = start();
    let left = program.say("count > 0, arg[1]\ncount = -1e15\ncount < 0\nprint('here')\nx = = 1\n");
    assert_eq!(left.out, "true\t\"x\"\ntrue\nhere\n", "{left:?}");
    assert!(left.err.contains("unexpected symbol near '='"), "{left:?}");
    assert_eq!(left.code, Some(0));
}

#[test]
fn the_prompt_stops_the_program_and_looks_around() {
    let program = start();
    let left = program.say(":pause\n:coroutines\n:continue\n:status\n:frame 9\n:stack x\n:output maybe\n");
    assert!(left.out.contains("main"), "{left:?}");
    for complaint in ["no such frame", "'x' is no coroutine's number", ":output takes on or off"] {
        assert!(left.err.contains(complaint), "{complaint} in {left:?}");
    }
}

#[test]
fn functions_are_redefined_from_a_file() {
    let program = start();
    let file = program.place.file("count.lua");
    std::fs::write(&file, PROGRAM.replace("count + n", "count - n")).expect("a file");
    let left = program.say(&format!(":redefine {}\n", file.display()));
    assert!(left.out.contains("redefined step"), "{left:?}");
    until("a count that goes down", || {
        let left = program.say("a = count\nb = count\na, b\n");
        let mut numbers = left.out.trim().split('\t').filter_map(|text| text.parse::<i64>().ok());
        (numbers.next()? > numbers.next()?).then_some(())
    });
    std::fs::write(&file, PROGRAM.replace("count + n", "count +")).expect("a file");
    let left = program.say(&format!(":redefine {}\n", file.display()));
    assert!(left.err.contains("count.lua:4:"), "the place of the syntax error in {left:?}");
}

#[test]
fn the_prompt_ends_with_the_program() {
    let mut program = start();
    let left = program.say("os.exit(7)\n1\n");
    assert_eq!(left.out, "", "{left:?}");
    assert_eq!(support::wait(&mut program.child.0), Some(7));
    assert_eq!(program.place.run(&["sessions", "--format=json"], "").out, "[]\n");
}

#[test]
fn several_programs_need_a_choice() {
    let one = start();
    let other = Running(one.place.command(&["run", "--live", "count.lua"]).spawn().expect("perilune starts"));
    let pid = other.0.id().to_string();
    until("the second session", || one.place.run(&["sessions"], "").out.contains(&pid).then_some(()));
    let left = one.place.run(&["repl", "--attach"], "1\n");
    assert_eq!(left.code, Some(2), "{left:?}");
    assert!(left.err.contains(&pid) && left.err.contains(&one.pid()), "{left:?}");
}
