//! The template of each instruction.
//!
//! A template first checks, then writes: a jump to `missed` must find the
//! frame as it was before the instruction.

mod arith;
mod call;
mod compare;
mod field;
mod index;

use crate::function::Assembler;
use arith::Operand;
use dynasmrt::{DynasmApi, DynasmLabelApi, dynasm};
use perilune_isa::instruction::Instruction as I;
use perilune_vm::object::{Closure, Header, Table, Upvalue};
use perilune_vm::tier::assist;
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

/// Offset of an object's mark.
pub const MARK: i32 = (offset_of!(Table, header) + offset_of!(Header, mark)) as i32;
/// Offset of a table's shape.
pub const SHAPE: i32 = (offset_of!(Table, header) + offset_of!(Header, aux)) as i32;
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
                    self.set_tag(register, tag::NIL);
                }
            }
            I::LoadTrue { a } => self.set_tag(a, tag::TRUE),
            I::LoadFalse { a } => self.set_tag(a, tag::FALSE),
            I::LoadFalseSkip { a } => {
                self.set_tag(a, tag::FALSE);
                let target = self.label_at(self.next + 1);
                dynasm!(self.asm ; .arch x64 ; jmp =>target);
            }
            I::GetUpvalue { a, b } => {
                self.upvalue(b);
                dynasm!(self.asm
                    ; .arch x64
                    ; mov rax, [rdi]
                    ; mov rdx, [rdi + 8]
                    ; mov [rbx + payload(a)], rax
                    ; mov [rbx + tag_of(a)], rdx
                );
            }
            I::SetUpvalue { a, b } => self.set_upvalue(a, b),
            I::GetUpTable { a, b, cache, key } => {
                self.upvalue(b);
                self.get_field(field::Object::AtRdi, cache, key, a);
            }
            I::SetUpTable { a, b, cache, key } => {
                self.upvalue(b);
                self.set_field(field::Object::AtRdi, cache, key, Operand::Register(a));
            }
            I::SetUpTableK { b, c, cache, key } => {
                self.upvalue(b);
                self.set_field(field::Object::AtRdi, cache, key, self.constant(c));
            }
            I::GetField { a, b, cache, key } => self.get_field(field::Object::Register(b), cache, key, a),
            I::SetField { a, b, cache, key } => self.set_field(field::Object::Register(b), cache, key, Operand::Register(a)),
            I::SetFieldK { b, c, cache, key } => self.set_field(field::Object::Register(b), cache, key, self.constant(c)),
            I::Method { a, b, cache, key } => {
                // The copy does no harm when the instruction is done again.
                self.copy(a + 2, b);
                self.get_field(field::Object::Register(a + 2), cache, key, a);
            }
            I::GetIndex { a, b, c } => self.get_index(a, b, Operand::Register(c)),
            I::GetInt { a, b, c } => self.get_index(a, b, Operand::Constant(Slot::int(i64::from(c)))),
            I::SetIndex { a, b, c } => self.set_index(b, Operand::Register(c), Operand::Register(a)),
            I::SetIndexK { a, b, c } => self.set_index(b, Operand::Register(c), self.constant(a)),
            I::SetInt { a, b, c } => self.set_index(b, Operand::Constant(Slot::int(i64::from(c))), Operand::Register(a)),
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
                dynasm!(self.asm
                    ; .arch x64
                    ; xor eax, eax
                    ; cmp QWORD [rbx + tag_of(b)], TRUE
                    ; adc rax, FALSE
                    ; mov [rbx + tag_of(a)], rax
                );
            }
            I::Len { a, b } => self.length(a, b),
            I::Jump { sj } => {
                let label = self.label_at(self.target(sj));
                dynasm!(self.asm ; .arch x64 ; jmp =>label);
            }
            I::Loop { sj } => self.jump_back(self.target(sj)),
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
            I::NewTable { .. } => self.assisted(assist::new_table),
            I::SetList { .. } => self.assisted(assist::set_list),
            I::Concat { .. } => self.assisted(assist::concat),
            I::Closure { .. } => self.assisted(assist::closure),
            I::Vararg { .. } => {
                let stepped = self.stepped();
                self.assist(assist::vararg, stepped);
            }
            I::Close { a } => {
                let stepped = self.stepped();
                self.assist_with(assist::close, u32::from(a), stepped);
            }
            I::TForPrep { a, e } => self.generic_for_prep(a, e),
            I::VarargPrep { .. } | I::Tbc { .. } => self.step(),
        }
    }

    /// A constant of the function as operand.
    fn constant(&self, index: u8) -> Operand {
        Operand::Constant(self.function.constants[usize::from(index)])
    }

    /// `r[a] = r[b]`.
    fn copy(&mut self, a: u8, b: u8) {
        dynasm!(self.asm
            ; .arch x64
            ; mov rax, [rbx + payload(b)]
            ; mov rdx, [rbx + tag_of(b)]
            ; mov [rbx + payload(a)], rax
            ; mov [rbx + tag_of(a)], rdx
        );
    }

    /// Writes a tag, all eight bytes of it: a narrower write would not be forwarded to the reads.
    fn set_tag(&mut self, register: u8, tag: u64) {
        dynasm!(self.asm ; .arch x64 ; mov QWORD [rbx + tag_of(register)], tag as i32);
    }

    /// `r[register]` = a value that is known now.
    fn load(&mut self, register: u8, value: Slot) {
        match i32::try_from(value.payload as i64) {
            Ok(small) => dynasm!(self.asm ; .arch x64 ; mov QWORD [rbx + payload(register)], small),
            Err(_) => dynasm!(self.asm
                ; .arch x64
                ; mov rax, QWORD value.payload as i64
                ; mov [rbx + payload(register)], rax
            ),
        }
        self.set_tag(register, value.tag);
    }

    /// Gets the address of an upvalue's value into `rdi`, and that of the upvalue into `rsi`.
    fn upvalue(&mut self, index: u8) {
        dynasm!(self.asm
            ; .arch x64
            ; mov rsi, [rbx - 32]
            ; mov rsi, [rsi + offset_of!(Closure, upvalues) as i32]
            ; mov rsi, [rsi + i32::from(index) * 8]
            ; mov rdi, [rsi + offset_of!(Upvalue, location) as i32]
        );
    }

    fn set_upvalue(&mut self, a: u8, b: u8) {
        let (collectable, store) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.upvalue(b);
        dynasm!(self.asm
            ; .arch x64
            ; mov rcx, [rbx + payload(a)]
            ; mov rdx, [rbx + tag_of(a)]
            ; cmp rdx, STRING
            ; jae =>collectable
            ; =>store
            ; mov [rdi], rcx
            ; mov [rdi + 8], rdx
        );
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>collectable
                ; test BYTE [rsi + MARK], BLACK
                ; jz =>store
                ; mov rax, rsi
            );
            this.tell_collector();
            dynasm!(this.asm ; .arch x64 ; jmp =>store);
        });
    }

    /// The object in `rax` will refer to the value with payload `rcx` and tag `rdx`. Changes no register.
    fn tell_collector(&mut self) {
        dynasm!(self.asm
            ; .arch x64
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
