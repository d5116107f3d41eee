//! Files that know of each other.
//!
//! A workspace holds texts by path and analyses each when it is first asked
//! about. It reads no disk: whoever owns the files puts them in. What a name
//! stands for across files is `workspace/identity.rs`, which file a `require`
//! means is `workspace/module.rs`.

mod identity;
mod module;
mod search;

use crate::analysis::{Analysis, analyse};
use crate::diagnostic::Diagnostic;
use crate::entity::{EntityId, Occurrence};
use crate::{Document, Span};
pub use identity::Identity;
pub(crate) use identity::Identities;
pub use search::FoundSymbol;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// A file of a [`Workspace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A text and where it belongs.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    document: Arc<Document>,
    analysis: OnceLock<Analysis>,
}

impl SourceFile {
    /// Its absolute path with `/` between the parts, or whatever else names it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its text.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// What is known of it; worked out when it is first asked for.
    pub fn analysis(&self) -> &Analysis {
        self.analysis.get_or_init(|| analyse(self.document.text()))
    }
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which file.
    pub file: FileId,
    /// Where in it.
    pub span: Span,
}

/// Files, and where modules are looked for. A clone is cheap and stays as it is.
#[derive(Clone, Debug)]
pub struct Workspace {
    files: Arc<BTreeMap<FileId, Arc<SourceFile>>>,
    ids: Arc<HashMap<String, FileId>>,
    next: u32,
    roots: Vec<String>,
    templates: Vec<String>,
}

impl Default for Workspace {
    fn default() -> Workspace {
        let templates = ["?.lua", "?/init.lua"].map(String::from).to_vec();
        Workspace { files: Arc::default(), ids: Arc::default(), next: 0, roots: Vec::new(), templates }
    }
}

impl Workspace {
    /// Sets the folders from which modules are looked for.
    pub fn set_roots(&mut self, roots: Vec<String>) {
        self.roots = roots;
    }

    /// Sets the templates by which modules are looked for, as in `package.path`.
    pub fn set_templates(&mut self, templates: Vec<String>) {
        self.templates = templates;
    }

    /// Puts a text at a path, instead of what was there.
    pub fn put(&mut self, path: &str, document: Arc<Document>) -> FileId {
        self.put_file(Arc::new(SourceFile { path: path.to_string(), document, analysis: OnceLock::new() }))
    }

    /// Puts a file of another workspace at its path, with what is known of it.
    pub fn put_file(&mut self, file: Arc<SourceFile>) -> FileId {
        let id = self.ids.get(&file.path).copied().unwrap_or(FileId(self.next));
        self.next = self.next.max(id.0 + 1);
        Arc::make_mut(&mut self.ids).entry(file.path.clone()).or_insert(id);
        Arc::make_mut(&mut self.files).insert(id, file);
        id
    }

    pub(crate) fn put_analysed(&mut self, path: &str, document: Arc<Document>, analysis: Analysis) {
        let analysis = OnceLock::from(analysis);
        self.put_file(Arc::new(SourceFile { path: path.to_string(), document, analysis }));
    }

    /// Forgets a path. Its number is not used again.
    pub fn remove(&mut self, path: &str) {
        if let Some(id) = Arc::make_mut(&mut self.ids).remove(path) {
            Arc::make_mut(&mut self.files).remove(&id);
        }
    }

    /// The file at a path.
    pub fn id(&self, path: &str) -> Option<FileId> {
        self.ids.get(path).copied()
    }

    /// A file.
    pub fn file(&self, id: FileId) -> Option<&Arc<SourceFile>> {
        self.files.get(&id)
    }

    /// All files, oldest first.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &Arc<SourceFile>)> {
        self.files.iter().map(|(id, file)| (*id, file))
    }

    /// The name at a byte of a file, and what it stands for.
    pub fn name_at(&self, file: FileId, offset: u32) -> Option<(Occurrence, Identity)> {
        let occurrence = self.file(file)?.analysis().occurrence_at(offset)?;
        Some((occurrence, Identities::new(self).of(file, occurrence.entity)))
    }

    /// Where a thing is declared or first assigned.
    pub fn definitions(&self, identity: &Identity) -> Vec<Place> {
        let found = Identities::new(self).definers(identity);
        let mut places: Vec<Place> = found.into_iter().filter_map(|(file, id)| {
            Some(Place { file, span: self.file(file)?.analysis().entity(id).definition? })
        }).collect();
        places.sort_by_key(|place| (place.file, place.span.start));
        places.dedup();
        places
    }

    /// All names that stand for a thing, by file.
    pub fn references(&self, identity: &Identity) -> Vec<(FileId, Vec<Occurrence>)> {
        let identities = Identities::new(self);
        let files = self.files.keys().map(|file| (*file, self.names_with(&identities, *file, identity)));
        files.filter(|(_, names)| !names.is_empty()).collect()
    }

    /// The names of one file that stand for a thing.
    pub fn references_in(&self, file: FileId, identity: &Identity) -> Vec<Occurrence> {
        self.names_with(&Identities::new(self), file, identity)
    }

    fn names_with(&self, identities: &Identities<'_>, file: FileId, identity: &Identity) -> Vec<Occurrence> {
        let Some(source) = self.file(file) else { return Vec::new() };
        let entities: HashSet<EntityId> = identities.entities(file, identity).into_iter().collect();
        if entities.is_empty() {
            return Vec::new();
        }
        let names = source.analysis().occurrences.iter();
        names.filter(|name| entities.contains(&name.entity)).copied().collect()
    }

    /// What is wrong in a file, with regard to the others.
    pub fn diagnostics(&self, file: FileId) -> Vec<Diagnostic> {
        let Some(source) = self.file(file) else { return Vec::new() };
        let analysis = source.analysis();
        let mut result = analysis.diagnostics.clone();
        let unknown = analysis.undefined_globals(|_| false);
        if !unknown.is_empty() {
            let known = self.assigned_globals();
            result.extend(analysis.undefined_globals(|name| known.contains(name)));
        }
        result.sort_by_key(|found| (found.span.start, found.span.end));
        result
    }

    fn assigned_globals(&self) -> HashSet<&str> {
        self.files.values().flat_map(|file| file.analysis().assigned_globals()).collect()
    }
}
