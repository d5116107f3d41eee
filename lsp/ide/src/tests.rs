//! Text in, text out: `$0` is the cursor.

use super::*;

mod across;
mod typing;

fn cursor(fixture: &str) -> (String, u32) {
    let offset = fixture.find("$0").expect("a `$0` marker");
    (fixture.replacen("$0", "", 1), offset as u32)
}

fn place(text: &str, span: Span) -> String {
    let position = Document::new(text.into()).position(span.start, Encoding::Utf8);
    format!("{}:{} {}", position.line + 1, position.column + 1, &text[span.start as usize..span.end as usize])
}

/// A workspace below `/w` from texts that begin with a line `//- path`; the cursor's file and byte.
fn workspace(fixture: &str) -> (Workspace, FileId, u32) {
    let mut workspace = Workspace::default();
    workspace.set_roots(vec!["/w".into()]);
    let mut cursor_at = None;
    let fixture = if fixture.starts_with("//- ") { fixture.to_string() } else { format!("//- main.lua\n{fixture}") };
    for part in fixture.split("//- ").skip(1) {
        let (path, text) = part.split_once('\n').expect("a path and a text");
        let (text, offset) = match text.contains("$0") {
            true => cursor(text),
            false => (text.to_string(), u32::MAX),
        };
        let id = workspace.put(&format!("/w/{path}"), Document::new(text).into());
        if offset != u32::MAX {
            cursor_at = Some((id, offset));
        }
    }
    let (file, offset) = cursor_at.unwrap_or((FileId(0), 0));
    (workspace, file, offset)
}

/// `lib/queue.lua:2:12 push`; the file is left out when there is only one.
fn shown(workspace: &Workspace, file: FileId, span: Span) -> String {
    let source = workspace.file(file).expect("a file");
    let place = place(source.document().text(), span);
    match workspace.files().count() {
        1 => place,
        _ => format!("{}:{place}", source.path().trim_start_matches("/w/")),
    }
}

#[track_caller]
fn check_references(fixture: &str, expected: &[&str]) {
    let (workspace, file, offset) = workspace(fixture);
    let (_, identity) = workspace.name_at(file, offset).expect("a name");
    let found = workspace.references(&identity);
    let names = found.iter().flat_map(|(file, names)| names.iter().map(|name| (*file, name.span)));
    let actual: Vec<String> = names.map(|(file, span)| shown(&workspace, file, span)).collect();
    assert_eq!(actual, expected, "\n{fixture}");
}

#[track_caller]
fn check_definition(fixture: &str, expected: &str) {
    let (workspace, file, offset) = workspace(fixture);
    let (_, identity) = workspace.name_at(file, offset).expect("a name");
    let found = workspace.definitions(&identity);
    let actual: Vec<String> = found.iter().map(|found| shown(&workspace, found.file, found.span)).collect();
    assert_eq!(actual.join(", "), expected, "\n{fixture}");
}

#[track_caller]
fn check_diagnostics(text: &str, expected: &[&str]) {
    let analysis = analyse(text);
    let mut all = analysis.diagnostics.clone();
    all.extend(analysis.undefined_globals(|_| false));
    let actual: Vec<String> =
        all.iter().map(|found| format!("{} | {}", place(text, found.span), found.message)).collect();
    assert_eq!(actual, expected, "\n{text}");
}

#[track_caller]
fn check_rename(fixture: &str, name: &str, expected: Result<&str, &str>) {
    let (workspace, file, offset) = workspace(fixture);
    let actual = workspace.rename(file, offset, name).map_err(|refusal| refusal.to_string()).map(|renaming| {
        let mut texts = Vec::new();
        for (file, spans) in renaming.expect("a name").certain {
            let mut text = workspace.file(file).unwrap().document().text().to_string();
            for span in spans.into_iter().rev() {
                text.replace_range(span.start as usize..span.end as usize, name);
            }
            texts.push(text);
        }
        texts.join("//-\n")
    });
    assert_eq!(actual, expected.map(String::from).map_err(String::from));
}

#[test]
fn a_local_is_visible_after_its_statement() {
    check_definition("local x = 1\nlocal x = x$0 + 1\nprint(x)", "1:7 x");
    check_references("local x = 1\nlocal x = x + 1\nprint(x$0)", &["2:7 x", "3:7 x"]);
    check_definition("local function f() return f$0() end", "1:16 f");
    check_definition("repeat local done = f() until do$0ne", "1:14 done");
}

#[test]
fn parameters_loop_variables_and_labels_have_references() {
    check_references("local function f(a, b) return a$0 + b end\nprint(a)", &["1:18 a", "1:31 a"]);
    check_references("for i$0 = 1, 2 do print(i) end print(i)", &["1:5 i", "1:23 i"]);
    check_references("for k, v in pairs(t) do print(v$0) end", &["1:8 v", "1:31 v"]);
    check_references("goto do$0ne\ndo goto done end\n::done::", &["1:6 done", "2:9 done", "3:3 done"]);
}

#[test]
fn fields_are_told_apart_by_their_paths() {
    let text = "local M = { size = 1 }\nfunction M.start() end\nfunction M:stop() self.start() end\nM.sta$0rt(M.size)";
    check_references(text, &["2:12 start", "3:24 start", "4:3 start"]);
    check_definition("local M = {}\nfunction M:stop() return sel$0f end", "2:10 M");
    check_definition("_G.config = 1\nprint(conf$0ig)", "1:4 config");
}

#[test]
fn findings_have_a_place_and_a_sentence() {
    check_diagnostics("local used, unused = 1\nprint(used)", &["1:13 unused | unused local 'unused'"]);
    check_diagnostics("local _ = 1\nlocal _x", &[]);
    check_diagnostics("foo()", &["1:1 foo | undefined global 'foo'"]);
    check_diagnostics("foo = 1\nfoo()\nprint(string.rep)", &[]);
    check_diagnostics("local _ENV = {}\nfoo()", &[]);
    check_diagnostics("if _G.jit then print(_ENV.other, jit) end", &["1:34 jit | undefined global 'jit'"]);
    check_diagnostics("local x <const> = 1\nx = x", &["2:1 x | attempt to assign to const variable 'x'"]);
    check_diagnostics("local x <close> = nil local y <close> = {}", &[
        "1:41 {} | a table without a metatable cannot be closed"]);
    check_diagnostics("local a <close>, b <close> = x, y", &[
        "1:21 close | multiple to-be-closed variables in local list",
        "1:30 x | undefined global 'x'", "1:33 y | undefined global 'y'"]);
    check_diagnostics("local x <const> = 1 function f() x = 2 print(x) end", &["1:34 x | attempt to assign to const variable 'x'"]);
    check_diagnostics("local x <odd> = 1", &["1:10 odd | unknown attribute 'odd'"]);
    check_diagnostics(
        "local a = 1\ndo local a = a print(a) end",
        &["2:10 a | 'a' hides a local of the same name"],
    );
}

#[test]
fn jumps_are_checked() {
    check_diagnostics("do return end print(1)", &["1:15 print(1) | unreachable code"]);
    check_diagnostics("while true do break print(1) end", &["1:21 print(1) | unreachable code"]);
    check_diagnostics("while true do print(1) end print(2)", &["1:28 print(2) | unreachable code"]);
    check_diagnostics("while true do if arg then break end end print(2)", &[]);
    check_diagnostics("while true do if arg then goto out end end ::out:: print(2)", &[]);
    check_diagnostics("while arg do end print(2)", &[]);
    check_diagnostics("goto a print(1) ::a:: print(2)", &["1:8 print(1) | unreachable code"]);
    check_diagnostics("if a1 then return else error() end print(1)\na1 = 1", &[]);
    check_diagnostics("goto nowhere", &["1:6 nowhere | no visible label 'nowhere' for <goto> at line 1"]);
    check_diagnostics("break", &["1:1 break | break outside loop at line 1"]);
    check_diagnostics("::a:: ::a::", &["1:9 a | label 'a' already defined on line 1"]);
    check_diagnostics("::a:: do ::b:: ::a:: end", &["1:18 a | label 'a' already defined on line 1"]);
    check_diagnostics("do ::a:: end ::a:: goto a", &[]);
    check_diagnostics("repeat goto c local x ::c:: until x", &[
        "1:13 c | <goto c> at line 1 jumps into the scope of local 'x'", "1:15 local x | unreachable code"]);
    check_diagnostics("if arg then goto c end local x = 1 print(x) ::c:: ::d::", &[]);
    check_diagnostics("for _ = 1, 2 do if arg then goto continue end local b = 1 print(b) ::continue:: end", &[]);
    check_diagnostics(
        "do goto a end local b ::a:: print(b)",
        &["1:9 a | <goto a> at line 1 jumps into the scope of local 'b'", "1:15 local b | unreachable code"],
    );
}

#[test]
fn many_labels_take_as_long_as_many_names() {
    let labels: String = (0..60_000).map(|number| format!("::l{number}:: ")).collect();
    let jumps: String = (0..60_000).map(|number| format!("if arg then goto l{number} end ")).collect();
    assert_eq!(analyse(&format!("{jumps}{labels}")).diagnostics, []);
}

#[test]
fn every_syntax_error_is_shown() {
    let text = "local = 1\nprint(1)\nfor do end\nx = ";
    let count = analyse(text).diagnostics.iter().filter(|found| found.kind == DiagnosticKind::Syntax).count();
    assert!(count >= 2, "{count}");
}

#[test]
fn renaming_keeps_meaning_or_refuses() {
    check_rename("local a$0 = 1 print(a)", "b", Ok("local b = 1 print(b)"));
    check_rename("local a$0 = 1 local b = 2 print(a, b)", "b", Err("'b' is taken: some name would stand for something else"));
    check_rename("local a$0 = 1 print(a, b)", "b", Err("'b' is taken: some name would stand for something else"));
    check_rename("local a = 1 do local b$0 = 2 print(b) end print(a)", "a", Ok("local a = 1 do local a = 2 print(a) end print(a)"));
    check_rename("local a$0 = 1", "end", Err("'end' is a reserved word"));
    check_rename("local a$0 = 1", "1x", Err("'1x' is not a name"));
    check_rename("pri$0nt(1)", "write", Err("'print' cannot be renamed: not all of its uses are known"));
    check_rename("count$0 = 1 count = count + 1", "total", Ok("total = 1 total = total + 1"));
    check_rename("::a$0:: goto a", "b", Ok("::b:: goto b"));
}

#[test]
fn the_outline_names_functions_by_their_paths() {
    fn show(symbols: &[Symbol], depth: usize, out: &mut Vec<String>) {
        for symbol in symbols {
            out.push(format!("{}{} {:?}", "  ".repeat(depth), symbol.name, symbol.kind));
            show(&symbol.children, depth + 1, out);
        }
    }
    let text = "local M = { run = function() end }\nfunction M.start() local function inner() end end\n\
                function M:stop() end\nlimit = 3\nM.go = function() end\n\
                M.on = { key = { down = function() end }, size = {} }\nfunction M.new() local t = { f = function() end } local u = {} end";
    let mut out = Vec::new();
    show(&analyse(text).symbols, 0, &mut out);
    let expected = ["M Variable", "  run Function", "M.start Function", "  inner Function", "M:stop Method",
        "limit Variable", "M.go Function", "M.on Variable", "  key Variable", "    down Function",
        "M.new Function", "  t Variable", "    f Function"];
    assert_eq!(out, expected);
}

#[test]
fn hover_shows_declaration_and_comment() {
    let fixture = "local x\n\n-- Width of a line,\n-- in cells.\nlocal width = 80\nprint(wid$0th, x)";
    let (workspace, file, offset) = workspace(fixture);
    let shown = workspace.hover(file, offset).unwrap();
    assert_eq!(shown.title, "local width");
    assert_eq!(shown.source.as_deref(), Some("local width = 80"));
    assert_eq!(shown.comment.as_deref(), Some("Width of a line,\nin cells."));
}

#[test]
fn blocks_tables_and_comments_fold() {
    let text = "-- a\n-- b\nfunction f()\n  if x then\n    y()\n  else\n    z()\n  end\nend\nt = {\n  1,\n}";
    let lines: Vec<_> = folds(&Document::new(text.into()), &analyse(text)).iter().map(|f| (f.start, f.end)).collect();
    assert_eq!(lines, [(0, 1), (2, 7), (3, 4), (5, 6), (9, 10)]);
}

#[test]
fn tokens_know_what_names_mean() {
    let text = "local function f(a) return a.b, print, [[x\ny]] end";
    let tokens = semantic_tokens(&Document::new(text.into()), &analyse(text));
    let shown: Vec<String> = tokens.iter().map(|token| {
        format!("{}:{:?}", &text[token.span.start as usize..token.span.end as usize], token.kind)
    }).collect();
    let expected = "local:Keyword function:Keyword f:Function a:Parameter return:Keyword a:Parameter b:Property \
        print:Function [[x:String y]]:String end:Keyword";
    assert_eq!(shown.join(" "), expected);
}

#[test]
fn positions_count_in_the_units_of_the_editor() {
    let mut document = Document::new("a\r\nä🌙b\rc\n".into());
    for (encoding, column) in [(Encoding::Utf8, 6), (Encoding::Utf16, 3), (Encoding::Utf32, 2)] {
        let position = Position { line: 1, column };
        assert_eq!(document.offset(position, encoding), 9);
        assert_eq!(document.position(9, encoding), position);
    }
    assert_eq!(document.offset(Position { line: 1, column: 2 }, Encoding::Utf16), 5, "inside a pair");
    assert_eq!(document.offset(Position { line: 0, column: 99 }, Encoding::Utf16), 1);
    assert_eq!(document.offset(Position { line: 99, column: 0 }, Encoding::Utf16), 13);
    let (from, to) = (Position { line: 1, column: 1 }, Position { line: 2, column: 0 });
    document.edit(from, to, Encoding::Utf16, "x");
    assert_eq!(document.text(), "a\r\näxc\n");
}

#[test]
fn an_edited_document_is_as_one_made_anew() {
    let mut seed = 1u32;
    let mut random = |limit: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % limit
    };
    let pieces = ["", "a", "\n", "\r", "\r\n", "ä", "🌙", "bc\nd", "\n\r", "€\r"];
    let mut document = Document::new(String::new());
    for step in 0..5000 {
        let mut place = || Position { line: random(8), column: random(6) };
        let (from, to) = (place(), place());
        let text = pieces[random(pieces.len() as u32) as usize];
        let encoding = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][random(3) as usize];
        let mut expected = document.text().to_string();
        let (start, end) = (document.offset(from, encoding), document.offset(to, encoding));
        expected.replace_range(start as usize..end.max(start) as usize, text);
        document.edit(from, to, encoding, text);
        let anew = Document::new(expected);
        assert_eq!(format!("{document:?}"), format!("{anew:?}"), "step {step}");
        if document.text().len() > 60 {
            document = Document::new("x".into());
        }
    }
}

#[test]
fn every_place_survives_the_way_there_and_back() {
    let text = "aä🌙\r\n€b\n\n🌙🌙c";
    let document = Document::new(text.into());
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        for (offset, _) in text.char_indices().filter(|(_, letter)| *letter != '\n') {
            let position = document.position(offset as u32, encoding);
            let slow: usize = text[..offset].rsplit('\n').next().unwrap().chars().map(|letter| match encoding {
                Encoding::Utf8 => letter.len_utf8(),
                Encoding::Utf16 => letter.len_utf16(),
                Encoding::Utf32 => 1,
            }).sum();
            assert_eq!((position.column as usize, document.offset(position, encoding)), (slow, offset as u32), "{encoding:?}");
        }
    }
}

#[test]
fn every_feature_answers_at_every_place_of_any_text() {
    let words = [
        "local", "function", "end", "if", "then", "else", "for", "in", "do", "while", "repeat", "until", "return", "goto",
        "::", "a", "b", "M", "self", "require", "setmetatable", "string", "'ä'", "\"mod\"", "1", "(", ")", "{", "}", "[", "]",
        ".", ":", ",", "=", "..", "+", "<close>", "<", "-- c\n", "\n", ";", "nil", "...", "'", "[[", "_ENV", "__index",
    ];
    let mut seed = 3u32;
    let mut random = |limit: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % limit
    };
    for _ in 0..300 {
        let text: Vec<&str> = (0..random(40)).map(|_| words[random(words.len())]).collect();
        let text = text.join([" ", ""][random(2)]);
        let mut workspace = Workspace::default();
        workspace.put("/w/mod.lua", Document::new("local M = {} function M.a() end return M".into()).into());
        let file = workspace.put("/w/main.lua", Document::new(text.clone()).into());
        let source = workspace.file(file).unwrap().clone();
        folds(source.document(), source.analysis());
        semantic_tokens(source.document(), source.analysis());
        workspace.diagnostics(file);
        workspace.symbols("a", 5);
        for offset in 0..=text.len() as u32 + 1 {
            workspace.complete(file, offset);
            workspace.signature_help(file, offset);
            workspace.hover(file, offset);
            workspace.expression_at(file, offset);
            workspace.function_at(file, offset);
            if let Some((_, identity)) = workspace.name_at(file, offset) {
                workspace.definitions(&identity);
                assert!(!workspace.references(&identity).is_empty(), "{text}");
                workspace.rename(file, offset, "renamed").ok();
            }
        }
    }
}

#[test]
fn texts_of_any_depth_are_analysed() {
    for unit in ["(", "do ", "{", "a.", "f(", "function() ", "a .. ", "if a then else "] {
        analyse(&unit.repeat(100_000));
    }
    for unit in [" + a", ".b", "[1]", "()", ":m()", ".b()"] {
        analyse(&format!("return a{}", unit.repeat(100_000)));
    }
}
