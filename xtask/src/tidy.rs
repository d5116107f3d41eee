//! Rules about the source itself that the compiler does not hold.
//!
//! Each rule is a few lines and says `path:line: what`. The facts it needs
//! (allowed edges, fenced modules) are the two tables below and nowhere else.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::project;
use crate::report::Report;

/// Which crate may import which of ours. `*` stands for all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("perilune-syntax", &[]),
    ("perilune-isa", &[]),
    ("perilune-compile", &["perilune-syntax", "perilune-isa"]),
    ("perilune-vm", &["perilune-compile", "perilune-isa"]),
    ("perilune-stdlib", &["perilune-vm"]),
    ("perilune-jit", &["perilune-vm", "perilune-isa"]),
    ("perilune-live", &["perilune-vm", "perilune-syntax"]),
    ("perilune-ide", &["perilune-syntax"]),
    ("perilune-lsp", &["perilune-ide", "perilune-live", "perilune-syntax"]),
    ("perilune-dap", &["perilune-live"]),
    ("perilune", &["*"]),
    ("perilune-fuzz", &["*"]),
    ("perilune-torture", &["*"]),
    ("xtask", &[]),
];

/// The modules that may lift the ban on unchecked code, as path prefixes.
const FENCED: &[&str] = &[
    "vm/core/src/api",
    "vm/core/src/builtin",
    "vm/core/src/call",
    "vm/core/src/collect",
    "vm/core/src/debug",
    "vm/core/src/heap",
    "vm/core/src/inspect",
    "vm/core/src/interp",
    "vm/core/src/leaf",
    "vm/core/src/proto",
    "vm/core/src/shape",
    "vm/core/src/stack",
    "vm/core/src/string",
    "vm/core/src/table",
    "vm/core/src/tier",
    "vm/core/src/switch",
    "vm/core/src/unwind",
    "vm/core/src/vm",
    "cli/src/entry",
    "cli/src/interrupt/handler",
    "jit/src/entry",
    "jit/src/lib",
    "jit/src/memory",
    "jit/src/stub",
    "bench/peers/",
];

const UNCHECKED: &str = concat!("un", "safe");
const UNFINISHED: &str = concat!("TO", "DO");

type Rule = fn() -> Result<Vec<String>, String>;

const RULES: &[(&str, Rule)] = &[
    ("crates import only what the design allows", edges),
    ("unchecked code stands only in fenced modules", || scan(".rs", unchecked_lines)),
    ("nothing is left unfinished", || scan("", unfinished_lines)),
    ("every crate takes the lints of the workspace", lints),
    ("every document has one title", titles),
];

pub fn run(report: &mut Report) {
    for (name, rule) in RULES {
        let outcome = rule().and_then(|findings| {
            if findings.is_empty() { Ok(()) } else { Err(format!("\n{}", findings.join("\n"))) }
        });
        report.check(&format!("tidy: {name}"), outcome);
    }
}

fn edges() -> Result<Vec<String>, String> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&stdout("cargo", &arguments)?)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        // The examples in a crate's documents may use what stands above it.
        for dependency in dependencies.filter(|dependency| dependency["kind"] != "dev") {
            let (from, to) = (package["name"].as_str(), dependency["name"].as_str());
            edges.push((from.unwrap_or_default(), to.unwrap_or_default()));
        }
    }
    Ok(forbidden_edges(&edges))
}

fn forbidden_edges(edges: &[(&str, &str)]) -> Vec<String> {
    let ours = |name: &str| ALLOWED.iter().any(|(known, _)| *known == name);
    let mut findings = Vec::new();
    for (from, to) in edges {
        let row = ALLOWED.iter().find(|(known, _)| known == from);
        match row {
            None => findings.push(format!("{from} has no row in the table of crates")),
            Some((_, allowed)) if allowed.contains(to) || allowed.contains(&"*") => {}
            Some(_) if ours(to) || to.starts_with("perilune") => {
                findings.push(format!("{from} must not import {to}"));
            }
            Some(_) => {}
        }
    }
    findings.dedup();
    findings
}

/// Applies a rule to every line of the project's text files with this ending.
fn scan(ending: &str, rule: fn(&str, &str) -> Option<&'static str>) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for (path, text) in files(ending)? {
        for (index, line) in text.lines().enumerate() {
            if let Some(what) = rule(&path, line) {
                findings.push(format!("{path}:{}: {what}", index + 1));
            }
        }
    }
    Ok(findings)
}

fn unchecked_lines(path: &str, line: &str) -> Option<&'static str> {
    if FENCED.iter().any(|fence| path.starts_with(fence)) {
        return None;
    }
    let code = line.split("//").next().unwrap_or_default();
    let lifts_ban = code.contains("allow(") && code.contains(&format!("{UNCHECKED}_code"));
    let is_word = code.match_indices(UNCHECKED).any(|(at, word)| {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        !code[..at].ends_with(is_name) && !code[at + word.len()..].starts_with(is_name)
    });
    (lifts_ban || is_word).then_some("unchecked code outside the fenced modules")
}

fn unfinished_lines(_: &str, line: &str) -> Option<&'static str> {
    let left = line.match_indices(UNFINISHED).any(|(at, word)| !line[at + word.len()..].starts_with("(#"));
    left.then_some("unfinished work without the number of a written task")
}

fn lints() -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    for (path, text) in files("Cargo.toml")? {
        let is_member = text.contains("[package]") && !text.contains("[workspace]");
        let takes = text.contains("[lints]\nworkspace = true") || text.contains("lints.workspace = true");
        if is_member && !takes {
            findings.push(format!("{path}:1: the line `lints.workspace = true` is missing"));
        }
    }
    Ok(findings)
}

fn titles() -> Result<Vec<String>, String> {
    let documents = files(".md")?.into_iter().filter(|(path, _)| path.starts_with("docs/"));
    let wrong = documents.filter(|(_, text)| title_count(text) != 1);
    Ok(wrong.map(|(path, text)| format!("{path}:1: {} titles, limit 1", title_count(&text))).collect())
}

fn title_count(text: &str) -> usize {
    let mut is_code = false;
    let mut count = 0;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code && line.starts_with("# ") {
            count += 1;
        }
    }
    count
}

/// The project's text files, known to git or not yet, with this ending.
fn files(ending: &str) -> Result<Vec<(String, String)>, String> {
    let listing = stdout("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    let wanted = listing.lines().filter(|path| path.ends_with(ending));
    // Binary files and files that git still lists but that are gone are skipped.
    let read = |path: &str| Some((path.to_string(), fs::read_to_string(project::root().join(path)).ok()?));
    Ok(wanted.filter_map(read).collect())
}

fn stdout(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).current_dir(project::root()).output();
    let output = output.map_err(|error| format!("{program} does not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vm_does_not_know_its_clients() {
        let edges = [("perilune-jit", "perilune-vm"), ("perilune-vm", "perilune-jit")];
        assert_eq!(forbidden_edges(&edges), ["perilune-vm must not import perilune-jit"]);
    }

    #[test]
    fn other_peoples_crates_are_not_our_edges() {
        assert!(forbidden_edges(&[("perilune-vm", "libc"), ("perilune", "perilune-dap")]).is_empty());
    }

    #[test]
    fn the_fence_holds() {
        let block = format!("let x = {UNCHECKED} {{ read() }};");
        assert!(unchecked_lines("vm/core/src/arith.rs", &block).is_some());
        assert!(unchecked_lines("vm/core/src/heap/block.rs", &block).is_none());
        assert!(unchecked_lines("cli/src/main.rs", &format!("// {block}")).is_none());
        assert!(unchecked_lines("cli/src/main.rs", &format!("#![allow({UNCHECKED}_code)]")).is_some());
    }

    #[test]
    fn a_heading_in_code_is_no_title() {
        assert_eq!(title_count("# One\n```\n# two\n```\n## three\n"), 1);
    }
}
