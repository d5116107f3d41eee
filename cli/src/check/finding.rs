//! What is wrong in the files: what the editor would show, and what the compiler refuses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use perilune_ide::{Diagnostic, Document, FileId, Severity, Span, Workspace};

use super::collect::Files;

/// Something wrong.
pub struct Finding {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Its text.
    pub document: Arc<Document>,
    /// How bad it is.
    pub severity: Severity,
    /// The rule.
    pub code: &'static str,
    /// What it is.
    pub message: String,
    /// Where it is.
    pub span: Span,
    /// Another place that explains it.
    pub related: Option<Span>,
}

impl Finding {
    /// Whether the file will not load.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// All findings, in the order of the files and their places.
pub fn all(files: &Files) -> Vec<Finding> {
    let mut workspace = Workspace::default();
    workspace.set_roots(roots(&files.roots));
    let ids: Vec<(FileId, &Path)> = files.texts.iter().map(|(path, text)| {
        let document = Arc::new(Document::new(text.clone()));
        (workspace.put(&absolute(path), document), path.as_path())
    }).collect();
    ids.into_iter().flat_map(|(id, path)| of_file(&workspace, id, path)).collect()
}

/// Modules are looked for from the folders that were named, and from where the program would run.
fn roots(named: &[PathBuf]) -> Vec<String> {
    let here = PathBuf::from(".");
    named.iter().chain([&here]).map(|path| absolute(path)).collect()
}

fn absolute(path: &Path) -> String {
    let path = path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_path_buf());
    path.to_string_lossy().into_owned()
}

fn of_file(workspace: &Workspace, id: FileId, path: &Path) -> Vec<Finding> {
    let Some(file) = workspace.file(id) else { return Vec::new() };
    let document = file.document();
    let mut found: Vec<Finding> = workspace.diagnostics(id).into_iter().map(|diagnostic| {
        let Diagnostic { kind, severity, span, message, related } = diagnostic;
        Finding { path: path.into(), document: Arc::clone(document), severity, code: kind.code(), message, span, related }
    }).collect();
    if !found.iter().any(Finding::is_error) {
        found.extend(refused(path, document));
    }
    found.sort_by_key(|finding| (finding.span.start, finding.span.end));
    found
}

/// What only the compiler knows: limits that the grammar does not have.
fn refused(path: &Path, document: &Arc<Document>) -> Option<Finding> {
    let parsed = perilune_syntax::parse(document.text().as_bytes());
    let error = perilune_compile::compile_ast(&parsed.ast, b"=check").err()?;
    let is_known = error.span.start < error.span.end;
    let span = if is_known { error.span } else { document.line_span(error.line.saturating_sub(1)) };
    Some(Finding {
        path: path.into(),
        document: Arc::clone(document),
        severity: Severity::Error,
        code: "compile",
        message: error.message,
        span,
        related: None,
    })
}
