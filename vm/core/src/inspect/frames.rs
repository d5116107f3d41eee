//! Coroutines, their frames, and the variables of a frame.
#![allow(unsafe_code)]

use super::frames_on;
use crate::api::Ctx;
use crate::debug::{Activation, activation, line_at, proto_of};
use crate::object::{Closure, Thread};
use crate::stack::kind;
use crate::unwind::{status, thread_flag};
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::Const;

/// A line of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Chunk name as given to `load`.
    pub source: Vec<u8>,
    /// Line.
    pub line: u32,
}

/// As `coroutine.status` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoroutineState {
    /// Runs, or stands at a stop.
    Running,
    /// Yielded, or not begun.
    Suspended,
    /// Resumed another one.
    Normal,
    /// Over.
    Dead,
}

/// A coroutine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoroutineInfo {
    /// Serial number; 0 for the main one.
    pub id: u64,
    /// What it does.
    pub state: CoroutineState,
    /// Who resumed it.
    pub resumer: Option<u64>,
    /// Name of its function.
    pub function: String,
    /// Where it was created.
    pub created: Option<Position>,
    /// Where it stands.
    pub position: Option<Position>,
}

/// A frame of a coroutine, counted from the innermost; good while nothing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameKey {
    /// Serial number of the coroutine.
    pub coroutine: u64,
    /// 0 is the innermost.
    pub level: u32,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// Its key.
    pub key: FrameKey,
    /// Name of the function for people.
    pub function: String,
    /// Whether it is a native or a part of the library.
    pub is_native: bool,
    /// Where it stands.
    pub position: Option<Position>,
    /// Whether it was entered by a tail call.
    pub is_tail_call: bool,
    /// Whether its function was redefined since.
    pub is_outdated: bool,
    /// First and last line of the definition.
    pub lines: Option<(u32, u32)>,
}

/// Where a variable of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub(super) frame: FrameKey,
    pub(super) kind: PlaceKind,
    pub(super) index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceKind {
    /// Index of a slot of the coroutine's stack.
    Slot,
    /// Index of an upvalue of the frame's function.
    Upvalue,
    /// Index of a compile-time constant of the frame's function.
    Constant,
}

impl Place {
    /// Whether it can be set.
    pub fn is_variable(self) -> bool {
        self.kind != PlaceKind::Constant
    }
}

/// A variable of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// For [`Ctx::push_place`] and [`Ctx::set_place`].
    pub place: Place,
}

impl Vm {
    pub(super) fn thread_id(&self, thread: *mut Thread) -> u64 {
        // SAFETY: a live thread.
        if thread == self.main { 0 } else { unsafe { (*thread).serial } }
    }

    pub(super) fn find_thread(&self, id: u64) -> Option<*mut Thread> {
        if id == 0 {
            return Some(self.main);
        }
        // SAFETY: the running thread is live.
        if self.thread_id(self.thread) == id && unsafe { (*self.thread).flags & thread_flag::ASIDE == 0 } {
            return Some(self.thread);
        }
        self.threads().find(|thread| self.thread_id(*thread) == id)
    }

    /// The program's coroutines.
    pub(super) fn threads(&self) -> impl Iterator<Item = *mut Thread> {
        // SAFETY: the list holds live objects.
        self.heap.live_threads().into_iter().filter(|thread| unsafe { (**thread).flags & thread_flag::ASIDE == 0 })
    }

    /// All coroutines that are not dead, the main one first, then by age; at most `limit`.
    pub fn coroutines(&self, limit: usize) -> Vec<CoroutineInfo> {
        // SAFETY: the list holds live objects.
        let alive = |thread: &*mut Thread| unsafe { !matches!((**thread).status, status::DEAD | status::FAILED) };
        let mut threads: Vec<_> = self.threads().filter(alive).collect();
        threads.sort_by_key(|thread| self.thread_id(*thread));
        threads.truncate(limit);
        // SAFETY: as above.
        threads.into_iter().map(|thread| unsafe { self.coroutine_info(thread) }).collect()
    }

    /// Number of coroutines that are not dead.
    pub fn coroutine_count(&self) -> usize {
        // SAFETY: the list holds live objects.
        self.threads().filter(|thread| unsafe { !matches!((**thread).status, status::DEAD | status::FAILED) }).count()
    }

    /// The coroutine that runs.
    pub fn running_coroutine(&self) -> u64 {
        self.thread_id(self.thread)
    }

    unsafe fn coroutine_info(&self, thread: *mut Thread) -> CoroutineInfo {
        // SAFETY: a live thread; its frames are walked by their links.
        unsafe {
            let state = match (*thread).status {
                _ if thread == self.thread => CoroutineState::Running,
                status::SUSPENDED => CoroutineState::Suspended,
                status::NORMAL => CoroutineState::Normal,
                status::RUNNING => CoroutineState::Running,
                _ => CoroutineState::Dead,
            };
            let frames = frames_on(thread);
            let function = match frames.last() {
                Some(last) if thread != self.main => last.frame.callee,
                None if (*thread).base == 0 && (*thread).top > 1 => *(*thread).stack.add(1),
                _ => Slot::NIL,
            };
            let birth = (*thread).birth;
            let created = (!birth.is_null()).then(|| &(*(*birth).cold).proto).and_then(|proto| {
                Some(Position { source: proto.source.to_vec(), line: line_at(proto, (*thread).birth_pc as usize)? })
            });
            let resumer = (*thread).resumer;
            CoroutineInfo {
                id: self.thread_id(thread),
                state,
                resumer: (!resumer.is_null() && (*resumer).flags & thread_flag::ASIDE == 0).then(|| self.thread_id(resumer)),
                function: if thread == self.main { "main".into() } else { definition_name(function) },
                created,
                position: frames.iter().find_map(position),
            }
        }
    }

    /// Frames of a coroutine from the innermost, and how many there are; `None` for an unknown coroutine.
    pub fn frames(&mut self, coroutine: u64, start: usize, count: usize) -> Option<(Vec<FrameInfo>, usize)> {
        let thread = self.find_thread(coroutine)?;
        // SAFETY: a live thread that does not run at this moment.
        let all = unsafe { frames_on(thread) };
        let shown = |at: &Activation| !(at.frame.kind == kind::ENTRY && at.frame.callee.tag == tag::NATIVE && thread == self.main);
        let visible: Vec<_> = all.iter().enumerate().filter(|(_, at)| shown(at)).collect();
        let total = visible.len();
        let page: Vec<_> = visible.into_iter().skip(start).take(count).map(|(level, at)| (level, *at)).collect();
        let frames = page.into_iter().map(|(level, at)| self.frame_info(thread, level, at)).collect();
        Some((frames, total))
    }

    fn frame_info(&mut self, thread: *mut Thread, level: usize, at: Activation) -> FrameInfo {
        let key = FrameKey { coroutine: self.thread_id(thread), level: level as u32 };
        let proto = proto_of(at.frame.callee);
        let function = match proto {
            Some(proto) if proto.line_defined == 0 => "main chunk".into(),
            Some(_) => definition_name(at.frame.callee),
            None => self.native_frame_name(thread, level, at),
        };
        // SAFETY: the closure keeps its code alive.
        let is_outdated = proto.is_some() && unsafe { (*(*(*at.frame.callee.as_ptr::<Closure>()).proto).cold).outdated };
        FrameInfo {
            key,
            function,
            is_native: proto.is_none(),
            position: position(&at),
            is_tail_call: at.is_tail_call(),
            is_outdated,
            lines: proto.map(|proto| (proto.line_defined, proto.last_line)),
        }
    }

    fn native_frame_name(&mut self, thread: *mut Thread, level: usize, at: Activation) -> String {
        if let Some(name) = self.library_name(at) {
            return String::from_utf8_lossy(&name).into_owned();
        }
        // SAFETY: a live thread that does not run at this moment.
        match unsafe { self.name_of_call(thread, level) } {
            Some((_, name)) => String::from_utf8_lossy(&name).into_owned(),
            None => "?".into(),
        }
    }

    pub(super) fn activation_of(&self, frame: FrameKey) -> Option<(*mut Thread, Activation)> {
        let thread = self.find_thread(frame.coroutine)?;
        // SAFETY: a live thread that does not run at this moment.
        unsafe { activation(thread, frame.level as usize).map(|at| (thread, at)) }
    }

    /// Local variables and compile-time constants of a frame that are in scope, outermost first; temporaries of natives.
    pub fn locals(&self, frame: FrameKey) -> Vec<Variable> {
        let Some((thread, at)) = self.activation_of(frame) else { return Vec::new() };
        let mut list = Vec::new();
        let proto = proto_of(at.frame.callee);
        let starts: Vec<u32> = proto.map(|proto| proto.locals.iter().filter(|local| local.is_active(at.pc)).map(|local| local.start_pc).collect()).unwrap_or_default();
        for n in 1..=250 {
            let Some((name, index)) = self.local_place(thread, frame.level as usize, at, n) else { break };
            let name = String::from_utf8_lossy(&name).into_owned();
            let is_internal = name.starts_with('(') && proto_of(at.frame.callee).is_some();
            if !is_internal {
                let name = if name.starts_with('(') { format!("#{n}") } else { name };
                let start = starts.get(n as usize - 1).copied().unwrap_or(u32::MAX);
                list.push((start, Variable { name, place: Place { frame, kind: PlaceKind::Slot, index: index as u32 } }));
            }
        }
        for (index, constant) in proto.map(|proto| &*proto.named).unwrap_or_default().iter().enumerate().filter(|(_, constant)| constant.is_active(at.pc)) {
            let place = Place { frame, kind: PlaceKind::Constant, index: index as u32 };
            list.push((constant.start_pc, Variable { name: String::from_utf8_lossy(&constant.name).into_owned(), place }));
        }
        list.sort_by_key(|(start, _)| *start);
        list.into_iter().map(|(_, variable)| variable).collect()
    }

    /// Captured variables of the function of a frame.
    pub fn upvalues(&self, frame: FrameKey) -> Vec<Variable> {
        let Some((_, at)) = self.activation_of(frame) else { return Vec::new() };
        let Some(proto) = proto_of(at.frame.callee) else { return Vec::new() };
        let name = |index: usize| match &*proto.upvalues[index].name {
            b"" => format!("({index})"),
            name => String::from_utf8_lossy(name).into_owned(),
        };
        let place = |index: usize| Place { frame, kind: PlaceKind::Upvalue, index: index as u32 };
        (0..proto.upvalues.len()).map(|index| Variable { name: name(index), place: place(index) }).collect()
    }

    /// Frames whose function is this definition, those of the running coroutine first.
    pub(super) fn frames_of(&self, chunk_name: &[u8], definition: &[u8]) -> Vec<FrameKey> {
        let mut found = Vec::new();
        let running = std::iter::once(self.thread);
        for thread in running.chain(self.threads().filter(|thread| *thread != self.thread)) {
            // SAFETY: a live thread that does not run at this moment.
            for (level, at) in unsafe { frames_on(thread) }.iter().enumerate() {
                if proto_of(at.frame.callee).is_some_and(|proto| *proto.source == *chunk_name && *proto.name == *definition) {
                    found.push(FrameKey { coroutine: self.thread_id(thread), level: level as u32 });
                }
            }
        }
        found
    }

    /// Extra arguments of a frame; `None` when its function takes none.
    pub fn extra_arguments(&self, frame: FrameKey) -> Option<Vec<Variable>> {
        let (thread, at) = self.activation_of(frame)?;
        if !proto_of(at.frame.callee)?.is_vararg {
            return None;
        }
        let place = |n: i64| {
            let (_, index) = self.local_place(thread, frame.level as usize, at, -n)?;
            Some(Variable { name: n.to_string(), place: Place { frame, kind: PlaceKind::Slot, index: index as u32 } })
        };
        Some((1..).map_while(place).collect())
    }

    pub(super) fn place_address(&self, place: Place) -> Option<(*mut Slot, *mut crate::object::Upvalue)> {
        let (thread, at) = self.activation_of(place.frame)?;
        // SAFETY: places are inside the stack or among the upvalues as long as nothing has run.
        unsafe {
            match place.kind {
                PlaceKind::Slot if place.index < (*thread).capacity => Some(((*thread).stack.add(place.index as usize), std::ptr::null_mut())),
                PlaceKind::Upvalue if at.frame.callee.tag == tag::CLOSURE => {
                    let closure = at.frame.callee.as_ptr::<Closure>();
                    if place.index >= (*closure).header.aux {
                        return None;
                    }
                    let upvalue = *(*closure).upvalues.add(place.index as usize);
                    Some(((*upvalue).location, upvalue))
                }
                _ => None,
            }
        }
    }
}

impl Ctx<'_> {
    /// Pushes the value of a frame's variable; false (and nothing pushed) when it is gone.
    pub fn push_place(&mut self, place: Place) -> bool {
        if place.kind == PlaceKind::Constant {
            return self.push_constant(place);
        }
        let Some((slot, _)) = self.vm.place_address(place) else { return false };
        // SAFETY: just looked up.
        let value = unsafe { *slot };
        self.push(if value.tag > tag::THREAD { Slot::NIL } else { value });
        true
    }

    fn push_constant(&mut self, place: Place) -> bool {
        let activation = self.vm.activation_of(place.frame);
        let proto = activation.and_then(|(_, at)| proto_of(at.frame.callee));
        let Some(constant) = proto.and_then(|proto| proto.named.get(place.index as usize)) else { return false };
        match &constant.value {
            Const::Nil => self.push_nil(),
            Const::False => self.push_bool(false),
            Const::True => self.push_bool(true),
            Const::Int(value) => self.push_int(*value),
            Const::Float(value) => self.push_float(*value),
            Const::Str(bytes) => return self.push_bytes(bytes).is_ok(),
        }
        true
    }

    /// Pops a value into a frame's variable; false when it is gone.
    pub fn set_place(&mut self, place: Place) -> bool {
        let value = self.pop_slot();
        let Some((slot, upvalue)) = self.vm.place_address(place) else { return false };
        // SAFETY: just looked up.
        unsafe {
            *slot = value;
            if upvalue.is_null() {
                if let Some(thread) = self.vm.find_thread(place.frame.coroutine) {
                    crate::tier::distrust_addresses(&mut self.vm.heap, thread);
                    self.vm.heap.touch_thread(thread);
                }
            } else {
                self.vm.heap.barrier(upvalue.cast(), value);
            }
        }
        true
    }

    /// Keeps the value at `index` alive.
    pub fn pin(&mut self, index: i32) -> super::Pin {
        let value = self.slot(index);
        self.vm.add_pin(value)
    }

    /// Pushes a kept value.
    pub fn push_pin(&mut self, pin: &super::Pin) {
        let value = self.vm.pinned(pin);
        self.push(value);
    }

    /// Pushes the error that the last call ended with.
    pub fn push_error(&mut self) {
        let error = self.vm.error;
        self.push(error);
    }

    /// Pushes the function of a frame.
    pub fn push_frame_function(&mut self, frame: FrameKey) -> bool {
        let Some((_, at)) = self.vm.activation_of(frame) else { return false };
        self.push(at.frame.callee);
        true
    }

    /// Name and position of the Lua function at `index`, for people.
    pub fn function_position(&self, index: i32) -> Option<(String, Position)> {
        let function = self.slot(index);
        let proto = proto_of(function)?;
        let name = if proto.line_defined == 0 { "main chunk".into() } else { definition_name(function) };
        Some((name, Position { source: proto.source.to_vec(), line: proto.line_defined }))
    }

    /// What the native at `index` is called, such as `string.format`.
    pub fn native_label(&mut self, index: i32) -> Option<String> {
        let function = self.slot(index);
        self.vm.global_name(function).map(|name| String::from_utf8_lossy(&name).into_owned())
    }

    /// Serial number of the coroutine at `index`.
    pub fn coroutine_id(&self, index: i32) -> Option<u64> {
        let slot = self.slot(index);
        (slot.tag == tag::THREAD).then(|| self.vm.thread_id(slot.as_ptr()))
    }
}

/// The path of a definition as a person would say it.
fn definition_name(function: Slot) -> String {
    match proto_of(function) {
        Some(proto) if proto.line_defined == 0 => "main chunk".into(),
        Some(proto) if proto.name.is_empty() => format!("function at line {}", proto.line_defined),
        Some(proto) => String::from_utf8_lossy(&proto.name).into_owned(),
        None => "native".into(),
    }
}

fn position(at: &Activation) -> Option<Position> {
    let proto = proto_of(at.frame.callee)?;
    Some(Position { source: proto.source.to_vec(), line: line_at(proto, at.pc)? })
}
