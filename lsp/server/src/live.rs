//! The program of the workspace that runs, if one does.
//!
//! One connection at most. A program may be stopped, blocked or gone, so every
//! question is asked on a thread of its own and has a time in which it must be
//! answered: nothing here delays the editor.

use perilune_live::client::{Client, ClientError};
use perilune_live::protocol::{Hello, Method, OnDisconnect, SessionInfo, VERSION};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long an editor waits for a value that is only shown.
pub(crate) const GLANCE: Duration = Duration::from_millis(300);
/// How long a person waits for what they asked for.
pub(crate) const COMMAND: Duration = Duration::from_secs(5);
/// How often programs are looked for.
const INTERVAL: Duration = Duration::from_secs(1);
/// Questions that wait for answers at a time; more glances than this have none.
const MAX_QUESTIONS: usize = 4;

/// Finds the programs of a folder, the best one first.
pub type Finder = Arc<dyn Fn(&Path) -> Vec<SessionInfo> + Send + Sync>;

/// A program that answers.
#[derive(Clone)]
pub(crate) struct Program {
    client: Client,
    session: SessionInfo,
}

impl Program {
    /// Its file's name and its process.
    pub(crate) fn title(&self) -> String {
        let name = Path::new(&self.session.program).file_name().map(|name| name.to_string_lossy());
        format!("{} (pid {})", name.unwrap_or_default(), self.session.pid)
    }
}

/// Why there is no answer.
pub(crate) enum NoAnswer {
    /// No program of the workspace runs live.
    NoProgram,
    /// The program said why not, or was silent.
    Client(ClientError),
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAnswer::NoProgram => write!(formatter, "no program of this workspace runs with `perilune run --live`"),
            NoAnswer::Client(error) => error.fmt(formatter),
        }
    }
}

/// The connection, and when programs were last looked for.
#[derive(Default)]
struct Link {
    program: Option<Program>,
    looked: Option<Instant>,
}

/// Questions to the program.
pub(crate) struct Live {
    finder: Finder,
    folders: Mutex<Vec<PathBuf>>,
    link: Arc<Mutex<Link>>,
    permits: Arc<Semaphore>,
}

impl Live {
    pub(crate) fn new(finder: Finder) -> Live {
        let permits = Arc::new(Semaphore::new(MAX_QUESTIONS));
        Live { finder, folders: Mutex::default(), link: Arc::default(), permits }
    }

    /// Sets where the program must belong to. A program found before stays, if it still runs.
    pub(crate) fn set_folders(&self, folders: Vec<PathBuf>) {
        *self.folders.lock().unwrap_or_else(PoisonError::into_inner) = folders;
    }

    fn folders(&self) -> Vec<PathBuf> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The program, if one runs and says so within a glance.
    pub(crate) async fn program(&self) -> Option<Program> {
        self.work(GLANCE, |program| Ok(program.clone())).await.ok()
    }

    /// What is shown by the way; `None` when there is nothing to show in time.
    pub(crate) async fn glance<M: Method + Send + 'static>(&self, request: M) -> Option<(Program, M::Result)>
    where
        M::Result: Send,
    {
        let ask = |program: &Program| Ok((program.clone(), program.client.request_timeout(request, GLANCE)?));
        self.work(GLANCE, ask).await.ok()
    }

    /// What a person asked for.
    pub(crate) async fn command<M: Method + Send + 'static>(&self, request: M) -> Result<(Program, M::Result), NoAnswer>
    where
        M::Result: Send,
    {
        let ask = |program: &Program| Ok((program.clone(), program.client.request_timeout(request, COMMAND)?));
        self.work(COMMAND, ask).await
    }

    /// The programs that could be asked.
    pub(crate) async fn sessions(&self) -> Vec<SessionInfo> {
        let (finder, folders) = (Arc::clone(&self.finder), self.folders());
        let found = tokio::task::spawn_blocking(move || folders.iter().flat_map(|folder| finder(folder)).collect());
        let mut sessions: Vec<SessionInfo> = found.await.unwrap_or_default();
        sessions.dedup_by_key(|session| session.pid);
        sessions
    }

    /// Runs a question on its own thread; gives up waiting for it when the time is over.
    async fn work<T: Send + 'static>(
        &self,
        patience: Duration,
        ask: impl FnOnce(&Program) -> Result<T, ClientError> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let is_command = patience == COMMAND;
        let silent = || NoAnswer::Client(ClientError::Timeout);
        let permits = Arc::clone(&self.permits);
        let permit = match is_command {
            false => permits.try_acquire_owned().map_err(|_| silent())?,
            true => match tokio::time::timeout(patience, permits.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(silent()),
            },
        };
        let (finder, folders, link) = (Arc::clone(&self.finder), self.folders(), Arc::clone(&self.link));
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let program = {
                let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
                link.current(&finder, &folders, is_command).ok_or(NoAnswer::NoProgram)?
            };
            ask(&program).map_err(NoAnswer::Client)
        });
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Err(silent()),
        }
    }
}

impl Link {
    /// The program; looks for one if there is none and it is time to, or a person asked.
    fn current(&mut self, finder: &Finder, folders: &[PathBuf], is_command: bool) -> Option<Program> {
        self.program = self.program.take().filter(|program| !program.client.is_closed());
        let is_early = self.looked.is_some_and(|looked| looked.elapsed() < INTERVAL);
        if self.program.is_none() && (is_command || !is_early) {
            self.program = folders.iter().flat_map(|folder| finder(folder)).find_map(connect);
            self.looked = Some(Instant::now());
        }
        self.program.clone()
    }
}

fn connect(session: SessionInfo) -> Option<Program> {
    let hello = Hello {
        version: VERSION,
        client: "lsp".into(),
        token: session.token.clone(),
        on_disconnect: OnDisconnect::Continue,
        output: false,
    };
    let (client, _) = Client::connect(&session, hello, |_| {}).ok()?;
    Some(Program { client, session })
}
