//! Language features for Lua in editor terms.
//!
//! [`analyse`] turns the text of one file into an [`Analysis`]: who declares
//! what, who uses it, and what is wrong. The features read it. Nothing here
//! knows a protocol, a VM or a file system; places are byte spans, and
//! [`Document`] converts them to an editor's lines and columns.

mod document;
mod entity;
mod analysis;
mod resolve;
mod diagnostic;
mod symbol;
mod token;
mod folding;
mod hover;
mod rename;
mod standard;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, analyse};
pub use diagnostic::{Diagnostic, DiagnosticKind, Severity};
pub use document::{Document, Encoding, Position};
pub use entity::{Entity, EntityId, EntityKind, Occurrence, Role};
pub use folding::{Fold, FoldKind, folds};
pub use hover::{Hover, hover};
pub use perilune_syntax::ast::Span;
pub use rename::{RenameRefusal, rename, renamable};
pub use standard::is_standard_global;
pub use symbol::{Symbol, SymbolKind};
pub use token::{SemanticToken, TokenKind, semantic_tokens};
