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
    /// The token it is reported at, where that is not a token of the construct itself.
    pub next: Next,
}

/// The token that PUC Lua has read ahead when it finds an error: the message has that token's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// None: the line is known. The error is found when all before this byte was read.
    Known(u32),
    /// The first one from this byte on.
    Line(u32),
    /// As `Line`, behind statements that do nothing.
    LineBehindEmpty(u32),
    /// As `Line`; the message says that it is near this token.
    Near(u32),
}

pub(crate) type Result<T> = std::result::Result<T, Box<SemanticError>>;
