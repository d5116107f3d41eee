//! Where the cursor stands, by the tokens around it.

use super::continues_name;
use crate::analysis::Analysis;
use crate::{Document, Span};
use perilune_syntax::SyntaxKind;

/// What may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Nothing that is known.
    Nowhere,
    /// A variable, a function or a reserved word.
    Name,
    /// A field.
    Field,
    /// A method.
    Method,
    /// A label.
    Label,
    /// `const` or `close`.
    Attribute,
    /// The name of a module.
    Module,
}

/// The surroundings of the cursor.
pub(super) struct Context {
    pub(super) position: Position,
    /// The word at the cursor, which may be empty.
    pub(super) word: Span,
    /// What a field is taken from, if only names lead to it.
    pub(super) holder: Option<String>,
    /// Whether a lone name there would be no statement.
    pub(super) needs_call: bool,
}

type Token = (SyntaxKind, Span);

impl Context {
    pub(super) fn new(document: &Document, analysis: &Analysis, offset: u32) -> Context {
        let text = document.text();
        let tokens = analysis.tokens(text);
        let word = word_at(text, offset);
        let first = tokens.partition_point(|(_, span)| span.start < word.start);
        let before: Vec<Token> = significant(tokens[..first].iter().rev()).take(40).collect();
        let next = significant(tokens[first..].iter()).find(|(_, span)| span.start >= word.end);
        let inside = first.checked_sub(1).and_then(|index| tokens.get(index));
        let inside = inside.filter(|(kind, span)| encloses(*kind, *span, word.start, text));
        let mut context = Context {
            position: Position::Nowhere,
            word,
            holder: None,
            needs_call: next.is_none_or(|(kind, _)| !continues_name(kind)),
        };
        match inside {
            Some(literal) => context.inside_literal(*literal, &before, text),
            None if text[word.start as usize..].starts_with(|letter: char| letter.is_ascii_digit()) => {}
            None => context.position = position(&before),
        }
        if matches!(context.position, Position::Field | Position::Method) {
            context.holder = holder(&before[1..], text);
        }
        context
    }

    /// A string that is what `require` is called with can be completed.
    fn inside_literal(&mut self, (kind, span): Token, before: &[Token], text: &str) {
        let mut callers = before.iter().skip_while(|(_, other)| *other == span);
        let mut caller = callers.next();
        if caller.is_some_and(|(kind, _)| *kind == SyntaxKind::LeftParen) {
            caller = callers.next();
        }
        let is_require = caller.is_some_and(|(_, span)| slice(text, *span) == "require");
        let written = slice(text, span);
        if is_require && kind == SyntaxKind::String && written.starts_with(['"', '\'']) {
            let end = span.end - u32::from(is_closed(written));
            self.position = Position::Module;
            self.word = Span { start: span.start + 1, end: end.max(span.start + 1) };
        }
    }
}

fn position(before: &[Token]) -> Position {
    use SyntaxKind::*;
    let kinds: Vec<SyntaxKind> = before.iter().take(3).map(|(kind, _)| *kind).collect();
    match kinds.as_slice() {
        [Dot, ..] => Position::Field,
        [Colon, ..] => Position::Method,
        [Goto, ..] => Position::Label,
        [Less, Name, Local | Comma] => Position::Attribute,
        [Local | For | DoubleColon, ..] | [Function, Local, ..] => Position::Nowhere,
        _ => Position::Name,
    }
}

/// `a.b` from the tokens before a dot, last one first.
fn holder(before: &[Token], text: &str) -> Option<String> {
    let mut names = Vec::new();
    let mut tokens = before.iter();
    loop {
        let (kind, span) = tokens.next()?;
        if *kind != SyntaxKind::Name {
            return None;
        }
        names.push(slice(text, *span));
        match tokens.next() {
            Some((SyntaxKind::Dot, _)) => {}
            Some((SyntaxKind::Colon, _)) => return None,
            _ => break,
        }
    }
    names.reverse();
    Some(names.join("."))
}

fn significant<'t>(tokens: impl Iterator<Item = &'t Token>) -> impl Iterator<Item = Token> {
    tokens.filter(|(kind, _)| !kind.is_trivia()).copied()
}

/// Whether a byte is inside a token whose text means nothing to the grammar.
fn encloses(kind: SyntaxKind, span: Span, offset: u32, text: &str) -> bool {
    let written = slice(text, span);
    match kind {
        SyntaxKind::Comment => offset < span.end || (offset == span.end && !written.ends_with(']')),
        SyntaxKind::String => offset < span.end || (offset == span.end && !is_closed(written)),
        SyntaxKind::Integer | SyntaxKind::Float => offset <= span.end,
        _ => false,
    }
}

/// Whether a string literal has its end.
fn is_closed(literal: &str) -> bool {
    let quote = literal.get(..1).unwrap_or_default();
    let inner = literal.get(1..).and_then(|rest| rest.strip_suffix(quote));
    let backslashes = inner.map(|inner| inner.len() - inner.trim_end_matches('\\').len());
    literal.ends_with(']') || backslashes.is_some_and(|count| count % 2 == 0)
}

fn word_at(text: &str, offset: u32) -> Span {
    let bytes = text.as_bytes();
    let is_letter = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric();
    let mut offset = (offset as usize).min(bytes.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = bytes[..offset].iter().rev().take_while(|byte| is_letter(byte)).count();
    let after = bytes[offset..].iter().take_while(|byte| is_letter(byte)).count();
    Span { start: (offset - before) as u32, end: (offset + after) as u32 }
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.end as usize).unwrap_or_default()
}
