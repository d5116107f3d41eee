//! Arguments of requests. What is not read is not named here.

use serde::Deserialize;
use serde_json::Value as Json;

use super::Source;

/// Of `initialize`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Initialize {
    /// Absent means true.
    pub lines_start_at1: Option<bool>,
    /// Absent means true.
    pub columns_start_at1: Option<bool>,
    /// `path` (also when absent) or `uri`.
    pub path_format: Option<String>,
    /// Whether types of variables may be told.
    pub supports_variable_type: Option<bool>,
    /// Whether the client can start programs in a terminal.
    pub supports_run_in_terminal_request: Option<bool>,
    /// Whether the client refreshes its views on the event `invalidated`.
    pub supports_invalidated_event: Option<bool>,
}

/// Of `cancel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// The request to withdraw.
    pub request_id: Option<i64>,
}

/// Of `disconnect`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnect {
    /// Whether the program shall end; absent means: if it was launched.
    pub terminate_debuggee: Option<bool>,
}

/// Of requests that are about one thread.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfThread {
    /// The thread.
    pub thread_id: i64,
}

/// Of `setBreakpoints`.
#[derive(Debug, Deserialize)]
pub struct SetBreakpoints {
    /// Whose breakpoints.
    pub source: Source,
    /// All of them.
    pub breakpoints: Option<Vec<SourceBreakpoint>>,
    /// The protocol's old form of `breakpoints`.
    pub lines: Option<Vec<i64>>,
}

/// A wanted breakpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceBreakpoint {
    /// In the client's counting.
    pub line: i64,
    /// Stops only when this holds.
    pub condition: Option<String>,
    /// Stops only at these hits.
    pub hit_condition: Option<String>,
    /// Is printed instead of stopping.
    pub log_message: Option<String>,
}

/// Of `setExceptionBreakpoints`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetExceptionBreakpoints {
    /// Filters that are on.
    pub filters: Vec<String>,
    /// More filters that are on.
    pub filter_options: Option<Vec<FilterOption>>,
}

/// A filter that is on, with options (of which none is offered).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterOption {
    /// The filter.
    pub filter_id: String,
}

/// Of `stackTrace`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackTrace {
    /// Whose stack.
    pub thread_id: i64,
    /// Frames to skip.
    pub start_frame: Option<u32>,
    /// Frames wanted; 0 or absent means all.
    pub levels: Option<u32>,
}

/// Of `scopes`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scopes {
    /// Whose scopes.
    pub frame_id: i64,
}

/// Of `variables`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variables {
    /// Whose children.
    pub variables_reference: i64,
    /// `indexed` or `named`; both when absent.
    pub filter: Option<String>,
    /// Children to skip.
    pub start: Option<u32>,
    /// Children wanted; 0 or absent means all.
    pub count: Option<u32>,
}

/// Of `setVariable`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetVariable {
    /// Who has the variable.
    pub variables_reference: i64,
    /// Its name.
    pub name: String,
    /// An expression.
    pub value: String,
}

/// Of `setExpression`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetExpression {
    /// What is assigned to.
    pub expression: String,
    /// What is assigned.
    pub value: String,
    /// Whose variables are seen.
    pub frame_id: Option<i64>,
}

/// Of `evaluate`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluate {
    /// An expression, in the context `repl` also statements.
    pub expression: String,
    /// Whose variables are seen.
    pub frame_id: Option<i64>,
    /// What for.
    pub context: Option<String>,
}

/// Of `completions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completions {
    /// Whose variables are seen.
    pub frame_id: Option<i64>,
    /// One or more lines.
    pub text: String,
    /// The cursor's column, in UTF-16 code units.
    pub column: i64,
    /// The cursor's line in the text; the first when absent.
    pub line: Option<i64>,
}

/// Of `source`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceText {
    /// The protocol's new form of `source_reference`.
    pub source: Option<Source>,
    /// Which.
    pub source_reference: i64,
}

/// Of `perilune/redefine`. Places count from 1, columns bytes, whatever the client's counting is.
#[derive(Debug, Deserialize)]
pub struct Redefine {
    /// Path of the source, or URI.
    pub source: String,
    /// Its whole new text.
    pub text: String,
    /// Which functions, as the live protocol says it.
    pub target: Json,
    /// Only asks whether it would be refused.
    pub check: Option<bool>,
}
