//! The open files and what is known of them.

use perilune_ide::{Analysis, Diagnostic, Document, Encoding, EntityId, Position, analyse};
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;
use tower_lsp_server::ls_types::{Range, TextDocumentContentChangeEvent, Uri};

/// An open file, analysed.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) uri: Uri,
    pub(crate) version: i32,
    pub(crate) document: Arc<Document>,
    pub(crate) analysis: Arc<Analysis>,
}

/// What a name stands for, in one of the files.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) entity: EntityId,
}

struct Open {
    version: i32,
    document: Arc<Document>,
    /// Of this very text, once somebody asked.
    analysis: Option<Arc<Analysis>>,
}

/// All open files, and what was agreed with the client.
#[derive(Default)]
pub(crate) struct Store {
    files: BTreeMap<Uri, Open>,
    pub(crate) encoding: Encoding,
    /// Whether the client asks for diagnostics itself.
    pub(crate) pulls: bool,
    /// Whether the client lets itself be told to ask again.
    pub(crate) refreshes: bool,
}

impl Store {
    pub(crate) fn open(&mut self, uri: Uri, version: i32, text: String) {
        let document = Arc::new(Document::new(text));
        self.files.insert(uri, Open { version, document, analysis: None });
    }

    pub(crate) fn close(&mut self, uri: &Uri) {
        self.files.remove(uri);
    }

    /// Applies edits in order. Those to a file that is not open, or older than the file, are dropped.
    pub(crate) fn change(&mut self, uri: &Uri, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        let encoding = self.encoding;
        let Some(open) = self.files.get_mut(uri).filter(|open| version >= open.version) else { return };
        let document = Arc::make_mut(&mut open.document);
        for change in changes {
            match change.range {
                Some(Range { start, end }) => {
                    let start = Position { line: start.line, column: start.character };
                    let end = Position { line: end.line, column: end.character };
                    document.edit(start, end, encoding, &change.text);
                }
                None => *document = Document::new(change.text),
            }
        }
        (open.version, open.analysis) = (version, None);
    }

    /// The file as it is now, analysed at most once for each text.
    pub(crate) fn file(&mut self, uri: &Uri) -> Option<File> {
        let open = self.files.get_mut(uri)?;
        let document = Arc::clone(&open.document);
        let analysis = open.analysis.get_or_insert_with(|| Arc::new(analyse(document.text())));
        let analysis = Arc::clone(analysis);
        Some(File { uri: uri.clone(), version: open.version, document, analysis })
    }

    /// All open files.
    pub(crate) fn all(&mut self) -> Vec<File> {
        let uris: Vec<Uri> = self.files.keys().cloned().collect();
        uris.iter().filter_map(|uri| self.file(uri)).collect()
    }

    /// What is wrong in a file, with regard to the others.
    pub(crate) fn diagnostics(&mut self, file: &File) -> Vec<Diagnostic> {
        let all = self.all();
        let known: HashSet<&str> = all.iter().flat_map(|file| file.analysis.assigned_globals()).collect();
        let mut result = file.analysis.diagnostics.clone();
        result.extend(file.analysis.undefined_globals(|name| known.contains(name)));
        result
    }

    /// What the name at a place stands for: in its own file first, then in the others that know it by its path.
    pub(crate) fn find(&mut self, uri: &Uri, offset: u32) -> Vec<Found> {
        let Some(file) = self.file(uri) else { return Vec::new() };
        let Some(occurrence) = file.analysis.occurrence_at(offset) else { return Vec::new() };
        let path = file.analysis.global_path(occurrence.entity);
        let mut result = vec![Found { file, entity: occurrence.entity }];
        if let Some(path) = path {
            let others = self.all().into_iter().filter(|other| other.uri != *uri);
            result.extend(others.filter_map(|file| {
                let entity = file.analysis.global(&path)?;
                Some(Found { file, entity })
            }));
        }
        result
    }
}
