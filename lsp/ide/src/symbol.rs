//! The outline of a file. It is collected by `resolve.rs` on its way.

use crate::Span;

/// What kind of thing an outline entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// `function M:stop()`.
    Method,
    /// A variable.
    Variable,
    /// A `<const>` variable.
    Constant,
}

/// An entry of the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As written: `start`, `M.start`, `M:stop`.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// The whole statement or field.
    pub span: Span,
    /// The name; inside `span`.
    pub name_span: Span,
    /// What is declared inside.
    pub children: Vec<Symbol>,
}
