//! Labels, `goto` and `break`.

use super::Resolver;
use crate::diagnostic::DiagnosticKind;
use crate::entity::{EntityId, EntityKind, Role};
use perilune_syntax::ast::{Ast, Name, Stat, StatKind};
use std::collections::HashMap;

/// The blocks that are open, with their labels.
#[derive(Default)]
pub(super) struct Jumps<'a> {
    frames: Vec<Frame<'a>>,
    /// For each open function, the first of its frames.
    functions: Vec<usize>,
    /// How many loops of this function are open.
    pub(super) loops: u32,
    /// How many `break` and `goto` statements there were so far.
    pub(super) exits: u32,
}

struct Frame<'a> {
    stats: &'a [Stat],
    /// By name: what a label is, and which statement.
    labels: HashMap<&'a [u8], Label>,
    /// Where locals are declared.
    locals: Vec<usize>,
    /// From which statement on there are labels only.
    tail: usize,
    /// The statement that is being walked.
    index: usize,
    is_repeat: bool,
}

#[derive(Clone, Copy)]
struct Label {
    entity: EntityId,
    index: usize,
    line: u32,
}

impl Jumps<'_> {
    /// Hides the frames of the enclosing function; answers the loops open there.
    pub(super) fn enter_function(&mut self) -> u32 {
        self.functions.push(self.frames.len());
        std::mem::take(&mut self.loops)
    }

    pub(super) fn leave_function(&mut self) {
        self.functions.pop();
    }

    pub(super) fn reach(&mut self, index: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.index = index;
        }
    }

    pub(super) fn leave_block(&mut self) {
        self.frames.pop();
    }

    fn first(&self) -> usize {
        self.functions.last().copied().unwrap_or(0)
    }
}

impl<'a> Frame<'a> {
    fn new(stats: &'a [Stat], is_repeat: bool) -> Frame<'a> {
        let is_local = |stat: &Stat| matches!(stat.kind, StatKind::Local { .. } | StatKind::LocalFunction { .. });
        let locals = (0..stats.len()).filter(|index| is_local(&stats[*index])).collect();
        let labels = stats.iter().rev().take_while(|stat| matches!(stat.kind, StatKind::Label(_)));
        let tail = stats.len() - labels.count();
        Frame { stats, labels: HashMap::new(), locals, tail, index: 0, is_repeat }
    }

    /// Whether only labels follow: then the locals of the block are already gone.
    fn ends_at(&self, label: usize) -> bool {
        !self.is_repeat && label >= self.tail
    }

    /// The first local that is declared between the statement being walked and a label.
    fn skipped_local(&self, ast: &'a Ast, label: usize) -> Option<&'a Name> {
        let first = self.locals.partition_point(|local| *local <= self.index);
        let local = self.locals.get(first).filter(|local| **local < label)?;
        match &self.stats[*local].kind {
            StatKind::Local { names, .. } => ast[*names].first().map(|(name, _)| name),
            StatKind::LocalFunction { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl<'a> Resolver<'a> {
    /// A label is visible in all of its block, also before it stands.
    pub(super) fn predeclare_labels(&mut self, stats: &'a [Stat], is_repeat: bool) {
        self.jumps.frames.push(Frame::new(stats, is_repeat));
        for (index, stat) in stats.iter().enumerate() {
            let StatKind::Label(name) = &stat.kind else { continue };
            let text = self.text(name.text);
            if let Some(earlier) = self.earlier_label(text) {
                let message = format!("label '{}' already defined on line {}", self.string(name.text), earlier.line);
                self.report(DiagnosticKind::Jump, name.span, message);
            }
            let entity = self.declared(EntityKind::Label, name);
            if let Some(frame) = self.jumps.frames.last_mut() {
                frame.labels.entry(text).or_insert(Label { entity, index, line: name.line });
            }
        }
    }

    /// The label that forbids another of its name here: one of this block, or one that stands before it.
    fn earlier_label(&self, name: &[u8]) -> Option<Label> {
        let (here, outer) = self.jumps.frames[self.jumps.first()..].split_last()?;
        let before = |frame: &Frame<'a>| frame.labels.get(name).copied().filter(|label| label.index <= frame.index);
        let found = outer.iter().find_map(before).or_else(|| here.labels.get(name).copied());
        found.filter(|_| !name.is_empty())
    }

    pub(super) fn goto(&mut self, label: &Name) {
        self.jumps.exits += 1;
        let (text, name, line) = (self.text(label.text), self.string(label.text), label.line);
        let frames = &self.jumps.frames[self.jumps.first()..];
        let found = frames.iter().rev().find_map(|frame| Some((frame, *frame.labels.get(text)?)));
        let Some((frame, found)) = found else {
            let message = format!("no visible label '{name}' for <goto> at line {line}");
            return self.report(DiagnosticKind::Jump, label.span, message);
        };
        let local = frame.skipped_local(self.ast, found.index).filter(|_| !frame.ends_at(found.index));
        if let Some(local) = local {
            let local = self.string(local.text);
            let message = format!("<goto {name}> at line {line} jumps into the scope of local '{local}'");
            self.report(DiagnosticKind::Jump, label.span, message);
        }
        self.mention(found.entity, label.span, Role::Read);
    }
}
