//! A few cases of every target, and the texts that are too deep for any recursion.

use perilune_fuzz::target::find;

#[track_caller]
fn run(name: &str, iterations: usize) {
    let target = find(name).expect("a target of this name");
    perilune_fuzz::run(target, 1, iterations);
}

#[test]
fn texts_are_parsed_whole_or_refused() {
    run("syntax", 1500);
}

#[test]
fn chunks_are_refused_or_run() {
    run("chunk", 1200);
}

#[test]
fn programs_have_one_result() {
    // What is tortured is compared as well. Many more are compared with the reference, by the suite.
    run("program", 60);
}

#[test]
fn the_language_server_keeps_answering() {
    run("lsp", 300);
}

#[test]
fn documents_follow_edits() {
    run("document", 1500);
}

/// Texts that are a million deep, or a million long, in each way that the grammar has.
#[test]
fn a_million_levels_need_no_stack() {
    const MANY: usize = 1_000_000;
    const UNITS: &[&str] = &[
        "(", "{", "[", "{{", "f(", "f{", "a[", "not ", "- ", "~", "#", "a..", "2^", "a+", "a and ", "{x=", "{[", "(function() ",
        "function() return ", "do ", "while a do ", "for i = 1, 2 do ", "for k in a do ", "if a then ", "if a then else ",
        "repeat ", "function f() ", "local function f() ", "local x <close> = ", "::l:: ", "goto l ", "; ", "a,", ".b", "[1]", "()",
        "'x'", ":m()", " or a", " == a", " .. a", "elseif a then ", "until ", "return ", "--[[", "[=[",
    ];
    for unit in UNITS {
        for prefix in ["", "x = ", "return a"] {
            let text = format!("{prefix}{}", unit.repeat(MANY / unit.len()));
            perilune_syntax::parse(text.as_bytes());
            perilune_compile::compile(text.as_bytes(), b"=deep").err();
        }
        let text = format!("x = {}", unit.repeat(MANY / 20));
        assert_eq!(perilune_syntax::parse_tree(&text).syntax().text().to_string(), text, "{unit}");
    }
}

/// A function inside a function, a million times: refused, not followed.
#[test]
fn chunks_a_million_deep_are_refused() {
    let shell = perilune_isa::encode_chunk(&perilune_isa::Proto::default(), true);
    // The header is the magic word, the version and the hash of the table; a child follows its parent's count.
    let (header, body) = shell.split_at(HEADER);
    let mut chunk = header.to_vec();
    let (fields, count) = body.split_at(body.len() - 4);
    assert_eq!(count, [0; 4], "an empty function ends with its count of children");
    for _ in 0..1_000_000 {
        chunk.extend_from_slice(fields);
        chunk.extend_from_slice(&1u32.to_le_bytes());
    }
    chunk.extend_from_slice(body);
    perilune_fuzz::target::check_chunk(&chunk);
}

const HEADER: usize = b"\x1bPerilune".len() + 1 + 8;
