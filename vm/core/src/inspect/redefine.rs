//! Redefinition: the code of definitions is replaced under the closures that exist.
//!
//! A definition is known by its chunk and the path of its name. Redefinition
//! looks at every closure, decides where each variable of the new code comes
//! from, and only when nothing is missing changes anything. Frames that run old
//! code go on with it: each gets a closure of its own for the old version.
//!
//! `unsafe`: a plan holds new code, variables and storage by address, and no root
//! names them. The bargain: between making a plan and carrying it out objects are
//! allocated but no Lua runs; allocation never collects, and objects never move.
#![allow(unsafe_code)]

use std::sync::Arc;
use super::Scope;
use super::flags::{is_return, running_op};
use crate::collect::Marker;
use super::frames_on;
use crate::debug::proto_of;
use crate::heap::OutOfMemory;
use crate::object::{Closure, ProtoObject, Thread, Upvalue};
use crate::stack;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::instruction::instructions;
use perilune_isa::{Const, NamedConst, Op, Proto};
use std::collections::{HashMap, HashSet};

/// Variables of a main function that outlive it.
#[derive(Default)]
pub(crate) struct Module {
    variables: Vec<(Arc<[u8]>, *mut Upvalue)>,
}

impl Module {
    pub(super) fn trace(&self, marker: &mut Marker<'_>) {
        for (_, variable) in &self.variables {
            marker.object(*variable);
        }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<*mut Upvalue> {
        self.variables.iter().rev().find(|(known, _)| **known == *name).map(|(_, variable)| *variable)
    }
}

/// New code for definitions of a chunk.
pub struct Revision<'a> {
    /// The chunk.
    pub chunk_name: &'a [u8],
    /// Its whole new text.
    pub text: &'a NewText,
    /// Paths of the definitions to replace, each with all that is in it.
    pub definitions: &'a [Vec<u8>],
}

/// A text that compiles.
pub struct NewText(Proto);

/// A function of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextDefinition {
    /// Path of its name; empty for the main function.
    pub name: Vec<u8>,
    /// Its bytes in the text, from the parameter list to `end` as the compiler records them.
    pub span: (u32, u32),
    /// First and last line.
    pub lines: (u32, u32),
}

impl NewText {
    /// Compiles a text.
    ///
    /// # Errors
    /// The compiler's message.
    pub fn compile(text: &[u8], chunk_name: &[u8]) -> Result<NewText, String> {
        match perilune_compile::compile(text, chunk_name) {
            Ok(chunk) => Ok(NewText(chunk.0)),
            Err(error) => Err(lossy(&error.message)),
        }
    }

    /// All functions of the text, outer ones before inner ones, the main one first.
    pub fn definitions(&self) -> Vec<TextDefinition> {
        let describe = |d: &Definition<'_>| TextDefinition {
            name: d.proto.name.to_vec(),
            span: d.proto.span,
            lines: (d.proto.line_defined, d.proto.last_line),
        };
        flatten(&self.0).iter().map(describe).collect()
    }
}

/// Why a definition cannot be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Conflict {
    /// The program has no such definition.
    UnknownDefinition {
        /// Path of its name.
        definition: String,
    },
    /// The new code uses a variable that the existing closures cannot reach.
    UnreachableVariable {
        /// Path of the definition.
        definition: String,
        /// The variable.
        variable: String,
    },
    /// The memory limit.
    OutOfMemory,
}

/// A definition that was (or would be) replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Path of its name.
    pub definition: String,
    /// First line in the new text.
    pub line: u32,
    /// Closures with the new code.
    pub closures: u32,
    /// Frames that finish the old code.
    pub running: u32,
}

/// A change that was found possible. It holds addresses: made and used by [`Vm::redefine`] only, which allocates
/// but runs no Lua, and no allocation collects.
#[derive(Default)]
pub struct Plan {
    closures: Vec<(*mut Closure, *mut ProtoObject, Vec<*mut Upvalue>)>,
    storage: Vec<Option<*mut *mut Upvalue>>,
    frames: Vec<(*mut Thread, u32, *mut Closure)>,
    children: Vec<(*mut ProtoObject, usize, *mut ProtoObject)>,
    outdated: Vec<*mut ProtoObject>,
    outcomes: Vec<Outcome>,
}

/// A function of the new text and the functions around it.
struct Definition<'a> {
    proto: &'a Proto,
    parent: Option<usize>,
}

impl Vm {
    /// Replaces definitions, all of them or none; `commit` false only says what would happen.
    ///
    /// # Errors
    /// Every reason against it.
    pub fn redefine(&mut self, revision: &Revision<'_>, commit: bool) -> Result<Vec<Outcome>, Vec<Conflict>> {
        let plan = self.plan(revision)?;
        let outcomes = plan.outcomes.clone();
        if commit {
            self.commit(plan);
            self.move_lines(revision);
        } else {
            self.abandon(plan);
        }
        Ok(outcomes)
    }

    fn plan(&mut self, revision: &Revision<'_>) -> Result<Plan, Vec<Conflict>> {
        let definitions = flatten(&revision.text.0);
        let by_name: HashMap<&[u8], usize> = definitions.iter().enumerate().map(|(at, d)| (&*d.proto.name, at)).collect();
        let mut conflicts = Vec::new();
        let mut fresh: HashMap<&[u8], *mut ProtoObject> = HashMap::new();
        for name in top_level(revision.definitions) {
            let loaded = self.has_definition(revision.chunk_name, name);
            match by_name.get(name.as_slice()).filter(|_| loaded) {
                None => conflicts.push(Conflict::UnknownDefinition { definition: lossy(name) }),
                Some(&at) => match crate::proto::load(&mut self.heap, definitions[at].proto.clone(), false) {
                    // SAFETY: just loaded.
                    Ok(root) => unsafe { collect_tree(root, definitions[at].proto, &mut fresh) },
                    Err(OutOfMemory) => return Err(vec![Conflict::OutOfMemory]),
                },
            }
        }
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut plan = Plan::default();
        self.plan_closures(revision, &definitions, &by_name, &fresh, &mut plan, &mut conflicts);
        if !conflicts.is_empty() {
            let mut seen = HashSet::new();
            conflicts.retain(|conflict| seen.insert(conflict.clone()));
            return Err(conflicts);
        }
        let allocated = self.plan_storage(&mut plan).and_then(|()| self.plan_frames(&mut plan)).and_then(|()| self.plan_children(revision, &fresh, &definitions, &by_name, &mut plan));
        if allocated.is_err() {
            self.abandon(plan);
            return Err(vec![Conflict::OutOfMemory]);
        }
        self.count(&fresh, &mut plan);
        Ok(plan)
    }

    fn has_definition(&self, chunk_name: &[u8], name: &[u8]) -> bool {
        // SAFETY: the list holds live objects.
        self.protos_of(chunk_name).any(|proto| unsafe { *(*(*proto).cold).proto.name == *name })
    }

    /// Paths of the definitions of a chunk that are alive.
    pub fn definitions(&self, chunk_name: &[u8]) -> HashSet<Vec<u8>> {
        // SAFETY: the list holds live objects.
        self.protos_of(chunk_name).map(|proto| unsafe { (*(*proto).cold).proto.name.to_vec() }).collect()
    }

    pub(super) fn protos_of<'a>(&'a self, chunk_name: &'a [u8]) -> impl Iterator<Item = *mut ProtoObject> + 'a {
        self.heap.gc.protos.iter().copied().filter(move |proto| {
            // SAFETY: the list holds live objects.
            let cold = unsafe { &*(**proto).cold };
            !cold.builtin && !cold.outdated && *cold.proto.source == *chunk_name
        })
    }

    fn plan_closures<'a>(
        &mut self,
        revision: &Revision<'_>,
        definitions: &[Definition<'a>],
        by_name: &HashMap<&[u8], usize>,
        fresh: &HashMap<&'a [u8], *mut ProtoObject>,
        plan: &mut Plan,
        conflicts: &mut Vec<Conflict>,
    ) {
        let old: HashSet<_> = self.protos_of(revision.chunk_name).filter(|proto| !fresh.values().any(|new| new == proto)).collect();
        // SAFETY: protos of the list and closures of the heap are live.
        unsafe {
            for proto in &old {
                if fresh.contains_key(&*(*(**proto).cold).proto.name) {
                    plan.outdated.push(*proto);
                }
            }
            for closure in self.heap.live_closures() {
                let proto = (*closure).proto;
                if !old.contains(&proto) {
                    continue;
                }
                let name = &*(*(*proto).cold).proto.name;
                let (Some(new), Some(at)) = (fresh.get(name), by_name.get(name)) else { continue };
                let mut upvalues = Vec::new();
                for index in 0..definitions[*at].proto.upvalues.len() {
                    match self.carry(revision, definitions, *at, index, closure) {
                        Ok(Some(upvalue)) => upvalues.push(upvalue),
                        Ok(None) => conflicts.push(Conflict::UnreachableVariable {
                            definition: lossy(name),
                            variable: lossy(&definitions[*at].proto.upvalues[index].name),
                        }),
                        Err(OutOfMemory) => conflicts.push(Conflict::OutOfMemory),
                    }
                }
                plan.closures.push((closure, *new, upvalues));
            }
        }
    }

    /// Where variable `index` of the new code of a closure comes from.
    unsafe fn carry(&mut self, revision: &Revision<'_>, definitions: &[Definition<'_>], at: usize, index: usize, closure: *mut Closure) -> Result<Option<*mut Upvalue>, OutOfMemory> {
        let new = definitions[at].proto;
        let name = &new.upvalues[index].name;
        let rank = new.upvalues[..index].iter().filter(|upvalue| upvalue.name == *name).count();
        // SAFETY: a live closure.
        unsafe {
            let old = &(*(*(*closure).proto).cold).proto;
            let same = old.upvalues.iter().enumerate().filter(|(_, upvalue)| upvalue.name == *name).nth(rank);
            if let Some((place, _)) = same {
                return Ok(Some(*(*closure).upvalues.add(place)));
            }
        }
        match owner(definitions, at, index) {
            None => self.heap.upvalue_closed(Slot::object(self.globals, tag::TABLE)).map(Some),
            Some(owner) if definitions[owner].parent.is_none() => self.module_variable(revision.chunk_name, name),
            Some(_) => Ok(None),
        }
    }

    /// A variable of a main function: kept since it returned, in its running frame, or captured by a closure.
    pub(super) fn module_variable(&mut self, chunk_name: &[u8], name: &[u8]) -> Result<Option<*mut Upvalue>, OutOfMemory> {
        if let Some(variable) = self.inspection.modules.get(chunk_name).and_then(|module| module.get(name)) {
            return Ok(Some(variable));
        }
        // SAFETY: stopped threads and live closures.
        unsafe {
            if let Some((thread, index)) = self.main_local(chunk_name, name) {
                self.share_registers(thread, index);
                let slot = (*thread).stack.add(index as usize);
                return stack::find_upvalue(&mut self.heap, thread, slot).map(Some);
            }
            if self.inspection.modules.contains_key(chunk_name) || self.main_runs(chunk_name) {
                return Ok(None);
            }
            for closure in self.heap.live_closures() {
                let cold = &*(*(*closure).proto).cold;
                if cold.builtin || *cold.proto.source != *chunk_name || cold.proto.name.contains(&b'/') {
                    continue;
                }
                let place = cold.proto.upvalues.iter().position(|upvalue| upvalue.in_stack && *upvalue.name == *name);
                if let Some(place) = place {
                    return Ok(Some(*(*closure).upvalues.add(place)));
                }
            }
        }
        Ok(None)
    }

    /// As `module_variable`; for a compile-time constant of the module a fresh variable, and true.
    pub(super) fn module_cell(&mut self, chunk_name: &[u8], name: &[u8]) -> Result<Option<(*mut Upvalue, bool)>, OutOfMemory> {
        if let Some(variable) = self.module_variable(chunk_name, name)? {
            return Ok(Some((variable, false)));
        }
        match self.module_constant(chunk_name, name) {
            Some(value) => Ok(self.constant_cell(&value)?.map(|cell| (cell, true))),
            None => Ok(None),
        }
    }

    /// A compile-time constant of a main function, as far as code that uses it (or the function itself) is loaded.
    pub(super) fn module_constant(&self, chunk_name: &[u8], name: &[u8]) -> Option<Const> {
        self.protos_of(chunk_name).find_map(|proto| {
            // SAFETY: the list holds live objects.
            let proto = unsafe { &(*(*proto).cold).proto };
            let constant = module_constants(proto).find(|constant| *constant.name == *name)?;
            Some(constant.value.clone())
        })
    }

    /// A local of a main function that still runs: its coroutine and slot.
    unsafe fn main_local(&self, chunk_name: &[u8], name: &[u8]) -> Option<(*mut Thread, u32)> {
        self.threads().find_map(|thread| {
            // SAFETY: the thread does not run at this moment.
            let frames = unsafe { frames_on(thread) };
            frames.iter().find_map(|at| {
                let proto = proto_of(at.frame.callee).filter(|proto| proto.line_defined == 0 && *proto.source == *chunk_name)?;
                let local = proto.locals.iter().rev().find(|local| is_module_level(proto, local) && local.is_active(at.pc) && *local.name == *name)?;
                Some((thread, at.frame.base + u32::from(local.register)))
            })
        })
    }

    unsafe fn main_runs(&self, chunk_name: &[u8]) -> bool {
        self.threads().any(|thread| {
            // SAFETY: the thread does not run at this moment.
            let frames = unsafe { frames_on(thread) };
            frames.iter().any(|at| proto_of(at.frame.callee).is_some_and(|proto| proto.line_defined == 0 && *proto.source == *chunk_name))
        })
    }

    /// Adds a variable of the module of a frame's function to its scope, if it is not hidden by another.
    pub fn add_module_name(&mut self, frame: super::FrameKey, scope: &mut Scope, name: &[u8]) {
        if scope.has(name) {
            return;
        }
        let Some((_, at)) = self.activation_of(frame) else { return };
        let Some(proto) = proto_of(at.frame.callee).filter(|proto| proto.line_defined != 0) else { return };
        let chunk_name = proto.source.clone();
        // A frame's own variable that is not in scope yet does not hide the module's.
        if let Ok(Some((variable, is_const))) = self.module_cell(&chunk_name, name) {
            self.add_cell(scope, name, variable);
            scope.set_read_only(name, is_const);
        }
    }

    /// A main function is about to return: its variables are kept.
    pub(super) fn retain_module(&mut self) {
        // SAFETY: the running thread stands at a verified instruction of a Lua frame.
        unsafe {
            let thread = self.thread;
            let frame = stack::frame(thread, (*thread).base);
            let Some(proto) = proto_of(frame.callee) else { return };
            let object = (*frame.callee.as_ptr::<Closure>()).proto;
            let pc = (*thread).pc as usize - 1;
            let returns = running_op(*(*object).code.add(pc)).is_some_and(is_return);
            if !returns || proto.line_defined != 0 || proto.source.first() != Some(&b'@') {
                return;
            }
            let mut module = Module::default();
            for local in proto.locals.iter().filter(|local| is_module_level(proto, local) && local.is_active(pc)) {
                let slot = (*thread).stack.add((frame.base + u32::from(local.register)) as usize);
                if let Ok(upvalue) = stack::find_upvalue(&mut self.heap, thread, slot) {
                    module.variables.push((local.name.clone(), upvalue));
                }
            }
            // A return that closes nothing by itself would leave them pointing into the dead frame.
            if !proto.locals.iter().any(|local| is_to_be_closed(thread, frame.base, local.register)) {
                let base = (*thread).stack.add(frame.base as usize);
                stack::close_upvalues(&mut self.heap, thread, base);
            }
            self.inspection.modules.insert(Box::from(&*proto.source), module);
        }
    }

    /// The variables of a module, as far as they can be reached.
    pub fn module_scope(&mut self, chunk_name: &[u8]) -> Scope {
        let mut scope = Scope::default();
        let mut names: Vec<Arc<[u8]>> = self.inspection.modules.get(chunk_name).map(|module| module.variables.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
        for proto in self.protos_of(chunk_name) {
            // SAFETY: the list holds live objects.
            let proto = unsafe { &(*(*proto).cold).proto };
            let top_level = proto.line_defined != 0 && !proto.name.contains(&b'/');
            names.extend(proto.upvalues.iter().filter(|upvalue| top_level && upvalue.in_stack).map(|upvalue| upvalue.name.clone()));
            names.extend(module_constants(proto).map(|constant| constant.name.clone()));
        }
        names.extend(self.running_main_locals(chunk_name));
        for name in names {
            if !scope.has(&name)
                && let Ok(Some((variable, is_const))) = self.module_cell(chunk_name, &name)
            {
                self.add_cell(&mut scope, &name, variable);
                scope.set_read_only(&name, is_const);
            }
        }
        scope
    }

    /// Variables that code at a line sees, nearest first: of frames and closures of the functions around
    /// it, then of the module. Each is to be ended with [`Vm::end_scope`].
    pub fn scopes_at(&mut self, chunk_name: &[u8], line: u32) -> Vec<Scope> {
        let mut around: Vec<(u32, Vec<u8>)> = Vec::new();
        for proto in self.protos_of(chunk_name) {
            // SAFETY: the list holds live objects.
            let proto = unsafe { &(*(*proto).cold).proto };
            if proto.line_defined != 0 && proto.line_defined <= line && line <= proto.last_line {
                around.push((proto.last_line - proto.line_defined, proto.name.to_vec()));
            }
        }
        around.sort();
        around.dedup();
        let mut scopes = Vec::new();
        for (_, name) in around {
            if let Some(frame) = self.frames_of(chunk_name, &name).first().copied() {
                scopes.extend(self.frame_scope(frame).ok().flatten());
                continue;
            }
            // SAFETY: closures of the heap are live.
            let closure = self.heap.live_closures().into_iter().find(|closure| unsafe {
                let cold = &*(*(**closure).proto).cold;
                *cold.proto.source == *chunk_name && *cold.proto.name == *name
            });
            if let Some(closure) = closure {
                scopes.push(self.closure_scope(Slot::object(closure, tag::CLOSURE)));
            }
        }
        scopes.push(self.module_scope(chunk_name));
        scopes
    }

    fn running_main_locals(&self, chunk_name: &[u8]) -> Vec<Arc<[u8]>> {
        let mut names = Vec::new();
        for thread in self.threads() {
            // SAFETY: the thread does not run at this moment.
            for at in unsafe { frames_on(thread) } {
                if let Some(proto) = proto_of(at.frame.callee).filter(|proto| proto.line_defined == 0 && *proto.source == *chunk_name) {
                    let locals = proto.locals.iter().filter(|local| is_module_level(proto, local) && local.is_active(at.pc));
                    names.extend(locals.map(|local| local.name.clone()));
                }
            }
        }
        names
    }

    /// Gives a module one more variable, with the value on top of the window, which is popped.
    ///
    /// # Errors
    /// The memory limit.
    pub fn add_module_variable(&mut self, chunk_name: &[u8], name: &[u8]) -> Result<(), crate::Error> {
        let value = crate::Ctx::new(self).pop_slot();
        let Ok(variable) = self.heap.upvalue_closed(value) else { return Err(self.memory_error()) };
        // One of them may take the name for a global.
        self.clear_guards();
        let module = self.inspection.modules.entry(chunk_name.into()).or_default();
        module.variables.push((name.into(), variable));
        Ok(())
    }

    /// Takes back what [`Vm::add_module_variable`] added last under this name.
    pub fn remove_module_variable(&mut self, chunk_name: &[u8], name: &[u8]) {
        if let Some(module) = self.inspection.modules.get_mut(chunk_name)
            && let Some(at) = module.variables.iter().rposition(|(known, _)| **known == *name)
        {
            module.variables.remove(at);
        }
    }

    /// Room for more upvalues than a closure has.
    fn plan_storage(&mut self, plan: &mut Plan) -> Result<(), OutOfMemory> {
        for (closure, _, upvalues) in &plan.closures {
            // SAFETY: a live closure.
            let fits = unsafe { is_inline(*closure) && upvalues.len() <= (**closure).header.aux as usize };
            let storage = if fits { None } else { Some(self.heap.alloc_raw(upvalues.len().max(1) * 8)?.cast()) };
            plan.storage.push(storage);
        }
        Ok(())
    }

    /// Frames that run a closure that changes get one of their own.
    fn plan_frames(&mut self, plan: &mut Plan) -> Result<(), OutOfMemory> {
        let changing: HashSet<_> = plan.closures.iter().map(|(closure, ..)| *closure).collect();
        self.heap.settle();
        let mut copies: HashMap<*mut Closure, *mut Closure> = HashMap::new();
        for thread in self.heap.live_threads() {
            // SAFETY: the thread does not run at this moment; callees are live.
            unsafe {
                for at in frames_on(thread) {
                    let closure = at.frame.callee.as_ptr::<Closure>();
                    if at.frame.callee.tag != tag::CLOSURE || !changing.contains(&closure) {
                        continue;
                    }
                    let copy = match copies.get(&closure) {
                        Some(copy) => *copy,
                        None => *copies.entry(closure).or_insert(self.copy_closure(closure)?),
                    };
                    plan.frames.push((thread, at.frame.base, copy));
                }
            }
        }
        Ok(())
    }

    pub(super) unsafe fn copy_closure(&mut self, closure: *mut Closure) -> Result<*mut Closure, OutOfMemory> {
        // SAFETY: a live closure by contract.
        unsafe {
            let n = (*closure).header.aux;
            let copy = self.heap.closure((*closure).proto, n)?;
            for at in 0..n as usize {
                *(*copy).upvalues.add(at) = *(*closure).upvalues.add(at);
            }
            Ok(copy)
        }
    }

    /// Closures that old code of an enclosing function makes from now on get the new code, where its
    /// variables can be found in the old one.
    fn plan_children(
        &mut self,
        revision: &Revision<'_>,
        fresh: &HashMap<&[u8], *mut ProtoObject>,
        definitions: &[Definition<'_>],
        by_name: &HashMap<&[u8], usize>,
        plan: &mut Plan,
    ) -> Result<(), OutOfMemory> {
        self.heap.settle();
        let parents: Vec<_> = self.heap.gc.protos.clone();
        for parent in parents {
            // SAFETY: the list holds live objects; children live as long as their parents.
            unsafe {
                let cold = &*(*parent).cold;
                if cold.builtin || *cold.proto.source != *revision.chunk_name {
                    continue;
                }
                for at in 0..(*parent).n_children as usize {
                    let child = &(*(**(*parent).children.add(at)).cold).proto;
                    if !fresh.contains_key(&*child.name) {
                        continue;
                    }
                    let Some(new) = by_name.get(&*child.name).map(|at| definitions[*at].proto) else { continue };
                    if let Some(rebased) = rebase(&cold.proto, at, child, new) {
                        let object = crate::proto::load(&mut self.heap, rebased, false)?;
                        plan.children.push((parent, at, object));
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&self, fresh: &HashMap<&[u8], *mut ProtoObject>, plan: &mut Plan) {
        let mut counts: HashMap<*mut ProtoObject, (u32, u32)> = fresh.values().map(|proto| (*proto, (0, 0))).collect();
        for (_, proto, _) in &plan.closures {
            counts.entry(*proto).or_default().0 += 1;
        }
        for (_, _, copy) in &plan.frames {
            // SAFETY: a copy has the old code, whose name the new code shares.
            let name = unsafe { &*(*(*(**copy).proto).cold).proto.name };
            if let Some(proto) = fresh.get(name) {
                counts.entry(*proto).or_default().1 += 1;
            }
        }
        let mut outcomes: Vec<_> = fresh
            .iter()
            .map(|(name, proto)| {
                let (closures, running) = counts[proto];
                // SAFETY: just loaded.
                let line = unsafe { (*(**proto).cold).proto.line_defined };
                Outcome { definition: lossy(name), line, closures, running }
            })
            .collect();
        outcomes.sort_by(|a, b| (a.line, &a.definition).cmp(&(b.line, &b.definition)));
        plan.outcomes = outcomes;
    }

    fn commit(&mut self, plan: Plan) {
        // SAFETY: nothing ran since the plan was made.
        unsafe {
            for (thread, base, copy) in plan.frames {
                (*(*thread).stack.add(base as usize - 2)).payload = copy as u64;
                self.heap.touch_thread(thread);
            }
            for ((closure, proto, upvalues), storage) in plan.closures.into_iter().zip(plan.storage) {
                self.give_code(closure, proto, &upvalues, storage);
            }
            for (parent, at, child) in plan.children {
                (&mut (*(*parent).cold).children)[at] = child;
                self.heap.barrier(parent.cast(), Slot::object(child, tag::PROTO));
            }
            for proto in plan.outdated {
                (*(*proto).cold).outdated = true;
            }
        }
    }

    /// Puts other code and variables into a closure. `storage` has room for them when they do not fit.
    pub(super) unsafe fn give_code(&mut self, closure: *mut Closure, proto: *mut ProtoObject, upvalues: &[*mut Upvalue], storage: Option<*mut *mut Upvalue>) {
        // SAFETY: by contract of the callers.
        unsafe {
            if let Some(storage) = storage {
                if !is_inline(closure) {
                    self.heap.free_raw((*closure).upvalues.cast(), ((*closure).header.aux as usize).max(1) * 8);
                }
                (*closure).upvalues = storage;
            }
            (*closure).proto = proto;
            (*closure).header.aux = upvalues.len() as u32;
            if !is_inline(closure) && !std::mem::replace(&mut (*(*proto).cold).keeps_apart, true) {
                self.drop_native(&[proto]);
            }
            self.heap.barrier(closure.cast(), Slot::object(proto, tag::PROTO));
            for (at, upvalue) in upvalues.iter().enumerate() {
                *(*closure).upvalues.add(at) = *upvalue;
                self.heap.barrier(closure.cast(), Slot::object(*upvalue, tag::UPVALUE));
            }
        }
    }

    fn abandon(&mut self, plan: Plan) {
        for ((_, _, upvalues), storage) in plan.closures.iter().zip(&plan.storage) {
            if let Some(storage) = storage {
                // SAFETY: nobody saw it.
                unsafe { self.heap.free_raw(storage.cast(), upvalues.len().max(1) * 8) };
            }
        }
    }

    /// Code that did not change gets the lines of the new text.
    fn move_lines(&mut self, revision: &Revision<'_>) {
        let definitions = flatten(&revision.text.0);
        let by_name: HashMap<&[u8], &Proto> = definitions.iter().map(|d| (&*d.proto.name, d.proto)).collect();
        for proto in self.protos_of(revision.chunk_name).collect::<Vec<_>>() {
            // SAFETY: the list holds live objects; nobody else looks at `Cold` now.
            let old = unsafe { &mut (*(*proto).cold).proto };
            if let Some(new) = by_name.get(&*old.name) {
                reline(old, new);
            }
        }
    }
}

/// Gives a function the lines of its counterpart in another text.
fn reline(old: &mut Proto, new: &Proto) {
    if old.code == new.code && old.constants == new.constants {
        old.lines.clone_from(&new.lines);
    } else if new.line_defined > 0 {
        let shift = i64::from(new.line_defined) - i64::from(old.line_defined);
        for line in &mut old.lines {
            *line = (i64::from(*line) + shift).max(1) as u32;
        }
        old.last_line = (i64::from(old.last_line) + shift).max(1) as u32;
        old.line_defined = new.line_defined;
        return;
    } else {
        return;
    }
    (old.line_defined, old.last_line, old.span) = (new.line_defined, new.last_line, new.span);
}

/// Whether the upvalues of a closure stand right behind it.
pub(super) unsafe fn is_inline(closure: *mut Closure) -> bool {
    // SAFETY: a live closure by contract.
    unsafe { (*closure).upvalues == closure.add(1).cast() }
}

/// Whether a variable lives until its function ends.
fn is_module_level(proto: &Proto, local: &perilune_isa::LocalVar) -> bool {
    !local.name.starts_with(b"(") && local.end_pc as usize + 1 >= proto.code.len()
}

/// Compile-time constants of a main function, told by itself or by a function directly in it.
fn module_constants(proto: &Proto) -> impl Iterator<Item = &NamedConst> {
    let is_main = proto.line_defined == 0;
    let is_inside = !is_main && !proto.name.contains(&b'/');
    proto.named.iter().filter(move |constant| {
        is_main && constant.end_pc as usize + 1 >= proto.code.len() || is_inside && constant.is_outer
    })
}

unsafe fn is_to_be_closed(thread: *mut Thread, base: u32, register: u8) -> bool {
    // SAFETY: `tbc` has `tbc_len` entries.
    unsafe { (0..(*thread).tbc_len as usize).any(|at| *(*thread).tbc.add(at) == base + u32::from(register)) }
}

/// All functions of a text, outer ones first.
fn flatten(main: &Proto) -> Vec<Definition<'_>> {
    let mut list = vec![Definition { proto: main, parent: None }];
    let mut at = 0;
    while at < list.len() {
        let children: Vec<_> = list[at].proto.children.iter().collect();
        list.extend(children.into_iter().map(|proto| Definition { proto, parent: Some(at) }));
        at += 1;
    }
    list
}

/// The function whose local an upvalue is; `None` when it is the main function's `_ENV`.
fn owner(definitions: &[Definition<'_>], at: usize, index: usize) -> Option<usize> {
    let (mut at, mut index) = (at, index);
    loop {
        let upvalue = definitions[at].proto.upvalues.get(index)?;
        let parent = definitions[at].parent?;
        if upvalue.in_stack {
            return Some(parent);
        }
        index = usize::from(upvalue.index);
        at = parent;
    }
}

/// Without those that lie inside others.
fn top_level(names: &[Vec<u8>]) -> impl Iterator<Item = &Vec<u8>> {
    names.iter().enumerate().filter_map(move |(at, name)| {
        let inside = |other: &Vec<u8>| name.starts_with(other) && name.get(other.len()) == Some(&b'/');
        let again = names[..at].contains(name);
        (!again && !names.iter().any(inside)).then_some(name)
    })
}

unsafe fn collect_tree<'a>(object: *mut ProtoObject, proto: &'a Proto, fresh: &mut HashMap<&'a [u8], *mut ProtoObject>) {
    fresh.insert(&proto.name, object);
    for (at, child) in proto.children.iter().enumerate() {
        // SAFETY: the object was made from the proto, so it has the same children.
        unsafe { collect_tree(*(*object).children.add(at), child, fresh) };
    }
}

/// New code of child `at` of an old function, its variables looked up in the old function.
fn rebase(parent: &Proto, at: usize, old: &Proto, new: &Proto) -> Option<Proto> {
    let made_at = instructions(&parent.code).find_map(|(pc, instruction)| {
        let word = parent.code[pc];
        (instruction.op() == Op::Closure && usize::from(perilune_isa::word::bx(word)) == at).then_some(pc)
    })?;
    let mut rebased = new.clone();
    for upvalue in &mut rebased.upvalues {
        if let Some(same) = old.upvalues.iter().find(|known| known.name == upvalue.name) {
            (upvalue.in_stack, upvalue.index) = (same.in_stack, same.index);
        } else if let Some(place) = parent.upvalues.iter().position(|known| known.name == upvalue.name) {
            (upvalue.in_stack, upvalue.index) = (false, place as u8);
        } else {
            let local = parent.locals.iter().rev().find(|local| local.is_active(made_at) && local.name == upvalue.name)?;
            let captured = parent.children.iter().any(|child| child.upvalues.iter().any(|known| known.in_stack && known.index == local.register));
            if !captured && parent.line_defined != 0 {
                return None;
            }
            (upvalue.in_stack, upvalue.index) = (true, local.register);
        }
    }
    Some(rebased)
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
