//! The two doors: text to AST, text to lossless tree.

use crate::ast::Ast;
use crate::error::SyntaxError;
use crate::grammar::Parser;
use crate::kind::SyntaxKind;
use crate::lex::Lexer;
use crate::sink_ast::AstSink;
use crate::sink_tree::TreeSink;
use rowan::GreenNode;

/// A compact tree and what is wrong with its text.
#[derive(Debug)]
pub struct Parsed {
    /// The tree; meaningful as a program only when there are no errors.
    pub ast: Ast,
    /// In the order they were noticed; the first has PUC Lua's wording.
    pub errors: Vec<SyntaxError>,
    /// The caller did not want to go on: the rest was not read.
    pub is_interrupted: bool,
}

/// Levels that a stand-alone interpreter uses before it reads a program.
const OUTERMOST: u32 = 1;

/// Parses a chunk for the compiler.
///
/// A byte order mark and a first line that starts with `#` are skipped.
pub fn parse(source: &[u8]) -> Parsed {
    parse_while(source, OUTERMOST, &mut |_| true)
}

/// As [`parse`], when `levels` of the nesting that the reference allows are in use already
/// by the calls that led to `load`. `keep_going` is told now and then how many tokens were read,
/// and says whether to go on.
pub fn parse_while(source: &[u8], levels: u32, keep_going: &mut dyn FnMut(usize) -> bool) -> Parsed {
    let (sink, lexer) = Parser::new(source, AstSink::with_room(source.len()), levels, keep_going).chunk();
    let ast = Ast { strings: lexer.strings.strings, ..sink.ast };
    Parsed { ast, errors: lexer.errors, is_interrupted: lexer.is_interrupted }
}

/// A token as error messages need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landmark {
    /// Line of its last byte.
    pub line: u32,
    /// How a message says that it is near the token; some cannot be shown.
    pub near: Option<String>,
}

/// The first token that begins at `offset` or behind it and is of no kind to be passed over.
pub fn token_from(source: &[u8], offset: u32, passes: impl Fn(SyntaxKind) -> bool) -> Landmark {
    let mut lexer = Lexer::new(source, false);
    let mut token = lexer.next_token();
    while token.kind != SyntaxKind::Eof && (token.start < offset || passes(token.kind)) {
        token = lexer.next_token();
    }
    Landmark { line: token.line, near: lexer.near(&token) }
}

/// Lua, as `rowan` wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lua {}

impl rowan::Language for Lua {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        SyntaxKind::from_raw(raw.0).unwrap_or(SyntaxKind::Error)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of the lossless tree.
pub type SyntaxNode = rowan::SyntaxNode<Lua>;
/// A token of the lossless tree.
pub type SyntaxToken = rowan::SyntaxToken<Lua>;
/// A node or a token of the lossless tree.
pub type SyntaxElement = rowan::SyntaxElement<Lua>;

/// A lossless tree and what is wrong with its text.
#[derive(Clone, Debug)]
pub struct TreeParse {
    green: GreenNode,
    errors: Vec<SyntaxError>,
}

impl TreeParse {
    /// The tree itself: immutable, shareable between threads.
    pub fn green(&self) -> &GreenNode {
        &self.green
    }

    /// The root, from which to walk.
    pub fn syntax(&self) -> SyntaxNode {
        SyntaxNode::new_root(self.green.clone())
    }

    /// What is wrong, in the order it was noticed.
    pub fn errors(&self) -> &[SyntaxError] {
        &self.errors
    }
}

/// Parses a chunk for the editor: the text of the tree is `source`, byte for byte.
///
/// An editor's text is Unicode. Whoever has other bytes decodes them first
/// (`String::from_utf8_lossy`) and gets the tree of the decoded text.
pub fn parse_tree(source: &str) -> TreeParse {
    let mut patient = |_| true;
    let (sink, lexer) = Parser::new(source.as_bytes(), TreeSink::new(source), OUTERMOST, &mut patient).chunk();
    TreeParse { green: sink.finish(), errors: lexer.errors }
}
