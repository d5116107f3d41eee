//! Bad usage: exit code 2 and one line that says what is wrong and what is accepted.

mod support;

#[track_caller]
fn refused(line: &str, expected: &str) {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let left = support::run(&arguments, "");
    assert_eq!((left.err.trim_end(), left.out.as_str(), left.code), (expected, "", Some(2)), "perilune {line}");
}

const RUN: &str = "(usage: perilune run [--jit=off|on|eager] [--stats] [--perf-map] [--live[=ADDR]] [--wait] [LIMITS] FILE [ARGS…])";

#[test]
fn run_names_what_is_wrong() {
    refused("run", &format!("perilune: run: a file is missing {RUN}"));
    refused("run --fast a.lua", &format!("perilune: run: invalid option '--fast' {RUN}"));
    refused("run --jit=maybe a.lua", &format!("perilune: run: '--jit' takes 'off', 'on' or 'eager', not 'maybe' {RUN}"));
    refused("run --wait a.lua", &format!("perilune: run: '--wait' waits for a client, so it needs '--live' {RUN}"));
}

#[test]
fn the_other_commands_do_too() {
    refused("repl x", "perilune: repl: unexpected argument \"x\" (usage: perilune repl [--attach [PID]])");
    refused("repl --attach x", "perilune: repl: '--attach' takes a process id, not 'x' (usage: perilune repl [--attach [PID]])");
    refused("sessions --format=xml", "perilune: sessions: '--format' takes 'text' or 'json' (usage: perilune sessions [--format=text|json])");
    refused("lsp --tcp", "perilune: lsp: invalid option '--tcp' (usage: perilune lsp)");
    refused("dap --listen", "perilune: dap: missing argument for option '--listen' (usage: perilune dap [--listen ADDR])");
    refused("dap --listen x", "perilune: dap: '--listen' takes [HOST:]PORT, not 'x' (usage: perilune dap [--listen ADDR])");
    refused("dis", "perilune: dis: a file is missing (usage: perilune dis [--native] FILE)");
    refused("tour now", "perilune: tour: unexpected argument \"now\" (usage: perilune tour [--pause])");
    refused("help me", "perilune: help: no command is called 'me'; there are run, repl, sessions, tour, check, dis, bench, lsp, dap, help (usage: perilune help [COMMAND])");
}

#[test]
fn a_wrong_variable_is_named() {
    let place = support::Place::new(&[("a.lua", "print(1)")]);
    for arguments in [&["a.lua"][..], &["run", "a.lua"]] {
        let child = place.command(arguments).env("PERILUNE_JIT", "fast").spawn().expect("perilune starts");
        let left = support::finish(child, "");
        assert_eq!(left.code, Some(2), "{left:?}");
        assert!(left.err.contains("PERILUNE_JIT is 'fast'; it takes 'off', 'on' or 'eager'"), "{left:?}");
    }
}

#[test]
fn a_debug_adapter_listens_to_this_machine_only() {
    let left = support::run(&["dap", "--listen", "0.0.0.0:0"], "");
    assert_eq!(left.code, Some(2));
    assert!(left.err.contains("'--listen' takes a loopback address"), "{left:?}");
}

#[test]
fn help_and_version() {
    let overview = support::run(&["--help"], "");
    assert_eq!(overview.code, Some(0));
    for command in ["run", "repl", "sessions", "tour", "check", "dis", "lsp", "dap", "help"] {
        assert!(overview.out.contains(&format!("\n  {command} ")), "{command} in {}", overview.out);
        let by_name = support::run(&["help", command], "");
        assert!(by_name.out.starts_with(&format!("usage: perilune {command}")), "{by_name:?}");
        assert_eq!(support::run(&[command, "--help"], "").out, by_name.out);
    }
    let version = support::run(&["--version"], "");
    assert_eq!(version.out, concat!("Perilune ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)\n"));
}

#[test]
fn a_dumped_chunk_is_listed_as_its_source_is() {
    let place = support::Place::new(&[("a.lua", "local a = 1\nreturn a + 2\n"), ("dump.lua", "io.open('a.luac', 'wb'):write(string.dump(loadfile('a.lua')))")]);
    assert_eq!(place.run(&["dump.lua"], "").code, Some(0));
    let (text, binary) = (place.run(&["dis", "a.lua"], ""), place.run(&["dis", "a.luac"], ""));
    assert!(text.out.contains("return1"), "{text:?}");
    assert_eq!((binary.out, binary.code), (text.out, Some(0)));
    std::fs::write(place.file("a.luac"), b"\x1bLua").expect("a file");
    let wrong = place.run(&["dis", "a.luac"], "");
    assert!(wrong.code == Some(1) && wrong.err.starts_with("perilune: dis: a.luac: "), "{wrong:?}");
}

#[test]
fn machine_code_is_shown_beside_the_instructions() {
    let place = support::Place::new(&[("a.lua", "local a, b = ...\nreturn a + b\n")]);
    let left = place.run(&["dis", "--native", "a.lua"], "");
    assert_eq!(left.code, Some(0), "{left:?}");
    let lines: Vec<&str> = left.out.lines().collect();
    let add = lines.iter().position(|line| line.contains("[2]") && line.contains("add  ")).expect("the addition");
    assert!(lines[add + 1..].iter().any(|line| line.contains("add rax,")), "{}", left.out);
}

#[test]
fn bench_tells_of_what_cannot_be_timed() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a program");
        path.to_string_lossy().into_owned()
    };
    let (good, bad) = (program("good.lua", "print(1)"), program("bad.lua", "error('no')"));
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_perilune")).arg("bench").args(arguments).output();
        let output = output.expect("perilune starts");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, table, _) = run(&["--rounds", "1", "--against", "false", &good]);
    assert_eq!(code, Some(0));
    let line = table.lines().find(|line| line.starts_with("| good ")).expect("the program's line");
    assert!(line.ends_with("|          - |          - |          - |"), "{table}");
    let (code, _, errors) = run(&["--rounds", "1", &bad]);
    assert_eq!((code, errors.as_str()), (Some(1), "perilune: bench: bad under perilune: it ended with exit status: 1\n"));
    let (code, _, errors) = run(&["--rounds", "1", "--against", "no-such-program", &good]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with("perilune: bench: no-such-program does not start: "), "{errors}");
    let page = folder.path().join("page.md");
    let (code, ..) = run(&["--rounds", "2", "--write", &page.to_string_lossy(), &folder.path().join("good.lua").to_string_lossy()]);
    assert_eq!(code, Some(0));
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("Median processor seconds of 2 interleaved rounds; a ratio is ours divided by --jit=off"), "{page}");
}
