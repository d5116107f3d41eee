//! The ids that clients refer to frames, scopes and values by.
//!
//! Ids are never used twice. What was handed out while the program stood dies
//! when it goes on; what was handed out while it ran lives until its client
//! leaves, but only the newest of each client are kept.

use std::collections::{HashMap, VecDeque};

use perilune_vm::Vm;
use perilune_vm::inspect::{FrameKey, Pin};

use crate::endpoint::ClientId;
use crate::protocol::ScopeKind;

/// References that a client may have to a running program.
const MAX_RUNNING: usize = 10_000;

/// What a reference stands for.
pub(super) enum Handle {
    Scope { frame: FrameKey, kind: ScopeKind },
    /// A value, and an expression for it.
    Value { pin: Pin, name: Option<String> },
}

struct Entry {
    handle: Handle,
    client: ClientId,
    /// Handed out while the program stood.
    is_of_stop: bool,
}

/// All references.
#[derive(Default)]
pub(super) struct Handles {
    last: u64,
    entries: HashMap<u64, Entry>,
    frames: HashMap<u64, FrameKey>,
    running: HashMap<ClientId, VecDeque<u64>>,
}

impl Handles {
    pub(super) fn add(&mut self, vm: &mut Vm, client: ClientId, is_of_stop: bool, handle: Handle) -> u64 {
        self.last += 1;
        self.entries.insert(self.last, Entry { handle, client, is_of_stop });
        if !is_of_stop {
            let mine = self.running.entry(client).or_default();
            mine.push_back(self.last);
            if mine.len() > MAX_RUNNING
                && let Some(oldest) = mine.pop_front()
            {
                self.remove(vm, oldest);
            }
        }
        self.last
    }

    pub(super) fn get(&self, id: u64) -> Option<&Handle> {
        self.entries.get(&id).map(|entry| &entry.handle)
    }

    pub(super) fn add_frame(&mut self, key: FrameKey) -> u64 {
        self.last += 1;
        self.frames.insert(self.last, key);
        self.last
    }

    pub(super) fn frame(&self, id: u64) -> Option<FrameKey> {
        self.frames.get(&id).copied()
    }

    /// The program goes on.
    pub(super) fn forget_stop(&mut self, vm: &mut Vm) {
        self.frames.clear();
        self.retain(vm, |entry| !entry.is_of_stop);
    }

    /// Frames handed out while the program runs are of no use afterwards.
    pub(super) fn forget_frames(&mut self) {
        self.frames.clear();
    }

    pub(super) fn forget_client(&mut self, vm: &mut Vm, client: ClientId) {
        self.running.remove(&client);
        self.retain(vm, |entry| entry.client != client);
    }

    pub(super) fn clear(&mut self, vm: &mut Vm) {
        self.frames.clear();
        self.running.clear();
        self.retain(vm, |_| false);
    }

    fn retain(&mut self, vm: &mut Vm, keep: impl Fn(&Entry) -> bool) {
        let gone: Vec<u64> = self.entries.iter().filter(|(_, entry)| !keep(entry)).map(|(id, _)| *id).collect();
        for id in gone {
            self.remove(vm, id);
        }
    }

    fn remove(&mut self, vm: &mut Vm, id: u64) {
        if let Some(Entry { handle: Handle::Value { pin, .. }, .. }) = self.entries.remove(&id) {
            vm.unpin(pin);
        }
    }
}
