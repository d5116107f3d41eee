//! What the program tells while somebody types, and what is remembered of it.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perilune_live::client::{Client, Handler};
use perilune_live::protocol::{Event, Output, OutputCategory, Stopped};

use super::inspect;
use super::target::Printer;
use crate::command::say;

/// What the connection's threads and the prompt share.
#[derive(Default)]
pub struct Board {
    printer: Mutex<Option<Printer>>,
    stopped: Mutex<Option<Stopped>>,
    is_evaluating: AtomicBool,
    always_shows: AtomicBool,
    is_leaving: AtomicBool,
    news: Mutex<Option<Receiver<News>>>,
}

/// What there is to tell.
enum News {
    Event(Event),
    /// The connection ended.
    Closed,
}

/// Output of the program is shown as long as this lives.
pub struct Shown<'a>(&'a AtomicBool);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// Where events are written from now on; standard error before that.
    pub fn set_printer(&self, printer: Printer) {
        *lock(&self.printer) = Some(printer);
    }

    /// Shows what the program writes: during an evaluation that is what the evaluation writes.
    pub fn show_output(&self) -> Shown<'_> {
        self.is_evaluating.store(true, Ordering::Relaxed);
        Shown(&self.is_evaluating)
    }

    /// Whether all output of the program is shown.
    pub fn set_always_shows(&self, always: bool) {
        self.always_shows.store(always, Ordering::Relaxed);
    }

    /// The end of the connection is nothing to tell from now on.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the program stands.
    pub fn is_stopped(&self) -> bool {
        lock(&self.stopped).is_some()
    }

    /// The coroutine that stands.
    pub fn stopped_coroutine(&self) -> Option<u64> {
        lock(&self.stopped).as_ref().map(|stopped| stopped.coroutine)
    }

    /// Tells of events on a thread of its own, which may ask the program for details.
    pub fn follow(self: &Arc<Board>, client: Client) {
        let Some(news) = lock(&self.news).take() else { return };
        let board = Arc::clone(self);
        std::thread::spawn(move || {
            let mut has_ended = false;
            for item in news {
                let text = match item {
                    News::Event(event) => {
                        has_ended |= matches!(event, Event::Terminated { .. });
                        describe(&client, event)
                    }
                    News::Closed if has_ended => None,
                    News::Closed => Some("the connection to the program has ended; Ctrl-D leaves".into()),
                };
                if let Some(text) = text {
                    board.print(text + "\n");
                }
            }
        });
    }

    fn print(&self, text: String) {
        match &mut *lock(&self.printer) {
            Some(printer) => printer(text),
            None => {
                std::io::stderr().write_all(text.as_bytes()).ok();
            }
        }
    }

    /// As `print`; without a terminal it goes where the program would write it.
    fn print_output(&self, text: &str) {
        match &mut *lock(&self.printer) {
            Some(printer) => printer(text.to_owned()),
            None => say(text),
        }
    }

    fn wants(&self, output: &Output) -> bool {
        output.category == OutputCategory::Log
            || self.is_evaluating.load(Ordering::Relaxed)
            || self.always_shows.load(Ordering::Relaxed)
    }
}

/// Hears events on the connection's thread, where nothing may be asked.
pub struct Listener {
    board: Arc<Board>,
    news: Sender<News>,
}

impl Listener {
    /// A listener for this board.
    pub fn new(board: Arc<Board>) -> Listener {
        let (news, received) = mpsc::channel();
        *lock(&board.news) = Some(received);
        Listener { board, news }
    }
}

impl Handler for Listener {
    fn event(&mut self, event: Event) {
        match &event {
            // At once, so that it is seen before the result of the evaluation that wrote it.
            Event::Output(output) => {
                if self.board.wants(output) {
                    self.board.print_output(&output.text);
                }
                return;
            }
            Event::Stopped(stopped) => *lock(&self.board.stopped) = Some(stopped.clone()),
            Event::Continued {} | Event::Terminated { .. } => *lock(&self.board.stopped) = None,
            _ => {}
        }
        // The other end is gone when the prompt is.
        self.news.send(News::Event(event)).ok();
    }

    fn closed(&mut self) {
        *lock(&self.board.stopped) = None;
        if !self.board.is_leaving.load(Ordering::Relaxed) {
            self.news.send(News::Closed).ok();
        }
    }
}

/// What is said about an event, if anything.
fn describe(client: &Client, event: Event) -> Option<String> {
    match event {
        Event::Stopped(stopped) => Some(inspect::stopped(client, &stopped)),
        Event::Redefined { source, result } => Some(format!("{source}: {}", inspect::redefined(&result))),
        Event::Terminated { exit_code } => Some(format!("the program ended with exit code {exit_code}; Ctrl-D leaves")),
        Event::Output(_) | Event::Continued {} | Event::Breakpoint(_) | Event::Loaded(_) => None,
    }
}
