//! What all handlers share.

use super::push::Pushes;
use crate::live::{Finder, Live};
use crate::store::{Snapshot, Store};
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tower_lsp_server::Client;
use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::Uri;

/// How long an answer waits for the first reading of the workspace.
const SCAN_PATIENCE: Duration = Duration::from_secs(10);
/// How old the knowledge of files may be when the client does not watch them.
const MAX_AGE: Duration = Duration::from_secs(2);

/// What all handlers share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) live: Live,
    pub(super) was_shut_down: Arc<AtomicBool>,
    pub(super) pushes: Pushes,
    store: Mutex<Store>,
    /// Whether the folders of the workspace have been read.
    pub(super) is_read: watch::Sender<bool>,
    /// When they were read last.
    pub(super) read_at: Mutex<Option<Instant>>,
}

impl Shared {
    pub(super) fn new(client: Client, was_shut_down: Arc<AtomicBool>, finder: Finder) -> Shared {
        Shared {
            client,
            live: Live::new(finder),
            was_shut_down,
            pushes: Pushes::default(),
            store: Mutex::default(),
            is_read: watch::Sender::new(false),
            read_at: Mutex::default(),
        }
    }

    /// Changes the store.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.store.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.change(|store| store.snapshot())
    }

    pub(super) fn set_folders(&self, folders: Vec<PathBuf>) {
        self.live.set_folders(folders.clone());
        self.change(|store| store.set_folders(folders));
    }

    /// A file as it is now, among all files of the workspace as soon as they have been read.
    pub(super) fn whole_snapshot(self: &Arc<Self>, uri: &Uri) -> impl Future<Output = Snapshot> + Send + use<> {
        let now = self.snapshot();
        let shared = Arc::clone(self);
        let uri = uri.clone();
        async move {
            if shared.is_fresh(&now) {
                return now;
            }
            let file = now.file(&uri);
            let mut later = shared.every_file().await;
            if let Some(file) = file {
                later.keep(&file);
            }
            later
        }
    }

    /// All files of the workspace as soon as they have been read.
    pub(super) fn every_file(self: &Arc<Self>) -> impl Future<Output = Snapshot> + Send + use<> {
        let shared = Arc::clone(self);
        async move {
            if !*shared.is_read.borrow() {
                let mut is_read = shared.is_read.subscribe();
                let _ = tokio::time::timeout(SCAN_PATIENCE, is_read.wait_for(|is_read| *is_read)).await;
            } else if !shared.is_fresh(&shared.snapshot()) {
                shared.read_folders().await;
            }
            shared.snapshot()
        }
    }

    fn is_fresh(&self, now: &Snapshot) -> bool {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = read_at.is_some_and(|read_at| read_at.elapsed() < MAX_AGE);
        *self.is_read.borrow() && (now.agreement.watches || is_young || self.change(|store| store.folders().is_empty()))
    }

    /// Works on a snapshot on another thread. A panic becomes an internal error.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        snapshot: Snapshot,
        work: impl FnOnce(&Snapshot) -> T + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(move || work(&snapshot)).await.map_err(|_| Error::internal_error())
    }
}
