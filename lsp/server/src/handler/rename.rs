//! `textDocument/prepareRename` and `textDocument/rename`.

use crate::server::Shared;
use crate::store::{File, Snapshot};
use perilune_ide::{FileId, RenameRefusal, Renaming, Span};
use std::collections::{BTreeSet, HashMap};
use tower_lsp_server::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp_server::ls_types::*;

/// `RequestFailed` of the protocol.
const REQUEST_FAILED: i64 = -32803;
/// Names the edits that may be wrong.
const DOUBTFUL: &str = "doubtful";

pub(crate) fn prepare(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
    let Some((file, offset)) = super::place(snapshot, at) else { return Ok(None) };
    let name = snapshot.workspace.renamable(file.id, offset).map_err(refused)?;
    Ok(name.map(|name| PrepareRenameResponse::RangeWithPlaceholder {
        range: file.range(name.span, snapshot.agreement.encoding),
        placeholder: file.document().slice(name.span).to_string(),
    }))
}

/// In all files that use the name, or in none.
///
/// Fields of values that nobody knows may be meant, too: a person confirms those edits, or is told of them.
pub(crate) async fn handle(shared: &Shared, snapshot: Snapshot, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
    let (edit, warning) = shared.work(snapshot, move |snapshot| answer(snapshot, &params)).await??;
    if let Some(warning) = warning {
        shared.client.show_message(MessageType::WARNING, warning).await;
    }
    Ok(edit)
}

fn answer(snapshot: &Snapshot, params: &RenameParams) -> Result<(Option<WorkspaceEdit>, Option<String>)> {
    let Some((file, offset)) = super::place(snapshot, &params.text_document_position) else { return Ok((None, None)) };
    let renaming = snapshot.workspace.rename(file.id, offset, &params.new_name).map_err(refused)?;
    let Some(renaming) = renaming else { return Ok((None, None)) };
    if snapshot.agreement.confirms_edits {
        return Ok((Some(annotated(snapshot, &renaming, &params.new_name)), None));
    }
    let warning = warning(snapshot, &renaming.doubtful);
    let changes: HashMap<Uri, Vec<TextEdit>> = renaming.certain.iter().filter_map(|(file, spans)| {
        let file = snapshot.file_with(*file)?;
        let edits = spans.iter().map(|span| edit(snapshot, &file, *span, &params.new_name)).collect();
        Some((file.uri, edits))
    }).collect();
    Ok((Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }), warning))
}

fn edit(snapshot: &Snapshot, file: &File, span: Span, new_name: &str) -> TextEdit {
    TextEdit::new(file.range(span, snapshot.agreement.encoding), new_name.to_string())
}

fn annotated(snapshot: &Snapshot, renaming: &Renaming, new_name: &str) -> WorkspaceEdit {
    let files: BTreeSet<FileId> = renaming.certain.iter().chain(&renaming.doubtful).map(|(file, _)| *file).collect();
    let spans_of = |list: &[(FileId, Vec<Span>)], wanted: FileId| -> Vec<Span> {
        list.iter().filter(|(file, _)| *file == wanted).flat_map(|(_, spans)| spans.clone()).collect()
    };
    let changes = files.into_iter().filter_map(|id| {
        let file = snapshot.file_with(id)?;
        let certain = spans_of(&renaming.certain, id).into_iter();
        let certain = certain.map(|span| OneOf::Left(edit(snapshot, &file, span, new_name)));
        let doubtful = spans_of(&renaming.doubtful, id).into_iter().map(|span| {
            let text_edit = edit(snapshot, &file, span, new_name);
            OneOf::Right(AnnotatedTextEdit { text_edit, annotation_id: DOUBTFUL.into() })
        });
        let text_document = OptionalVersionedTextDocumentIdentifier { uri: file.uri.clone(), version: file.version };
        Some(TextDocumentEdit { text_document, edits: certain.chain(doubtful).collect() })
    });
    let annotation = ChangeAnnotation {
        label: "Fields of the same name".into(),
        needs_confirmation: Some(true),
        description: Some("of values that are not known".into()),
    };
    let annotations = HashMap::from([(DOUBTFUL.to_string(), annotation)]);
    WorkspaceEdit {
        changes: None,
        document_changes: Some(DocumentChanges::Edits(changes.collect())),
        change_annotations: (!renaming.doubtful.is_empty()).then_some(annotations),
    }
}

fn warning(snapshot: &Snapshot, doubtful: &[(FileId, Vec<Span>)]) -> Option<String> {
    let count: usize = doubtful.iter().map(|(_, spans)| spans.len()).sum();
    let (file, spans) = doubtful.first()?;
    let file = snapshot.file_with(*file)?;
    let line = file.document().line_of(spans.first()?.start) + 1;
    let name = file.source.path().rsplit('/').next().unwrap_or_default();
    Some(format!("{count} fields of the same name of values that are not known were left, the first at {name}:{line}"))
}

fn refused(refusal: RenameRefusal) -> Error {
    Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: refusal.to_string().into(), data: None }
}
