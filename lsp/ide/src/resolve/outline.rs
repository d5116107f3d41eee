//! The outline, collected on the way.

use super::Resolver;
use crate::Span;
use crate::entity::{EntityId, EntityKind};
use crate::symbol::{Symbol, SymbolKind};
use perilune_syntax::ast::{Expr, ExprId, Name, Stat};

/// What may become an entry.
pub(super) struct Entry {
    symbol: Symbol,
    /// Whether it is one with nothing inside.
    is_shown_empty: bool,
}

impl Entry {
    pub(super) fn always(symbol: Symbol) -> Entry {
        Entry { symbol, is_shown_empty: true }
    }

    pub(super) fn if_any_inside(symbol: Symbol) -> Entry {
        Entry { symbol, is_shown_empty: false }
    }
}

impl Resolver<'_> {
    /// Walks what belongs below `symbol` in the outline.
    pub(super) fn inside(&mut self, entry: Option<Entry>, walk: impl FnOnce(&mut Self)) {
        let Some(Entry { mut symbol, is_shown_empty }) = entry else { return walk(self) };
        let siblings = std::mem::take(&mut self.result.symbols);
        walk(self);
        symbol.children = std::mem::replace(&mut self.result.symbols, siblings);
        if is_shown_empty || !symbol.children.is_empty() {
            self.result.symbols.push(symbol);
        }
    }

    pub(super) fn symbol(&self, name: &Name, kind: SymbolKind, span: Span) -> Option<Symbol> {
        let is_written = name.span.start < name.span.end;
        let name_span = name.span;
        is_written.then(|| Symbol { name: self.string(name.text), kind, span, name_span, children: Vec::new() })
    }

    fn is_function(&self, value: Option<ExprId>) -> bool {
        value.is_some_and(|value| matches!(self.ast.exprs[value.0 as usize].kind, Expr::Function(_)))
    }

    /// Functions are shown everywhere, other variables of functions only around functions.
    pub(super) fn variable_symbol(
        &self,
        stat: &Stat,
        name: &Name,
        value: Option<ExprId>,
        is_constant: bool,
    ) -> Option<Entry> {
        let kind = match () {
            () if self.is_function(value) => SymbolKind::Function,
            () if is_constant => SymbolKind::Constant,
            () => SymbolKind::Variable,
        };
        let is_shown_empty = kind == SymbolKind::Function || self.functions.len() == 1;
        self.symbol(name, kind, stat.span).map(|symbol| Entry { symbol, is_shown_empty })
    }

    pub(super) fn assigned_symbol(
        &mut self,
        stat: &Stat,
        id: EntityId,
        target: ExprId,
        value: ExprId,
    ) -> Option<Entry> {
        let (name, name_span) = self.path(target, false)?;
        let is_function = self.is_function(Some(value));
        let entity = self.entity(id);
        let is_new_global = entity.kind == EntityKind::Global && entity.definition == Some(name_span);
        let kind = if is_function { SymbolKind::Function } else { SymbolKind::Variable };
        let symbol = Symbol { name, kind, span: stat.span, name_span, children: Vec::new() };
        Some(Entry { symbol, is_shown_empty: is_function || is_new_global })
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
