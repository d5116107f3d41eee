//! The grammar of Lua 5.4, written once, over a [`Sink`].
//!
//! This file is the machinery: the current token, errors, recovery and the
//! nesting limit. `stat.rs` and `expr.rs` hold the rules.
//!
//! Errors: the first one in a statement counts; what follows it is noise until
//! the enclosing block finds a place to go on (`Parser::resynchronise`).

mod expr;
mod stat;

use crate::ast::{Block, Function, List, Name, Span, Stat, StrId};
use crate::error::SyntaxError;
use crate::kind::SyntaxKind;
use crate::lex::{Lexer, Token, TokenValue};
use crate::sink::{Mark, Sink};

/// PUC Lua's limit of C calls, of which each nested statement and operand is one.
const MAX_LEVELS: u32 = 200;
/// Past the limit, while an overflow is being handled, some more are allowed.
const MAX_HANDLING_LEVELS: u32 = MAX_LEVELS / 10 * 11;

/// Tokens between two questions whether to go on.
const TOKENS: u32 = 1024;

/// One pass over a text.
pub(crate) struct Parser<'s, S> {
    lexer: Lexer<'s>,
    current: Token,
    /// Line and end of the token before the current one.
    last_line: u32,
    last_end: u32,
    sink: S,
    levels: u32,
    /// Whether the function being read has `...`.
    is_vararg: bool,
    /// Whether errors are noise because of an earlier one.
    is_recovering: bool,
    /// Whether the nesting limit was met: the rest of the text is not read as a program.
    is_over: bool,
    /// Told of the tokens read; says whether to go on.
    keep_going: &'s mut dyn FnMut(usize) -> bool,
    /// Tokens until it is asked again.
    tokens_left: u32,
}

impl<'s, S: Sink> Parser<'s, S> {
    /// `levels` are the C calls that the reference would be inside of.
    pub(crate) fn new(source: &'s [u8], sink: S, levels: u32, keep_going: &'s mut dyn FnMut(usize) -> bool) -> Parser<'s, S> {
        let mut lexer = Lexer::new(source, S::LOSSLESS);
        let current = lexer.next_token();
        Parser {
            lexer,
            current,
            last_line: 1,
            last_end: 0,
            sink,
            levels,
            is_vararg: true,
            is_recovering: false,
            is_over: false,
            keep_going,
            tokens_left: TOKENS,
        }
    }

    /// Parses all of the text.
    pub(crate) fn chunk(mut self) -> (S, Lexer<'s>) {
        let begun = self.sink.begin::<Stat>();
        let mut body = self.statements();
        while !self.at(SyntaxKind::Eof) {
            self.expected("<eof>");
            if self.at_block_end() {
                self.skip_in_error_node();
                self.is_recovering = self.is_over;
            }
            self.resynchronise();
            self.statements();
        }
        body.stats = self.sink.end(begun);
        body.last_line = self.last_line;
        body.end_line = self.current.line;
        self.flush_trivia();
        let span = Span { start: 0, end: self.lexer.source.len() as u32 };
        let params = List::EMPTY;
        self.sink.function(Function { params, is_vararg: true, body, line: 0, end_line: 0, is_closed: false, span });
        (self.sink, self.lexer)
    }

    fn at(&self, kind: SyntaxKind) -> bool {
        self.current.kind == kind
    }

    /// Takes the current token.
    fn bump(&mut self) {
        self.flush_trivia();
        if S::LOSSLESS && !self.at(SyntaxKind::Eof) {
            self.sink.token(self.current.kind, self.current.start, self.current.end);
        }
        self.last_line = self.current.line;
        self.last_end = self.current.end;
        let errors_before = self.lexer.errors.len();
        self.current = self.lexer.next_token();
        if self.is_over {
            self.lexer.errors.truncate(errors_before);
        }
        self.tokens_left -= 1;
        if self.tokens_left == 0 {
            self.ask();
        }
    }

    /// Asks whether to go on. If not, nothing is left of the text.
    #[cold]
    fn ask(&mut self) {
        self.tokens_left = TOKENS;
        if !(self.keep_going)(TOKENS as usize) {
            self.lexer.interrupt();
            self.current = self.lexer.next_token();
            self.is_over = true;
            self.is_recovering = true;
        }
    }

    /// Takes the current token if it is of this kind.
    fn eat(&mut self, kind: SyntaxKind) -> bool {
        let is_there = self.at(kind);
        if is_there {
            self.bump();
        }
        is_there
    }

    /// Takes a token of this kind or reports its absence.
    fn expect(&mut self, kind: SyntaxKind) -> bool {
        if !self.eat(kind) {
            self.expected(&format!("'{}'", kind.text()));
            return false;
        }
        // A reserved word where it is due: the parser knows again where it is.
        self.is_recovering &= self.is_over || !kind.is_keyword();
        true
    }

    /// As `expect`, for the token that closes what `opening` began at `line`.
    fn expect_closing(&mut self, kind: SyntaxKind, opening: SyntaxKind, line: u32) {
        if self.at(kind) || line == self.current.line {
            self.expect(kind);
            return;
        }
        let (closing, opening) = (kind.text(), opening.text());
        self.error(&format!("'{closing}' expected (to close '{opening}' at line {line})"));
    }

    fn expect_name(&mut self) -> Name {
        let name = self.current_name();
        if self.at(SyntaxKind::Name) {
            self.bump();
        } else {
            self.expected("<name>");
        }
        name
    }

    /// The current token as a name; an empty name when it is none.
    fn current_name(&mut self) -> Name {
        let Token { line, value, .. } = self.current;
        match value {
            TokenValue::Str(text) if self.at(SyntaxKind::Name) => {
                Name { text, line, span: self.current.span() }
            }
            _ => self.implicit_name(b""),
        }
    }

    /// A name that is not in the text, placed before the current token.
    fn implicit_name(&mut self, text: &[u8]) -> Name {
        let text: StrId = self.lexer.strings.intern(text);
        let start = self.current.start;
        Name { text, line: self.current.line, span: Span { start, end: start } }
    }

    fn expected(&mut self, what: &str) {
        self.error(&format!("{what} expected"));
    }

    /// Reports an error at the current token.
    fn error(&mut self, message: &str) {
        let message = match self.lexer.near(&self.current) {
            Some(near) if !self.is_recovering => format!("{message} near {near}"),
            _ => message.to_string(),
        };
        self.semantic_error(message);
    }

    /// Reports an error that names no token.
    fn semantic_error(&mut self, message: String) {
        let span = self.current.span();
        let is_known = self.lexer.errors.last().is_some_and(|last| last.span.start == span.start);
        if !self.is_recovering && !is_known {
            self.lexer.errors.push(SyntaxError { message, line: self.current.line, span });
        }
        self.is_recovering = true;
    }

    /// Counts one more level of nesting; false, and the end of parsing, when it is one too many.
    fn enter_level(&mut self) -> bool {
        self.levels = self.levels.saturating_add(1);
        if self.levels != MAX_LEVELS && self.levels < MAX_HANDLING_LEVELS {
            return true;
        }
        self.levels -= 1;
        self.semantic_error("C stack overflow".into());
        self.abandon();
        false
    }

    fn leave_level(&mut self) {
        self.levels -= 1;
    }

    /// Takes the rest of the text, so that every rule on the way out sees its end.
    fn abandon(&mut self) {
        self.is_over = true;
        if !S::LOSSLESS {
            self.lexer.position = self.lexer.source.len();
            self.bump();
            return;
        }
        self.open(SyntaxKind::Error);
        while !self.at(SyntaxKind::Eof) {
            self.bump();
        }
        self.close();
    }

    fn skip_in_error_node(&mut self) {
        if self.at(SyntaxKind::Eof) {
            return;
        }
        self.open(SyntaxKind::Error);
        self.bump();
        self.close();
    }

    /// After an error: skips to a token where a statement may begin or the block may end.
    fn resynchronise(&mut self) {
        if !self.is_recovering {
            return;
        }
        let mut is_open = false;
        while !self.is_statement_boundary() {
            if !is_open {
                self.open(SyntaxKind::Error);
                is_open = true;
            }
            self.bump();
        }
        if is_open {
            self.close();
        }
        self.is_recovering = self.is_over;
    }

    fn is_statement_boundary(&self) -> bool {
        use SyntaxKind::*;
        match self.current.kind {
            Break | Do | For | Function | Goto | If | Local | Repeat | Return | While => true,
            Semicolon | DoubleColon => true,
            Name => self.last_line < self.current.line,
            _ => self.at_block_end(),
        }
    }

    /// Whether the current token ends any block.
    fn at_block_end(&self) -> bool {
        use SyntaxKind::*;
        matches!(self.current.kind, End | Else | ElseIf | Until | Eof)
    }

    fn flush_trivia(&mut self) {
        if S::LOSSLESS {
            for trivia in self.lexer.trivia.drain(..) {
                self.sink.token(trivia.kind, trivia.start, trivia.end);
            }
        }
    }

    fn mark(&mut self) -> Mark {
        self.flush_trivia();
        self.sink.mark()
    }

    fn open(&mut self, kind: SyntaxKind) {
        self.flush_trivia();
        self.sink.open(kind);
    }

    fn close(&mut self) {
        self.sink.close();
    }

    /// From `start` to the end of the token taken last.
    fn span_from(&self, start: u32) -> Span {
        Span { start, end: self.last_end.max(start) }
    }

    /// Statements up to a token that ends a block.
    fn block(&mut self) -> Block {
        let begun = self.sink.begin::<Stat>();
        let block = self.statements();
        Block { stats: self.sink.end(begun), ..block }
    }

    /// As [`Parser::block`], but the statements go on with the list that is open.
    fn statements(&mut self) -> Block {
        self.open(SyntaxKind::Block);
        let first_line = self.last_line;
        while !self.at_block_end() {
            let (is_return, position) = (self.at(SyntaxKind::Return), self.current.start);
            if let Some(stat) = self.statement() {
                self.sink.item(stat);
            }
            if self.is_recovering && self.current.start == position {
                self.skip_in_error_node();
            }
            self.resynchronise();
            if is_return {
                break;
            }
        }
        self.close();
        Block { stats: List::EMPTY, first_line, last_line: self.last_line, end_line: self.current.line }
    }
}
