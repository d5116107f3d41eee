//! `perilune check`: what it says, and how it ends.

use std::path::Path;
use std::process::Command;

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

/// Standard output, standard error and exit code of `perilune check ARGUMENTS` in a folder.
fn check(folder: &Path, arguments: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perilune"));
    let output = command.arg("check").args(arguments).current_dir(folder).output().expect("a program that runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr), output.status.code().expect("a code"))
}

#[test]
fn findings_are_shown_with_their_lines() {
    let folder = folder(&[("a.lua", b"local ok = 1\nlocal x <const> = ok\nx = 2\nprint(undefined_name, x)\n")]);
    let (out, err, code) = check(folder.path(), &["a.lua"]);
    let expected = "\
error[constant-assignment]: attempt to assign to const variable 'x'
 --> a.lua:3:1
  |
3 | x = 2
  | ^

warning[undefined-global]: undefined global 'undefined_name'
 --> a.lua:4:7
  |
4 | print(undefined_name, x)
  |       ^^^^^^^^^^^^^^

1 error, 1 warning
";
    assert_eq!((out.as_str(), err.as_str(), code), (expected, "", 1));
}

#[test]
fn warnings_alone_are_no_failure_and_silence_is_success() {
    let folder = folder(&[("warn.lua", b"local unused = 1\n"), ("clean.lua", b"#!/usr/bin/env perilune\nprint(1)\n")]);
    let (out, _, code) = check(folder.path(), &["warn.lua"]);
    assert!(out.starts_with("warning[unused-local]: unused local 'unused'\n --> warn.lua:1:7\n"), "{out}");
    assert_eq!(code, 0);
    assert_eq!(check(folder.path(), &["clean.lua"]), (String::new(), String::new(), 0));
}

#[test]
fn folders_are_walked_and_files_know_each_other() {
    let folder = folder(&[
        ("main.lua", b"shared()\n"),
        ("lib/b.lua", b"function shared() end\n"),
        ("lib/a.lua", b"local = 1\n"),
        (".hidden/c.lua", b"local = 1\n"),
        ("node_modules/d.lua", b"local = 1\n"),
        ("note.txt", b"local = 1\n"),
    ]);
    let (out, _, code) = check(folder.path(), &["."]);
    assert!(out.starts_with("error[syntax]: <name> expected near '='\n --> ./lib/a.lua:1:7\n"), "{out}");
    assert!(out.ends_with("\n1 error\n"), "{out}");
    assert_eq!(code, 1);
    let (out, _, _) = check(folder.path(), &["main.lua"]);
    assert!(out.contains("undefined global 'shared'"), "{out}");
    assert_eq!(check(folder.path(), &["main.lua", "lib/b.lua", "./main.lua"]).0, "");
}

#[test]
fn findings_are_a_list_for_programs() {
    let folder = folder(&[("a.lua", "local ä = '🌙'\n".as_bytes()), ("b.lua", b"local a = 1\ndo local a = a print(a) end\n")]);
    let (out, _, code) = check(folder.path(), &["--format=json", "b.lua"]);
    let list: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let expected = serde_json::json!([{
        "path": "b.lua", "severity": "note", "code": "shadowing", "message": "'a' hides a local of the same name",
        "start": { "line": 2, "column": 10 }, "end": { "line": 2, "column": 11 },
        "related": { "start": { "line": 1, "column": 7 }, "end": { "line": 1, "column": 8 } },
    }]);
    assert_eq!((list, code), (expected, 0));
    assert_eq!(check(folder.path(), &["--format", "json", "a.lua"]).2, 1);
}

#[test]
fn what_only_the_compiler_knows_is_shown() {
    let mut text = String::from("local function f()\n");
    (0..256).for_each(|index| text.push_str(&format!("  local a{index} do local _ = a{index} end\n")));
    text.push_str("end\nf()\n");
    let upvalues = {
        let mut text = String::new();
        for block in 0..2 {
            (0..150).for_each(|index| text.push_str(&format!("local v{block}_{index} = 1\n")));
            text.push_str("local function g()\n");
        }
        text.push_str("return function() return 0");
        (0..2).for_each(|block| (0..150).for_each(|index| text.push_str(&format!(" + v{block}_{index}"))));
        text.push_str(" end\nend\nreturn g\nend\nreturn g\n");
        text
    };
    let folder = folder(&[("locals.lua", text.as_bytes()), ("upvalues.lua", upvalues.as_bytes())]);
    let (out, _, code) = check(folder.path(), &["locals.lua"]);
    assert!(out.contains("too many local variables (limit is 200)"), "{out}");
    assert_eq!(code, 1);
    let (out, _, code) = check(folder.path(), &["upvalues.lua"]);
    assert!(out.contains("error[compile]: too many upvalues (limit is 255)"), "{out}");
    assert_eq!(code, 1);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_checked() {
    let folder = folder(&[("a.lua", b"x = = 1\n")]);
    let (out, err, code) = check(folder.path(), &["none.lua", "a.lua"]);
    assert!(out.contains("unexpected symbol near '='"), "{out}");
    assert!(err.starts_with("perilune: check: cannot read none.lua: "), "{err}");
    assert_eq!((err.lines().count(), code), (1, 2));
}

#[test]
fn texts_of_any_kind_are_shown() {
    let deep = "f(".repeat(100_000);
    let folder = folder(&[
        ("bytes.lua", b"local s = '\xff\xfe' local = 1\n"),
        ("deep.lua", deep.as_bytes()),
        ("escape.lua", b"\x1b[31m = 1\n"),
        ("empty.lua", b""),
        ("open.lua", b"x = [[\n\n\n"),
        ("crlf.lua", b"print(1)\r\nlocal y = \r\n"),
        ("tab.lua", b"\tlocal\t= 1\n"),
    ]);
    let (out, err, code) = check(folder.path(), &["."]);
    assert_eq!((err.as_str(), code), ("", 1));
    assert!(!out.contains('\x1b'), "{out:?}");
    for place in ["bytes.lua:1:", "deep.lua:1:", "escape.lua:1:1", "open.lua:", "crlf.lua:2:", "tab.lua:1:"] {
        assert!(out.contains(place), "{place}: {out}");
    }
    assert!(out.len() < 50_000, "{}", out.len());
}

#[test]
fn bad_usage_is_one_line() {
    let folder = folder(&[]);
    for arguments in [&[][..], &["--format=xml", "."], &["--unknown", "."]] {
        let (out, err, code) = check(folder.path(), arguments);
        assert_eq!((out.as_str(), err.lines().count(), code), ("", 1, 2), "{err}");
        assert!(err.starts_with("perilune: check: "), "{err}");
    }
}
