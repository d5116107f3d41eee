//! The adapter to the framework: one line for each method.
//!
//! The framework runs handlers concurrently, in the order of arrival up to
//! their first await. So whatever changes or reads the store does it before.

use crate::handler;
use crate::store::Store;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::*;
use tower_lsp_server::{Client, LanguageServer};

/// What the framework calls.
pub(crate) struct Backend {
    client: Client,
    store: Mutex<Store>,
    /// What was last pushed for each file. Held while pushing: the last text's diagnostics arrive last.
    pushed: tokio::sync::Mutex<HashMap<Uri, Vec<Diagnostic>>>,
    was_shut_down: Arc<AtomicBool>,
}

impl Backend {
    pub(crate) fn new(client: Client, was_shut_down: Arc<AtomicBool>) -> Backend {
        Backend { client, store: Mutex::default(), pushed: tokio::sync::Mutex::default(), was_shut_down }
    }

    pub(crate) async fn parse_error(&self) -> Result<()> {
        Err(Error::parse_error())
    }

    pub(crate) async fn invalid_request(&self) -> Result<()> {
        Err(Error::invalid_request())
    }

    /// Works on the store. A panic becomes an internal error; the session goes on.
    fn with_store<T>(&self, work: impl FnOnce(&mut Store) -> T) -> Result<T> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| work(&mut store))).map_err(|_| Error::internal_error())
    }

    /// Pushes what changed: a global assigned in one file is known in the others.
    async fn push(&self, edited: &Uri) {
        let (pulls, refreshes) = self.with_store(|store| (store.pulls, store.refreshes)).unwrap_or_default();
        if pulls {
            if refreshes {
                let client = self.client.clone();
                tokio::spawn(async move { client.workspace_diagnostic_refresh().await });
            }
            return;
        }
        let mut pushed = self.pushed.lock().await;
        let Ok(all) = self.with_store(handler::diagnostic::all) else { return };
        let closed: Vec<Uri> = pushed.keys().filter(|uri| !all.iter().any(|(open, ..)| open == *uri)).cloned().collect();
        for uri in closed {
            pushed.remove(&uri);
            self.client.publish_diagnostics(uri, Vec::new(), None).await;
        }
        for (uri, version, diagnostics) in all {
            if uri == *edited || pushed.get(&uri) != Some(&diagnostics) {
                pushed.insert(uri.clone(), diagnostics.clone());
                self.client.publish_diagnostics(uri, diagnostics, Some(version)).await;
            }
        }
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        self.with_store(|store| handler::initialize::handle(store, &params))
    }

    async fn shutdown(&self) -> Result<()> {
        self.was_shut_down.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, version, text, .. } = params.text_document;
        let _ = self.with_store(|store| store.open(uri.clone(), version, text));
        self.push(&uri).await;
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        let _ = self.with_store(|store| store.change(&uri, version, params.content_changes));
        self.push(&uri).await;
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let uri = params.text_document.uri;
        let _ = self.with_store(|store| store.close(&uri));
        self.push(&uri).await;
    }

    async fn did_save(&self, _: DidSaveTextDocumentParams) {}

    async fn did_change_configuration(&self, _: DidChangeConfigurationParams) {}

    async fn did_change_watched_files(&self, _: DidChangeWatchedFilesParams) {}

    async fn did_change_workspace_folders(&self, _: DidChangeWorkspaceFoldersParams) {}

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        self.with_store(|store| handler::diagnostic::handle(store, &params.text_document.uri))
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        self.with_store(|store| handler::symbol::handle(store, &params.text_document.uri))
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        self.with_store(|store| handler::definition::handle(store, &params.text_document_position_params))
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        self.with_store(|store| handler::reference::handle(store, &params))
    }

    async fn document_highlight(&self, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
        self.with_store(|store| handler::highlight::handle(store, &params.text_document_position_params))
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        self.with_store(|store| handler::hover::handle(store, &params.text_document_position_params))
    }

    async fn prepare_rename(&self, params: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
        self.with_store(|store| handler::rename::prepare(store, &params))?
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        self.with_store(|store| handler::rename::handle(store, &params))?
    }

    async fn semantic_tokens_full(&self, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
        self.with_store(|store| handler::token::handle(store, &params.text_document.uri))
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        self.with_store(|store| handler::folding::handle(store, &params.text_document.uri))
    }
}
