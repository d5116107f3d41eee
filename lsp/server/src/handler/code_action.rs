//! `textDocument/codeAction`: redefinition, while a program runs.

use super::command::{REDEFINE, REDEFINE_FILE};
use crate::server::Shared;
use crate::store::{Snapshot, path_of};
use serde_json::json;
use tower_lsp_server::jsonrpc::Result;
use tower_lsp_server::ls_types::*;

/// One function.
const FUNCTION_KIND: &str = "refactor.rewrite.perilune.redefine";
/// All of a file's functions that changed.
const FILE_KIND: &str = "source.perilune.redefine";

/// What is offered, for the handshake.
pub(crate) fn options() -> CodeActionOptions {
    let kinds = [FUNCTION_KIND, FILE_KIND].map(CodeActionKind::new).to_vec();
    CodeActionOptions { code_action_kinds: Some(kinds), ..CodeActionOptions::default() }
}

pub(crate) async fn handle(
    shared: &Shared,
    snapshot: Snapshot,
    params: CodeActionParams,
) -> Result<Option<CodeActionResponse>> {
    let are_actions = snapshot.agreement.code_actions;
    let only = params.context.only.clone();
    let commands = shared.work(snapshot, move |snapshot| commands(snapshot, &params)).await?.unwrap_or_default();
    let is_wanted = |kind: &str| {
        only.as_ref().is_none_or(|only| only.iter().any(|wanted| is_below(kind, wanted.as_str())))
    };
    let wanted: Vec<(&str, Command)> = commands.into_iter().filter(|(kind, _)| is_wanted(kind)).collect();
    if wanted.is_empty() || shared.live.program().await.is_none() {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(wanted.into_iter().map(|(kind, command)| match are_actions {
        true => CodeActionOrCommand::CodeAction(CodeAction {
            title: command.title.clone(),
            kind: Some(CodeActionKind::new(kind)),
            command: Some(command),
            ..CodeAction::default()
        }),
        false => CodeActionOrCommand::Command(command),
    }).collect()))
}

/// Whether a kind is the wanted one or a part of it: `refactor` has `refactor.rewrite`.
fn is_below(kind: &str, wanted: &str) -> bool {
    kind.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn commands(snapshot: &Snapshot, params: &CodeActionParams) -> Option<Vec<(&'static str, Command)>> {
    let uri = &params.text_document.uri;
    let file = snapshot.file(uri)?;
    path_of(uri)?;
    let position = params.range.start;
    let function = snapshot.workspace.function_at(file.id, file.offset(position, snapshot.agreement.encoding));
    let one = function.map(|function| {
        let title = format!("Redefine this function in the running program ({})", function.name);
        let arguments = json!([{ "uri": uri, "position": position }]);
        (FUNCTION_KIND, command(REDEFINE, title, arguments))
    });
    let title = "Redefine what changed in this file in the running program".to_string();
    let all = (FILE_KIND, command(REDEFINE_FILE, title, json!([{ "uri": uri }])));
    Some(one.into_iter().chain([all]).collect())
}

fn command(name: &str, title: String, arguments: serde_json::Value) -> Command {
    Command { title, command: name.into(), arguments: arguments.as_array().cloned() }
}
