//! Diagnostics, asked for or pushed.

use crate::store::{File, Snapshot};
use perilune_ide::{DiagnosticKind, Severity};
use std::hash::{DefaultHasher, Hash, Hasher};
use tower_lsp_server::ls_types::*;

/// The report; that nothing changed, if it would be the one that the client has.
pub(crate) fn handle(snapshot: &Snapshot, uri: &Uri, previous: Option<String>) -> DocumentDiagnosticReportResult {
    let items = snapshot.file(uri).map(|file| of(snapshot, &file, true)).unwrap_or_default();
    let result_id = result_id(&items);
    let report = if result_id.is_some() && result_id == previous {
        DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
            related_documents: None,
            unchanged_document_diagnostic_report: UnchangedDocumentDiagnosticReport {
                result_id: previous.unwrap_or_default(),
            },
        })
    } else {
        let full_document_diagnostic_report = FullDocumentDiagnosticReport { result_id, items };
        DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report,
        })
    };
    DocumentDiagnosticReportResult::Report(report)
}

/// Equal for equal reports, so that nothing needs to be remembered for any client.
fn result_id(items: &[Diagnostic]) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(items).ok()?.hash(&mut hasher);
    Some(format!("{:016x}", hasher.finish()))
}

/// What is pushed for each open file: what is wrong, unless the client asks for that, and what was refused.
pub(crate) fn pushed(snapshot: &Snapshot, is_read: bool) -> Vec<(Uri, Option<i32>, Vec<Diagnostic>)> {
    let files = snapshot.open_files().into_iter();
    let pushed = files.map(|file| {
        let refused = snapshot.refusals.get(&file.id).cloned();
        let found = if snapshot.agreement.pulls { Vec::new() } else { of(snapshot, &file, is_read) };
        let is_pushed = !snapshot.agreement.pulls || refused.is_some();
        let all = found.into_iter().chain(refused.into_iter().flatten()).collect();
        (is_pushed, (file.uri, file.version, all))
    });
    pushed.filter(|(is_pushed, _)| *is_pushed).map(|(_, pushed)| pushed).collect()
}

/// More than anybody looks through; editors become slow.
const MAX_DIAGNOSTICS: usize = 1000;

/// The worst ones, if there are too many.
fn limited(mut found: Vec<perilune_ide::Diagnostic>) -> Vec<perilune_ide::Diagnostic> {
    if found.len() > MAX_DIAGNOSTICS {
        found.sort_by_key(|found| (found.severity != Severity::Error, found.span.start));
        found.truncate(MAX_DIAGNOSTICS);
    }
    found
}

/// Which globals are undefined is known when all files have been read.
fn of(snapshot: &Snapshot, file: &File, is_read: bool) -> Vec<Diagnostic> {
    let found = limited(snapshot.workspace.diagnostics(file.id));
    let known = found.into_iter().filter(|found| is_read || found.kind != DiagnosticKind::UndefinedGlobal);
    known.map(|found| file.diagnostic(found, snapshot.agreement.encoding)).collect()
}
