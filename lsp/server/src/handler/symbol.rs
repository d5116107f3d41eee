//! `textDocument/documentSymbol`.

use crate::store::{File, Snapshot};
use perilune_ide::{Encoding, Symbol};
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(snapshot: &Snapshot, uri: &Uri) -> Option<DocumentSymbolResponse> {
    let file = snapshot.file(uri)?;
    let symbols = converted(&file, &file.analysis().symbols, snapshot.agreement.encoding);
    Some(DocumentSymbolResponse::Nested(symbols))
}

pub(super) fn kind(kind: perilune_ide::SymbolKind) -> SymbolKind {
    match kind {
        perilune_ide::SymbolKind::Function => SymbolKind::FUNCTION,
        perilune_ide::SymbolKind::Method => SymbolKind::METHOD,
        perilune_ide::SymbolKind::Variable => SymbolKind::VARIABLE,
        perilune_ide::SymbolKind::Constant => SymbolKind::CONSTANT,
    }
}

fn converted(file: &File, symbols: &[Symbol], encoding: Encoding) -> Vec<DocumentSymbol> {
    symbols.iter().map(|symbol| entry(file, symbol, encoding)).collect()
}

#[allow(deprecated)]
fn entry(file: &File, symbol: &Symbol, encoding: Encoding) -> DocumentSymbol {
    DocumentSymbol {
        name: symbol.name.clone(),
        detail: None,
        kind: kind(symbol.kind),
        tags: None,
        deprecated: None,
        range: file.range(symbol.span, encoding),
        selection_range: file.range(symbol.name_span, encoding),
        children: Some(converted(file, &symbol.children, encoding)),
    }
}
