//! What is still understood of a broken text.

use super::dump::dump;
use crate::parse;

#[track_caller]
fn check(source: &str, errors: &[&str], tree: &str) {
    let parsed = parse(source.as_bytes());
    let found = parsed.errors.iter().map(|error| format!("{}: {}", error.line, error.message));
    assert_eq!(found.collect::<Vec<_>>(), errors, "{source}");
    assert_eq!(dump(&parsed.ast), tree, "{source}");
}

#[test]
fn one_broken_statement_leaves_its_neighbours() {
    check("f()\nlocal x =\nlocal y = 2", &["3: unexpected symbol near 'local'"], "f(); local x = nil; local y = 2");
    check("x = = 1\ny = 2", &["1: unexpected symbol near '='"], "x = nil; y = 2");
    check("a.\nb = 1 )\nc = 2", &["2: unexpected symbol near ')'"], "a.b = 1; c = 2");
    check("foo\nbar()", &["2: syntax error near 'bar'"], "bar()");
    check("f(1, \nx = 2", &["2: ')' expected (to close '(' at line 1) near '='"], "f(1, x) = 2");
}

#[test]
fn errors_in_several_statements_are_all_reported() {
    check(
        "local = 1\nf()\nif then g() end\nh()",
        &["1: <name> expected near '='", "3: unexpected symbol near 'then'"],
        "local  = 1; f(); if nil {g()}; h()",
    );
}

#[test]
fn a_stray_end_does_not_stop_the_parser() {
    check("f() end g()", &["1: <eof> expected near 'end'"], "f(); g()");
    check("return 1\ng()", &["2: <eof> expected near 'g'"], "return 1; g()");
}

#[test]
fn a_block_that_is_never_closed_keeps_its_contents() {
    check("function f()\nlocal x = 1", &["2: 'end' expected (to close 'function' at line 1) near <eof>"],
        "f fn@1-2() {local x = 1}");
    check("while a b() end c()", &["1: 'do' expected near 'b'"], "while a {}; c()");
}

#[test]
fn strings_with_wrong_escapes_go_on() {
    check(r"f('\q') g('\xZZ')", &[r"1: invalid escape sequence near ''\q'", r"1: hexadecimal digit expected near ''\xZ'"],
        r#"f("q"); g("ZZ")"#);
}

#[test]
fn tables_go_on_with_the_next_item() {
    check("t = {1, = , 3}", &["1: unexpected symbol near '='"], "t = {1, nil}");
}
