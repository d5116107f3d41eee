//! Language features for Lua in editor terms.
//!
//! [`analyse`] turns the text of one file into an [`Analysis`]: who declares
//! what, who uses it, and what is wrong. A [`Workspace`] holds many files and
//! knows which names of different files stand for the same thing; the features
//! are its methods. Nothing here knows a protocol, a VM or a file system;
//! places are byte spans, and [`Document`] converts them to an editor's lines
//! and columns.

mod document;
mod entity;
mod analysis;
mod resolve;
mod diagnostic;
mod symbol;
mod workspace;
mod standard;
mod hover;
mod expression;
mod completion;
mod signature;
mod rename;
mod token;
mod folding;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Required, analyse};
pub use completion::{Completion, CompletionKind, Completions, Nearness};
pub use diagnostic::{Diagnostic, DiagnosticKind, Severity};
pub use document::{Document, Encoding, Position};
pub use entity::{Entity, EntityId, EntityKind, Occurrence, Origin, Role, Signature};
pub use folding::{Fold, FoldKind, folds};
pub use hover::Hover;
pub use perilune_syntax::ast::Span;
pub use rename::{RenameRefusal, Renaming};
pub use signature::SignatureHelp;
pub use standard::{StandardItem, is_standard_global, standard_items};
pub use symbol::{Symbol, SymbolKind};
pub use token::{SemanticToken, TokenKind, semantic_tokens};
pub use workspace::{FileId, FoundSymbol, Identity, Place, SourceFile, Workspace};
