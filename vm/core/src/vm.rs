//! The virtual machine: one heap, its coroutines, and what they share.
//!
//! `unsafe`: the machine holds addresses of objects that its own roots keep alive.
#![allow(unsafe_code)]

use crate::api::{Ctx, NativeFn, Next};
use crate::call::MAX_NATIVE_CALLS;
use crate::collect::{Marker, Roots};
use crate::error::Error;
use crate::heap::Heap;
use crate::interp::Flow;
use crate::limit::{self, OnLimit, Stop};
use crate::meta::Event;
use crate::object::{Str, Table, Thread};
use crate::stack::{self, FIRST_BASE, INITIAL_SLOTS, kind};
use crate::string;
use crate::shape::NumberHasher;
use crate::table;
use crate::torture::Torture;
use crate::unwind::status;
use crate::value::{Slot, tag};
use perilune_isa::{Proto, decode_chunk_while};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::io::{BufReader, BufWriter, Stderr, Stdin, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of the buffer of standard output.
const OUTPUT: usize = 1 << 16;
/// Natives that a machine has room for at its start: the library's.
const NATIVES: usize = 224;
/// Calls and slots that must be left for a finalizer to begin; what it needs more is its own doing.
const FINALIZER_CALLS: u32 = 20;
const FINALIZER_SLOTS: u32 = 1000;
/// Finalizers that are called after a step of the collector, and the share of those that are due by which there are more:
/// so they do not fall behind a program that makes such objects all the time, and it does not wait for all of them.
const FINALIZERS_AT_ONCE: usize = 1000;
const FINALIZERS_SHARE: usize = 64;

/// Settings of a new machine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes the heap may keep; `usize::MAX` for no limit. As many again may be in use while
    /// one native function or instruction runs.
    pub memory_limit: usize,
    /// Collect all the time and move the stack at every call (for tests).
    pub torture: Torture,
    /// Instructions that may run, see [`Vm::set_instruction_limit`].
    pub instructions: Option<u64>,
    /// What happens when one of these limits is met.
    pub on_limit: OnLimit,
}

impl Default for Options {
    fn default() -> Options {
        Options { memory_limit: usize::MAX, torture: Torture::None, instructions: None, on_limit: OnLimit::Error }
    }
}

/// A native function and the name it is known by.
#[derive(Clone, Copy)]
pub struct NativeEntry {
    /// Versioned name.
    pub name: &'static str,
    /// The function.
    pub function: NativeFn,
    /// What it does for common arguments, see [`crate::leaf`].
    pub leaf: Option<crate::leaf::LeafFn>,
    /// What compiled code does in its place.
    pub intrinsic: Option<crate::leaf::Intrinsic>,
    /// Whether only code of the library calls it: hooks are not told.
    pub(crate) is_inner: bool,
    /// What the machine does in its place.
    pub(crate) role: crate::switch::Role,
}

impl NativeEntry {
    /// Whether it only has to be called: the machine does nothing of its own for it.
    pub fn is_plain(&self) -> bool {
        self.role == crate::switch::Role::Plain
    }

    /// A function that has only its general form.
    pub fn new(name: &'static str, function: NativeFn) -> NativeEntry {
        NativeEntry { name, function, leaf: None, intrinsic: None, is_inner: false, role: crate::switch::Role::Plain }
    }
}

/// When what is written to a file is handed over, as `setvbuf` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffering {
    /// At once.
    None,
    /// With the end of a line.
    Line,
    /// When the buffer is full.
    Full,
}

/// Standard output with a buffer, handed over line by line to people and tools.
pub(crate) struct Output {
    writer: BufWriter<Stdout>,
    buffering: Buffering,
    tap: Option<Box<dyn Fn(&[u8]) + Send>>,
}

impl Output {
    fn new() -> Output {
        let stdout = std::io::stdout();
        let buffering = if std::io::IsTerminal::is_terminal(&stdout) { Buffering::Line } else { Buffering::Full };
        Output { writer: BufWriter::with_capacity(0, stdout), buffering, tap: None }
    }

    /// The writer with its buffer, which a program that writes nothing does not get.
    #[inline]
    fn writer(&mut self) -> &mut BufWriter<Stdout> {
        if self.writer.capacity() == 0 {
            self.writer = BufWriter::with_capacity(OUTPUT, std::io::stdout());
        }
        &mut self.writer
    }

    /// While somebody listens, what is done line by line is seen line by line.
    fn hands_over(&self, bytes: &[u8]) -> bool {
        match self.buffering {
            Buffering::None => true,
            Buffering::Full if self.tap.is_none() => false,
            Buffering::Line | Buffering::Full => bytes.contains(&b'\n'),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.writer().write(bytes)?;
        if let Some(tap) = &self.tap {
            tap(&bytes[..written]);
        }
        if self.hands_over(bytes) {
            self.writer.flush()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

/// The Rust value of a userdata.
pub(crate) struct Host {
    /// Its type.
    pub(crate) kind: TypeId,
    value: Box<dyn Any + Send>,
}

impl Host {
    /// The value, if it has this type.
    pub(crate) fn value_mut<T: 'static>(&mut self) -> Option<&mut T> {
        // To ask the value itself for its type takes a call, whose answer is read sooner than it is there.
        if self.kind != TypeId::of::<T>() {
            return None;
        }
        // SAFETY: that is its type.
        Some(unsafe { &mut *std::ptr::from_mut(self.value.as_mut()).cast::<T>() })
    }
}

/// A Lua virtual machine.
///
/// A machine that runs nothing can be moved to another thread: all that it points to is its own.
pub struct Vm {
    pub(crate) heap: Heap,
    pub(crate) thread: *mut Thread,
    pub(crate) main: *mut Thread,
    pub(crate) limit: *mut Slot,
    pub(crate) globals: *mut Table,
    pub(crate) registry: *mut Table,
    pub(crate) type_meta: [*mut Table; 16],
    pub(crate) natives: Vec<NativeEntry>,
    /// The native that `coroutine.wrap` makes, as in [`crate::object::Native::id`].
    pub(crate) wrapped: u64,
    /// Natives that generic loops run in place.
    pub(crate) iterators: crate::leaf::Iterators,
    native_ids: HashMap<(*const str, usize), u64, BuildHasherDefault<NumberHasher>>,
    pub(crate) hosts: Vec<Option<Host>>,
    free_hosts: Vec<usize>,
    pub(crate) error: Slot,
    /// Message handlers do not see the error under way (no memory, or no stack left for a handler).
    pub(crate) error_skips_handlers: bool,
    pub(crate) exit_error: bool,
    /// How many finalizers may still be called after the last step of the collector.
    pub(crate) finalizers_left: usize,
    pub(crate) returned_fixed: bool,
    pub(crate) host_top: u32,
    pub(crate) torture_stack: bool,
    pub(crate) hook_switch: bool,
    /// The panic of a native, on its way to the host.
    pub(crate) panic: Option<Box<dyn Any + Send>>,
    pub(crate) serial: u64,
    pub(crate) memory_message: Slot,
    attention: Arc<AtomicU32>,
    pub(crate) interruption: Arc<AtomicU32>,
    pub(crate) inspection: crate::inspect::Inspection,
    pub(crate) tier: crate::tier::State,
    pub(crate) limits: limit::State,
    warnings: bool,
    warning_open: bool,
    pub(crate) out: Output,
    pub(crate) err: Stderr,
    pub(crate) input: BufReader<Stdin>,
}

impl Vm {
    /// A machine with empty globals; open the library with [`Vm::with`].
    ///
    /// # Panics
    /// When the memory limit is too small for an empty machine.
    pub fn new(options: Options) -> Vm {
        use std::hash::{BuildHasher, Hasher, RandomState};
        let seed = RandomState::new().build_hasher().finish();
        let heap = Heap::new(seed);
        let attention = Arc::new(AtomicU32::new(0));
        let mut vm = Vm {
            heap,
            thread: std::ptr::null_mut(),
            main: std::ptr::null_mut(),
            limit: std::ptr::null_mut(),
            globals: std::ptr::null_mut(),
            registry: std::ptr::null_mut(),
            type_meta: [std::ptr::null_mut(); 16],
            natives: Vec::with_capacity(NATIVES),
            wrapped: u64::MAX,
            iterators: crate::leaf::NO_ITERATORS,
            native_ids: HashMap::with_capacity_and_hasher(NATIVES, BuildHasherDefault::default()),
            hosts: Vec::new(),
            free_hosts: Vec::new(),
            error: Slot::NIL,
            error_skips_handlers: false,
            exit_error: false,
            finalizers_left: 0,
            returned_fixed: false,
            host_top: 0,
            torture_stack: false,
            hook_switch: false,
            panic: None,
            serial: 0,
            memory_message: Slot::NIL,
            limits: limit::State::new(Arc::clone(&attention)),
            attention,
            interruption: Arc::new(AtomicU32::new(0)),
            inspection: crate::inspect::Inspection::default(),
            tier: crate::tier::State::default(),
            warnings: false,
            warning_open: false,
            out: Output::new(),
            err: std::io::stderr(),
            input: BufReader::new(std::io::stdin()),
        };
        let made = vm.set_up();
        assert!(made.is_ok(), "memory limit too small for an empty machine");
        vm.set_memory_limit(options.memory_limit, options.on_limit);
        vm.set_torture(options.torture);
        vm.set_instruction_limit(options.instructions, options.on_limit);
        vm
    }

    fn set_up(&mut self) -> Result<(), crate::heap::OutOfMemory> {
        self.heap.requests = self.requests();
        self.globals = self.heap.table(0, 64)?;
        self.registry = self.heap.table(0, 8)?;
        let text = self.heap.string(b"not enough memory")?;
        self.memory_message = Slot::object(text, tag::STRING);
        self.main = self.heap.thread(INITIAL_SLOTS as u32)?;
        self.thread = self.main;
        let host = self.host_function()?;
        // SAFETY: a fresh stack has room for the host's frame.
        unsafe {
            stack::push_host(self.main, host);
            (*self.main).status = status::RUNNING;
        }
        self.refresh_limit();
        Ok(())
    }

    /// The native that stands for the host at the bottom of a stack.
    pub(crate) fn host_function(&mut self) -> Result<Slot, crate::heap::OutOfMemory> {
        fn host(_: &mut Ctx<'_>, _: u32) -> Result<Next, Error> {
            Ok(Next::Return(0))
        }
        let id = self.native_id(NativeEntry::new("host", host));
        Ok(Slot::object(self.heap.native(id, &[])?, tag::NATIVE))
    }

    /// Runs `f` on the host's window. The error value, if `f` fails, is left on the window.
    ///
    /// # Errors
    /// What `f` says.
    ///
    /// # Panics
    /// When a Lua function runs: an observer uses [`Vm::aside`].
    pub fn with<T>(&mut self, f: impl FnOnce(&mut Ctx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        // SAFETY: the running thread has a frame.
        let callee = unsafe { stack::frame(self.thread, (*self.thread).base).callee };
        assert!(callee.tag == tag::NATIVE, "the machine runs Lua code; use `aside`");
        let result = f(&mut Ctx::new(self));
        if result.is_err() {
            let error = self.error;
            Ctx::new(self).push(error);
        }
        result
    }

    pub(crate) fn call_host(&mut self, args: u32, results: Option<u32>) -> Result<(), Error> {
        // SAFETY: the window of the host frame is on top.
        unsafe {
            let thread = self.thread;
            let base = (*thread).base;
            self.reserve((*thread).top as usize + 1)?;
            let func = (*thread).top - args - 1;
            let slot = (*thread).stack.add(func as usize);
            for i in (0..args as usize).rev() {
                *slot.add(2 + i) = Slot::read(slot.add(1 + i));
            }
            (*thread).top += 1;
            let wanted = results.map_or(0, |n| n as u8 + 1);
            let saved = std::mem::replace(&mut self.host_top, func - base);
            self.begin_host_call();
            let result = self.run_entry(func, args, wanted);
            self.end_host_call();
            if let Some(panic) = self.panic.take() {
                self.host_top = saved;
                std::panic::resume_unwind(panic);
            }
            self.host_top = saved;
            if result.is_err() {
                // The unwinding dropped the callee, so its slot is free.
                *(*thread).stack.add((*thread).top as usize) = self.error;
                (*thread).top += 1;
            }
            result
        }
    }

    /// Runs a function that the host calls until it is over.
    fn run_entry(&mut self, func: u32, args: u32, wanted: u8) -> Result<(), Error> {
        let counted = self.count_native_call();
        let entered = counted.and_then(|()| self.enter(func, args, wanted, kind::ENTRY, 0, 0));
        match self.settle(entered) {
            Flow::Done if self.exit_error => Err(Error::new()),
            Flow::Done => Ok(()),
            _ => self.execute(),
        }
    }

    // ---- stack limits and attention

    pub(crate) fn refresh_limit(&mut self) {
        // SAFETY: the running thread is live.
        unsafe {
            let t = &*self.thread;
            self.limit = t.stack.add((t.capacity as usize).saturating_sub(stack::SLACK));
        }
        if self.torture_stack {
            self.limit = std::ptr::null_mut();
        }
    }

    pub(crate) fn grow_window(&mut self, end: usize) -> Result<(), Error> {
        self.reserve(end)
    }

    pub(crate) fn attention_ptr(&self) -> *const AtomicU32 {
        Arc::as_ptr(&self.attention)
    }

    /// Whether another thread asks for a safepoint.
    pub(crate) fn attention_raised(&self) -> bool {
        self.attention.load(Ordering::Relaxed) != 0
    }

    /// The word that another thread sets to get this machine to a safepoint.
    pub fn attention(&self) -> Arc<AtomicU32> {
        self.attention.clone()
    }

    /// The word that ends a long native with an error; set together with [`Vm::attention`].
    pub fn interruption(&self) -> Arc<AtomicU32> {
        self.interruption.clone()
    }

    // ---- collection

    /// As [`Vm::collect_step`] in a Lua frame whose registers from `live` on are dead.
    pub(crate) fn collect_at(&mut self, base: *const Slot, live: usize) -> Result<Flow, Error> {
        // SAFETY: `base` is register 0 of the running frame.
        let base = unsafe { base.offset_from((*self.thread).stack) };
        self.collect_step(base as u32 + live as u32)
    }

    /// As [`Vm::collect_step`] between two instructions of a Lua frame.
    pub(crate) fn collect_anywhere(&mut self) -> Result<Flow, Error> {
        // SAFETY: the running thread is live.
        let end = unsafe {
            (*self.thread).top = (*self.thread).base;
            stack::extent(self.thread)
        };
        self.collect_step(end)
    }

    /// One step of the collector, then a finalizer if one waits. Nothing from stack index
    /// `end` on is in use.
    pub(crate) fn collect_step(&mut self, end: u32) -> Result<Flow, Error> {
        let heap: *mut Heap = &raw mut self.heap;
        let mut roots = VmRoots { vm: self, end: Some(end) };
        // SAFETY: the roots do not touch the heap through the machine.
        unsafe {
            if (*heap).is_alarmed() {
                (*heap).full(&mut roots);
                if (*heap).answer_alarm().is_err() {
                    return Err(self.memory_error());
                }
            } else {
                (*heap).step(&mut roots);
            }
        }
        self.after_collection()
    }

    pub(crate) fn collect_full(&mut self) {
        let heap: *mut Heap = &raw mut self.heap;
        let mut roots = VmRoots { vm: self, end: None };
        // SAFETY: the roots do not touch the heap through the machine.
        unsafe { (*heap).full_and_trim(&mut roots) };
        self.drop_dead_hosts();
    }

    /// Switches between the two modes of the collector (manual 2.5).
    pub(crate) fn set_generational(&mut self, on: bool) {
        let heap: *mut Heap = &raw mut self.heap;
        let mut roots = VmRoots { vm: self, end: None };
        // SAFETY: the roots do not touch the heap through the machine.
        unsafe { (*heap).set_generational(&mut roots, on) };
        self.drop_dead_hosts();
    }

    pub(crate) fn collect_bytes(&mut self, bytes: usize) -> bool {
        let heap: *mut Heap = &raw mut self.heap;
        let mut roots = VmRoots { vm: self, end: None };
        // SAFETY: the roots do not touch the heap through the machine.
        let done = unsafe { (*heap).step_bytes(&mut roots, bytes) };
        self.drop_dead_hosts();
        done
    }

    /// Says how many threads may mark in collections of everything, as for `collectgarbage()`, when the heap is large;
    /// 1 for the caller's own alone. Without this there are as many as processors, up to four.
    pub fn set_marking_threads(&mut self, count: usize) {
        self.heap.gc.threads_used.count = count.max(1);
    }

    fn drop_dead_hosts(&mut self) {
        for id in std::mem::take(&mut self.heap.dead_hosts) {
            self.remove_host(id + 1);
        }
    }

    /// Calls the next waiting finalizer as a frame above the current one, and others after it.
    pub(crate) fn after_collection(&mut self) -> Result<Flow, Error> {
        self.drop_dead_hosts();
        if self.heap.has_finalizers() && !self.heap.gc.stopped {
            self.finalizers_left = FINALIZERS_AT_ONCE + self.heap.finalizers_due() / FINALIZERS_SHARE;
            while let Some(object) = self.another_finalizer() {
                let f = self.metamethod(object, Event::Gc);
                if f.tag == tag::CLOSURE || f.tag == tag::NATIVE {
                    return self.call_finalizer(f, object);
                }
            }
        }
        Ok(Flow::Next)
    }

    /// The next object whose finalizer is called by the same native as the one before.
    pub(crate) fn another_finalizer(&mut self) -> Option<Slot> {
        self.finalizers_left = self.finalizers_left.checked_sub(1)?;
        self.next_finalizer()
    }

    /// The next object whose finalizer is to be called, if that can be done here without an overflow that would be
    /// the caller's doing; it waits otherwise. (PUC Lua calls it and gives a warning.)
    pub(crate) fn next_finalizer(&mut self) -> Option<Slot> {
        // SAFETY: the running thread is live.
        let has_room = unsafe {
            let thread = self.thread;
            (*thread).native_calls + FINALIZER_CALLS < MAX_NATIVE_CALLS
                && (*thread).base + FINALIZER_SLOTS < stack::MAX_SLOTS as u32
        };
        if has_room { self.heap.next_finalizer() } else { None }
    }

    fn call_finalizer(&mut self, f: Slot, object: Slot) -> Result<Flow, Error> {
        let runner = self.finalizer_runner()?;
        self.call_above(runner, &[f, object], kind::ASIDE, 1, 0, 0)
    }

    /// A native that calls a finalizer and turns its error into a warning.
    fn finalizer_runner(&mut self) -> Result<Slot, Error> {
        let id = self.native_id(NativeEntry::new("finalizer", crate::builtin::base::finalizer));
        match self.heap.native(id, &[]) {
            Ok(native) => Ok(Slot::object(native, tag::NATIVE)),
            Err(_) => Err(self.memory_error()),
        }
    }

    // ---- natives and hosts

    pub(crate) fn native_id(&mut self, entry: NativeEntry) -> u64 {
        let natives = &mut self.natives;
        // By its address, a name needs no hashing; one that is in the binary twice has two numbers.
        *self.native_ids.entry((std::ptr::from_ref(entry.name), entry.function as usize)).or_insert_with(|| {
            natives.push(entry);
            natives.len() as u64 - 1
        })
    }

    pub(crate) fn add_host(&mut self, host: Box<dyn Any + Send>) -> u64 {
        let place = self.free_hosts.pop().unwrap_or_else(|| {
            self.hosts.push(None);
            self.hosts.len() - 1
        });
        self.hosts[place] = Some(Host { kind: (*host).type_id(), value: host });
        place as u64 + 1
    }

    pub(crate) fn remove_host(&mut self, id: u64) {
        if let Some(place) = (id as usize).checked_sub(1)
            && let Some(host) = self.hosts.get_mut(place)
            && host.take().is_some()
        {
            self.free_hosts.push(place);
        }
    }

    // ---- values

    // Inlined, the value need not come through memory, from where it would be read sooner than it is there.
    #[inline]
    pub(crate) fn new_string(&mut self, bytes: &[u8]) -> Result<Slot, Error> {
        match self.heap.string(bytes) {
            Ok(s) => Ok(Slot::object(s, tag::STRING)),
            Err(_) => Err(self.memory_error()),
        }
    }

    pub(crate) fn memory_error(&mut self) -> Error {
        if self.heap.take_gave_up() {
            return self.given_up();
        }
        if self.stops_without_memory() {
            return self.begin_stop(Stop::Memory);
        }
        self.error = self.memory_message;
        self.error_skips_handlers = true;
        Error::new()
    }

    pub(crate) fn error_value(&mut self, value: Slot) -> Error {
        self.error = value;
        self.error_skips_handlers = false;
        Error::new()
    }

    /// The error for which there is no room to handle another one.
    pub(crate) fn handling_error(&mut self) -> Error {
        self.error = self.text_or_nil(b"error in error handling");
        self.error_skips_handlers = true;
        Error::new()
    }

    /// An error of the running instruction, with its position in front.
    pub(crate) fn error_here(&mut self, message: impl AsRef<[u8]>) -> Error {
        let mut text = self.position(0);
        text.extend_from_slice(message.as_ref());
        match self.new_string(&text) {
            Ok(value) => self.error_value(value),
            Err(error) => error,
        }
    }

    /// Name of a value's type for messages (`luaT_objtypename`).
    pub(crate) fn type_name(&mut self, value: Slot) -> Vec<u8> {
        if matches!(value.tag, tag::TABLE | tag::USERDATA) {
            let name = self.metamethod(value, Event::Name);
            if name.tag == tag::STRING {
                // SAFETY: the tag says it is a string.
                return unsafe { string::str_bytes(name.as_ptr::<Str>()) }.to_vec();
            }
        }
        crate::api::Kind::of(value.tag).name().as_bytes().to_vec()
    }

    pub(crate) fn warn(&mut self, message: &[u8], more: bool) {
        if !self.warning_open && !more && message.first() == Some(&b'@') {
            match message {
                b"@on" => self.warnings = true,
                b"@off" => self.warnings = false,
                _ => {}
            }
            return;
        }
        if self.warnings {
            let _ = self.out.flush();
            if !self.warning_open {
                let _ = self.err.write_all(b"Lua warning: ");
            }
            let _ = self.err.write_all(message);
            if !more {
                let _ = self.err.write_all(b"\n");
            }
        }
        self.warning_open = more;
    }

    // ---- code

    /// Compiles or loads a chunk and makes its main function a closure.
    ///
    /// # Errors
    /// The message.
    pub(crate) fn load_function(&mut self, source: &[u8], name: &[u8], mode: &[u8], builtin: bool) -> Result<Slot, Vec<u8>> {
        let binary = source.first() == Some(&0x1b);
        let wanted = if binary { b'b' } else { b't' };
        if !mode.contains(&wanted) {
            let what = if binary { "binary" } else { "text" };
            let mode = String::from_utf8_lossy(mode);
            return Err(format!("attempt to load a {what} chunk (mode is '{mode}')").into_bytes());
        }
        let mut patience = self.patience();
        let mut keep_going = |steps| patience.step(steps);
        let proto: Proto = if binary {
            let decoded = decode_chunk_while(source, &mut keep_going);
            self.count_patience(&patience);
            match decoded {
                Ok(verified) => verified.into_inner(),
                Err(error) => {
                    let id = perilune_compile::chunk_id(name);
                    return Err([&id, b": ".as_slice(), error.to_string().as_bytes()].concat());
                }
            }
        } else {
            // Only files may begin with a line that is no Lua; the library strips theirs.
            let marked;
            let source = if source.first() == Some(&b'#') {
                marked = [b" ", source].concat();
                &marked
            } else {
                source
            };
            let compiled = perilune_compile::compile_while(source, name, self.native_levels(), &mut keep_going);
            // What interrupts this is there still when the program goes on.
            self.count_patience(&patience);
            let proto = compiled.map_err(|error| error.message)?.0;
            debug_assert_eq!(perilune_isa::verify(&proto), Ok(()), "the compiler's output is sound");
            proto
        };
        let function = match self.make_closure(proto, builtin) {
            Ok(function) => function,
            Err(_) => {
                // Nobody hears of the error, but of a stop.
                let _ = self.memory_error();
                return Err(b"not enough memory".to_vec());
            }
        };
        if !builtin {
            self.show_loaded(name, source, function);
        }
        Ok(function)
    }

    /// Calls under way that the reference would make over its C stack. The host is one of them.
    fn native_levels(&self) -> u32 {
        // SAFETY: the running thread is live.
        unsafe { (*self.thread).native_calls.max(1) }
    }

    fn make_closure(&mut self, proto: Proto, builtin: bool) -> Result<Slot, crate::heap::OutOfMemory> {
        let object = crate::proto::load(&mut self.heap, proto, builtin)?;
        // SAFETY: a fresh object; nothing is collected here.
        unsafe {
            let n = u32::from((*object).n_upvalues);
            let closure = self.heap.closure(object, n)?;
            for i in 0..n as usize {
                let value = if i == 0 { Slot::object(self.globals, tag::TABLE) } else { Slot::NIL };
                let upvalue = self.heap.upvalue_closed(value)?;
                *(*closure).upvalues.add(i) = upvalue;
            }
            Ok(Slot::object(closure, tag::CLOSURE))
        }
    }

    /// A new coroutine that will run `f`.
    pub(crate) fn new_thread(&mut self, f: Slot) -> Result<*mut Thread, Error> {
        let thread = match self.heap.thread(INITIAL_SLOTS as u32) {
            Ok(thread) => thread,
            Err(_) => return Err(self.memory_error()),
        };
        self.serial += 1;
        // SAFETY: a fresh stack.
        unsafe {
            for i in 0..(*thread).capacity as usize {
                *(*thread).stack.add(i) = Slot::NIL;
            }
            *(*thread).stack.add(1) = f;
            (*thread).top = 2;
            (*thread).base = 0;
            (*thread).status = status::SUSPENDED;
            (*thread).serial = self.serial;
            (*thread).hook_state = self.limit_bit();
            self.record_birth(thread);
        }
        Ok(thread)
    }

    /// Notes which instruction creates a coroutine.
    unsafe fn record_birth(&self, thread: *mut Thread) {
        // SAFETY: the running thread's frames are walked by their links.
        unsafe {
            let own = stack::frame(self.thread, (*self.thread).base);
            // Mostly a native that a function of Lua has called, which needs no search.
            let caller = (own.kind == kind::LUA && own.flags == 0 && own.delta != 0)
                .then(|| (*(*self.thread).stack.add((own.base - own.delta) as usize - 2), own.caller_pc.saturating_sub(1)))
                .filter(|(caller, _)| !(*(*(*caller.as_ptr::<crate::object::Closure>()).proto).cold).builtin);
            let found = || crate::debug::activation(self.thread, 1).map(|at| (at.frame.callee, at.pc as u32));
            let creator = caller.or_else(|| found().filter(|(function, _)| function.tag == tag::CLOSURE));
            let Some((function, pc)) = creator else { return };
            (*thread).birth = (*function.as_ptr::<crate::object::Closure>()).proto;
            (*thread).birth_pc = pc;
        }
    }

    /// Gives a copy of everything that is written to standard output to `tap`; each line is handed over at once.
    pub fn tap_output(&mut self, tap: Option<Box<dyn Fn(&[u8]) + Send>>) {
        self.out.tap = tap;
    }

    /// When what is written to standard output is handed over from now on.
    pub fn buffer_output(&mut self, buffering: Buffering) {
        self.flush_output();
        self.out.buffering = buffering;
    }

    /// Bytes the heap takes.
    pub fn memory_used(&self) -> usize {
        self.heap.used()
    }

    /// Closes the main coroutine's variables, runs all finalizers and flushes standard
    /// output; the machine is of no use afterwards.
    ///
    /// # Panics
    /// When the machine runs something.
    pub fn close(&mut self) {
        self.assert_idle();
        self.shut_down();
    }

    /// Some changes would pull the ground from under what runs.
    pub(crate) fn assert_idle(&self) {
        assert!(self.limits.is_idle(), "the machine runs something");
    }

    /// As [`Vm::close`], whatever runs: nothing of it goes on.
    pub(crate) fn shut_down(&mut self) {
        // SAFETY: back to the host's frame of the main coroutine; what the other frames hold
        // stays below its top.
        unsafe {
            (*self.main).top = stack::extent(self.main);
            (*self.main).base = FIRST_BASE;
            (*self.main).native_calls = 0;
            (*self.main).goes_on = 0;
            (*self.main).hook_state = self.limit_bit();
            self.thread = self.main;
        }
        self.refresh_limit();
        self.close_variables();
        // Finalizers get the stack from its start on, so no variable may live there any more.
        // SAFETY: the first slot of the main coroutine's stack.
        unsafe { stack::close_upvalues(&mut self.heap, self.main, (*self.main).stack) };
        Ctx::new(self).set_top(0);
        self.heap.all_finalizers();
        while let Some(object) = self.heap.next_finalizer() {
            let f = self.metamethod(object, Event::Gc);
            if f.tag != tag::CLOSURE && f.tag != tag::NATIVE {
                continue;
            }
            let Ok(runner) = self.finalizer_runner() else { continue };
            let mut ctx = Ctx::new(self);
            ctx.push(runner);
            ctx.push(f);
            ctx.push(object);
            let _ = ctx.call(2, Some(0));
            ctx.set_top(0);
        }
        let _ = self.out.flush();
    }

    /// Calls the `__close` of all variables of the main coroutine, each with the last error.
    fn close_variables(&mut self) {
        let mut error = Slot::NIL;
        // SAFETY: the list has indices of slots in use; upvalues are closed before a slot is gone.
        unsafe {
            while (*self.main).tbc_len > 0 {
                (*self.main).tbc_len -= 1;
                let index = *(*self.main).tbc.add((*self.main).tbc_len as usize);
                let slot = (*self.main).stack.add(index as usize);
                stack::close_upvalues(&mut self.heap, self.main, slot);
                let value = *slot;
                let method = self.metamethod(value, Event::Close);
                let mut ctx = Ctx::new(self);
                let before = ctx.top();
                for argument in [method, value, error] {
                    ctx.push(argument);
                }
                if ctx.call(2, Some(0)).is_err() {
                    error = self.error;
                }
                Ctx::new(self).set_top(before);
            }
        }
    }

    /// The raw field of a table, by name.
    pub(crate) fn raw_field(&mut self, t: *mut Table, name: &[u8]) -> Slot {
        match self.heap.string(name) {
            // SAFETY: a live table.
            Ok(key) => unsafe { table::get_str(&self.heap, t, key) },
            Err(_) => Slot::NIL,
        }
    }

}

// SAFETY: objects, stacks, shapes and machine code are reached from this machine alone, whose borrow
// ends before it can be moved: `Ctx` and `Leaf` borrow it, values are borrowed from those, and pins and
// handles are numbers. What others put in is `Send` by its type (userdata, the tap, the tier), or stays
// where it is (the observer, see `inspect::Bound`). Other threads hold the atomic words of `limit` only.
unsafe impl Send for Vm {}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.out.flush();
    }
}

struct VmRoots<'a> {
    vm: &'a Vm,
    /// End of what the running coroutine uses of its stack, when that is known.
    end: Option<u32>,
}

impl Roots for VmRoots<'_> {
    fn trace(&mut self, marker: &mut Marker<'_>) {
        let vm = self.vm;
        marker.object(vm.globals);
        marker.object(vm.registry);
        marker.object(vm.main);
        marker.object(vm.thread);
        for meta in vm.type_meta {
            marker.object(meta);
        }
        marker.slot(vm.error);
        marker.slot(vm.memory_message);
        vm.trace_inspection(marker);
    }

    fn trace_thread(&mut self, thread: *mut Thread, marker: &mut Marker<'_>, atomic: bool) {
        // SAFETY: the collector passes live coroutines; the running one was synced.
        unsafe {
            let known = self.end.filter(|_| thread == self.vm.thread);
            let end = known.unwrap_or_else(|| stack::extent(thread));
            stack::trace(thread, end, marker, atomic);
        }
    }
}
