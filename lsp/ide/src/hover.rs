//! What is shown about a name: its kind, its declaration, the comment above it.

use crate::analysis::Analysis;
use crate::entity::{EntityId, EntityKind};
use crate::standard::{self, StandardItem};
use crate::workspace::{FileId, Identities, Identity, Workspace};
use crate::{Document, Span};

/// About a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The name that it is about.
    pub span: Span,
    /// Kind, name and parameters: `local width`, `function M.start(n)`.
    pub title: String,
    /// The line that declares it.
    pub source: Option<String>,
    /// The comment block above that line, without its dashes.
    pub comment: Option<String>,
    /// What the manual has about it.
    pub standard: Option<&'static StandardItem>,
}

impl Workspace {
    /// What is known about the name at a byte, from the file that defines it.
    pub fn hover(&self, file: FileId, offset: u32) -> Option<Hover> {
        let (name, identity) = self.name_at(file, offset)?;
        let definer = Identities::new(self).definers(&identity).into_iter().next();
        let standard = identity.global_path().filter(|_| definer.is_none()).and_then(|path| standard::item(&path));
        let (file, id) = definer.unwrap_or((file, name.entity));
        let source = self.file(file)?;
        let shown = describe(source.document(), source.analysis(), id);
        let title = match (standard, &identity) {
            (Some(item), _) => item.declaration(),
            (None, Identity::Field(..)) if definer.is_none() => format!("field {}", source.analysis().path(id)),
            _ => shown.title,
        };
        Some(Hover { span: name.span, title, source: shown.source, comment: shown.comment, standard })
    }
}

/// What the file that defines an entity says about it.
pub(crate) struct Description {
    pub(crate) title: String,
    pub(crate) source: Option<String>,
    pub(crate) comment: Option<String>,
}

pub(crate) fn describe(document: &Document, analysis: &Analysis, id: EntityId) -> Description {
    let entity = analysis.entity(id);
    let words = match entity.kind {
        EntityKind::Global if entity.is_function() => "global function",
        EntityKind::Member if entity.is_function() => "function",
        EntityKind::Local if entity.is_function() => "local function",
        kind => kind.words(),
    };
    let line = entity.definition.map(|span| document.line_of(span.start));
    Description {
        title: format!("{words} {}", declaration(analysis, id)),
        source: line.map(|line| document.slice(document.line_span(line)).trim().to_string()),
        comment: line.and_then(|line| comment_above(document, analysis, line)),
    }
}

/// The path of an entity, with a function's parameters: `M:stop(reason)`.
pub(crate) fn declaration(analysis: &Analysis, id: EntityId) -> String {
    let (entity, mut path) = (analysis.entity(id), analysis.path(id));
    let Some(signature) = &entity.signature else { return path };
    if let Some(dot) = path.rfind('.').filter(|_| signature.is_method) {
        path.replace_range(dot..=dot, ":");
    }
    path + &signature.text()
}

/// Comments whose lines end right above `line`.
fn comment_above(document: &Document, analysis: &Analysis, line: u32) -> Option<String> {
    let start = document.line_span(line).start;
    let tokens = analysis.tokens(document.text());
    let before = tokens.partition_point(|(_, span)| span.start < start);
    let mut next = line;
    let mut blocks = Vec::new();
    for (kind, span) in tokens[..before].iter().rev() {
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
