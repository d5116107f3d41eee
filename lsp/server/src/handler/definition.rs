//! `textDocument/definition`.

use crate::store::Store;
use tower_lsp_server::ls_types::*;

/// In the file itself; for what is not defined there, in the others.
pub(crate) fn handle(store: &mut Store, at: &TextDocumentPositionParams) -> Option<GotoDefinitionResponse> {
    let found = super::find(store, at).into_iter().find_map(|found| {
        let span = found.file.analysis.entity(found.entity).definition?;
        Some(found.file.location(span, store.encoding))
    });
    found.map(GotoDefinitionResponse::Scalar)
}
