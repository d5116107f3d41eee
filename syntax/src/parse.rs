//! The two doors: text to AST, text to lossless tree.

use crate::ast::Ast;
use crate::error::SyntaxError;
use crate::grammar::Parser;
use crate::kind::SyntaxKind;
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
}

/// Parses a chunk for the compiler.
///
/// A byte order mark and a first line that starts with `#` are skipped.
pub fn parse(source: &[u8]) -> Parsed {
    let (sink, strings, errors) = Parser::new(source, AstSink::default()).chunk();
    let strings = strings.into_strings();
    Parsed { ast: Ast { exprs: sink.exprs, functions: sink.functions, strings }, errors }
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
    let (sink, _, errors) = Parser::new(source.as_bytes(), TreeSink::new(source)).chunk();
    TreeParse { green: sink.finish(), errors }
}
