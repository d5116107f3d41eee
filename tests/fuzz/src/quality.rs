//! How good the generated programs are: whether they get anywhere, and what of the machine they reach.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::machine::{Machine, Outcome};
use perilune_isa::Op;

/// What all programs came to that were compared in this process.
static ALL: Mutex<Quality> = Mutex::new(Quality::NONE);

/// One program of so many is also run in small pieces, to learn which instructions it executes.
pub const SAMPLE: u64 = 10;

/// Fewer programs than this say too little.
const ENOUGH: u64 = 1000;

/// What programs came to.
#[derive(Clone, Debug)]
pub struct Quality {
    programs: u64,
    /// Those that ran to their end.
    complete: u64,
    /// Blocks of programs: an error ends its block.
    blocks: u64,
    /// Those without an error.
    whole: u64,
    /// Instructions that were executed.
    instructions: BTreeSet<&'static str>,
    /// What inline caches knew, what operands were, and other things that sites had seen.
    states: BTreeSet<&'static str>,
}

/// All that sites can have seen.
const STATES: [&str; 13] = [
    "own", "absent", "inherited", "added", "string", "megamorphic", "integer", "float", "number", "any", "metamethod",
    "several callees", "several results",
];

/// Instructions that are not asked for: the first needs more constants than a program has, and the second is done where
/// a function of varying arguments is entered, out of sight.
const OUT_OF_REACH: [&str; 2] = ["load_kx", "vararg_prep"];

impl Quality {
    const NONE: Quality = Quality {
        programs: 0,
        complete: 0,
        blocks: 0,
        whole: 0,
        instructions: BTreeSet::new(),
        states: BTreeSet::new(),
    };

    /// How many programs.
    pub fn programs(&self) -> u64 {
        self.programs
    }

    /// Says what is poor: fewer than 99 % of the programs or two thirds of the blocks without an error, or an
    /// instruction or a state that none of them reached.
    ///
    /// # Errors
    /// What that is.
    pub fn check(&self) -> Result<(), String> {
        if self.programs < ENOUGH {
            return Ok(());
        }
        if self.complete * 100 < self.programs * 99 {
            return Err(format!("only {} of {} programs run to their end", self.complete, self.programs));
        }
        if self.whole * 3 < self.blocks * 2 {
            return Err(format!("only {} of {} blocks end without an error", self.whole, self.blocks));
        }
        let wanted = Op::ALL.iter().map(|op| op.info().mnemonic).filter(|name| !OUT_OF_REACH.contains(name));
        let missing: Vec<_> = wanted.filter(|name| !self.instructions.contains(name)).collect();
        if !missing.is_empty() {
            return Err(format!("no program executes {}", missing.join(", ")));
        }
        let missing: Vec<_> = STATES.into_iter().filter(|state| !self.states.contains(state)).collect();
        match missing.as_slice() {
            [] => Ok(()),
            missing => Err(format!("no site has seen {}", missing.join(", "))),
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |part: u64, whole: u64| part as f64 * 100.0 / whole.max(1) as f64;
        write!(
            f,
            "{:.1} % of {} programs and {:.1} % of {} blocks without an error; {} of {} instructions, {} of {} states of sites",
            share(self.complete, self.programs),
            self.programs,
            share(self.whole, self.blocks),
            self.blocks,
            self.instructions.len(),
            Op::ALL.len(),
            self.states.len(),
            STATES.len(),
        )
    }
}

/// What the programs of this process have come to so far.
pub fn so_far() -> Quality {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes note of how a program ended.
pub(crate) fn note_outcome(outcome: &Outcome) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.programs += 1;
    all.complete += u64::from(outcome.error.is_none());
    for line in outcome.output.split(|byte| *byte == b'\n') {
        // As `guard` of the prelude says it.
        let Some(rest) = line.strip_prefix(b"guard ") else { continue };
        all.blocks += 1;
        all.whole += u64::from(rest.get(2..6) == Some(b"true"));
    }
}

/// Takes note of what the sites of a program have seen.
pub(crate) fn note_sites(machine: &mut Machine, chunk_name: &[u8]) {
    let functions = machine.vm().feedback(chunk_name);
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    for site in functions.into_iter().flat_map(|function| function.sites) {
        all.states.extend(site.cache);
        all.states.extend(site.operands.iter().filter_map(|class| class.name()));
        all.states.extend(site.metamethod.then_some("metamethod"));
        all.states.extend((site.callee.as_deref() == Some("several")).then_some("several callees"));
        all.states.extend((site.result == Some("several")).then_some("several results"));
    }
}

/// Takes note of the instructions that machine code left to the interpreter.
pub(crate) fn note_instructions(machine: &mut Machine) {
    let left = machine.vm().tier_left();
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.instructions.extend(left.iter().map(|(op, _)| op.info().mnemonic));
}
