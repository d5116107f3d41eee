//! Breakpoints: what clients asked for, where it stops, and what happens at a hit.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use perilune_vm::Vm;
use perilune_vm::inspect::{FlagPlan, FrameKey, Here};

use super::Service;
use super::expression::Kept;
use super::source::Sources;
use crate::endpoint::ClientId;
use crate::protocol::{
    Breakpoint, BreakpointSpec, Event, Location, Output, OutputCategory, SetBreakpoints, SetBreakpointsResult, StopReason, Stopped,
};

/// A breakpoint and its client.
struct Placed {
    client: ClientId,
    path: String,
    spec: Rc<BreakpointSpec>,
    state: Breakpoint,
    hits: u64,
    /// Its expressions.
    kept: Kept,
}

/// All breakpoints of all clients.
#[derive(Default)]
pub(super) struct Breakpoints {
    next_id: u64,
    list: Vec<Placed>,
    /// Lines that stop, by path.
    lines: HashMap<String, BTreeSet<u32>>,
}

/// The lines to flag, for the machine.
pub(super) struct Plan<'a> {
    lines: &'a HashMap<String, BTreeSet<u32>>,
    sources: &'a Sources,
}

impl FlagPlan for Plan<'_> {
    fn lines(&self, chunk_name: &[u8]) -> Option<&BTreeSet<u32>> {
        if self.lines.is_empty() {
            return None;
        }
        match self.sources.path(chunk_name) {
            Some(path) => self.lines.get(&path),
            None => self.lines.get(&*String::from_utf8_lossy(&perilune_vm::inspect::chunk_id(chunk_name))),
        }
    }
}

impl Breakpoints {
    pub(super) fn plan<'a>(&'a self, sources: &'a Sources) -> Plan<'a> {
        Plan { lines: &self.lines, sources }
    }

    pub(super) fn remove_client(&mut self, vm: &mut Vm, client: ClientId) {
        for mut placed in self.list.extract_if(.., |placed| placed.client == client) {
            placed.kept.clear(vm);
        }
        self.collect_lines();
    }

    /// The compiled expressions of a breakpoint.
    pub(super) fn kept(&mut self, at: usize) -> &mut Kept {
        &mut self.list[at].kept
    }

    fn collect_lines(&mut self) {
        self.lines.clear();
        for placed in self.list.iter().filter(|placed| placed.state.verified) {
            self.lines.entry(placed.path.clone()).or_default().insert(placed.state.line);
        }
    }
}

/// Where a breakpoint asked for at `line` stops: the first line with code from there on, not beyond
/// the function around it.
fn resolve(line: u32, lines: &BTreeSet<u32>, functions: &[(u32, u32)]) -> Option<u32> {
    let around = functions.iter().filter(|(first, last)| *first <= line && line <= *last).min_by_key(|(first, last)| last - first);
    let end = around.map_or(u32::MAX, |(_, last)| *last);
    lines.range(line..=end.max(line)).next().copied()
}

/// Whether hit number `hits` counts.
fn counts(condition: &str, hits: u64) -> Result<bool, String> {
    let text = condition.trim();
    let (operator, number) = text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.trim().parse().map_err(|_| format!("hit condition '{condition}' is none of N, == N, >= N, > N, < N, <= N, % N"))?;
    match operator.trim() {
        "" | "=" | "==" => Ok(hits == number),
        ">=" => Ok(hits >= number),
        ">" => Ok(hits > number),
        "<" => Ok(hits < number),
        "<=" => Ok(hits <= number),
        "%" => Ok(number != 0 && hits.is_multiple_of(number)),
        _ => Err(format!("hit condition '{condition}' is none of N, == N, >= N, > N, < N, <= N, % N")),
    }
}

impl Service {
    pub(super) fn set_breakpoints(&mut self, vm: &mut Vm, client: ClientId, params: SetBreakpoints) -> SetBreakpointsResult {
        let path = if params.source.starts_with('[') { params.source.clone() } else { self.sources.normal(&params.source) };
        let (mut old, mut list): (Vec<_>, Vec<_>) = std::mem::take(&mut self.breakpoints.list).into_iter().partition(|placed| placed.client == client && placed.path == path);
        let (lines, functions) = self.stop_lines(vm, &path);
        let mut result = Vec::new();
        for placed in &mut old {
            placed.kept.clear(vm);
        }
        for spec in params.breakpoints {
            let same = old.iter().find(|placed| *placed.spec == spec);
            let id = same.map_or_else(|| self.new_id(), |placed| placed.state.id);
            let mut state = Breakpoint { id, verified: false, line: spec.line, message: None };
            place(&mut state, &spec, &lines, &functions);
            result.push(state.clone());
            let hits = same.map_or(0, |placed| placed.hits);
            list.push(Placed { client, path: path.clone(), spec: Rc::new(spec), state, hits, kept: Kept::default() });
        }
        self.breakpoints.list = list;
        self.breakpoints.collect_lines();
        vm.flag(&self.breakpoints.plan(&self.sources));
        SetBreakpointsResult { breakpoints: result }
    }

    fn new_id(&mut self) -> u64 {
        self.breakpoints.next_id += 1;
        self.breakpoints.next_id
    }

    fn stop_lines(&self, vm: &Vm, path: &str) -> (BTreeSet<u32>, Vec<(u32, u32)>) {
        let (mut lines, mut functions) = (BTreeSet::new(), Vec::new());
        for name in self.sources.chunk_names(vm, path) {
            let (more_lines, more_functions) = vm.stop_lines(&name);
            lines.extend(more_lines);
            functions.extend(more_functions);
        }
        (lines, functions)
    }

    /// Code of a source was loaded or replaced: its breakpoints are looked at again.
    pub(super) fn settle_breakpoints(&mut self, vm: &mut Vm, path: &str) {
        if !self.breakpoints.list.iter().any(|placed| placed.path == path) {
            return;
        }
        let (lines, functions) = self.stop_lines(vm, path);
        for placed in self.breakpoints.list.iter_mut().filter(|placed| placed.path == path) {
            let before = placed.state.clone();
            // What they were compiled for may be outdated.
            placed.kept.clear(vm);
            place(&mut placed.state, &placed.spec, &lines, &functions);
            if placed.state != before {
                self.link.send(placed.client, &Event::Breakpoint(placed.state.clone()));
            }
        }
        self.breakpoints.collect_lines();
        vm.flag(&self.breakpoints.plan(&self.sources));
    }

    /// A flagged instruction is about to run: why the program stops there, if it does.
    pub(super) fn hit(&mut self, vm: &mut Vm) -> Option<Stopped> {
        let here = vm.here().filter(|here| here.starts_line)?;
        let path = self.sources.path(&here.source).unwrap_or_else(|| String::from_utf8_lossy(&perilune_vm::inspect::chunk_id(&here.source)).into_owned());
        let at: Vec<usize> = (0..self.breakpoints.list.len())
            .filter(|at| {
                let placed = &self.breakpoints.list[*at];
                placed.state.verified && placed.state.line == here.line && placed.path == path
            })
            .collect();
        let conditions: Option<Vec<&str>> = at.iter().map(|at| self.breakpoints.list[*at].spec.condition.as_deref()).collect();
        let is_watched = conditions.is_some_and(|conditions| !conditions.is_empty() && vm.rule_out(&conditions));
        let (mut ids, mut text) = (Vec::new(), None);
        for (index, at) in at.into_iter().enumerate() {
            let known = if is_watched { vm.is_ruled_in(index) } else { None };
            match self.hit_one(vm, at, &here, known) {
                Ok(false) => {}
                Ok(true) => ids.push(self.breakpoints.list[at].state.id),
                Err(message) => {
                    ids.push(self.breakpoints.list[at].state.id);
                    text = Some(message);
                }
            }
        }
        (!ids.is_empty()).then(|| Stopped { reason: StopReason::Breakpoint, coroutine: here.coroutine, breakpoints: ids, text })
    }

    /// Whether one breakpoint stops; an error in its condition does. The machine may know already whether that holds.
    fn hit_one(&mut self, vm: &mut Vm, at: usize, here: &Here, known: Option<bool>) -> Result<bool, String> {
        let frame = FrameKey { coroutine: here.coroutine, level: 0 };
        let spec = self.breakpoints.list[at].spec.clone();
        if let Some(condition) = &spec.condition
            && !known.map_or_else(|| self.holds(vm, at, frame, condition), Ok)?
        {
            return Ok(false);
        }
        self.breakpoints.list[at].hits += 1;
        if let Some(condition) = &spec.hit_condition
            && !counts(condition, self.breakpoints.list[at].hits)?
        {
            return Ok(false);
        }
        let Some(message) = &spec.log_message else { return Ok(true) };
        let text = self.log_text(vm, at, frame, message);
        let location = Some(Location { source: self.sources.reference(&here.source), line: here.line });
        vm.flush_output();
        self.link.tell(&Event::Output(Output { category: OutputCategory::Log, text: text + "\n", location }));
        Ok(false)
    }

    /// The message with the value of each `{expression}` in its place.
    fn log_text(&mut self, vm: &mut Vm, at: usize, frame: FrameKey, message: &str) -> String {
        let mut text = String::new();
        let mut rest = message;
        while let Some(start) = rest.find('{') {
            let Some(length) = closing(&rest[start..]) else { break };
            text.push_str(&rest[..start]);
            let expression = &rest[start + 1..start + length];
            match self.display(vm, at, frame, expression) {
                Ok(value) => text.push_str(&value),
                Err(message) => text.push_str(&format!("<{message}>")),
            }
            rest = &rest[start + length + 1..];
        }
        text + rest
    }
}

/// Distance to the brace that closes the one at the beginning.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn place(state: &mut Breakpoint, spec: &BreakpointSpec, lines: &BTreeSet<u32>, functions: &[(u32, u32)]) {
    let wrong = spec.hit_condition.as_deref().and_then(|condition| counts(condition, 0).err());
    let found = resolve(spec.line, lines, functions);
    state.verified = found.is_some() && wrong.is_none();
    state.line = found.unwrap_or(spec.line);
    state.message = match (found, wrong) {
        (_, Some(wrong)) => Some(wrong),
        (Some(_), None) => None,
        (None, None) if lines.is_empty() => Some("the source is not loaded yet".into()),
        (None, None) => Some("there is no code at or after this line".into()),
    };
}

#[cfg(test)]
mod tests {
    use super::{closing, counts, resolve};
    use std::collections::BTreeSet;

    #[test]
    fn hit_conditions() {
        let hits = |condition| (1..=6).filter(|n| counts(condition, *n).unwrap_or(false)).collect::<Vec<_>>();
        assert_eq!(hits("3"), [3]);
        assert_eq!(hits(" == 3"), [3]);
        assert_eq!(hits(">= 5"), [5, 6]);
        assert_eq!(hits(">5"), [6]);
        assert_eq!(hits("%2"), [2, 4, 6]);
        assert_eq!(hits("% 0"), [] as [u64; 0]);
        assert!(counts("often", 1).is_err());
    }

    #[test]
    fn lines_without_code() {
        let lines = BTreeSet::from([2, 3, 8, 20]);
        let functions = [(1, 9), (5, 8)];
        assert_eq!(resolve(1, &lines, &functions), Some(2));
        assert_eq!(resolve(4, &lines, &functions), Some(8));
        assert_eq!(resolve(9, &lines, &functions), None);
        assert_eq!(resolve(10, &lines, &functions), Some(20));
        assert_eq!(resolve(21, &lines, &functions), None);
    }

    #[test]
    fn braces() {
        assert_eq!(closing("{a}b"), Some(2));
        assert_eq!(closing("{{1}}"), Some(4));
        assert_eq!(closing("{a"), None);
    }
}
