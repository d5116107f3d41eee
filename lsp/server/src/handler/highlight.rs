//! `textDocument/documentHighlight`.

use crate::store::Snapshot;
use perilune_ide::Role;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<Vec<DocumentHighlight>> {
    let (file, _, identity) = super::name(snapshot, at)?;
    let highlight = |name: perilune_ide::Occurrence| DocumentHighlight {
        range: file.range(name.span, snapshot.agreement.encoding),
        kind: Some(match name.role {
            Role::Read => DocumentHighlightKind::READ,
            Role::Write | Role::Declare => DocumentHighlightKind::WRITE,
        }),
    };
    Some(snapshot.workspace.references_in(file.id, &identity).into_iter().map(highlight).collect())
}
