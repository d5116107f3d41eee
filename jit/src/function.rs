//! One function: its entry, its instructions one after the other, and what was put off to the end.

use crate::encode::x64;
use crate::flow::Flow;
use crate::homes::{Home, Homes};
use crate::registers::Registers;
use crate::state::State;
use crate::stub::{Routine, Service, Stubs};
use crate::template::{payload, tag_of};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler};
use perilune_isa::effect;
use perilune_isa::instruction::Instruction;
use perilune_isa::op::BREAKPOINT;
use perilune_vm::tier::assist::{self, Assist};
use perilune_vm::tier::seen::Seen;
use perilune_vm::tier::{Fact, Function, Place, layout};
use std::ops::Range;
use std::rc::Rc;

/// Machine code that can be placed anywhere.
pub struct Assembled {
    /// The code.
    pub bytes: Vec<u8>,
    /// Where a call enters.
    pub entry: Option<u32>,
    /// How each word of code goes on.
    pub places: Box<[Place]>,
    /// Where the code of each word begins; 0 within instructions.
    pub starts: Box<[u32]>,
    /// Lists of what places rely on.
    pub facts: Box<[Fact]>,
}

/// Code that loads the homes on which the code at `pc` relies.
struct Entry {
    pc: usize,
    /// Which they are.
    loads: Range<usize>,
    /// What else is read.
    read: Option<Read>,
    /// Where it begins, if code of the function itself jumps there.
    label: Option<DynamicLabel>,
}

/// Most parameters of a function with extra arguments that its entry moves itself.
const MOVED_PARAMETERS: u8 = 8;

/// What an instruction has read or written last and left in machine registers, for the next one alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// The tag of a register in `rdx`.
    Tag(u8),
    /// A register in `rcx` and `rdx`.
    Value(u8),
}

type Cold<'a> = Box<dyn FnOnce(&mut Assembler<'a>) + 'a>;

/// State of the compiler between two instructions.
pub struct Assembler<'a> {
    /// The function.
    pub function: &'a Function<'a>,
    /// The code so far.
    pub asm: &'a mut VecAssembler<X64Relocation>,
    /// The word after the instruction under way.
    pub next: usize,
    /// What was found out about the function.
    pub flow: Flow<'a>,
    /// Where registers are kept.
    pub homes: Homes,
    /// What is known here.
    pub state: State,
    /// Whether the code here is reached from the instruction before.
    pub alive: bool,
    /// By word: what the code at places that are jumped to relies on, once that is decided.
    pub states: Vec<Option<Box<State>>>,
    /// What is known where cold code comes back.
    pub joins: Vec<Option<Rc<State>>>,
    /// Their labels.
    pub join_labels: Vec<DynamicLabel>,
    pc: usize,
    labels: Vec<DynamicLabel>,
    services: [Option<DynamicLabel>; Service::ALL.len()],
    routines: [Option<DynamicLabel>; Routine::ALL.len()],
    /// What was known when it was last asked for, as much cold code is made for one and the same.
    snapshot: Option<Rc<State>>,
    missed: Option<DynamicLabel>,
    has_exit: bool,
    /// What the instruction before has left in machine registers.
    read: Option<Read>,
    cold: Vec<Cold<'a>>,
    entries: Vec<Entry>,
    /// The registers that entries load, and from where.
    loads: Vec<(u8, Home)>,
    places: Box<[Place]>,
    starts: Box<[u32]>,
    facts: Vec<Fact>,
    floats: Vec<(u64, DynamicLabel)>,
    /// Behind the entry of a function without extra arguments, with its parameters in place.
    pub body: DynamicLabel,
    /// See [`crate::template::calls_before`].
    calls_before: Box<[u32]>,
}

/// Translates a function. The assembler is empty, before and after; it keeps its lists' memory.
pub fn assemble<'a>(function: &'a Function<'_>, stubs: &Stubs, asm: &'a mut VecAssembler<X64Relocation>) -> Assembled {
    let words = function.code.len();
    // About what a function takes, so that little is moved.
    asm.reserve_ops(words * 64 + 1024);
    let labels = function.code.iter().map(|_| asm.new_dynamic_label()).collect();
    let flow = Flow::new(function);
    let homes = Homes::new(function, &flow);
    let calls_before = crate::template::calls_before(function, &flow);
    let body = asm.new_dynamic_label();
    let mut assembler = Assembler {
        function,
        asm,
        next: 0,
        flow,
        homes,
        state: State::new(),
        alive: true,
        states: (0..words).map(|_| None).collect(),
        joins: Vec::new(),
        join_labels: Vec::new(),
        pc: 0,
        labels,
        services: Default::default(),
        routines: Default::default(),
        snapshot: None,
        missed: None,
        has_exit: false,
        read: None,
        cold: Vec::new(),
        entries: Vec::new(),
        loads: Vec::new(),
        places: vec![Place::default(); words].into_boxed_slice(),
        starts: vec![0; words].into_boxed_slice(),
        facts: vec![Fact::END],
        floats: Vec::new(),
        body,
        calls_before,
    };
    let entry = assembler.entry();
    assembler.instructions();
    assembler.end(stubs);
    let Assembler { asm, places, starts, facts, .. } = assembler;
    let bytes = asm.take().expect("every label is placed");
    Assembled { bytes, entry, places, starts, facts: facts.into_boxed_slice() }
}

impl<'a> Assembler<'a> {
    /// Where compiled calls arrive, with the header written and the number of arguments in `eax`.
    fn entry(&mut self) -> Option<u32> {
        // No instruction may be at offset 0.
        x64!(self.asm ; int3);
        let entry = self.asm.offset().0 as u32;
        if self.function.is_vararg {
            self.enter_vararg();
            return Some(entry);
        }
        let slow = self.asm.new_dynamic_label();
        self.check_entry(0, slow);
        let enter_slow = self.service(Service::EnterSlow);
        self.put_off(move |this| {
            x64!(this.asm ; =>slow ; mov edx, eax ; jmp =>enter_slow);
        });
        let params = i32::from(self.function.params);
        if params > 0 {
            let (fill, body) = (self.asm.new_dynamic_label(), self.body);
            x64!(self.asm ; cmp eax, params ; jb =>fill);
            self.put_off(move |this| {
                x64!(this.asm
                    ; =>fill
                    ; mov ecx, eax
                    ; shl rcx, 4
                    ; mov QWORD [rbx + rcx + 8], 0
                    ; inc eax
                    ; cmp eax, params
                    ; jb =>fill
                    ; jmp =>body
                );
            });
        }
        let body = self.body;
        x64!(self.asm ; =>body);
        Some(entry)
    }

    /// Goes to `slow` unless there is room for the function's frame at a distance from this one, and nobody wants
    /// attention; then counts a call.
    pub fn check_entry(&mut self, distance: i32, slow: DynamicLabel) {
        let (end, limit) = (distance + i32::from(self.function.max_stack) * 16, layout::LIMIT as i32);
        x64!(self.asm
            ; lea rcx, [rbx + end]
            ; cmp rcx, [r12 + limit]
            ; ja =>slow
            ; cmp DWORD [r13], 0
            ; jne =>slow
        );
        self.count_run(0);
    }

    /// Counts a call, with 0, or that the loop's end at a pc leads back to its head, if that is wanted. Changes `rdi`.
    pub fn count_run(&mut self, pc: usize) {
        if let Some(runs) = self.function.runs {
            x64!(self.asm ; mov rdi, QWORD runs.wrapping_add(pc) as i64 ; inc QWORD [rdi]);
        }
    }

    /// The entry of a function that takes extra arguments: its frame moves above them.
    fn enter_vararg(&mut self) {
        let [slow, refused, other] = std::array::from_fn(|_| self.asm.new_dynamic_label());
        let (enter_slow, body) = (self.service(Service::EnterSlow), self.way(1));
        x64!(self.asm ; cmp DWORD [r13], 0 ; jne =>slow);
        if self.function.params <= MOVED_PARAMETERS {
            self.move_frame(other);
            self.count_run(0);
            x64!(self.asm ; jmp =>body);
        } else {
            x64!(self.asm ; jmp =>other);
        }
        self.put_off(move |this| {
            x64!(this.asm
                ; =>other
                ; mov r14d, eax
                ; mov rdi, r12
                ; mov rsi, rbx
                ; mov edx, eax
                ; mov rax, QWORD assist::enter_vararg as *const () as i64
                ; call rax
                ; test rax, rax
                ; jz =>refused
                ; mov rbx, rax
            );
            this.count_run(0);
            x64!(this.asm
                ; jmp =>body
                ; =>refused
                ; mov eax, r14d
                ; =>slow
                ; mov edx, eax
                ; jmp =>enter_slow
            );
        });
    }

    fn instructions(&mut self) {
        let code = self.function.code;
        while self.next < code.len() {
            self.pc = self.next;
            let word = code[self.pc];
            let Some(instruction) = Instruction::decode(word & !BREAKPOINT, code.get(self.pc + 1).copied().unwrap_or(0)) else {
                // The verifier lets no such code through.
                self.next += 1;
                continue;
            };
            self.next = self.pc + instruction.words();
            self.begin();
            if word & BREAKPOINT == 0 || self.rule_out() {
                self.template(instruction);
            } else {
                self.step();
            }
            if !self.alive {
                // The code that follows is entered by the machine, which looks whether the tags are right.
                self.state.tags.forget(Registers::range(effect::writes(instruction)));
                self.state = State::with(self.state.tags.clone());
            }
        }
    }

    /// The code of an instruction begins.
    fn begin(&mut self) {
        (self.missed, self.has_exit) = (None, false);
        if self.flow.blocks[self.pc].is_some() {
            self.arrive(self.pc);
        }
        let read = self.read.take().filter(|read| self.alive && self.flow.blocks[self.pc].is_none() && self.takes(*read));
        self.alive = true;
        let label = self.labels[self.pc];
        x64!(self.asm ; =>label);
        let offset = self.asm.offset().0 as u32;
        self.places[self.pc] = Place { offset, needs: self.need() };
        self.starts[self.pc] = offset;
        if !self.state.home.is_empty() || read.is_some() {
            let first = self.loads.len();
            self.loads.extend(self.state.homes(&self.homes));
            self.entries.push(Entry { pc: self.pc, loads: first..self.loads.len(), read, label: None });
        }
        self.read = read;
    }

    /// Whether the instruction under way is done in place, and begins with what was read.
    fn takes(&self, read: Read) -> bool {
        let (code, pc) = (self.function.code, self.pc);
        if code[pc] & BREAKPOINT != 0 {
            return false;
        }
        match (read, Instruction::at(code, pc)) {
            (Read::Tag(r), Some(Instruction::Test { a, .. })) => a == r,
            (Read::Value(r), Some(Instruction::TForLoop { a, .. })) => a + 4 == r,
            _ => false,
        }
    }

    /// What was read is in its place, at the end of an instruction that has stored it as well.
    pub fn leave(&mut self, read: Read) {
        self.read = Some(read);
    }

    /// Whether that is in its place, at the start of an instruction that wants it.
    pub fn is_left(&mut self, read: Read) -> bool {
        self.read.take() == Some(read)
    }

    /// Reads it from memory.
    pub fn read_again(&mut self, read: Read) {
        match read {
            Read::Tag(r) => x64!(self.asm ; movzx edx, BYTE [rbx + tag_of(r)]),
            Read::Value(r) => x64!(self.asm ; mov rcx, [rbx + payload(r)] ; mov rdx, [rbx + tag_of(r)]),
        }
    }

    /// Where the list begins of what the code here relies on.
    fn need(&mut self) -> u32 {
        let state = &self.state;
        let facts = || {
            let known = state.tags.known();
            known.map(|(register, tag)| Fact { register, tag: tag as u8, shape: state.shape(register) }).chain([Fact::END])
        };
        if let Some(last) = self.facts.len().checked_sub(state.tags.count() + 1)
            && facts().eq(self.facts[last..].iter().copied())
        {
            return last as u32;
        }
        let first = self.facts.len();
        self.facts.extend(facts());
        first as u32
    }

    fn end(&mut self, stubs: &Stubs) {
        // Verified code never runs over its end.
        x64!(self.asm ; int3);
        while let Some(cold) = self.cold.pop() {
            cold(self);
        }
        for Entry { pc, loads, read, label } in std::mem::take(&mut self.entries) {
            self.places[pc].offset = self.asm.offset().0 as u32;
            if let Some(label) = label {
                x64!(self.asm ; =>label);
            }
            loads.for_each(|at| self.load_home(self.loads[at].0, self.loads[at].1));
            if let Some(read) = read {
                self.read_again(read);
            }
            let code = self.labels[pc];
            x64!(self.asm ; jmp =>code);
        }
        for (service, label) in Service::ALL.into_iter().zip(self.services) {
            let Some(label) = label else { continue };
            let address = stubs.service(service) as i64;
            x64!(self.asm ; =>label ; mov rax, QWORD address ; jmp rax);
        }
        for (routine, label) in Routine::ALL.into_iter().zip(self.routines) {
            let Some(label) = label else { continue };
            let address = stubs.routine(routine) as i64;
            x64!(self.asm ; =>label ; mov rdi, QWORD address ; jmp rdi);
        }
        for (bits, label) in std::mem::take(&mut self.floats) {
            x64!(self.asm ; .align 8 ; =>label ; .u64 bits);
        }
        // Labels within instructions are never jumped to.
    }

    /// The place of a constant behind the code.
    pub fn float_constant(&mut self, value: f64) -> DynamicLabel {
        let bits = value.to_bits();
        if let Some((_, label)) = self.floats.iter().find(|(known, _)| *known == bits) {
            return *label;
        }
        let label = self.asm.new_dynamic_label();
        self.floats.push((bits, label));
        label
    }

    /// Of a flagged instruction: whether there are conditions without which it does not stop. If so, they are looked at.
    fn rule_out(&mut self) -> bool {
        let pc = self.pc as u32;
        let conditions = self.function.conditions.iter().find(|(at, _)| *at == pc).map(|(_, terms)| *terms);
        if let Some(terms) = conditions {
            self.conditions(terms);
            // What was asked before the instruction leaves it in another way.
            (self.missed, self.has_exit) = (None, false);
        }
        conditions.is_some()
    }

    /// What the instruction under way has seen.
    pub fn seen(&self) -> Seen {
        self.function.seen.get(self.pc).copied().unwrap_or_default()
    }

    /// The instruction before this one, when it always runs first.
    pub fn before(&self) -> Option<Instruction> {
        let at = self.pc.checked_sub(1).filter(|_| self.flow.blocks[self.pc].is_none())?;
        (self.places[at].offset != 0).then(|| Instruction::at(self.function.code, at)).flatten()
    }

    /// The pc of the instruction under way.
    pub fn pc(&self) -> usize {
        self.pc
    }

    /// Whether the instruction under way has a way out already.
    pub fn has_exit(&self) -> bool {
        self.has_exit
    }

    /// The loop from `head` to `end`, if it runs nothing that changes homes: the registers it writes.
    pub fn plain_loop(&self, head: usize, end: usize) -> Option<Registers> {
        crate::template::plain_loop(self.function, &self.calls_before, head, end)
    }

    /// Has code of the instruction under way emitted behind the function, out of the way.
    pub fn put_off(&mut self, cold: impl FnOnce(&mut Assembler<'a>) + 'a) {
        let (pc, next, state) = (self.pc, self.next, self.snapshot());
        self.cold.push(Box::new(move |this| {
            (this.pc, this.next, this.alive) = (pc, next, true);
            this.state.clone_from(&state);
            (this.missed, this.has_exit) = (None, false);
            cold(this);
        }));
    }

    /// What is known here, to be kept.
    pub fn snapshot(&mut self) -> Rc<State> {
        match &self.snapshot {
            Some(snapshot) if **snapshot == self.state => snapshot.clone(),
            _ => self.snapshot.insert(Rc::new(self.state.clone())).clone(),
        }
    }

    /// The label to jump to for a service, with its argument in `edx`.
    pub fn service(&mut self, service: Service) -> DynamicLabel {
        *self.services[service as usize].get_or_insert_with(|| self.asm.new_dynamic_label())
    }

    /// The label to call for a routine, which changes `rdi` besides what it says.
    pub fn routine(&mut self, routine: Routine) -> DynamicLabel {
        *self.routines[routine as usize].get_or_insert_with(|| self.asm.new_dynamic_label())
    }

    /// The label of the instruction at a pc.
    pub fn label_at(&self, pc: usize) -> DynamicLabel {
        self.labels[pc]
    }

    /// In cold code: the label at which the code at a pc is entered with no home loaded.
    pub fn entry_at(&mut self, pc: usize) -> DynamicLabel {
        match self.entries.binary_search_by_key(&pc, |entry| entry.pc) {
            Ok(at) => *self.entries[at].label.get_or_insert_with(|| self.asm.new_dynamic_label()),
            Err(_) => self.labels[pc],
        }
    }

    /// In cold code: what the code at a pc relies on.
    pub fn facts_at(&self, pc: usize) -> Vec<Fact> {
        let first = self.places[pc].needs as usize;
        self.facts[first..].iter().copied().take_while(|fact| fact.register != Fact::END.register).collect()
    }

    /// The pc that a jump from the end of this instruction leads to.
    pub fn target(&self, offset: i32) -> usize {
        (self.next as i64 + i64::from(offset)) as usize
    }

    /// The label to jump to when a fast path does not fit; nothing may have been written before.
    pub fn missed(&mut self) -> DynamicLabel {
        if let Some(missed) = self.missed {
            return missed;
        }
        let missed = self.served(Service::Missed);
        self.missed = Some(missed);
        missed
    }

    /// An instruction that was never done: the interpreter shall see what it meets.
    pub fn unseen(&mut self) {
        let missed = self.missed();
        x64!(self.asm ; jmp =>missed);
        self.alive = false;
    }

    /// Has the machine do the instruction under way without leaving the function; goes to `otherwise` when that cannot
    /// be. All registers of the processor that are not the frame's lose what they hold but `r14` and `r15`.
    pub fn assist(&mut self, assist: Assist, otherwise: DynamicLabel) {
        let second = self.function.code.get(self.pc + 1).copied().unwrap_or(0);
        self.assist_with(assist, second, otherwise);
    }

    /// As [`Assembler::assist`], with a second word that is not the instruction's.
    pub fn assist_with(&mut self, assist: Assist, second: u32, otherwise: DynamicLabel) {
        let word = self.function.code[self.pc] & !BREAKPOINT;
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, rbx
            ; mov edx, word as i32
            ; mov ecx, second as i32
            ; mov rax, QWORD assist as *const () as i64
            ; call rax
            ; test eax, eax
            ; jz =>otherwise
        );
    }

    /// An instruction that the machine does, and that may allocate; it sets `written`. Registers from `live` on
    /// hold nothing afterwards; without it, any may be in use.
    pub fn assisted(&mut self, assist: Assist, written: Registers, live: Option<u8>) {
        self.vacate();
        let stepped = self.stepped();
        self.assist(assist, stepped);
        self.forget_all(written);
        self.collect_if_due(live);
    }

    /// After something was allocated: the collector works if it is due. As to `live`, see [`Assembler::assisted`].
    pub fn collect_if_due(&mut self, live: Option<u8>) {
        let (next, collect, label) = (self.next, self.service(Service::Collect), self.asm.new_dynamic_label());
        x64!(self.asm ; cmp QWORD [r12 + layout::DEBT as i32], 0 ; jge =>label);
        self.put_off(move |this| {
            x64!(this.asm ; =>label);
            this.spill();
            x64!(this.asm ; mov edx, next as i32 ; mov ecx, live.map_or(-1, i32::from) ; jmp =>collect);
        });
    }

    /// Leaves the instruction to the interpreter.
    pub fn step(&mut self) {
        self.vacate();
        let (pc, step) = (self.pc as i32, self.service(Service::Step));
        x64!(self.asm ; mov edx, pc ; jmp =>step);
        self.alive = false;
    }

    /// A label in cold code that leaves the instruction to the interpreter, without counting a miss.
    pub fn stepped(&mut self) -> DynamicLabel {
        self.served(Service::Step)
    }

    /// A label in cold code that has a service deal with the instruction.
    pub fn served(&mut self, service: Service) -> DynamicLabel {
        let (leaves, seen) = (matches!(service, Service::Step | Service::Missed), self.seen());
        let is_metamethod = leaves && seen.has_metamethod();
        let has_strings = leaves && !is_metamethod && seen.has_other_operand();
        let (label, pc, service) = (self.asm.new_dynamic_label(), self.pc as i32, self.service(service));
        self.has_exit |= !self.state.pending.is_empty();
        self.put_off(move |this| {
            x64!(this.asm ; =>label);
            this.store_pending(Registers::ALL);
            if is_metamethod {
                this.call_metamethod();
            } else if has_strings {
                this.compute_with_strings();
            }
            x64!(this.asm ; mov edx, pc ; jmp =>service);
        });
        label
    }
}
