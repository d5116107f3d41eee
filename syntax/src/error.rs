//! What is wrong with a text: data, never a failure of the parser.

use crate::ast::Span;

/// One thing wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The message, without the `chunk:line:` prefix.
    pub message: String,
    /// The line PUC Lua would name, from 1.
    pub line: u32,
    /// Bytes of the token at which the error was noticed.
    pub span: Span,
}
