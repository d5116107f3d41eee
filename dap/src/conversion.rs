//! The client's counting and its way to name files, both ways.
//!
//! The live protocol counts lines from 1 and names files by absolute paths. A
//! client may count from 0 and name files by URIs, and it may reach a file by
//! another path than the program (a symbolic link): it gets its own back.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use perilune_live::protocol::SourceRef;

use crate::types::Source;
use crate::types::argument::Initialize;

/// What this client does its own way.
#[derive(Debug)]
pub struct Convention {
    first_line: i64,
    first_column: i64,
    uses_uris: bool,
    /// The client's path of each real file that it named.
    spellings: HashMap<PathBuf, String>,
    /// What `spellings` said of each path of the program.
    known: HashMap<String, String>,
    sources: SourceNumbers,
}

impl Default for Convention {
    fn default() -> Convention {
        Convention {
            first_line: 1,
            first_column: 1,
            uses_uris: false,
            spellings: HashMap::new(),
            known: HashMap::new(),
            sources: SourceNumbers::default(),
        }
    }
}

impl Convention {
    /// What the client announced.
    pub fn new(announced: &Initialize) -> Convention {
        Convention {
            first_line: i64::from(announced.lines_start_at1 != Some(false)),
            first_column: i64::from(announced.columns_start_at1 != Some(false)),
            uses_uris: announced.path_format.as_deref() == Some("uri"),
            ..Convention::default()
        }
    }

    /// The program's line for a line of the client; 0, which is none, for one out of range.
    pub fn line_in(&self, line: i64) -> u32 {
        line.checked_add(1 - self.first_line).and_then(|line| u32::try_from(line).ok()).unwrap_or(0)
    }

    /// The client's line for a line of the program.
    pub fn line_out(&self, line: u32) -> i64 {
        i64::from(line) - 1 + self.first_line
    }

    /// How many UTF-16 code units are left of a column of the client.
    pub fn units_in(&self, column: i64) -> usize {
        usize::try_from(column.saturating_sub(self.first_column)).unwrap_or(0)
    }

    /// The client's column right of so many UTF-16 code units.
    pub fn units_out(&self, units: usize) -> i64 {
        i64::try_from(units).unwrap_or(i64::MAX - 1) + self.first_column
    }

    /// The path that a client's name of a file stands for, which is remembered as the client's.
    pub fn path_in(&mut self, name: &str) -> Option<String> {
        let path = if self.uses_uris || name.starts_with("file://") { path_of(name)? } else { name.to_owned() };
        if !Path::new(&path).is_absolute() {
            return None;
        }
        if let Ok(real) = fs::canonicalize(&path) {
            self.spellings.insert(real, path.clone());
            self.known.clear();
        }
        Some(path)
    }

    /// The client's name of a file.
    pub fn path_out(&mut self, path: &str) -> String {
        let spelled = self.spelling(path);
        if self.uses_uris { uri_of(&spelled) } else { spelled }
    }

    fn spelling(&mut self, path: &str) -> String {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let real = fs::canonicalize(path).ok();
        let spelling = real.and_then(|real| self.spellings.get(&real).cloned());
        let spelling = spelling.unwrap_or_else(|| path.to_owned());
        self.known.insert(path.to_owned(), spelling.clone());
        spelling
    }

    /// A source as the client knows it.
    pub fn source_out(&mut self, source: &SourceRef) -> Source {
        let Some(path) = &source.path else {
            let reference = source.id.map(|_| self.sources.number(source));
            return Source { name: Some(source.name.clone()), path: None, source_reference: reference };
        };
        let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
        let path = Some(self.path_out(path));
        Source { name: name.or_else(|| Some(source.name.clone())), path, source_reference: None }
    }

    /// The source that has this number.
    pub fn source_in(&self, reference: i64) -> Option<&SourceRef> {
        self.sources.get(reference)
    }
}

/// Numbers of sources that are no files. They stay good as long as the session.
#[derive(Debug, Default)]
struct SourceNumbers {
    sources: Vec<SourceRef>,
    numbers: HashMap<u64, i64>,
}

impl SourceNumbers {
    fn number(&mut self, source: &SourceRef) -> i64 {
        let next = self.sources.len() as i64 + 1;
        let number = *self.numbers.entry(source.id.unwrap_or_default()).or_insert(next);
        if number == next {
            self.sources.push(source.clone());
        }
        number
    }

    fn get(&self, number: i64) -> Option<&SourceRef> {
        self.sources.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

/// The number of the thread that stands for a coroutine; clients take 0 for none.
pub fn thread_out(coroutine: u64) -> i64 {
    i64::try_from(coroutine).map_or(i64::MAX, |number| number.saturating_add(1))
}

/// The coroutine that a thread stands for.
pub fn thread_in(thread: i64) -> Option<u64> {
    u64::try_from(thread).ok()?.checked_sub(1)
}

/// The path in a `file:` URI of this machine.
fn path_of(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    let path = &rest[rest.find('/')?..];
    let mut bytes = Vec::new();
    let mut encoded = path.bytes();
    while let Some(byte) = encoded.next() {
        if byte == b'%' {
            let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
            let (high, low) = (digit(encoded.next())?, digit(encoded.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn uri_of(path: &str) -> String {
    let mut uri = String::from("file://");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// Bytes of the text before so many UTF-16 code units; all of them if it is shorter.
pub fn bytes_before(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, char) in text.char_indices() {
        match left.checked_sub(char.len_utf16()) {
            Some(rest) => left = rest,
            None => return at,
        }
    }
    text.len()
}

/// UTF-16 code units of a text.
pub fn units_of(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_zero() -> Convention {
        let announced = Initialize {
            lines_start_at1: Some(false),
            columns_start_at1: Some(false),
            path_format: Some("uri".to_owned()),
            ..Initialize::default()
        };
        Convention::new(&announced)
    }

    #[test]
    fn clients_may_count_from_zero() {
        let (one, zero) = (Convention::default(), from_zero());
        assert_eq!((one.line_in(7), one.line_out(7), one.units_in(3), one.units_out(2)), (7, 7, 2, 3));
        assert_eq!((zero.line_in(6), zero.line_out(7), zero.units_in(2), zero.units_out(2)), (7, 6, 2, 2));
    }

    #[test]
    fn lines_out_of_range_are_none() {
        for line in [-1, 0, 1 << 40, i64::MAX, i64::MIN] {
            assert_eq!(Convention::default().line_in(line), 0);
        }
        assert_eq!(from_zero().line_in(i64::MAX), 0);
    }

    #[test]
    fn clients_may_use_uris() {
        let mut uris = from_zero();
        assert_eq!(uris.path_in("file:///a%20b/%C3%A4.lua").as_deref(), Some("/a b/ä.lua"));
        assert_eq!(uris.path_in("file://localhost/x").as_deref(), Some("/x"));
        assert_eq!(uris.path_out("/a b/ä.lua"), "file:///a%20b/%C3%A4.lua");
        for wrong in ["http://x/y", "file:///%", "file:///%g0", "file:///%ff", "untitled:1", "/x"] {
            assert_eq!(uris.path_in(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn relative_paths_name_no_file() {
        assert_eq!(Convention::default().path_in("app.lua"), None);
    }

    #[test]
    fn sources_without_a_file_have_numbers() {
        let mut convention = Convention::default();
        let chunk = SourceRef { name: "=eval".to_owned(), path: None, id: Some(1 << 60) };
        let first = convention.source_out(&chunk);
        assert_eq!((first.path.clone(), first.source_reference), (None, Some(1)));
        assert_eq!(convention.source_out(&chunk), first);
        assert_eq!(convention.source_in(1), Some(&chunk));
        assert_eq!((convention.source_in(0), convention.source_in(2), convention.source_in(-1)), (None, None, None));
    }

    #[test]
    fn positions_are_in_utf16() {
        assert_eq!(bytes_before("aä😀b", 2), 3);
        assert_eq!(bytes_before("aä😀b", 3), 3, "inside of a surrogate pair");
        assert_eq!(bytes_before("aä😀b", 4), 7);
        assert_eq!(bytes_before("a", 9), 1);
        assert_eq!(units_of("aä😀"), 4);
    }
}
