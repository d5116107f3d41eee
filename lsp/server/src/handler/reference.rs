//! `textDocument/references`.

use crate::store::Snapshot;
use perilune_ide::Role;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(snapshot: &Snapshot, params: &ReferenceParams) -> Option<Vec<Location>> {
    let (_, _, identity) = super::name(snapshot, &params.text_document_position)?;
    let mut result = Vec::new();
    for (file, names) in snapshot.workspace.references(&identity) {
        let Some(file) = snapshot.file_with(file) else { continue };
        for name in names {
            let definition = file.analysis().entity(name.entity).definition;
            let is_declaration = name.role == Role::Declare || definition == Some(name.span);
            if params.context.include_declaration || !is_declaration {
                result.push(file.location(name.span, snapshot.agreement.encoding));
            }
        }
    }
    Some(result)
}
