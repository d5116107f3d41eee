//! Everything that compiles passes the verifier.

use perilune_compile::compile;
use std::path::Path;

fn problem(name: &str, source: &[u8]) -> Option<String> {
    match compile(source, name.as_bytes()) {
        Err(error) => Some(error.to_string()),
        Ok(chunk) => perilune_isa::verify(&chunk.0).err().map(|error| format!("{name}: {error:?}")),
    }
}

fn check(name: &str, source: &[u8]) {
    assert_eq!(problem(name, source), None);
}

fn check_folder(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut problems = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "lua") {
            problems.extend(problem(&format!("@{}", path.display()), &std::fs::read(&path).unwrap()));
        }
    }
    problems
}

#[test]
fn programs_of_the_repository() {
    let folders = ["tests/lua", "tests/lua/extension", "bench/programs"];
    let problems: Vec<String> = folders.into_iter().flat_map(check_folder).collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn stress() {
    for source in include_str!("stress.lua").split("\n----\n") {
        check("=stress", source.as_bytes());
    }
}

#[test]
fn long_chains_need_no_stack() {
    const TERMS: usize = 1_000_000;
    for (first, more) in [
        ("return 1", "+x"), ("return 1", "+1"), ("return a", ".b"), ("return a", "[i]"), ("f", "()"), ("f", ":m()"),
        ("return a", " and b"), ("return a", " or b"), ("return a", "==b"),
    ] {
        let source = [first, &more.repeat(TERMS)].concat();
        assert!(compile(source.as_bytes(), b"=chain").is_ok(), "{more}");
    }
}

#[test]
fn many_constants() {
    let names: String = (0..70_000).map(|i| format!("t.f{i} = g{i}.x + {i}.5; t:m{i}({i}.25)\n")).collect();
    check("=many", names.as_bytes());
}
