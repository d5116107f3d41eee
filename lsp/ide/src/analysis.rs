//! All that is known of one file.

use crate::diagnostic::{Diagnostic, DiagnosticKind, Severity};
use crate::entity::{Entity, EntityId, EntityKind, Occurrence, Role};
use crate::resolve::Resolver;
use crate::symbol::Symbol;
use crate::{Span, is_standard_global};
use perilune_syntax::SyntaxKind;
use std::collections::HashSet;
use std::sync::OnceLock;

/// A module that a file asks for by a constant name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The name: `lib.queue`.
    pub name: String,
    /// The string literal.
    pub span: Span,
}

/// What [`analyse`] found out.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Everything that has a name.
    pub entities: Vec<Entity>,
    /// Names that stand for an entity, in order of their places.
    pub occurrences: Vec<Occurrence>,
    /// What is wrong in this file alone: see also [`Analysis::undefined_globals`].
    pub diagnostics: Vec<Diagnostic>,
    /// Functions and variables, nested.
    pub symbols: Vec<Symbol>,
    /// What `require` of this file results in.
    pub exports: Option<EntityId>,
    /// The modules it requires.
    pub required: Vec<Required>,
    /// Tokens, comments included, in order; read off the text when first asked for.
    tokens: OnceLock<Vec<(SyntaxKind, Span)>>,
    /// Globals by their names.
    pub(crate) globals: Vec<EntityId>,
    /// Fields by what they are fields of, then by their names.
    pub(crate) members: Vec<EntityId>,
    /// Where globals are named as fields of `_G` or `_ENV`: that is how a program asks whether there is one.
    pub(crate) fields_of_globals: HashSet<u32>,
    /// Whether `_ENV` is assigned to, so that globals may come from anywhere.
    pub(crate) has_own_environment: bool,
    /// Locals that can be named at the place that [`analyse_around`] was asked about.
    pub(crate) visible: Vec<EntityId>,
}

/// Analyses the text of a file. Never fails: the analysis of a wrong text is what can be said of it.
pub fn analyse(text: &str) -> Analysis {
    analysed(text, None)
}

/// As [`analyse`], and notes which locals are visible at the name that stands at this byte.
pub(crate) fn analyse_around(text: &str, offset: u32) -> Analysis {
    analysed(text, Some(offset))
}

fn analysed(text: &str, probe: Option<u32>) -> Analysis {
    let parsed = perilune_syntax::parse(text.as_bytes());
    let mut analysis = Resolver::new(&parsed.ast, probe).resolve();
    let has_errors = !parsed.errors.is_empty();
    if has_errors {
        // Recovery may have dropped uses and ends of blocks.
        analysis.diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Hint && !diagnostic.is_unnecessary());
    }
    let syntax = parsed.errors.into_iter().map(|error| {
        let span = attribute(&error.message, error.span, text).unwrap_or_else(|| visible(error.span, text));
        Diagnostic::new(DiagnosticKind::Syntax, span, error.message)
    });
    analysis.diagnostics.extend(syntax);
    analysis.diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    analysis
}

/// An empty span at the end of the text is shown at the last thing written.
fn visible(span: Span, text: &str) -> Span {
    if span.start < span.end {
        return span;
    }
    let end = (span.start as usize).min(text.len());
    let written = text.get(..end).unwrap_or_default().trim_end();
    let start = written.char_indices().next_back().map_or(0, |(index, _)| index);
    Span { start: start as u32, end: written.len() as u32 }
}

/// What is wrong with an attribute is noticed after its `>`; it is shown at its name.
fn attribute(message: &str, span: Span, text: &str) -> Option<Span> {
    let name = match message {
        "multiple to-be-closed variables in local list" => "close",
        _ => message.strip_prefix("unknown attribute '")?.strip_suffix('\'')?,
    };
    let start = text.get(..span.start as usize)?.rfind(name)? as u32;
    Some(Span { start, end: start + name.len() as u32 })
}

fn tokens(text: &str) -> Vec<(SyntaxKind, Span)> {
    let tree = perilune_syntax::parse_tree(text).syntax();
    let tokens = tree.descendants_with_tokens().filter_map(|element| element.into_token());
    tokens
        .filter(|token| token.kind() != SyntaxKind::Whitespace)
        .map(|token| {
            let range = token.text_range();
            (token.kind(), Span { start: range.start().into(), end: range.end().into() })
        })
        .collect()
}

impl Analysis {
    /// The entity with this id.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    /// The name at this byte, or the one that ends there.
    pub fn occurrence_at(&self, offset: u32) -> Option<Occurrence> {
        let next = self.occurrences.partition_point(|occurrence| occurrence.span.start <= offset);
        let occurrence = self.occurrences.get(next.checked_sub(1)?)?;
        (offset <= occurrence.span.end).then_some(*occurrence)
    }

    /// All names of an entity, in order.
    pub fn references(&self, id: EntityId) -> impl Iterator<Item = Occurrence> + '_ {
        self.occurrences.iter().copied().filter(move |occurrence| occurrence.entity == id)
    }

    /// The field of an entity with this name.
    pub fn member(&self, holder: EntityId, name: &str) -> Option<EntityId> {
        let holder = self.entity(holder).alias.unwrap_or(holder);
        let members = self.members_of(holder);
        members.binary_search_by(|id| (*self.entity(*id).name).cmp(name)).ok().map(|index| members[index])
    }

    /// The fields of an entity, by their names.
    pub(crate) fn members_of(&self, holder: EntityId) -> &[EntityId] {
        let parent = |id: &EntityId| self.entity(*id).parent;
        let start = self.members.partition_point(|id| parent(id) < Some(holder));
        let rest = &self.members[start..];
        &rest[..rest.partition_point(|id| parent(id) == Some(holder))]
    }

    /// The global with this name, if it is mentioned at all.
    pub fn global(&self, name: &str) -> Option<EntityId> {
        let found = self.globals.binary_search_by(|id| (*self.entity(*id).name).cmp(name));
        found.ok().map(|index| self.globals[index])
    }

    /// `M.start`: the name of an entity with what it is a field of.
    pub fn path(&self, id: EntityId) -> String {
        let entity = self.entity(id);
        match entity.parent {
            // A value without a name is not worth a dot.
            Some(parent) if self.entity(parent).kind != EntityKind::Value => {
                format!("{}.{}", self.path(parent), entity.name)
            }
            _ => entity.name.to_string(),
        }
    }

    /// The module whose name is the string literal at this byte.
    pub fn required_at(&self, offset: u32) -> Option<&Required> {
        self.required.iter().find(|required| required.span.start <= offset && offset <= required.span.end)
    }

    /// Tokens, comments included, in order. `text` is what was analysed.
    pub(crate) fn tokens(&self, text: &str) -> &[(SyntaxKind, Span)] {
        self.tokens.get_or_init(|| tokens(text))
    }

    /// Names of the globals that this file assigns to.
    pub fn assigned_globals(&self) -> impl Iterator<Item = &str> {
        let globals = self.globals.iter().map(|id| self.entity(*id));
        globals.filter(|global| global.definition.is_some()).map(|global| &*global.name)
    }

    /// Uses of globals which are not Lua's own, not assigned here, and not known elsewhere.
    pub fn undefined_globals(&self, is_known: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        if self.has_own_environment {
            return Vec::new();
        }
        let is_undefined: Vec<bool> = self.entities.iter().map(|entity| {
            entity.kind == EntityKind::Global
                && entity.definition.is_none()
                && !is_standard_global(&entity.name)
                && !is_known(&entity.name)
        }).collect();
        let uses = self.occurrences.iter().filter(|occurrence| {
            is_undefined[occurrence.entity.0 as usize]
                && occurrence.role == Role::Read
                && !self.fields_of_globals.contains(&occurrence.span.start)
        });
        uses.map(|occurrence| {
            let message = format!("undefined global '{}'", self.entity(occurrence.entity).name);
            Diagnostic::new(DiagnosticKind::UndefinedGlobal, occurrence.span, message)
        }).collect()
    }
}
