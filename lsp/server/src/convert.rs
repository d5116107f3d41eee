//! Editor terms to protocol types.

use crate::store::File;
use perilune_ide::{Diagnostic, Encoding, Severity, Span};
use tower_lsp_server::ls_types as lsp;

impl File {
    /// The byte at a position of the protocol.
    pub(crate) fn offset(&self, position: lsp::Position, encoding: Encoding) -> u32 {
        let position = perilune_ide::Position { line: position.line, column: position.character };
        self.document().offset(position, encoding)
    }

    /// A span as a range of the protocol.
    pub(crate) fn range(&self, span: Span, encoding: Encoding) -> lsp::Range {
        let position = |offset| {
            let position = self.document().position(offset, encoding);
            lsp::Position::new(position.line, position.column)
        };
        lsp::Range::new(position(span.start), position(span.end))
    }

    pub(crate) fn location(&self, span: Span, encoding: Encoding) -> lsp::Location {
        lsp::Location { uri: self.uri.clone(), range: self.range(span, encoding) }
    }

    pub(crate) fn diagnostic(&self, found: Diagnostic, encoding: Encoding) -> lsp::Diagnostic {
        let severity = match found.severity {
            Severity::Error => lsp::DiagnosticSeverity::ERROR,
            Severity::Warning => lsp::DiagnosticSeverity::WARNING,
            Severity::Hint => lsp::DiagnosticSeverity::HINT,
        };
        let related = found.related.map(|span| {
            let location = self.location(span, encoding);
            vec![lsp::DiagnosticRelatedInformation { location, message: "the hidden one".into() }]
        });
        lsp::Diagnostic {
            range: self.range(found.span, encoding),
            severity: Some(severity),
            code: Some(lsp::NumberOrString::String(found.kind.code().into())),
            source: Some("perilune".into()),
            tags: found.is_unnecessary().then(|| vec![lsp::DiagnosticTag::UNNECESSARY]),
            message: found.message,
            related_information: related,
            ..lsp::Diagnostic::default()
        }
    }

    /// A place as the live protocol counts: from 1, in bytes.
    pub(crate) fn live_position(&self, offset: u32) -> perilune_live::protocol::Position {
        let position = self.document().position(offset, Encoding::Utf8);
        perilune_live::protocol::Position { line: position.line + 1, column: position.column + 1 }
    }

    /// The byte at a place of the live protocol.
    pub(crate) fn live_offset(&self, position: perilune_live::protocol::Position) -> u32 {
        let (line, column) = (position.line.saturating_sub(1), position.column.saturating_sub(1));
        self.document().offset(perilune_ide::Position { line, column }, Encoding::Utf8)
    }
}
