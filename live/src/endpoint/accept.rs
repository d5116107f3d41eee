//! The thread that takes connections.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::hub::Hub;
use super::listen::Listener;

/// The listener's thread, until it is stopped.
pub(super) struct Acceptor {
    /// Closing our end wakes the thread and ends it.
    alarm: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    pub fn start(listener: Listener, hub: Arc<Hub>) -> io::Result<Acceptor> {
        let (alarm, alarmed) = UnixStream::pair()?;
        let run = move || accept_all(&listener, &alarmed, &hub);
        let thread = thread::Builder::new().name("live-accept".to_string()).spawn(run)?;
        Ok(Acceptor { alarm: Some(alarm), thread: Some(thread) })
    }

    /// Takes no more connections; the socket is closed and removed.
    pub fn stop(&mut self) {
        self.alarm = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept_all(listener: &Listener, alarmed: &UnixStream, hub: &Arc<Hub>) {
    while wait(listener, alarmed) {
        match listener.accept() {
            Ok(stream) => hub.serve(stream),
            Err(error) if is_passing(&error) => {}
            // Out of descriptors or memory: the connection stays in the queue, others may end.
            Err(_) => pause(alarmed),
        }
    }
}

/// Waits for a connection; `false` when there shall be no more.
fn wait(listener: &Listener, alarmed: &UnixStream) -> bool {
    let mut waiting = [PollFd::new(listener, PollFlags::IN), PollFd::new(alarmed, PollFlags::IN)];
    match poll(&mut waiting, None) {
        Ok(_) => waiting[1].revents().is_empty(),
        Err(error) => error == rustix::io::Errno::INTR,
    }
}

fn pause(alarmed: &UnixStream) {
    let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    // Only the time matters; an alarm is seen by the next wait.
    let _ = poll(&mut [PollFd::new(alarmed, PollFlags::IN)], Some(&tenth));
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}
