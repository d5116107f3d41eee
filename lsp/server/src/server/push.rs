//! Diagnostics that are sent without being asked for.
//!
//! Edits that follow each other quickly are answered by one analysis, and a
//! newer text's diagnostics never come before an older one's: one task pushes
//! at a time.

use super::shared::Shared;
use crate::handler;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tower_lsp_server::ls_types::{Diagnostic, Uri};

/// How long to wait for the next edit before the text is analysed.
const QUIET: Duration = Duration::from_millis(25);

/// What is to be pushed, and what was.
#[derive(Default)]
pub(super) struct Pushes {
    touched: Mutex<HashSet<Uri>>,
    is_running: AtomicBool,
    pushed: tokio::sync::Mutex<HashMap<Uri, Vec<Diagnostic>>>,
}

impl Pushes {
    fn take(&self) -> HashSet<Uri> {
        std::mem::take(&mut self.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_idle(&self) -> bool {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl Shared {
    /// Notes that a file changed: its diagnostics follow, and those of files that it changes.
    pub(crate) fn touch(self: &Arc<Self>, uri: Uri) {
        self.pushes.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(uri);
        self.start_pushing();
    }

    /// Notes that files which are not open changed.
    pub(super) fn touch_others(self: &Arc<Self>) {
        if let Some(file) = self.snapshot().open_files().into_iter().next() {
            self.touch(file.uri);
        }
    }

    fn start_pushing(self: &Arc<Self>) {
        if !self.pushes.is_running.swap(true, Ordering::SeqCst) {
            let shared = Arc::clone(self);
            tokio::spawn(async move { shared.push_all().await });
        }
    }

    async fn push_all(self: Arc<Self>) {
        loop {
            tokio::time::sleep(QUIET).await;
            let touched = self.pushes.take();
            if touched.is_empty() {
                break;
            }
            self.push(&touched).await;
        }
        self.pushes.is_running.store(false, Ordering::SeqCst);
        if !self.pushes.is_idle() {
            self.start_pushing();
        }
    }

    /// Pushes what was touched and what else changed: a global assigned in one file is known in the others.
    async fn push(&self, touched: &HashSet<Uri>) {
        let snapshot = self.snapshot();
        if snapshot.agreement.pulls && snapshot.agreement.refreshes {
            let client = self.client.clone();
            tokio::spawn(async move { client.workspace_diagnostic_refresh().await });
        }
        let is_read = *self.is_read.borrow();
        let Ok(all) = self.work(snapshot, move |snapshot| handler::diagnostic::pushed(snapshot, is_read)).await else {
            return;
        };
        let mut pushed = self.pushes.pushed.lock().await;
        let closed: Vec<Uri> = pushed.keys().filter(|uri| !all.iter().any(|(open, ..)| open == *uri)).cloned().collect();
        for uri in closed {
            pushed.remove(&uri);
            self.client.publish_diagnostics(uri, Vec::new(), None).await;
        }
        for (uri, version, diagnostics) in all {
            if touched.contains(&uri) || pushed.get(&uri) != Some(&diagnostics) {
                pushed.insert(uri.clone(), diagnostics.clone());
                self.client.publish_diagnostics(uri, diagnostics, version).await;
            }
        }
    }
}
