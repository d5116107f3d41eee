//! `textDocument/definition`.

use crate::store::Snapshot;
use perilune_ide::{Identity, Place, Span};
use tower_lsp_server::ls_types::*;

/// Of a name; of a `require`, the file that it loads.
///
/// For a field of a value that nobody knows, all functions of that name are offered.
pub(crate) fn handle(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<GotoDefinitionResponse> {
    let (file, offset) = super::place(snapshot, at)?;
    let workspace = &snapshot.workspace;
    let places = match file.analysis().required_at(offset) {
        Some(module) => vec![Place { file: workspace.module(file.id, &module.name)?, span: Span::default() }],
        None => {
            let (_, identity) = workspace.name_at(file.id, offset)?;
            let found = workspace.definitions(&identity);
            match &identity {
                Identity::Field(_, field) if found.is_empty() && !identity.is_standard() => workspace.functions_named(field),
                _ => found,
            }
        }
    };
    let locations: Vec<Location> = places.into_iter().filter_map(|place| {
        Some(snapshot.file_with(place.file)?.location(place.span, snapshot.agreement.encoding))
    }).collect();
    match <[Location; 1]>::try_from(locations) {
        Ok([only]) => Some(GotoDefinitionResponse::Scalar(only)),
        Err(several) => (!several.is_empty()).then_some(GotoDefinitionResponse::Array(several)),
    }
}
