//! One file for each kind of request: the store in, protocol types out.

pub(crate) mod initialize;
pub(crate) mod diagnostic;
pub(crate) mod definition;
pub(crate) mod reference;
pub(crate) mod highlight;
pub(crate) mod hover;
pub(crate) mod rename;
pub(crate) mod symbol;
pub(crate) mod token;
pub(crate) mod folding;

use crate::store::{Found, Store};
use tower_lsp_server::ls_types::TextDocumentPositionParams;

/// What the name under the cursor stands for, its own file first.
fn find(store: &mut Store, at: &TextDocumentPositionParams) -> Vec<Found> {
    let (encoding, uri) = (store.encoding, &at.text_document.uri);
    let Some(file) = store.file(uri) else { return Vec::new() };
    store.find(uri, file.offset(at.position, encoding))
}
