//! The outline, collected on the way.

use super::Resolver;
use crate::Span;
use crate::entity::{EntityId, EntityKind};
use crate::symbol::{Symbol, SymbolKind};
use perilune_syntax::ast::{Expr, ExprId, Name, Stat};

impl Resolver<'_> {
    /// Walks what belongs below `symbol` in the outline.
    pub(super) fn inside(&mut self, symbol: Option<Symbol>, walk: impl FnOnce(&mut Self)) {
        let Some(mut symbol) = symbol else { return walk(self) };
        let siblings = std::mem::take(&mut self.result.symbols);
        walk(self);
        symbol.children = std::mem::replace(&mut self.result.symbols, siblings);
        self.result.symbols.push(symbol);
    }

    pub(super) fn symbol(&self, name: &Name, kind: SymbolKind, span: Span) -> Option<Symbol> {
        let is_written = name.span.start < name.span.end;
        let name_span = name.span;
        is_written.then(|| Symbol { name: self.string(name.text), kind, span, name_span, children: Vec::new() })
    }

    fn is_function(&self, value: Option<ExprId>) -> bool {
        value.is_some_and(|value| matches!(self.ast.exprs[value.0 as usize].kind, Expr::Function(_)))
    }

    /// Functions are shown everywhere, variables only in the main function.
    pub(super) fn variable_symbol(
        &self,
        stat: &Stat,
        name: &Name,
        value: Option<ExprId>,
        is_constant: bool,
    ) -> Option<Symbol> {
        let kind = match () {
            () if self.is_function(value) => SymbolKind::Function,
            () if self.functions.len() > 1 => return None,
            () if is_constant => SymbolKind::Constant,
            () => SymbolKind::Variable,
        };
        self.symbol(name, kind, stat.span)
    }

    pub(super) fn assigned_symbol(
        &mut self,
        stat: &Stat,
        id: EntityId,
        target: ExprId,
        value: ExprId,
    ) -> Option<Symbol> {
        let (name, name_span) = self.path(target, false)?;
        let is_function = self.is_function(Some(value));
        let entity = self.entity(id);
        let is_new_global = entity.kind == EntityKind::Global && entity.definition == Some(name_span);
        let kind = match is_function {
            true => SymbolKind::Function,
            false if is_new_global => SymbolKind::Variable,
            false => return None,
        };
        Some(Symbol { name, kind, span: stat.span, name_span, children: Vec::new() })
    }

    /// `a.b:c` as text, and where it stands.
    pub(super) fn path(&self, target: ExprId, is_method: bool) -> Option<(String, Span)> {
        let (mut names, mut at) = (Vec::new(), target);
        while let Expr::Field { object, name } = &self.ast.exprs[at.0 as usize].kind {
            names.push(self.string(name.text));
            at = *object;
        }
        let Expr::Name(root) = &self.ast.exprs[at.0 as usize].kind else { return None };
        let method = if is_method && !names.is_empty() { Some(names.remove(0)) } else { None };
        names.push(self.string(*root));
        names.reverse();
        let mut text = names.join(".");
        if let Some(method) = method {
            text = format!("{text}:{method}");
        }
        let span = self.ast.exprs[target.0 as usize].span;
        (span.start < span.end && !text.is_empty()).then_some((text, span))
    }
}
