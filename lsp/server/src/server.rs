//! The adapter to the framework: one line for each method.
//!
//! The framework runs handlers concurrently, in the order of arrival up to
//! their first await. So whatever changes the store does it before, and
//! whatever reads takes its snapshot before; the work is done on other threads.

mod shared;
mod push;
mod files;

use crate::handler;
use crate::live::Finder;
pub(crate) use shared::Shared;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::*;
use tower_lsp_server::{Client, LanguageServer};

/// What the framework calls.
pub(crate) struct Backend(Arc<Shared>);

impl Backend {
    pub(crate) fn new(client: Client, was_shut_down: Arc<AtomicBool>, finder: Finder) -> Backend {
        Backend(Arc::new(Shared::new(client, was_shut_down, finder)))
    }

    pub(crate) async fn parse_error(&self) -> Result<()> {
        Err(Error::parse_error())
    }

    pub(crate) async fn invalid_request(&self) -> Result<()> {
        Err(Error::invalid_request())
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let (agreement, templates) = handler::initialize::agreement(&params);
        self.0.change(|store| store.agree(agreement, templates));
        self.0.set_folders(handler::initialize::folders(&params));
        Ok(handler::initialize::result(agreement))
    }

    async fn initialized(&self, _: InitializedParams) {
        self.0.begin();
    }

    async fn shutdown(&self) -> Result<()> {
        self.0.was_shut_down.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, version, text, .. } = params.text_document;
        self.0.change(|store| store.open(uri.clone(), version, text));
        self.0.read_required(&uri);
        self.0.touch(uri);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        self.0.change(|store| store.change(&uri, version, params.content_changes));
        self.0.touch(uri);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let uri = params.text_document.uri;
        if let Some(path) = self.0.change(|store| store.close(&uri)) {
            self.0.read_again(vec![path]);
        }
        self.0.touch(uri);
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.0.read_required(&params.text_document.uri);
    }

    async fn did_change_configuration(&self, _: DidChangeConfigurationParams) {}

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        self.0.read_again(params.changes.iter().map(|change| crate::store::key(&change.uri)).collect());
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.0.change_folders(params.event);
    }

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        let (uri, previous) = (params.text_document.uri, params.previous_result_id);
        let snapshot = self.0.whole_snapshot(&uri);
        self.0.work(snapshot.await, move |snapshot| handler::diagnostic::handle(snapshot, &uri, previous)).await
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        let uri = params.text_document.uri;
        self.0.work(self.0.snapshot(), move |snapshot| handler::symbol::handle(snapshot, &uri)).await
    }

    async fn symbol(&self, params: WorkspaceSymbolParams) -> Result<Option<WorkspaceSymbolResponse>> {
        let snapshot = self.0.every_file();
        self.0.work(snapshot.await, move |snapshot| Some(handler::workspace_symbol::handle(snapshot, &params.query))).await
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let at = params.text_document_position_params;
        let snapshot = self.0.whole_snapshot(&at.text_document.uri);
        self.0.work(snapshot.await, move |snapshot| handler::definition::handle(snapshot, &at)).await
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let snapshot = self.0.whole_snapshot(&params.text_document_position.text_document.uri);
        self.0.work(snapshot.await, move |snapshot| handler::reference::handle(snapshot, &params)).await
    }

    async fn document_highlight(&self, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
        let at = params.text_document_position_params;
        self.0.work(self.0.snapshot(), move |snapshot| handler::highlight::handle(snapshot, &at)).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        let snapshot = self.0.whole_snapshot(&at.text_document.uri);
        handler::hover::handle(&self.0, snapshot.await, at).await
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let at = params.text_document_position;
        let snapshot = self.0.whole_snapshot(&at.text_document.uri);
        handler::completion::handle(&self.0, snapshot.await, at).await
    }

    async fn signature_help(&self, params: SignatureHelpParams) -> Result<Option<SignatureHelp>> {
        let at = params.text_document_position_params;
        let snapshot = self.0.whole_snapshot(&at.text_document.uri);
        self.0.work(snapshot.await, move |snapshot| handler::signature::handle(snapshot, &at)).await
    }

    async fn prepare_rename(&self, params: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
        let snapshot = self.0.whole_snapshot(&params.text_document.uri);
        self.0.work(snapshot.await, move |snapshot| handler::rename::prepare(snapshot, &params)).await?
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        let snapshot = self.0.whole_snapshot(&params.text_document_position.text_document.uri);
        handler::rename::handle(&self.0, snapshot.await, params).await
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        handler::code_action::handle(&self.0, self.0.snapshot(), params).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        handler::command::handle(&self.0, self.0.snapshot(), params).await
    }

    async fn semantic_tokens_full(&self, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
        let uri = params.text_document.uri;
        self.0.work(self.0.snapshot(), move |snapshot| handler::token::handle(snapshot, &uri)).await
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        let uri = params.text_document.uri;
        self.0.work(self.0.snapshot(), move |snapshot| handler::folding::handle(snapshot, &uri)).await
    }
}
