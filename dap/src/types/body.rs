//! Bodies of responses and events, and arguments of the adapter's own requests.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Source;

/// What the adapter can do. Whatever is not listed it cannot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Filters for `setExceptionBreakpoints`.
    pub exception_breakpoint_filters: Vec<ExceptionFilter>,
    /// Characters after which a client may ask for completions.
    pub completion_trigger_characters: Vec<&'static str>,
    /// The rest is yes or no.
    #[serde(flatten)]
    pub supported: BTreeMap<&'static str, bool>,
}

/// A kind of errors that can stop the program.
#[derive(Debug, Serialize)]
pub struct ExceptionFilter {
    /// For `setExceptionBreakpoints`.
    pub filter: &'static str,
    /// For people.
    pub label: &'static str,
    /// For people who hesitate.
    pub description: &'static str,
    /// Whether it is on unless the person says otherwise.
    pub default: bool,
}

/// A breakpoint as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Breakpoint {
    /// The adapter's number.
    pub id: i64,
    /// Whether code for it is loaded.
    pub verified: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where it is.
    pub source: Source,
    /// Where it stops.
    pub line: i64,
    /// `pending` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// Of `setBreakpoints`.
#[derive(Debug, Serialize)]
pub struct Breakpoints {
    /// In the order of the request.
    pub breakpoints: Vec<Breakpoint>,
}

/// A coroutine.
#[derive(Debug, Serialize)]
pub struct Thread {
    /// The coroutine's number plus one.
    pub id: i64,
    /// The coroutine's name.
    pub name: String,
}

/// Of `threads`.
#[derive(Debug, Serialize)]
pub struct Threads {
    /// The main one first.
    pub threads: Vec<Thread>,
}

/// Of `continue`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Continue {
    /// Always: coroutines never run at the same time.
    pub all_threads_continued: bool,
}

/// Of `stackTrace`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackTrace {
    /// Innermost first.
    pub stack_frames: Vec<StackFrame>,
    /// Frames there are.
    pub total_frames: u32,
}

/// A frame.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StackFrame {
    /// For `scopes` and `evaluate`.
    pub id: i64,
    /// The function's name.
    pub name: String,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Where it stands; 0 without a source.
    pub line: i64,
    /// Its first; 0 without a source.
    pub column: i64,
    /// `subtle` for functions that are not Lua.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presentation_hint: Option<&'static str>,
}

/// Of `scopes`.
#[derive(Debug, Serialize)]
pub struct Scopes {
    /// Locals, upvalues, varargs, globals.
    pub scopes: Vec<Scope>,
}

/// A scope.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// For people.
    pub name: &'static str,
    /// For the client's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presentation_hint: Option<&'static str>,
    /// For `variables`.
    pub variables_reference: i64,
    /// How many there are.
    pub named_variables: u32,
    /// Whether the client should wait until it is opened.
    pub expensive: bool,
}

/// Of `variables`.
#[derive(Debug, Serialize)]
pub struct Variables {
    /// In the program's order.
    pub variables: Vec<Variable>,
}

/// A named value.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Unique among its siblings.
    pub name: String,
    /// The value's text.
    pub value: String,
    /// Its type, for clients that show it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// An expression for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_name: Option<String>,
    /// Its children.
    #[serde(flatten)]
    pub children: Children,
}

/// Where a value's children are; part of several bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Children {
    /// For `variables`; 0 without children.
    pub variables_reference: i64,
    /// Elements.
    #[serde(skip_serializing_if = "is_zero")]
    pub indexed_variables: u32,
    /// Others.
    #[serde(skip_serializing_if = "is_zero")]
    pub named_variables: u32,
}

// Serde hands over a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Of `setVariable` and `setExpression`.
#[derive(Debug, Serialize)]
pub struct Assigned {
    /// The new value's text.
    pub value: String,
    /// Its type, for clients that show it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its children.
    #[serde(flatten)]
    pub children: Children,
}

/// Of `evaluate`.
#[derive(Debug, Serialize)]
pub struct Evaluated {
    /// The values' text.
    pub result: String,
    /// The type, if it is one value and the client shows types.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The value's children, or the values if there are several.
    #[serde(flatten)]
    pub children: Children,
}

/// Of `completions`.
#[derive(Debug, Serialize)]
pub struct Completions {
    /// Sorted.
    pub targets: Vec<CompletionItem>,
}

/// A word to complete with.
#[derive(Debug, Serialize)]
pub struct CompletionItem {
    /// The word.
    pub label: String,
    /// What it is, for icons.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The type of its value.
    pub detail: String,
    /// Where it goes.
    pub start: i64,
    /// How many UTF-16 code units it replaces.
    pub length: i64,
}

/// Of `exceptionInfo`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionInfo {
    /// Kind of the error.
    pub exception_id: &'static str,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `always` or `unhandled`.
    pub break_mode: &'static str,
    /// More on it.
    pub details: ExceptionDetails,
}

/// More on an error.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionDetails {
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The calls that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
}

/// Of `loadedSources`.
#[derive(Debug, Serialize)]
pub struct LoadedSources {
    /// In the order of loading.
    pub sources: Vec<Source>,
}

/// Of `source`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceText {
    /// The text.
    pub content: String,
    /// Always Lua.
    pub mime_type: &'static str,
}

/// Of the event `stopped`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// For the client's code.
    pub reason: &'static str,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'static str>,
    /// The coroutine that stands at a place of its own choice.
    pub thread_id: i64,
    /// The error's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Always.
    pub all_threads_stopped: bool,
    /// Breakpoints that it stands at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hit_breakpoint_ids: Vec<i64>,
}

/// Of the event `output`.
#[derive(Debug, Default, Serialize)]
pub struct Output {
    /// `stdout`, `stderr` or `console`.
    pub category: &'static str,
    /// What was written.
    pub output: String,
    /// Which code did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Which line did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
}

/// Of the event `process`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Path of the program.
    pub name: String,
    /// The operating system's number.
    pub system_process_id: u32,
    /// Always.
    pub is_local_process: bool,
    /// `launch` or `attach`.
    pub start_method: &'static str,
}

/// Arguments of `runInTerminal`.
#[derive(Debug, Serialize)]
pub struct RunInTerminal {
    /// `integrated` or `external`.
    pub kind: &'static str,
    /// Title of the terminal.
    pub title: String,
    /// Working directory.
    pub cwd: String,
    /// Program and arguments.
    pub args: Vec<String>,
    /// Changes to the environment.
    pub env: BTreeMap<String, Option<String>>,
}
