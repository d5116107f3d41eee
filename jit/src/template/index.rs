//! Items of tables, and lengths.

use super::{STRING, TABLE, arith::Operand, payload, tag_of};
use crate::function::Assembler;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use perilune_vm::object::{Str, Table};
use perilune_vm::tier;
use perilune_vm::value::tag;
use std::mem::offset_of;

const ARRAY: i32 = offset_of!(Table, array) as i32;
const ARRAY_LEN: i32 = offset_of!(Table, array_len) as i32;
const META: i32 = offset_of!(Table, meta) as i32;

impl Assembler<'_> {
    /// `r[a] = r[b][key]`.
    pub fn get_index(&mut self, a: u8, b: u8, key: Operand) {
        let (missed, stepped) = (self.missed(), self.stepped());
        let (elsewhere, nil, found) =
            (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.check_table(b, missed);
        dynasm!(self.asm ; .arch x64 ; mov r14, rax);
        self.check_int(key, elsewhere);
        self.load_rcx(key);
        dynasm!(self.asm
            ; .arch x64
            ; sub rcx, 1
            ; mov edx, [rax + ARRAY_LEN]
            ; cmp rcx, rdx
            ; jae =>elsewhere
            ; mov rsi, [rax + ARRAY]
            ; mov rax, [rsi + rcx * 8]
            ; not rcx
            ; movzx edx, BYTE [rsi + rcx]
            ; test edx, edx
            ; jz =>nil
            ; =>found
            ; mov [rbx + payload(a)], rax
            ; mov [rbx + tag_of(a)], rdx
        );
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>elsewhere);
            match key {
                Operand::Register(r) => dynasm!(this.asm ; .arch x64 ; mov rdx, [rbx + payload(r)] ; mov rcx, [rbx + tag_of(r)]),
                Operand::Constant(value) => dynasm!(this.asm
                    ; .arch x64
                    ; mov rdx, QWORD value.payload as i64
                    ; mov ecx, value.tag as i32
                ),
            }
            dynasm!(this.asm
                ; .arch x64
                ; mov rdi, r12
                ; mov rsi, r14
                ; mov rax, QWORD tier::raw_get as *const () as i64
                ; call rax
                ; test edx, edx
                ; jnz =>found
                ; =>nil
                ; cmp QWORD [r14 + META], 0
                ; je =>found
                ; jmp =>stepped
            );
        });
    }

    /// `r[b][key] = value`.
    pub fn set_index(&mut self, b: u8, key: Operand, value: Operand) {
        let (missed, stepped, elsewhere) = (self.missed(), self.stepped(), self.asm.new_dynamic_label());
        let (plain, metatable) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.check_table(b, missed);
        self.put(key, value, elsewhere);
        self.check_int(key, elsewhere);
        self.load_value(value);
        self.check_barrier(value, stepped);
        if !matches!(value, Operand::Constant(constant) if constant.tag != tag::NIL) {
            dynasm!(self.asm ; .arch x64 ; test edx, edx ; jz =>stepped);
        }
        match key {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; mov rdi, [rbx + payload(r)]),
            Operand::Constant(value) => dynasm!(self.asm ; .arch x64 ; mov rdi, QWORD value.payload as i64),
        }
        dynasm!(self.asm
            ; .arch x64
            ; sub rdi, 1
            ; mov esi, [rax + ARRAY_LEN]
            ; cmp rdi, rsi
            ; jae =>elsewhere
            ; mov rsi, [rax + ARRAY]
            ; cmp QWORD [rax + META], 0
            ; jne =>metatable
            ; =>plain
            ; mov [rsi + rdi * 8], rcx
            ; not rdi
            ; mov [rsi + rdi], dl
        );
        self.put_off(move |this| {
            // Only a key that is there is not for `__newindex`.
            dynasm!(this.asm
                ; .arch x64
                ; =>metatable
                ; mov r8, rdi
                ; not r8
                ; cmp BYTE [rsi + r8], 0
                ; jne =>plain
                ; jmp =>stepped
            );
        });
    }

    /// Stores a value that does not replace an item of the table in `rax`.
    fn put(&mut self, key: Operand, value: Operand, elsewhere: DynamicLabel) {
        let (stepped, next) = (self.stepped(), self.next);
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>elsewhere ; cmp QWORD [rax + META], 0 ; jne =>stepped ; mov rsi, rax);
            this.load_value(value);
            dynasm!(this.asm ; .arch x64 ; mov r8, rcx ; mov r9, rdx);
            this.load_value(key);
            dynasm!(this.asm
                ; .arch x64
                ; mov rdi, r12
                ; xchg rdx, rcx
                ; mov rax, QWORD tier::put as *const () as i64
                ; call rax
                ; test eax, eax
                ; jz =>stepped
            );
            this.go_on_after_allocation(next);
        });
    }

    /// `r[a] = #r[b]`.
    pub fn length(&mut self, a: u8, b: u8) {
        let (string, done, stepped) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.stepped());
        dynasm!(self.asm
            ; .arch x64
            ; mov rdi, [rbx + payload(b)]
            ; cmp QWORD [rbx + tag_of(b)], TABLE
            ; jne =>string
            ; cmp QWORD [rdi + META], 0
            ; jne =>stepped
            ; mov rax, QWORD tier::raw_len as *const () as i64
            ; call rax
            ; =>done
        );
        self.store_int(a);
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>string
                ; cmp QWORD [rbx + tag_of(b)], STRING
                ; jne =>stepped
                ; mov rax, [rdi + offset_of!(Str, len) as i32]
                ; jmp =>done
            );
        });
    }
}
