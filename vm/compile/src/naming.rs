//! The names that function definitions are known by.

use crate::Compiler;
use perilune_syntax::ast::{Expr, ExprId, StrId};
use std::sync::Arc;

impl Compiler<'_> {
    pub(crate) fn is_definition(&self, value: ExprId) -> bool {
        matches!(self.node(value).kind, Expr::Function(_) | Expr::Table { .. })
    }

    pub(crate) fn hint_name(&mut self, name: StrId, value: ExprId) {
        self.hint_field(None, name, value);
    }

    /// `value` is going to be the field `name` of what `prefix` names.
    pub(crate) fn hint_field(&mut self, prefix: Option<&[u8]>, name: StrId, value: ExprId) {
        if !self.is_definition(value) {
            return;
        }
        let name = crate::text(self.ast, name);
        self.hint = Some(match prefix {
            Some(prefix) => [prefix, b".", name].concat(),
            None => name.to_vec(),
        });
    }

    /// `a.b.c` as it is written; nothing for computed targets.
    pub(crate) fn path(&self, target: ExprId) -> Option<Vec<u8>> {
        let mut parts = Vec::new();
        let mut at = target;
        loop {
            let (part, object) = match &self.node(at).kind {
                Expr::Name(name) => (*name, None),
                Expr::Field { object, name } => (name.text, Some(*object)),
                Expr::Index { object, key } => match self.node(*key).kind {
                    Expr::Str(text) => (text, Some(*object)),
                    _ => return None,
                },
                _ => return None,
            };
            parts.push(crate::text(self.ast, part));
            match object {
                Some(object) => at = object,
                None => break,
            }
        }
        parts.reverse();
        Some(parts.join(&b'.'))
    }

    /// The path of a definition inside the function that is being compiled. Equal names are told
    /// apart by their position: `name`, `name#2`, `name#3`.
    pub(crate) fn nested_name(&mut self, hint: Option<&[u8]>) -> Arc<[u8]> {
        let path = &mut self.path;
        path.clear();
        if !self.f.name.is_empty() {
            path.extend_from_slice(&self.f.name);
            path.push(b'/');
        }
        path.extend_from_slice(hint.unwrap_or(b"<anonymous>"));
        if let Some(count) = self.f.child_names.get_mut(path.as_slice()) {
            *count += 1;
            path.extend_from_slice(format!("#{count}").as_bytes());
            return path.as_slice().into();
        }
        let name: Arc<[u8]> = path.as_slice().into();
        self.f.child_names.insert(Arc::clone(&name), 1);
        name
    }
}
