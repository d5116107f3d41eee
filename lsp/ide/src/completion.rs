//! What may stand at the cursor.
//!
//! The file is analysed with a made-up name at the cursor: so the rules about
//! scopes and fields are those of every other feature, and an unfinished
//! `config.` is read as the beginning of a field.

mod context;

use crate::analysis::{Analysis, analyse_around};
use crate::entity::{EntityId, EntityKind};
use crate::hover::{declaration, describe};
use crate::standard::{self, StandardItem};
use crate::workspace::{FileId, Identities, Identity, Workspace};
use crate::{Document, Span};
use context::{Context, Position};
use perilune_syntax::SyntaxKind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of thing is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum CompletionKind {
    Variable, Constant, Function, Method, Field, Module, Keyword, Label, Attribute,
}

/// How near a thing is to the cursor; nearer ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// A local, or a field of the value itself.
    Local,
    /// Something of the workspace.
    Workspace,
    /// Something of Lua's library.
    Standard,
    /// A reserved word.
    Keyword,
}

/// Something to put at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The word.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// Where it belongs in the list.
    pub nearness: Nearness,
    /// Its declaration.
    pub detail: Option<String>,
    /// The comment above that, or what the manual has.
    pub documentation: Option<String>,
}

/// What may stand at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completions {
    /// The bytes that a word replaces.
    pub span: Span,
    /// The words; each one once.
    pub items: Vec<Completion>,
    /// `a.b` when a field of this is asked for and only names lead to it.
    pub holder: Option<String>,
    /// Whether only what can be called as a method is wanted.
    pub wants_method: bool,
}

const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// No program is likely to have this name.
const PROBE: &str = "perilune_completion_probe";

impl Workspace {
    /// What may stand at a byte of a file; empty inside comments, strings and declarations.
    pub fn complete(&self, file: FileId, offset: u32) -> Completions {
        let Some(source) = self.file(file) else { return Completions::default() };
        let context = Context::new(source.document(), source.analysis(), offset);
        let mut items = Items::default();
        let mut completions = Completions { span: context.word, ..Completions::default() };
        match context.position {
            Position::Nowhere => {}
            Position::Module => self.modules(file, &mut items),
            Position::Attribute => {
                for name in ["close", "const"] {
                    items.add(name, CompletionKind::Attribute, Nearness::Local);
                }
            }
            Position::Label => labels(source.analysis(), &mut items),
            Position::Field | Position::Method => {
                completions.wants_method = context.position == Position::Method;
                completions.holder = context.holder.clone();
                self.probed(file, &context, |view, analysis| view.fields(file, analysis, &mut items));
                if completions.wants_method {
                    items.0.retain(|_, item| matches!(item.kind, CompletionKind::Function | CompletionKind::Method));
                }
            }
            Position::Name => {
                self.probed(file, &context, |view, analysis| view.names(file, analysis, context.word, &mut items));
            }
        }
        completions.items = items.0.into_values().collect();
        completions.items.sort_by(|one, other| (one.nearness, &one.label).cmp(&(other.nearness, &other.label)));
        completions
    }

    /// Works on a workspace where the made-up name stands at the cursor.
    fn probed(&self, file: FileId, context: &Context, work: impl FnOnce(&Workspace, &Analysis)) {
        let Some(source) = self.file(file) else { return };
        let text = source.document().text();
        let (start, end) = (context.word.start as usize, context.word.end as usize);
        let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else { return };
        let call = if context.needs_call { "()" } else { "" };
        let document = Arc::new(Document::new(format!("{before}{PROBE}{call}{after}")));
        let analysis = analyse_around(document.text(), context.word.start);
        let mut view = self.clone();
        view.put_analysed(source.path(), document, analysis);
        if let Some(source) = view.file(file) {
            work(&view, source.analysis());
        }
    }

    fn names(&self, file: FileId, analysis: &Analysis, word: Span, items: &mut Items) {
        let Some(source) = self.file(file) else { return };
        let visible = match analysis.visible.as_slice() {
            [] => declared_before(analysis, word.start),
            visible => visible.to_vec(),
        };
        for id in visible {
            items.add_entity(source.document(), analysis, id, Nearness::Local);
        }
        for (_, source) in self.files() {
            let analysis = source.analysis();
            for name in analysis.assigned_globals() {
                if let Some(id) = analysis.global(name) {
                    items.add_entity(source.document(), analysis, id, Nearness::Workspace);
                }
            }
        }
        for item in standard::standard_items().filter(|item| !item.path.contains(['.', ':'])) {
            items.add_standard(item);
        }
        for keyword in KEYWORDS {
            items.add(keyword, CompletionKind::Keyword, Nearness::Keyword);
        }
    }

    fn fields(&self, file: FileId, analysis: &Analysis, items: &mut Items) {
        let probe = analysis.entities.iter().find(|entity| *entity.name == *PROBE && entity.kind == EntityKind::Member);
        let Some(parent) = probe.and_then(|probe| probe.parent) else { return };
        let identities = Identities::new(self);
        let holder = identities.value_of(file, parent);
        let fields = identities.fields(&holder, file).into_iter();
        let used = analysis.members_of(parent).iter().map(|id| (file, *id));
        for (file, id) in fields.chain(used) {
            let Some(source) = self.file(file) else { continue };
            if *source.analysis().entity(id).name != *PROBE {
                items.add_entity(source.document(), source.analysis(), id, Nearness::Local);
            }
        }
        let mut current = Some(holder);
        while let Some(identity) = current {
            for item in identity.global_path().iter().flat_map(|path| standard::members(path)) {
                items.add_standard(item);
            }
            current = identities.parent(&identity).filter(|parent| matches!(parent, Identity::Global(_)));
        }
    }

    fn modules(&self, from: FileId, items: &mut Items) {
        let others = self.files().filter(|(file, _)| *file != from);
        for name in others.filter_map(|(file, _)| self.module_name(file)) {
            items.add(&name, CompletionKind::Module, Nearness::Workspace);
        }
    }
}

fn labels(analysis: &Analysis, items: &mut Items) {
    for label in analysis.entities.iter().filter(|entity| entity.kind == EntityKind::Label) {
        items.add(&label.name, CompletionKind::Label, Nearness::Local);
    }
}

/// Stands in for the visible locals of a text that is too broken to have the probe.
fn declared_before(analysis: &Analysis, offset: u32) -> Vec<EntityId> {
    let entities = analysis.entities.iter().enumerate();
    let declared = entities.filter(|(_, entity)| {
        let is_variable = entity.kind.is_lexical() && entity.kind != EntityKind::Label;
        is_variable && entity.definition.is_some_and(|span| span.end < offset)
    });
    declared.map(|(index, _)| EntityId(index as u32)).collect()
}

/// Words by themselves; the first of each counts.
#[derive(Default)]
struct Items(BTreeMap<String, Completion>);

impl Items {
    fn add(&mut self, label: &str, kind: CompletionKind, nearness: Nearness) {
        self.insert(Completion { label: label.to_string(), kind, nearness, detail: None, documentation: None });
    }

    fn insert(&mut self, item: Completion) {
        let is_word = perilune_syntax::SyntaxKind::keyword(item.label.as_bytes()).is_none();
        if !item.label.is_empty() && (is_word || item.kind == CompletionKind::Keyword) {
            self.0.entry(item.label.clone()).or_insert(item);
        }
    }

    fn add_entity(&mut self, document: &Document, analysis: &Analysis, id: EntityId, nearness: Nearness) {
        let entity = analysis.entity(id);
        if self.0.contains_key(&*entity.name) {
            return;
        }
        let kind = match (entity.kind, &entity.signature) {
            (_, Some(signature)) if signature.is_method => CompletionKind::Method,
            (_, Some(_)) => CompletionKind::Function,
            (EntityKind::Member, None) => CompletionKind::Field,
            (EntityKind::Constant, None) => CompletionKind::Constant,
            _ => CompletionKind::Variable,
        };
        let detail = Some(match entity.is_function() {
            true => declaration(analysis, id),
            false => describe(document, analysis, id).title,
        });
        let documentation = describe(document, analysis, id).comment;
        self.insert(Completion { label: entity.name.to_string(), kind, nearness, detail, documentation });
    }

    fn add_standard(&mut self, item: &StandardItem) {
        let kind = match item.params {
            Some(_) if item.path.contains(':') => CompletionKind::Method,
            Some(_) => CompletionKind::Function,
            None if item.results == "table" && !item.path.contains('.') => CompletionKind::Module,
            None => CompletionKind::Constant,
        };
        self.insert(Completion {
            label: item.name().to_string(),
            kind,
            nearness: Nearness::Standard,
            detail: Some(item.declaration()),
            documentation: Some(format!("{} (§{})", item.text, item.section)),
        });
    }
}

/// Whether a token may follow a name without a call in between.
fn continues_name(kind: SyntaxKind) -> bool {
    use SyntaxKind::*;
    matches!(kind, Assign | Comma | LeftParen | LeftBrace | LeftBracket | String | Dot | Colon)
}
