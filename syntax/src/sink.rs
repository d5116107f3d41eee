//! Where the grammar's findings go.
//!
//! The grammar is generic over [`Sink`] and compiled once per sink, so that the
//! calls a sink ignores cost nothing.

use crate::ast::{ExprId, ExprNode, Function, FunctionId, Item, List};
use crate::kind::SyntaxKind;

/// A place in the tree before which nothing moves any more: a node may be opened there later.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    /// The tree's own position.
    pub(crate) checkpoint: Option<rowan::Checkpoint>,
    /// Height of the siblings before the mark.
    pub(crate) height: u32,
}

/// Where a list begins among the items of lists that are not at their ends.
#[derive(Clone, Copy)]
pub(crate) struct Begun(pub(crate) usize);

/// Receives tokens and nodes (of the tree) and typed nodes (of the AST).
pub(crate) trait Sink {
    /// Whether tokens and trivia are wanted.
    const LOSSLESS: bool;

    /// A token or a piece of trivia.
    fn token(&mut self, _kind: SyntaxKind, _start: u32, _end: u32) {}
    /// Remembers the place before the next token. Marks are released last to first.
    fn mark(&mut self) -> Mark {
        Mark { checkpoint: None, height: 0 }
    }
    /// Opens a node that holds all since `mark`.
    fn open_at(&mut self, _mark: &Mark, _kind: SyntaxKind) {}
    /// Opens a node.
    fn open(&mut self, _kind: SyntaxKind) {}
    /// Closes the node opened last.
    fn close(&mut self) {}
    /// Ends the use of a mark.
    fn release(&mut self, _mark: Mark) {}

    /// Keeps an expression.
    fn expr(&mut self, node: ExprNode) -> ExprId;
    /// Keeps a function body.
    fn function(&mut self, function: Function) -> FunctionId;

    /// Begins a list. Lists of one type are ended last to first.
    fn begin<T: Item>(&mut self) -> Begun {
        Begun(0)
    }
    /// Appends to the list that was begun last.
    fn item<T: Item>(&mut self, _item: T) {}
    /// Ends a list.
    fn end<T: Item>(&mut self, _begun: Begun) -> List<T> {
        List::EMPTY
    }
    /// A list of one item.
    fn single<T: Item>(&mut self, _item: T) -> List<T> {
        List::EMPTY
    }
}
