//! `textDocument/hover`: the declaration, and the value in the running program.

use crate::live::Program;
use crate::server::Shared;
use crate::store::{Snapshot, path_of};
use perilune_live::protocol::{Lookup, Value};
use tower_lsp_server::jsonrpc::Result;
use tower_lsp_server::ls_types::*;

/// Longer values are cut.
const MAX_VALUE: usize = 2000;

pub(crate) async fn handle(shared: &Shared, snapshot: Snapshot, at: TextDocumentPositionParams) -> Result<Option<Hover>> {
    let markdown = snapshot.agreement.markdown;
    let asked = shared.work(snapshot, move |snapshot| Some((text(snapshot, &at)?, lookup(snapshot, &at)))).await?;
    let Some(((mut value, range), lookup)) = asked else { return Ok(None) };
    if let Some(lookup) = lookup
        && let Some((program, found)) = shared.live.glance(lookup).await
        && let Some(first) = found.values.first()
    {
        value.push_str(&live(first, &program, markdown));
    }
    let kind = if markdown { MarkupKind::Markdown } else { MarkupKind::PlainText };
    Ok(Some(Hover { contents: HoverContents::Markup(MarkupContent { kind, value }), range: Some(range) }))
}

fn text(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<(String, Range)> {
    let (file, offset) = super::place(snapshot, at)?;
    let shown = snapshot.workspace.hover(file.id, offset)?;
    let markdown = snapshot.agreement.markdown;
    let source = shown.source.filter(|source| *source != shown.title);
    let mut value = match (markdown, source) {
        (true, Some(source)) => format!("**{}**\n\n```lua\n{source}\n```", escaped(&shown.title)),
        (true, None) => format!("```lua\n{}\n```", shown.title),
        (false, Some(source)) => format!("{}\n{source}", shown.title),
        (false, None) => shown.title,
    };
    if let Some(comment) = shown.comment {
        value.push_str(&format!("\n\n{comment}"));
    }
    if let Some(item) = shown.standard {
        let section = match markdown {
            true => format!("[§{0}](https://www.lua.org/manual/5.4/manual.html#{0})", item.section),
            false => format!("§{}", item.section),
        };
        value.push_str(&format!("\n\n{} ({section})", item.text));
    }
    Some((value, file.range(shown.span, snapshot.agreement.encoding)))
}

/// What the program is asked: only names and dots, so that asking runs nothing.
fn lookup(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<Lookup> {
    let (file, offset) = super::place(snapshot, at)?;
    Some(Lookup {
        source: path_of(&file.uri)?.to_string_lossy().into_owned(),
        position: file.live_position(offset),
        expression: snapshot.workspace.expression_at(file.id, offset)?,
    })
}

fn live(value: &Value, program: &Program, markdown: bool) -> String {
    let text: String = value.text.chars().take(MAX_VALUE).collect();
    let cut = if text.len() < value.text.len() { "…" } else { "" };
    match markdown {
        true => {
            let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
            let title = escaped(&program.title());
            format!("\n\n---\n\n**live** in {title}, {}\n\n{fence}lua\n{text}{cut}\n{fence}", escaped(&value.kind))
        }
        false => format!("\n\nlive in {}, {}: {text}{cut}", program.title(), value.kind),
    }
}

fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter).map(str::len).max().unwrap_or(0)
}

/// Text as it is in Markdown.
fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
            result.push('\\');
        }
        result.push(letter);
    }
    result
}
