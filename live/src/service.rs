//! The program's side of the live protocol: what runs on the machine's own thread.
//!
//! [`open`] gives a machine an observer that serves the endpoint's queue at
//! safepoints. While the program runs, requests are answered between two
//! instructions; while it stands, this module's loop is all that runs.
//! Everything that a request asks for is a method in one of the modules below.

mod breakpoint;
mod complete;
mod evaluate;
mod expression;
mod feedback;
mod handle;
mod inspect;
mod interruption;
mod link;
mod redefine;
mod source;
mod value;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use perilune_vm::Vm;
use perilune_vm::inspect::{Loaded, Observer, StepKind as MachineStep, Verdict};

use crate::endpoint::{ClientId, Endpoint, EndpointError, Input, Listen, ProgramInfo, Reply};
use crate::protocol::{
    Code, Empty, ErrorStops, Event, Failure, Hello, OnDisconnect, Request, State, StatusResult, StepKind, StopReason, Stopped,
};
use breakpoint::Breakpoints;
use evaluate::INTERRUPTED;
use handle::Handles;
use interruption::Interruption;
use link::Link;
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

/// Raises the error `interrupted!` in the program, which stops no more before it; as Ctrl-C does.
pub type Interrupt = Box<dyn Fn() + Send>;

/// Opens the endpoint of a machine. Its requests are served from the next safepoint on, until [`finish`].
///
/// # Errors
/// When the endpoint cannot be opened.
pub fn open(vm: &mut Vm, settings: Settings) -> Result<Interrupt, EndpointError> {
    let interruption = Arc::new(Interruption::new(vm));
    let waking = interruption.clone();
    let wake = Arc::new(move |urgency| waking.wake(urgency));
    let (endpoint, inputs) = Endpoint::open(&settings.listen, settings.program, wake)?;
    let (alarm, signalled) = (endpoint.alarm(), interruption.clone());
    let state = if settings.wait { State::Waiting } else { State::Running };
    endpoint.set_state(state);
    vm.tap_output(Some(endpoint.output_tap()));
    let cwd = endpoint.info().cwd.clone();
    let service = Service {
        link: Rc::new(Link::new(endpoint, inputs)),
        interruption,
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
        raise: false,
        is_raising: false,
    };
    vm.set_observer(Some(Box::new(service)));
    vm.attention().store(1, Ordering::Relaxed);
    Ok(Box::new(move || {
        signalled.signal();
        alarm();
    }))
}

/// Tells the clients that the program is over and closes the endpoint.
pub fn finish(vm: &mut Vm, exit_code: i32) {
    vm.end_observation(exit_code);
}

/// What serves a machine's clients.
struct Service {
    link: Rc<Link>,
    interruption: Arc<Interruption>,
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
    /// The program goes on with the error of an interruption.
    raise: bool,
    /// That error is about to be raised; nobody is asked about it.
    is_raising: bool,
}

impl Observer for Service {
    fn attention(&mut self, vm: &mut Vm) -> Verdict {
        while self.state == State::Waiting && !self.raise {
            match self.link.wait() {
                Ok(input) => self.take(vm, input),
                Err(_) => self.set_state(State::Running),
            }
        }
        self.catch_up(vm);
        if std::mem::take(&mut self.pause) && !self.raise {
            let stopped = Stopped { reason: StopReason::Pause, coroutine: vm.running_coroutine(), breakpoints: Vec::new(), text: None };
            self.stop(vm, stopped);
        }
        self.verdict()
    }

    fn flagged(&mut self, vm: &mut Vm) -> Verdict {
        // A pause that came before must not end a condition.
        self.catch_up(vm);
        if !self.raise
            && let Some(stopped) = self.hit(vm)
        {
            self.catch_up(vm);
            if stopped.text.is_some() {
                self.catch_up_with_urgent(vm);
            }
            vm.cancel_step();
            // One that came meanwhile has ended the condition, which is no error of it.
            let paused = || Stopped { reason: StopReason::Pause, breakpoints: Vec::new(), text: None, ..stopped.clone() };
            let stopped = if self.pause && stopped.text.is_some() { paused() } else { stopped };
            self.stop(vm, stopped);
        } else if self.pause {
            vm.attention().store(1, Ordering::Relaxed);
        }
        self.verdict()
    }

    fn stepped(&mut self, vm: &mut Vm) -> Verdict {
        let reason = if std::mem::take(&mut self.entry) { StopReason::Entry } else { StopReason::Step };
        let stopped = Stopped { reason, coroutine: vm.running_coroutine(), breakpoints: Vec::new(), text: None };
        self.stop(vm, stopped);
        self.verdict()
    }

    fn raised(&mut self, vm: &mut Vm, caught: bool) {
        let wanted = self.error_stops.values().max().copied().unwrap_or_default();
        let is_wanted = wanted == ErrorStops::All || wanted == ErrorStops::Uncaught && !caught;
        if std::mem::take(&mut self.is_raising) || !is_wanted {
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
            self.link.tell(&Event::Loaded(source));
            self.settle_breakpoints(vm, &path);
        }
    }

    fn ended(&mut self, vm: &mut Vm, exit_code: i32) {
        self.handles.clear(vm);
        self.state = State::Ended;
        self.link.end(vm, exit_code);
    }
}

impl Service {
    fn set_state(&mut self, state: State) {
        self.state = state;
        self.link.set_state(state);
    }

    /// Serves what came while the program ran.
    fn catch_up(&mut self, vm: &mut Vm) {
        while let Some(input) = self.link.poll() {
            self.take(vm, input);
        }
    }

    /// Serves also the urgent inputs that have ended an evaluation already, but are still on their way into the queue.
    fn catch_up_with_urgent(&mut self, vm: &mut Vm) {
        while self.link.is_urgent() {
            match self.link.wait() {
                Ok(input) => self.take(vm, input),
                Err(_) => break,
            }
        }
    }

    /// How the program goes on.
    fn verdict(&mut self) -> Verdict {
        if !std::mem::take(&mut self.raise) {
            return Verdict::Go;
        }
        // Whoever waits for its start need not wait for its end.
        self.set_state(State::Running);
        self.is_raising = self.watches_errors();
        Verdict::Raise(INTERRUPTED.into())
    }

    /// The program stands until a request lets it go on.
    fn stop(&mut self, vm: &mut Vm, stopped: Stopped) {
        vm.flush_output();
        self.go = false;
        self.pause = false;
        self.set_state(State::Stopped);
        self.link.tell(&Event::Stopped(stopped.clone()));
        self.stopped = Some(stopped);
        while !self.go && !self.raise {
            match self.link.wait() {
                Ok(input) => self.take(vm, input),
                Err(_) => break,
            }
        }
        if self.raise {
            vm.cancel_step();
            // For those who cannot raise an error where they stand.
            vm.attention().store(1, Ordering::Relaxed);
        }
        self.stopped = None;
        self.handles.forget_stop(vm);
        self.set_state(State::Running);
        self.link.tell(&Event::Continued {});
    }

    fn take(&mut self, vm: &mut Vm, input: Input) {
        match input {
            Input::Joined { client, hello } => {
                self.clients.insert(client, hello);
            }
            Input::Left { client, on_disconnect } => self.leave(vm, client, on_disconnect),
            Input::Request { client, request, reply } => self.answer(vm, client, request, reply),
            Input::Interrupted => self.raise |= self.interruption.take_signal(),
        }
    }

    fn leave(&mut self, vm: &mut Vm, client: ClientId, on_disconnect: OnDisconnect) {
        self.clients.remove(&client);
        self.controllers.remove(&client);
        self.error_stops.remove(&client);
        self.watch_errors(vm);
        self.breakpoints.remove_client(vm, client);
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
        vm.watch_errors(self.watches_errors());
    }

    fn watches_errors(&self) -> bool {
        self.error_stops.values().any(|stops| *stops != ErrorStops::Never)
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
            Request::Feedback(params) => reply.ok(&self.feedback(vm, &params)),
            Request::CountRuns(params) => {
                vm.count_runs(params.on);
                reply.ok(&Empty {});
            }
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
            Request::Evaluate(params) => self.answer_by(reply, |service| service.evaluate(vm, client, params)),
            Request::Lookup(params) => self.answer_by(reply, |service| service.lookup(vm, client, params)),
            Request::SetVariable(params) => self.answer_by(reply, |service| service.set_variable(vm, client, params)),
            Request::Complete(params) => self.answer_by(reply, |service| service.complete(vm, params)),
            Request::Redefine(params) => self.answer_by(reply, |service| service.redefine(vm, params)),
            Request::Interrupt(_) => reply.ok(&Empty {}),
            Request::Terminate(_) => {
                reply.ok(&Empty {});
                self.end_program(vm);
            }
        }
    }

    /// Answers with the result of something that runs Lua, in which the program may end.
    fn answer_by<T: serde::Serialize>(&mut self, reply: Reply, work: impl FnOnce(&mut Service) -> Result<T, Failure>) {
        self.link.begin_answer(reply);
        let result = work(self);
        if let Some(reply) = self.link.end_answer() {
            send(reply, result);
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
