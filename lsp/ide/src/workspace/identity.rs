//! What names stand for across files.
//!
//! An [`Identity`] is equal for two names when they stand for the same thing:
//! `queue.push` where `queue` is `require "queue"`, `M.push` in the file of
//! that module, and `self.push` in a method of `M` are one. Values are followed
//! through plain assignments, `require`, results of functions and metatables;
//! what cannot be followed is a thing of its own.

use super::{FileId, Workspace};
use crate::entity::{Entity, EntityId, EntityKind, Origin};
use crate::standard::{self, is_standard_global};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A variable, a label or a value of one file.
    Own(FileId, EntityId),
    /// A global.
    Global(String),
    /// A field of something.
    Field(Arc<Identity>, String),
}

impl Identity {
    /// The name of a field or a global.
    pub fn name(&self) -> Option<&str> {
        match self {
            Identity::Own(..) => None,
            Identity::Global(name) | Identity::Field(_, name) => Some(name),
        }
    }

    /// Whether Lua's library has it.
    pub fn is_standard(&self) -> bool {
        self.global_path().is_some_and(|path| standard::item(&path).is_some())
    }

    /// `string.format` for a global or a field of one.
    pub fn global_path(&self) -> Option<String> {
        match self {
            Identity::Own(..) => None,
            Identity::Global(name) => Some(name.clone()),
            Identity::Field(holder, name) => Some(format!("{}.{name}", holder.global_path()?)),
        }
    }
}

/// Where the methods of a standard type are.
fn library_of(kind: &str) -> Option<Identity> {
    match kind.split([' ', ',']).next()? {
        "string" => Some(Identity::Global("string".into())),
        "file" => Some(Identity::Global(standard::FILE.into())),
        _ => None,
    }
}

/// Steps that are followed for one name.
const MAX_STEPS: u32 = 500;
/// Steps inside of steps.
const MAX_NESTING: u32 = 40;
/// Assignments that are followed in a row.
const MAX_CHAIN: u32 = 16;

/// The identities of a workspace that does not change meanwhile.
pub(crate) struct Identities<'w> {
    workspace: &'w Workspace,
    known: RefCell<HashMap<(FileId, EntityId), Identity>>,
    /// Modules that are found by the endings of their paths: every path must be looked at.
    distant: RefCell<HashMap<String, Option<FileId>>>,
    steps: Cell<u32>,
    nesting: Cell<u32>,
}

impl<'w> Identities<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Identities<'w> {
        let (known, distant) = (RefCell::default(), RefCell::default());
        Identities { workspace, known, distant, steps: Cell::new(0), nesting: Cell::new(0) }
    }

    /// What an entity is.
    pub(crate) fn of(&self, file: FileId, id: EntityId) -> Identity {
        if let Some(known) = self.known.borrow().get(&(file, id)) {
            return known.clone();
        }
        let identity = self.nested(|| self.work_out(file, id)).unwrap_or(Identity::Own(file, id));
        // What was cut short inside another question may be found when asked by itself.
        if self.nesting.get() == 0 {
            self.known.borrow_mut().insert((file, id), identity.clone());
        }
        identity
    }

    /// What the value of an entity is: where its fields are.
    pub(crate) fn value_of(&self, file: FileId, id: EntityId) -> Identity {
        self.value(self.of(file, id))
    }

    /// Runs a step, unless there were too many.
    fn nested<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        if self.nesting.get() == 0 {
            self.steps.set(0);
        }
        if self.nesting.get() >= MAX_NESTING || self.steps.get() >= MAX_STEPS {
            return None;
        }
        self.steps.set(self.steps.get() + 1);
        self.nesting.set(self.nesting.get() + 1);
        let result = step();
        self.nesting.set(self.nesting.get() - 1);
        Some(result)
    }

    fn entity(&self, file: FileId, id: EntityId) -> Option<&'w Entity> {
        Some(self.workspace.files.get(&file)?.analysis().entity(id))
    }

    fn work_out(&self, file: FileId, id: EntityId) -> Identity {
        let Some(entity) = self.entity(file, id) else { return Identity::Own(file, id) };
        match (entity.kind, entity.parent) {
            (EntityKind::Global, _) => Identity::Global(entity.name.to_string()),
            (EntityKind::Member, Some(parent)) => self.field(self.value_of(file, parent), &entity.name),
            _ => Identity::Own(file, id),
        }
    }

    /// Follows assignments to where the value was made.
    pub(crate) fn value(&self, identity: Identity) -> Identity {
        let mut current = identity;
        for _ in 0..MAX_CHAIN {
            match self.nested(|| self.step(&current)).flatten() {
                Some(next) if next != current => current = next,
                _ => break,
            }
        }
        current
    }

    fn step(&self, identity: &Identity) -> Option<Identity> {
        let origin = self.direct(identity).into_iter().find_map(|(file, id)| {
            Some((file, self.entity(file, id)?.origin.as_ref()?))
        });
        let Some((file, origin)) = origin else {
            let item = identity.global_path().and_then(|path| standard::item(&path))?;
            return item.params.is_none().then(|| library_of(item.results)).flatten();
        };
        match origin {
            Origin::Same(id) => Some(self.of(file, *id)),
            Origin::Module(name) => self.module(file, name),
            Origin::Call(function) => self.result(&self.value_of(file, *function)),
            Origin::Instance(metatable) => Some(self.index(self.value_of(file, *metatable))),
        }
    }

    fn result(&self, function: &Identity) -> Option<Identity> {
        let mut results = self.direct(function).into_iter();
        let known = results.find_map(|(file, id)| Some(Identity::Own(file, self.entity(file, id)?.result?)));
        known.or_else(|| {
            let item = function.global_path().and_then(|path| standard::item(&path))?;
            library_of(item.results)
        })
    }

    fn module(&self, from: FileId, name: &str) -> Option<Identity> {
        let found = self.workspace.module_by_path(from, name).or_else(|| {
            let mut distant = self.distant.borrow_mut();
            *distant.entry(name.to_string()).or_insert_with(|| self.workspace.module_by_ending(name))
        });
        if let Some(file) = found {
            let exports = self.workspace.file(file)?.analysis().exports?;
            return Some(Identity::Own(file, exports));
        }
        is_standard_global(name).then(|| Identity::Global(name.to_string()))
    }

    /// Where the fields of instances of a metatable are.
    fn index(&self, metatable: Identity) -> Identity {
        let field = Identity::Field(Arc::new(metatable.clone()), "__index".into());
        let is_table = |(file, id): (FileId, EntityId)| {
            self.entity(file, id).is_some_and(|entity| entity.definition.is_some() && !entity.is_function())
        };
        let has_table = self.direct(&field).into_iter().any(is_table);
        if has_table { self.value(field) } else { metatable }
    }

    /// The metatable's `__index` of a table that inherits.
    pub(crate) fn parent(&self, identity: &Identity) -> Option<Identity> {
        let (file, metatable) = self.direct(identity).into_iter().find_map(|(file, id)| {
            Some((file, self.entity(file, id)?.metatable?))
        })?;
        self.nested(|| self.index(self.value_of(file, metatable))).filter(|parent| parent != identity)
    }

    /// The field of a value: its own, or else the one that it inherits.
    pub(crate) fn field(&self, holder: Identity, name: &str) -> Identity {
        let own = Identity::Field(Arc::new(holder.clone()), name.to_string());
        let mut current = holder;
        for _ in 0..MAX_CHAIN {
            let field = Identity::Field(Arc::new(current.clone()), name.to_string());
            if self.has_definition(&field) {
                return field;
            }
            match self.parent(&current) {
                Some(parent) => current = parent,
                None => break,
            }
        }
        own
    }

    fn has_definition(&self, identity: &Identity) -> bool {
        let is_defined = |(file, id): (FileId, EntityId)| {
            self.entity(file, id).is_some_and(|entity| entity.definition.is_some())
        };
        self.direct(identity).into_iter().any(is_defined)
            || identity.is_standard()
    }

    /// The entities that are a thing by their very names, definitions first.
    pub(crate) fn direct(&self, identity: &Identity) -> Vec<(FileId, EntityId)> {
        let mut found: Vec<(FileId, EntityId)> = match identity {
            Identity::Own(file, id) => return vec![(*file, *id)],
            Identity::Global(name) => {
                let files = self.workspace.files.iter();
                files.filter_map(|(file, source)| Some((*file, source.analysis().global(name)?))).collect()
            }
            Identity::Field(holder, name) => {
                let holders = self.direct(holder).into_iter();
                holders.filter_map(|(file, holder)| {
                    Some((file, self.workspace.files.get(&file)?.analysis().member(holder, name)?))
                }).collect()
            }
        };
        found.sort_by_key(|(file, id)| self.entity(*file, *id).is_none_or(|entity| entity.definition.is_none()));
        found
    }

    /// The entities of a file that are this thing.
    pub(crate) fn entities(&self, file: FileId, identity: &Identity) -> Vec<EntityId> {
        let Some(source) = self.workspace.files.get(&file) else { return Vec::new() };
        match identity {
            Identity::Own(own, id) if *own == file => vec![*id],
            Identity::Own(..) => Vec::new(),
            Identity::Global(name) => source.analysis().global(name).into_iter().collect(),
            Identity::Field(_, name) => {
                let fields = source.analysis().entities.iter().enumerate();
                let fields = fields.filter(|(_, entity)| entity.kind == EntityKind::Member && *entity.name == **name);
                let ids = fields.map(|(index, _)| EntityId(index as u32));
                ids.filter(|id| self.of(file, *id) == *identity).collect()
            }
        }
    }

    /// The entities that define a thing: by its very name, or else by any that stands for it.
    pub(crate) fn definers(&self, identity: &Identity) -> Vec<(FileId, EntityId)> {
        let is_defined = |(file, id): &(FileId, EntityId)| {
            self.entity(*file, *id).is_some_and(|entity| entity.definition.is_some())
        };
        let direct: Vec<_> = self.direct(identity).into_iter().filter(is_defined).collect();
        if !direct.is_empty() || !matches!(identity, Identity::Field(..)) {
            return direct;
        }
        let in_file = |file: FileId| self.entities(file, identity).into_iter().map(move |id| (file, id)).filter(is_defined);
        let near: Vec<_> = self.home(identity, None).into_iter().flat_map(in_file).collect();
        if !near.is_empty() {
            return near;
        }
        self.workspace.files.keys().flat_map(|file| in_file(*file)).collect()
    }

    /// The fields of a value that are assigned where it was made or in this file; inherited ones last.
    pub(crate) fn fields(&self, holder: &Identity, here: FileId) -> Vec<(FileId, EntityId)> {
        let mut result = Vec::new();
        let mut current = Some(holder.clone());
        for _ in 0..MAX_CHAIN {
            let Some(identity) = current else { break };
            for file in self.home(&identity, Some(here)) {
                self.fields_in(file, &identity, &mut result);
            }
            current = self.parent(&identity);
        }
        result
    }

    /// The files where a value's fields are probably assigned.
    fn home(&self, identity: &Identity, here: Option<FileId>) -> BTreeSet<FileId> {
        let mut root = identity;
        while let Identity::Field(holder, _) = root {
            root = holder;
        }
        let home: Vec<FileId> = match root {
            Identity::Own(file, _) => vec![*file],
            global => self.direct(global).into_iter().map(|(file, _)| file).collect(),
        };
        home.into_iter().chain(here).collect()
    }

    fn fields_in(&self, file: FileId, holder: &Identity, result: &mut Vec<(FileId, EntityId)>) {
        let Some(source) = self.workspace.files.get(&file) else { return };
        let analysis = source.analysis();
        let parent = |id: &EntityId| analysis.entity(*id).parent;
        for members in analysis.members.chunk_by(|one, other| parent(one) == parent(other)) {
            let mut assigned = members.iter().filter(|id| analysis.entity(**id).definition.is_some()).peekable();
            let owner = members.first().and_then(parent).filter(|_| assigned.peek().is_some());
            if owner.is_some_and(|owner| self.value_of(file, owner) == *holder) {
                result.extend(assigned.map(|id| (file, *id)));
            }
        }
    }
}
