//! Calls of metamethods, where an instruction has called some, and what those of strings do.
//!
//! The machine finds the metamethod and makes its frame (`vm/core/src/tier/meta.rs`). The function returns to code of
//! the instruction that puts the result in its place and goes on behind.

use super::{TRUE, payload, tag_of};
use crate::encode::x64;
use crate::function::Assembler;
use crate::offset::{NATIVE_CALLS, SHAPE};
use crate::stub::Service;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_isa::instruction::Instruction;
use perilune_isa::op::{BREAKPOINT, Kind, Op};
use perilune_vm::object::Thread;
use perilune_vm::tier::{Fact, assist, layout, meta};
use std::mem::offset_of;

/// What becomes of a metamethod's result.
enum Result {
    /// It is dropped.
    Dropped,
    /// The register gets it.
    Value(u8),
    /// There is a jump when it is as true as `wanted`.
    Condition { wanted: bool, to: usize },
}

impl Assembler<'_> {
    /// In cold code, with memory up to date: calls the metamethod that decides the instruction under way, and goes on
    /// behind that. What follows is for what the machine declines.
    pub fn call_metamethod(&mut self) {
        let Some(result) = self.result() else { return };
        let declined = self.asm.new_dynamic_label();
        let word = (self.function.code[self.pc()] & !BREAKPOINT) as i32;
        let (pc, delta) = (self.pc() as i32, (i32::from(self.function.max_stack) + 2) * 16);
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, rbx
            ; mov edx, pc
            ; mov ecx, word
        );
        self.call_prepared(meta::prepare_metamethod as *const () as i64, declined);
        x64!(self.asm
            // The first result, and their number is in `edi`.
            ; xor eax, eax
            ; xor edx, edx
            ; test edi, edi
            ; jz >none
            ; mov rax, [rbx - 32]
            ; mov rdx, [rbx - 24]
            ; none:
            ; sub rbx, imm delta
        );
        match result {
            Result::Dropped => self.go_on(self.next, None),
            Result::Value(a) => {
                x64!(self.asm ; mov [rbx + payload(a)], rax ; mov [rbx + tag_of(a)], rdx);
                self.go_on(self.next, Some(a));
            }
            Result::Condition { wanted, to } => {
                x64!(self.asm ; cmp rdx, TRUE);
                match wanted {
                    true => x64!(self.asm ; jb >stays),
                    false => x64!(self.asm ; jae >stays),
                }
                self.go_on(to, None);
                x64!(self.asm ; stays:);
                self.go_on(self.next, None);
            }
        }
        x64!(self.asm ; =>declined);
    }

    /// Has the machine make the frame of a metamethod, and calls it; goes to `declined` when there is none that is
    /// compiled. When it has returned, its results are as calls leave them, and `rcx` is the coroutine.
    fn call_prepared(&mut self, prepare: i64, declined: DynamicLabel) {
        let returned = self.asm.new_dynamic_label();
        x64!(self.asm
            ; mov rax, QWORD prepare
            ; call rax
            ; test rax, rax
            ; jz =>declined
            ; lea rcx, [=>returned]
            ; mov [rdx - 16], rcx
            ; mov rbx, rdx
            ; jmp rax
            ; =>returned
            ; mov rcx, [r12 + layout::THREAD as i32]
            ; dec DWORD [rcx + NATIVE_CALLS]
        );
    }

    /// With memory up to date: closes variables from `r[from]` on; goes to `stepped` when the interpreter has to. Where
    /// `is_open`, values up to the top are in use.
    pub fn close(&mut self, from: u8, is_open: bool, stepped: DynamicLabel) {
        if !self.flow.marks_to_close() {
            return self.assist_with(assist::close, u32::from(from), stepped);
        }
        // The metamethod may change tables.
        self.state.shapes.clear();
        let [again, calls] = std::array::from_fn(|_| self.asm.new_dynamic_label());
        x64!(self.asm ; =>again);
        self.assist_with(assist::close, u32::from(from), calls);
        let pc = self.pc() as i32;
        self.put_off(move |this| {
            x64!(this.asm
                ; =>calls
                ; mov rdi, r12
                ; mov rsi, rbx
                ; mov edx, pc
                ; mov ecx, i32::from(from)
                ; mov r8d, i32::from(is_open)
            );
            this.call_prepared(meta::prepare_close as *const () as i64, stepped);
            x64!(this.asm
                ; lea rax, [rbx - 32]
                ; sub rax, [rcx + offset_of!(Thread, stack) as i32]
                ; shr rax, 4
                ; mov [rcx + offset_of!(Thread, top) as i32], eax
                ; mov eax, [rbx - 4]
                ; shl rax, 4
                ; sub rbx, rax
                ; jmp =>again
            );
        });
    }

    /// In cold code, with memory up to date: when the instruction under way is arithmetic, it is done with strings that
    /// read as numbers, and the code goes on behind it. What follows is for other operands.
    pub fn compute_with_strings(&mut self) {
        let word = self.function.code[self.pc()] & !BREAKPOINT;
        if !(Op::Add as u8..=Op::BNot as u8).contains(&(word as u8)) {
            return;
        }
        let Some(Result::Value(a)) = self.result() else { return };
        let declined = self.asm.new_dynamic_label();
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, rbx
            ; mov edx, word as i32
            ; mov rax, QWORD meta::compute_with_strings as *const () as i64
            ; call rax
            ; test eax, eax
            ; jz =>declined
        );
        self.go_on(self.next, Some(a));
        x64!(self.asm ; =>declined);
    }

    /// What becomes of a result of the instruction under way; `None` for one whose metamethods the machine calls itself.
    fn result(&self) -> Option<Result> {
        use Instruction as I;
        let word = self.function.code[self.pc()] & !BREAKPOINT;
        let instruction = I::decode(word, self.function.code.get(self.pc() + 1).copied().unwrap_or(0))?;
        Some(match instruction {
            I::SetField { .. } | I::SetFieldK { .. } | I::SetIndex { .. } | I::SetIndexK { .. } | I::SetInt { .. }
            | I::SetUpTable { .. } | I::SetUpTableK { .. } => Result::Dropped,
            I::Eq { c, e, .. }
            | I::Lt { c, e, .. }
            | I::Le { c, e, .. }
            | I::LtImm { c, e, .. }
            | I::LeImm { c, e, .. }
            | I::GtImm { c, e, .. }
            | I::GeImm { c, e, .. } => Result::Condition { wanted: c != 0, to: self.target(e) },
            I::Concat { a, b: 2 } => Result::Value(a),
            I::Concat { .. } | I::Method { .. } => return None,
            _ => Result::Value(instruction.operands().find(|(operand, _)| operand.kind == Kind::Out)?.1 as u8),
        })
    }

    /// Goes on at `to`, of which is known what held before this instruction. The register `written` has its result.
    fn go_on(&mut self, to: usize, written: Option<u8>) {
        let (known, wanted) = (self.facts_at(self.pc()), self.facts_at(to));
        let (from, surprised) = (self.pc() as i32, self.asm.new_dynamic_label());
        for Fact { register, tag, shape } in wanted {
            let is_written = written == Some(register);
            if is_written || !known.iter().any(|fact| fact.register == register && fact.tag == tag) {
                x64!(self.asm ; cmp TAG [rbx + tag_of(register)], tag ; jne =>surprised);
            }
            if shape != 0 {
                // The metamethod may have changed it.
                x64!(self.asm
                    ; mov rcx, [rbx + payload(register)]
                    ; cmp DWORD [rcx + SHAPE], shape as i32
                    ; jne =>surprised
                );
            }
        }
        let (entry, resume, surprise) = (self.entry_at(to), self.service(Service::Resume), self.service(Service::Surprise));
        x64!(self.asm ; jmp =>entry ; =>surprised ; mov edx, to as i32);
        match written {
            Some(_) => x64!(self.asm ; mov ecx, from ; jmp =>surprise),
            None => x64!(self.asm ; jmp =>resume),
        }
    }
}
