//! `workspace/symbol`.

use super::symbol::kind;
use crate::store::Snapshot;
use tower_lsp_server::ls_types::*;

/// More than anybody looks through.
const MAX_SYMBOLS: usize = 500;

pub(crate) fn handle(snapshot: &Snapshot, query: &str) -> WorkspaceSymbolResponse {
    let found = snapshot.workspace.symbols(query, MAX_SYMBOLS).into_iter();
    let symbols = found.filter_map(|symbol| {
        let file = snapshot.file_with(symbol.file)?;
        Some(WorkspaceSymbol {
            name: symbol.name,
            kind: kind(symbol.kind),
            tags: None,
            container_name: symbol.container,
            location: OneOf::Left(file.location(symbol.span, snapshot.agreement.encoding)),
            data: None,
        })
    });
    WorkspaceSymbolResponse::Nested(symbols.collect())
}
