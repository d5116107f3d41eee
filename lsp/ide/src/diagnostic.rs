//! What is wrong, or suspicious, in a file.

use crate::Span;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file will not load.
    Error,
    /// Probably a mistake.
    Warning,
    /// Worth a look.
    Hint,
}

/// Which rule found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiagnosticKind {
    /// The text is not Lua.
    Syntax,
    /// A label, `goto` or `break` out of place.
    Jump,
    /// More of something than Lua allows.
    Limit,
    /// A `<close>` variable that is given what cannot be closed.
    Close,
    /// An assignment to a `<const>` or `<close>` variable.
    ConstantAssignment,
    /// A global that nobody assigns.
    UndefinedGlobal,
    /// A local that nobody reads.
    UnusedLocal,
    /// A local that hides another.
    Shadowing,
    /// A statement that is never reached.
    Unreachable,
}

impl DiagnosticKind {
    /// The name of the rule, as editors show it.
    pub fn code(self) -> &'static str {
        match self {
            DiagnosticKind::Syntax => "syntax",
            DiagnosticKind::Jump => "jump",
            DiagnosticKind::Limit => "limit",
            DiagnosticKind::Close => "close",
            DiagnosticKind::ConstantAssignment => "constant-assignment",
            DiagnosticKind::UndefinedGlobal => "undefined-global",
            DiagnosticKind::UnusedLocal => "unused-local",
            DiagnosticKind::Shadowing => "shadowing",
            DiagnosticKind::Unreachable => "unreachable-code",
        }
    }

    fn severity(self) -> Severity {
        match self {
            DiagnosticKind::Syntax
            | DiagnosticKind::Jump
            | DiagnosticKind::Limit
            | DiagnosticKind::ConstantAssignment => Severity::Error,
            DiagnosticKind::UndefinedGlobal
            | DiagnosticKind::Close
            | DiagnosticKind::UnusedLocal
            | DiagnosticKind::Unreachable => Severity::Warning,
            DiagnosticKind::Shadowing => Severity::Hint,
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule.
    pub kind: DiagnosticKind,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub span: Span,
    /// What it is, in a sentence without a full stop.
    pub message: String,
    /// Another place that explains it.
    pub related: Option<Span>,
}

impl Diagnostic {
    pub(crate) fn new(kind: DiagnosticKind, span: Span, message: String) -> Diagnostic {
        Diagnostic { kind, severity: kind.severity(), span, message, related: None }
    }

    /// Whether the code at the place could be deleted.
    pub fn is_unnecessary(&self) -> bool {
        matches!(self.kind, DiagnosticKind::UnusedLocal | DiagnosticKind::Unreachable)
    }
}
