//! The texts of names and strings, as the tree has them and as protos share them.

use perilune_syntax::ast::{Ast, StrId};
use std::sync::Arc;

/// The environment, where the program does not name it.
pub(crate) const ENV: StrId = StrId(u32::MAX);
/// What `break` jumps to.
pub(crate) const BREAK: StrId = StrId(u32::MAX - 1);
/// The hidden variables of loops.
pub(crate) const FOR_STATE: StrId = StrId(u32::MAX - 2);

/// The text of a name or string.
pub(crate) fn text(ast: &Ast, id: StrId) -> &[u8] {
    match id {
        ENV => b"_ENV",
        BREAK => b"break",
        FOR_STATE => b"(for state)",
        id => ast.string(id),
    }
}

/// Texts as protos have them, made when first wanted.
pub(crate) struct Shared<'a> {
    ast: &'a Ast,
    /// By id.
    made: Vec<Option<Arc<[u8]>>>,
    for_state: Option<Arc<[u8]>>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(ast: &'a Ast) -> Shared<'a> {
        Shared { ast, made: vec![None; ast.strings.len()], for_state: None }
    }

    pub(crate) fn get(&mut self, id: StrId) -> Arc<[u8]> {
        let made = match self.made.get_mut(id.0 as usize) {
            Some(made) => made,
            None if id == FOR_STATE => &mut self.for_state,
            None => return text(self.ast, id).into(),
        };
        Arc::clone(made.get_or_insert_with(|| text(self.ast, id).into()))
    }
}
