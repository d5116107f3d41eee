//! Labels, `goto` and `break`.

use super::Resolver;
use crate::diagnostic::DiagnosticKind;
use crate::entity::{EntityId, EntityKind, Role};
use perilune_syntax::ast::{Block, Name, StatKind};

/// The blocks that are open, with their labels.
#[derive(Default)]
pub(super) struct Jumps<'a> {
    frames: Vec<Frame<'a>>,
    /// For each open function, the first of its frames.
    functions: Vec<usize>,
    /// How many loops of this function are open.
    pub(super) loops: u32,
}

struct Frame<'a> {
    block: &'a Block,
    labels: Vec<(&'a [u8], EntityId, usize)>,
    /// The statement that is being walked.
    index: usize,
    is_repeat: bool,
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

impl Frame<'_> {
    /// Whether only labels follow: then the locals of the block are already gone.
    fn ends_at(&self, label: usize) -> bool {
        let mut rest = self.block.stats.iter().skip(label);
        !self.is_repeat && rest.all(|stat| matches!(stat.kind, StatKind::Label(_)))
    }
}

impl<'a> Resolver<'a> {
    /// A label is visible in all of its block, also before it stands.
    pub(super) fn predeclare_labels(&mut self, block: &'a Block, is_repeat: bool) {
        let mut labels: Vec<(&'a [u8], EntityId, usize)> = Vec::new();
        for (index, stat) in block.stats.iter().enumerate() {
            let StatKind::Label(name) = &stat.kind else { continue };
            let text = self.text(name.text);
            let frames = &self.jumps.frames[self.jumps.first()..];
            let outer = frames.iter().flat_map(|frame| {
                frame.labels.iter().filter(|label| label.2 <= frame.index)
            });
            let is_taken = outer.chain(&labels).any(|label| label.0 == text);
            if is_taken && !text.is_empty() {
                let message = format!("label '{}' already defined", self.string(name.text));
                self.report(DiagnosticKind::Jump, name.span, message);
            }
            let id = self.declared(EntityKind::Label, name);
            labels.push((text, id, index));
        }
        self.jumps.frames.push(Frame { block, labels, index: 0, is_repeat });
    }

    pub(super) fn goto(&mut self, label: &Name) {
        let text = self.text(label.text);
        let name = self.string(label.text);
        let frames = &self.jumps.frames[self.jumps.first()..];
        let found = frames.iter().rev().find_map(|frame| {
            let label = frame.labels.iter().find(|label| label.0 == text)?;
            Some((frame, label.1, label.2))
        });
        let Some((frame, id, index)) = found else {
            let message = format!("no visible label '{name}' for goto at line {}", label.line);
            return self.report(DiagnosticKind::Jump, label.span, message);
        };
        let skipped = frame.block.stats.iter().take(index).skip(frame.index + 1);
        let local = skipped.filter_map(|stat| match &stat.kind {
            StatKind::Local { names, .. } => names.first().map(|(name, _)| name),
            StatKind::LocalFunction { name, .. } => Some(name),
            _ => None,
        }).next().filter(|_| !frame.ends_at(index));
        if let Some(local) = local {
            let (line, local) = (label.line, self.string(local.text));
            let message = format!("<goto {name}> at line {line} jumps into the scope of local '{local}'");
            self.report(DiagnosticKind::Jump, label.span, message);
        }
        self.mention(id, label.span, Role::Read);
    }
}
