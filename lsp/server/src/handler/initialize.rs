//! `initialize`: what is offered, and which units positions count in.

use super::token;
use crate::store::Store;
use perilune_ide::Encoding;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(store: &mut Store, params: &InitializeParams) -> InitializeResult {
    let client = &params.capabilities;
    let offered = client.general.as_ref().and_then(|general| general.position_encodings.as_deref()).unwrap_or_default();
    store.encoding = pick(offered);
    store.pulls = client.text_document.as_ref().is_some_and(|text| text.diagnostic.is_some());
    let diagnostics = client.workspace.as_ref().and_then(|workspace| workspace.diagnostics.as_ref());
    store.refreshes = diagnostics.is_some_and(|diagnostics| diagnostics.refresh_support == Some(true));
    InitializeResult {
        capabilities: capabilities(store.encoding, store.pulls),
        server_info: Some(ServerInfo { name: "perilune".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
        ..InitializeResult::default()
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

fn capabilities(encoding: Encoding, pulls: bool) -> ServerCapabilities {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        ..TextDocumentSyncOptions::default()
    };
    let diagnostics = DiagnosticOptions {
        identifier: Some("perilune".into()),
        inter_file_dependencies: true,
        ..DiagnosticOptions::default()
    };
    let rename = RenameOptions { prepare_provider: Some(true), work_done_progress_options: Default::default() };
    ServerCapabilities {
        position_encoding: Some(match encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        // A client that gets diagnostics both ways shows them twice.
        diagnostic_provider: pulls.then_some(DiagnosticServerCapabilities::Options(diagnostics)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        rename_provider: Some(OneOf::Right(rename)),
        document_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(SemanticTokensOptions {
            legend: token::legend(),
            full: Some(SemanticTokensFullOptions::Bool(true)),
            ..SemanticTokensOptions::default()
        })),
        ..ServerCapabilities::default()
    }
}
