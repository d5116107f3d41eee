//! Generational mode (manual 2.5.2): marks that stay.
//!
//! What a collection found alive stays black, which makes it old; what is made afterwards is white.
//! The barrier that serves incremental marking notes old objects that are given young ones, so a
//! collection of the young ones starts from those, the roots and the coroutines that ran. It sweeps
//! only the blocks that gave out cells since the last collection (A. Demers and others, "Combining
//! generational and conservative garbage collection", POPL 1990: sticky mark bits).
//!
//! This module may use `unsafe`; the bargain is that of `collect`.
#![allow(unsafe_code)]

use super::{Heap, Phase, Roots};

/// Bytes that are allocated before the young objects are worth a collection.
const NURSERY: usize = 512 * 1024;
/// Percent by which memory grows between two collections of the young, when the program does not say.
const MINOR: usize = 20;
/// But no more bytes than this: the young ones are still in the processor's caches then.
const LARGEST_NURSERY: usize = 4 << 20;
/// Percent by which memory grows between two collections of everything, when the program does not say.
const MAJOR: usize = 30;
/// Under torture every so many collections are of all objects.
const TORMENTED_OLD: u32 = 8;

impl Heap {
    /// Whether generational mode is on.
    pub fn is_generational(&self) -> bool {
        self.gc.generational
    }

    /// Turns generational mode on, which completes the cycle under way and collects everything, or off.
    pub fn set_generational(&mut self, roots: &mut dyn Roots, on: bool) {
        if self.gc.generational == on {
            return;
        }
        if on {
            while self.gc.phase != Phase::Pause {
                self.advance(roots);
            }
            self.gc.generational = true;
            self.collect_old(roots);
        } else {
            self.whiten();
            self.gc.generational = false;
        }
        self.wait_for_next_cycle();
    }

    /// Collects the young objects, or all when memory grew enough since that was done last.
    pub(super) fn generational_step(&mut self, roots: &mut dyn Roots) {
        let major = if self.gc.major == 0 { MAJOR } else { self.gc.major };
        let allowed = self.gc.survived.saturating_add((self.gc.survived / 100).saturating_mul(major));
        if self.used() > allowed.max(NURSERY) {
            self.collect_old(roots);
        } else {
            self.collect_young(roots);
        }
        self.wait_for_next_cycle();
    }

    pub(super) fn tormented_generation(&mut self, roots: &mut dyn Roots) {
        self.gc.tormented += 1;
        if self.gc.tormented % TORMENTED_OLD == 0 {
            self.collect_old(roots);
        } else {
            self.collect_young(roots);
        }
        self.wait_for_next_cycle();
    }

    pub(super) fn wait_for_next_generation(&mut self) {
        let grown = match self.gc.minor {
            0 => (self.used() / 100).saturating_mul(MINOR).min(LARGEST_NURSERY),
            minor => (self.used() / 100).saturating_mul(minor),
        };
        let grown = grown.max(NURSERY);
        self.set_debt(-(grown.min(isize::MAX as usize / 4) as isize));
    }

    /// Collects everything; what lives is old afterwards.
    pub(super) fn collect_old(&mut self, roots: &mut dyn Roots) {
        self.whiten();
        self.start(roots);
        self.mark_on_threads(roots);
        self.mark_all(roots);
        self.sweep_generation(0, |_| true);
        self.gc.survived = self.used();
    }

    fn collect_young(&mut self, roots: &mut dyn Roots) {
        self.gc.is_minor = true;
        self.begin_marking(roots);
        let old = self.gc.sweep_large;
        self.mark_all(roots);
        self.gc.is_minor = false;
        self.sweep_generation(old, |is_young| is_young);
    }

    /// Does a collection up to the sweep.
    fn mark_all(&mut self, roots: &mut dyn Roots) {
        while self.gc.phase != Phase::Sweep {
            self.advance(roots);
        }
    }

    /// Sweeps the blocks that `wanted` says yes to, told whether they have young objects,
    /// and the large objects from `large` on.
    fn sweep_generation(&mut self, large: usize, wanted: impl Fn(bool) -> bool) {
        for at in 0..self.objects.blocks.len() {
            if wanted(self.objects.blocks[at].is_young) {
                self.sweep_block(at);
            }
        }
        self.gc.sweep_block = self.gc.sweep_end;
        self.gc.sweep_large = large;
        // Large objects that are in the list now are old when this ends.
        while self.gc.phase != Phase::Pause {
            self.sweep_some();
        }
    }

    /// Makes all objects young.
    fn whiten(&mut self) {
        let white = self.gc.white;
        for at in 0..self.objects.blocks.len() {
            // SAFETY: cells in use hold objects.
            self.for_cells(at, |_, object| unsafe { (*object).mark = white });
        }
        for &object in &self.large {
            // SAFETY: objects in the list are not freed.
            unsafe { (*object).mark = white };
        }
        // Nothing is old any more, so nothing is remembered of it.
        self.gc.grey.clear();
        self.gc.grey_again.clear();
    }
}
