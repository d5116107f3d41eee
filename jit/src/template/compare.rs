//! Comparisons and conditional jumps.

use super::{FLOAT, INT, STRING, TRUE, arith::Operand, payload, tag_of};
use crate::function::Assembler;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use perilune_vm::object::{Header, Table, flag};
use perilune_vm::tier;
use perilune_vm::value::{Slot, tag};
use std::mem::offset_of;

const META: i32 = offset_of!(Table, meta) as i32;

/// What is asked of two operands.
#[derive(Clone, Copy)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

impl Assembler<'_> {
    /// Where the two answers lead: (yes, no).
    fn ways(&mut self, wanted: bool, e: i32) -> (DynamicLabel, DynamicLabel) {
        let (taken, next) = (self.label_at(self.target(e)), self.label_at(self.next));
        if wanted { (taken, next) } else { (next, taken) }
    }

    /// `if truthy(r[a]) == wanted then pc += e`.
    pub fn test(&mut self, a: u8, wanted: bool, e: i32) {
        let target = self.label_at(self.target(e));
        dynasm!(self.asm ; .arch x64 ; cmp QWORD [rbx + tag_of(a)], TRUE);
        match wanted {
            true => dynasm!(self.asm ; .arch x64 ; jae =>target),
            false => dynasm!(self.asm ; .arch x64 ; jb =>target),
        }
    }

    /// `if truthy(r[b]) == wanted then r[a] = r[b], pc += e`.
    pub fn test_set(&mut self, a: u8, b: u8, wanted: bool, e: i32) {
        let (target, next) = (self.label_at(self.target(e)), self.label_at(self.next));
        dynasm!(self.asm ; .arch x64 ; mov rdx, [rbx + tag_of(b)] ; cmp rdx, TRUE);
        match wanted {
            true => dynasm!(self.asm ; .arch x64 ; jb =>next),
            false => dynasm!(self.asm ; .arch x64 ; jae =>next),
        }
        dynasm!(self.asm
            ; .arch x64
            ; mov rax, [rbx + payload(b)]
            ; mov [rbx + payload(a)], rax
            ; mov [rbx + tag_of(a)], rdx
            ; jmp =>target
        );
    }

    /// `if (x order y) == wanted then pc += e`.
    pub fn order(&mut self, order: Order, x: Operand, y: Operand, wanted: bool, e: i32) {
        let target = self.label_at(self.target(e));
        let next = self.label_at(self.next);
        let float = self.asm.new_dynamic_label();
        self.check_int(x, float);
        self.check_int(y, float);
        self.load_rax(x);
        match y {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; cmp rax, [rbx + payload(r)]),
            Operand::Constant(value) => dynasm!(self.asm ; .arch x64 ; cmp rax, value.as_int() as i32),
        }
        match (order, wanted) {
            (Order::Less, true) => dynasm!(self.asm ; .arch x64 ; jl =>target),
            (Order::Less, false) => dynasm!(self.asm ; .arch x64 ; jge =>target),
            (Order::LessEqual, true) => dynasm!(self.asm ; .arch x64 ; jle =>target),
            (Order::LessEqual, false) => dynasm!(self.asm ; .arch x64 ; jg =>target),
        }
        let missed = self.missed();
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>float);
            this.check_float(x, missed);
            this.check_float(y, missed);
            this.load_float(x, 0, missed);
            this.load_float(y, 1, missed);
            // The carry flag is set as well when the two have no order.
            dynasm!(this.asm ; .arch x64 ; ucomisd xmm1, xmm0);
            match (order, wanted) {
                (Order::Less, true) => dynasm!(this.asm ; .arch x64 ; ja =>target),
                (Order::Less, false) => dynasm!(this.asm ; .arch x64 ; jbe =>target),
                (Order::LessEqual, true) => dynasm!(this.asm ; .arch x64 ; jae =>target),
                (Order::LessEqual, false) => dynasm!(this.asm ; .arch x64 ; jb =>target),
            }
            dynasm!(this.asm ; .arch x64 ; jmp =>next);
        });
    }

    /// An integer in a register is not converted: the result would not be exact.
    fn check_float(&mut self, operand: Operand, missed: DynamicLabel) {
        if let Operand::Register(r) = operand {
            dynasm!(self.asm ; .arch x64 ; cmp QWORD [rbx + tag_of(r)], FLOAT ; jne =>missed);
        }
    }

    /// `if (r[a] == r[b]) == wanted then pc += e`.
    pub fn equal(&mut self, a: u8, b: u8, wanted: bool, e: i32) {
        let (yes, no) = self.ways(wanted, e);
        let (other, float, missed) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.missed());
        dynasm!(self.asm
            ; .arch x64
            ; mov rdx, [rbx + tag_of(a)]
            ; cmp rdx, [rbx + tag_of(b)]
            ; jne =>other
            ; cmp rdx, FLOAT
            ; je =>float
            ; cmp rdx, TRUE
            ; jbe =>yes
            ; mov rax, [rbx + payload(a)]
            ; mov rcx, [rbx + payload(b)]
            ; cmp rax, rcx
            ; je =>yes
            ; cmp rdx, INT
            ; je =>no
        );
        self.different_objects(no, missed);
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>float
                ; movsd xmm0, [rbx + payload(a)]
                ; ucomisd xmm0, [rbx + payload(b)]
                ; jp =>no
                ; je =>yes
                ; jmp =>no
                // Different tags: only numbers may be equal.
                ; =>other
                ; and edx, !1
                ; cmp edx, INT
                ; jne =>no
                ; mov rdx, [rbx + tag_of(b)]
                ; and edx, !1
                ; cmp edx, INT
                ; jne =>no
                ; jmp =>missed
            );
        });
    }

    /// Two addresses in `rax` and `rcx` with the same tag in `rdx` differ.
    fn different_objects(&mut self, no: DynamicLabel, missed: DynamicLabel) {
        let flags = offset_of!(Header, flags) as i32;
        dynasm!(self.asm
            ; .arch x64
            ; cmp rdx, STRING
            ; jb =>no
            ; jne >object
            // Of two different strings, one that is short differs from all others.
            ; mov al, [rax + flags]
            ; or al, [rcx + flags]
            ; test al, flag::SHORT as i8
            ; jnz =>no
            ; jmp =>missed
            ; object:
            ; cmp rdx, super::TABLE
            ; jne >userdata
            ; mov rdx, [rax + META]
            ; or rdx, [rcx + META]
            ; jz =>no
            ; mov rdi, r12
            ; mov rsi, rax
            ; mov rdx, rcx
            ; mov rax, QWORD tier::may_equal as *const () as i64
            ; call rax
            ; test eax, eax
            ; jz =>no
            ; jmp =>missed
            ; userdata:
            ; cmp rdx, tag::USERDATA as i32
            ; je =>missed
            ; jmp =>no
        );
    }

    /// `if (r[a] == constant) == wanted then pc += e`, without metamethods.
    pub fn equal_constant(&mut self, a: u8, constant: Slot, wanted: bool, e: i32) {
        let (yes, no) = self.ways(wanted, e);
        match constant.tag {
            tag::INT => self.equal_int(a, constant.as_int(), yes, no),
            tag::FLOAT => {
                let missed = self.missed();
                dynasm!(self.asm
                    ; .arch x64
                    ; cmp QWORD [rbx + tag_of(a)], INT
                    ; je =>missed
                    ; cmp QWORD [rbx + tag_of(a)], FLOAT
                    ; jne =>no
                    ; mov rax, QWORD constant.payload as i64
                    ; movq xmm0, rax
                    ; ucomisd xmm0, [rbx + payload(a)]
                    ; jp =>no
                    ; je =>yes
                    ; jmp =>no
                );
            }
            tag::STRING => {
                let missed = self.missed();
                dynasm!(self.asm
                    ; .arch x64
                    ; cmp QWORD [rbx + tag_of(a)], STRING
                    ; jne =>no
                    ; mov rax, [rbx + payload(a)]
                    ; mov rcx, QWORD constant.payload as i64
                    ; cmp rax, rcx
                    ; je =>yes
                    ; test BYTE [rax + offset_of!(Header, flags) as i32], flag::SHORT as i8
                    ; jnz =>no
                    ; test BYTE [rcx + offset_of!(Header, flags) as i32], flag::SHORT as i8
                    ; jnz =>no
                    ; jmp =>missed
                );
            }
            _ => dynasm!(self.asm
                ; .arch x64
                ; cmp QWORD [rbx + tag_of(a)], constant.tag as i32
                ; je =>yes
                ; jmp =>no
            ),
        }
    }

    fn equal_int(&mut self, a: u8, value: i64, yes: DynamicLabel, no: DynamicLabel) {
        let (float, missed) = (self.asm.new_dynamic_label(), self.missed());
        let is_exact = value.unsigned_abs() <= 1 << 53;
        dynasm!(self.asm
            ; .arch x64
            ; cmp QWORD [rbx + tag_of(a)], INT
            ; jne =>float
            ; mov rax, QWORD value
            ; cmp rax, [rbx + payload(a)]
            ; je =>yes
            ; jmp =>no
        );
        self.put_off(move |this| {
            dynasm!(this.asm ; .arch x64 ; =>float ; cmp QWORD [rbx + tag_of(a)], FLOAT ; jne =>no);
            if !is_exact {
                dynasm!(this.asm ; .arch x64 ; jmp =>missed);
                return;
            }
            dynasm!(this.asm
                ; .arch x64
                ; mov rax, QWORD (value as f64).to_bits() as i64
                ; movq xmm0, rax
                ; ucomisd xmm0, [rbx + payload(a)]
                ; jp =>no
                ; je =>yes
                ; jmp =>no
            );
        });
    }
}
