//! The command line of `lua`: options, `arg`, messages and exit codes as the reference has them.

mod support;

use support::{Left, Place};

const ARGUMENTS: &str = "print(#arg, arg[0], arg[1], arg[-1], arg[-2], ...)";

fn place() -> Place {
    Place::new(&[
        ("arg.lua", ARGUMENTS),
        ("mod.lua", "return { v = 7 }"),
        ("bad.lua", "error('in bad')"),
        ("syntax.lua", "x = = 1"),
        ("deep.lua", "local function f() error('deep') end f()"),
        ("object.lua", "error(setmetatable({}, { __tostring = function() return 'custom' end }))"),
        ("table.lua", "error({})"),
        ("exit.lua", "os.exit(3)"),
        ("gc.lua", "setmetatable({}, { __gc = function() print('gc') end }) error('x', 0)"),
    ])
}

/// The exit code and both outputs, the program's path cut off.
#[track_caller]
fn check(arguments: &[&str], input: &str, code: i32, out: &str, err: &str) {
    check_left(&place().run(arguments, input), code, out, err);
}

#[track_caller]
fn check_left(left: &Left, code: i32, out: &str, err: &str) {
    let program = env!("CARGO_BIN_EXE_perilune");
    let actual = (left.out.replace(program, "lua"), left.err.replace(program, "lua"), left.code);
    assert_eq!(actual, (out.to_owned(), err.to_owned(), Some(code)));
}

#[test]
fn arg_has_the_options_at_negative_indices() {
    check(&["arg.lua", "a", "b"], "", 0, "2\targ.lua\ta\tlua\tnil\ta\tb\n", "");
    check(&["-W", "arg.lua", "a"], "", 0, "1\targ.lua\ta\t-W\tlua\ta\n", "");
    check(&["--", "arg.lua"], "", 0, "0\targ.lua\tnil\t--\tlua\n", "");
    check(&["-", "a"], ARGUMENTS, 0, "1\t-\ta\tlua\tnil\ta\n", "");
}

#[test]
fn statements_and_modules_run_in_order() {
    check(&["-e", "x = 1", "-eprint(x)", "-l", "mod", "-e", "print(mod.v)"], "", 0, "1\n7\n", "");
    check(&["-l", "m=mod", "-e", "print(m.v, mod)"], "", 0, "7\tnil\n", "");
    check(
        &["-l", "bad"],
        "",
        1,
        "",
        "lua: ./bad.lua:1: in bad\nstack traceback:\n\t[C]: in function 'error'\n\t./bad.lua:1: in main chunk\n\
         \t[C]: in function 'require'\n\t[C]: in ?\n",
    );
}

#[test]
fn errors_have_a_traceback_and_exit_code_1() {
    check(
        &["deep.lua"],
        "",
        1,
        "",
        "lua: deep.lua:1: deep\nstack traceback:\n\t[C]: in function 'error'\n\tdeep.lua:1: in local 'f'\n\
         \tdeep.lua:1: in main chunk\n\t[C]: in ?\n",
    );
    check(&["syntax.lua"], "", 1, "", "lua: syntax.lua:1: unexpected symbol near '='\n");
    check(&["object.lua"], "", 1, "", "lua: custom\n");
    check(&["none.lua"], "", 1, "", "lua: cannot open none.lua: No such file or directory\n");
    check(&["exit.lua"], "", 3, "", "");
    let left = place().run(&["table.lua"], "");
    assert!(left.err.contains("(error object is a table value)"), "{left:?}");
}

#[test]
fn finalizers_run_after_the_message() {
    let left = place().run(&["gc.lua"], "");
    assert_eq!((left.out.as_str(), left.code), ("gc\n", Some(1)));
    assert!(left.err.contains(": x\n"), "{left:?}");
}

#[test]
fn wrong_options_show_the_usage() {
    for (option, message) in [("-x", "unrecognized option '-x'"), ("-e", "'-e' needs argument"), ("-vi", "unrecognized option '-vi'")] {
        let left = place().run(&[option], "");
        assert_eq!(left.code, Some(1));
        assert!(left.err.contains(message) && left.err.contains("Available options are:"), "{left:?}");
    }
}

#[test]
fn the_environment_may_have_something_to_run() {
    let init = |variable: &str, value: &str, arguments: &[&str]| {
        let place = place();
        let child = place.command(arguments).env(variable, value).spawn().expect("perilune starts");
        support::finish(child, "")
    };
    check_left(&init("LUA_INIT", "print(1)", &["-e", "print(2)"]), 0, "1\n2\n", "");
    check_left(&init("LUA_INIT", "@arg.lua", &["-e", ""]), 0, "2\tlua\t-e\tnil\tnil\n", "");
    check_left(&init("LUA_INIT_5_4", "print(54)", &["-e", ""]), 0, "54\n", "");
    check_left(&init("LUA_INIT", "print(1)", &["-E", "-e", "print(2)"]), 0, "2\n", "");
    check_left(&init("LUA_INIT", "x = =", &["-e", ""]), 1, "", "lua: LUA_INIT:1: unexpected symbol near '='\n");
}

#[test]
fn standard_input_is_a_program() {
    check(&[], "print('from stdin')", 0, "from stdin\n", "");
    // The reference does not count an error there, unless `-` asked for it.
    let left = place().run(&[], "error('e', 0)");
    assert_eq!(left.code, Some(0), "{left:?}");
    assert_eq!(place().run(&["-"], "error('e', 0)").code, Some(1));
}

#[test]
fn the_interactive_mode_prompts_and_goes_on() {
    let version = concat!("Perilune ", env!("CARGO_PKG_VERSION"), " (Lua 5.4)\n");
    let out = format!("{version}> 2\n> >> >> 1\n2\n> > p> 3\tnil\np> \n");
    check(&["-i"], "1+1\nfor i = 1, 2 do\nprint(i)\nend\nx x\n_PROMPT = 'p> '\n=3, nil\n", 0, &out, "stdin:1: syntax error near 'x'\n");
    let left = place().run(&["-i"], "print = nil\n1\n");
    assert_eq!(left.err, "error calling 'print' (attempt to call a nil value)\n");
}

/// Runs an endless statement, waits for its first line, and sends it Ctrl-C.
#[cfg(unix)]
fn interrupted(statement: &str) -> Left {
    use std::io::Read;
    let place = place();
    let text = format!("io.write('.') io.flush() {statement}");
    let mut child = place.command(&["-e", &text]).spawn().expect("perilune starts");
    let mut first = [0];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("a sign of life");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a process");
    support::finish(child, "")
}

#[cfg(unix)]
#[test]
fn an_interrupt_is_an_error_of_the_program() {
    let left = interrupted("while true do end");
    assert_eq!(left.code, Some(1));
    assert!(left.err.contains(": (command line):1: interrupted!\nstack traceback:\n"), "{left:?}");
    let left = interrupted("local function f() return f() end pcall(f) print('caught')");
    assert_eq!((left.code, left.out.as_str()), (Some(0), "caught\n"));
}

#[test]
fn finalizers_at_the_end_see_variables_and_make_no_further_ones() {
    let place = Place::new(&[(
        "close.lua",
        "local n = 0\n\
         local function create()\n\
         n = n + 1\n\
         print('made ' .. n)\n\
         local own = n\n\
         setmetatable({}, { __gc = function() print('gone ' .. own, n, collectgarbage()); create() end })\n\
         end\n\
         create() create()\n\
         os.exit(0, true)\n",
    )]);
    check_left(&place.run(&["close.lua"], ""), 0, "made 1\nmade 2\ngone 2\t2\tnil\nmade 3\ngone 1\t3\tnil\nmade 4\n", "");
}

#[test]
fn a_script_takes_its_arguments_from_the_table() {
    check(&["-e", "arg[1] = 100", "-", "x"], "print(...)", 0, "100\n", "");
    check(&["-e", "arg = 1", "-"], "", 1, "", "lua: 'arg' is not a table\n");
}

#[test]
fn a_prompt_inside_a_program() {
    let input = "io.stderr:write(x, '\\n')\nx = 8\nerror('no', 0)\n= 1\ncont\nx = 9\n";
    let shown = "lua_debug> 7\nlua_debug> lua_debug> no\nlua_debug> [string \"(debug command)\"]:1: unexpected symbol near '='\nlua_debug> ";
    let shown = shown.replace("[string \"(debug command)\"]", "(debug command)");
    check(&["-e", "x = 7", "-e", "debug.debug() print(x)"], input, 0, "8\n", &shown);
}

#[test]
fn what_is_printed_is_seen_at_once_by_the_reader_of_a_pipe() {
    use std::io::Read;
    let place = Place::new(&[]);
    let mut child = place.command(&["-e", "print('now') io.read()"]).spawn().expect("perilune starts");
    let mut line = [0; 4];
    // The program waits for input that it does not get before its line was read.
    child.stdout.as_mut().expect("a pipe").read_exact(&mut line).expect("a line");
    assert_eq!(&line, b"now\n");
    assert_eq!(support::finish(child, "").code, Some(0));
}
