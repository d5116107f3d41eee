//! `textDocument/documentHighlight`.

use crate::store::Store;
use perilune_ide::Role;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, at: &TextDocumentPositionParams) -> Option<Vec<DocumentHighlight>> {
    let found = super::find(store, at).into_iter().next()?;
    let highlight = |name: perilune_ide::Occurrence| DocumentHighlight {
        range: found.file.range(name.span, store.encoding),
        kind: Some(match name.role {
            Role::Read => DocumentHighlightKind::READ,
            Role::Write | Role::Declare => DocumentHighlightKind::WRITE,
        }),
    };
    Some(found.file.analysis.references(found.entity).map(highlight).collect())
}
