//! The debug library.

use super::{StandardItem, function, value};

pub(super) const ITEMS: &[StandardItem] = &[
    value("debug", "table", "6.10", "A view into functions, stacks and metatables, for tools."),
    function("debug.debug", "", "", "6.10", "Runs lines from standard input until one says `cont`."),
    function("debug.gethook", "[thread]", "function, string, integer", "6.10", "The hook, its mask and its count."),
    function("debug.getinfo", "[thread,] f [, what]", "table | nil", "6.10",
        "What is known of a function or of a level of the stack."),
    function("debug.getlocal", "[thread,] f, local", "string, any | nil", "6.10",
        "Name and value of a local variable of a level."),
    function("debug.getmetatable", "value", "table | nil", "6.10", "The metatable, whatever `__metatable` says."),
    function("debug.getregistry", "", "table", "6.10", "The registry."),
    function("debug.getupvalue", "f, up", "string, any | nil", "6.10", "Name and value of an upvalue."),
    function("debug.getuservalue", "u, n", "any, boolean", "6.10", "The `n`-th value that belongs to a userdata."),
    function("debug.sethook", "[thread,] hook, mask [, count]", "", "6.10",
        "Has a function called at calls (`c`), returns (`r`), lines (`l`) or every `count` instructions."),
    function("debug.setlocal", "[thread,] level, local, value", "string | nil", "6.10",
        "Assigns to a local variable of a level."),
    function("debug.setmetatable", "value, table", "any", "6.10", "Sets the metatable of any value, or of its type."),
    function("debug.setupvalue", "f, up, value", "string | nil", "6.10", "Assigns to an upvalue."),
    function("debug.setuservalue", "udata, value, n", "userdata | nil", "6.10",
        "Sets the `n`-th value that belongs to a userdata."),
    function("debug.setcstacklimit", "limit", "integer | boolean", "6.10",
        "Does nothing any more; kept for old programs."),
    function("debug.traceback", "[thread,] [message [, level]]", "string", "6.10",
        "The call stack as text, after a message."),
    function("debug.upvalueid", "f, n", "userdata", "6.10",
        "Something that is equal for upvalues that are the same variable."),
    function("debug.upvaluejoin", "f1, n1, f2, n2", "", "6.10",
        "Makes an upvalue of one function refer to that of another."),
];
