//! `textDocument/hover`.

use crate::store::Store;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, at: &TextDocumentPositionParams) -> Option<Hover> {
    let encoding = store.encoding;
    let all = super::find(store, at);
    let here = all.first()?;
    let name = here.file.analysis.occurrence_at(here.file.offset(at.position, encoding))?;
    let is_defined = |found: &&crate::store::Found| found.file.analysis.entity(found.entity).definition.is_some();
    let best = all.iter().find(is_defined).unwrap_or(here);
    let shown = perilune_ide::hover(&best.file.document, &best.file.analysis, best.entity);
    let mut value = format!("**{}**", shown.title.replace('_', "\\_"));
    if let Some(source) = shown.source {
        value.push_str(&format!("\n\n```lua\n{source}\n```"));
    }
    if let Some(comment) = shown.comment {
        value.push_str(&format!("\n\n{comment}"));
    }
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Some(Hover { contents, range: Some(here.file.range(name.span, encoding)) })
}
