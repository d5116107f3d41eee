//! Limits on the command line: exit code 124 and one line on standard error, whatever the program does.

mod support;

use support::{Left, Place};

/// Programs that do not want to be ended. What they print is printed after a limit.
const STUBBORN: &[(&str, &str)] = &[
    ("loop.lua", "while true do pcall(function() while true do end end) end"),
    ("close.lua", "local v <close> = setmetatable({}, { __close = function() print('closed') end }) while true do end"),
    ("gc.lua", "setmetatable({}, { __gc = function() print('collected') end }) while true do end"),
    ("handler.lua", "xpcall(function() while true do end end, function() print('handled') end) print('after')"),
    ("co.lua", "local co = coroutine.wrap(function() while true do end end) pcall(co) print('after')"),
    ("find.lua", "pcall(string.find, ('a'):rep(40000), ('.-'):rep(90) .. 'b') print('after')"),
];

fn place() -> Place {
    let others = [
        ("heap.lua", "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1000) .. #t end) end"),
        ("small.lua", "print('small') io.write('and done')"),
        ("some.lua", "io.write('before ') io.stdout:setvbuf('full') io.write('the end') while true do end"),
        ("caught.lua", "print(pcall(string.rep, 'x', 1 << 28)) print(#('x'):rep(100))"),
        ("named.lua", "print(select(2, pcall(function() while true do end end)))"),
    ];
    Place::new(&[STUBBORN, &others].concat())
}

/// Runs a file as `lua` does and by `run`, which is to make no difference.
fn both(place: &Place, options: &[&str], file: &str) -> [Left; 2] {
    let run = [&["run"], options, &[file]].concat();
    [place.run(&[options, &[file]].concat(), ""), place.run(&run, "")]
}

/// The line that names the limit, without the program's path.
#[track_caller]
fn assert_stopped(left: &Left, out: &str, reason: &str) {
    assert_eq!((left.code, left.out.as_str()), (Some(124), out), "{left:?}");
    let program = env!("CARGO_BIN_EXE_perilune");
    let line = left.err.strip_prefix(program).and_then(|err| err.strip_prefix(": stopped: "));
    assert!(line.is_some_and(|line| line.ends_with(&format!("{reason}\n")) && line.lines().count() == 1), "{left:?}");
}

#[test]
fn a_deadline_ends_every_program() {
    let place = place();
    for (file, _) in STUBBORN {
        for left in both(&place, &["--deadline=20ms"], file) {
            assert_stopped(&left, "", "deadline exceeded");
        }
    }
}

#[test]
fn instructions_end_every_program() {
    let place = place();
    for (file, _) in STUBBORN {
        for left in both(&place, &["--max-instructions=300000"], file) {
            assert_stopped(&left, "", "instruction limit exceeded");
        }
    }
    let [left, _] = both(&place, &["--max-instructions=1000"], "loop.lua");
    assert!(left.err.contains("stopped: loop.lua:1: instruction limit exceeded"), "{left:?}");
}

#[test]
fn memory_ends_a_program_that_catches_errors() {
    for left in both(&place(), &["--max-memory=8M"], "heap.lua") {
        assert_stopped(&left, "", "not enough memory");
    }
    for left in both(&place(), &["--max-memory=0"], "small.lua") {
        assert_stopped(&left, "", "not enough memory");
    }
}

#[test]
fn compiled_code_is_limited_too() {
    let place = place();
    for jit in ["--jit=off", "--jit=on", "--jit=eager"] {
        assert_stopped(&place.run(&["run", jit, "--deadline=20ms", "loop.lua"], ""), "", "deadline exceeded");
        assert_stopped(
            &place.run(&["run", jit, "--max-instructions=99999", "loop.lua"], ""),
            "",
            "instruction limit exceeded",
        );
        assert_stopped(&place.run(&["run", jit, "--max-memory=8M", "heap.lua"], ""), "", "not enough memory");
    }
}

#[test]
fn a_program_within_its_limits_does_not_notice() {
    let options = ["--max-memory=64M", "--max-instructions=1000000", "--deadline=1h", "--on-limit=stop"];
    for left in both(&place(), &options, "small.lua") {
        assert_eq!((left.code, left.out.as_str(), left.err.as_str()), (Some(0), "small\nand done", ""));
    }
}

#[test]
fn what_was_written_before_the_limit_is_out() {
    for left in both(&place(), &["--deadline=20ms"], "some.lua") {
        assert_stopped(&left, "before the end", "deadline exceeded");
    }
}

#[test]
fn a_limit_can_be_an_error() {
    let place = place();
    for left in both(&place, &["--max-memory=4M", "--on-limit=error"], "caught.lua") {
        assert_eq!((left.code, left.out.as_str()), (Some(0), "false\tnot enough memory\n100\n"), "{left:?}");
    }
    for (limit, message) in
        [("--max-instructions=50000", "instruction limit exceeded"), ("--deadline=20ms", "deadline exceeded")]
    {
        for left in both(&place, &["--on-limit=error", limit], "loop.lua") {
            assert_eq!((left.code, left.out.as_str()), (Some(1), ""), "{left:?}");
            assert!(left.err.contains(&format!(": loop.lua:1: {message}\n")), "{left:?}");
        }
        // Caught, it is raised again at the next instruction.
        for left in both(&place, &["--on-limit=error", limit], "named.lua") {
            assert_eq!((left.code, left.out.as_str()), (Some(1), ""), "{left:?}");
        }
    }
}

#[test]
fn statements_and_standard_input_are_limited() {
    let endless = "while true do pcall(error) end";
    for (arguments, input) in
        [(&["-e", endless][..], ""), (&["-"], endless), (&[], endless), (&["-W", "-e", "x = 1", "loop.lua"], "")]
    {
        let left = place().run(&[&["--deadline=20ms"], arguments].concat(), input);
        assert_stopped(&left, "", "deadline exceeded");
    }
    assert_stopped(&place().run(&["run", "--max-instructions=1000", "-"], endless), "", "instruction limit exceeded");
}

#[test]
fn bad_values_are_refused_in_one_line() {
    let wrong = [
        ("--max-memory=lots", "'--max-memory' takes a size in bytes, as 500000, 64K, 100M or 2G, not 'lots'"),
        ("--max-memory=-1", "'--max-memory' takes a size in bytes, as 500000, 64K, 100M or 2G, not '-1'"),
        (
            "--max-memory=99999999999G",
            "'--max-memory' takes a size in bytes, as 500000, 64K, 100M or 2G, not '99999999999G'",
        ),
        ("--max-instructions=1e6", "'--max-instructions' takes a number of instructions, not '1e6'"),
        ("--max-instructions=", "'--max-instructions' takes a number of instructions, not ''"),
        ("--deadline=soon", "'--deadline' takes a duration, as 500ms, 2s or 3m, not 'soon'"),
        ("--deadline=-1s", "'--deadline' takes a duration, as 500ms, 2s or 3m, not '-1s'"),
        ("--on-limit=exit", "'--on-limit' takes 'stop' or 'error', not 'exit'"),
    ];
    let place = place();
    for (option, message) in wrong {
        for left in both(&place, &[option], "small.lua") {
            assert_eq!((left.code, left.out.as_str()), (Some(2), ""), "{left:?}");
            assert!(left.err.contains(message) && left.err.lines().count() == 1, "{left:?}");
        }
    }
}

#[test]
fn a_missing_value_is_named() {
    for arguments in [&["--deadline"][..], &["--deadline", "2s", "small.lua"], &["run", "--deadline"]] {
        let left = place().run(arguments, "");
        assert_eq!((left.code, left.out.as_str()), (Some(2), ""), "{left:?}");
        assert!(left.err.contains("'--deadline=' takes a duration, as 500ms, 2s or 3m"), "{left:?}");
        assert_eq!(left.err.lines().count(), 1, "{left:?}");
    }
}

#[test]
fn help_lists_the_limits() {
    let help = support::run(&["help", "run"], "");
    let usage = support::run(&["-x"], "");
    for option in ["--max-memory=SIZE", "--max-instructions=N", "--deadline=DURATION", "--on-limit=stop|error"] {
        assert!(help.out.contains(option), "{help:?}");
        assert!(usage.err.contains(option), "{usage:?}");
    }
}
