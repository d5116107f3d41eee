//! Tokens with a meaning, for colouring.

use crate::analysis::Analysis;
use crate::entity::{EntityKind, Role};
use crate::standard::item;
use crate::{Document, Span, is_standard_global};
use perilune_syntax::SyntaxKind;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TokenKind {
    Keyword, Comment, String, Number, Operator, Variable, Parameter, Function, Property, Label,
}

impl TokenKind {
    /// All kinds; the discriminant is the index.
    pub const ALL: [TokenKind; 10] = [
        TokenKind::Keyword, TokenKind::Comment, TokenKind::String, TokenKind::Number, TokenKind::Operator,
        TokenKind::Variable, TokenKind::Parameter, TokenKind::Function, TokenKind::Property, TokenKind::Label,
    ];
}

/// A token inside one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SemanticToken {
    /// Its bytes.
    pub span: Span,
    /// What it is.
    pub kind: TokenKind,
    /// Whether it declares its name.
    pub is_declaration: bool,
    /// Whether its variable cannot be assigned to.
    pub is_read_only: bool,
    /// Whether it names something of Lua's library.
    pub is_standard: bool,
}

/// The tokens of a file in order; what spans lines is cut at their ends.
pub fn semantic_tokens(document: &Document, analysis: &Analysis) -> Vec<SemanticToken> {
    let mut result = Vec::new();
    let mut names = analysis.occurrences.iter().peekable();
    for (kind, span) in analysis.tokens(document.text()) {
        while names.next_if(|name| name.span.start < span.start).is_some() {}
        let mut token = match token_kind(*kind) {
            Some(kind) => plain(*span, kind),
            None => continue,
        };
        if *kind == SyntaxKind::Name
            && let Some(name) = names.peek().filter(|name| name.span == *span)
        {
            let entity = analysis.entity(name.entity);
            token.kind = name_kind(entity.kind, entity.is_function());
            token.is_declaration = name.role == Role::Declare || entity.definition == Some(*span);
            token.is_read_only = entity.kind.is_read_only();
            token.is_standard = entity.kind == EntityKind::Global
                && entity.definition.is_none()
                && is_standard_global(&entity.name);
            if token.is_standard && item(&entity.name).is_some_and(|item| item.params.is_some()) {
                token.kind = TokenKind::Function;
            }
        }
        push_lines(document, token, &mut result);
    }
    result
}

fn plain(span: Span, kind: TokenKind) -> SemanticToken {
    SemanticToken { span, kind, is_declaration: false, is_read_only: false, is_standard: false }
}

fn token_kind(kind: SyntaxKind) -> Option<TokenKind> {
    Some(match kind {
        SyntaxKind::Comment | SyntaxKind::Shebang => TokenKind::Comment,
        SyntaxKind::String => TokenKind::String,
        SyntaxKind::Integer | SyntaxKind::Float => TokenKind::Number,
        SyntaxKind::Name => TokenKind::Property,
        _ if kind.is_keyword() => TokenKind::Keyword,
        _ if (SyntaxKind::Plus..=SyntaxKind::Assign).contains(&kind) => TokenKind::Operator,
        _ => return None,
    })
}

fn name_kind(kind: EntityKind, is_function: bool) -> TokenKind {
    match kind {
        EntityKind::LocalFunction => TokenKind::Function,
        EntityKind::Parameter => TokenKind::Parameter,
        EntityKind::Label => TokenKind::Label,
        _ if is_function => TokenKind::Function,
        EntityKind::Member => TokenKind::Property,
        _ => TokenKind::Variable,
    }
}

fn push_lines(document: &Document, token: SemanticToken, result: &mut Vec<SemanticToken>) {
    for line in document.line_of(token.span.start)..=document.line_of(token.span.end) {
        let bounds = document.line_span(line);
        let span = Span { start: token.span.start.max(bounds.start), end: token.span.end.min(bounds.end) };
        if span.start < span.end {
            result.push(SemanticToken { span, ..token });
        }
    }
}
