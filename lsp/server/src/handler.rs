//! One file for each kind of request: a snapshot in, protocol types out.

pub(crate) mod initialize;
pub(crate) mod diagnostic;
pub(crate) mod definition;
pub(crate) mod reference;
pub(crate) mod highlight;
pub(crate) mod hover;
pub(crate) mod completion;
pub(crate) mod signature;
pub(crate) mod rename;
pub(crate) mod symbol;
pub(crate) mod workspace_symbol;
pub(crate) mod code_action;
pub(crate) mod command;
pub(crate) mod token;
pub(crate) mod folding;

use crate::store::{File, Snapshot};
use perilune_ide::{Identity, Occurrence};
use tower_lsp_server::ls_types::TextDocumentPositionParams;

/// A file and the byte of a position in it.
fn place(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<(File, u32)> {
    let file = snapshot.file(&at.text_document.uri)?;
    let offset = file.offset(at.position, snapshot.agreement.encoding);
    Some((file, offset))
}

/// The name under the cursor and what it stands for.
fn name(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<(File, Occurrence, Identity)> {
    let (file, offset) = place(snapshot, at)?;
    let (name, identity) = snapshot.workspace.name_at(file.id, offset)?;
    Some((file, name, identity))
}
