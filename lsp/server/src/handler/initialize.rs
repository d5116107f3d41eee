//! `initialize`: what is offered, and what the client can do.

use super::{code_action, command, token};
use crate::store::{Agreement, path_of};
use perilune_ide::Encoding;
use std::path::PathBuf;
use tower_lsp_server::ls_types::*;

/// What the client can do; the templates by which it wants modules looked for, if it says.
pub(crate) fn agreement(params: &InitializeParams) -> (Agreement, Option<Vec<String>>) {
    let client = &params.capabilities;
    let (text, workspace) = (client.text_document.as_ref(), client.workspace.as_ref());
    let offered = client.general.as_ref().and_then(|general| general.position_encodings.as_deref());
    let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
    let watching = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
    let refreshing = workspace.and_then(|workspace| workspace.diagnostics.as_ref());
    let formats = text.and_then(|text| text.hover.as_ref()?.content_format.as_ref());
    let agreement = Agreement {
        encoding: pick(offered.unwrap_or_default()),
        pulls: text.is_some_and(|text| text.diagnostic.is_some()),
        refreshes: refreshing.is_some_and(|refreshing| refreshing.refresh_support == Some(true)),
        watches: watching.is_some_and(|watching| watching.dynamic_registration == Some(true)),
        confirms_edits: edits.is_some_and(|edits| {
            edits.document_changes == Some(true) && edits.change_annotation_support.is_some()
        }),
        markdown: formats.is_none_or(|formats| formats.contains(&MarkupKind::Markdown)),
        code_actions: text.is_some_and(|text| {
            text.code_action.as_ref().is_some_and(|action| action.code_action_literal_support.is_some())
        }),
    };
    (agreement, templates(params))
}

/// `{ "path": ["?.lua", "src/?.lua"] }` of the initialization options.
fn templates(params: &InitializeParams) -> Option<Vec<String>> {
    let list = params.initialization_options.as_ref()?.get("path")?.as_array()?;
    Some(list.iter().filter_map(|template| template.as_str()).map(String::from).collect())
}

/// The folders of the workspace; the root that older clients send, if there are none.
#[allow(deprecated)]
pub(crate) fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    match &params.workspace_folders {
        Some(folders) => folders.iter().filter_map(|folder| path_of(&folder.uri)).collect(),
        None => {
            let root = params.root_uri.as_ref().and_then(path_of);
            root.or_else(|| params.root_path.as_ref().map(PathBuf::from)).into_iter().collect()
        }
    }
}

/// The client's first choice that is known here.
fn pick(offered: &[PositionEncodingKind]) -> Encoding {
    let known = |kind: &PositionEncodingKind| match kind.as_str() {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    offered.iter().find_map(known).unwrap_or_default()
}

/// The answer.
pub(crate) fn result(agreement: Agreement) -> InitializeResult {
    InitializeResult {
        capabilities: ServerCapabilities {
            position_encoding: Some(match agreement.encoding {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
                Encoding::Utf32 => PositionEncodingKind::UTF32,
            }),
            // A client that gets diagnostics both ways shows them twice.
            diagnostic_provider: agreement.pulls.then(diagnostics),
            ..capabilities()
        },
        server_info: Some(ServerInfo { name: "perilune".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
        ..InitializeResult::default()
    }
}

fn diagnostics() -> DiagnosticServerCapabilities {
    DiagnosticServerCapabilities::Options(DiagnosticOptions {
        identifier: Some("perilune".into()),
        inter_file_dependencies: true,
        ..DiagnosticOptions::default()
    })
}

fn capabilities() -> ServerCapabilities {
    let characters = |list: &[&str]| Some(list.iter().map(|character| character.to_string()).collect());
    let rename = RenameOptions { prepare_provider: Some(true), work_done_progress_options: Default::default() };
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: characters(&[".", ":", "\"", "'", "<"]),
            ..CompletionOptions::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: characters(&["(", ","]),
            ..SignatureHelpOptions::default()
        }),
        rename_provider: Some(OneOf::Right(rename)),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(code_action::options())),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: command::ALL.map(String::from).to_vec(),
            work_done_progress_options: Default::default(),
        }),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(SemanticTokensOptions {
            legend: token::legend(),
            full: Some(SemanticTokensFullOptions::Bool(true)),
            ..SemanticTokensOptions::default()
        })),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: None,
        }),
        ..ServerCapabilities::default()
    }
}
