//! Findings as text with excerpts, or as JSON.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use perilune_ide::{Encoding, Severity, Span};
use serde_json::{Value, json};

use super::finding::Finding;

/// Lines of an excerpt; what is longer is cut.
const MAX_LINES: u32 = 6;
/// Bytes of an excerpt; lines that machines write can be endless.
const MAX_EXCERPT: usize = 4000;

/// Each finding with its lines, and how many there are.
pub fn text(findings: &[Finding], is_colored: bool) -> String {
    let renderer = if is_colored { Renderer::styled() } else { Renderer::plain() };
    let mut result = String::new();
    for finding in findings {
        result.push_str(&excerpt(finding, &renderer));
        result.push_str("\n\n");
    }
    result.push_str(&summary(findings));
    result
}

fn excerpt(finding: &Finding, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::NOTE,
    };
    let document = &finding.document;
    let first = document.line_of(finding.span.start);
    let last = document.line_of(finding.span.end.max(finding.span.start + 1) - 1).min(first + MAX_LINES - 1);
    let (start, end) = (document.line_span(first).start, document.line_span(last).end);
    let shown = document.slice(Span { start, end });
    let inside = |offset: u32| (offset.clamp(start, end) - start) as usize;
    let path = finding.path.display().to_string();
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    if shown.len() > MAX_EXCERPT {
        let position = document.position(finding.span.start, Encoding::Utf8);
        let place = format!("{path}:{}:{}", position.line + 1, position.column + 1);
        let group = annotate_snippets::Group::with_title(title);
        return format!("{}\n --> {place}", renderer.render(&[group]));
    }
    let annotation = AnnotationKind::Primary.span(inside(finding.span.start)..inside(finding.span.end));
    let snippet = Snippet::source(shown).path(path.as_str()).line_start(first as usize + 1).annotation(annotation);
    renderer.render(&[title.element(snippet)])
}

fn summary(findings: &[Finding]) -> String {
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let kinds = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Hint, "note")];
    let parts: Vec<String> = kinds.iter().map(|(severity, noun)| (count(*severity), noun))
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(count, noun))
        .collect();
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(", ")) }
}

/// A list of objects.
pub fn json(findings: &[Finding]) -> String {
    let list: Vec<Value> = findings.iter().map(object).collect();
    format!("{:#}\n", Value::Array(list))
}

fn object(finding: &Finding) -> Value {
    let place = |offset: u32| {
        let position = finding.document.position(offset, Encoding::Utf8);
        json!({ "line": position.line + 1, "column": position.column + 1 })
    };
    let range = |span: Span| json!({ "start": place(span.start), "end": place(span.end) });
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "note",
    };
    let mut object = range(finding.span);
    object["path"] = json!(finding.path.to_string_lossy());
    object["severity"] = json!(severity);
    object["code"] = json!(finding.code);
    object["message"] = json!(finding.message);
    if let Some(related) = finding.related {
        object["related"] = range(related);
    }
    object
}
