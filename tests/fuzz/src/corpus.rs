//! Real Lua programs to start from: the project's tests and benchmarks.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// A program and the name of its file.
pub struct Program {
    /// Name without folders.
    pub name: String,
    /// Its text.
    pub text: Vec<u8>,
}

/// All programs, in the order of their names.
///
/// # Panics
/// When the folders are not where the checkout has them.
pub fn programs() -> &'static [Program] {
    static PROGRAMS: OnceLock<Vec<Program>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut programs: Vec<Program> =
            ["tests/lua", "bench/programs"].iter().flat_map(|folder| read(&root.join(folder))).collect();
        programs.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(programs.len() > 20, "the corpus has {} programs", programs.len());
        programs
    })
}

fn read(folder: &Path) -> Vec<Program> {
    let entries = fs::read_dir(folder).expect("a folder of the checkout").flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "lua"));
    files
        .map(|path| Program {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            text: fs::read(&path).expect("a readable file"),
        })
        .collect()
}
