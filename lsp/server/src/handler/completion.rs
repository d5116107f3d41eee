//! `textDocument/completion`: what the files have, and what the running program has.

use crate::server::Shared;
use crate::store::{File, Snapshot, path_of};
use perilune_ide::{Completion, CompletionKind, Completions};
use perilune_live::protocol::{ChildFilter, Children, ChildrenResult, Lookup};
use std::collections::HashSet;
use tower_lsp_server::jsonrpc::Result;
use tower_lsp_server::ls_types::*;

/// Fields of a table in the running program that are offered.
const MAX_LIVE: u32 = 300;

pub(crate) async fn handle(
    shared: &Shared,
    snapshot: Snapshot,
    at: TextDocumentPositionParams,
) -> Result<Option<CompletionResponse>> {
    let asked = shared.work(snapshot, move |snapshot| {
        let (file, offset) = super::place(snapshot, &at)?;
        let found = snapshot.workspace.complete(file.id, offset);
        let range = file.range(found.span, snapshot.agreement.encoding);
        let lookup = lookup(&file, offset, &found);
        Some((found, range, lookup))
    });
    let Some((found, range, lookup)) = asked.await? else { return Ok(None) };
    let known: HashSet<String> = found.items.iter().map(|item| item.label.clone()).collect();
    let mut items: Vec<CompletionItem> = found.items.into_iter().map(|item| converted(item, range)).collect();
    if let Some(lookup) = lookup
        && let Some(children) = fields(shared, lookup).await
    {
        items.extend(live(children, &known, found.wants_method, range));
    }
    Ok((!items.is_empty()).then_some(CompletionResponse::Array(items)))
}

fn converted(item: Completion, range: Range) -> CompletionItem {
    let kind = match item.kind {
        CompletionKind::Variable => CompletionItemKind::VARIABLE,
        CompletionKind::Constant => CompletionItemKind::CONSTANT,
        CompletionKind::Function => CompletionItemKind::FUNCTION,
        CompletionKind::Method => CompletionItemKind::METHOD,
        CompletionKind::Field => CompletionItemKind::FIELD,
        CompletionKind::Module => CompletionItemKind::MODULE,
        CompletionKind::Keyword | CompletionKind::Attribute => CompletionItemKind::KEYWORD,
        CompletionKind::Label => CompletionItemKind::REFERENCE,
    };
    CompletionItem {
        kind: Some(kind),
        detail: item.detail,
        documentation: item.documentation.map(Documentation::String),
        sort_text: Some(format!("{}{}", item.nearness as u8, item.label)),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, item.label.clone()))),
        label: item.label,
        ..CompletionItem::default()
    }
}

fn lookup(file: &File, offset: u32, found: &Completions) -> Option<Lookup> {
    Some(Lookup {
        source: path_of(&file.uri)?.to_string_lossy().into_owned(),
        position: file.live_position(offset),
        expression: found.holder.clone()?,
    })
}

/// The fields of what an expression stands for in the running program.
async fn fields(shared: &Shared, lookup: Lookup) -> Option<ChildrenResult> {
    let (_, found) = shared.live.glance(lookup).await?;
    let reference = found.values.first()?.reference;
    let request = Children { reference, start: 0, count: Some(MAX_LIVE), filter: ChildFilter::Named };
    Some(shared.live.glance(request).await.filter(|_| reference != 0)?.1)
}

fn live(
    children: ChildrenResult,
    known: &HashSet<String>,
    wants_method: bool,
    range: Range,
) -> impl Iterator<Item = CompletionItem> {
    let new = children.children.into_iter().filter(move |child| {
        is_name(&child.name) && !known.contains(&child.name) && (!wants_method || child.value.kind == "function")
    });
    new.map(move |child| CompletionItem {
        kind: Some(match child.value.kind.as_str() {
            "function" => CompletionItemKind::FUNCTION,
            _ => CompletionItemKind::FIELD,
        }),
        detail: Some(format!("live {}: {}", child.value.kind, child.value.text.lines().next().unwrap_or_default())),
        sort_text: Some(format!("0{}", child.name)),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, child.name.clone()))),
        label: child.name,
        ..CompletionItem::default()
    })
}

/// Whether a field can be written after a dot.
fn is_name(text: &str) -> bool {
    let is_letter = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
    text.starts_with(|first: char| is_letter(first) && !first.is_ascii_digit()) && text.chars().all(is_letter)
}
