//! Code that sees the variables of a frame or a module.
//!
//! The text is compiled inside a function whose locals have the names of the
//! scope; the closure that comes out gets the variables themselves as its
//! upvalues, so it reads and assigns them like any other closure.
#![allow(unsafe_code)]

use std::sync::Arc;
use super::{FrameKey, Pin};
use crate::api::Ctx;
use crate::debug::{Activation, proto_of};
use crate::error::Error;
use crate::heap::OutOfMemory;
use crate::object::{Closure, ProtoObject, Thread, Upvalue};
use crate::stack;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::{Const, Proto};

/// Most variables that a text can see; the outermost are left out beyond it.
pub(super) const MAX_NAMES: usize = 190;

/// Variables by name, for code that is loaded with [`Ctx::load_in`].
#[derive(Default)]
pub struct Scope {
    names: Vec<Vec<u8>>,
    /// Those of them that code may not assign to.
    read_only: Vec<Vec<u8>>,
    cells: Vec<Pin>,
    /// Variables that were made to stand for slots of a stack, to be detached afterwards.
    opened: Vec<(Pin, u64)>,
}

/// Where a variable that code sees comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Upvalue of the function.
    Upvalue(usize),
    /// Compile-time constant of the function.
    Constant(usize),
    /// Register of the frame.
    Register(u8),
    /// Variable or compile-time constant of the function's module.
    Module(Arc<[u8]>),
    /// The table of globals.
    Globals,
}

/// Names with what they stand for.
pub(super) type Names = Vec<(Arc<[u8]>, Origin)>;

impl Scope {
    pub(super) fn set_read_only(&mut self, name: &[u8], is_read_only: bool) {
        self.read_only.retain(|known| known != name);
        if is_read_only {
            self.read_only.push(name.to_vec());
        }
    }

    /// Whether a variable of this name is in it.
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// Names of the variables.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }
}

impl Vm {
    /// The variables that the code of a frame sees at this point; `None` when the frame is gone.
    ///
    /// # Errors
    /// The memory limit.
    pub fn frame_scope(&mut self, frame: FrameKey) -> Result<Option<Scope>, Error> {
        let mut scope = Scope::default();
        let Some((thread, at)) = self.activation_of(frame) else { return Ok(None) };
        let Some(proto) = proto_of(at.frame.callee) else { return Ok(Some(scope)) };
        for (name, origin) in variables_at(proto, at.pc) {
            match self.cell_of(&mut scope, (thread, frame.coroutine), &at, &origin) {
                Ok(cell) => self.add_cell(&mut scope, &name, cell),
                Err(error) => {
                    self.end_scope(scope);
                    return Err(error);
                }
            }
            scope.set_read_only(&name, matches!(origin, Origin::Constant(_)));
        }
        Ok(Some(scope))
    }

    /// The variable of a frame that an origin names; a fresh one with its value for a constant.
    pub(super) fn cell_of(&mut self, scope: &mut Scope, thread: (*mut Thread, u64), at: &Activation, origin: &Origin) -> Result<*mut Upvalue, Error> {
        let cell = match origin {
            // SAFETY: the frame's closure keeps its upvalues alive; it has the code that the place was found in.
            Origin::Upvalue(index) => return Ok(unsafe { *(*at.frame.callee.as_ptr::<Closure>()).upvalues.add(*index) }),
            // SAFETY: a register of a frame of a thread that stands.
            Origin::Register(register) => return unsafe { self.open_cell(scope, thread, at.frame.base + u32::from(*register)) },
            Origin::Constant(index) => match proto_of(at.frame.callee).and_then(|proto| proto.named.get(*index)) {
                Some(constant) => self.constant_cell(&constant.value),
                None => Ok(None),
            },
            Origin::Module(name) => {
                let source = proto_of(at.frame.callee).map(|proto| proto.source.clone()).unwrap_or_default();
                self.module_cell(&source, name).map(|found| found.map(|(cell, _)| cell))
            }
            Origin::Globals => self.heap.upvalue_closed(Slot::object(self.globals, tag::TABLE)).map(Some),
        };
        cell.ok().flatten().ok_or_else(|| self.memory_error())
    }

    /// A variable with the value of a compile-time constant.
    pub(super) fn constant_cell(&mut self, value: &Const) -> Result<Option<*mut Upvalue>, OutOfMemory> {
        let value = crate::proto::constant(&mut self.heap, value)?;
        self.heap.upvalue_closed(value).map(Some)
    }

    /// The variable that stands for slot `index` of a coroutine's stack, if need be until the scope ends.
    ///
    /// # Safety
    /// The thread is live and does not run; the slot is a register of one of its frames.
    pub(super) unsafe fn open_cell(&mut self, scope: &mut Scope, (thread, coroutine): (*mut Thread, u64), index: u32) -> Result<*mut Upvalue, Error> {
        // SAFETY: as promised.
        unsafe {
            let known = is_open(thread, index);
            let slot = (*thread).stack.add(index as usize);
            let upvalue = stack::find_upvalue(&mut self.heap, thread, slot).map_err(|_| self.memory_error())?;
            if !known {
                self.share_registers(thread, index);
                let pin = self.add_pin(Slot::object(upvalue, tag::UPVALUE));
                scope.opened.push((pin, coroutine));
            }
            Ok(upvalue)
        }
    }

    /// The variables that a closure captured.
    pub(super) fn closure_scope(&mut self, function: Slot) -> Scope {
        let mut scope = Scope::default();
        let Some(proto) = proto_of(function) else { return scope };
        for (index, upvalue) in proto.upvalues.iter().enumerate() {
            // SAFETY: the closure keeps its upvalues alive.
            let cell = unsafe { *(*function.as_ptr::<Closure>()).upvalues.add(index) };
            self.add_cell(&mut scope, &upvalue.name, cell);
        }
        for constant in proto.named.iter().filter(|constant| constant.is_outer) {
            if let Ok(Some(cell)) = self.constant_cell(&constant.value) {
                self.add_cell(&mut scope, &constant.name, cell);
                scope.set_read_only(&constant.name, true);
            }
        }
        scope
    }

    /// One more variable, whatever its name.
    pub(super) fn push_cell(&mut self, scope: &mut Scope, cell: *mut Upvalue) {
        let pin = self.add_pin(Slot::object(cell, tag::UPVALUE));
        scope.cells.push(pin);
    }

    /// The variables of a scope, in order.
    pub(super) fn cells(&self, scope: &Scope) -> Vec<Option<Slot>> {
        scope.cells.iter().map(|pin| self.pinned_cell(pin)).collect()
    }

    /// The variable that a pin keeps; none for the pin of another machine.
    fn pinned_cell(&self, pin: &Pin) -> Option<Slot> {
        Some(self.pinned(pin)).filter(|slot| slot.tag & 0xff == tag::UPVALUE)
    }

    /// A later variable hides an earlier one of the same name.
    pub(super) fn add_cell(&mut self, scope: &mut Scope, name: &[u8], cell: *mut Upvalue) {
        if cell.is_null() || name.is_empty() {
            return;
        }
        if let Some(at) = scope.names.iter().position(|known| known == name) {
            scope.names.remove(at);
            let old = scope.cells.remove(at);
            self.unpin(old);
        }
        scope.names.push(name.to_vec());
        let pin = self.add_pin(Slot::object(cell, tag::UPVALUE));
        scope.cells.push(pin);
    }

    /// Ends the use of a scope: variables that stood for stack slots only for it keep their values for
    /// whoever captured them and let go of the stack.
    pub fn end_scope(&mut self, scope: Scope) {
        for (pin, coroutine) in scope.opened {
            let upvalue = self.pinned_object::<Upvalue>(&pin, tag::UPVALUE);
            // A null address is not among the open upvalues.
            if let Some(thread) = self.find_thread(coroutine) {
                // SAFETY: the pin kept the upvalue alive.
                unsafe { self.detach(thread, upvalue) };
            }
            self.unpin(pin);
        }
        for pin in scope.cells {
            self.unpin(pin);
        }
    }

    unsafe fn detach(&mut self, thread: *mut Thread, upvalue: *mut Upvalue) {
        // SAFETY: the list of open upvalues ends with null.
        unsafe {
            let mut place: *mut *mut Upvalue = &raw mut (*thread).open;
            while !(*place).is_null() && *place != upvalue {
                place = &raw mut (**place).next;
            }
            if (*place).is_null() {
                return;
            }
            *place = (*upvalue).next;
            (*upvalue).next = std::ptr::null_mut();
            let value = *(*upvalue).location;
            (*upvalue).closed = value;
            (*upvalue).location = &raw mut (*upvalue).closed;
            self.heap.barrier(upvalue.cast(), value);
        }
    }
}

impl Ctx<'_> {
    /// Compiles a text as the body of a vararg function that sees `scope` and the globals, and pushes it.
    /// `line` is that of its first line.
    ///
    /// # Errors
    /// The message of the compiler, or of the memory limit.
    pub fn load_in(&mut self, scope: &Scope, text: &[u8], chunk_name: &[u8], line: u32) -> Result<(), String> {
        let skipped = scope.names.len().saturating_sub(MAX_NAMES);
        let names: Vec<_> = scope.names[skipped..].iter().map(|name| (name.as_slice(), scope.read_only.contains(name))).collect();
        let proto = compile_in(&names, text, chunk_name, line)?;
        let cell = |at: usize| scope.cells.get(skipped + at).and_then(|pin| self.vm.pinned_cell(pin));
        let cells: Vec<_> = proto.upvalues.iter().map(|upvalue| if upvalue.in_stack { cell(usize::from(upvalue.index)) } else { None }).collect();
        self.vm.bind(proto, &cells).map(|function| self.push(function)).map_err(|_| "not enough memory".into())
    }
}

impl Vm {
    /// A closure of `proto` with these variables; the missing ones are the globals.
    fn bind(&mut self, proto: Proto, cells: &[Option<Slot>]) -> Result<Slot, OutOfMemory> {
        let object = crate::proto::load(&mut self.heap, proto, false)?;
        // SAFETY: it was just made, of code with so many upvalues.
        unsafe { self.close_over(object, cells) }
    }

    /// As `bind`, for code that is loaded.
    ///
    /// # Safety
    /// The code is live and has so many upvalues.
    pub(super) unsafe fn close_over(&mut self, object: *mut ProtoObject, cells: &[Option<Slot>]) -> Result<Slot, OutOfMemory> {
        // SAFETY: as promised; nothing is collected before the function is whole.
        let closure = unsafe { self.heap.closure(object, cells.len() as u32)? };
        for (at, cell) in cells.iter().enumerate() {
            let upvalue = match cell {
                Some(slot) => slot.as_ptr(),
                None => self.heap.upvalue_closed(Slot::object(self.globals, tag::TABLE))?,
            };
            // SAFETY: a fresh closure with as many upvalues.
            unsafe { *(*closure).upvalues.add(at) = upvalue };
        }
        Ok(Slot::object(closure, tag::CLOSURE))
    }
}

/// Compiles a text as the body of a vararg function whose upvalue `index` (of those in the stack) is the
/// variable `names[index]`; the flag says that it may not be assigned to.
///
/// # Errors
/// The message of the compiler.
pub(super) fn compile_in(names: &[(&[u8], bool)], text: &[u8], chunk_name: &[u8], line: u32) -> Result<Proto, String> {
    let message = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // By itself first: a text must not reach out of the function around it.
    let lines = vec![b'\n'; line.saturating_sub(1) as usize];
    let alone = [&lines, text].concat();
    perilune_compile::compile(&alone, chunk_name).map_err(|error| message(&error.message))?;
    // Without a value no name is a compile-time constant: each has its register.
    let declared: Vec<_> = names.iter().map(|(name, is_const)| [*name, if *is_const { b"<const>" } else { b"" }].concat()).collect();
    let prefix = if names.is_empty() { Vec::new() } else { [b"local ".as_slice(), &declared.join(b",".as_slice()), b";"].concat() };
    let whole = [&prefix, b"return function(...)".as_slice(), &alone, b"\nend"].concat();
    let main = perilune_compile::compile(&whole, chunk_name).map_err(|error| message(&error.message))?.0;
    let Some(mut proto) = main.children.into_iter().next() else { return Err("no code".into()) };
    drop_prefix(&mut proto);
    Ok(proto)
}

/// Definitions in the text get the names they would have at the level of a module.
fn drop_prefix(proto: &mut Proto) {
    let prefix = [&proto.name, b"/".as_slice()].concat();
    proto.name = Arc::default();
    rename(&mut proto.children, &prefix);
}

fn rename(children: &mut [Proto], prefix: &[u8]) {
    for child in children {
        if let Some(rest) = child.name.strip_prefix(prefix) {
            child.name = rest.into();
        }
        rename(&mut child.children, prefix);
    }
}

/// What code of a function sees at an instruction; each name once, and the later of two declarations.
pub(super) fn variables_at(proto: &Proto, pc: usize) -> Names {
    let upvalues = proto.upvalues.iter().enumerate().map(|(index, upvalue)| (&upvalue.name, Origin::Upvalue(index)));
    let locals = proto.locals.iter().filter(|local| local.is_active(pc) && !local.name.starts_with(b"("));
    let locals = locals.map(|local| (local.start_pc, &local.name, Origin::Register(local.register)));
    let constants = proto.named.iter().enumerate().filter(|(_, constant)| constant.is_active(pc));
    let constants = constants.map(|(index, constant)| (constant.start_pc, &constant.name, Origin::Constant(index)));
    let mut declared: Vec<_> = locals.chain(constants).collect();
    declared.sort_by_key(|(start, ..)| *start);
    let mut names = Names::new();
    for (name, origin) in upvalues.chain(declared.into_iter().map(|(_, name, origin)| (name, origin))) {
        names.retain(|(known, _)| known != name);
        if !name.is_empty() {
            names.push((name.clone(), origin));
        }
    }
    names
}

/// Whether a slot of a stack already has an open upvalue.
unsafe fn is_open(thread: *mut Thread, index: u32) -> bool {
    // SAFETY: the list ends with null.
    unsafe {
        let slot = (*thread).stack.add(index as usize);
        let mut open = (*thread).open;
        while !open.is_null() {
            if (*open).location == slot {
                return true;
            }
            open = (*open).next;
        }
        false
    }
}
