//! Coroutines, frames, scopes and the children of values.

use perilune_vm::inspect::{CoroutineInfo, CoroutineState, FrameInfo, FrameKey, Place, Position, Variable as Local};
use perilune_vm::{Ctx, Kind, Vm};

use super::Service;
use super::evaluate::{Found, failed, pin_value};
use super::handle::Handle;
use super::value;
use crate::endpoint::ClientId;
use crate::protocol::{
    ChildFilter, Children, ChildrenResult, Code, Coroutine, CoroutineStatus, CoroutinesResult, Failure, Frame, FrameKind, Location, Scope, ScopeKind,
    ScopesResult, SetVariable, Stack, StackResult, State, Value, Variable,
};

/// Most coroutines that are listed.
const MAX_COROUTINES: usize = 10_000;
/// Frames that `stack` answers with at most.
const MAX_FRAMES: u32 = 1000;
/// Children that `children` answers with, unless told otherwise, and at most.
const CHILDREN: (u32, u32) = (1000, 10_000);
/// Name of the child that is a value's metatable.
const METATABLE: &str = "(metatable)";

impl Service {
    fn location(&mut self, position: Position) -> Location {
        Location { source: self.sources.reference(&position.source), line: position.line }
    }

    pub(super) fn coroutines(&mut self, vm: &Vm) -> CoroutinesResult {
        let coroutines = vm.coroutines(MAX_COROUTINES).into_iter().map(|info| self.coroutine(info)).collect();
        CoroutinesResult { coroutines }
    }

    fn coroutine(&mut self, info: CoroutineInfo) -> Coroutine {
        let created = info.created.map(|position| self.location(position));
        let name = match &created {
            Some(place) => {
                let file = place.source.name.rsplit('/').next().unwrap_or_default();
                format!("{} ({file}:{})", info.function, place.line)
            }
            None => info.function,
        };
        let status = match info.state {
            CoroutineState::Running => CoroutineStatus::Running,
            CoroutineState::Suspended => CoroutineStatus::Suspended,
            CoroutineState::Normal => CoroutineStatus::Normal,
            CoroutineState::Dead => CoroutineStatus::Dead,
        };
        let location = info.position.map(|position| self.location(position));
        Coroutine { id: info.id, name, status, resumer: info.resumer, created, location }
    }

    pub(super) fn stack(&mut self, vm: &mut Vm, params: Stack) -> Result<StackResult, Failure> {
        let count = params.count.unwrap_or(MAX_FRAMES).min(MAX_FRAMES);
        let Some((frames, total)) = vm.frames(params.coroutine, params.start as usize, count as usize) else {
            return Err(Failure::new(Code::StaleId, format!("there is no coroutine {}", params.coroutine)));
        };
        let frames = frames.into_iter().map(|info| self.frame(info)).collect();
        if self.state != State::Stopped {
            self.handles.forget_frames();
        }
        Ok(StackResult { frames, total: total as u32 })
    }

    fn frame(&mut self, info: FrameInfo) -> Frame {
        Frame {
            id: self.handles.add_frame(info.key),
            name: info.function,
            kind: if info.is_native { FrameKind::Native } else { FrameKind::Lua },
            location: info.position.map(|position| self.location(position)),
            tail_call: info.is_tail_call,
            outdated: info.is_outdated,
            lines: info.lines,
        }
    }

    pub(super) fn scopes(&mut self, vm: &mut Vm, client: ClientId, frame: u64) -> Result<ScopesResult, Failure> {
        let frame = self.frame_key(frame)?;
        let mut scopes = Vec::new();
        let kinds = [ScopeKind::Locals, ScopeKind::Upvalues, ScopeKind::Varargs, ScopeKind::Globals];
        for kind in kinds {
            let count = match variables(vm, frame, kind) {
                Some(list) if list.is_empty() && kind != ScopeKind::Locals => continue,
                Some(list) => list.len() as u32,
                None if kind == ScopeKind::Globals => global_count(vm),
                None => continue,
            };
            let reference = self.handles.add(vm, client, true, Handle::Scope { frame, kind });
            scopes.push(Scope { kind, reference, count });
        }
        Ok(ScopesResult { scopes })
    }

    pub(super) fn children(&mut self, vm: &mut Vm, client: ClientId, params: Children) -> Result<ChildrenResult, Failure> {
        let page = Page { start: params.start, count: params.count.unwrap_or(CHILDREN.0).min(CHILDREN.1), filter: params.filter };
        let (found, total) = match self.handles.get(params.reference) {
            None => return Err(stale(params.reference)),
            Some(Handle::Scope { frame, kind }) => match variables(vm, *frame, *kind) {
                Some(list) => scope_children(vm, &list, &page, *kind)?,
                None => global_children(vm, &page)?,
            },
            Some(Handle::Value { pin, name }) => {
                let name = name.clone();
                vm.aside(|ctx| {
                    ctx.push_pin(pin);
                    value_children(ctx, &page, name.as_deref())
                })
                .map_err(|_| failed("not enough memory"))?
            }
        };
        let children = found
            .into_iter()
            .map(|child| Variable { name: child.name, evaluate_name: child.evaluate_name.clone(), value: self.keep(vm, client, child.found, child.evaluate_name) })
            .collect();
        Ok(ChildrenResult { children, total })
    }

    pub(super) fn set_variable(&mut self, vm: &mut Vm, client: ClientId, params: SetVariable) -> Result<Value, Failure> {
        let frame = match params.frame {
            Some(id) => Some(self.frame_key(id)?),
            None => match self.handles.get(params.reference) {
                Some(Handle::Scope { frame, .. }) => Some(*frame),
                _ => None,
            },
        };
        let scope = self.frame_scope(vm, frame, &params.value)?;
        let pin = self.run(vm, &scope, frame, &params.value, false, |ctx, count| {
            if count == 0 {
                ctx.push_nil();
            }
            let at = ctx.top() as i32 + 1 - count.max(1) as i32;
            ctx.pin(at)
        });
        vm.end_scope(scope);
        let pin = pin?;
        let result = self.assign(vm, &params, &pin);
        let found = result.and_then(|()| {
            vm.aside(|ctx| {
                ctx.push_pin(&pin);
                pin_value(ctx, 1)
            })
            .map_err(|_| failed("not enough memory"))
        });
        vm.unpin(pin);
        let found = found?;
        Ok(self.keep(vm, client, found, None))
    }

    fn assign(&mut self, vm: &mut Vm, params: &SetVariable, new: &perilune_vm::inspect::Pin) -> Result<(), Failure> {
        let name = &params.name;
        let unknown = || failed(format!("there is no variable '{name}'"));
        match self.handles.get(params.reference) {
            None => Err(stale(params.reference)),
            Some(Handle::Scope { frame, kind }) => match variables(vm, *frame, *kind) {
                Some(list) => {
                    let place = unique_names(&list).into_iter().rev().find(|(known, _)| known == name).map(|(_, place)| place).ok_or_else(unknown)?;
                    if !place.is_variable() {
                        return Err(failed(format!("'{name}' is a compile-time constant")));
                    }
                    let done = vm.aside(|ctx| {
                        ctx.push_pin(new);
                        ctx.set_place(place)
                    });
                    if done.unwrap_or(false) { Ok(()) } else { Err(unknown()) }
                }
                None => set_in_table(vm, |ctx| ctx.push_globals(), name, new),
            },
            Some(Handle::Value { pin, .. }) => set_in_table(vm, |ctx| ctx.push_pin(pin), name, new),
        }
    }
}

fn stale(reference: u64) -> Failure {
    Failure::new(Code::StaleId, format!("there is no reference {reference}"))
}

/// Variables of a scope of a frame; `None` for the globals and for varargs that are not there.
fn variables(vm: &Vm, frame: FrameKey, kind: ScopeKind) -> Option<Vec<Local>> {
    match kind {
        ScopeKind::Locals => Some(vm.locals(frame)),
        ScopeKind::Upvalues => Some(vm.upvalues(frame)),
        ScopeKind::Varargs => vm.extra_arguments(frame).or_else(|| Some(Vec::new())),
        ScopeKind::Globals => None,
    }
}

/// Variables that others of the same name hide get a mark, so that names are unique.
fn unique_names(list: &[Local]) -> Vec<(String, Place)> {
    let hidden = |at: usize| list[at + 1..].iter().filter(|later| later.name == list[at].name).count();
    list.iter()
        .enumerate()
        .map(|(at, local)| match hidden(at) {
            0 => (local.name.clone(), local.place),
            n => (format!("{}@{n}", local.name), local.place),
        })
        .collect()
}

/// A part of the children.
struct Page {
    start: u32,
    count: u32,
    filter: ChildFilter,
}

impl Page {
    fn has(&self, at: u32) -> bool {
        at >= self.start && at - self.start < self.count
    }
}

struct Child {
    name: String,
    evaluate_name: Option<String>,
    found: Found,
}

fn scope_children(vm: &mut Vm, list: &[Local], page: &Page, kind: ScopeKind) -> Result<(Vec<Child>, u32), Failure> {
    let names = unique_names(list);
    let total = names.len() as u32;
    let children = vm.aside(|ctx| {
        let mut children = Vec::new();
        for (at, (name, place)) in names.into_iter().enumerate() {
            if page.has(at as u32) && ctx.push_place(place) {
                let top = ctx.top() as i32;
                let found = pin_value(ctx, top);
                ctx.pop(1);
                let evaluate_name = match kind {
                    ScopeKind::Varargs => Some(format!("(select({name}, ...))")),
                    _ => value::is_name(name.as_bytes()).then(|| name.clone()),
                };
                children.push(Child { name, evaluate_name, found });
            }
        }
        children
    });
    Ok((children.map_err(|_| failed("not enough memory"))?, total))
}

fn global_count(vm: &mut Vm) -> u32 {
    vm.aside(|ctx| {
        ctx.push_globals();
        let (indexed, named) = value::counts(ctx, 1);
        indexed + named
    })
    .unwrap_or(0)
}

fn global_children(vm: &mut Vm, page: &Page) -> Result<(Vec<Child>, u32), Failure> {
    vm.aside(|ctx| {
        ctx.push_globals();
        value_children(ctx, page, Some(""))
    })
    .map_err(|_| failed("not enough memory"))
}

/// Children of the table or userdata at the bottom of the window. `name` is an expression for it, empty for the globals.
fn value_children(ctx: &mut Ctx<'_>, page: &Page, name: Option<&str>) -> (Vec<Child>, u32) {
    let (mut children, mut at) = (Vec::new(), 0);
    let mut add = |ctx: &mut Ctx<'_>, key: String, evaluate_name: Option<String>| {
        if page.has(at) {
            let top = ctx.top() as i32;
            children.push(Child { name: key, evaluate_name, found: pin_value(ctx, top) });
        }
        at += 1;
    };
    if ctx.kind(1) == Kind::Table {
        let (indexed, _) = value::counts(ctx, 1);
        if page.filter != ChildFilter::Named {
            for i in 1..=i64::from(indexed) {
                ctx.raw_get_int(1, i);
                add(ctx, format!("[{i}]"), name.map(|name| format!("{name}[{i}]")));
                ctx.pop(1);
            }
        }
        if page.filter != ChildFilter::Indexed {
            ctx.push_nil();
            while let Ok(true) = ctx.next(1) {
                let is_element = matches!(ctx.value(-2), perilune_vm::Value::Int(i) if i >= 1 && i <= i64::from(indexed));
                if !is_element {
                    let key = value::key_text(ctx, -2);
                    let expression = name.and_then(|name| extend(name, &key));
                    add(ctx, key, expression);
                }
                ctx.pop(1);
            }
        }
    }
    if page.filter != ChildFilter::Indexed && ctx.get_metatable(1) {
        add(ctx, METATABLE.into(), name.filter(|name| !name.is_empty()).map(|name| format!("getmetatable({name})")));
        ctx.pop(1);
    }
    (children, at)
}

/// An expression for a field.
fn extend(name: &str, key: &str) -> Option<String> {
    if key.starts_with("[table") || key.starts_with("[function") || key.starts_with("[thread") || key.starts_with("[userdata") {
        return None;
    }
    match (name.is_empty(), key.starts_with('[')) {
        (true, true) => Some(format!("_G{key}")),
        (true, false) => Some(key.to_owned()),
        (false, true) => Some(format!("{name}{key}")),
        (false, false) => Some(format!("{name}.{key}")),
    }
}

/// Assigns to the child of a table that is called `name`.
fn set_in_table(vm: &mut Vm, push: impl FnOnce(&mut Ctx<'_>), name: &str, new: &perilune_vm::inspect::Pin) -> Result<(), Failure> {
    let done = vm.aside(|ctx| {
        push(ctx);
        if ctx.kind(1) != Kind::Table {
            return Err(failed("only fields of tables can be set"));
        }
        if name == METATABLE {
            ctx.push_pin(new);
            if !matches!(ctx.kind(-1), Kind::Table | Kind::Nil) {
                return Err(failed("a metatable is a table or nil"));
            }
            ctx.set_metatable(1);
            return Ok(());
        }
        ctx.push_nil();
        while let Ok(true) = ctx.next(1) {
            ctx.pop(1);
            if value::key_text(ctx, -1) == name || format!("[{}]", index_of(ctx).unwrap_or_default()) == name {
                ctx.push_pin(new);
                return ctx.raw_set(1).map_err(|_| failed("not enough memory"));
            }
        }
        Err(failed(format!("there is no field '{name}'")))
    });
    done.map_err(|_| failed("not enough memory"))?
}

fn index_of(ctx: &Ctx<'_>) -> Option<i64> {
    match ctx.value(-1) {
        perilune_vm::Value::Int(i) => Some(i),
        _ => None,
    }
}
