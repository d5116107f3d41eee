//! Names that stand for the same thing in different files, or by different ways.

use super::*;

const QUEUE: &str = "//- lib/queue.lua\nlocal M = {}\nfunction M.push(x) return x end\nfunction M:pop() return self.push(1) end\nreturn M\n";

#[test]
fn fields_of_a_required_module_are_those_of_its_table() {
    let main = format!("{QUEUE}//- main.lua\nlocal q = require \"lib.queue\"\nq.pu$0sh(1)\nq:pop()\nlocal r = require('lib.queue')\nr.push(2)\n");
    check_definition(&main, "lib/queue.lua:2:12 push");
    let all = ["lib/queue.lua:2:12 push", "lib/queue.lua:3:30 push", "main.lua:2:3 push", "main.lua:5:3 push"];
    check_references(&main, &all);
    check_references(&format!("{QUEUE}//- main.lua\nlocal q = require \"lib.queue\"\nq:po$0p()\n"), &[
        "lib/queue.lua:3:12 pop", "main.lua:2:3 pop"]);
    check_definition(&format!("{QUEUE}//- main.lua\nrequire 'lib.queue'.pu$0sh(1)\n"), "lib/queue.lua:2:12 push");
}

#[test]
fn modules_are_found_by_templates_then_beside_the_file_then_by_their_endings() {
    let uses = |name: &str, path: &str| format!("//- {path}\nreturn {{ run = 1 }}\n//- app/main.lua\nprint(require('{name}').ru$0n)\n");
    check_definition(&uses("queue", "queue.lua"), "queue.lua:1:10 run");
    check_definition(&uses("lib.queue", "lib/queue/init.lua"), "lib/queue/init.lua:1:10 run");
    check_definition(&uses("queue", "app/queue.lua"), "app/queue.lua:1:10 run");
    check_definition(&uses("lib.queue", "deep/src/lib/queue.lua"), "deep/src/lib/queue.lua:1:10 run");
    check_definition(&uses("queue", "other.lua"), "");
    let twice = "//- a/x.lua\nreturn { run = 1 }\n//- b/x.lua\nreturn { run = 2 }\n//- c/main.lua\nprint(require('x').ru$0n)\n";
    check_definition(twice, "");
}

#[test]
fn what_a_module_returns_may_be_wrapped() {
    for text in [
        "local M = {} function M.go() end return M",
        "local M = {} function M.go() end return setmetatable(M, { __call = M.go })",
        "return { go = function() end }",
        "local function new() return { go = function() end } end return new()",
        "Module = Module or {} Module.go = 1 return Module",
        "local M = require 'base' return M",
        "local M = setmetatable({}, { __index = require 'base' }) return M",
    ] {
        let fixture = format!("//- base.lua\nreturn {{ go = 1 }}\n//- mod.lua\n{text}\n//- main.lua\nlocal m = require 'mod'\nm.g$0o()\n");
        let (workspace, file, offset) = workspace(&fixture);
        let (_, identity) = workspace.name_at(file, offset).unwrap();
        assert_eq!(workspace.definitions(&identity).len(), 1, "{text}");
    }
}

#[test]
fn instances_have_the_fields_of_their_class() {
    let class = "local P = {}\nP.__index = P\nfunction P.new(x)\n  local self = setmetatable({}, P)\n  self.x = x\n  return self\nend\nfunction P:get() return self.x end\n";
    check_definition(&format!("{class}local p = P.new(1)\np:ge$0t()"), "8:12 get");
    check_references(&format!("{class}print(P.new(1).x$0)"), &["5:8 x", "8:30 x", "9:16 x"]);
    let apart = "local P = {}\nlocal meta = { __index = P }\nfunction P.make() return setmetatable({}, meta) end\nfunction P:go() end\nP.make():g$0o()";
    check_definition(apart, "4:12 go");
    let derived = format!("{class}local Q = setmetatable({{}}, P)\nfunction Q:own() end\nQ:ge$0t() Q:own()");
    check_definition(&derived, "8:12 get");
    let overridden = format!("{class}local Q = setmetatable({{}}, {{ __index = P }})\nfunction Q:get() end\nQ:ge$0t() P:get()");
    check_references(&overridden, &["10:12 get", "11:3 get"]);
}

#[test]
fn globals_are_one_in_all_files() {
    let fixture = "//- a.lua\nfunction shared() end\n_G.count = 1\n//- b.lua\nsha$0red() print(count)\n";
    check_references(fixture, &["a.lua:1:10 shared", "b.lua:1:1 shared"]);
    let (workspace, file, _) = workspace(fixture);
    assert_eq!(workspace.diagnostics(file), []);
    let fields = "//- a.lua\nconfig = { width = 1 }\n//- b.lua\nprint(config.wid$0th)\n";
    check_definition(fields, "a.lua:1:12 width");
}

#[test]
fn renaming_reaches_all_files_or_none() {
    let fixture = "//- mod.lua\nlocal M = {}\nfunction M.go() end\nreturn M\n//- main.lua\nlocal m = require 'mod'\nm.g$0o() other.go()\n";
    let expected = "local M = {}\nfunction M.run() end\nreturn M\n//-\nlocal m = require 'mod'\nm.run() other.go()\n";
    check_rename(fixture, "run", Ok(expected));
    let (workspace, file, offset) = workspace(fixture);
    let doubtful = workspace.rename(file, offset, "run").unwrap().unwrap().doubtful;
    assert_eq!(doubtful.iter().map(|(file, spans)| shown(&workspace, *file, spans[0])).collect::<Vec<_>>(), ["main.lua:2:14 go"]);
    let taken = "local M = { run = 1 }\nM.g$0o = 2\nprint(M)";
    check_rename(taken, "run", Err("'run' is taken: some name would stand for something else"));
    check_rename("print(string.re$0p)", "again", Err("'rep' cannot be renamed: not all of its uses are known"));
    check_rename("local m = {}\nm.__ind$0ex = m", "x", Err("'__index' cannot be renamed: Lua looks for this name"));
    let global = "//- a.lua\nval$0ue = 1\n//- b.lua\nlocal total = 2 print(value, total)\n";
    check_rename(global, "total", Err("'total' is taken: some name would stand for something else"));
}

#[test]
fn definitions_that_run_in_circles_end() {
    for text in [
        "a = b.x b = a.y print(a.z$0)",
        "local a = {} a = setmetatable(a, a) a.__index = a print(a.z$0)",
        "function f() return f() end print(f().z$0)",
        "local m = require 'main' print(m.z$0) return m",
        "local a, b = {}, {} setmetatable(a, { __index = b }) setmetatable(b, { __index = a }) print(a.z$0)",
        "x = x or x.y or x.y.z print(x.y.z$0)",
    ] {
        check_definition(text, "");
    }
}

#[test]
fn symbols_are_found_by_their_letters() {
    let (workspace, ..) = workspace("//- a.lua\nfunction start() end\nlocal M = {}\nfunction M.restart() end\nM.run = function() end\n//- b.lua\nlimit = 1\n");
    let names = |query| workspace.symbols(query, 10).into_iter().map(|found| found.name).collect::<Vec<_>>();
    assert_eq!(names("start"), ["start", "M.restart"]);
    assert_eq!(names("mrun"), ["M.run"]);
    assert_eq!(names("LIM"), ["limit"]);
    assert_eq!(names(""), ["M", "M.run", "limit", "start", "M.restart"].map(String::from));
    assert_eq!(workspace.symbols("", 2).len(), 2);
}
