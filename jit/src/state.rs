//! What the code knows between two instructions, and how it changes that.
//!
//! The frame in memory is right but for the registers that are *pending*: these have their value in their home, and
//! whoever leaves the code stores them first. A register in its home need not be read from memory.

use crate::encode::x64;
use crate::flow::Tags;
use crate::function::Assembler;
use crate::homes::{Home, Homes};
use crate::registers::Registers;
use crate::stub::Service;
use crate::template::{FLOAT, payload, tag_of};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::value::tag;

/// What is known at some place of the code.
#[derive(Clone, PartialEq)]
pub struct State {
    /// Tags of registers.
    pub tags: Tags,
    /// Registers whose value is in their home.
    pub home: Registers,
    /// Those of them whose value is not in memory.
    pub pending: Registers,
    /// Registers whose tag in memory is the known one.
    pub same: Registers,
    /// Tables in registers whose shape is known.
    pub shapes: Vec<(u8, u32)>,
}

impl State {
    /// Nothing is known.
    pub fn new() -> State {
        State::with(Tags::NONE)
    }

    /// Only tags are known, and memory has all.
    pub fn with(tags: Tags) -> State {
        let mut same = Registers::default();
        tags.known().for_each(|(r, _)| same.add(r));
        State { tags, home: Registers::default(), pending: Registers::default(), same, shapes: Vec::new() }
    }

    /// The registers whose value is in their home.
    pub fn homes(&self, homes: &Homes) -> impl Iterator<Item = (u8, Home)> {
        self.home.iter().filter_map(|r| Some((r, homes.of(r, self.tags.get(r)?)?)))
    }

    /// The shape of the table in a register.
    pub fn shape(&self, r: u8) -> u32 {
        self.shapes.iter().find(|(known, _)| *known == r).map_or(0, |(_, shape)| *shape)
    }

    fn forget(&mut self, registers: Registers) {
        self.tags.forget(registers);
        for known in [&mut self.home, &mut self.pending, &mut self.same] {
            *known = known.minus(registers);
        }
        self.shapes.retain(|(r, _)| !registers.has(*r));
    }
}

/// Where an operand is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a machine register.
    In(u8),
    /// At a distance from the frame's register 0.
    At(i32),
}

impl Assembler<'_> {
    /// The known tag of a register.
    pub fn tag(&self, r: u8) -> Option<u64> {
        self.state.tags.get(r)
    }

    fn is_shared(&self, r: u8) -> bool {
        Registers(self.function.shared).has(r)
    }

    /// The register, whose value is in memory, turned out to have a tag.
    pub fn learn(&mut self, r: u8, tag: u64) {
        if !self.is_shared(r) {
            self.state.tags.set(r, Some(tag));
            self.state.same.add(r);
        }
    }

    /// Goes to `other` unless the register has the tag, which is known from then on.
    pub fn guard(&mut self, r: u8, tag: u64, other: DynamicLabel) {
        match self.tag(r) {
            Some(known) if known == tag => {}
            Some(_) => x64!(self.asm ; jmp =>other),
            None => {
                x64!(self.asm ; cmp TAG [rbx + tag_of(r)], tag ; jne =>other);
                self.learn(r, tag);
            }
        }
    }

    /// The home of a register for the tag that it is known to have.
    fn known_home(&self, r: u8) -> Option<Home> {
        self.homes.of(r, self.tag(r)?)
    }

    /// Loads a home from memory.
    pub fn load_home(&mut self, r: u8, home: Home) {
        match home {
            Home::General(n) => x64!(self.asm ; mov Rq(n), [rbx + payload(r)]),
            Home::Vector(n) => x64!(self.asm ; movsd Rx(n), [rbx + payload(r)]),
        }
    }

    /// Where the payload of a register is read whose tag is known; it goes to its home on the way, if there is one.
    pub fn source(&mut self, r: u8) -> Source {
        let Some(home) = self.known_home(r) else { return Source::At(payload(r)) };
        if !self.state.home.has(r) {
            self.load_home(r, home);
            self.state.home.add(r);
        }
        match home {
            Home::General(n) | Home::Vector(n) => Source::In(n),
        }
    }

    /// As [`Assembler::source`], of any register, without a load.
    pub fn peek(&self, r: u8) -> Source {
        match self.known_home(r) {
            Some(Home::General(n) | Home::Vector(n)) if self.state.home.has(r) => Source::In(n),
            _ => Source::At(payload(r)),
        }
    }

    /// The vector register for a float result; `xmm0` when the register has no home.
    pub fn float_target(&self, r: u8) -> u8 {
        match self.homes.of(r, tag::FLOAT) {
            Some(Home::Vector(n)) => n,
            _ => 0,
        }
    }

    /// The general register for a result; `rax` when the register has no home.
    pub fn general_target(&self, r: u8, tag: u64) -> u8 {
        match self.homes.of(r, tag) {
            Some(Home::General(n)) => n,
            _ => 0,
        }
    }

    /// The register gets the value that the instruction has put into its target, with a tag that is known.
    pub fn define(&mut self, r: u8, tag: u64) {
        let is_same = self.set_known(r, tag);
        match self.homes.of(r, tag) {
            Some(_) => {
                self.state.home.add(r);
                self.state.pending.add(r);
            }
            None => {
                match tag {
                    tag::FLOAT => x64!(self.asm ; movsd [rbx + payload(r)], xmm0),
                    _ => x64!(self.asm ; mov [rbx + payload(r)], rax),
                }
                self.write_tag(r, tag, is_same);
            }
        }
    }

    /// The register gets a tag, and its payload in memory does not matter or has been written.
    pub fn define_tag(&mut self, r: u8, tag: u64) {
        let is_same = self.set_known(r, tag);
        self.write_tag(r, tag, is_same);
    }

    fn write_tag(&mut self, r: u8, tag: u64, is_same: bool) {
        if !is_same {
            x64!(self.asm ; mov QWORD [rbx + tag_of(r)], tag as i32);
            if self.tag(r).is_some() {
                self.state.same.add(r);
            }
        }
    }

    /// Whether memory has the tag.
    fn set_known(&mut self, r: u8, tag: u64) -> bool {
        let is_same = self.tag(r) == Some(tag) && self.state.same.has(r);
        self.forget(r);
        if !self.is_shared(r) {
            self.state.tags.set(r, Some(tag));
        }
        if is_same {
            self.state.same.add(r);
        }
        is_same
    }

    /// The register was written in memory, with whatever tag.
    pub fn forget(&mut self, r: u8) {
        self.state.forget(Registers::one(r));
    }

    /// Registers were written in memory.
    pub fn forget_all(&mut self, registers: Registers) {
        self.state.forget(registers);
    }

    /// Stores a register that is pending.
    fn store(&mut self, r: u8) {
        let Some(tag) = self.tag(r) else { return };
        match self.homes.of(r, tag) {
            Some(Home::General(n)) => x64!(self.asm ; mov [rbx + payload(r)], Rq(n)),
            Some(Home::Vector(n)) => x64!(self.asm ; movsd [rbx + payload(r)], Rx(n)),
            None => {}
        }
        if !self.state.same.has(r) {
            x64!(self.asm ; mov QWORD [rbx + tag_of(r)], tag as i32);
            self.state.same.add(r);
        }
        self.state.pending.remove(r);
    }

    /// Brings memory up to date.
    pub fn flush(&mut self) {
        debug_assert!(!self.has_exit(), "the way out would store what is no longer there");
        self.store_pending(Registers::ALL);
    }

    /// Stores the registers of a set that are pending.
    pub fn store_pending(&mut self, registers: Registers) {
        self.state.pending.and(registers).iter().for_each(|r| self.store(r));
    }

    /// Brings memory up to date; nothing is in a home afterwards.
    pub fn vacate(&mut self) {
        self.flush();
        self.state.home = Registers::default();
    }

    /// In cold code before a function of the machine is called, which changes homes.
    pub fn spill(&mut self) {
        self.store_pending(Registers::ALL);
        self.state.home = Registers::default();
    }

    /// Loads homes that a state has and this one lacks.
    pub fn load_homes(&mut self, wanted: &State) {
        for r in wanted.home.minus(self.state.home).iter() {
            if let Some(home) = wanted.tags.get(r).and_then(|tag| self.homes.of(r, tag)) {
                self.load_home(r, home);
            }
        }
    }

    /// Goes on from cold code where [`Assembler::bind_join`] binds the join.
    pub fn rejoin(&mut self, join: Join) {
        if let Some(state) = self.joins[join.0].clone() {
            self.load_homes(&state);
        }
        let label = self.join_labels[join.0];
        x64!(self.asm ; jmp =>label);
    }

    /// As [`Assembler::rejoin`], with the next value of a register already in its target.
    pub fn rejoin_but(&mut self, join: Join, target: u8) {
        if let Some(state) = self.joins[join.0].clone() {
            let loaded = self.state.home;
            self.state.home.add(target);
            self.load_homes(&state);
            self.state.home = loaded;
        }
        let label = self.join_labels[join.0];
        x64!(self.asm ; jmp =>label);
    }

    /// A place in the instruction that cold code comes back to.
    pub fn join(&mut self) -> Join {
        self.joins.push(None);
        self.join_labels.push(self.asm.new_dynamic_label());
        Join(self.joins.len() - 1)
    }

    /// Here cold code comes back.
    pub fn bind_join(&mut self, join: Join) {
        let label = self.join_labels[join.0];
        self.joins[join.0] = Some(self.snapshot());
        x64!(self.asm ; =>label);
    }

    /// What the code at a place that is jumped to relies on. The first who comes decides, but for tags.
    fn state_at(&mut self, pc: usize) -> State {
        if let Some(state) = &self.states[pc] {
            return (**state).clone();
        }
        let Some(block) = &self.flow.blocks[pc] else { return State::new() };
        let (tags, back) = (block.tags.clone(), block.back);
        let mut state = State::with(tags);
        let kept = self.flow.kept(pc);
        match back {
            Some(end) => {
                if let Some(written) = self.plain_loop(pc, end) {
                    for (r, tag) in state.tags.clone().known() {
                        if kept.has(r) && self.homes.of(r, tag).is_some() {
                            state.home.add(r);
                            if written.has(r) {
                                state.pending.add(r);
                                state.same.remove(r);
                            }
                        }
                    }
                }
            }
            None if self.alive => {
                for r in self.state.home.and(kept).iter() {
                    if state.tags.get(r).is_some() && state.tags.get(r) == self.tag(r) {
                        state.home.add(r);
                        if self.state.pending.has(r) {
                            state.pending.add(r);
                            state.same.remove(r);
                        }
                    }
                }
            }
            None => {}
        }
        self.states[pc] = Some(Box::new(state.clone()));
        state
    }

    /// What has to be done on the way to a place: stores, loads, and whether it relies on what is not known.
    fn way_to(&mut self, pc: usize) -> (State, Registers, bool) {
        let wanted = self.state_at(pc);
        let kept = self.flow.kept(pc);
        // What lies in memory under a value that nobody reads any more is an older value, complete.
        let stores = self.state.pending.minus(wanted.pending).and(kept);
        let fits = self.state.tags.imply(&wanted.tags);
        (wanted, stores, fits)
    }

    /// Brings about what the code at `pc` relies on, and jumps there unless it follows.
    pub fn go_to(&mut self, pc: usize, follows: bool) {
        let before = self.state.clone();
        let (wanted, stores, fits) = self.way_to(pc);
        if !fits {
            self.store_pending(Registers::ALL);
            let service = self.service(Service::Resume);
            x64!(self.asm ; mov edx, pc as i32 ; jmp =>service);
        } else {
            self.store_pending(stores);
            self.load_homes(&wanted);
            if !follows {
                let label = self.label_at(pc);
                x64!(self.asm ; jmp =>label);
            }
        }
        self.state = before;
    }

    /// A label that leads to the code at `pc`.
    pub fn way(&mut self, pc: usize) -> DynamicLabel {
        let (wanted, stores, fits) = self.way_to(pc);
        if fits && stores.is_empty() && wanted.home.minus(self.state.home).is_empty() {
            return self.label_at(pc);
        }
        let label = self.asm.new_dynamic_label();
        self.put_off(move |this| {
            x64!(this.asm ; =>label);
            this.go_to(pc, false);
        });
        label
    }

    /// Goes to the head of a loop, by way of a poll.
    pub fn go_back(&mut self, pc: usize) {
        let before = self.state.clone();
        self.count_run(self.pc());
        let (wanted, stores, fits) = self.way_to(pc);
        let (poll, service) = (self.asm.new_dynamic_label(), self.service(Service::Poll));
        if fits {
            self.store_pending(stores);
            self.load_homes(&wanted);
            let label = self.label_at(pc);
            x64!(self.asm ; cmp DWORD [r13], 0 ; je =>label ; jmp =>poll);
            self.put_off(move |this| {
                x64!(this.asm ; =>poll);
                this.store_pending(Registers::ALL);
                x64!(this.asm ; mov edx, pc as i32 ; jmp =>service);
            });
        } else {
            self.store_pending(Registers::ALL);
            let resume = self.service(Service::Resume);
            x64!(self.asm
                ; mov edx, pc as i32
                ; cmp DWORD [r13], 0
                ; je =>resume
                ; jmp =>service
            );
        }
        self.state = before;
    }

    /// The code at a place that is jumped to begins: what it relies on holds now.
    pub fn arrive(&mut self, pc: usize) {
        if self.alive {
            self.go_to(pc, true);
        }
        self.state = self.state_at(pc);
        self.alive = true;
    }

    /// Loads a known constant as float into a vector register.
    pub fn load_float_constant(&mut self, n: u8, value: f64) {
        if value.to_bits() == 0 {
            x64!(self.asm ; xorps Rx(n), Rx(n));
            return;
        }
        let label = self.float_constant(value);
        x64!(self.asm ; movsd Rx(n), [=>label]);
    }

    /// Loads an integer into a general register.
    pub fn load_int(&mut self, n: u8, value: i64) {
        match (u32::try_from(value), i32::try_from(value)) {
            (Ok(value), _) => x64!(self.asm ; mov Rd(n), value as i32),
            (_, Ok(value)) => x64!(self.asm ; mov Rq(n), value),
            _ => x64!(self.asm ; mov Rq(n), QWORD value),
        }
    }
}

/// See [`Assembler::join`].
#[derive(Clone, Copy)]
pub struct Join(usize);

const _: () = assert!(FLOAT as u64 == tag::FLOAT);
