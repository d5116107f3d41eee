//! Lua 5.4 text to a compact AST (for the compiler) or a lossless tree (for the editor).
//!
//! The grammar is written once, in `grammar`, over a sink: `sink_ast` keeps
//! the typed nodes and drops the tokens, `sink_tree` does the opposite. Parsing
//! never fails: it returns a result and a list of errors, the first of which
//! has PUC Lua's wording.

pub mod ast;
pub mod kind;
pub mod error;
pub mod number;
pub mod lex;
pub mod parse;
mod intern;
mod string;
mod scan;
mod grammar;
mod sink;
mod sink_ast;
mod sink_tree;
#[cfg(test)]
mod tests;

pub use error::SyntaxError;
pub use intern::hash_seed;
pub use kind::SyntaxKind;
pub use parse::{
    Landmark, Lua, Parsed, SyntaxElement, SyntaxNode, SyntaxToken, TreeParse, parse, parse_tree, parse_while, token_from,
};
