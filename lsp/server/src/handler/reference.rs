//! `textDocument/references`.

use crate::store::Store;
use perilune_ide::Role;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, params: &ReferenceParams) -> Option<Vec<Location>> {
    let mut result = Vec::new();
    for found in super::find(store, &params.text_document_position) {
        let definition = found.file.analysis.entity(found.entity).definition;
        for name in found.file.analysis.references(found.entity) {
            let is_declaration = name.role == Role::Declare || definition == Some(name.span);
            if params.context.include_declaration || !is_declaration {
                result.push(found.file.location(name.span, store.encoding));
            }
        }
    }
    Some(result)
}
