//! Fields by name, over the inline caches that the interpreter fills.
//!
//! What a cache knows when the function is compiled becomes part of the code:
//! shapes are never used twice, so old knowledge can only miss. The holder of
//! a field that was found over `__index` is read from the record, which the
//! collector clears when the holder dies.

use super::{BLACK, MARK, SHAPE, STRING, TABLE, arith::Operand, payload, tag_of};
use crate::function::Assembler;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use perilune_vm::cache::{Cache, kind};
use perilune_vm::object::Table;
use perilune_vm::tier::{self, assist, layout};
use perilune_vm::value::tag;
use std::mem::offset_of;

const PROPS: i32 = offset_of!(Table, props) as i32;
const META: i32 = offset_of!(Table, meta) as i32;

/// Where the object stands.
#[derive(Clone, Copy)]
pub enum Object {
    /// In a register.
    Register(u8),
    /// At the address in `rdi`.
    AtRdi,
}

impl Assembler<'_> {
    /// The table in `rax`; goes to `missed` unless the object is one.
    fn table(&mut self, object: Object, missed: DynamicLabel) {
        match object {
            Object::Register(r) => self.check_table(r, missed),
            Object::AtRdi => dynasm!(self.asm
                ; .arch x64
                ; cmp QWORD [rdi + 8], TABLE
                ; jne =>missed
                ; mov rax, [rdi]
            ),
        }
    }

    /// `r[r]`, which must be a table, in `rax`.
    pub fn check_table(&mut self, r: u8, missed: DynamicLabel) {
        dynasm!(self.asm
            ; .arch x64
            ; cmp QWORD [rbx + tag_of(r)], TABLE
            ; jne =>missed
            ; mov rax, [rbx + payload(r)]
        );
    }

    fn cache(&self, index: u16) -> (Cache, i64) {
        let record = &self.function.caches[usize::from(index)];
        (*record, std::ptr::from_ref(record) as i64)
    }

    /// `r[a] = object[key]`.
    pub fn get_field(&mut self, object: Object, cache: u16, key: u16, a: u8) {
        let (known, record) = self.cache(cache);
        let key = self.function.constants[usize::from(key)].payload;
        let (other, anywhere, found) =
            (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.table(object, other);
        match known.kind {
            kind::OWN => self.get_own(known, anywhere),
            kind::ABSENT => {
                dynasm!(self.asm
                    ; .arch x64
                    ; cmp DWORD [rax + SHAPE], known.shape as i32
                    ; jne =>anywhere
                    ; cmp DWORD [r12 + layout::EPOCH as i32], known.epoch as i32
                    ; jne =>anywhere
                    ; xor edx, edx
                );
            }
            kind::CHAIN => self.get_inherited(record, anywhere),
            kind::MEGAMORPHIC => dynasm!(self.asm ; .arch x64 ; jmp =>anywhere),
            _ => {
                // What is seen now becomes part of the code when it is made again.
                let missed = self.missed();
                dynasm!(self.asm ; .arch x64 ; jmp =>missed);
            }
        }
        dynasm!(self.asm ; .arch x64 ; =>found ; mov [rbx + payload(a)], rcx ; mov [rbx + tag_of(a)], rdx);
        self.find_field(object, key, other, anywhere, found);
    }

    /// Fields of tables of other shapes than the usual one, and of strings.
    fn find_field(&mut self, object: Object, key: u64, other: DynamicLabel, anywhere: DynamicLabel, found: DynamicLabel) {
        let stepped = self.stepped();
        self.put_off(move |this| {
            let found_out = this.asm.new_dynamic_label();
            dynasm!(this.asm ; .arch x64 ; =>other);
            match object {
                Object::Register(r) => dynasm!(this.asm ; .arch x64 ; cmp QWORD [rbx + tag_of(r)], STRING),
                Object::AtRdi => dynasm!(this.asm ; .arch x64 ; cmp QWORD [rdi + 8], STRING),
            }
            dynasm!(this.asm
                ; .arch x64
                ; jne =>stepped
                ; mov rdi, r12
                ; mov rsi, QWORD key as i64
                ; mov rax, QWORD tier::find_method as *const () as i64
                ; call rax
                ; jmp =>found_out
                ; =>anywhere
                ; mov rdi, r12
                ; mov rsi, rax
                ; mov rdx, QWORD key as i64
                ; mov rax, QWORD tier::find_field as *const () as i64
                ; call rax
                ; =>found_out
                ; cmp edx, tier::UNKNOWN.tag as i32
                ; je =>stepped
                ; mov rcx, rax
                ; jmp =>found
            );
        });
    }

    /// A property of the table in `rax`: payload in `rcx`, tag in `rdx`.
    fn get_own(&mut self, known: Cache, missed: DynamicLabel) {
        let slot = i32::from(known.slot);
        let (nil, found) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        dynasm!(self.asm
            ; .arch x64
            ; cmp DWORD [rax + SHAPE], known.shape as i32
            ; jne =>missed
            ; mov rsi, [rax + PROPS]
            ; movzx edx, BYTE [rsi - 1 - slot]
            ; mov rcx, [rsi + slot * 8]
            ; test edx, edx
            ; jz =>nil
            ; =>found
        );
        self.without_metatable(nil, found, missed);
    }

    /// At `nil`: goes to `plain` when the table in `rax` has no metatable, and else to `other`.
    fn without_metatable(&mut self, nil: DynamicLabel, plain: DynamicLabel, other: DynamicLabel) {
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>nil
                ; cmp QWORD [rax + META], 0
                ; je =>plain
                ; jmp =>other
            );
        });
    }

    /// A property of the holder that the record names.
    fn get_inherited(&mut self, record: i64, missed: DynamicLabel) {
        dynasm!(self.asm
            ; .arch x64
            ; mov rsi, QWORD record
            ; mov edx, [rsi + offset_of!(Cache, shape) as i32]
            ; cmp [rax + SHAPE], edx
            ; jne =>missed
            ; cmp BYTE [rsi + offset_of!(Cache, kind) as i32], kind::CHAIN as i8
            ; jne =>missed
            ; mov edx, [rsi + offset_of!(Cache, epoch) as i32]
            ; cmp [r12 + layout::EPOCH as i32], edx
            ; jne =>missed
            ; mov rdi, [rsi + offset_of!(Cache, holder) as i32]
            ; mov edx, [rsi + offset_of!(Cache, next_shape) as i32]
            ; cmp [rdi + SHAPE], edx
            ; jne =>missed
            ; movzx esi, WORD [rsi + offset_of!(Cache, slot) as i32]
            ; mov rdi, [rdi + PROPS]
            ; mov rcx, [rdi + rsi * 8]
            ; not rsi
            ; movzx edx, BYTE [rdi + rsi]
            ; test edx, edx
            ; jz =>missed
        );
    }

    /// `object[key] = value`.
    pub fn set_field(&mut self, object: Object, cache: u16, key: u16, value: Operand) {
        let (known, record) = self.cache(cache);
        let key = self.function.constants[usize::from(key)].payload;
        let (missed, anywhere) = (self.missed(), self.asm.new_dynamic_label());
        self.table(object, missed);
        match known.kind {
            kind::OWN => self.set_own(known, value, anywhere),
            kind::ADD => self.add(record, value, anywhere),
            kind::MEGAMORPHIC => dynasm!(self.asm ; .arch x64 ; jmp =>anywhere),
            _ => dynasm!(self.asm ; .arch x64 ; jmp =>missed),
        }
        self.put_field(key, value, anywhere);
    }

    /// Stores into tables of other shapes than the usual one.
    fn put_field(&mut self, key: u64, value: Operand, anywhere: DynamicLabel) {
        let (stepped, next) = (self.stepped(), self.next);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>anywhere);
            this.load_value(value);
            dynasm!(this.asm
                ; .arch x64
                ; mov rdi, r12
                ; mov rsi, rax
                ; mov r8, rdx
                ; mov rdx, QWORD key as i64
                ; mov rax, QWORD assist::put_field as *const () as i64
                ; call rax
                ; test eax, eax
                ; jz =>stepped
            );
            this.go_on_after_allocation(next);
        });
    }

    /// Stores a property that the table has.
    fn set_own(&mut self, known: Cache, value: Operand, anywhere: DynamicLabel) {
        let slot = i32::from(known.slot);
        dynasm!(self.asm ; .arch x64 ; cmp DWORD [rax + SHAPE], known.shape as i32 ; jne =>anywhere);
        self.load_value(value);
        self.barrier(value);
        dynasm!(self.asm ; .arch x64 ; mov rsi, [rax + PROPS]);
        self.check_assignable(slot, anywhere);
        dynasm!(self.asm ; .arch x64 ; mov [rsi + slot * 8], rcx ; mov [rsi - 1 - slot], dl);
    }

    /// Adds a property. The new shape is read from the record: it lives no longer than the
    /// record or a table says.
    fn add(&mut self, record: i64, value: Operand, anywhere: DynamicLabel) {
        dynasm!(self.asm
            ; .arch x64
            ; mov rdi, QWORD record
            ; mov edx, [rdi + offset_of!(Cache, shape) as i32]
            ; cmp [rax + SHAPE], edx
            ; jne =>anywhere
            ; cmp BYTE [rdi + offset_of!(Cache, kind) as i32], kind::ADD as i8
            ; jne =>anywhere
            ; mov edx, [rdi + offset_of!(Cache, epoch) as i32]
            ; cmp [r12 + layout::EPOCH as i32], edx
            ; jne =>anywhere
            ; movzx esi, WORD [rdi + offset_of!(Cache, slot) as i32]
            ; cmp [rax + offset_of!(Table, props_cap) as i32], esi
            ; jbe =>anywhere
        );
        self.load_value(value);
        self.barrier(value);
        if !matches!(value, Operand::Constant(constant) if constant.tag != tag::NIL) {
            dynasm!(self.asm ; .arch x64 ; test edx, edx ; jz =>anywhere);
        }
        dynasm!(self.asm
            ; .arch x64
            ; mov edi, [rdi + offset_of!(Cache, next_shape) as i32]
            ; mov [rax + SHAPE], edi
            ; mov rdi, [rax + PROPS]
            ; mov [rdi + rsi * 8], rcx
            ; not rsi
            ; mov [rdi + rsi], dl
        );
    }

    /// With a metatable, a property that is nil may be for `__newindex`.
    fn check_assignable(&mut self, slot: i32, anywhere: DynamicLabel) {
        let (nil, plain) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        dynasm!(self.asm
            ; .arch x64
            ; cmp BYTE [rsi - 1 - slot], 0
            ; je =>nil
            ; =>plain
        );
        self.without_metatable(nil, plain, anywhere);
    }

    /// A value: payload in `rcx`, tag in `rdx`.
    pub fn load_value(&mut self, value: Operand) {
        match value {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; mov rcx, [rbx + payload(r)] ; mov rdx, [rbx + tag_of(r)]),
            Operand::Constant(constant) => dynasm!(self.asm
                ; .arch x64
                ; mov rcx, QWORD constant.payload as i64
                ; mov edx, constant.tag as i32
            ),
        }
    }

    /// The table in `rax` will refer to the value with payload `rcx` and tag `rdx`. Changes no register.
    pub fn barrier(&mut self, value: Operand) {
        let (black, plain) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        match value {
            Operand::Constant(constant) if !constant.is_collectable() => return,
            Operand::Constant(_) => {}
            Operand::Register(_) => dynasm!(self.asm ; .arch x64 ; cmp rdx, STRING ; jb =>plain),
        }
        dynasm!(self.asm ; .arch x64 ; test BYTE [rax + MARK], BLACK ; jnz =>black ; =>plain);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>black);
            this.tell_collector();
            dynasm!(this.asm ; .arch x64 ; jmp =>plain);
        });
    }
}
