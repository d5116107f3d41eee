//! Where code came from: chunk names of the machine, paths of the protocol.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use crate::protocol::{Code, Failure, SourceRef, SourceResult, SourcesResult};
use perilune_vm::Vm;

/// Most chunk names that are remembered with their paths.
const MAX_KNOWN: usize = 10_000;

/// Paths and texts of what was loaded.
pub(super) struct Sources {
    cwd: PathBuf,
    /// Absolute paths by chunk name.
    paths: Mutex<HashMap<Vec<u8>, String>>,
    /// The newest text of each file, as far as the program runs it.
    texts: HashMap<String, Vec<u8>>,
    /// Texts of definitions that were replaced one by one since, by path of the source and the definition.
    replaced: HashMap<String, HashMap<Vec<u8>, Vec<u8>>>,
    /// Texts that came from no file, by the ids that clients know.
    chunks: Vec<Vec<u8>>,
}

impl Sources {
    pub(super) fn new(cwd: PathBuf) -> Sources {
        Sources { cwd, paths: Mutex::default(), texts: HashMap::new(), replaced: HashMap::new(), chunks: Vec::new() }
    }

    /// A text was loaded.
    pub(super) fn note(&mut self, chunk_name: &[u8], text: &[u8]) {
        if let Some(path) = self.path(chunk_name) {
            self.replaced.remove(&path);
            self.texts.insert(path, text.to_vec());
        }
    }

    pub(super) fn replaced(&self, path: &str) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        self.replaced.get(path).into_iter().flatten()
    }

    pub(super) fn note_replaced(&mut self, path: &str, name: &[u8], text: &[u8]) {
        self.replaced.entry(path.to_owned()).or_default().insert(name.to_vec(), text.to_vec());
    }

    pub(super) fn forget_replaced(&mut self, path: &str) {
        self.replaced.remove(path);
    }

    pub(super) fn text(&self, path: &str) -> Option<&[u8]> {
        self.texts.get(path).map(Vec::as_slice)
    }

    pub(super) fn set_text(&mut self, path: &str, text: &[u8]) {
        self.texts.insert(path.to_owned(), text.to_vec());
    }

    /// Absolute path of a chunk that came from a file.
    pub(super) fn path(&self, chunk_name: &[u8]) -> Option<String> {
        let file = chunk_name.strip_prefix(b"@")?;
        let mut known = self.paths.lock().ok()?;
        if let Some(path) = known.get(chunk_name) {
            return Some(path.clone());
        }
        let path = normal(&self.cwd.join(&*String::from_utf8_lossy(file)));
        if known.len() < MAX_KNOWN {
            known.insert(chunk_name.to_vec(), path.clone());
        }
        Some(path)
    }

    /// How the protocol refers to a chunk that came from a file.
    pub(super) fn file(&self, chunk_name: &[u8]) -> Option<SourceRef> {
        let path = self.path(chunk_name)?;
        Some(SourceRef { name: short_name(chunk_name), path: Some(path), id: None })
    }

    /// How the protocol refers to any chunk.
    pub(super) fn reference(&mut self, chunk_name: &[u8]) -> SourceRef {
        if let Some(file) = self.file(chunk_name) {
            return file;
        }
        let id = match chunk_name.first() {
            Some(b'=') | None => None,
            _ => Some(self.chunk_id(chunk_name)).filter(|id| *id != 0),
        };
        SourceRef { name: short_name(chunk_name), path: None, id }
    }

    /// The text of such a chunk is its name; 0 when there are too many.
    fn chunk_id(&mut self, chunk_name: &[u8]) -> u64 {
        if let Some(at) = self.chunks.iter().position(|known| known == chunk_name) {
            return at as u64 + 1;
        }
        if self.chunks.len() >= MAX_KNOWN {
            return 0;
        }
        self.chunks.push(chunk_name.to_vec());
        self.chunks.len() as u64
    }

    /// Chunk names with this path (or short name).
    pub(super) fn chunk_names(&self, vm: &Vm, source: &str) -> Vec<Vec<u8>> {
        let wanted = normal(&self.cwd.join(source));
        let mut names = vm.chunk_names();
        names.retain(|name| match self.path(name) {
            Some(path) => path == wanted,
            None => short_name(name) == source,
        });
        names
    }

    /// The path under which a client's source is kept.
    pub(super) fn normal(&self, source: &str) -> String {
        normal(&self.cwd.join(source))
    }
}

impl super::Service {
    pub(super) fn list_sources(&mut self, vm: &Vm) -> SourcesResult {
        let names = vm.chunk_names();
        // What breakpoints evaluate is no code of the program's.
        let names = names.iter().filter(|name| **name != super::evaluate::CHUNK);
        SourcesResult { sources: names.map(|name| self.sources.reference(name)).collect() }
    }

    pub(super) fn source_text(&self, id: u64) -> Result<SourceResult, Failure> {
        let text = usize::try_from(id).ok().and_then(|id| self.sources.chunks.get(id.checked_sub(1)?));
        match text {
            Some(text) => Ok(SourceResult { text: String::from_utf8_lossy(text).into_owned() }),
            None => Err(Failure::new(Code::StaleId, format!("there is no source {id}"))),
        }
    }
}

/// As error messages show it.
fn short_name(chunk_name: &[u8]) -> String {
    String::from_utf8_lossy(&perilune_vm::inspect::chunk_id(chunk_name)).into_owned()
}

/// The path with its links resolved if it is there, else without `.` and `..`.
fn normal(path: &Path) -> String {
    if let Ok(real) = path.canonicalize() {
        return real.to_string_lossy().into_owned();
    }
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean.to_string_lossy().into_owned()
}
