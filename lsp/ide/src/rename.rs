//! A new name for a variable or a label.
//!
//! The check needs no rules about scopes: the renamed text is analysed, and
//! every name must stand for the same thing as before.

use crate::analysis::{Analysis, analyse};
use crate::diagnostic::Severity;
use crate::entity::{EntityId, EntityKind};
use crate::{Span, is_standard_global};
use perilune_syntax::SyntaxKind;
use std::collections::HashMap;
use std::fmt;

/// Why a name cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameRefusal {
    /// Fields and Lua's own names have uses that are not known.
    NotRenamable(String),
    /// The new name is not a Lua identifier.
    NotAName(String),
    /// The new name is a reserved word.
    Keyword(String),
    /// Some name would stand for something else.
    Conflict(String),
}

impl fmt::Display for RenameRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RenameRefusal::NotRenamable(name) => {
                write!(formatter, "'{name}' cannot be renamed: not all of its uses are known")
            }
            RenameRefusal::NotAName(name) => write!(formatter, "'{name}' is not a name"),
            RenameRefusal::Keyword(name) => write!(formatter, "'{name}' is a reserved word"),
            RenameRefusal::Conflict(name) => {
                write!(formatter, "'{name}' is taken: some name would stand for something else")
            }
        }
    }
}

impl std::error::Error for RenameRefusal {}

/// Whether all uses of an entity are known, so that it can have another name.
pub fn renamable(analysis: &Analysis, id: EntityId) -> Result<(), RenameRefusal> {
    let entity = analysis.entity(id);
    let is_known = match entity.kind {
        EntityKind::Member => false,
        EntityKind::Global => !is_standard_global(&entity.name),
        _ => entity.name != "_ENV" && entity.alias.is_none(),
    };
    let refusal = || RenameRefusal::NotRenamable(entity.name.clone());
    is_known.then_some(()).ok_or_else(refusal)
}

/// The places of `text` where `new_name` must be put.
pub fn rename(text: &str, analysis: &Analysis, id: EntityId, new_name: &str) -> Result<Vec<Span>, RenameRefusal> {
    renamable(analysis, id)?;
    check_name(new_name)?;
    let spans: Vec<Span> = analysis.references(id).map(|occurrence| occurrence.span).collect();
    let entity = analysis.entity(id);
    let conflict = || RenameRefusal::Conflict(new_name.to_string());
    if entity.kind == EntityKind::Global && is_standard_global(new_name) {
        return Err(conflict());
    }
    let is_same = entity.name == new_name || means_the_same(analysis, &analyse(&replaced(text, &spans, new_name)));
    is_same.then_some(spans).ok_or_else(conflict)
}

fn check_name(name: &str) -> Result<(), RenameRefusal> {
    let starts_well = name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
    if !starts_well || !name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return Err(RenameRefusal::NotAName(name.to_string()));
    }
    if SyntaxKind::keyword(name.as_bytes()).is_some() || name == "_ENV" {
        return Err(RenameRefusal::Keyword(name.to_string()));
    }
    Ok(())
}

fn replaced(text: &str, spans: &[Span], new_name: &str) -> String {
    let (mut result, mut end) = (String::with_capacity(text.len()), 0);
    for span in spans {
        result.push_str(text.get(end..span.start as usize).unwrap_or_default());
        result.push_str(new_name);
        end = span.end as usize;
    }
    result.push_str(text.get(end..).unwrap_or_default());
    result
}

/// Whether the n-th names of both files stand for the same things, names apart.
fn means_the_same(old: &Analysis, new: &Analysis) -> bool {
    let count = |analysis: &Analysis| {
        analysis.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    };
    if old.occurrences.len() != new.occurrences.len() || count(old) != count(new) {
        return false;
    }
    let (mut forward, mut backward) = (HashMap::new(), HashMap::new());
    old.occurrences.iter().zip(&new.occurrences).all(|(before, after)| {
        *forward.entry(before.entity).or_insert(after.entity) == after.entity
            && *backward.entry(after.entity).or_insert(before.entity) == before.entity
            && old.entity(before.entity).kind == new.entity(after.entity).kind
    })
}
