//! Diagnostics, asked for or pushed.

use crate::store::{File, Store};
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, uri: &Uri) -> DocumentDiagnosticReportResult {
    let items = store.file(uri).map(|file| of(store, &file)).unwrap_or_default();
    let full_document_diagnostic_report = FullDocumentDiagnosticReport { result_id: None, items };
    let report = RelatedFullDocumentDiagnosticReport { related_documents: None, full_document_diagnostic_report };
    DocumentDiagnosticReportResult::Report(DocumentDiagnosticReport::Full(report))
}

/// Of all open files.
pub(crate) fn all(store: &mut Store) -> Vec<(Uri, i32, Vec<Diagnostic>)> {
    store.all().into_iter().map(|file| (file.uri.clone(), file.version, of(store, &file))).collect()
}

fn of(store: &mut Store, file: &File) -> Vec<Diagnostic> {
    let encoding = store.encoding;
    store.diagnostics(file).into_iter().map(|found| file.diagnostic(found, encoding)).collect()
}
