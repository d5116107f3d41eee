//! The prompt with lines from a pipe: no prompts, no noise.

mod support;

#[track_caller]
fn check(input: &str, out: &str, err: &str) {
    let left = support::run(&["repl"], input);
    assert_eq!((left.out.as_str(), left.err.as_str(), left.code), (out, err, Some(0)), "{input}");
}

#[test]
fn expressions_show_all_their_values() {
    check("1 + 1\n", "2\n", "");
    check("=1, nil, 'a'\n", "1\tnil\t\"a\"\n", "");
    check("x = 5\nx\n", "5\n", "");
    check("return 1.5, true\n", "1.5\ttrue\n", "");
    check("(function() end)()\n", "", "");
}

#[test]
fn input_goes_on_until_it_is_complete() {
    check("for i = 1, 2 do\nprint(i)\nend\n", "1\n2\n", "");
    check("s = [[a\nb]]\ns\n", "\"a\\nb\"\n", "");
    check("f(\n", "", "stdin:1: unexpected symbol near <eof>\n");
}

#[test]
fn tables_are_readable() {
    check("{1, 2, x = 3}\n", "{1, 2, x = 3}\n", "");
    check("{}\n", "{}\n", "");
    check("{[10] = 1, ['a b'] = {y = {}}}\n", "{[10] = 1, [\"a b\"] = {y = {}}}\n", "");
    check("t = {}\nt.t = t\nt\n", "{t = {cycle}}\n", "");
    check("{{{{1}}}}\n", "{{{{…}}}}\n", "");
    check("setmetatable({1}, {__name = 'List'})\n", "List {1}\n", "");
    check("setmetatable({}, {__tostring = function() return 'T!' end})\n", "T!\n", "");
    check("print, function() end\n", "function print (native)\tfunction <anonymous> (stdin:1)\n", "");
}

#[test]
fn large_values_are_cut() {
    let left = support::run(&["repl"], "t = {}\nfor i = 1, 1e6 do\nt[i] = {i, {i}}\nend\nt\nstring.rep('x', 1e7)\n_G\n");
    assert!(left.out.contains('…') && left.out.len() < 40_000, "{} bytes", left.out.len());
}

#[test]
fn errors_have_a_traceback_and_end_nothing() {
    check(
        "error('no')\n1\n",
        "1\n",
        "stdin:1: no\nstack traceback:\n\t[C]: in function 'error'\n\tstdin:1: in main chunk\n\t[C]: in ?\n",
    );
    check("x = = 1\n1\n", "1\n", "stdin:1: unexpected symbol near '='\n");
    let left = support::run(&["repl"], "setmetatable({}, {__tostring = function() error('bad') end})\n1\n");
    assert_eq!(left.out, "(error in __tostring: stdin:1: bad)\n1\n");
}

#[test]
fn commands_begin_with_a_colon() {
    let place = support::Place::new(&[("a.lua", "print('loaded') return 7")]);
    let left = place.run(&["repl"], ":load a.lua\n:load none\n:nothing\n::label:: print('label')\n:quit\nprint('not reached')\n");
    assert_eq!(left.out, "loaded\n7\nlabel\n");
    assert_eq!(
        left.err,
        "cannot read none: No such file or directory (os error 2)\nno command is called ':nothing'; :help lists what there is\n"
    );
    let help = support::run(&["repl"], ":help\n");
    assert!(help.out.contains(":load FILE"), "{help:?}");
}

#[test]
fn the_program_can_read_the_lines_that_follow() {
    check("io.read()\nnext line\n", "\"next line\"\n", "");
}

#[test]
fn exit_codes_are_those_of_the_program() {
    assert_eq!(support::run(&["repl"], "os.exit(4)\n").code, Some(4));
    assert_eq!(support::run(&["repl"], "error('x')\n").code, Some(0));
}

#[test]
fn attaching_needs_a_program() {
    let left = support::run(&["repl", "--attach"], "1\n");
    assert_eq!(left.code, Some(1));
    assert_eq!(left.err, "perilune: repl: no program can be attached to; `perilune run --live FILE` starts one\n");
}
