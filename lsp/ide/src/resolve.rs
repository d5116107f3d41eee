//! Names to entities: one walk over the tree, scopes as Lua has them.
//!
//! This file keeps entities and scopes; `resolve/statement.rs` and
//! `resolve/expression.rs` walk, `resolve/jump.rs` looks at labels, and
//! `resolve/outline.rs` collects the outline on the way.
//!
//! Statements nest no deeper than the parser allows, so blocks recurse.
//! Operands may chain without limit, so expressions go through a work list.

mod statement;
mod expression;
mod jump;
mod outline;

use crate::Span;
use crate::analysis::Analysis;
use crate::diagnostic::{Diagnostic, DiagnosticKind};
use crate::entity::{Entity, EntityId, EntityKind, Occurrence, Origin, Role};
use jump::Jumps;
use perilune_syntax::ast::{Ast, Name, StrId};
use std::collections::HashMap;
use std::sync::Arc;

/// Fields further than this from their variable are not told apart.
const MAX_DEPTH: u8 = 16;

/// The state of the walk.
pub(crate) struct Resolver<'a> {
    ast: &'a Ast,
    result: Analysis,
    /// Visible locals of each name, innermost last.
    visible: HashMap<&'a [u8], Vec<EntityId>>,
    /// Names declared by each open scope.
    scopes: Vec<Vec<&'a [u8]>>,
    members: HashMap<(EntityId, &'a [u8]), EntityId>,
    globals: HashMap<&'a [u8], EntityId>,
    names: HashMap<&'a [u8], Arc<str>>,
    jumps: Jumps<'a>,
    /// The open functions, the main function included.
    functions: Vec<OpenFunction>,
    /// The statement being walked.
    statement: Span,
    /// A byte whose surroundings are asked for.
    probe: Option<u32>,
}

/// A function that is being walked.
#[derive(Default)]
struct OpenFunction {
    /// What its first result is.
    result: Option<EntityId>,
    /// Locals that are alive, as the limit counts them.
    locals: u32,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(ast: &'a Ast, probe: Option<u32>) -> Resolver<'a> {
        Resolver {
            ast,
            result: Analysis::default(),
            visible: HashMap::new(),
            scopes: Vec::new(),
            members: HashMap::new(),
            globals: HashMap::new(),
            names: HashMap::new(),
            jumps: Jumps::default(),
            functions: Vec::new(),
            statement: Span::default(),
            probe,
        }
    }

    /// Walks the main function.
    pub(crate) fn resolve(mut self) -> Analysis {
        if let Some(main) = self.ast.functions.last() {
            self.functions.push(OpenFunction::default());
            self.jumps.enter_function();
            self.block(main.body);
            self.jumps.leave_function();
            self.result.exports = self.functions.pop().and_then(|function| function.result);
        }
        self.report_unused();
        self.finish()
    }

    fn finish(self) -> Analysis {
        let mut result = self.result;
        result.occurrences.sort_by_key(|occurrence| occurrence.span.start);
        let entities = &result.entities;
        let entity = |id: &EntityId| &entities[id.0 as usize];
        result.globals = self.globals.into_values().collect();
        result.globals.sort_by_key(|id| Arc::clone(&entity(id).name));
        result.members = self.members.into_values().collect();
        result.members.sort_by_key(|id| (entity(id).parent, Arc::clone(&entity(id).name)));
        result.entities.shrink_to_fit();
        result.occurrences.shrink_to_fit();
        result
    }

    fn report(&mut self, kind: DiagnosticKind, span: Span, message: String) {
        self.result.diagnostics.push(Diagnostic::new(kind, span, message));
    }

    fn report_unused(&mut self) {
        let unused: Vec<Diagnostic> = self.result.entities.iter().filter_map(|entity| {
            let is_checked = matches!(entity.kind, EntityKind::Local | EntityKind::Constant | EntityKind::LocalFunction);
            let span = entity.definition.filter(|_| is_checked && entity.reads == 0 && !entity.name.starts_with('_'))?;
            let message = format!("unused {} '{}'", entity.kind.words(), entity.name);
            Some(Diagnostic::new(DiagnosticKind::UnusedLocal, span, message))
        }).collect();
        self.result.diagnostics.extend(unused);
    }

    fn text(&self, id: StrId) -> &'a [u8] {
        self.ast.string(id)
    }

    fn string(&self, id: StrId) -> String {
        String::from_utf8_lossy(self.text(id)).into_owned()
    }

    // Entities.

    fn entity(&mut self, id: EntityId) -> &mut Entity {
        &mut self.result.entities[id.0 as usize]
    }

    fn new_entity(&mut self, kind: EntityKind, name: &'a [u8], parent: Option<EntityId>) -> EntityId {
        let id = EntityId(self.result.entities.len() as u32);
        let depth = parent.map_or(0, |parent| self.entity(parent).depth + 1);
        let name = self.shared_name(name);
        self.result.entities.push(Entity {
            kind,
            name,
            parent,
            definition: None,
            statement: None,
            signature: None,
            origin: None,
            metatable: None,
            result: None,
            reads: 0,
            depth,
            alias: None,
        });
        id
    }

    fn shared_name(&mut self, name: &'a [u8]) -> Arc<str> {
        let shared = self.names.entry(name).or_insert_with(|| String::from_utf8_lossy(name).into());
        Arc::clone(shared)
    }

    /// A value that no name in the text stands for.
    fn new_value(&mut self) -> EntityId {
        self.new_entity(EntityKind::Value, b"", None)
    }

    fn declared(&mut self, kind: EntityKind, name: &Name) -> EntityId {
        let id = self.new_entity(kind, self.text(name.text), None);
        let statement = self.statement;
        let entity = self.entity(id);
        (entity.definition, entity.statement) = (Some(name.span), Some(statement));
        self.mention(id, name.span, Role::Declare);
        id
    }

    /// Notes a name in the text; an implicit or missing name has no bytes and is not one.
    fn mention(&mut self, entity: EntityId, span: Span, role: Role) {
        let statement = self.statement;
        let target = self.entity(entity);
        target.reads += u32::from(role == Role::Read);
        if role == Role::Write && target.definition.is_none() && !target.kind.is_lexical() {
            (target.definition, target.statement) = (Some(span), Some(statement));
        }
        if span.start < span.end {
            self.result.occurrences.push(Occurrence { span, entity, role });
        }
        if self.probe.is_some_and(|probe| span.start <= probe && probe < span.end) {
            self.result.visible = self.visible.values().filter_map(|stack| stack.last().copied()).collect();
        }
    }

    /// Notes where a value comes from; the first answer counts.
    fn set_origin(&mut self, owner: Option<EntityId>, origin: Origin) {
        let Some(owner) = owner else { return };
        let is_itself = matches!(origin, Origin::Same(id) if id == owner);
        let entity = self.entity(owner);
        if entity.origin.is_none() && !is_itself {
            entity.origin = Some(origin);
        }
    }

    fn global(&mut self, name: &'a [u8]) -> EntityId {
        if let Some(id) = self.globals.get(name) {
            return *id;
        }
        let id = self.new_entity(EntityKind::Global, name, None);
        self.globals.insert(name, id);
        id
    }

    /// The field of `parent` with this name.
    fn member(&mut self, parent: EntityId, name: &'a [u8]) -> Option<EntityId> {
        let parent = self.entity(parent).alias.unwrap_or(parent);
        let holder = self.entity(parent);
        if holder.kind == EntityKind::Global && matches!(&*holder.name, "_G" | "_ENV") {
            return Some(self.global(name));
        }
        if holder.depth >= MAX_DEPTH {
            return None;
        }
        if let Some(id) = self.members.get(&(parent, name)) {
            return Some(*id);
        }
        let id = self.new_entity(EntityKind::Member, name, Some(parent));
        self.members.insert((parent, name), id);
        Some(id)
    }

    // Scopes.

    fn enter(&mut self) {
        self.scopes.push(Vec::new());
    }

    fn leave(&mut self) {
        let names = self.scopes.pop().unwrap_or_default();
        if let Some(function) = self.functions.last_mut() {
            function.locals = function.locals.saturating_sub(names.len() as u32);
        }
        for name in names {
            if let Some(stack) = self.visible.get_mut(name) {
                stack.pop();
            }
        }
    }

    fn make_visible(&mut self, id: EntityId, name: &Name) {
        let text = self.text(name.text);
        let hidden = self.visible.get(text).and_then(|stack| stack.last()).copied();
        if let Some(hidden) = hidden.filter(|_| name.span.start < name.span.end && !text.starts_with(b"_")) {
            let related = self.entity(hidden).definition;
            let message = format!("'{}' hides a local of the same name", String::from_utf8_lossy(text));
            let mut diagnostic = Diagnostic::new(DiagnosticKind::Shadowing, name.span, message);
            diagnostic.related = related;
            self.result.diagnostics.push(diagnostic);
        }
        self.visible.entry(text).or_default().push(id);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(text);
        }
        self.count_local(name.span);
    }

    fn declare(&mut self, kind: EntityKind, name: &Name) -> EntityId {
        let id = self.declared(kind, name);
        self.make_visible(id, name);
        id
    }

    /// Lua refuses a function with more locals at a time than it has registers for.
    fn count_local(&mut self, span: Span) {
        const LIMIT: u32 = 200;
        let Some(function) = self.functions.last_mut() else { return };
        function.locals += 1;
        if function.locals == LIMIT + 1 {
            let message = format!("too many local variables (limit is {LIMIT})");
            self.report(DiagnosticKind::Limit, span, message);
        }
    }

    fn lookup(&self, name: &[u8]) -> Option<EntityId> {
        self.visible.get(name).and_then(|stack| stack.last()).copied()
    }

    /// The entity that a name stands for here.
    fn resolve_name(&mut self, name: &'a [u8]) -> Option<EntityId> {
        if let Some(local) = self.lookup(name) {
            return Some(local);
        }
        match self.lookup(b"_ENV").filter(|_| name != b"_ENV") {
            Some(environment) => {
                self.entity(environment).reads += 1;
                self.member(environment, name)
            }
            None => Some(self.global(name)),
        }
    }

    fn use_name(&mut self, name: &'a [u8], span: Span, role: Role) -> Option<EntityId> {
        let id = self.resolve_name(name)?;
        self.mention(id, span, role);
        let entity = self.entity(id);
        if role == Role::Write && entity.kind.is_read_only() {
            let message = format!("attempt to assign to const variable '{}'", entity.name);
            self.report(DiagnosticKind::ConstantAssignment, span, message);
        }
        self.result.has_own_environment |= role == Role::Write && name == b"_ENV";
        Some(id)
    }
}
