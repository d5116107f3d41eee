//! The client's breakpoints, and what the program made of them.
//!
//! They may be set before there is a program, so their numbers are the
//! adapter's own; the program's are learnt when it answers.

use std::collections::BTreeMap;

use perilune_live::protocol::{self as live, BreakpointSpec};

use crate::conversion::Convention;
use crate::types::Source;
use crate::types::body::Breakpoint;

/// All breakpoints, by the program's name of their source.
#[derive(Debug, Default)]
pub struct Breakpoints {
    last_id: i64,
    sources: BTreeMap<String, Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: i64,
    wanted: BreakpointSpec,
    /// As the client named it.
    source: Source,
    state: State,
}

/// What became of a breakpoint.
#[derive(Clone, Debug)]
enum State {
    /// The program has not been asked.
    Unasked,
    /// It never will be.
    Impossible(&'static str),
    /// What the program says.
    Known(live::Breakpoint),
}

/// What to ask the program: its name of the source, and the breakpoints with their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The source.
    pub source: String,
    /// Numbers of the breakpoints.
    pub ids: Vec<i64>,
    /// The breakpoints.
    pub specs: Vec<BreakpointSpec>,
}

const NOT_LOADED: &str = "the program is not running yet";
const NO_SUCH_LINE: &str = "there is no such line";

impl Breakpoints {
    /// Replaces the breakpoints of a source; those that stay keep their numbers. The numbers, in order.
    pub fn replace(&mut self, key: &str, source: &Source, specs: Vec<BreakpointSpec>) -> Vec<i64> {
        let mut old = self.sources.remove(key).unwrap_or_default();
        let mut entries = Vec::new();
        for wanted in specs {
            let kept = old.iter().position(|entry| entry.wanted == wanted).map(|at| old.swap_remove(at));
            entries.push(kept.unwrap_or_else(|| self.add(wanted, source)));
        }
        let ids = entries.iter().map(|entry| entry.id).collect();
        self.sources.insert(key.to_owned(), entries);
        ids
    }

    fn add(&mut self, wanted: BreakpointSpec, source: &Source) -> Entry {
        self.last_id += 1;
        let state = if wanted.line == 0 { State::Impossible(NO_SUCH_LINE) } else { State::Unasked };
        Entry { id: self.last_id, wanted, source: source.clone(), state }
    }

    /// What the program shall have in a source.
    pub fn wanted(&self, key: &str) -> Wanted {
        let entries = self.sources.get(key).into_iter().flatten();
        let possible = entries.filter(|entry| !matches!(entry.state, State::Impossible(_)));
        let (ids, specs) = possible.map(|entry| (entry.id, entry.wanted.clone())).unzip();
        Wanted { source: key.to_owned(), ids, specs }
    }

    /// What the program shall have.
    pub fn all_wanted(&self) -> Vec<Wanted> {
        self.sources.keys().map(|key| self.wanted(key)).collect()
    }

    /// The program answered for these numbers, in their order.
    pub fn settle(&mut self, ids: &[i64], known: Vec<live::Breakpoint>) {
        for (id, known) in ids.iter().zip(known) {
            if let Some(entry) = self.entries().find(|entry| entry.id == *id) {
                entry.state = State::Known(known);
            }
        }
    }

    /// The program says that a breakpoint changed; its number, if it is one of ours.
    pub fn change(&mut self, changed: live::Breakpoint) -> Option<i64> {
        let is_it = |entry: &&mut Entry| matches!(&entry.state, State::Known(known) if known.id == changed.id);
        let entry = self.entries().find(is_it)?;
        entry.state = State::Known(changed);
        Some(entry.id)
    }

    /// Our numbers of breakpoints of the program.
    pub fn ids_of(&self, live: &[u64]) -> Vec<i64> {
        let number = |entry: &Entry| match &entry.state {
            State::Known(known) if live.contains(&known.id) => Some(entry.id),
            _ => None,
        };
        self.sources.values().flatten().filter_map(number).collect()
    }

    /// Breakpoints as the client is told of them, in the order of the numbers.
    pub fn bodies(&self, ids: &[i64], convention: &Convention) -> Vec<Breakpoint> {
        let find = |id: &i64| self.sources.values().flatten().find(|entry| entry.id == *id);
        ids.iter().filter_map(find).map(|entry| entry.body(convention)).collect()
    }

    fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.sources.values_mut().flatten()
    }
}

impl Entry {
    fn body(&self, convention: &Convention) -> Breakpoint {
        let (verified, line, message, reason) = match &self.state {
            State::Unasked => (false, self.wanted.line, Some(NOT_LOADED.to_owned()), Some("pending")),
            State::Impossible(why) => (false, self.wanted.line, Some((*why).to_owned()), Some("failed")),
            State::Known(known) => {
                let reason = (!known.verified).then_some("pending");
                (known.verified, known.line, known.message.clone(), reason)
            }
        };
        // A line that never was one is not told back.
        let line = convention.line_out(line.max(1));
        Breakpoint { id: self.id, verified, message, source: self.source.clone(), line, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lines: &[u32]) -> Vec<BreakpointSpec> {
        lines.iter().map(|line| BreakpointSpec { line: *line, ..BreakpointSpec::default() }).collect()
    }

    fn known(id: u64, line: u32) -> live::Breakpoint {
        live::Breakpoint { id, verified: true, line, message: None }
    }

    fn told(breakpoints: &Breakpoints, ids: &[i64]) -> Vec<(i64, bool, i64)> {
        let bodies = breakpoints.bodies(ids, &Convention::default());
        bodies.iter().map(|body| (body.id, body.verified, body.line)).collect()
    }

    #[test]
    fn breakpoints_keep_their_numbers_while_they_stay() {
        let mut all = Breakpoints::default();
        assert_eq!(all.replace("a", &Source::default(), at(&[3, 5])), [1, 2]);
        assert_eq!(all.replace("a", &Source::default(), at(&[5, 7])), [2, 3]);
        assert_eq!(all.replace("b", &Source::default(), at(&[5])), [4]);
        assert_eq!(all.replace("a", &Source::default(), at(&[])), [0i64; 0]);
    }

    #[test]
    fn the_program_says_where_they_are() {
        let mut all = Breakpoints::default();
        let ids = all.replace("a", &Source::default(), at(&[3, 5]));
        assert_eq!(told(&all, &ids), [(1, false, 3), (2, false, 5)]);
        all.settle(&ids, vec![known(70, 4), known(71, 5)]);
        assert_eq!(told(&all, &ids), [(1, true, 4), (2, true, 5)]);
        assert_eq!(all.ids_of(&[71, 99]), [2]);
        assert_eq!(all.change(known(70, 9)), Some(1));
        assert_eq!(all.change(known(99, 9)), None);
        assert_eq!(told(&all, &ids)[0], (1, true, 9));
    }

    #[test]
    fn an_answer_that_comes_too_late_changes_nothing() {
        let mut all = Breakpoints::default();
        let old = all.replace("a", &Source::default(), at(&[3]));
        let new = all.replace("a", &Source::default(), at(&[4]));
        all.settle(&old, vec![known(1, 3)]);
        assert_eq!(told(&all, &new), [(2, false, 4)]);
        assert!(told(&all, &old).is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_never_asked_for() {
        let mut all = Breakpoints::default();
        let ids = all.replace("a", &Source::default(), at(&[0, 2]));
        assert_eq!(all.wanted("a").ids, [ids[1]]);
        let body = &all.bodies(&ids, &Convention::default())[0];
        assert_eq!((body.reason, body.message.as_deref()), (Some("failed"), Some(NO_SUCH_LINE)));
    }
}
