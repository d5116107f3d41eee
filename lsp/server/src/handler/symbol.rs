//! `textDocument/documentSymbol`.

use crate::store::{File, Store};
use perilune_ide::{Encoding, Symbol};
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, uri: &Uri) -> Option<DocumentSymbolResponse> {
    let file = store.file(uri)?;
    Some(DocumentSymbolResponse::Nested(converted(&file, &file.analysis.symbols, store.encoding)))
}

fn converted(file: &File, symbols: &[Symbol], encoding: Encoding) -> Vec<DocumentSymbol> {
    symbols.iter().map(|symbol| entry(file, symbol, encoding)).collect()
}

#[allow(deprecated)]
fn entry(file: &File, symbol: &Symbol, encoding: Encoding) -> DocumentSymbol {
    DocumentSymbol {
        name: symbol.name.clone(),
        detail: None,
        kind: match symbol.kind {
            perilune_ide::SymbolKind::Function => SymbolKind::FUNCTION,
            perilune_ide::SymbolKind::Method => SymbolKind::METHOD,
            perilune_ide::SymbolKind::Variable => SymbolKind::VARIABLE,
            perilune_ide::SymbolKind::Constant => SymbolKind::CONSTANT,
        },
        tags: None,
        deprecated: None,
        range: file.range(symbol.span, encoding),
        selection_range: file.range(symbol.name_span, encoding),
        children: Some(converted(file, &symbol.children, encoding)),
    }
}
