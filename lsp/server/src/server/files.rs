//! Reading the files that are not open, on other threads.

use super::shared::Shared;
use crate::disk::{self, Found};
use crate::store::{Store, path_of};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use tower_lsp_server::ls_types::*;

/// Modules outside the folders that are read because an open file requires them.
const MAX_REQUIRED: usize = 50;

impl Shared {
    /// After the handshake: watches files and reads the folders.
    pub(super) fn begin(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            if shared.snapshot().agreement.watches {
                shared.watch().await;
            }
            shared.read_folders().await;
        });
    }

    async fn watch(&self) {
        let pattern = FileSystemWatcher { glob_pattern: GlobPattern::String("**/*.lua".into()), kind: None };
        let options = DidChangeWatchedFilesRegistrationOptions { watchers: vec![pattern] };
        let registration = Registration {
            id: "perilune-files".into(),
            method: "workspace/didChangeWatchedFiles".into(),
            register_options: serde_json::to_value(options).ok(),
        };
        let client = self.client.clone();
        // The client may answer late or never.
        tokio::spawn(async move { client.register_capability(vec![registration]).await });
    }

    /// Reads what changed below the folders.
    pub(super) async fn read_folders(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let scan = tokio::task::spawn_blocking(move || {
            let (folders, stamps) = shared.change(|store| (store.folders().to_vec(), store.stamps()));
            let scan = disk::scan(&folders, &stamps);
            let is_changed = !scan.found.is_empty() || !scan.gone.is_empty();
            shared.change(|store| {
                scan.found.into_iter().for_each(|found| put(store, found));
                scan.gone.iter().for_each(|path| store.remove_from_disk(path));
            });
            // What is asked next finds it done.
            shared.snapshot().workspace.files().for_each(|(_, file)| _ = file.analysis());
            *shared.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            (is_changed, scan.limit)
        });
        let (is_changed, limit) = scan.await.unwrap_or_default();
        let is_first = !self.is_read.send_replace(true);
        if is_changed || is_first {
            self.touch_others();
        }
        if let Some(limit) = limit.filter(|_| is_first) {
            let message = format!("the workspace is larger than {limit}: what lies beyond is not known");
            self.client.log_message(MessageType::WARNING, message).await;
        }
    }

    /// Reads files of which something was heard; those that are gone are forgotten, folders with all below.
    pub(super) fn read_again(self: &Arc<Self>, paths: Vec<String>) {
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let folders = shared.change(|store| store.folders().to_vec());
            for path in paths {
                let wanted = Some(Path::new(&path)).filter(|path| disk::is_wanted(path, &folders));
                match wanted.and_then(disk::read) {
                    Some(found) => shared.change(|store| put(store, found)),
                    None => shared.change(|store| {
                        store.known_below(&path).iter().for_each(|path| store.remove_from_disk(path));
                    }),
                }
            }
            shared.touch_others();
        });
    }

    /// Reads the modules that a file requires and that are not in the workspace, and what those require.
    pub(super) fn read_required(self: &Arc<Self>, uri: &Uri) {
        let (shared, uri) = (Arc::clone(self), uri.clone());
        tokio::task::spawn_blocking(move || {
            let mut pending: Vec<_> = shared.snapshot().file(&uri).map(|file| file.id).into_iter().collect();
            let mut count = 0;
            while let Some(file) = pending.pop().filter(|_| count < MAX_REQUIRED) {
                for found in missing(&shared, file) {
                    count += 1;
                    let path = found.path.clone();
                    shared.change(|store| put(store, found));
                    pending.extend(shared.snapshot().workspace.id(&path));
                }
            }
            if count > 0 {
                shared.touch(uri);
            }
        });
    }

    pub(super) fn change_folders(self: &Arc<Self>, event: WorkspaceFoldersChangeEvent) {
        let path = |folder: &WorkspaceFolder| path_of(&folder.uri);
        let removed: Vec<PathBuf> = event.removed.iter().filter_map(path).collect();
        let mut folders = self.change(|store| store.folders().to_vec());
        folders.retain(|folder| !removed.contains(folder));
        folders.extend(event.added.iter().filter_map(path));
        self.set_folders(folders);
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            shared.read_folders().await;
            shared.touch_others();
        });
    }
}

/// Modules required by a file that are on disk but not in the workspace.
fn missing(shared: &Shared, file: perilune_ide::FileId) -> Vec<Found> {
    let workspace = shared.snapshot().workspace;
    let Some(source) = workspace.file(file) else { return Vec::new() };
    let unknown = source.analysis().required.iter().filter(|module| workspace.module(file, &module.name).is_none());
    unknown.filter_map(|module| {
        let paths = workspace.module_paths(file, &module.name);
        paths.iter().map(Path::new).filter(|path| path.is_absolute()).find_map(disk::read)
    }).collect()
}

fn put(store: &mut Store, found: Found) {
    store.put_from_disk(&found.path, found.stamp, found.text);
}
