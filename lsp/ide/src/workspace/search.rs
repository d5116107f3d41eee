//! Symbols of all files by a part of their names.

use super::{FileId, Place, Workspace};
use crate::entity::EntityKind;
use crate::symbol::{Symbol, SymbolKind};
use crate::Span;

/// An outline entry of some file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSymbol {
    /// Which file.
    pub file: FileId,
    /// As written: `M.start`.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// The name.
    pub span: Span,
    /// The name of the entry that it stands in.
    pub container: Option<String>,
}

impl Workspace {
    /// Entries whose names have the letters of `query` in this order, the best ones first.
    pub fn symbols(&self, query: &str, limit: usize) -> Vec<FoundSymbol> {
        let query: Vec<char> = query.chars().flat_map(char::to_lowercase).collect();
        let mut found = Vec::new();
        for (file, source) in self.files() {
            collect(file, &source.analysis().symbols, None, &query, &mut found);
        }
        found.sort_by(|(rank, one), (other_rank, other)| {
            (rank, &one.name, one.file, one.span.start).cmp(&(other_rank, &other.name, other.file, other.span.start))
        });
        found.truncate(limit);
        found.into_iter().map(|(_, symbol)| symbol).collect()
    }

    /// Where fields of this name are given functions: what a method of an unknown value may be.
    pub fn functions_named(&self, name: &str) -> Vec<Place> {
        let mut places = Vec::new();
        for (file, source) in self.files() {
            let entities = source.analysis().entities.iter();
            let fields = entities.filter(|entity| entity.kind == EntityKind::Member && *entity.name == *name);
            let defined = fields.filter(|entity| entity.is_function()).filter_map(|entity| entity.definition);
            places.extend(defined.map(|span| Place { file, span }));
        }
        places
    }
}

fn collect(
    file: FileId,
    symbols: &[Symbol],
    container: Option<&str>,
    query: &[char],
    found: &mut Vec<(usize, FoundSymbol)>,
) {
    for symbol in symbols {
        if let Some(rank) = rank(&symbol.name, query) {
            let (name, container) = (symbol.name.clone(), container.map(String::from));
            found.push((rank, FoundSymbol { file, name, kind: symbol.kind, span: symbol.name_span, container }));
        }
        collect(file, &symbol.children, Some(&symbol.name), query, found);
    }
}

/// How much of the name is not asked for; `None` when the query does not fit.
fn rank(name: &str, query: &[char]) -> Option<usize> {
    let mut wanted = query.iter().peekable();
    let (mut gaps, mut length) = (0, 0);
    for letter in name.chars().flat_map(char::to_lowercase) {
        length += 1;
        if wanted.next_if(|next| **next == letter).is_none() && wanted.len() < query.len() && wanted.peek().is_some() {
            gaps += 1;
        }
    }
    wanted.peek().is_none().then_some(gaps * 100 + length)
}
