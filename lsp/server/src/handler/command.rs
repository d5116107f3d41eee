//! `workspace/executeCommand`: redefinition in the running program.

use crate::live::NoAnswer;
use crate::server::Shared;
use crate::store::{File, Snapshot, path_of};
use perilune_ide::{Encoding, Span};
use perilune_live::client::ClientError;
use perilune_live::protocol::{Code, Failure, Redefine, RedefineResult, Target};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::*;

/// Redefines the function around a position.
pub(crate) const REDEFINE: &str = "perilune.redefine";
/// Redefines all functions of a file that differ from the running ones.
pub(crate) const REDEFINE_FILE: &str = "perilune.redefineFile";
/// Lists the programs of the workspace that run live.
const SESSIONS: &str = "perilune.sessions";
/// All of them.
pub(crate) const ALL: [&str; 3] = [REDEFINE, REDEFINE_FILE, SESSIONS];

/// What the redefining commands are called with.
#[derive(Deserialize)]
struct Argument {
    uri: Uri,
    position: Option<Position>,
}

pub(crate) async fn handle(
    shared: &Arc<Shared>,
    snapshot: Snapshot,
    params: ExecuteCommandParams,
) -> Result<Option<Value>> {
    match params.command.as_str() {
        SESSIONS => sessions(shared).await,
        REDEFINE | REDEFINE_FILE => {
            let argument = params.arguments.into_iter().next().unwrap_or_default();
            let wrong = |error: serde_json::Error| Error::invalid_params(error.to_string());
            let argument: Argument = serde_json::from_value(argument).map_err(wrong)?;
            let is_file = params.command == REDEFINE_FILE;
            redefine(shared, snapshot, argument, is_file).await.map(Some)
        }
        other => Err(Error::invalid_params(format!("unknown command '{other}'"))),
    }
}

async fn sessions(shared: &Shared) -> Result<Option<Value>> {
    let found = shared.live.sessions().await;
    let shown = found.iter().map(|session| json!({
        "pid": session.pid, "program": session.program, "args": session.args,
        "cwd": session.cwd, "started": session.started,
    }));
    Ok(Some(Value::Array(shown.collect())))
}

async fn redefine(shared: &Arc<Shared>, snapshot: Snapshot, argument: Argument, is_file: bool) -> Result<Value> {
    let encoding = snapshot.agreement.encoding;
    let no_file = || Error::invalid_params("the document is not open and not in the workspace");
    let file = snapshot.file(&argument.uri).ok_or_else(no_file)?;
    let path = path_of(&file.uri).ok_or_else(|| Error::invalid_params("the document is not a file"))?;
    let offset = argument.position.map(|position| file.offset(position, encoding));
    let target = match offset {
        _ if is_file => Target::Changed,
        Some(offset) => Target::At(file.live_position(offset)),
        None => return Err(Error::invalid_params("a position is missing")),
    };
    let text = file.document().text().to_string();
    let request = Redefine { source: path.to_string_lossy().into_owned(), text, target, check: false };
    match shared.live.command(request).await {
        Ok((_, result)) => Ok(done(shared, &file, &result).await),
        Err(NoAnswer::Client(ClientError::Failed(failure))) if failure.code == Code::Refused => {
            Ok(refused(shared, &file, &failure, offset.unwrap_or(0), encoding).await)
        }
        Err(reason) => {
            let message = format!("not redefined: {reason}");
            shared.client.show_message(MessageType::ERROR, &message).await;
            Ok(json!({ "failed": reason.to_string() }))
        }
    }
}

async fn done(shared: &Arc<Shared>, file: &File, result: &RedefineResult) -> Value {
    shared.change(|store| store.forget_refusals(file.id));
    shared.touch(file.uri.clone());
    shared.client.show_message(MessageType::INFO, summary(result)).await;
    serde_json::to_value(result).unwrap_or_default()
}

/// `redefined M.step: 3 closures, 1 call still runs the old code`.
fn summary(result: &RedefineResult) -> String {
    let one = |function: &perilune_live::protocol::Redefined| {
        let closures = counted(function.closures, "closure");
        let running = match function.running {
            0 => String::new(),
            1 => ", 1 call still runs the old code".into(),
            count => format!(", {count} calls still run the old code"),
        };
        format!("{}: {closures}{running}", function.name)
    };
    let mut parts = Vec::new();
    match result.functions.as_slice() {
        [] => parts.push("nothing was redefined: no function differs from the running one".to_string()),
        functions => parts.push(format!("redefined {}", functions.iter().map(one).collect::<Vec<_>>().join("; "))),
    }
    let mut list = |names: &[String], words: &str| {
        if !names.is_empty() {
            parts.push(format!("{words}: {}", names.join(", ")));
        }
    };
    list(&result.added, "new, once the code around it runs");
    list(&result.removed, "gone from the text, still callable");
    parts.join("; ")
}

fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Shows the reasons where they are, until the next edit or a redefinition that succeeds.
async fn refused(shared: &Arc<Shared>, file: &File, failure: &Failure, offset: u32, encoding: Encoding) -> Value {
    let general = || vec![diagnostic(&failure.message, line_range(file, offset, encoding))];
    let reasons = failure.refusals.iter().map(|refusal| {
        let (start, end) = (file.live_offset(refusal.start), file.live_offset(refusal.end));
        diagnostic(&refusal.message, file.range(Span { start, end: end.max(start) }, encoding))
    });
    let diagnostics = Some(reasons.collect::<Vec<_>>()).filter(|list| !list.is_empty()).unwrap_or_else(general);
    let object = |found: &Diagnostic| json!({ "message": found.message, "range": found.range });
    let listed: Vec<Value> = diagnostics.iter().map(object).collect();
    let message = format!("not redefined: {}", counted(diagnostics.len() as u32, "reason"));
    shared.change(|store| {
        // An edit that came meanwhile has moved the places.
        let is_current = store.snapshot().file(&file.uri).is_some_and(|now| now.version == file.version);
        if is_current {
            store.set_refusals(file.id, diagnostics);
        }
    });
    shared.touch(file.uri.clone());
    shared.client.show_message(MessageType::WARNING, message).await;
    json!({ "refused": listed })
}

fn line_range(file: &File, offset: u32, encoding: Encoding) -> Range {
    let document = file.document();
    file.range(document.line_span(document.line_of(offset)), encoding)
}

fn diagnostic(message: &str, range: Range) -> Diagnostic {
    Diagnostic {
        range,
        severity: Some(DiagnosticSeverity::ERROR),
        code: Some(NumberOrString::String("redefinition".into())),
        source: Some("perilune live".into()),
        message: message.to_string(),
        ..Diagnostic::default()
    }
}
