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
