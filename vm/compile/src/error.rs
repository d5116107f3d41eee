//! What can be wrong with a chunk.

use perilune_syntax::ast::Span;

/// A chunk that is not a program; the whole message as PUC Lua words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// `chunkid:line: text`.
    pub message: Vec<u8>,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message))
    }
}

impl std::error::Error for CompileError {}

/// An error that the grammar does not see: scopes, labels, limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemanticError {
    /// The text, without the place.
    pub message: String,
    /// Line it is reported at.
    pub line: u32,
    /// Bytes it is about.
    pub span: Span,
    /// Where the token stands that the message should say it is `near`, if any.
    pub near: Option<u32>,
}

pub(crate) type Result<T> = std::result::Result<T, Box<SemanticError>>;
