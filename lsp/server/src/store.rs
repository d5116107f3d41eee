//! The files of the workspace, and what was agreed with the client.
//!
//! The store changes in the order of the client's messages. Whoever answers a
//! request takes a [`Snapshot`] first: it stays as it is, however long the
//! answer takes.

use crate::disk::Stamp;
use perilune_ide::{Analysis, Document, Encoding, FileId, Position, SourceFile, Workspace};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tower_lsp_server::ls_types::{Diagnostic, Range, TextDocumentContentChangeEvent, Uri};

/// What the client can do, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreement {
    pub(crate) encoding: Encoding,
    /// Whether the client asks for diagnostics itself.
    pub(crate) pulls: bool,
    /// Whether the client lets itself be told to ask again.
    pub(crate) refreshes: bool,
    /// Whether the client tells which files changed on disk.
    pub(crate) watches: bool,
    /// Whether edits can wait for a person's confirmation.
    pub(crate) confirms_edits: bool,
    /// Whether hovers are shown as Markdown.
    pub(crate) markdown: bool,
    /// Whether code actions may be more than commands.
    pub(crate) code_actions: bool,
}

/// A file that the client edits.
#[derive(Clone, Debug)]
struct Open {
    uri: Uri,
    version: i32,
}

/// A file of a snapshot.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) id: FileId,
    pub(crate) uri: Uri,
    /// `None` when it is not open.
    pub(crate) version: Option<i32>,
    pub(crate) source: Arc<SourceFile>,
}

impl File {
    pub(crate) fn document(&self) -> &Document {
        self.source.document()
    }

    pub(crate) fn analysis(&self) -> &Analysis {
        self.source.analysis()
    }
}

/// Everything as it was at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) workspace: Workspace,
    pub(crate) agreement: Agreement,
    open: Arc<BTreeMap<FileId, Open>>,
    /// What the running program refused, until the file is edited.
    pub(crate) refusals: Arc<HashMap<FileId, Vec<Diagnostic>>>,
}

impl Snapshot {
    /// The file of a URI, if it is open or in the workspace.
    pub(crate) fn file(&self, uri: &Uri) -> Option<File> {
        self.file_with(self.workspace.id(&key(uri))?)
    }

    pub(crate) fn file_with(&self, id: FileId) -> Option<File> {
        let source = Arc::clone(self.workspace.file(id)?);
        let (uri, version) = match self.open.get(&id) {
            Some(open) => (open.uri.clone(), Some(open.version)),
            None => (Uri::from_file_path(source.path())?, None),
        };
        Some(File { id, uri, version, source })
    }

    /// The files that the client edits.
    pub(crate) fn open_files(&self) -> Vec<File> {
        self.open.keys().filter_map(|id| self.file_with(*id)).collect()
    }

    /// Puts a file as it was in another snapshot.
    pub(crate) fn keep(&mut self, file: &File) {
        self.workspace.put_file(Arc::clone(&file.source));
    }
}

/// What changes with the client's messages.
#[derive(Default)]
pub(crate) struct Store {
    now: Snapshot,
    folders: Vec<PathBuf>,
    /// What is known of the files on disk.
    stamps: HashMap<String, Stamp>,
}

impl Store {
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.now.clone()
    }

    pub(crate) fn agree(&mut self, agreement: Agreement, templates: Option<Vec<String>>) {
        self.now.agreement = agreement;
        if let Some(templates) = templates {
            self.now.workspace.set_templates(templates);
        }
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Sets the folders; what lies outside of them and is not open is forgotten.
    pub(crate) fn set_folders(&mut self, folders: Vec<PathBuf>) {
        let roots = folders.iter().map(|folder| folder.to_string_lossy().trim_end_matches('/').to_string());
        self.now.workspace.set_roots(roots.collect());
        self.folders = folders;
        let outside: Vec<String> = self.stamps.keys().filter(|path| !self.is_inside(path)).cloned().collect();
        outside.iter().for_each(|path| self.remove_from_disk(path));
    }

    fn is_inside(&self, path: &str) -> bool {
        self.folders.iter().any(|folder| Path::new(path).starts_with(folder))
    }

    pub(crate) fn stamps(&self) -> HashMap<String, Stamp> {
        self.stamps.clone()
    }

    pub(crate) fn open(&mut self, uri: Uri, version: i32, text: String) {
        let id = self.now.workspace.put(&key(&uri), Arc::new(Document::new(text)));
        Arc::make_mut(&mut self.now.open).insert(id, Open { uri, version });
    }

    /// Forgets an open file; answers its path if it must be read from disk now.
    pub(crate) fn close(&mut self, uri: &Uri) -> Option<String> {
        let path = key(uri);
        let id = self.now.workspace.id(&path)?;
        Arc::make_mut(&mut self.now.open).remove(&id)?;
        self.forget_refusals(id);
        self.now.workspace.remove(&path);
        self.stamps.remove(&path).is_some().then_some(path)
    }

    /// Applies edits in order. Those to a file that is not open, or older than the file, are dropped.
    pub(crate) fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        let (path, encoding) = (key(uri), self.now.agreement.encoding);
        let Some(id) = self.now.workspace.id(&path) else { return };
        let open = Arc::make_mut(&mut self.now.open).get_mut(&id);
        let Some(open) = open.filter(|open| version >= open.version) else { return };
        open.version = version;
        let Some(mut document) = self.now.workspace.file(id).map(|file| Document::clone(file.document())) else { return };
        for change in changes {
            match change.range {
                Some(Range { start, end }) => {
                    let start = Position { line: start.line, column: start.character };
                    let end = Position { line: end.line, column: end.character };
                    document.edit(start, end, encoding, &change.text);
                }
                None => document = Document::new(change.text),
            }
        }
        self.now.workspace.put(&path, Arc::new(document));
        self.forget_refusals(id);
    }

    fn is_open(&self, path: &str) -> bool {
        self.now.workspace.id(path).is_some_and(|id| self.now.open.contains_key(&id))
    }

    /// Notes what a file on disk has; the client's text counts while it is open.
    pub(crate) fn put_from_disk(&mut self, path: &str, stamp: Stamp, text: String) {
        self.stamps.insert(path.to_string(), stamp);
        if !self.is_open(path) {
            self.now.workspace.put(path, Arc::new(Document::new(text)));
        }
    }

    pub(crate) fn remove_from_disk(&mut self, path: &str) {
        self.stamps.remove(path);
        if !self.is_open(path) {
            self.now.workspace.remove(path);
        }
    }

    /// The files on disk at a path or below it.
    pub(crate) fn known_below(&self, path: &str) -> Vec<String> {
        self.stamps.keys().filter(|known| Path::new(known).starts_with(path)).cloned().collect()
    }

    pub(crate) fn set_refusals(&mut self, id: FileId, refusals: Vec<Diagnostic>) {
        Arc::make_mut(&mut self.now.refusals).insert(id, refusals);
    }

    pub(crate) fn forget_refusals(&mut self, id: FileId) {
        if self.now.refusals.contains_key(&id) {
            Arc::make_mut(&mut self.now.refusals).remove(&id);
        }
    }
}

/// The path of a file, or the URI of what is none: equal for all spellings of a file's URI.
pub(crate) fn key(uri: &Uri) -> String {
    match path_of(uri) {
        Some(path) => path.to_string_lossy().into_owned(),
        None => uri.as_str().to_string(),
    }
}

/// The path of a file's URI.
pub(crate) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let is_file = uri.scheme().as_str().eq_ignore_ascii_case("file");
    is_file.then(|| uri.to_file_path().map(|path| path.into_owned())).flatten()
}
