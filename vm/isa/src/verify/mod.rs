//! The check that lets the interpreter read operands without checking them.
//!
//! It covers the whole tree of functions. `operand` looks at instructions one by
//! one, `flow` at how control and "the top" go from one to the next, `assign` at
//! whether registers hold values at all. Of which types is not checked: the
//! interpreter does that while it runs.

mod assign;
mod error;
mod flow;
mod operand;
#[cfg(test)]
mod tests;

pub use error::{Fault, VerifyError};

use crate::{
    instruction::Instruction,
    pace::{Interrupted, Pace},
    proto::{NamedConst, Proto},
};

/// How deeply functions may be nested.
pub const MAX_DEPTH: usize = 200;

/// A tree of functions that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified(Proto);

impl Verified {
    /// Checks a tree of functions.
    pub fn new(proto: Proto) -> Result<Verified, VerifyError> {
        Verified::new_while(proto, &mut Pace::new(&mut |_| true))
    }

    /// As [`Verified::new`], and gives up when it is told to.
    pub(crate) fn new_while(proto: Proto, pace: &mut Pace<'_>) -> Result<Verified, VerifyError> {
        verify_while(&proto, pace)?;
        Ok(Verified(proto))
    }

    /// The root function.
    pub fn proto(&self) -> &Proto {
        &self.0
    }

    /// Gives up the proof and returns the root function.
    pub fn into_inner(self) -> Proto {
        self.0
    }
}

/// A fault and the word it is about.
type Located = (Option<usize>, Fault);

impl From<Interrupted> for Located {
    fn from(_: Interrupted) -> Located {
        (None, Fault::Interrupted)
    }
}

/// A function's instructions and the words where they begin.
struct Layout {
    instructions: Vec<(usize, Instruction)>,
    /// For every word, the index of the instruction that begins there.
    starts: Vec<Option<u32>>,
}

impl Layout {
    /// The instruction that begins at a word.
    fn at(&self, pc: i64) -> Option<Instruction> {
        let index = (*self.starts.get(usize::try_from(pc).ok()?)?)?;
        Some(self.instructions[index as usize].1)
    }
}

/// Checks a function and all functions inside it.
pub fn verify(root: &Proto) -> Result<(), VerifyError> {
    verify_while(root, &mut Pace::new(&mut |_| true))
}

fn verify_while(root: &Proto, pace: &mut Pace<'_>) -> Result<(), VerifyError> {
    let mut pending = vec![(root, None, Vec::new())];
    while let Some((proto, parent, path)) = pending.pop() {
        let checked = verify_function(proto, parent, path.len(), pace);
        checked.map_err(|(pc, fault)| VerifyError {
            function: path.clone(),
            pc,
            fault,
        })?;
        for (i, child) in proto.children.iter().enumerate() {
            let mut child_path = path.clone();
            child_path.push(i as u32);
            pending.push((child, Some(proto), child_path));
        }
    }
    Ok(())
}

fn verify_function(
    proto: &Proto,
    parent: Option<&Proto>,
    depth: usize,
    pace: &mut Pace<'_>,
) -> Result<(), Located> {
    pace.step()?;
    verify_header(proto, parent, depth).map_err(|fault| (None, fault))?;
    let layout = operand::check(proto, pace)?;
    flow::check(proto, &layout, pace)?;
    assign::check(proto, &layout, pace)
}

fn verify_header(proto: &Proto, parent: Option<&Proto>, depth: usize) -> Result<(), Fault> {
    if depth >= MAX_DEPTH {
        return Err(Fault::TooDeep);
    }
    if !(2..=250).contains(&proto.max_stack) {
        return Err(Fault::StackSize(proto.max_stack));
    }
    if proto.params > proto.max_stack {
        return Err(Fault::Parameters(proto.params));
    }
    if proto.upvalues.len() > 255 {
        return Err(Fault::UpvalueCount(proto.upvalues.len()));
    }
    if !proto.lines.is_empty() && proto.lines.len() != proto.code.len() {
        return Err(Fault::LineCount(proto.lines.len()));
    }
    verify_upvalues(proto, parent)?;
    verify_locals(proto)?;
    verify_named(proto)
}

/// The root's upvalues are filled in by whoever loads it, so only children are bound.
fn verify_upvalues(proto: &Proto, parent: Option<&Proto>) -> Result<(), Fault> {
    let Some(parent) = parent else { return Ok(()) };
    let exists = |in_stack: bool, index: u8| match in_stack {
        true => index < parent.max_stack,
        false => usize::from(index) < parent.upvalues.len(),
    };
    match proto
        .upvalues
        .iter()
        .position(|up| !exists(up.in_stack, up.index))
    {
        Some(i) => Err(Fault::UpvalueSource(i)),
        None => Ok(()),
    }
}

fn verify_named(proto: &Proto) -> Result<(), Fault> {
    let is_bad = |constant: &NamedConst| {
        constant.start_pc > constant.end_pc || constant.end_pc as usize > proto.code.len()
    };
    match proto.named.iter().position(is_bad) {
        Some(i) => Err(Fault::NamedConst(i)),
        None => Ok(()),
    }
}

fn verify_locals(proto: &Proto) -> Result<(), Fault> {
    let bad = proto.locals.iter().position(|local| {
        local.start_pc > local.end_pc
            || local.end_pc as usize > proto.code.len()
            || local.register >= proto.max_stack
    });
    match bad {
        Some(i) => Err(Fault::Local(i)),
        None => Ok(()),
    }
}
