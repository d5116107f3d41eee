//! Names that every Lua 5.4 program starts with.

/// Sorted.
const NAMES: &[&str] = &[
    "_ENV", "_G", "_VERSION", "arg", "assert", "collectgarbage", "coroutine", "debug", "dofile", "error",
    "getmetatable", "io", "ipairs", "load", "loadfile", "math", "next", "os", "package", "pairs", "pcall", "print",
    "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable", "string", "table", "tonumber",
    "tostring", "type", "utf8", "warn", "xpcall",
];

/// Whether a global of this name is there before the program assigns any.
pub fn is_standard_global(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}
