//! A new name for a variable, a field or a label.
//!
//! The check needs no rules about scopes: each renamed text is analysed, and
//! every name in it must stand for the same thing as before.

use crate::analysis::{Analysis, analyse};
use crate::diagnostic::Severity;
use crate::entity::{EntityId, EntityKind, Occurrence};
use crate::workspace::{FileId, Identities, Identity, Workspace};
use crate::{Span, is_standard_global};
use perilune_syntax::SyntaxKind;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// Why a name cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameRefusal {
    /// Lua's own names, and fields that nobody here defines, have uses that are not known.
    NotRenamable(String),
    /// Lua itself looks for this name.
    Metamethod(String),
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
            RenameRefusal::Metamethod(name) => write!(formatter, "'{name}' cannot be renamed: Lua looks for this name"),
            RenameRefusal::NotAName(name) => write!(formatter, "'{name}' is not a name"),
            RenameRefusal::Keyword(name) => write!(formatter, "'{name}' is a reserved word"),
            RenameRefusal::Conflict(name) => {
                write!(formatter, "'{name}' is taken: some name would stand for something else")
            }
        }
    }
}

impl std::error::Error for RenameRefusal {}

/// Where a new name goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renaming {
    /// Names that stand for the thing, by file.
    pub certain: Vec<(FileId, Vec<Span>)>,
    /// Fields of this name of values that nobody knows: they may be the thing.
    pub doubtful: Vec<(FileId, Vec<Span>)>,
}

impl Workspace {
    /// The name at a byte, if it can have another.
    pub fn renamable(&self, file: FileId, offset: u32) -> Result<Option<Occurrence>, RenameRefusal> {
        let Some((name, identity)) = self.name_at(file, offset) else { return Ok(None) };
        self.check_old_name(file, name, &identity)?;
        Ok(Some(name))
    }

    /// The places where a new name for the thing at a byte must be put.
    pub fn rename(&self, file: FileId, offset: u32, new_name: &str) -> Result<Option<Renaming>, RenameRefusal> {
        let Some((name, identity)) = self.name_at(file, offset) else { return Ok(None) };
        self.check_old_name(file, name, &identity)?;
        check_name(new_name)?;
        let certain: Vec<(FileId, Vec<Span>)> = self.references(&identity).into_iter().map(|(file, names)| {
            (file, names.into_iter().map(|name| name.span).collect())
        }).collect();
        if identity.name() == Some(new_name) {
            return Ok(Some(Renaming { certain, doubtful: Vec::new() }));
        }
        self.check_new_name(&identity, &certain, new_name)?;
        Ok(Some(Renaming { certain, doubtful: self.doubtful(&identity) }))
    }

    fn check_old_name(&self, file: FileId, name: Occurrence, identity: &Identity) -> Result<(), RenameRefusal> {
        let Some(source) = self.file(file) else { return Ok(()) };
        let entity = source.analysis().entity(name.entity);
        let is_known = match identity {
            Identity::Own(..) => *entity.name != *"_ENV" && entity.alias.is_none(),
            Identity::Global(name) => !is_standard_global(name),
            Identity::Field(_, field) if field.starts_with("__") => {
                return Err(RenameRefusal::Metamethod(field.clone()));
            }
            Identity::Field(..) => {
                !identity.is_standard() && !self.definitions(identity).is_empty()
            }
        };
        is_known.then_some(()).ok_or_else(|| RenameRefusal::NotRenamable(entity.name.to_string()))
    }

    fn check_new_name(
        &self,
        identity: &Identity,
        edits: &[(FileId, Vec<Span>)],
        new_name: &str,
    ) -> Result<(), RenameRefusal> {
        let is_taken = match identity {
            Identity::Own(..) => false,
            Identity::Global(_) => {
                is_standard_global(new_name) || !self.references(&Identity::Global(new_name.into())).is_empty()
            }
            Identity::Field(holder, _) => {
                !self.definitions(&Identity::Field(holder.clone(), new_name.into())).is_empty()
            }
        };
        let keeps_meaning = |(file, spans): &(FileId, Vec<Span>)| {
            let Some(source) = self.file(*file) else { return false };
            let renamed = analyse(&replaced(source.document().text(), spans, new_name));
            means_the_same(source.analysis(), &renamed)
        };
        let is_free = !is_taken && edits.iter().all(keeps_meaning);
        is_free.then_some(()).ok_or_else(|| RenameRefusal::Conflict(new_name.to_string()))
    }

    /// Fields with the same name that stand for nothing that is known.
    fn doubtful(&self, identity: &Identity) -> Vec<(FileId, Vec<Span>)> {
        let Identity::Field(_, field) = identity else { return Vec::new() };
        let identities = Identities::new(self);
        let (mut others, mut known) = (Vec::new(), HashSet::from([identity.clone()]));
        for (file, source) in self.files() {
            for (index, entity) in source.analysis().entities.iter().enumerate() {
                if entity.kind == EntityKind::Member && *entity.name == **field {
                    let id = EntityId(index as u32);
                    let other = identities.of(file, id);
                    if entity.definition.is_some() || other.is_standard() {
                        known.insert(other.clone());
                    }
                    others.push((file, id, other));
                }
            }
        }
        let mut unknown: BTreeMap<FileId, HashSet<EntityId>> = BTreeMap::new();
        for (file, id, _) in others.into_iter().filter(|(.., other)| !known.contains(other)) {
            unknown.entry(file).or_default().insert(id);
        }
        unknown.into_iter().map(|(file, ids)| (file, self.names_of(file, &ids))).collect()
    }

    fn names_of(&self, file: FileId, ids: &HashSet<EntityId>) -> Vec<Span> {
        let names = self.file(file).into_iter().flat_map(|source| &source.analysis().occurrences);
        names.filter(|name| ids.contains(&name.entity)).map(|name| name.span).collect()
    }
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
