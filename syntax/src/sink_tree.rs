//! The sink that builds the lossless tree, for the editor.
//!
//! Operator and call chains nest to the left without limit, but a tree is
//! dropped by recursion; beyond [`MAX_HEIGHT`] a chain goes on flat, inside the
//! node that holds it.

use crate::ast::{ExprId, ExprNode, Function, FunctionId};
use crate::kind::SyntaxKind;
use crate::sink::{Mark, Sink};
use rowan::{GreenNode, GreenNodeBuilder};

/// No chain makes the tree higher than this.
const MAX_HEIGHT: u32 = 1000;

struct Open {
    height: u32,
    is_real: bool,
}

/// Builds a green tree of `source`.
pub(crate) struct TreeSink<'s> {
    source: &'s str,
    builder: GreenNodeBuilder<'static>,
    open: Vec<Open>,
}

impl<'s> TreeSink<'s> {
    pub(crate) fn new(source: &'s str) -> TreeSink<'s> {
        let mut builder = GreenNodeBuilder::new();
        builder.start_node(rowan::SyntaxKind(SyntaxKind::Root as u16));
        TreeSink { source, builder, open: vec![Open { height: 0, is_real: true }] }
    }

    pub(crate) fn finish(mut self) -> GreenNode {
        self.builder.finish_node();
        self.builder.finish()
    }

    fn height(&mut self) -> &mut u32 {
        &mut self.open.last_mut().expect("the root is open").height
    }
}

impl Sink for TreeSink<'_> {
    const LOSSLESS: bool = true;

    fn token(&mut self, kind: SyntaxKind, start: u32, end: u32) {
        let text = &self.source[start as usize..end as usize];
        self.builder.token(rowan::SyntaxKind(kind as u16), text);
    }

    fn mark(&mut self) -> Mark {
        let height = std::mem::take(self.height());
        Mark { checkpoint: Some(self.builder.checkpoint()), height }
    }

    fn open_at(&mut self, mark: &Mark, kind: SyntaxKind) {
        let height = *self.height();
        let is_real = height < MAX_HEIGHT;
        if let (true, Some(checkpoint)) = (is_real, mark.checkpoint) {
            self.builder.start_node_at(checkpoint, rowan::SyntaxKind(kind as u16));
        }
        self.open.push(Open { height, is_real });
    }

    fn open(&mut self, kind: SyntaxKind) {
        self.builder.start_node(rowan::SyntaxKind(kind as u16));
        self.open.push(Open { height: 0, is_real: true });
    }

    fn close(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        if closed.is_real {
            self.builder.finish_node();
        }
        let height = self.height();
        *height = (*height).max(closed.height + u32::from(closed.is_real));
    }

    fn release(&mut self, mark: Mark) {
        let height = self.height();
        *height = (*height).max(mark.height);
    }

    fn expr(&mut self, _: ExprNode) -> ExprId {
        ExprId(0)
    }

    fn function(&mut self, _: Function) -> FunctionId {
        FunctionId(0)
    }
}
