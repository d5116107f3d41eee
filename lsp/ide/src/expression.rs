//! The expression and the function at a place, for whoever asks a running program.

use crate::entity::EntityKind;
use crate::symbol::{Symbol, SymbolKind};
use crate::workspace::{FileId, Workspace};
use perilune_syntax::SyntaxKind;

impl Workspace {
    /// `a.b.c` for the name at a byte, up to that name: only names and dots, so it runs nothing.
    ///
    /// `None` when the name is a label, or when something else than names leads to it.
    pub fn expression_at(&self, file: FileId, offset: u32) -> Option<String> {
        let source = self.file(file)?;
        let (document, analysis) = (source.document(), source.analysis());
        let name = analysis.occurrence_at(offset)?;
        let entity = analysis.entity(name.entity);
        if entity.kind == EntityKind::Label {
            return None;
        }
        let tokens = analysis.tokens(document.text());
        let end = tokens.partition_point(|(_, span)| span.start <= name.span.start);
        let mut back = tokens[..end].iter().rev().filter(|(kind, _)| !kind.is_trivia());
        let mut names = Vec::new();
        loop {
            let (kind, span) = back.next()?;
            if *kind != SyntaxKind::Name {
                return None;
            }
            names.push(document.slice(*span));
            if !matches!(back.next(), Some((SyntaxKind::Dot | SyntaxKind::Colon, _))) {
                break;
            }
        }
        names.reverse();
        let is_listed = entity.kind == EntityKind::Member && names.len() == 1;
        match is_listed {
            // A field in a table constructor: the table's own name leads to it.
            true => Some(analysis.path(name.entity)).filter(|path| path.contains('.')),
            false => Some(names.join(".")),
        }
    }

    /// The innermost function with a name around a byte.
    pub fn function_at(&self, file: FileId, offset: u32) -> Option<&Symbol> {
        let mut symbols = self.file(file)?.analysis().symbols.as_slice();
        let mut found = None;
        loop {
            let contains = |symbol: &&Symbol| symbol.span.start <= offset && offset <= symbol.span.end;
            let Some(symbol) = symbols.iter().find(contains) else { return found };
            if matches!(symbol.kind, SymbolKind::Function | SymbolKind::Method) {
                found = Some(symbol);
            }
            symbols = &symbol.children;
        }
    }
}
