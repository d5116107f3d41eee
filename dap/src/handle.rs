//! Numbers of frames and of values with children, as the client knows them.
//!
//! The program's own numbers have 64 bits and start again at each stop; the
//! client's have 31 and are never used twice, so one that outlived its stop is
//! recognised here.

use std::collections::HashMap;

use perilune_live::protocol::Value;

use crate::refusal::{Reason, Refusal};

/// What a `variablesReference` of the client stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// A scope or value of the program.
    Live {
        /// The program's number.
        reference: u64,
        /// The frame that it was reached from: expressions assigned to its children see that one's variables.
        frame: Option<u64>,
    },
    /// The several values of an evaluation.
    Values {
        /// In order.
        values: Vec<Value>,
        /// The frame it was evaluated in.
        frame: Option<u64>,
    },
}

/// The numbers that are good until the program goes on.
#[derive(Debug, Default)]
pub struct Handles {
    last: i32,
    frames: HashMap<i32, u64>,
    frame_numbers: HashMap<u64, i32>,
    parents: HashMap<i32, Parent>,
    parent_numbers: HashMap<(u64, Option<u64>), i32>,
}

impl Handles {
    /// The program goes on: what was handed out is void.
    pub fn clear(&mut self) {
        *self = Handles { last: self.last, ..Handles::default() };
    }

    fn next(&mut self) -> i32 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    /// The client's number of a frame.
    pub fn frame_out(&mut self, frame: u64) -> i64 {
        if let Some(number) = self.frame_numbers.get(&frame) {
            return (*number).into();
        }
        let number = self.next();
        self.frames.insert(number, frame);
        self.frame_numbers.insert(frame, number);
        number.into()
    }

    /// The frame that a number of the client stands for.
    pub fn frame_in(&self, number: i64) -> Result<u64, Refusal> {
        let frame = i32::try_from(number).ok().and_then(|number| self.frames.get(&number));
        frame.copied().ok_or_else(|| stale("frame", number))
    }

    /// The client's number of a scope or value; 0 stays 0.
    pub fn parent_out(&mut self, reference: u64, frame: Option<u64>) -> i64 {
        if reference == 0 {
            return 0;
        }
        if let Some(number) = self.parent_numbers.get(&(reference, frame)) {
            return (*number).into();
        }
        let number = self.next();
        self.parent_numbers.insert((reference, frame), number);
        self.parents.insert(number, Parent::Live { reference, frame });
        number.into()
    }

    /// A number for several values.
    pub fn values_out(&mut self, values: Vec<Value>, frame: Option<u64>) -> i64 {
        let number = self.next();
        self.parents.insert(number, Parent::Values { values, frame });
        number.into()
    }

    /// What a number of the client stands for.
    pub fn parent_in(&self, number: i64) -> Result<&Parent, Refusal> {
        let parent = i32::try_from(number).ok().and_then(|number| self.parents.get(&number));
        parent.ok_or_else(|| stale("variables reference", number))
    }
}

fn stale(what: &str, number: i64) -> Refusal {
    let text = format!("there is no {what} {number} at this stop");
    Refusal::new(Reason::Refused, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_small_stable_and_void_after_a_stop() {
        let mut handles = Handles::default();
        let frame = handles.frame_out(u64::MAX);
        assert_eq!(handles.frame_out(u64::MAX), frame);
        assert_eq!(handles.frame_in(frame), Ok(u64::MAX));
        let locals = handles.parent_out(9, Some(u64::MAX));
        assert_ne!(locals, frame);
        assert_eq!(handles.parent_out(9, Some(u64::MAX)), locals);
        assert_ne!(handles.parent_out(9, None), locals);
        handles.clear();
        assert!(handles.frame_in(frame).is_err());
        assert!(handles.parent_in(locals).is_err());
        assert!(handles.frame_out(1) > locals, "old numbers do not come back");
    }

    #[test]
    fn no_children_have_no_number() {
        assert_eq!(Handles::default().parent_out(0, None), 0);
        assert!(Handles::default().parent_in(0).is_err());
        assert!(Handles::default().parent_in(i64::MIN).is_err());
    }
}
