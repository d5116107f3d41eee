//! Natives in place: what busy functions of the library do for the arguments that were seen.
//!
//! The template checks that the call is of the native that was seen. For arguments that it does not know the native is
//! called, in cold code, and the results must have the tags that the code behind relies on.

use super::{BLACK, CLOSURE, INT, STRING, TABLE, TRUE, arith::Operand, payload, tag_of};
use crate::encode::x64;
use crate::function::Assembler;
use crate::offset::{ARRAY, ARRAY_CAP, ARRAY_LEN, HASH, ID, MARK, META, NATIVE_CALLS, UPVALUE};
use crate::registers::Registers;
use crate::state::{Join, Source};
use crate::stub::{Routine, Service};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_isa::instruction::Instruction;
use perilune_vm::leaf::Intrinsic;
use perilune_vm::object::Str;
use perilune_vm::stack;
use perilune_vm::tier::seen::{Callee, Class, Seen};
use perilune_vm::tier::{Function, layout};
use perilune_vm::value::tag;
use std::mem::offset_of;

/// Offset of a string's length.
pub const LENGTH: i32 = offset_of!(Str, len) as i32;
/// Offset of a string's bytes.
pub const BYTES: i32 = size_of::<Str>() as i32;
/// Most arguments, `pcall`'s function among them, that are moved in place.
const PROTECTED_ARGUMENTS: u8 = 7;

/// A native that a call has called, if the call is one that can be done in place.
fn of(function: &Function<'_>, seen: Seen, instruction: Instruction) -> Option<(Intrinsic, u32)> {
    let (Instruction::Call { a, b, c }, Callee::Native(id)) = (instruction, seen.callee()) else { return None };
    let intrinsic = function.natives.get(id as usize)?.intrinsic?;
    let is_number = matches!(seen.result(), Some(tag::INT | tag::FLOAT));
    let fits = match intrinsic {
        Intrinsic::Abs => b == 2 && c == 2 && is_number,
        Intrinsic::Floor => b == 2 && c == 2 && seen.result() == Some(tag::INT),
        Intrinsic::Sqrt => b == 2 && c == 2,
        Intrinsic::Max | Intrinsic::Min => b == 3 && c == 2 && is_number,
        Intrinsic::Type => b == 2 && c == 2,
        Intrinsic::Byte => matches!(b, 2 | 3) && c == 2 && seen.result() == Some(tag::INT),
        Intrinsic::Sub => b == 4 && c == 2,
        Intrinsic::Insert => b == 3 && c == 1,
        Intrinsic::Remove => b == 2 && matches!(c, 1 | 2),
        Intrinsic::Pairs | Intrinsic::Ipairs => b == 2 && c >= 4,
        Intrinsic::Protect | Intrinsic::ProtectWithHandler => {
            let least = if intrinsic == Intrinsic::Protect { 2 } else { 3 };
            // The arguments move behind the function's header.
            (least..=PROTECTED_ARGUMENTS + 1).contains(&b) && c != 0 && a.checked_add(b + 4).is_some()
        }
        Intrinsic::Resume | Intrinsic::Wrapped | Intrinsic::Yield => b != 0,
        // Done where the extra arguments would be copied for it.
        Intrinsic::Select => false,
    };
    fits.then_some((intrinsic, id))
}

/// Whether a call is done in place, and no function of the machine is called as a rule.
pub fn is_plain(function: &Function<'_>, seen: Seen, instruction: Instruction) -> bool {
    of(function, seen, instruction).is_some_and(|(intrinsic, _)| !enters_others(intrinsic))
}

/// Whether other Lua functions go on in the place of the caller.
fn enters_others(intrinsic: Intrinsic) -> bool {
    use Intrinsic as I;
    matches!(intrinsic, I::Protect | I::ProtectWithHandler | I::Resume | I::Wrapped | I::Yield)
}

/// The tags of a call's results, by distance from the register of the first, as far as they are known afterwards.
pub fn results(function: &Function<'_>, seen: Seen, instruction: Instruction) -> [Option<(u8, u64)>; 2] {
    let (Some((intrinsic, _)), Instruction::Call { c, .. }) = (of(function, seen, instruction), instruction) else {
        return [None; 2];
    };
    match intrinsic {
        Intrinsic::Sqrt => [Some((0, tag::FLOAT)), None],
        Intrinsic::Sub | Intrinsic::Type => [Some((0, tag::STRING)), None],
        Intrinsic::Pairs | Intrinsic::Ipairs => [Some((0, tag::NATIVE)), Some((1, tag::TABLE))],
        Intrinsic::Insert => [None; 2],
        _ if enters_others(intrinsic) => [None; 2],
        _ if c != 2 => [None; 2],
        _ => [seen.result().map(|tag| (0, tag)), None],
    }
}

/// The call under way.
#[derive(Clone, Copy)]
struct Site {
    /// The number of the native.
    id: u32,
    a: u8,
    b: u8,
    c: u8,
    /// Where it is made by the machine.
    other: DynamicLabel,
}

impl Assembler<'_> {
    /// Does the call in place if it is one of a native that has such a form.
    pub fn intrinsic(&mut self, a: u8, b: u8, c: u8) -> bool {
        let Some((intrinsic, id)) = of(self.function, self.seen(), Instruction::Call { a, b, c }) else { return false };
        if enters_others(intrinsic) {
            self.vacate();
        }
        let missed = self.missed();
        if self.tag(a) != Some(tag::NATIVE) {
            x64!(self.asm ; cmp TAG [rbx + tag_of(a)], tag::NATIVE ; jne =>missed);
        }
        x64!(self.asm
            ; mov rax, [rbx + payload(a)]
            ; cmp QWORD [rax + ID], id as i32
            ; jne =>missed
        );
        match intrinsic {
            Intrinsic::Protect => self.call_protected(a, b, c, false),
            Intrinsic::ProtectWithHandler => self.call_protected(a, b, c, true),
            Intrinsic::Resume => self.call_switch(Routine::Resume, a, b, c),
            Intrinsic::Wrapped => self.call_switch(Routine::Wrapped, a, b, c),
            Intrinsic::Yield => self.call_switch(Routine::Yield, a, b, c),
            _ => self.in_place(intrinsic, id, a, b, c),
        }
        true
    }

    /// Does what a native would that enters no other function. The native is at `rax`.
    fn in_place(&mut self, intrinsic: Intrinsic, id: u32, a: u8, b: u8, c: u8) {
        let (site, join) = (Site { id, a, b, c, other: self.asm.new_dynamic_label() }, self.join());
        match intrinsic {
            Intrinsic::Abs => self.abs(site),
            Intrinsic::Floor => self.floor(site),
            Intrinsic::Sqrt => self.sqrt(site),
            Intrinsic::Max | Intrinsic::Min => self.best(site, intrinsic == Intrinsic::Max),
            Intrinsic::Type => self.type_name(site.a + 2),
            Intrinsic::Byte => self.byte(site),
            Intrinsic::Sub => self.sub(site),
            Intrinsic::Insert => self.insert(site),
            Intrinsic::Remove => self.remove(site),
            _ => self.iterator(site, intrinsic == Intrinsic::Ipairs),
        }
        let results = results(self.function, self.seen(), Instruction::Call { a, b, c });
        self.call_otherwise(site, results, join);
        self.bind_join(join);
        self.forget_all(Registers::range(u16::from(a)..u16::MAX));
        match (intrinsic, results) {
            (Intrinsic::Pairs | Intrinsic::Ipairs, _) => {
                for (r, tag) in results.into_iter().flatten() {
                    self.learn(a + r, tag);
                }
            }
            (_, [Some((_, tag)), _]) => self.define(a, tag),
            (Intrinsic::Remove, _) if c == 2 => {
                x64!(self.asm ; mov [rbx + payload(a)], rax ; mov [rbx + tag_of(a)], rdx);
            }
            _ => {}
        }
    }

    /// In cold code: the call is made by the machine, and its results go where the template would have put them.
    fn call_otherwise(&mut self, site: Site, results: [Option<(u8, u64)>; 2], join: Join) {
        let Site { id, a, b, c, other } = site;
        self.put_off(move |this| {
            x64!(this.asm ; =>other);
            this.spill();
            let (after, away) = (this.asm.new_dynamic_label(), this.asm.new_dynamic_label());
            this.call_known(id, a, b, c, after);
            x64!(this.asm ; =>after);
            for (r, tag) in results.into_iter().flatten() {
                x64!(this.asm ; cmp TAG [rbx + tag_of(a + r)], tag ; jne =>away);
            }
            match results[0] {
                _ if c > 2 => {}
                Some((_, tag::FLOAT)) => {
                    let target = this.float_target(a);
                    this.load_vector(target, Source::At(payload(a)));
                }
                Some((_, tag)) => {
                    let target = this.general_target(a, tag);
                    this.load_general(target, Source::At(payload(a)));
                }
                None => x64!(this.asm ; mov rax, [rbx + payload(a)] ; mov rdx, [rbx + tag_of(a)]),
            }
            this.rejoin_but(join, a);
            let (next, resume) = (this.next as i32, this.service(Service::Resume));
            x64!(this.asm ; =>away ; mov edx, next ; jmp =>resume);
        });
    }

    /// The class of argument `n`, as far as it is a number of one kind.
    fn argument(&self, a: u8, n: u8) -> Class {
        self.class(Operand::Register(a + 2 + n), usize::from(n))
    }

    /// Checks the tag of argument `n`.
    fn guard_argument(&mut self, site: Site, n: u8, tag: u64) -> u8 {
        let r = site.a + 2 + n;
        self.guard(r, tag, site.other);
        r
    }

    fn abs(&mut self, site: Site) {
        match self.seen().result() {
            Some(tag::INT) => {
                let r = self.guard_argument(site, 0, tag::INT);
                let source = self.source(r);
                self.load_general(0, source);
                let target = self.general_target(site.a, tag::INT);
                x64!(self.asm ; mov rcx, rax ; neg rcx ; cmovns rax, rcx);
                self.load_general(target, Source::In(0));
            }
            _ => {
                let r = self.guard_argument(site, 0, tag::FLOAT);
                let source = self.source(r);
                self.load_bits(0, source);
                let target = self.float_target(site.a);
                x64!(self.asm ; btr rax, 63 ; movq Rx(target), rax);
            }
        }
    }

    /// The bits of a float in a general register.
    fn load_bits(&mut self, target: u8, source: Source) {
        match source {
            Source::In(n) => x64!(self.asm ; movq Rq(target), Rx(n)),
            Source::At(at) => x64!(self.asm ; mov Rq(target), [rbx + at]),
        }
    }

    fn floor(&mut self, site: Site) {
        let target = self.general_target(site.a, tag::INT);
        if self.argument(site.a, 0) == Class::Int {
            let r = self.guard_argument(site, 0, tag::INT);
            let source = self.source(r);
            return self.load_general(target, source);
        }
        let r = self.guard_argument(site, 0, tag::FLOAT);
        let source = self.source(r);
        self.load_vector(0, source);
        let other = site.other;
        x64!(self.asm
            ; roundsd xmm0, xmm0, 1
            ; cvttsd2si rax, xmm0
            // What does not fit becomes the least integer, which 2^63 is not.
            ; cvtsi2sd xmm1, rax
            ; ucomisd xmm1, xmm0
            ; jne =>other
            ; jp =>other
        );
        self.load_general(target, Source::In(0));
    }

    fn sqrt(&mut self, site: Site) {
        let target = self.float_target(site.a);
        if self.argument(site.a, 0) == Class::Int {
            let r = self.guard_argument(site, 0, tag::INT);
            let source = self.source(r);
            self.load_general(0, source);
            x64!(self.asm ; xorps xmm0, xmm0 ; cvtsi2sd xmm0, rax);
        } else {
            let r = self.guard_argument(site, 0, tag::FLOAT);
            let source = self.source(r);
            self.load_vector(0, source);
        }
        x64!(self.asm ; sqrtsd Rx(target), xmm0);
    }

    /// The second number only if it is better than the first.
    fn best(&mut self, site: Site, is_max: bool) {
        if self.seen().result() == Some(tag::INT) {
            let (x, y) = (self.guard_argument(site, 0, tag::INT), self.guard_argument(site, 1, tag::INT));
            let (x, y) = (self.source(x), self.source(y));
            self.load_general(0, x);
            self.load_general(1, y);
            if is_max {
                x64!(self.asm ; cmp rcx, rax ; cmovg rax, rcx);
            } else {
                x64!(self.asm ; cmp rcx, rax ; cmovl rax, rcx);
            }
            let target = self.general_target(site.a, tag::INT);
            return self.load_general(target, Source::In(0));
        }
        let (x, y) = (self.guard_argument(site, 0, tag::FLOAT), self.guard_argument(site, 1, tag::FLOAT));
        let (x, y) = (self.source(x), self.source(y));
        self.load_vector(0, y);
        self.load_vector(1, x);
        // Without an order these give their second operand.
        if is_max {
            x64!(self.asm ; maxsd xmm0, xmm1);
        } else {
            x64!(self.asm ; minsd xmm0, xmm1);
        }
        let target = self.float_target(site.a);
        self.load_vector(target, Source::In(0));
    }

    /// The name of a register's type.
    fn type_name(&mut self, r: u8) {
        let names = layout::TYPE_NAMES as i32;
        match self.tag(r) {
            Some(tag) => x64!(self.asm ; mov rax, [r12 + names + tag as i32 * 8]),
            None => x64!(self.asm ; movzx ecx, BYTE [rbx + tag_of(r)] ; mov rax, [r12 + rcx * 8 + names]),
        }
    }

    /// The byte at the position in `rcx` of the string in argument 0 to `eax`.
    fn load_byte(&mut self, site: Site) {
        let other = site.other;
        x64!(self.asm
            ; mov rax, [rbx + payload(site.a + 2)]
            ; sub rcx, 1
            ; cmp rcx, [rax + LENGTH]
            ; jae =>other
            ; movzx eax, BYTE [rax + rcx + BYTES]
        );
    }

    fn byte(&mut self, site: Site) {
        self.guard_argument(site, 0, tag::STRING);
        if site.b == 3 {
            let r = self.guard_argument(site, 1, tag::INT);
            let source = self.source(r);
            self.load_general(1, source);
        } else {
            self.load_int(1, 1);
        }
        self.load_byte(site);
        let target = self.general_target(site.a, tag::INT);
        self.load_general(target, Source::In(0));
    }

    /// A part of one byte.
    fn sub(&mut self, site: Site) {
        let other = site.other;
        self.guard_argument(site, 0, tag::STRING);
        let (first, last) = (self.guard_argument(site, 1, tag::INT), self.guard_argument(site, 2, tag::INT));
        let (first, last) = (self.source(first), self.source(last));
        self.load_general(1, first);
        match last {
            Source::In(n) => x64!(self.asm ; cmp rcx, Rq(n)),
            Source::At(at) => x64!(self.asm ; cmp rcx, [rbx + at]),
        }
        x64!(self.asm ; jne =>other);
        self.load_byte(site);
        x64!(self.asm
            ; mov rcx, [r12 + layout::BYTES as i32]
            ; mov rax, [rcx + rax * 8]
            ; test rax, rax
            ; jz =>other
        );
    }

    /// The table in argument 0 to `rax`, which has no metatable.
    fn load_table(&mut self, site: Site) {
        let r = self.guard_argument(site, 0, tag::TABLE);
        let (source, other) = (self.source(r), site.other);
        self.load_general(0, source);
        x64!(self.asm ; cmp QWORD [rax + META], 0 ; jne =>other);
    }

    /// Behind the last item, which is not nil.
    fn insert(&mut self, site: Site) {
        let (other, plain, empty) = (site.other, self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.load_table(site);
        self.load_value(Operand::Register(site.a + 3));
        x64!(self.asm
            ; test edx, edx
            ; jz =>other
            ; cmp edx, STRING
            ; jb =>plain
            ; test BYTE [rax + MARK], BLACK
            ; jnz =>other
            ; =>plain
            ; cmp QWORD [rax + HASH], 0
            ; jne =>other
            ; mov esi, [rax + ARRAY_LEN]
            ; cmp esi, [rax + ARRAY_CAP]
            ; jae =>other
            ; mov rdi, [rax + ARRAY]
            ; test esi, esi
            ; jz =>empty
            ; sub rdi, rsi
            ; cmp BYTE [rdi], 0
            ; je =>other
            ; add rdi, rsi
            ; =>empty
            ; mov [rdi + rsi * 8], rcx
            ; sub rdi, rsi
            ; mov [rdi - 1], dl
            ; add esi, 1
            ; mov [rax + ARRAY_LEN], esi
        );
    }

    /// The last item, when the one before it is not nil either.
    fn remove(&mut self, site: Site) {
        let (other, single) = (site.other, self.asm.new_dynamic_label());
        self.load_table(site);
        x64!(self.asm
            ; mov esi, [rax + ARRAY_LEN]
            ; test esi, esi
            ; jz =>other
            ; mov rdi, [rax + ARRAY]
            ; mov rcx, rdi
            ; sub rcx, rsi
            ; movzx edx, BYTE [rcx]
            ; test edx, edx
            ; jz =>other
            ; cmp esi, 1
            ; je =>single
            ; cmp BYTE [rcx + 1], 0
            ; je =>other
            ; =>single
        );
        let known = self.seen().result().filter(|_| site.c == 2);
        if let Some(known) = known {
            x64!(self.asm ; cmp edx, known as i32 ; jne =>other);
        }
        x64!(self.asm
            ; mov rdi, [rdi + rsi * 8 - 8]
            ; mov BYTE [rcx], 0
            ; sub esi, 1
            ; mov [rax + ARRAY_LEN], esi
        );
        match known {
            Some(tag::FLOAT) => {
                let target = self.float_target(site.a);
                x64!(self.asm ; movq Rx(target), rdi);
            }
            known => {
                let target = known.map_or(0, |tag| self.general_target(site.a, tag));
                self.load_general(target, Source::In(7));
            }
        }
    }

    /// What `pairs` and `ipairs` return for a table without metatable.
    fn iterator(&mut self, site: Site, is_index: bool) {
        let a = site.a;
        x64!(self.asm ; mov rcx, [rax + UPVALUE] ; mov rdx, [rax + UPVALUE + 8]);
        self.load_table(site);
        let other = site.other;
        x64!(self.asm
            ; cmp edx, tag::NATIVE as i32
            ; jne =>other
            ; mov [rbx + payload(a)], rcx
            ; mov [rbx + tag_of(a)], rdx
            ; mov [rbx + payload(a + 1)], rax
            ; mov QWORD [rbx + tag_of(a + 1)], TABLE
        );
        if is_index {
            x64!(self.asm ; mov QWORD [rbx + payload(a + 2)], 0 ; mov QWORD [rbx + tag_of(a + 2)], INT);
        }
        for r in a + 2 + u8::from(is_index)..a + site.c - 1 {
            x64!(self.asm ; mov QWORD [rbx + tag_of(r)], tag::NIL as i32);
        }
    }

    /// A call that changes the coroutine.
    fn call_switch(&mut self, routine: Routine, a: u8, b: u8, c: u8) {
        let after = self.asm.new_dynamic_label();
        let called = self.called(Service::Call, after);
        self.jump_to_switch(routine, a, b - 1, c, called, after);
        self.bind_return(a, after);
    }

    /// Jumps to a routine that changes the coroutine, for a call of `r[a]` with `n` arguments for `c - 1` results, which
    /// comes back to `after`, or goes to `other`, where the machine makes the call.
    pub fn jump_to_switch(&mut self, routine: Routine, a: u8, n: u8, c: u8, other: DynamicLabel, after: DynamicLabel) {
        let (routine, link) = (self.routine(routine), stack::link(self.next as u32, u32::from(a) + 2) as i64);
        x64!(self.asm
            ; lea r9, [rbx + payload(a)]
            ; mov eax, i32::from(n)
            ; mov ecx, i32::from(c)
            ; mov rdx, QWORD link
            ; lea rsi, [=>after]
            ; lea r8, [=>other]
            ; jmp =>routine
        );
    }

    /// `pcall` or `xpcall` of a compiled function: the frames of both are made as the machine would make them, and the
    /// function is entered. It comes back with the number of its results, 0 or 1, in `edi`; with more, or an error, the
    /// machine deals with it.
    fn call_protected(&mut self, a: u8, b: u8, c: u8, has_handler: bool) {
        let taken = 1 + u8::from(has_handler);
        let n = b - 1 - taken;
        let after = self.asm.new_dynamic_label();
        let called = self.called(Service::Call, after);
        self.load_entry(a + 2, called, called);
        if has_handler && !matches!(self.tag(a + 3), Some(tag::CLOSURE | tag::NATIVE)) {
            x64!(self.asm
                ; cmp TAG [rbx + tag_of(a + 3)], CLOSURE
                ; je >callable
                ; cmp TAG [rbx + tag_of(a + 3)], tag::NATIVE
                ; jne =>called
                ; callable:
            );
        }
        let head = tag::NATIVE | u64::from(c) << 16 | u64::from(stack::flag::PROTECTED) << 24;
        let own_link = stack::link(self.next as u32, u32::from(a) + 2) as i64;
        let link = stack::link(self.next as u32, 3) as i64;
        let callee_head = CLOSURE | i32::from(stack::kind::PROTECTED) << 8;
        x64!(self.asm
            ; mov rsi, [r12 + layout::THREAD as i32]
            ; mov edx, [rsi + NATIVE_CALLS]
            ; add edx, 1
            ; cmp edx, layout::MAX_NATIVE_CALLS as i32
            ; jae =>called
            ; mov [rsi + NATIVE_CALLS], edx
        );
        for i in (0..n).rev() {
            self.copy_memory(a + 5 + i, a + 2 + taken + i);
        }
        match has_handler {
            true => self.copy_memory(a + 2, a + 3),
            false => x64!(self.asm ; mov QWORD [rbx + tag_of(a + 2)], tag::NIL as i32),
        }
        let address = self.asm.new_dynamic_label();
        let base = (i32::from(a) + 5) * 16;
        x64!(self.asm
            ; mov QWORD [rbx + tag_of(a)], head as i32
            ; mov rax, QWORD own_link
            ; mov QWORD [rbx + payload(a + 1)], 1
            ; mov [rbx + tag_of(a + 1)], rax
            ; mov [rbx + payload(a + 3)], rdi
            ; mov QWORD [rbx + tag_of(a + 3)], callee_head
            ; lea rsi, [=>address]
            ; mov rax, QWORD link
            ; mov [rbx + payload(a + 4)], rsi
            ; mov [rbx + tag_of(a + 4)], rax
            ; add rbx, imm base
            ; mov eax, i32::from(n)
            ; jmp rcx
        );
        // Who has put results in place himself comes here.
        let start = self.asm.offset().0;
        x64!(self.asm ; jmp =>after);
        debug_assert_eq!(self.asm.offset().0 - start, layout::LANDING_LENGTH);
        self.bind_address(address, base);
        x64!(self.asm
            ; mov rsi, [r12 + layout::THREAD as i32]
            ; sub DWORD [rsi + NATIVE_CALLS], 1
        );
        if c > 2 {
            x64!(self.asm
                ; xor eax, eax
                ; test edi, edi
                ; mov rcx, [rbx + payload(a + 3)]
                ; cmovnz rax, [rbx + tag_of(a + 3)]
                ; mov [rbx + payload(a + 1)], rcx
                ; mov [rbx + tag_of(a + 1)], rax
            );
        }
        if c > 1 {
            x64!(self.asm ; mov QWORD [rbx + payload(a)], 0 ; mov QWORD [rbx + tag_of(a)], TRUE);
        }
        for r in a + 2..a.saturating_add(c - 1) {
            x64!(self.asm ; mov QWORD [rbx + tag_of(r)], tag::NIL as i32);
        }
        self.bind_return(a, after);
    }
}
