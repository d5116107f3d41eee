//! The service's way to its clients, shared with whoever watches the machine meanwhile.
//!
//! While code of a client runs, the machine has another observer than the
//! service. The program can end in that code, and then its clients must hear
//! of it all the same.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvError};

use perilune_vm::Vm;

use crate::endpoint::{ClientId, Endpoint, Input, Reply};
use crate::protocol::{Event, State};

/// The endpoint and what came from it.
pub(super) struct Link {
    /// `None` once the program is over.
    endpoint: RefCell<Option<Endpoint>>,
    inputs: Receiver<Input>,
    urgent: Arc<AtomicUsize>,
    /// To be answered when the code ends that runs for it.
    answering: RefCell<Option<Reply>>,
    /// Whether the code of a client was asked to look at the queue, and left it to the service.
    passed_over: Cell<bool>,
}

impl Link {
    pub(super) fn new(endpoint: Endpoint, inputs: Receiver<Input>) -> Link {
        let urgent = endpoint.urgent().clone();
        Link { endpoint: RefCell::new(Some(endpoint)), inputs, urgent, answering: RefCell::default(), passed_over: Cell::default() }
    }

    /// What came next; waits for it.
    ///
    /// # Errors
    /// When nothing can come any more.
    pub(super) fn wait(&self) -> Result<Input, RecvError> {
        self.inputs.recv().inspect(|input| self.took(input))
    }

    /// What came next, if anything has come.
    pub(super) fn poll(&self) -> Option<Input> {
        self.inputs.try_recv().ok().inspect(|input| self.took(input))
    }

    fn took(&self, input: &Input) {
        if input.is_urgent() {
            self.urgent.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The attention word is lowered, and what it was raised for stays in the queue.
    pub(super) fn pass_over(&self) {
        self.passed_over.set(true);
    }

    /// Whether that has happened since this was asked.
    pub(super) fn take_passed_over(&self) -> bool {
        self.passed_over.take()
    }

    /// Whether something waits that ends the code of clients.
    pub(super) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire) > 0
    }

    pub(super) fn tell(&self, event: &Event) {
        if let Some(endpoint) = &*self.endpoint.borrow() {
            endpoint.broadcast(event);
        }
    }

    pub(super) fn send(&self, client: ClientId, event: &Event) {
        if let Some(endpoint) = &*self.endpoint.borrow() {
            endpoint.send(client, event);
        }
    }

    pub(super) fn set_state(&self, state: State) {
        if let Some(endpoint) = &*self.endpoint.borrow() {
            endpoint.set_state(state);
        }
    }

    /// Code begins to run that this answer waits for.
    pub(super) fn begin_answer(&self, reply: Reply) {
        self.answering.replace(Some(reply));
    }

    /// The code has ended.
    pub(super) fn end_answer(&self) -> Option<Reply> {
        self.answering.take()
    }

    /// Tells all clients that the program is over, and closes the endpoint.
    pub(super) fn end(&self, vm: &mut Vm, exit_code: i32) {
        vm.tap_output(None);
        self.set_state(State::Ended);
        self.tell(&Event::Terminated { exit_code });
        // What was not answered is answered by being dropped.
        self.answering.take();
        while self.poll().is_some() {}
        self.endpoint.take();
    }
}
