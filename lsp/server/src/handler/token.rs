//! `textDocument/semanticTokens/full`.

use crate::store::Snapshot;
use perilune_ide::TokenKind;
use tower_lsp_server::ls_types::*;

/// What the numbers in the answers mean.
pub(crate) fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: TokenKind::ALL.map(kind).to_vec(),
        token_modifiers: vec![
            SemanticTokenModifier::DECLARATION,
            SemanticTokenModifier::READONLY,
            SemanticTokenModifier::DEFAULT_LIBRARY,
        ],
    }
}

fn kind(kind: TokenKind) -> SemanticTokenType {
    match kind {
        TokenKind::Keyword => SemanticTokenType::KEYWORD,
        TokenKind::Comment => SemanticTokenType::COMMENT,
        TokenKind::String => SemanticTokenType::STRING,
        TokenKind::Number => SemanticTokenType::NUMBER,
        TokenKind::Operator => SemanticTokenType::OPERATOR,
        TokenKind::Variable => SemanticTokenType::VARIABLE,
        TokenKind::Parameter => SemanticTokenType::PARAMETER,
        TokenKind::Function => SemanticTokenType::FUNCTION,
        TokenKind::Property => SemanticTokenType::PROPERTY,
        TokenKind::Label => SemanticTokenType::new("label"),
    }
}

pub(crate) fn handle(snapshot: &Snapshot, uri: &Uri) -> Option<SemanticTokensResult> {
    let file = snapshot.file(uri)?;
    let mut last = Position::new(0, 0);
    let mut data = Vec::new();
    for token in perilune_ide::semantic_tokens(file.document(), file.analysis()) {
        let range = file.range(token.span, snapshot.agreement.encoding);
        let is_same_line = range.start.line == last.line;
        data.push(SemanticToken {
            delta_line: range.start.line - last.line,
            delta_start: range.start.character - if is_same_line { last.character } else { 0 },
            length: range.end.character - range.start.character,
            token_type: token.kind as u32,
            token_modifiers_bitset: u32::from(token.is_declaration)
                | u32::from(token.is_read_only) << 1
                | u32::from(token.is_standard) << 2,
        });
        last = range.start;
    }
    Some(SemanticTokensResult::Tokens(SemanticTokens { result_id: None, data }))
}
