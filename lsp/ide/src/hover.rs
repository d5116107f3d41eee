//! What is shown about a name: its kind, its declaration, the comment above it.

use crate::analysis::Analysis;
use crate::entity::{EntityId, EntityKind};
use crate::{Document, Span, is_standard_global};

/// About a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// Kind and name: `local width`.
    pub title: String,
    /// The line that declares it.
    pub source: Option<String>,
    /// The comment block above that line, without its dashes.
    pub comment: Option<String>,
}

/// What the file that defines `id` says about it.
pub fn hover(document: &Document, analysis: &Analysis, id: EntityId) -> Hover {
    let entity = analysis.entity(id);
    let words = match entity.kind {
        EntityKind::Global if entity.definition.is_none() && is_standard_global(&entity.name) => "standard global",
        EntityKind::Global if entity.is_function => "global function",
        EntityKind::Member if entity.is_function => "function",
        kind => kind.words(),
    };
    let line = entity.definition.map(|span| document.line_of(span.start));
    Hover {
        title: format!("{words} {}", path(analysis, id)),
        source: line.map(|line| document.slice(document.line_span(line)).trim().to_string()),
        comment: line.and_then(|line| comment_above(document, analysis, line)),
    }
}

fn path(analysis: &Analysis, id: EntityId) -> String {
    let entity = analysis.entity(id);
    match entity.parent {
        Some(parent) => format!("{}.{}", path(analysis, parent), entity.name),
        None => entity.name.clone(),
    }
}

/// Comments whose lines end right above `line`.
fn comment_above(document: &Document, analysis: &Analysis, line: u32) -> Option<String> {
    let start = document.line_span(line).start;
    let before = analysis.tokens.partition_point(|(_, span)| span.start < start);
    let mut next = line;
    let mut blocks = Vec::new();
    for (kind, span) in analysis.tokens[..before].iter().rev() {
        let first = document.line_of(span.start);
        let line_start = document.line_span(first).start;
        let is_alone = document.slice(Span { start: line_start, end: span.start }).trim().is_empty();
        let touches = document.line_of(span.end.max(span.start + 1) - 1) + 1 == next;
        if *kind != perilune_syntax::SyntaxKind::Comment || !is_alone || !touches {
            break;
        }
        blocks.push(bare(document.slice(*span)));
        next = first;
    }
    blocks.reverse();
    Some(blocks.join("\n")).filter(|text| !text.is_empty())
}

/// A comment without its delimiters.
fn bare(comment: &str) -> String {
    let text = comment.strip_prefix("--").unwrap_or(comment);
    let level = text.strip_prefix('[').map(|rest| rest.len() - rest.trim_start_matches('=').len());
    let long = level.and_then(|level| {
        let inner = text.get(level + 1..)?.strip_prefix('[')?;
        inner.get(..inner.len().checked_sub(level + 2)?)
    });
    match long {
        Some(inner) => inner.trim().to_string(),
        None => text.trim_start_matches('-').trim().to_string(),
    }
}
