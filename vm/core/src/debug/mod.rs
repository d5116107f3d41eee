//! What errors and tools ask about running code: positions, names, tracebacks.
//!
//! `unsafe`: frames are walked by their links on stopped stacks.
#![allow(unsafe_code)]

pub mod info;

use crate::error::Error;
use crate::object::{Closure, Thread};
use crate::stack::{self, Frame, flag, kind};
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::{Proto, names};

/// A frame and the instruction it stands at.
#[derive(Clone, Copy)]
pub struct Activation {
    /// The frame.
    pub frame: Frame,
    /// Index of the instruction under way, for Lua functions.
    pub pc: usize,
    /// Whether it is the collector that called the function.
    pub is_finalizer: bool,
}

impl Activation {
    /// Whether the caller's frame is gone. Code of the library that runs in the place of a native stands for that.
    pub fn is_tail_call(&self) -> bool {
        self.frame.flags & flag::TAIL != 0 && builtin(self.frame.callee).is_none()
    }
}

/// The frames of a stack, innermost first, without those that nobody is shown: the
/// host's own, the native that calls finalizers, and library functions in Lua that another function of the library calls.
pub struct Activations {
    thread: *const Thread,
    base: u32,
    pc: u32,
}

/// The frames of a stack.
///
/// # Safety
/// `thread` is live, and stopped until the iterator is gone.
pub unsafe fn activations(thread: *const Thread) -> Activations {
    // SAFETY: as promised.
    let (base, pc) = unsafe { ((*thread).base, (*thread).pc) };
    Activations { thread, base, pc }
}

impl Activations {
    fn frame(&self) -> Option<Frame> {
        // SAFETY: `activations` was promised a stopped thread, and bases come from its links.
        let frame = (self.base != 0).then(|| unsafe { stack::frame(self.thread, self.base) });
        frame.filter(|frame| frame.delta != 0 || frame.kind != kind::ENTRY)
    }

    /// Whether the caller, where this stands, is shown in the place of a frame.
    fn speaks_for(&self, frame: &Frame) -> bool {
        let Some(code) = builtin(frame.callee).filter(|_| frame.flags & flag::TAIL == 0) else { return false };
        let caller = self.frame().map_or(Slot::NIL, |caller| caller.callee);
        builtin(caller).is_some() || caller.tag == tag::NATIVE && code.line_defined == 0
    }
}

impl Iterator for Activations {
    type Item = Activation;

    fn next(&mut self) -> Option<Activation> {
        loop {
            let frame = self.frame()?;
            let pc = (self.pc as usize).saturating_sub(1);
            self.pc = frame.caller_pc;
            self.base = if frame.delta == 0 { 0 } else { frame.base - frame.delta };
            if frame.flags & flag::FINALIZER == 0 && !self.speaks_for(&frame) {
                let is_finalizer = self.frame().is_some_and(|caller| caller.flags & flag::FINALIZER != 0);
                return Some(Activation { frame, pc, is_finalizer });
            }
        }
    }
}

/// The frame at `level` (0 is the running one).
///
/// # Safety
/// `thread` is live and stopped.
pub unsafe fn activation(thread: *const Thread, level: usize) -> Option<Activation> {
    // SAFETY: as promised.
    unsafe { activations(thread) }.nth(level)
}

/// The code of a Lua function; `None` for natives and library functions in Lua.
pub fn proto_of<'a>(callee: Slot) -> Option<&'a Proto> {
    if callee.tag != tag::CLOSURE {
        return None;
    }
    // SAFETY: the tag says it is a closure, which keeps its code alive.
    unsafe {
        let cold = &*(*(*callee.as_ptr::<Closure>()).proto).cold;
        (!cold.builtin).then_some(&cold.proto)
    }
}

/// The code of a library function in Lua.
pub fn builtin<'a>(callee: Slot) -> Option<&'a Proto> {
    any_proto(callee).filter(|_| proto_of(callee).is_none())
}

fn any_proto<'a>(callee: Slot) -> Option<&'a Proto> {
    if callee.tag != tag::CLOSURE {
        return None;
    }
    // SAFETY: as `proto_of`.
    unsafe { Some(&(*(*(*callee.as_ptr::<Closure>()).proto).cold).proto) }
}

/// Line of the instruction at `pc`, if the code has lines.
pub fn line_at(proto: &Proto, pc: usize) -> Option<u32> {
    proto.lines.get(pc).copied()
}

/// What is known of the name of a register, as PUC Lua's `varinfo` says it.
fn describe_register(proto: &Proto, at: Activation, register: u8) -> Vec<u8> {
    names::register_name(proto, at.pc, register).map_or_else(Vec::new, |(kind, name)| named(kind.as_str(), &name))
}

impl Vm {
    /// `chunk:line: ` for the frame at `level`, or nothing when it is a native.
    pub(crate) fn position(&self, level: usize) -> Vec<u8> {
        // SAFETY: the running thread, its state stored.
        let Some(at) = (unsafe { activation(self.thread, level) }) else { return Vec::new() };
        let Some(proto) = proto_of(at.frame.callee) else { return Vec::new() };
        let line = line_at(proto, at.pc).map_or_else(|| "-1".to_string(), |line| line.to_string());
        [&perilune_compile::chunk_id(&proto.source), b":".as_slice(), line.as_bytes(), b": "].concat()
    }

    /// Whether a finalizer is under way in the running coroutine.
    pub(crate) fn in_finalizer(&self) -> bool {
        // SAFETY: the running thread's frames are walked by their links.
        unsafe {
            let mut base = (*self.thread).base;
            while base != 0 {
                let frame = stack::frame(self.thread, base);
                if frame.flags & flag::FINALIZER != 0 {
                    return true;
                }
                base = if frame.delta == 0 { 0 } else { base - frame.delta };
            }
        }
        false
    }

    /// ` (local 'x')` and the like for the operand of the running instruction that holds `value`.
    pub(crate) fn describe(&self, value: Slot) -> Vec<u8> {
        // SAFETY: the running thread, its state stored.
        unsafe {
            let Some(at) = activation(self.thread, 0) else { return Vec::new() };
            let Some(proto) = proto_of(at.frame.callee) else { return Vec::new() };
            let Some(register) = self.operand_with(proto, at, value) else { return Vec::new() };
            describe_register(proto, at, register)
        }
    }

    /// The same of the value in a register of the Lua frame on top.
    fn describe_operand(&self, register: u8) -> Vec<u8> {
        // SAFETY: as above.
        unsafe {
            let Some(at) = activation(self.thread, 0) else { return Vec::new() };
            proto_of(at.frame.callee).map_or_else(Vec::new, |proto| describe_register(proto, at, register))
        }
    }

    /// The register operand of the instruction that holds `value`.
    unsafe fn operand_with(&self, proto: &Proto, at: Activation, value: Slot) -> Option<u8> {
        use perilune_isa::{Kind, Op, word};
        let first = *proto.code.get(at.pc)?;
        let extra = proto.code.get(at.pc + 1).copied().unwrap_or(0);
        let op = word::op(first)?;
        // SAFETY: registers of a verified instruction.
        let holds = |register: i64| unsafe {
            let slot = *(*self.thread).stack.add(at.frame.base as usize + register as usize);
            slot.tag == value.tag && (slot.payload == value.payload || value.tag < tag::LIGHT)
        };
        let registers = op.info().operands.iter().filter(|operand| matches!(operand.kind, Kind::In | Kind::InOut | Kind::Base));
        let mut found: Vec<u8> = Vec::new();
        for operand in registers {
            let register = operand.get(first, extra);
            if holds(register) {
                found.push(register as u8);
            }
        }
        // The object of an indexing instruction is the culprit, not its key or value.
        match op {
            Op::GetIndex | Op::GetField | Op::GetInt | Op::SetIndex | Op::SetIndexK | Op::SetField | Op::SetFieldK | Op::SetInt | Op::Method => {
                holds(i64::from(word::b(first))).then(|| word::b(first))
            }
            _ => found.first().copied(),
        }
    }

    /// `attempt to <what> a <type> value (<name>)`.
    pub(crate) fn type_error(&mut self, value: Slot, what: &str) -> Error {
        let name = self.describe(value);
        self.attempt(value, what, &name)
    }

    /// As [`Vm::type_error`], of the value in a register of the Lua frame on top.
    pub(crate) fn operand_error(&mut self, value: Slot, register: u8, what: &str) -> Error {
        let name = self.describe_operand(register);
        self.attempt(value, what, &name)
    }

    fn attempt(&mut self, value: Slot, what: &str, name: &[u8]) -> Error {
        let kind = self.type_name(value);
        self.error_here(&[b"attempt to ".as_slice(), what.as_bytes(), b" a ", &kind, b" value", name].concat())
    }

    /// Indexing a value that cannot be indexed.
    pub(crate) fn index_error(&mut self, object: Slot, key: Slot, direct: bool) -> Error {
        let mut name = Vec::new();
        if direct {
            // SAFETY: the running thread, its state stored.
            unsafe {
                if let Some(at) = activation(self.thread, 0)
                    && let Some(proto) = proto_of(at.frame.callee)
                {
                    name = match names::key_name_of_instruction(proto, at.pc) {
                        Some((kind, text)) => named(kind.as_str(), &text),
                        None => Vec::new(),
                    };
                }
            }
        }
        let _ = key;
        self.attempt(object, "index", &name)
    }

    /// Calling a value that cannot be called.
    pub(crate) fn call_error(&mut self, callee: Slot) -> Error {
        // SAFETY: the running thread, its state stored.
        let name = unsafe {
            activation(self.thread, 0).and_then(|at| {
                let proto = proto_of(at.frame.callee)?;
                names::called_name(proto, at.pc)
            })
        };
        let name = name.map_or_else(Vec::new, |(kind, text)| named(kind, &text));
        self.attempt(callee, "call", &name)
    }

    /// Name of the local variable in a register of the running function.
    pub(crate) fn local_name(&self, register: usize) -> Option<Vec<u8>> {
        // SAFETY: the running thread, its state stored.
        unsafe {
            let at = activation(self.thread, 0)?;
            let proto = any_proto(at.frame.callee)?;
            names::local_name(proto, at.pc, register as u8).map(<[u8]>::to_vec)
        }
    }

    /// How the function of the frame at `level` was called: kind of name, and name.
    pub(crate) unsafe fn name_of_call(&self, thread: *mut Thread, level: usize) -> Option<(&'static str, Vec<u8>)> {
        // SAFETY: as promised.
        unsafe {
            let at = activation(thread, level)?;
            if at.is_finalizer {
                return Some(("metamethod", b"__gc".to_vec()));
            }
            if at.frame.flags & flag::HOOK != 0 {
                return Some(("hook", b"?".to_vec()));
            }
            if at.is_tail_call() {
                return None;
            }
            if matches!(at.frame.kind, kind::HANDLER | kind::CLOSE_UNWIND | kind::ASIDE) {
                return None;
            }
            let caller = activation(thread, level + 1)?;
            let proto = proto_of(caller.frame.callee)?;
            if at.frame.kind == kind::CLOSE {
                return Some(("metamethod", b"close".to_vec()));
            }
            names::called_name(proto, caller.pc)
        }
    }

    /// What the running native is called: by `loaded` modules first, then by its call.
    pub(crate) fn native_name(&mut self) -> (&'static str, Option<Vec<u8>>) {
        // SAFETY: the running thread, its state stored.
        unsafe {
            // A library function in Lua that called a native leaf speaks for it, unless the leaf
            // is a function of a module, which the program must have passed.
            let mut level = 0;
            let leaf = activation(self.thread, 0).map_or(Slot::NIL, |at| at.frame.callee);
            while let Some(at) = activation(self.thread, level + 1) {
                let builtin = at.frame.callee.tag == tag::CLOSURE && proto_of(at.frame.callee).is_none();
                if !builtin {
                    break;
                }
                if level == 0 && let Some(name) = self.global_name(leaf) {
                    return ("function", Some(name));
                }
                level += 1;
            }
            let Some(at) = activation(self.thread, level) else { return ("", None) };
            let called = self.name_of_call(self.thread, level);
            if let Some(("method", name)) = called {
                return ("method", Some(name));
            }
            match called {
                Some((kind, name)) => (kind, Some(name)),
                None => ("function", self.global_name(at.frame.callee)),
            }
        }
    }

    /// `module` for a function that is a loaded module itself, `name` or `module.name` for one
    /// that a loaded module has (`pushglobalfuncname`).
    pub(crate) fn global_name(&mut self, function: Slot) -> Option<Vec<u8>> {
        let registry = self.registry;
        let loaded = self.raw_field(registry, b"_LOADED");
        if loaded.tag != tag::TABLE {
            return None;
        }
        let mut best: Option<Vec<u8>> = None;
        let mut key = Slot::NIL;
        // SAFETY: live tables, not changed meanwhile; keys with a string tag are live strings.
        unsafe {
            while let Ok(Some((module, value))) = crate::table::next(&self.heap, loaded.as_ptr(), key) {
                key = module;
                if module.tag != tag::STRING {
                    continue;
                }
                let module = crate::string::str_bytes(module.as_ptr());
                if is_same(value, function) {
                    best = Some(module.to_vec());
                } else if let Some(name) = self.field_with(value, function) {
                    if module == b"_G" {
                        return Some(name.to_vec());
                    }
                    best = Some([module, b".", name].concat());
                }
            }
        }
        best
    }

    /// As [`Vm::global_name`], of a frame; what runs in the place of a native has its name.
    pub(crate) fn library_name(&mut self, at: Activation) -> Option<Vec<u8>> {
        match builtin(at.frame.callee) {
            Some(code) if at.frame.flags & flag::TAIL != 0 && code.line_defined == 0 => Some(code.source.to_vec()),
            _ => self.global_name(at.frame.callee),
        }
    }

    /// The name of a field that holds the function, if the value is a table.
    ///
    /// # Safety
    /// Both are live; the name is good while the table does not change.
    unsafe fn field_with(&self, table: Slot, function: Slot) -> Option<&[u8]> {
        if table.tag != tag::TABLE {
            return None;
        }
        let mut key = Slot::NIL;
        // SAFETY: live by contract; keys with a string tag are live strings.
        unsafe {
            while let Ok(Some((name, item))) = crate::table::next(&self.heap, table.as_ptr(), key) {
                key = name;
                if name.tag == tag::STRING && is_same(item, function) {
                    return Some(crate::string::str_bytes(name.as_ptr()));
                }
            }
        }
        None
    }

    /// The text that `debug.traceback` appends, from `level` of `thread` on.
    pub(crate) fn traceback(&mut self, thread: *mut Thread, level: usize) -> Vec<u8> {
        // SAFETY: a stopped thread, or the running one with its state stored.
        let frames = unsafe { activations(thread) };
        let mut text = b"stack traceback:".to_vec();
        let shown: Vec<_> = frames.enumerate().skip(level).collect();
        let (head, tail) = (10, 11);
        let n = shown.len();
        for (count, (i, at)) in shown.into_iter().enumerate() {
            if n > head + tail && count == head {
                text.extend_from_slice(format!("\n\t...\t(skipping {} levels)", n - head - tail).as_bytes());
            }
            if n > head + tail && count >= head && count < n - tail {
                continue;
            }
            self.trace_line(&mut text, thread, i, at);
        }
        text
    }

    fn trace_line(&mut self, text: &mut Vec<u8>, thread: *mut Thread, i: usize, at: Activation) {
        match proto_of(at.frame.callee) {
            None => text.extend_from_slice(b"\n\t[C]: in "),
            Some(proto) => {
                text.extend_from_slice(b"\n\t");
                text.extend_from_slice(&perilune_compile::chunk_id(&proto.source));
                match line_at(proto, at.pc) {
                    Some(line) => text.extend_from_slice(format!(":{line}: in ").as_bytes()),
                    None => text.extend_from_slice(b": in "),
                }
            }
        }
        let entry = at.frame.kind == kind::ENTRY;
        let global = if entry { None } else { self.library_name(at) };
        // SAFETY: as `traceback`.
        let called = unsafe { self.name_of_call(thread, i) };
        match (global, called, proto_of(at.frame.callee)) {
            (Some(name), _, _) => text.extend_from_slice(&[b"function '".as_slice(), &name, b"'"].concat()),
            (None, Some((kind, name)), _) => {
                text.extend_from_slice(&[kind.as_bytes(), b" '", &name, b"'"].concat());
            }
            (None, None, Some(proto)) if proto.line_defined == 0 => text.extend_from_slice(b"main chunk"),
            (None, None, Some(proto)) => {
                let id = perilune_compile::chunk_id(&proto.source);
                text.extend_from_slice(&[b"function <".as_slice(), &id, b":", proto.line_defined.to_string().as_bytes(), b">"].concat());
            }
            (None, None, None) => text.extend_from_slice(b"?"),
        }
        if at.is_tail_call() {
            text.extend_from_slice(b"\n\t(...tail calls...)");
        }
    }
}

fn is_same(a: Slot, b: Slot) -> bool {
    a.tag == b.tag && a.payload == b.payload
}

fn named(kind: &str, name: &[u8]) -> Vec<u8> {
    // The reference's messages are C strings: a name ends at a NUL.
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    [b" (".as_slice(), kind.as_bytes(), b" '", name, b"')"].concat()
}
