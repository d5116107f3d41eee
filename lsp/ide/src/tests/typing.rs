//! What is offered while somebody types.

use super::*;

fn completions(fixture: &str) -> Completions {
    let (workspace, file, offset) = workspace(fixture);
    workspace.complete(file, offset)
}

/// The words that are offered, Lua's library and the reserved words apart.
fn own(fixture: &str) -> Vec<String> {
    let items = completions(fixture).items.into_iter();
    items.filter(|item| item.nearness < Nearness::Standard).map(|item| item.label).collect()
}

#[test]
fn locals_are_offered_where_they_are_visible() {
    assert_eq!(own("local a = 1\ndo local b = 2 end\nfor c = 1, 2 do\n  print($0)\nend\nlocal d"), ["a", "c"]);
    assert_eq!(own("local function f(x, y)\n  local z = x.$0w\nend").len(), 0);
    assert_eq!(own("local function f(x, y)\n  $0\nend"), ["f", "x", "y"]);
    assert_eq!(own("local width, wide = 1, 2\nprint(wi$0)"), ["wide", "width"]);
    assert_eq!(own("//- a.lua\nshared = 1\n//- b.lua\nlocal own = 1\n$0"), ["own", "shared"]);
}

#[test]
fn fields_are_offered_after_a_dot_even_in_broken_text() {
    let module = "local M = {}\nfunction M.go(n) end\nfunction M:stop() end\nM.limit = 3\n";
    assert_eq!(own(&format!("{module}M.$0")), ["go", "limit", "stop"]);
    assert_eq!(own(&format!("{module}if x then M.$0\nend")), ["go", "limit", "stop"]);
    assert_eq!(own(&format!("{module}local y = M.$0\nlocal z = 1")), ["go", "limit", "stop"]);
    assert_eq!(own(&format!("{module}M:$0")), ["go", "stop"]);
    assert_eq!(own(&format!("//- mod.lua\n{module}return M\n//- main.lua\nlocal m = require 'mod'\nprint(m.l$0)")), ["go", "limit", "stop"]);
    assert_eq!(own("local function f(opts)\n  print(opts.width)\n  return opts.$0\nend"), ["width"]);
    assert_eq!(own("local P = {}\nP.__index = P\nfunction P.new() return setmetatable({ x = 1 }, P) end\nlocal p = P.new()\np.$0"), ["__index", "new", "x"]);
}

#[test]
fn the_library_is_offered_with_its_signatures() {
    let items = completions("string.$0").items;
    let format = items.iter().find(|item| item.label == "format").expect("string.format");
    assert_eq!(format.detail.as_deref(), Some("string.format(formatstring, ...) -> string"));
    assert!(format.documentation.as_deref().unwrap().ends_with("(§6.4)"));
    assert_eq!(items.len(), 17);
    let methods = |fixture| completions(fixture).items.iter().map(|item| item.label.clone()).collect::<Vec<_>>();
    assert!(methods("local s = 'a'\ns:$0").contains(&"rep".into()));
    assert!(methods("local f <close> = io.open('x')\nf:re$0").contains(&"read".into()));
    assert!(methods("pri$0").contains(&"print".into()));
    assert!(methods("pri$0").contains(&"while".into()));
}

#[test]
fn nothing_is_offered_where_nothing_is_known() {
    for fixture in [
        "-- pri$0", "local x = 'pri$0'", "local pri$0", "for i$0", "local function na$0", "print(12$0)", "::la$0",
        "x = [[ a $0 ]]", "x = 'open $0",
    ] {
        let labels: Vec<String> = completions(fixture).items.into_iter().map(|item| item.label).collect();
        assert_eq!(labels, Vec::<String>::new(), "{fixture}");
    }
    assert_eq!(own("::again::\ngoto a$0"), ["again"]);
    assert_eq!(own("local x <$0"), ["close", "const"]);
    assert_eq!(own("//- lib/queue.lua\nreturn 1\n//- main.lua\nlocal q = require('li$0')"), ["lib.queue"]);
    assert_eq!(own("//- lib/queue.lua\nreturn 1\n//- main.lua\nlocal q = require '$0"), ["lib.queue"]);
}

#[track_caller]
fn check_signature(fixture: &str, expected: &str) {
    let (workspace, file, offset) = workspace(fixture);
    let help = workspace.signature_help(file, offset);
    let actual = help.map(|help| {
        let active = help.params.get(help.active as usize).map_or("", String::as_str);
        format!("{} | {active}", help.label)
    });
    assert_eq!(actual.as_deref().unwrap_or(""), expected, "\n{fixture}");
}

#[test]
fn the_call_around_the_cursor_shows_its_parameters() {
    check_signature("local function f(a, b) end\nf(1, $0", "f(a, b) | b");
    check_signature("local function f(a, b) end\nf($0)", "f(a, b) | a");
    check_signature("local function f(a, ...) end\nf(1, 2, 3$0)", "f(a, ...) | ...");
    check_signature("local function f(a, b) end\nf({ 1, 2, 3 }, g(1, 2), $0)", "f(a, b) | ");
    check_signature("local function f(a, b) end\nf(function() return 1, 2 end, $0)", "f(a, b) | b");
    check_signature("local function f(a, b) end\nf(function()\n  local x = $0\nend)", "");
    check_signature("print(string.rep('x', $0))", "string.rep(s, n [, sep]) -> string | n");
    check_signature("('x'):rep($0)", "string.rep(s, n [, sep]) -> string | n");
    check_signature("local M = {}\nfunction M:go(a) end\nM:go($0)", "M.go(a) | a");
    check_signature("local M = {}\nfunction M:go(a) end\nM.go($0)", "M.go(self, a) | self");
    check_signature("//- m.lua\nreturn { go = function(a, b) end }\n//- main.lua\nlocal m = require 'm'\nm.go(1, $0)", "go(a, b) | b");
    check_signature("local insert = table.insert\ninsert(t, $0", "table.insert(list [, pos], value) | pos");
    check_signature("function f(a, $0) end", "");
    check_signature("local x = (1 + $0", "");
}

#[test]
fn hover_tells_what_the_manual_has() {
    let (workspace, file, offset) = workspace("print(string.for$0mat('%d', 1))");
    let shown = workspace.hover(file, offset).unwrap();
    assert_eq!(shown.title, "string.format(formatstring, ...) -> string");
    assert_eq!(shown.standard.unwrap().section, "6.4");
}

#[test]
fn what_a_running_program_is_asked_for_is_only_names() {
    let asked = |fixture: &str| {
        let (workspace, file, offset) = workspace(fixture);
        workspace.expression_at(file, offset).unwrap_or_default()
    };
    assert_eq!(asked("local a = {}\nprint(a.b.c$0.d)"), "a.b.c");
    assert_eq!(asked("print(a$0.b)"), "a");
    assert_eq!(asked("a.b:run$0()"), "a.b.run");
    assert_eq!(asked("f().x$0 = 1"), "");
    assert_eq!(asked("t[1].x$0 = 1"), "");
    assert_eq!(asked("local M = { size$0 = 1 }"), "M.size");
    assert_eq!(asked("f({ size$0 = 1 })"), "");
    assert_eq!(asked("::out$0::"), "");
}

#[test]
fn the_innermost_named_function_is_found() {
    let found = |fixture: &str| {
        let (workspace, file, offset) = workspace(fixture);
        workspace.function_at(file, offset).map_or(String::new(), |symbol| symbol.name.clone())
    };
    let text = "local M = { run = function() return 1 end }\nfunction M:step()\n  local function inner()\n    x()\n  end\n  y()\nend\nz()";
    assert_eq!(found(&text.replace("x()", "$0x()")), "inner");
    assert_eq!(found(&text.replace("y()", "$0y()")), "M:step");
    assert_eq!(found(&text.replace("z()", "$0z()")), "");
    assert_eq!(found(&text.replace("return", "ret$0urn")), "run");
}
