//! The template of each instruction.
//!
//! A template first checks, then writes: a jump to `missed` must find the
//! frame as it was before the instruction.

mod arith;
mod call;
mod compare;
mod condition;
mod field;
mod index;
pub mod intrinsic;
mod metamethod;
mod table;

use crate::encode::x64;
use crate::function::{Assembler, Read};
pub use arith::Operand;
use crate::flow::{Flow, Form, form, instructions_of};
use crate::offset::MARK;
use crate::registers::Registers;
use crate::state::Source;
use dynasmrt::{DynasmApi, DynasmLabelApi};
use perilune_isa::effect;
use perilune_isa::instruction::Instruction as I;
use perilune_vm::object::{Closure, Upvalue};
use perilune_vm::tier::{Function, assist};
use perilune_vm::value::{Slot, tag};
use std::mem::offset_of;

/// Tags as templates compare them.
pub const FALSE: i32 = tag::FALSE as i32;
/// `true`.
pub const TRUE: i32 = tag::TRUE as i32;
/// An integer.
pub const INT: i32 = tag::INT as i32;
/// A float.
pub const FLOAT: i32 = tag::FLOAT as i32;
/// A string, the first of the collectable tags.
pub const STRING: i32 = tag::STRING as i32;
/// A table.
pub const TABLE: i32 = tag::TABLE as i32;
/// A Lua function.
pub const CLOSURE: i32 = tag::CLOSURE as i32;

/// The mark of objects that need a barrier.
pub const BLACK: i8 = perilune_vm::heap::BLACK as i8;

/// Offset of a register's payload from register 0.
pub fn payload(register: u8) -> i32 {
    i32::from(register) * size_of::<Slot>() as i32
}

/// Offset of a register's tag from register 0.
pub fn tag_of(register: u8) -> i32 {
    payload(register) + 8
}

impl Assembler<'_> {
    /// Emits an instruction.
    pub fn template(&mut self, instruction: I) {
        match instruction {
            I::Move { a, b } => self.copy(a, b),
            I::LoadInt { a, sbx } => self.load(a, Slot::int(i64::from(sbx))),
            I::LoadFloat { a, sbx } => self.load(a, Slot::float(f64::from(sbx))),
            I::LoadK { a, bx } => self.load(a, self.function.constants[usize::from(bx)]),
            I::LoadKX { a, e } => self.load(a, self.function.constants[e as usize]),
            I::LoadNil { a, b } => {
                for register in a..=a.saturating_add(b) {
                    self.define_tag(register, tag::NIL);
                }
            }
            I::LoadTrue { a } => self.define_tag(a, tag::TRUE),
            I::LoadFalse { a } => self.define_tag(a, tag::FALSE),
            I::LoadFalseSkip { a } => {
                self.define_tag(a, tag::FALSE);
                self.go_to(self.next + 1, false);
                self.alive = false;
            }
            I::GetUpvalue { a, b } => self.get_upvalue(a, b),
            I::SetUpvalue { a, b } => self.set_upvalue(a, b),
            I::GetUpTable { a, b, cache, key } => self.get_field(field::Object::Upvalue(b), cache, key, a),
            I::SetUpTable { a, b, cache, key } => {
                self.set_field(field::Object::Upvalue(b), cache, key, Operand::Register(a));
            }
            I::SetUpTableK { b, c, cache, key } => self.set_field(field::Object::Upvalue(b), cache, key, self.constant(c)),
            I::GetField { a, b, cache, key } => self.get_field(field::Object::Register(b), cache, key, a),
            I::SetField { a, b, cache, key } => self.set_field(field::Object::Register(b), cache, key, Operand::Register(a)),
            I::SetFieldK { b, c, cache, key } => self.set_field(field::Object::Register(b), cache, key, self.constant(c)),
            I::Method { a, b, cache, key } => self.get_method(a, b, cache, key),
            I::GetIndex { a, b, c } => self.get_index(a, b, Operand::Register(c)),
            I::GetInt { a, b, c } => self.get_index(a, b, Operand::Constant(Slot::int(i64::from(c)))),
            I::SetIndex { a, b, c } => self.set_index(b, Operand::Register(c), 2, Operand::Register(a)),
            I::SetIndexK { a, b, c } => self.set_index(b, Operand::Register(c), 1, self.constant(a)),
            I::SetInt { a, b, c } => self.set_index(b, Operand::Constant(Slot::int(i64::from(c))), 0, Operand::Register(a)),
            I::Add { a, b, c } => self.arith(arith::Op::Add, a, Operand::Register(b), Operand::Register(c)),
            I::Sub { a, b, c } => self.arith(arith::Op::Sub, a, Operand::Register(b), Operand::Register(c)),
            I::Mul { a, b, c } => self.arith(arith::Op::Mul, a, Operand::Register(b), Operand::Register(c)),
            I::AddK { a, b, c } => self.arith(arith::Op::Add, a, Operand::Register(b), self.constant(c)),
            I::SubK { a, b, c } => self.arith(arith::Op::Sub, a, Operand::Register(b), self.constant(c)),
            I::MulK { a, b, c } => self.arith(arith::Op::Mul, a, Operand::Register(b), self.constant(c)),
            I::KAdd { a, b, c } => self.arith(arith::Op::Add, a, self.constant(b), Operand::Register(c)),
            I::KSub { a, b, c } => self.arith(arith::Op::Sub, a, self.constant(b), Operand::Register(c)),
            I::KMul { a, b, c } => self.arith(arith::Op::Mul, a, self.constant(b), Operand::Register(c)),
            I::AddImm { a, b, c } => self.arith(arith::Op::Add, a, Operand::Register(b), Operand::int(c)),
            I::SubImm { a, b, c } => self.arith(arith::Op::Sub, a, Operand::Register(b), Operand::int(c)),
            I::Div { a, b, c } => self.divide(a, Operand::Register(b), Operand::Register(c)),
            I::DivK { a, b, c } => self.divide(a, Operand::Register(b), self.constant(c)),
            I::KDiv { a, b, c } => self.divide(a, self.constant(b), Operand::Register(c)),
            I::Pow { a, b, c } => self.power(a, Operand::Register(b), Operand::Register(c)),
            I::PowK { a, b, c } => self.power(a, Operand::Register(b), self.constant(c)),
            I::IDiv { a, b, c } => self.floor_divide(arith::Part::Quotient, a, b, Operand::Register(c)),
            I::IDivK { a, b, c } => self.floor_divide(arith::Part::Quotient, a, b, self.constant(c)),
            I::Mod { a, b, c } => self.floor_divide(arith::Part::Remainder, a, b, Operand::Register(c)),
            I::ModK { a, b, c } => self.floor_divide(arith::Part::Remainder, a, b, self.constant(c)),
            I::BAnd { a, b, c } => self.bits(arith::Bits::And, a, b, Operand::Register(c)),
            I::BAndK { a, b, c } => self.bits(arith::Bits::And, a, b, self.constant(c)),
            I::BOr { a, b, c } => self.bits(arith::Bits::Or, a, b, Operand::Register(c)),
            I::BOrK { a, b, c } => self.bits(arith::Bits::Or, a, b, self.constant(c)),
            I::BXor { a, b, c } => self.bits(arith::Bits::Xor, a, b, Operand::Register(c)),
            I::BXorK { a, b, c } => self.bits(arith::Bits::Xor, a, b, self.constant(c)),
            I::Shl { a, b, c } => self.shift(arith::Side::Left, a, b, Operand::Register(c)),
            I::ShlK { a, b, c } => self.shift(arith::Side::Left, a, b, self.constant(c)),
            I::Shr { a, b, c } => self.shift(arith::Side::Right, a, b, Operand::Register(c)),
            I::ShrK { a, b, c } => self.shift(arith::Side::Right, a, b, self.constant(c)),
            I::Neg { a, b } => self.negate(a, b),
            I::BNot { a, b } => self.complement(a, b),
            I::Not { a, b } => {
                self.store_pending(Registers::range(u16::from(b)..u16::from(b) + 1));
                x64!(self.asm
                    ; xor eax, eax
                    ; cmp TAG [rbx + tag_of(b)], TRUE
                    ; adc rax, FALSE
                    ; mov [rbx + tag_of(a)], rax
                );
                self.forget(a);
            }
            I::Len { a, b } => self.length(a, b),
            I::Jump { sj } => {
                self.go_to(self.target(sj), false);
                self.alive = false;
            }
            I::Loop { sj } => {
                self.go_back(self.target(sj));
                self.alive = false;
            }
            I::Eq { a, b, c, e } => self.equal(a, b, c != 0, e),
            I::EqK { a, b, c, e } => self.equal_constant(a, self.function.constants[usize::from(b)], c != 0, e),
            I::EqImm { a, b, c, e } => self.equal_constant(a, Slot::int(i64::from(b)), c != 0, e),
            I::Lt { a, b, c, e } => self.order(compare::Order::Less, Operand::Register(a), Operand::Register(b), c != 0, e),
            I::Le { a, b, c, e } => self.order(compare::Order::LessEqual, Operand::Register(a), Operand::Register(b), c != 0, e),
            I::LtImm { a, b, c, e } => self.order(compare::Order::Less, Operand::Register(a), Operand::int(b), c != 0, e),
            I::LeImm { a, b, c, e } => self.order(compare::Order::LessEqual, Operand::Register(a), Operand::int(b), c != 0, e),
            I::GtImm { a, b, c, e } => self.order(compare::Order::Less, Operand::int(b), Operand::Register(a), c != 0, e),
            I::GeImm { a, b, c, e } => self.order(compare::Order::LessEqual, Operand::int(b), Operand::Register(a), c != 0, e),
            I::Test { a, c, e } => self.test(a, c != 0, e),
            I::TestSet { a, b, c, e } => self.test_set(a, b, c != 0, e),
            I::ForPrep { a, e } => self.for_prep(a, e),
            I::ForLoop { a, e } => self.for_loop(a, e),
            I::TForCall { a, c } => self.generic_for_call(a, c),
            I::TForLoop { a, e } => self.generic_for_loop(a, e),
            I::Call { a, b, c } => self.call(a, b, c),
            I::TailCall { a, b, c } => self.tail_call(a, b, c),
            I::Return0 {} => self.return_none(),
            I::Return1 { a } => self.return_one(a),
            I::Return { a, b, c } => self.return_many(a, b, c),
            I::NewTable { a, b, e } => self.new_table(a, b, e),
            I::SetList { a, b, c, e } => self.set_list(a, b, c, e),
            I::Concat { a, .. } => {
                self.assisted(assist::concat, Registers::range(effect::writes(instruction)), Some(a + 1));
                self.learn(a, tag::STRING);
            }
            I::Closure { a, .. } => {
                self.assisted(assist::closure, Registers::default(), Some(a + 1));
                self.forget(a);
                self.learn(a, tag::CLOSURE);
            }
            I::Vararg { a, c } => {
                self.vararg(a, c);
                self.forget_all(Registers::range(effect::writes(instruction)));
            }
            I::Close { a } => {
                self.vacate();
                let stepped = self.stepped();
                self.close(a, false, stepped);
            }
            I::Tbc { .. } => {
                self.vacate();
                let stepped = self.stepped();
                self.assist(assist::tbc, stepped);
            }
            I::TForPrep { a, e } => self.generic_for_prep(a, e),
            I::VarargPrep { .. } => self.step(),
        }
    }

    /// A constant of the function as operand.
    fn constant(&self, index: u8) -> Operand {
        Operand::Constant(self.function.constants[usize::from(index)])
    }

    /// `r[a] = r[b]`.
    fn copy(&mut self, a: u8, b: u8) {
        let Some(tag) = self.tag(b) else {
            self.copy_memory(a, b);
            return self.forget(a);
        };
        if a == b {
            return;
        }
        let shape = self.state.shape(b);
        match (tag, self.source(b)) {
            (tag::NIL | tag::FALSE | tag::TRUE, _) => return self.define_tag(a, tag),
            (tag::FLOAT, source) => {
                let target = self.float_target(a);
                self.load_vector(target, source);
            }
            (_, source) => {
                let target = self.general_target(a, tag);
                self.load_general(target, source);
            }
        }
        self.define(a, tag);
        if shape != 0 && self.tag(a).is_some() {
            self.state.shapes.push((a, shape));
        }
    }

    /// Copies the slot of a register.
    pub fn copy_memory(&mut self, a: u8, b: u8) {
        x64!(self.asm
            ; mov rax, [rbx + payload(b)]
            ; mov rdx, [rbx + tag_of(b)]
            ; mov [rbx + payload(a)], rax
            ; mov [rbx + tag_of(a)], rdx
        );
    }

    /// A payload in a general register.
    pub fn load_general(&mut self, target: u8, source: Source) {
        match source {
            Source::In(n) if n == target => {}
            Source::In(n) => x64!(self.asm ; mov Rq(target), Rq(n)),
            Source::At(at) => x64!(self.asm ; mov Rq(target), [rbx + at]),
        }
    }

    /// A float in a vector register.
    pub fn load_vector(&mut self, target: u8, source: Source) {
        match source {
            Source::In(n) if n == target => {}
            Source::In(n) => x64!(self.asm ; movaps Rx(target), Rx(n)),
            Source::At(at) => x64!(self.asm ; movsd Rx(target), [rbx + at]),
        }
    }

    /// `r[register]` = a value that is known now.
    fn load(&mut self, register: u8, value: Slot) {
        match value.tag {
            tag::NIL | tag::FALSE | tag::TRUE => self.define_tag(register, value.tag),
            tag::FLOAT if self.homes.of(register, tag::FLOAT).is_some() => {
                let target = self.float_target(register);
                self.load_float_constant(target, value.as_float());
                self.define(register, tag::FLOAT);
            }
            tag => {
                let target = self.general_target(register, tag);
                if target != 0 {
                    self.load_int(target, value.payload as i64);
                    return self.define(register, tag);
                }
                match i32::try_from(value.payload as i64) {
                    Ok(small) => x64!(self.asm ; mov QWORD [rbx + payload(register)], small),
                    Err(_) => x64!(self.asm
                        ; mov rax, QWORD value.payload as i64
                        ; mov [rbx + payload(register)], rax
                    ),
                }
                self.define_tag(register, tag);
            }
        }
    }

    /// Gets the address of an upvalue's value into `rdi`, and that of the upvalue into `rsi`.
    pub fn upvalue(&mut self, index: u8) {
        let at = i32::from(index) * 8;
        x64!(self.asm ; mov rsi, [rbx - 32]);
        if self.function.has_inline_upvalues {
            x64!(self.asm ; mov rsi, [rsi + size_of::<Closure>() as i32 + at]);
        } else {
            x64!(self.asm ; mov rsi, [rsi + offset_of!(Closure, upvalues) as i32] ; mov rsi, [rsi + at]);
        }
        x64!(self.asm ; mov rdi, [rsi + offset_of!(Upvalue, location) as i32]);
    }

    /// `r[a]` = the value of an upvalue.
    fn get_upvalue(&mut self, a: u8, b: u8) {
        let seen = self.seen();
        if !seen.has_result() && !self.function.is_final {
            return self.unseen();
        }
        match seen.result() {
            Some(known) => {
                let missed = self.missed();
                self.upvalue(b);
                x64!(self.asm ; cmp TAG [rdi + 8], known ; jne =>missed);
                self.take(a, known);
            }
            None => {
                self.upvalue(b);
                x64!(self.asm
                    ; mov rax, [rdi]
                    ; mov rdx, [rdi + 8]
                    ; mov [rbx + payload(a)], rax
                    ; mov [rbx + tag_of(a)], rdx
                );
                self.forget(a);
                self.leave(Read::Tag(a));
            }
        }
    }

    /// `r[a]` = the payload at `rdi`, with a tag that was checked.
    fn take(&mut self, a: u8, known: u64) {
        match known {
            tag::FLOAT => {
                let target = self.float_target(a);
                x64!(self.asm ; movsd Rx(target), [rdi]);
            }
            _ => {
                let target = self.general_target(a, known);
                x64!(self.asm ; mov Rq(target), [rdi]);
            }
        }
        self.define(a, known);
    }

    fn set_upvalue(&mut self, a: u8, b: u8) {
        self.upvalue(b);
        match self.tag(a) {
            Some(tag::FLOAT) => {
                let source = self.source(a);
                match source {
                    Source::In(n) => x64!(self.asm ; movsd [rdi], Rx(n)),
                    Source::At(at) => x64!(self.asm ; mov rcx, [rbx + at] ; mov [rdi], rcx),
                }
                x64!(self.asm ; mov QWORD [rdi + 8], FLOAT);
            }
            Some(tag::INT) => {
                let source = self.source(a);
                self.load_general(1, source);
                x64!(self.asm ; mov [rdi], rcx ; mov QWORD [rdi + 8], INT);
            }
            _ => {
                self.load_value(Operand::Register(a));
                let join = self.join();
                let collectable = self.asm.new_dynamic_label();
                x64!(self.asm ; cmp rdx, STRING ; jae =>collectable);
                self.put_off(move |this| {
                    let black = this.asm.new_dynamic_label();
                    x64!(this.asm ; =>collectable ; test BYTE [rsi + MARK], BLACK ; jnz =>black);
                    this.rejoin(join);
                    x64!(this.asm ; =>black);
                    this.spill();
                    x64!(this.asm ; mov rax, rsi);
                    this.tell_collector();
                    this.rejoin(join);
                });
                self.bind_join(join);
                x64!(self.asm ; mov [rdi], rcx ; mov [rdi + 8], rdx);
            }
        }
    }

    /// The object in `rax` will refer to the value with payload `rcx` and tag `rdx`. Changes no register but homes.
    fn tell_collector(&mut self) {
        x64!(self.asm
            ; push rax
            ; push rcx
            ; push rdx
            ; push rsi
            ; push rdi
            ; sub rsp, 8
            ; mov rdi, r12
            ; mov rsi, rax
            ; xchg rdx, rcx
            ; mov rax, QWORD assist::barrier as *const () as i64
            ; call rax
            ; add rsp, 8
            ; pop rdi
            ; pop rsi
            ; pop rdx
            ; pop rcx
            ; pop rax
        );
    }
}

/// For each word of code, how many of the instructions before it call functions of the machine as a rule.
pub fn calls_before(function: &Function<'_>, flow: &Flow<'_>) -> Box<[u32]> {
    let mut before = vec![0; function.code.len() + 1];
    flow.each_with_tags(|pc, instruction, tags, _| before[pc + 1] = u32::from(calls(function, pc, instruction, tags)));
    let mut sum = 0;
    for count in &mut before {
        sum += *count;
        *count = sum;
    }
    before.into_boxed_slice()
}

/// The registers that are written from `head` to `end`, if nothing there calls, so that homes last.
pub fn plain_loop(function: &Function<'_>, calls_before: &[u32], head: usize, end: usize) -> Option<Registers> {
    if calls_before[end] != calls_before[head] {
        return None;
    }
    let all = instructions_of(&function.code[head..end]).into_iter();
    Some(all.fold(Registers::default(), |written, (_, instruction)| written.or(Registers::range(effect::writes(instruction)))))
}

/// Whether the template of an instruction calls functions of the machine as a rule.
fn calls(function: &Function<'_>, pc: usize, instruction: I, tags: &crate::flow::Tags) -> bool {
    let seen = function.seen.get(pc).copied().unwrap_or_default();
    let is_float_mod = |b: u8, y: Operand| {
        let class = |operand, n| crate::flow::class(function, seen, tags, operand, n);
        form(class(Operand::Register(b), 0), class(y, 1)) != Form::Int
    };
    let constant = |c: u8| Operand::Constant(function.constants[usize::from(c)]);
    match instruction {
        I::Call { .. } => !intrinsic::is_plain(function, seen, instruction),
        I::TailCall { .. } | I::TForCall { .. } | I::TForPrep { .. } | I::Vararg { .. } | I::Close { .. } => true,
        I::NewTable { .. } | I::SetList { .. } => !table::is_in_place(instruction),
        I::Concat { .. } | I::Closure { .. } | I::Tbc { .. } | I::Pow { .. } => true,
        I::PowK { c, .. } => arith::Exponent::of(constant(c)) == arith::Exponent::Other,
        I::Mod { b, c, .. } => is_float_mod(b, Operand::Register(c)),
        I::ModK { b, c, .. } => is_float_mod(b, constant(c)),
        _ => false,
    }
}
