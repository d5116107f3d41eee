//! Items of tables, and lengths.

use super::{STRING, TABLE, arith::Operand, payload, tag_of};
use crate::function::Assembler;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use perilune_vm::object::{Str, Table};
use perilune_vm::tier::{self, assist};
use perilune_vm::value::tag;
use std::mem::offset_of;

const ARRAY: i32 = offset_of!(Table, array) as i32;
const ARRAY_LEN: i32 = offset_of!(Table, array_len) as i32;
const ARRAY_CAP: i32 = offset_of!(Table, array_cap) as i32;
const HASH: i32 = offset_of!(Table, hash) as i32;
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
        let (missed, elsewhere) = (self.missed(), self.asm.new_dynamic_label());
        let (plain, metatable, append) =
            (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        self.check_table(b, missed);
        self.put(key, value, elsewhere);
        self.check_int(key, elsewhere);
        self.load_value(value);
        self.barrier(value);
        if !matches!(value, Operand::Constant(constant) if constant.tag != tag::NIL) {
            dynasm!(self.asm ; .arch x64 ; test edx, edx ; jz =>elsewhere);
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
            ; jae =>append
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
                ; jmp =>elsewhere
                // An array that has room grows by an item, unless the hash may have the key.
                ; =>append
                ; jne =>elsewhere
                ; cmp esi, [rax + ARRAY_CAP]
                ; jae =>elsewhere
                ; mov r8, [rax + META]
                ; or r8, [rax + HASH]
                ; jnz =>elsewhere
                ; add esi, 1
                ; mov [rax + ARRAY_LEN], esi
                ; mov rsi, [rax + ARRAY]
                ; jmp =>plain
            );
        });
    }

    /// Stores a value that does not replace an item of the table in `rax`.
    fn put(&mut self, key: Operand, value: Operand, elsewhere: DynamicLabel) {
        let stepped = self.stepped();
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>elsewhere ; mov rsi, rax);
            this.load_value(value);
            dynasm!(this.asm ; .arch x64 ; mov r8, rcx ; mov r9, rdx);
            this.load_value(key);
            dynasm!(this.asm
                ; .arch x64
                ; mov rdi, r12
                ; xchg rdx, rcx
                ; mov rax, QWORD assist::put as *const () as i64
                ; call rax
                ; test eax, eax
                ; jz =>stepped
            );
            this.go_on_after_allocation(this.next);
        });
    }

    /// `r[a] = #r[b]`.
    pub fn length(&mut self, a: u8, b: u8) {
        let (string, search, done, stepped) = (
            self.asm.new_dynamic_label(),
            self.asm.new_dynamic_label(),
            self.asm.new_dynamic_label(),
            self.stepped(),
        );
        dynasm!(self.asm
            ; .arch x64
            ; mov rdi, [rbx + payload(b)]
            ; cmp QWORD [rbx + tag_of(b)], TABLE
            ; jne =>string
            ; cmp QWORD [rdi + META], 0
            ; jne =>stepped
            ; mov eax, [rdi + ARRAY_LEN]
            ; test eax, eax
            ; jz =>done
            ; mov rcx, rax
            ; not rcx
            ; mov rsi, [rdi + ARRAY]
            ; cmp BYTE [rsi + rcx + 1], 0
            ; je =>search
            ; =>done
        );
        self.store_int(a);
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                // The last item is nil.
                ; =>search
                ; mov rax, QWORD tier::raw_len as *const () as i64
                ; call rax
                ; jmp =>done
                ; =>string
                ; cmp QWORD [rbx + tag_of(b)], STRING
                ; jne =>stepped
                ; mov rax, [rdi + offset_of!(Str, len) as i32]
                ; jmp =>done
            );
        });
    }
}
