//! Lines that can be folded: blocks, tables and comments.

use crate::analysis::Analysis;
use crate::{Document, Span};
use perilune_syntax::SyntaxKind;

/// What is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    /// A block, a table or a long string.
    Region,
    /// A comment, or several in a row.
    Comment,
}

/// Lines from 0, the last one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The line that stays visible.
    pub start: u32,
    /// The last line that is hidden.
    pub end: u32,
    /// What it is.
    pub kind: FoldKind,
}

/// The foldable regions of a file, by their first lines.
pub fn folds(document: &Document, analysis: &Analysis) -> Vec<Fold> {
    let mut result = Vec::new();
    let mut open: Vec<u32> = Vec::new();
    let mut comment: Option<(u32, u32)> = None;
    for (kind, span) in analysis.tokens(document.text()) {
        let (start, end) = (document.line_of(span.start), document.line_of(span.end));
        if *kind == SyntaxKind::Comment {
            comment = Some(match comment {
                Some((first, last)) if last + 1 == start && is_alone(document, *span) => (first, end),
                other => {
                    push(&mut result, other, FoldKind::Comment);
                    (start, end)
                }
            });
            continue;
        }
        push(&mut result, comment.take(), FoldKind::Comment);
        match kind {
            SyntaxKind::Function | SyntaxKind::Do | SyntaxKind::Repeat | SyntaxKind::Then | SyntaxKind::LeftBrace => {
                open.push(start);
            }
            SyntaxKind::Else => {
                fold_block(&mut result, open.pop(), start);
                open.push(start);
            }
            SyntaxKind::End | SyntaxKind::Until | SyntaxKind::RightBrace | SyntaxKind::ElseIf => {
                fold_block(&mut result, open.pop(), start);
            }
            SyntaxKind::String => push(&mut result, Some((start, end)), FoldKind::Region),
            _ => {}
        }
    }
    push(&mut result, comment, FoldKind::Comment);
    result.sort_by_key(|fold| (fold.start, std::cmp::Reverse(fold.end)));
    result
}

/// Whether nothing stands before the comment in its line.
fn is_alone(document: &Document, span: Span) -> bool {
    let line = document.line_span(document.line_of(span.start));
    document.slice(Span { start: line.start, end: span.start }).trim().is_empty()
}

/// The closing line stays visible.
fn fold_block(result: &mut Vec<Fold>, start: Option<u32>, closing: u32) {
    push(result, start.map(|start| (start, closing.saturating_sub(1))), FoldKind::Region);
}

fn push(result: &mut Vec<Fold>, lines: Option<(u32, u32)>, kind: FoldKind) {
    if let Some((start, end)) = lines.filter(|(start, end)| start < end) {
        result.push(Fold { start, end, kind });
    }
}
