//! The targets.

mod syntax;
mod chunk;
mod lsp;
mod document;
mod program;
pub mod memory;

/// A family of cases.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Runs the case of a seed and panics when something is wrong.
    pub case: fn(u64),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "syntax", case: syntax::case },
    Target { name: "chunk", case: chunk::case },
    Target { name: "program", case: program::case },
    Target { name: "compare", case: program::compare },
    Target { name: "memory", case: memory::case },
    Target { name: "lsp", case: lsp::case },
    Target { name: "document", case: document::case },
];

pub use chunk::run_everywhere as check_chunk;

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
