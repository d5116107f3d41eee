//! One function: its entry, its instructions one after the other, and what was put off to the end.

use crate::stub::{Service, Stubs};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler, dynasm};
use perilune_isa::instruction::Instruction;
use perilune_isa::op::BREAKPOINT;
use perilune_vm::tier::assist::{self, Assist};
use perilune_vm::tier::{Function, layout};

/// Machine code that can be placed anywhere.
pub struct Assembled {
    /// The code.
    pub bytes: Vec<u8>,
    /// Where a call enters.
    pub entry: Option<u32>,
    /// Where each word of code goes on; 0 within instructions.
    pub places: Box<[u32]>,
}

type Cold<'a> = Box<dyn FnOnce(&mut Assembler<'a>) + 'a>;

/// State of the compiler between two instructions.
pub struct Assembler<'a> {
    /// The function.
    pub function: &'a Function<'a>,
    /// The code so far.
    pub asm: VecAssembler<X64Relocation>,
    /// The word after the instruction under way.
    pub next: usize,
    pc: usize,
    labels: Vec<DynamicLabel>,
    services: Vec<DynamicLabel>,
    missed: Option<DynamicLabel>,
    cold: Vec<Cold<'a>>,
}

/// Translates a function.
pub fn assemble(function: &Function<'_>, stubs: &Stubs) -> Assembled {
    let mut asm = VecAssembler::new(0);
    let labels = function.code.iter().map(|_| asm.new_dynamic_label()).collect();
    let services = Service::ALL.iter().map(|_| asm.new_dynamic_label()).collect();
    let mut assembler =
        Assembler { function, asm, next: 0, pc: 0, labels, services, missed: None, cold: Vec::new() };
    let entry = assembler.entry();
    let places = assembler.instructions();
    assembler.end(stubs);
    let bytes = assembler.asm.finalize().expect("every label is placed");
    Assembled { bytes, entry, places }
}

impl<'a> Assembler<'a> {
    /// Where compiled calls arrive, with the header written and the number of arguments in `eax`.
    fn entry(&mut self) -> Option<u32> {
        // No instruction may be at offset 0.
        dynasm!(self.asm ; .arch x64 ; int3);
        let entry = self.asm.offset().0 as u32;
        if self.function.is_vararg {
            self.enter_vararg();
            return Some(entry);
        }
        let (size, limit) = (i32::from(self.function.max_stack) * 16, layout::LIMIT as i32);
        let slow = self.asm.new_dynamic_label();
        dynasm!(self.asm
            ; .arch x64
            ; lea rcx, [rbx + size]
            ; cmp rcx, [r12 + limit]
            ; ja =>slow
            ; cmp DWORD [r13], 0
            ; jne =>slow
        );
        let enter_slow = self.service(Service::EnterSlow);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>slow ; mov edx, eax ; jmp =>enter_slow);
        });
        let params = i32::from(self.function.params);
        if params > 0 {
            let (fill, body) = (self.asm.new_dynamic_label(), self.labels[0]);
            dynasm!(self.asm ; .arch x64 ; cmp eax, params ; jb =>fill);
            self.put_off(move |this| {
                dynasm!(this.asm
                    ; .arch x64
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
        Some(entry)
    }

    /// The entry of a function that takes extra arguments: its frame moves above them.
    fn enter_vararg(&mut self) {
        let (slow, refused) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let (enter_slow, body) = (self.service(Service::EnterSlow), self.labels[1]);
        dynasm!(self.asm
            ; .arch x64
            ; cmp DWORD [r13], 0
            ; jne =>slow
            ; mov r14d, eax
            ; mov rdi, r12
            ; mov rsi, rbx
            ; mov edx, eax
            ; mov rax, QWORD assist::enter_vararg as *const () as i64
            ; call rax
            ; test rax, rax
            ; jz =>refused
            ; mov rbx, rax
            ; jmp =>body
        );
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>refused
                ; mov eax, r14d
                ; =>slow
                ; mov edx, eax
                ; jmp =>enter_slow
            );
        });
    }

    fn instructions(&mut self) -> Box<[u32]> {
        let code = self.function.code;
        let mut places = vec![0; code.len()].into_boxed_slice();
        while self.next < code.len() {
            self.pc = self.next;
            let label = self.labels[self.pc];
            dynasm!(self.asm ; .arch x64 ; =>label);
            places[self.pc] = self.asm.offset().0 as u32;
            let word = code[self.pc];
            let Some(instruction) = Instruction::decode(word & !BREAKPOINT, code.get(self.pc + 1).copied().unwrap_or(0)) else {
                // The verifier lets no such code through.
                self.next += 1;
                self.step();
                continue;
            };
            self.next = self.pc + instruction.words();
            self.missed = None;
            if word & BREAKPOINT != 0 {
                self.step();
            } else {
                self.template(instruction);
            }
            if let Some(missed) = self.missed.take() {
                let (pc, service) = (self.pc as i32, self.service(Service::Missed));
                self.put_off(move |this| {
                    dynasm!(this.asm ; .arch x64 ; =>missed ; mov edx, pc ; jmp =>service);
                });
            }
        }
        places
    }

    fn end(&mut self, stubs: &Stubs) {
        // Verified code never runs over its end.
        dynasm!(self.asm ; .arch x64 ; int3);
        while let Some(cold) = self.cold.pop() {
            cold(self);
        }
        for (service, label) in Service::ALL.into_iter().zip(std::mem::take(&mut self.services)) {
            let address = stubs.service(service) as i64;
            dynasm!(self.asm ; .arch x64 ; =>label ; mov rax, QWORD address ; jmp rax);
        }
        // Labels within instructions are never jumped to.
    }

    /// Has code of the instruction under way emitted behind the function, out of the way.
    pub fn put_off(&mut self, cold: impl FnOnce(&mut Assembler<'a>) + 'a) {
        let (pc, next) = (self.pc, self.next);
        self.cold.push(Box::new(move |this| {
            (this.pc, this.next) = (pc, next);
            cold(this);
        }));
    }

    /// The label to jump to for a service, with its argument in `edx`.
    pub fn service(&self, service: Service) -> DynamicLabel {
        self.services[service as usize]
    }

    /// The label of the instruction at a pc.
    pub fn label_at(&self, pc: usize) -> DynamicLabel {
        self.labels[pc]
    }

    /// The pc that a jump from the end of this instruction leads to.
    pub fn target(&self, offset: i32) -> usize {
        (self.next as i64 + i64::from(offset)) as usize
    }

    /// The label to jump to when a fast path does not fit; nothing may have been written before.
    pub fn missed(&mut self) -> DynamicLabel {
        *self.missed.get_or_insert_with(|| self.asm.new_dynamic_label())
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
        dynasm!(self.asm
            ; .arch x64
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

    /// An instruction that the machine does, and that may allocate.
    pub fn assisted(&mut self, assist: Assist) {
        let stepped = self.stepped();
        self.assist(assist, stepped);
        let (next, collect, label) = (self.next, self.service(Service::Collect), self.asm.new_dynamic_label());
        dynasm!(self.asm ; .arch x64 ; cmp QWORD [r12 + layout::DEBT as i32], 0 ; jge =>label);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>label ; mov edx, next as i32 ; jmp =>collect);
        });
    }

    /// Leaves the instruction to the interpreter.
    pub fn step(&mut self) {
        let (pc, step) = (self.pc as i32, self.service(Service::Step));
        dynasm!(self.asm ; .arch x64 ; mov edx, pc ; jmp =>step);
    }

    /// A label in cold code that leaves the instruction to the interpreter, without counting a miss.
    pub fn stepped(&mut self) -> DynamicLabel {
        self.served(Service::Step)
    }

    /// A label in cold code that has a service deal with the instruction.
    pub fn served(&mut self, service: Service) -> DynamicLabel {
        let (label, pc, service) = (self.asm.new_dynamic_label(), self.pc as i32, self.service(service));
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>label ; mov edx, pc ; jmp =>service);
        });
        label
    }

    /// After something was allocated: goes on at a pc, where the collector works first if it is due.
    pub fn go_on_after_allocation(&mut self, pc: usize) {
        let (label, collect) = (self.labels[pc], self.service(Service::Collect));
        dynasm!(self.asm
            ; .arch x64
            ; cmp QWORD [r12 + layout::DEBT as i32], 0
            ; jl =>label
            ; mov edx, pc as i32
            ; jmp =>collect
        );
    }

    /// Jumps to an instruction, by way of a poll.
    pub fn jump_back(&mut self, target: usize) {
        let (label, poll, pc) = (self.labels[target], self.asm.new_dynamic_label(), target as i32);
        let service = self.service(Service::Poll);
        dynasm!(self.asm ; .arch x64 ; cmp DWORD [r13], 0 ; je =>label ; jmp =>poll);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>poll ; mov edx, pc ; jmp =>service);
        });
    }
}
