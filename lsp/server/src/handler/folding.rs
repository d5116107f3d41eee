//! `textDocument/foldingRange`.

use crate::store::Snapshot;
use perilune_ide::FoldKind;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(snapshot: &Snapshot, uri: &Uri) -> Option<Vec<FoldingRange>> {
    let file = snapshot.file(uri)?;
    let folds = perilune_ide::folds(file.document(), file.analysis());
    Some(folds.into_iter().map(|fold| FoldingRange {
        start_line: fold.start,
        end_line: fold.end,
        kind: Some(match fold.kind {
            FoldKind::Region => FoldingRangeKind::Region,
            FoldKind::Comment => FoldingRangeKind::Comment,
        }),
        ..FoldingRange::default()
    }).collect())
}
