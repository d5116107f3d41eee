//! `textDocument/prepareRename` and `textDocument/rename`.

use crate::store::Store;
use perilune_ide::RenameRefusal;
use std::collections::HashMap;
use tower_lsp_server::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp_server::ls_types::*;

/// `RequestFailed` of the protocol.
const REQUEST_FAILED: i64 = -32803;

pub(crate) fn prepare(store: &mut Store, at: &TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
    let Some(found) = super::find(store, at).into_iter().next() else { return Ok(None) };
    let (file, encoding) = (&found.file, store.encoding);
    perilune_ide::renamable(&file.analysis, found.entity).map_err(refused)?;
    let name = file.analysis.occurrence_at(file.offset(at.position, encoding));
    Ok(name.map(|name| PrepareRenameResponse::RangeWithPlaceholder {
        range: file.range(name.span, encoding),
        placeholder: file.document.slice(name.span).to_string(),
    }))
}

/// In all open files that use the name, or in none.
pub(crate) fn handle(store: &mut Store, params: &RenameParams) -> Result<Option<WorkspaceEdit>> {
    let mut changes = HashMap::new();
    for found in super::find(store, &params.text_document_position) {
        let (text, analysis) = (found.file.document.text(), &found.file.analysis);
        let spans = perilune_ide::rename(text, analysis, found.entity, &params.new_name).map_err(refused)?;
        let edits: Vec<TextEdit> = spans.into_iter().map(|span| {
            TextEdit::new(found.file.range(span, store.encoding), params.new_name.clone())
        }).collect();
        changes.insert(found.file.uri.clone(), edits);
    }
    Ok((!changes.is_empty()).then(|| WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }))
}

fn refused(refusal: RenameRefusal) -> Error {
    Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: refusal.to_string().into(), data: None }
}
