//! Long pieces of work that ask now and then whether to go on.

/// The answer was no.
pub(crate) struct Interrupted;

/// Steps between two questions; each is about an instruction's worth of work.
const QUANTUM: usize = 4096;

/// Counts steps and asks.
pub(crate) struct Pace<'a> {
    keep_going: &'a mut dyn FnMut(usize) -> bool,
    steps: usize,
}

impl<'a> Pace<'a> {
    /// `keep_going` is told how many steps were done, and says whether to go on.
    pub(crate) fn new(keep_going: &'a mut dyn FnMut(usize) -> bool) -> Pace<'a> {
        Pace { keep_going, steps: 0 }
    }

    /// Counts one step.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), Interrupted> {
        self.steps(1)
    }

    /// Counts several steps.
    #[inline]
    pub(crate) fn steps(&mut self, steps: usize) -> Result<(), Interrupted> {
        self.steps += steps;
        if self.steps < QUANTUM {
            return Ok(());
        }
        match (self.keep_going)(std::mem::take(&mut self.steps)) {
            true => Ok(()),
            false => Err(Interrupted),
        }
    }
}
