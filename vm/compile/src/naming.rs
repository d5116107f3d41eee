//! The names that function definitions are known by.

use crate::Compiler;
use perilune_syntax::ast::{Expr, ExprId, StrId};

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
    pub(crate) fn nested_name(&mut self, hint: Option<Vec<u8>>) -> Vec<u8> {
        let mut own = hint.unwrap_or_else(|| b"<anonymous>".to_vec());
        let position = self.f.child_names.entry(own.clone()).or_default();
        *position += 1;
        if *position > 1 {
            own.extend_from_slice(format!("#{position}").as_bytes());
        }
        match self.f.name.as_slice() {
            b"" => own,
            outer => [outer, b"/", &own].concat(),
        }
    }
}
