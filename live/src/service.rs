//! The program's side of the live protocol: what runs on the machine's own thread.
//!
//! [`open`] gives a machine an observer that serves the endpoint's queue at
//! safepoints. While the program runs, requests are answered between two
//! instructions; while it stands, this module's loop is all that runs.
//! Everything that a request asks for is a method in one of the modules below.

mod breakpoint;
mod complete;
mod evaluate;
mod handle;
mod inspect;
mod redefine;
mod source;
mod value;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use perilune_vm::Vm;
use perilune_vm::inspect::{Loaded, Observer, StepKind as MachineStep, Verdict};

use crate::endpoint::{ClientId, Endpoint, EndpointError, Input, Listen, ProgramInfo, Reply};
use crate::protocol::{
    Code, Empty, ErrorStops, Event, Failure, Hello, OnDisconnect, Request, State, StatusResult, StepKind, StopReason, Stopped,
};
use breakpoint::Breakpoints;
use handle::Handles;
use source::Sources;

/// Exit code of a program that a client ended: that of a process ended by `SIGTERM`.
pub const TERMINATED: i32 = 143;

/// How a program is offered.
pub struct Settings {
    /// Where.
    pub listen: Listen,
    /// Whether it waits for `start` before its first instruction.
    pub wait: bool,
    /// What it is.
    pub program: ProgramInfo,
    /// Ends the process with [`TERMINATED`] after handing over what is in buffers.
    pub terminate: Box<dyn FnMut(&mut Vm)>,
}

/// Opens the endpoint of a machine. Its requests are served from the next safepoint on, until [`finish`].
///
/// # Errors
/// When the endpoint cannot be opened.
pub fn open(vm: &mut Vm, settings: Settings) -> Result<(), EndpointError> {
    let attention = vm.attention();
    let interruption = vm.interruption();
    let evaluating = Arc::new(AtomicBool::new(false));
    let wake = wake(attention.clone(), interruption, evaluating.clone());
    let (endpoint, inputs) = Endpoint::open(&settings.listen, settings.program, wake)?;
    let state = if settings.wait { State::Waiting } else { State::Running };
    endpoint.set_state(state);
    vm.tap_output(Some(endpoint.output_tap()));
    let cwd = endpoint.info().cwd.clone();
    let service = Service {
        endpoint: Some(endpoint),
        inputs,
        evaluating,
        state,
        terminate: settings.terminate,
        clients: HashMap::new(),
        controllers: HashSet::new(),
        breakpoints: Breakpoints::default(),
        sources: Sources::new(cwd.into()),
        handles: Handles::default(),
        error_stops: HashMap::new(),
        stopped: None,
        go: false,
        pause: false,
        entry: false,
    };
    vm.set_observer(Some(Box::new(service)));
    attention.store(1, Ordering::Relaxed);
    Ok(())
}

/// Tells the clients that the program is over and closes the endpoint.
pub fn finish(vm: &mut Vm, exit_code: i32) {
    vm.end_observation(exit_code);
}

fn wake(attention: Arc<AtomicU32>, interruption: Arc<AtomicU32>, evaluating: Arc<AtomicBool>) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(move || {
        if evaluating.load(Ordering::Relaxed) {
            interruption.store(1, Ordering::Relaxed);
        }
        attention.store(1, Ordering::Relaxed);
    })
}

/// What serves a machine's clients.
struct Service {
    /// `None` once the program is over.
    endpoint: Option<Endpoint>,
    inputs: Receiver<Input>,
    evaluating: Arc<AtomicBool>,
    state: State,
    terminate: Box<dyn FnMut(&mut Vm)>,
    clients: HashMap<ClientId, Hello>,
    /// Clients that have steered the program.
    controllers: HashSet<ClientId>,
    breakpoints: Breakpoints,
    sources: Sources,
    handles: Handles,
    error_stops: HashMap<ClientId, ErrorStops>,
    /// Why the program stands.
    stopped: Option<Stopped>,
    /// A request let the program go on.
    go: bool,
    /// A request wants the program to stop.
    pause: bool,
    /// The step under way is the one to the first line.
    entry: bool,
}

impl Observer for Service {
    fn attention(&mut self, vm: &mut Vm) -> Verdict {
        while self.state == State::Waiting {
            match self.inputs.recv() {
                Ok(input) => self.take(vm, input),
                Err(_) => self.set_state(State::Running),
            }
        }
        loop {
            match self.inputs.try_recv() {
                Ok(input) => self.take(vm, input),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if std::mem::take(&mut self.pause) {
            let stopped = Stopped { reason: StopReason::Pause, coroutine: vm.running_coroutine(), breakpoints: Vec::new(), text: None };
            self.stop(vm, stopped);
        }
        Verdict::Go
    }

    fn flagged(&mut self, vm: &mut Vm) -> Verdict {
        if let Some(stopped) = self.hit(vm) {
            vm.cancel_step();
            self.stop(vm, stopped);
        }
        Verdict::Go
    }

    fn stepped(&mut self, vm: &mut Vm) -> Verdict {
        let reason = if std::mem::take(&mut self.entry) { StopReason::Entry } else { StopReason::Step };
        let stopped = Stopped { reason, coroutine: vm.running_coroutine(), breakpoints: Vec::new(), text: None };
        self.stop(vm, stopped);
        Verdict::Go
    }

    fn raised(&mut self, vm: &mut Vm, caught: bool) {
        let wanted = self.error_stops.values().max().copied().unwrap_or_default();
        if wanted == ErrorStops::Never || caught && wanted != ErrorStops::All {
            return;
        }
        let text = Some(vm.error_text());
        vm.cancel_step();
        let stopped = Stopped { reason: StopReason::Error, coroutine: vm.running_coroutine(), breakpoints: Vec::new(), text };
        self.stop(vm, stopped);
    }

    fn loaded(&mut self, vm: &mut Vm, chunk_name: &[u8], text: &[u8], code: Loaded) {
        self.sources.note(chunk_name, text);
        vm.flag_loaded(code, &self.breakpoints.plan(&self.sources));
        if let Some(source) = self.sources.file(chunk_name) {
            let path = source.path.clone().unwrap_or_default();
            self.tell(&Event::Loaded(source));
            self.settle_breakpoints(vm, &path);
        }
    }

    fn ended(&mut self, vm: &mut Vm, exit_code: i32) {
        self.handles.clear(vm);
        vm.tap_output(None);
        self.set_state(State::Ended);
        self.tell(&Event::Terminated { exit_code });
        // What was not answered is answered by being dropped.
        while self.inputs.try_recv().is_ok() {}
        self.endpoint = None;
    }
}

impl Service {
    fn tell(&self, event: &Event) {
        if let Some(endpoint) = &self.endpoint {
            endpoint.broadcast(event);
        }
    }

    fn set_state(&mut self, state: State) {
        self.state = state;
        if let Some(endpoint) = &self.endpoint {
            endpoint.set_state(state);
        }
    }

    /// The program stands until a request lets it go on.
    fn stop(&mut self, vm: &mut Vm, stopped: Stopped) {
        vm.flush_output();
        self.go = false;
        self.pause = false;
        self.set_state(State::Stopped);
        self.tell(&Event::Stopped(stopped.clone()));
        self.stopped = Some(stopped);
        while !self.go {
            match self.inputs.recv() {
                Ok(input) => self.take(vm, input),
                Err(_) => break,
            }
        }
        self.stopped = None;
        self.handles.forget_stop(vm);
        self.set_state(State::Running);
        self.tell(&Event::Continued {});
    }

    fn take(&mut self, vm: &mut Vm, input: Input) {
        match input {
            Input::Joined { client, hello } => {
                self.clients.insert(client, hello);
            }
            Input::Left { client, on_disconnect } => self.leave(vm, client, on_disconnect),
            Input::Request { client, request, reply } => self.answer(vm, client, request, reply),
        }
    }

    fn leave(&mut self, vm: &mut Vm, client: ClientId, on_disconnect: OnDisconnect) {
        self.clients.remove(&client);
        self.controllers.remove(&client);
        self.error_stops.remove(&client);
        self.watch_errors(vm);
        self.breakpoints.remove_client(client);
        vm.flag(&self.breakpoints.plan(&self.sources));
        self.handles.forget_client(vm, client);
        if on_disconnect == OnDisconnect::Terminate {
            self.end_program(vm);
        }
        if self.controllers.is_empty() {
            vm.cancel_step();
            self.go = true;
        }
    }

    fn end_program(&mut self, vm: &mut Vm) {
        vm.flush_output();
        self.ended(vm, TERMINATED);
        (self.terminate)(vm);
    }

    fn watch_errors(&mut self, vm: &mut Vm) {
        let wanted = self.error_stops.values().any(|stops| *stops != ErrorStops::Never);
        vm.watch_errors(wanted);
    }

    fn needs_stop(&self) -> Result<(), Failure> {
        match self.state {
            State::Stopped => Ok(()),
            _ => Err(Failure::new(Code::NotStopped, "the program is running")),
        }
    }

    fn answer(&mut self, vm: &mut Vm, client: ClientId, request: Request, reply: Reply) {
        if steers(&request) {
            self.controllers.insert(client);
        }
        match request {
            Request::Hello(_) => reply.fail(Failure::new(Code::InvalidRequest, "hello was said already")),
            Request::Status(_) => reply.ok(&self.status(vm)),
            Request::Sources(_) => reply.ok(&self.list_sources(vm)),
            Request::Source(params) => send(reply, self.source_text(params.id)),
            Request::SetBreakpoints(params) => reply.ok(&self.set_breakpoints(vm, client, params)),
            Request::SetErrorStops(params) => {
                self.error_stops.insert(client, params.stops);
                self.watch_errors(vm);
                reply.ok(&Empty {});
            }
            Request::Start(params) => send(reply, self.start(vm, params.stop_on_entry)),
            Request::Pause(_) => {
                if self.state == State::Running {
                    self.pause = true;
                }
                reply.ok(&Empty {});
            }
            Request::Continue(_) => send(reply, self.go_on()),
            Request::Step(params) => send(reply, self.step(vm, params.kind, params.coroutine)),
            Request::Coroutines(_) => reply.ok(&self.coroutines(vm)),
            Request::Stack(params) => send(reply, self.stack(vm, params)),
            Request::Scopes(params) => send(reply, self.scopes(vm, client, params.frame)),
            Request::Children(params) => send(reply, self.children(vm, client, params)),
            Request::Evaluate(params) => send(reply, self.evaluate(vm, client, params)),
            Request::Lookup(params) => send(reply, self.lookup(vm, client, params)),
            Request::SetVariable(params) => send(reply, self.set_variable(vm, client, params)),
            Request::Complete(params) => send(reply, self.complete(vm, params)),
            Request::Redefine(params) => send(reply, self.redefine(vm, params)),
            Request::Interrupt(_) => reply.ok(&Empty {}),
            Request::Terminate(_) => {
                reply.ok(&Empty {});
                self.end_program(vm);
            }
        }
    }

    fn status(&self, vm: &Vm) -> StatusResult {
        StatusResult {
            state: self.state,
            stopped: self.stopped.clone(),
            coroutines: vm.coroutine_count() as u32,
            memory: vm.memory_used() as u64,
            clients: self.clients.len() as u32,
        }
    }

    fn start(&mut self, vm: &mut Vm, stop_on_entry: bool) -> Result<Empty, Failure> {
        if self.state != State::Waiting {
            return Err(Failure::new(Code::InvalidRequest, "the program does not wait for its start"));
        }
        self.set_state(State::Running);
        if stop_on_entry {
            self.entry = vm.step(vm.running_coroutine(), MachineStep::Into);
        }
        Ok(Empty {})
    }

    fn go_on(&mut self) -> Result<Empty, Failure> {
        self.needs_stop()?;
        self.go = true;
        Ok(Empty {})
    }

    fn step(&mut self, vm: &mut Vm, kind: StepKind, coroutine: Option<u64>) -> Result<Empty, Failure> {
        self.needs_stop()?;
        let kind = match kind {
            StepKind::Over => MachineStep::Over,
            StepKind::Into => MachineStep::Into,
            StepKind::Out => MachineStep::Out,
        };
        let coroutine = coroutine.unwrap_or_else(|| vm.running_coroutine());
        if !vm.step(coroutine, kind) {
            return Err(Failure::new(Code::StaleId, format!("there is no coroutine {coroutine}")));
        }
        self.go_on()
    }
}

/// Whether a request makes its client one that controls the program.
fn steers(request: &Request) -> bool {
    matches!(
        request,
        Request::SetBreakpoints(_) | Request::SetErrorStops(_) | Request::Start(_) | Request::Pause(_) | Request::Continue(_) | Request::Step(_)
    )
}

fn send<T: serde::Serialize>(reply: Reply, result: Result<T, Failure>) {
    match result {
        Ok(result) => reply.ok(&result),
        Err(failure) => reply.fail(failure),
    }
}
