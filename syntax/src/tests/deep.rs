//! Texts nested or chained a million times.

use crate::{parse, parse_tree};

const MANY: usize = 1_000_000;

#[test]
fn nesting_is_refused_without_overflow() {
    for unit in ["(", "{", "not ", "- ", "a[", "{{a=", "f(", "function() return ", "a..", "2^", "~"] {
        let source = format!("x = {}", unit.repeat(MANY));
        let errors = parse(source.as_bytes()).errors;
        assert_eq!(errors.len(), 1, "{unit}");
        assert_eq!(errors[0].message, "C stack overflow", "{unit}");
    }
    for unit in ["do ", "while a do ", "if a then ", "if a then else ", "repeat ", "function f() ", "a,"] {
        let errors = parse(unit.repeat(MANY).as_bytes()).errors;
        assert_eq!(errors[0].message, "C stack overflow", "{unit}");
    }
}

#[test]
fn the_limit_is_where_the_reference_has_it() {
    let parens = |n: usize| format!("x={}1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(parse(parens(196).as_bytes()).errors, []);
    assert_eq!(parse(parens(197).as_bytes()).errors.len(), 1);
    let blocks = |n: usize| "do ".repeat(n) + &" end".repeat(n);
    assert_eq!(parse(blocks(198).as_bytes()).errors, []);
    assert_eq!(parse(blocks(199).as_bytes()).errors.len(), 1);
}

#[test]
fn chains_have_any_length() {
    for unit in [" + a", ".b", "[1]", "()", "{}", ":m()", " or a", " == a"] {
        let source = format!("return a{}", unit.repeat(MANY));
        let parsed = parse(source.as_bytes());
        assert_eq!(parsed.errors, [], "{unit}");
        assert!(parsed.ast.exprs.len() > MANY);
    }
}

#[test]
fn trees_of_any_depth_are_built_and_dropped() {
    for unit in [" + a", ".b", "()", "(", "{", " + (", " do ", "function f() ", "f(", ".. a"] {
        let source = format!("x = a{}", unit.repeat(MANY / 10));
        assert_eq!(parse_tree(&source).syntax().text().to_string(), source, "{unit}");
    }
}
