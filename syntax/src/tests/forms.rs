//! Every statement and expression form.

use super::dump::dump;
use crate::ast::Expr;
use crate::parse;

#[track_caller]
fn check(source: &str, expected: &str) {
    let parsed = parse(source.as_bytes());
    assert_eq!(parsed.errors, [], "{source}");
    assert_eq!(dump(&parsed.ast), expected, "{source}");
}

#[test]
fn statements() {
    for (source, expected) in [
        ("", ""),
        (";;;", ""),
        ("\u{feff}#!shebang ' [[\nf()", "f()"),
        ("local a", "local a = "),
        ("local a <const>, b <close>, c = 1, nil", "local a<Const>, b<Close>, c = 1, nil"),
        ("local function f(a, ...) return ... end", "local f fn@1-1(a ...) {return ...}"),
        ("function f() end", "f fn@1-1() {}"),
        ("function a.b.c(x) end", "a.b.c fn@1-1(x) {}"),
        ("\nfunction a.b:c(x)\n end", "method a.b.c fn@2-3(self, x) {}"),
        ("a, b.c, d[1] = 1, 2", "a, b.c, d[1] = 1, 2"),
        ("f(1, 2) f{1} f'x' f[[y]] a:m() a.b:m'x'", "f(1, 2); f({1}); f(\"x\"); f(\"y\"); a:m(); a.b:m(\"x\")"),
        ("do do end end", "do {do {}}"),
        ("while a do break end", "while a {break}"),
        ("repeat local x\nuntil x", "repeat {local x = } until@2 x"),
        ("if a then f() elseif b then g() else h() end", "if a {f()} elseif b {g()} else {h()}"),
        ("for i = 1, 2 do end for i = 1, 2, 3 do f() end", "for i = 1, 2 {}; for i = 1, 2, 3 {f()}"),
        ("for k, v in pairs(t), 1 do end", "for k, v in pairs(t), 1 {}"),
        ("goto x ::x:: ::y::", "goto x; ::x::; ::y::"),
        ("return", "return "),
        ("return;", "return "),
        ("return 1, f();", "return 1, f()"),
        ("do return end return (f())", "do {return }; return <f()>"),
    ] {
        check(source, expected);
    }
}

#[test]
fn expressions() {
    for (source, expected) in [
        ("nil, true, false, ...", "nil, true, false, ..."),
        ("a.b[c].d:e(f)(g){h}", "a.b[c].d:e(f)(g)({h})"),
        ("function(a, b) return a end", "fn@1-1(a, b) {return a}"),
        ("{}, {1}, {1, 2,}, {a = 1; [b] = 2, a, a == b}", "{}, {1}, {1, 2}, {a = 1, [b] = 2, a, (a Eq b)}"),
        ("1 + 2 * 3 - 4", "((1 Add (2 Mul 3)) Sub 4)"),
        ("-x ^ 2 ^ -y", "(Neg (x Pow (2 Pow (Neg y))))"),
        ("a .. b .. c + d", "(a Concat (b Concat (c Add d)))"),
        ("a or b and c < d | e ~ f & g << h .. i + j * -k ^ l",
         "(a Or (b And (c Lt (d BOr (e BXor (f BAnd (g Shl (h Concat (i Add (j Mul (Neg (k Pow l))))))))))))"),
        ("not a == b, #a - ~b", "((Not a) Eq b), ((Len a) Sub (BNot b))"),
        ("a // b % c / d >> e", "((((a IDiv b) Mod c) Div d) Shr e)"),
        ("a ~= b <= c >= d > e", "((((a Ne b) Le c) Ge d) Gt e)"),
        ("(a), (...), (f())", "<a>, <...>, <f()>"),
        (r#"'\a\b\f\n\r\t\v\\\"\'', "\x41\65\065\0651\z   x""#, r#""\x07\x08\x0c\n\r\t\x0b\\\"\'", "AAAA1x""#),
        ("'a\\\nb\\\r\nc\\\n\rd'", r#""a\nb\nc\nd""#),
        (r"'\u{48}\u{7ff}\u{20ac}\u{10ffff}\u{7fffffff}'",
         r#""H\xdf\xbf\xe2\x82\xac\xf4\x8f\xbf\xbf\xfd\xbf\xbf\xbf\xbf\xbf""#),
        ("[[\na\r\nb]], [==[]]]=]]==]", r#""a\nb", "]]]=]""#),
        ("1 --[[c]] + --c\n --[==[ ]] ]==] 2", "(1 Add 2)"),
    ] {
        check(&format!("return {source}"), &format!("return {}", expected));
    }
}

#[test]
fn lines_follow_the_operators() {
    let parsed = parse(b"return a\n+\nb\n(\n1)\n.c\n[\n2\n]");
    let lines = parsed.ast.exprs.iter().map(|node| match node.kind {
        Expr::Binary { .. } => ("binary", node.line),
        Expr::Call { .. } => ("call", node.line),
        Expr::Field { .. } => ("field", node.line),
        Expr::Index { .. } => ("index", node.line),
        _ => ("leaf", node.line),
    });
    let expected = [
        ("leaf", 1), ("leaf", 3), ("leaf", 5), ("call", 4), ("field", 6), ("leaf", 8), ("index", 9), ("binary", 2),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
