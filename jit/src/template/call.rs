//! Calls, returns and loops.
//!
//! A call writes the header of the new frame, the address at which the caller
//! goes on included, and jumps; a return jumps back by that address, or to the
//! machine when the caller is interpreted.

use super::intrinsic::{BYTES, LENGTH};
use super::{CLOSURE, INT, TRUE, payload, tag_of};
use crate::encode::x64;
use crate::flow::{LoopForm, loop_form};
use crate::function::{Assembler, Read};
use crate::homes::Home;
use crate::offset::ID;
use crate::registers::Registers;
use crate::state::Source;
use crate::stub::{Routine, Service};
use crate::switch;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_isa::BREAKPOINT;
use perilune_isa::instruction::Instruction;
use perilune_vm::leaf::{Intrinsic, MOST_WANTED};
use perilune_vm::object::{Closure, ProtoObject, Thread};
use perilune_vm::stack;
use perilune_vm::tier::seen::Callee;
use perilune_vm::tier::{self, assist, layout};
use perilune_vm::value::tag;
use std::mem::offset_of;

/// Kind and flags in the head of a frame, but for the flag of tail calls: 0 for calls by Lua.
const SPECIAL: i32 = 0xff00_ff00_u32 as i32 & !TAIL;

/// In the head of a frame: it has moved above its extra arguments.
const MOVED: i32 = (stack::flag::VARARG as i32) << 24;
/// In the head of a frame: it was entered by a tail call.
const TAIL: i32 = (stack::flag::TAIL as i32) << 24;

/// The head of a frame that was called as a metamethod, for one result.
const METAMETHOD: i32 = CLOSURE | (stack::kind::META as i32) << 8 | 2 << 16;

/// The head of a frame that was called as a `__close` metamethod.
const CLOSING: i32 = CLOSURE | (stack::kind::CLOSE as i32) << 8 | 1 << 16;

/// Bytes of the instruction at the address to which calls return.
const RETURN_LENGTH: i32 = layout::RETURN_LENGTH as i32;

/// The head of a frame that was called by compiled or interpreted Lua code for `n` results, with nothing special.
const fn plain_head(n: u8) -> i32 {
    tag::CLOSURE as i32 | (n as i32 + 1) << 16
}

impl Assembler<'_> {
    /// Calls `r[a]` with `b - 1` arguments, or up to the top, for `c - 1` results, or all.
    pub fn call(&mut self, a: u8, b: u8, c: u8) {
        if self.intrinsic(a, b, c) {
            return;
        }
        self.vacate();
        let after = self.asm.new_dynamic_label();
        let called = self.called(Service::Call, after);
        let other = match self.seen().callee() {
            Callee::Unseen | Callee::Itself | Callee::Lua if !self.function.is_final => self.call_unseen(a, called),
            Callee::Native(id) if self.is_plain_native(id) => self.call_one_native(id, a, b, c, called, after),
            _ if c <= MOST_WANTED => self.call_leaf(a, b, c, called, after),
            _ => called,
        };
        let address = self.asm.new_dynamic_label();
        let any = move |this: &mut Self| {
            this.load_entry(a, other, called);
            this.load_count(a, b);
            this.jump_to_entry(a, c, address);
        };
        match self.calls_itself(b) {
            Some(n) => {
                let differs = self.asm.new_dynamic_label();
                self.call_itself(a, n, c, address, differs);
                self.put_off(move |this| {
                    x64!(this.asm ; =>differs);
                    any(this);
                });
            }
            None => any(self),
        }
        self.bind_address(address, (i32::from(a) + 2) * 16);
        self.bind_return(a, after);
    }

    /// The number of arguments, if the instruction has called nothing but the function it stands in, which takes no extra
    /// arguments.
    fn calls_itself(&self, b: u8) -> Option<u8> {
        b.checked_sub(1).filter(|_| self.seen().callee() == Callee::Itself && !self.function.is_vararg)
    }

    /// Goes to `other` unless `r[a]` is a Lua function.
    fn check_closure(&mut self, a: u8, other: DynamicLabel) {
        if self.tag(a) != Some(tag::CLOSURE) {
            x64!(self.asm ; cmp TAG [rbx + tag_of(a)], CLOSURE ; jne =>other);
        }
    }

    /// Gets the function itself into `rsi`; goes to `other` unless `r[a]` is that.
    fn check_itself(&mut self, a: u8, other: DynamicLabel) {
        self.check_closure(a, other);
        x64!(self.asm ; mov rsi, [rbx - 32] ; cmp rsi, [rbx + payload(a)] ; jne =>other);
    }

    /// Calls `r[a]` with `n` arguments if it is the function itself; goes to `other` otherwise, or if that cannot be now.
    fn call_itself(&mut self, a: u8, n: u8, c: u8, address: DynamicLabel, other: DynamicLabel) {
        let base = (i32::from(a) + 2) * 16;
        self.check_itself(a, other);
        self.check_entry(base, other);
        for missing in n..self.function.params {
            x64!(self.asm ; mov QWORD [rbx + base + tag_of(missing)], 0);
        }
        // Written again: what it was found by is a row of loads, which each call would wait for in the next one.
        x64!(self.asm ; mov [rbx + payload(a)], rsi);
        self.write_header(a, c, address);
        let body = self.body;
        x64!(self.asm ; jmp =>body);
    }

    /// A label in cold code that has the machine make a call, which comes back to `after`.
    pub fn called(&mut self, service: Service, after: DynamicLabel) -> DynamicLabel {
        let (label, served) = (self.asm.new_dynamic_label(), self.served(service));
        let word = (self.function.code[self.pc()] & !BREAKPOINT) as i32;
        self.put_off(move |this| {
            x64!(this.asm ; =>label ; lea rcx, [=>after] ; mov r8d, word ; jmp =>served);
        });
        label
    }

    /// Here a call of `r[a]` returns: what is below has not changed, unless it is shared.
    pub fn bind_return(&mut self, a: u8, after: DynamicLabel) {
        self.forget_all(Registers::range(u16::from(a)..u16::MAX));
        self.state.shapes.clear();
        x64!(self.asm ; =>after);
    }

    /// Where a compiled callee goes that has put one slot or more, `delta`, between the frames: it has left `rbx` as it
    /// was. Who has set `rbx` comes in [`RETURN_LENGTH`] behind.
    pub fn bind_address(&mut self, address: DynamicLabel, delta: i32) {
        x64!(self.asm ; =>address);
        let start = self.asm.offset().0;
        x64!(self.asm ; sub rbx, DWORD delta);
        debug_assert_eq!(self.asm.offset().0 - start, RETURN_LENGTH as usize);
    }

    /// The number of arguments of a call of `r[a]` in `eax`.
    fn load_count(&mut self, a: u8, b: u8) {
        let first = (i32::from(a) + 2) * 16;
        match b.checked_sub(1) {
            Some(n) => x64!(self.asm ; mov eax, i32::from(n)),
            None => x64!(self.asm
                ; mov rsi, [r12 + layout::THREAD as i32]
                ; mov eax, [rsi + offset_of!(Thread, top) as i32]
                ; shl rax, 4
                ; add rax, [rsi + offset_of!(Thread, stack) as i32]
                ; sub rax, rbx
                ; sub rax, first
                ; shr rax, 4
            ),
        }
    }

    /// Makes the frame of a call of `r[a]`, which is entered at `rcx` with `eax` arguments, for `c - 1` results.
    fn jump_to_entry(&mut self, a: u8, c: u8, address: DynamicLabel) {
        self.write_header(a, c, address);
        x64!(self.asm ; jmp rcx);
    }

    /// Writes the header of the frame of a call of `r[a]` for `c - 1` results, but for the function, and goes there.
    fn write_header(&mut self, a: u8, c: u8, address: DynamicLabel) {
        let delta = u32::from(a) + 2;
        let base = delta as i32 * 16;
        let link = stack::link(self.next as u32, delta) as i64;
        x64!(self.asm
            ; mov QWORD [rbx + tag_of(a)], (tag::CLOSURE | u64::from(c) << 16) as i32
            ; lea rsi, [=>address]
            ; mov rdi, QWORD link
            ; mov [rbx + base - 16], rsi
            ; mov [rbx + base - 8], rdi
            ; add rbx, imm base
        );
    }

    /// The Lua function `r[a]` in `rdi` and where it is entered in `rcx`; goes to `other` when it is no Lua
    /// function, and to `uncompiled` when it has no entry.
    pub fn load_entry(&mut self, a: u8, other: DynamicLabel, uncompiled: DynamicLabel) {
        self.check_closure(a, other);
        x64!(self.asm
            ; mov rdi, [rbx + payload(a)]
            ; mov rdx, [rdi + offset_of!(Closure, proto) as i32]
            ; mov rcx, [rdx + offset_of!(ProtoObject, entry) as i32]
            ; test rcx, rcx
            ; jz =>uncompiled
        );
    }

    /// Code for a callee that is no Lua function, where no native was called so far.
    fn call_unseen(&mut self, a: u8, called: DynamicLabel) -> DynamicLabel {
        let (other, missed) = (self.asm.new_dynamic_label(), self.missed());
        self.put_off(move |this| {
            x64!(this.asm
                ; =>other
                ; cmp TAG [rbx + tag_of(a)], tag::NATIVE
                ; je =>missed
                ; jmp =>called
            );
        });
        other
    }

    /// Code for a callee that is no Lua function: natives may have a leaf form. Operands as in [`Assembler::call`].
    fn call_leaf(&mut self, a: u8, b: u8, c: u8, called: DynamicLabel, after: DynamicLabel) -> DynamicLabel {
        let other = self.asm.new_dynamic_label();
        self.put_off(move |this| {
            x64!(this.asm
                ; =>other
                ; cmp TAG [rbx + tag_of(a)], tag::NATIVE
                ; jne =>called
            );
            this.leaf(a, b, c, tier::call_leaf as *const (), called);
            x64!(this.asm ; jmp =>after);
        });
        other
    }

    /// Whether this is a native that only has to be called.
    fn is_plain_native(&self, id: u32) -> bool {
        self.function.natives.get(id as usize).is_some_and(|native| native.is_plain())
    }

    /// Code for a callee that is no Lua function, but so far was always one native. Operands as in [`Assembler::call`].
    fn call_one_native(
        &mut self,
        id: u32,
        a: u8,
        b: u8,
        c: u8,
        called: DynamicLabel,
        after: DynamicLabel,
    ) -> DynamicLabel {
        let other = self.asm.new_dynamic_label();
        self.put_off(move |this| {
            x64!(this.asm
                ; =>other
                ; cmp TAG [rbx + tag_of(a)], tag::NATIVE
                ; jne =>called
                ; mov rax, [rbx + payload(a)]
                ; cmp QWORD [rax + ID], id as i32
                ; jne =>called
            );
            this.call_known(id, a, b, c, after);
        });
        other
    }

    /// In cold code, with memory up to date: calls the native in `r[a]`, known to be this plain one, by its leaf form or as a
    /// whole, and goes to `after`.
    pub fn call_known(&mut self, id: u32, a: u8, b: u8, c: u8, after: DynamicLabel) {
        let native = &self.function.natives[id as usize];
        let (function, leaf) = (native.function as *const () as i64, native.leaf);
        let whole = self.asm.new_dynamic_label();
        if let (Some(leaf), 0..=MOST_WANTED) = (leaf, c) {
            x64!(self.asm ; mov r8, QWORD leaf as *const () as i64);
            self.leaf(a, b, c, tier::call_known_leaf as *const (), whole);
            x64!(self.asm ; jmp =>after);
        }
        let site = u64::from(a) | u64::from(c) << 8 | (self.next as u64) << 32;
        let service = self.service(Service::CallKnown);
        x64!(self.asm ; =>whole);
        self.load_count(a, b);
        x64!(self.asm
            ; mov r9d, eax
            ; mov rdx, QWORD site as i64
            ; lea rcx, [=>after]
            ; mov r8, QWORD function
            ; jmp =>service
        );
    }

    /// As [`Assembler::try_leaf`]; then the collector works if it is due, unless there may be any number of results: then
    /// the leaf form is declined while it is.
    fn leaf(&mut self, a: u8, b: u8, c: u8, function: *const (), declined: DynamicLabel) {
        self.try_leaf(a, b, c, function, declined);
        if let Some(results) = c.checked_sub(1) {
            self.collect_if_due(Some(a + results));
        }
    }

    /// Calls a native by its leaf form, with memory up to date, by a function of the machine that may be given more in
    /// `r8`; goes to `declined` when that cannot be.
    fn try_leaf(&mut self, a: u8, b: u8, c: u8, function: *const (), declined: DynamicLabel) {
        self.load_count(a, b);
        x64!(self.asm
            ; mov rdi, r12
            ; lea rsi, [rbx + payload(a)]
            ; mov edx, eax
            ; mov ecx, i32::from(c)
            ; mov rax, QWORD function as i64
            ; call rax
            ; test eax, eax
            ; jz =>declined
        );
    }

    /// The start of a generic loop.
    pub fn generic_for_prep(&mut self, a: u8, e: i32) {
        self.vacate();
        let stepped = self.stepped();
        x64!(self.asm ; cmp TAG [rbx + tag_of(a + 3)], TRUE ; jae =>stepped);
        self.go_to(self.target(e), false);
        self.alive = false;
    }

    /// A round of a generic loop: iterators that the machine knows, and compiled ones.
    pub fn generic_for_call(&mut self, a: u8, c: u8) {
        self.vacate();
        let (after, called) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let served = self.called(Service::CallIterator, after);
        let (iterate, other) = (self.routine(Routine::Iterate), self.asm.new_dynamic_label());
        x64!(self.asm ; cmp TAG [rbx + tag_of(a)], CLOSURE ; je =>called);
        if c <= 2 {
            x64!(self.asm ; lea rsi, [rbx + payload(a)] ; call =>iterate ; jc =>other);
        } else {
            x64!(self.asm ; jmp =>other);
        }
        self.put_off(move |this| {
            let unknown = this.asm.new_dynamic_label();
            x64!(this.asm ; =>other);
            switch::check_wrapped(&mut this.asm, payload(a), unknown);
            for (to, from) in [(a + 4, a), (a + 6, a + 1), (a + 7, a + 2)] {
                this.copy_memory(to, from);
            }
            this.jump_to_switch(Routine::Wrapped, a + 4, 2, c + 1, served, after);
            x64!(this.asm
                ; =>unknown
                ; mov rdi, r12
                ; lea rsi, [rbx + payload(a)]
                ; mov edx, i32::from(c)
                ; mov rax, QWORD tier::iterate as *const () as i64
                ; call rax
                ; test eax, eax
                ; jz =>served
                ; jmp =>after
            );
        });
        // The variable that controls the loop goes on in registers: by way of memory it would take longer than a round.
        let (control, joined) = (Read::Value(a + 4), self.asm.new_dynamic_label());
        self.put_off(move |this| {
            x64!(this.asm ; =>called);
            this.forget_all(Registers::range(u16::from(a)..u16::MAX));
            this.load_entry(a, served, served);
            for (to, from) in [(a + 4, a), (a + 6, a + 1), (a + 7, a + 2)] {
                this.copy_memory(to, from);
            }
            // Copying has used a register.
            x64!(this.asm ; mov eax, 2);
            let address = this.asm.new_dynamic_label();
            this.jump_to_entry(a + 4, c + 1, address);
            this.bind_address(address, (i32::from(a) + 6) * 16);
            // Here all others come back as well.
            x64!(this.asm ; =>after);
            this.read_again(control);
            x64!(this.asm ; jmp =>joined);
        });
        self.bind_return(a + 4, joined);
        self.leave(control);
    }

    /// Moves the frame above its arguments, as [`assist::enter_vararg`] does, with nothing changed when that is left to it
    /// at `other`: a frame with flags, too few arguments, or no room.
    pub fn move_frame(&mut self, other: DynamicLabel) {
        let (params, size) = (i32::from(self.function.params), i32::from(self.function.max_stack) * 16);
        x64!(self.asm
            ; mov edx, [rbx - 24]
            ; test edx, SPECIAL | TAIL
            ; jnz =>other
            ; mov ecx, eax
            ; sub ecx, imm params
            ; jb =>other
            ; lea edi, [rax + 2]
            ; shl rdi, 4
            ; lea rsi, [rbx + rdi]
            ; lea r8, [rsi + size]
            ; cmp r8, [r12 + layout::LIMIT as i32]
            ; ja =>other
            ; or edx, MOVED
            ; shl rcx, 32
            ; or rcx, rdx
            ; mov rax, [rbx - 32]
            ; mov rdx, [rbx - 16]
            ; shl rdi, 28
            ; add rdi, [rbx - 8]
            ; mov [rsi - 32], rax
            ; mov [rsi - 24], rcx
            ; mov [rsi - 16], rdx
            ; mov [rsi - 8], rdi
            // What stays behind is a value for whoever scans the registers.
            ; mov QWORD [rbx - 24], tag::CLOSURE as i32
            ; mov QWORD [rbx - 8], 0
        );
        for at in (0..params).map(|n| n * 16) {
            x64!(self.asm
                ; mov rax, [rbx + at]
                ; mov rdx, [rbx + at + 8]
                ; mov [rsi + at], rax
                ; mov [rsi + at + 8], rdx
            );
        }
        x64!(self.asm ; mov rbx, rsi);
    }

    /// `r[a], …` = the first `c - 1` of the extra arguments, or all of them.
    pub fn vararg(&mut self, a: u8, c: u8) {
        self.vacate();
        let (other, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        // How many there are in `rcx`, and the first of them two slots above `rdx`.
        x64!(self.asm
            ; mov rcx, [rbx - 24]
            ; test ecx, MOVED
            ; jz =>other
            ; shr rcx, 32
        );
        if c == 0 {
            self.select_of_extra(a);
        }
        x64!(self.asm ; mov rdx, rcx ; shl rdx, 4 ; neg rdx ; add rdx, rbx);
        match c.checked_sub(1) {
            Some(n) if n <= 4 => {
                x64!(self.asm ; cmp ecx, i32::from(n) ; jb =>other);
                for n in 0..n {
                    let from = i32::from(n) * 16 - 32;
                    x64!(self.asm
                        ; mov rax, [rdx + from]
                        ; mov rcx, [rdx + from + 8]
                        ; mov [rbx + payload(a + n)], rax
                        ; mov [rbx + tag_of(a + n)], rcx
                    );
                }
            }
            Some(_) => x64!(self.asm ; jmp =>other),
            None => x64!(self.asm
                ; lea rsi, [rbx + payload(a)]
                ; shl rcx, 4
                ; lea rdi, [rsi + rcx]
                ; cmp rdi, [r12 + layout::LIMIT as i32]
                ; ja =>other
                ; mov r8, [r12 + layout::THREAD as i32]
                ; mov rax, rdi
                ; sub rax, [r8 + offset_of!(Thread, stack) as i32]
                ; shr rax, 4
                ; mov [r8 + offset_of!(Thread, top) as i32], eax
                ; cmp rsi, rdi
                ; jae =>done
                ; next:
                ; mov rax, [rdx - 32]
                ; mov rcx, [rdx - 24]
                ; mov [rsi], rax
                ; mov [rsi + 8], rcx
                ; add rdx, 16
                ; add rsi, 16
                ; cmp rsi, rdi
                ; jb <next
            ),
        }
        x64!(self.asm ; =>done);
        self.put_off(move |this| {
            x64!(this.asm ; =>other);
            let stepped = this.stepped();
            this.assist(assist::vararg, stepped);
            x64!(this.asm ; jmp =>done);
        });
    }

    /// Where all extra arguments, of which there are `rcx`, are copied to `a` for a call of `select` alone that wants
    /// one of them, or to know how many they are: goes on behind the call with that, if it is what the call has seen.
    fn select_of_extra(&mut self, a: u8) {
        let (code, call_pc) = (self.function.code, self.next);
        let (Some(call), Some(seen)) = (Instruction::at(code, call_pc), self.function.seen.get(call_pc)) else { return };
        let Instruction::Call { a: function, b: 0, c: 2 } = call else { return };
        let Callee::Native(id) = seen.callee() else { return };
        let is_select = self.function.natives.get(id as usize).is_some_and(|native| native.intrinsic == Some(Intrinsic::Select));
        let after = call_pc + call.words();
        let is_flagged = code[call_pc] & BREAKPOINT != 0;
        if !is_select || is_flagged || a.checked_sub(3) != Some(function) || [call_pc, after].iter().any(|pc| self.flow.blocks[*pc].is_some()) {
            return;
        }
        let (not, is_count) = (self.asm.new_dynamic_label(), self.tag(function + 2) == Some(tag::STRING));
        let (which, goes_on) = (function + 2, self.label_at(after));
        x64!(self.asm
            ; cmp TAG [rbx + tag_of(function)], tag::NATIVE
            ; jne =>not
            ; mov rax, [rbx + payload(function)]
            ; cmp QWORD [rax + ID], id as i32
            ; jne =>not
            ; mov rax, [rbx + payload(which)]
        );
        if is_count {
            x64!(self.asm
                ; cmp QWORD [rax + LENGTH], 1
                ; jne =>not
                ; cmp BYTE [rax + BYTES], b'#' as i8
                ; jne =>not
                ; mov [rbx + payload(function)], rcx
                ; mov QWORD [rbx + tag_of(function)], INT
            );
        } else {
            x64!(self.asm
                ; cmp TAG [rbx + tag_of(which)], INT
                ; jne =>not
                // From the end: the last one is 0.
                ; mov rdx, rcx
                ; sub rdx, rax
                ; cmp rdx, rcx
                ; jae =>not
                ; shl rdx, 4
                ; neg rdx
                ; mov rax, [rbx + rdx - 48]
                ; mov rdx, [rbx + rdx - 40]
                ; mov [rbx + payload(function)], rax
                ; mov [rbx + tag_of(function)], rdx
            );
        }
        x64!(self.asm ; jmp =>goes_on ; =>not);
    }

    /// Jumps to the caller, whose address and pc are in the header.
    fn return_back(&mut self) {
        let interpreted = self.asm.new_dynamic_label();
        x64!(self.asm
            ; mov rsi, [rbx - 16]
            ; test rsi, rsi
            ; jz =>interpreted
            ; jmp rsi
        );
        self.put_off(move |this| {
            let resume = this.service(Service::Resume);
            x64!(this.asm ; =>interpreted ; mov rdx, [rbx - 8]);
            this.leave_frame();
            x64!(this.asm ; jmp =>resume);
        });
    }

    /// Sets `rbx` to the caller's register 0, by the link in `rdx`.
    fn leave_frame(&mut self) {
        x64!(self.asm ; mov rcx, rdx ; shr rcx, 28 ; and rcx, -16 ; sub rbx, rcx);
    }

    /// As [`Assembler::return_back`], with the address in `rsi` and the link in `rdx`, from a frame that may have moved.
    fn return_by_link(&mut self) {
        let resume = self.service(Service::Resume);
        self.leave_frame();
        x64!(self.asm
            ; test rsi, rsi
            ; jz =>resume
            ; add rsi, RETURN_LENGTH
            ; jmp rsi
        );
    }

    /// Calls `r[a]` in place of this frame; `c` tells whether variables of the frame may be captured.
    pub fn tail_call(&mut self, a: u8, b: u8, c: u8) {
        self.vacate();
        self.alive = false;
        let (served, other) = (self.served(Service::TailCall), self.asm.new_dynamic_label());
        let (moved, is_vararg) = (self.asm.new_dynamic_label(), self.function.is_vararg);
        if is_vararg {
            self.put_off(move |this| {
                x64!(this.asm ; =>moved);
                this.tail_call_from_moved(a, b, served);
            });
        }
        if c != 0 {
            self.assist_with(assist::close, 0, served);
        }
        let any = move |this: &mut Self| {
            this.load_entry(a, other, served);
            x64!(this.asm ; mov rsi, [rbx - 24]);
            if is_vararg {
                x64!(this.asm ; test esi, MOVED ; jnz =>moved);
            }
            x64!(this.asm ; or rsi, TAIL ; mov [rbx - 32], rdi ; mov [rbx - 24], rsi);
            match b.checked_sub(1) {
                Some(n) => {
                    for i in 0..n {
                        this.copy_memory(i, a + 2 + i);
                    }
                    x64!(this.asm ; mov eax, i32::from(n) ; jmp rcx);
                }
                None => {
                    this.load_count(a, 0);
                    x64!(this.asm ; mov r8, rbx);
                    this.move_arguments(a);
                }
            }
        };
        match self.calls_itself(b) {
            Some(n) => {
                let differs = self.asm.new_dynamic_label();
                self.tail_call_itself(a, n, differs);
                self.put_off(move |this| {
                    x64!(this.asm ; =>differs);
                    any(this);
                });
            }
            None => any(self),
        }
        self.tail_call_leaf(a, b, other, served);
    }

    /// Calls `r[a]` with `n` arguments in place of this frame if it is the function itself; goes to `other` otherwise, or
    /// if somebody wants attention.
    fn tail_call_itself(&mut self, a: u8, n: u8, other: DynamicLabel) {
        self.check_itself(a, other);
        x64!(self.asm ; cmp DWORD [r13], 0 ; jne =>other);
        self.count_run(0);
        x64!(self.asm ; mov rsi, [rbx - 24] ; or rsi, TAIL ; mov [rbx - 24], rsi);
        for i in 0..n.min(self.function.params) {
            self.copy_memory(i, a + 2 + i);
        }
        for missing in n..self.function.params {
            x64!(self.asm ; mov QWORD [rbx + tag_of(missing)], 0);
        }
        let body = self.body;
        x64!(self.asm ; jmp =>body);
    }

    /// Makes a tail call of `r[a]`, which is in `rdi` and entered at `rcx`, from a frame that has moved above its extra
    /// arguments: the new one begins where that did. A frame with something special is left to `other`.
    fn tail_call_from_moved(&mut self, a: u8, b: u8, other: DynamicLabel) {
        x64!(self.asm ; test esi, SPECIAL & !MOVED ; jnz =>other);
        self.load_count(a, b);
        x64!(self.asm
            ; mov rsi, [rbx - 24]
            ; mov r15, [rbx - 16]
            ; mov r14, [rbx - 8]
            // So many slots lie between: the extra arguments, the parameters, and the header that was left there.
            ; mov rdx, rsi
            ; shr rdx, 32
            ; add rdx, i32::from(self.function.params) + 2
            ; mov r8, rdx
            ; shl r8, 32
            ; sub r14, r8
            ; shl rdx, 4
            ; mov r8, rbx
            ; sub rbx, rdx
            ; mov [rbx - 32], rdi
            ; mov esi, esi
            ; and esi, !MOVED
            ; or esi, TAIL
            ; mov [rbx - 24], rsi
            ; mov [rbx - 16], r15
            ; mov [rbx - 8], r14
        );
        self.move_arguments(a);
    }

    /// Moves `eax` arguments of a tail call of `r[a]` in the frame at `r8` to where the new frame begins, and enters that
    /// at `rcx`.
    fn move_arguments(&mut self, a: u8) {
        let first = payload(a) + 32;
        x64!(self.asm
            ; mov edi, eax
            ; shl rdi, 4
            ; mov r9d, eax
            ; xor esi, esi
            ; jmp >check
            ; next:
            // Two words, as they were written: to read them as one would wait for both to reach the cache.
            ; mov rax, [r8 + rsi + first]
            ; mov rdx, [r8 + rsi + first + 8]
            ; mov [rbx + rsi], rax
            ; mov [rbx + rsi + 8], rdx
            ; add rsi, 16
            ; check:
            ; cmp rsi, rdi
            ; jb <next
            ; mov eax, r9d
            ; jmp rcx
        );
    }

    /// At `other`: a native in tail position that has a leaf form, unless the collector is due.
    fn tail_call_leaf(&mut self, a: u8, b: u8, other: DynamicLabel, served: DynamicLabel) {
        self.put_off(move |this| {
            x64!(this.asm
                ; =>other
                ; cmp TAG [rbx + tag_of(a)], tag::NATIVE
                ; jne =>served
                ; mov eax, [rbx - 24]
                ; test eax, SPECIAL & !MOVED
                ; jz >plain
                ; and eax, !TAIL
                ; cmp eax, METAMETHOD
                ; jne =>served
                // What returns to the interpreter does so by the machine.
                ; cmp QWORD [rbx - 16], 0
                ; je =>served
                ; jmp >wanted
                ; plain:
                // One result is wanted, or none: a leaf form gives no more.
                ; shr eax, 16
                ; sub al, 1
                ; cmp al, 1
                ; ja =>served
                ; wanted:
                ; cmp QWORD [r12 + layout::DEBT as i32], 0
                ; jge =>served
            );
            this.try_leaf(a, b, 2, tier::call_leaf as *const (), served);
            this.forget(a);
            this.return_one(a);
        });
    }

    /// Returns the `n` values from `r[a]`, or all up to the top, when the caller or the frame is not plain, and goes
    /// to `stepped` when the caller is not a Lua function.
    fn return_spread(&mut self, a: u8, n: u32, stepped: DynamicLabel) {
        x64!(self.asm
            // The values may be put where the link is.
            ; mov r14, [rbx - 16]
            ; mov r15, [rbx - 8]
            ; mov rdi, r12
            ; mov rsi, rbx
            ; mov edx, i32::from(a)
            ; mov ecx, n as i32
            ; mov rax, QWORD assist::deliver as *const () as i64
            ; call rax
            ; test eax, eax
            ; jz =>stepped
            ; mov rsi, r14
            ; mov rdx, r15
        );
        self.return_by_link();
    }

    /// Returns the `b - 1` values from `r[a]`, or all up to the top; `c` tells whether variables of the frame may be
    /// captured.
    pub fn return_many(&mut self, a: u8, b: u8, c: u8) {
        self.vacate();
        self.alive = false;
        let stepped = self.stepped();
        if c != 0 {
            self.close(0, b == 0, stepped);
        }
        let Some(n) = b.checked_sub(1) else { return self.return_spread(a, assist::ALL, stepped) };
        let spread = self.asm.new_dynamic_label();
        x64!(self.asm
            ; mov rax, [rbx - 24]
            ; test eax, SPECIAL
            ; jnz =>spread
            ; shr eax, 16
            ; cmp al, (n + 1) as i8
            ; jne =>spread
            // The values may be put where the link is.
            ; mov r14, [rbx - 16]
            ; mov r15, [rbx - 8]
        );
        if n > 8 {
            x64!(self.asm ; jmp =>spread);
        } else {
            for i in 0..n {
                let to = i32::from(i) * 16 - 32;
                x64!(self.asm
                    ; mov rax, [rbx + payload(a + i)]
                    ; mov rdx, [rbx + tag_of(a + i)]
                    ; mov [rbx + to], rax
                    ; mov [rbx + to + 8], rdx
                );
            }
            let interpreted = self.asm.new_dynamic_label();
            x64!(self.asm ; mov rsi, r14 ; test rsi, rsi ; jz =>interpreted ; jmp rsi);
            self.put_off(move |this| {
                let resume = this.service(Service::Resume);
                x64!(this.asm ; =>interpreted ; mov rdx, r15);
                this.leave_frame();
                x64!(this.asm ; jmp =>resume);
            });
        }
        self.put_off(move |this| {
            x64!(this.asm ; =>spread);
            this.return_spread(a, u32::from(n), stepped);
        });
    }

    /// Returns nothing.
    pub fn return_none(&mut self) {
        self.alive = false;
        let [one, back, special, spread] = std::array::from_fn(|_| self.asm.new_dynamic_label());
        x64!(self.asm
            ; cmp DWORD [rbx - 24], plain_head(0)
            ; jne =>one
            ; =>back
        );
        self.return_back();
        self.put_off(move |this| {
            x64!(this.asm
                ; =>one
                ; mov eax, [rbx - 24]
                ; test eax, SPECIAL
                ; jnz =>special
                ; shr eax, 16
                ; and eax, 0xff
                ; cmp eax, 1
                ; je =>back
                ; cmp eax, 2
                ; jne =>spread
                ; mov QWORD [rbx - 24], tag::NIL as i32
                ; jmp =>back
                ; =>special
            );
            this.check_protected(spread);
            x64!(this.asm ; xor edi, edi ; jmp =>back ; =>spread);
            this.spill();
            let stepped = this.stepped();
            this.return_spread(0, 0, stepped);
        });
    }

    /// Returns `r[a]`.
    pub fn return_one(&mut self, a: u8) {
        let [none, back, store, special, spread] = std::array::from_fn(|_| self.asm.new_dynamic_label());
        let (tag, source) = (self.tag(a), self.peek(a));
        let is_vector = tag == Some(tag::FLOAT);
        x64!(self.asm
            ; cmp DWORD [rbx - 24], plain_head(1)
            ; jne =>none
            ; =>store
        );
        match source {
            Source::In(n) if is_vector => x64!(self.asm ; movsd [rbx - 32], Rx(n)),
            Source::In(n) => x64!(self.asm ; mov [rbx - 32], Rq(n)),
            Source::At(at) => x64!(self.asm ; mov rcx, [rbx + at] ; mov [rbx - 32], rcx),
        }
        match tag {
            Some(tag) => x64!(self.asm ; mov QWORD [rbx - 24], tag as i32),
            None => x64!(self.asm ; mov rdx, [rbx + tag_of(a)] ; mov [rbx - 24], rdx),
        }
        x64!(self.asm ; =>back);
        self.return_back();
        self.alive = false;
        self.put_off(move |this| {
            // All results are wanted, and the end of them is the caller's top.
            x64!(this.asm
                ; =>none
                ; mov eax, [rbx - 24]
                ; cmp eax, plain_head(1) | TAIL
                ; je =>store
                ; test eax, SPECIAL
                ; jnz =>special
                ; shr eax, 16
                ; and eax, 0xff
                ; cmp eax, 2
                ; je =>store
                ; cmp eax, 1
                ; je =>back
                ; test eax, eax
                ; jnz =>spread
                ; mov rsi, [r12 + layout::THREAD as i32]
                ; lea rdi, [rbx - 16]
                ; sub rdi, [rsi + offset_of!(Thread, stack) as i32]
                ; shr rdi, 4
                ; mov [rsi + offset_of!(Thread, top) as i32], edi
                ; jmp =>store
                ; =>special
            );
            this.check_protected(spread);
            x64!(this.asm ; mov edi, 1 ; jmp =>store ; =>spread);
            this.spill();
            let stepped = this.stepped();
            this.return_spread(a, 1, stepped);
        });
    }

    /// Goes to `other` unless the frame, whose head is in `eax`, was called by compiled code in the place of `pcall`, or
    /// as a metamethod: that takes the number of results in `edi`. Of `__close`, nobody takes any.
    fn check_protected(&mut self, other: DynamicLabel) {
        let protected = CLOSURE | i32::from(stack::kind::PROTECTED) << 8;
        x64!(self.asm
            ; and eax, !TAIL
            ; cmp eax, METAMETHOD
            ; je >known
            ; cmp eax, CLOSING
            ; je >known
            ; cmp eax, protected
            ; jne =>other
            ; known:
            ; cmp QWORD [rbx - 16], 0
            ; je =>other
        );
    }

    /// The start of a numeric loop; in place for integers and the steps 1 and -1.
    pub fn for_prep(&mut self, a: u8, e: i32) {
        let (start, limit, step, value) = (a, a + 1, a + 2, a + 3);
        if loop_form(self.seen(), &self.state.tags, a) == LoopForm::Any {
            return self.any_for_prep(a, e);
        }
        // Here homes are of no use: the loop has its own idea of them.
        self.vacate();
        let missed = self.missed();
        self.guard(start, tag::INT, missed);
        self.guard(step, tag::INT, missed);
        let (general, join) = (self.asm.new_dynamic_label(), self.join());
        if self.tag(limit) != Some(tag::INT) {
            x64!(self.asm ; cmp TAG [rbx + tag_of(limit)], INT ; jne =>general);
        }
        let known_step = match self.before() {
            Some(Instruction::LoadInt { a, sbx }) if a == step => Some(sbx),
            _ => None,
        };
        if !matches!(known_step, Some(1 | -1)) {
            x64!(self.asm ; cmp QWORD [rbx + payload(step)], 1 ; jne =>general);
        }
        let skip = self.way(self.target(e));
        x64!(self.asm
            ; mov rax, [rbx + payload(start)]
            ; mov rcx, [rbx + payload(limit)]
            ; cmp rax, rcx
        );
        match known_step {
            Some(-1) => x64!(self.asm ; jl =>skip ; mov rdx, rax ; sub rdx, rcx ; mov rcx, rdx),
            _ => x64!(self.asm ; jg =>skip ; sub rcx, rax),
        }
        x64!(self.asm
            ; mov [rbx + payload(limit)], rcx
            ; mov [rbx + payload(value)], rax
            ; mov QWORD [rbx + tag_of(value)], INT
        );
        self.put_off(move |this| {
            x64!(this.asm ; =>general);
            let stepped = this.stepped();
            this.assist(assist::for_prep, stepped);
            x64!(this.asm ; cmp eax, 1 ; jne =>skip);
            this.rejoin(join);
        });
        self.bind_join(join);
        self.forget(value);
        (a..=value).for_each(|r| self.learn(r, tag::INT));
    }

    /// The start of a numeric loop over anything.
    fn any_for_prep(&mut self, a: u8, e: i32) {
        self.vacate();
        let stepped = self.stepped();
        self.forget_all(Registers::range(u16::from(a)..u16::from(a) + 4));
        let skip = self.way(self.target(e));
        self.assist(assist::for_prep, stepped);
        x64!(self.asm ; cmp eax, 1 ; jne =>skip);
    }

    /// The end of a numeric loop's round.
    pub fn for_loop(&mut self, a: u8, e: i32) {
        let target = self.target(e);
        if !(a..a + 3).all(|r| self.tag(r) == Some(tag::INT)) {
            return self.any_for_loop(a, target);
        }
        let (start, rounds, step, value) = (a, a + 1, a + 2, a + 3);
        let end = self.asm.new_dynamic_label();
        let before = self.state.clone();
        // The rounds change only when there is one more.
        match self.source(rounds) {
            Source::In(n) => x64!(self.asm ; sub Rq(n), 1 ; jb =>end),
            Source::At(at) => x64!(self.asm ; sub QWORD [rbx + at], 1 ; jb =>end),
        }
        let is_home = matches!(self.peek(rounds), Source::In(_));
        if is_home {
            self.define(rounds, tag::INT);
        }
        let (known_step, is_own) = self.flow.loop_kind(target, self.pc(), a);
        let at = self.general_target(value, tag::INT);
        // The variable is where the loop is, unless the body sets it.
        let current = if is_own && self.tag(value) == Some(tag::INT) { self.source(value) } else { self.peek(start) };
        self.load_general(at, current);
        match (known_step, self.peek(step)) {
            (Some(step), _) => x64!(self.asm ; add Rq(at), imm step),
            (None, Source::In(n)) => x64!(self.asm ; add Rq(at), Rq(n)),
            (None, Source::At(distance)) => x64!(self.asm ; add Rq(at), [rbx + distance]),
        }
        match self.homes.of(start, tag::INT) {
            Some(Home::General(n)) => {
                x64!(self.asm ; mov Rq(n), Rq(at));
                self.define(start, tag::INT);
            }
            _ => x64!(self.asm ; mov [rbx + payload(start)], Rq(at)),
        }
        self.define(value, tag::INT);
        self.go_back(target);
        // Nobody reads the loop's own registers any more, but they are integers still.
        self.state = before;
        self.state.home.remove(rounds);
        self.state.pending.remove(rounds);
        x64!(self.asm ; =>end);
    }

    /// The end of a round of a numeric loop over anything.
    fn any_for_loop(&mut self, a: u8, target: usize) {
        self.vacate();
        let (start, rounds, step, value) = (a, a + 1, a + 2, a + 3);
        let (float, end, join) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.join());
        let before = self.state.clone();
        x64!(self.asm
            ; cmp TAG [rbx + tag_of(step)], INT
            ; jne =>float
            ; mov rax, [rbx + payload(rounds)]
            ; sub rax, 1
            ; jb =>end
            ; mov [rbx + payload(rounds)], rax
            ; mov rcx, [rbx + payload(start)]
            ; add rcx, [rbx + payload(step)]
            ; mov [rbx + payload(start)], rcx
            ; mov [rbx + payload(value)], rcx
            ; mov QWORD [rbx + tag_of(value)], INT
        );
        self.forget(value);
        self.bind_join(join);
        self.go_back(target);
        self.put_off(move |this| {
            x64!(this.asm
                ; =>float
                ; movsd xmm1, [rbx + payload(step)]
                ; movsd xmm0, [rbx + payload(start)]
                ; addsd xmm0, xmm1
                ; movsd xmm2, [rbx + payload(rounds)]
                ; xorps xmm3, xmm3
                ; ucomisd xmm1, xmm3
                ; ja >up
                // Downwards: limit <= value.
                ; ucomisd xmm0, xmm2
                ; jb =>end
                ; jmp >go
                ; up:
                ; ucomisd xmm2, xmm0
                ; jb =>end
                ; go:
                ; movsd [rbx + payload(start)], xmm0
            );
            this.store_float(value);
            this.rejoin(join);
        });
        self.state = before;
        x64!(self.asm ; =>end);
    }

    /// The end of a generic loop's round.
    pub fn generic_for_loop(&mut self, a: u8, e: i32) {
        let end = self.asm.new_dynamic_label();
        let control = Read::Value(a + 4);
        if !self.is_left(control) {
            self.read_again(control);
        }
        self.vacate();
        x64!(self.asm ; test edx, edx ; je =>end);
        let before = self.state.clone();
        x64!(self.asm ; mov [rbx + payload(a + 2)], rcx ; mov [rbx + tag_of(a + 2)], rdx);
        self.forget(a + 2);
        self.go_back(self.target(e));
        self.state = before;
        x64!(self.asm ; =>end);
    }
}
