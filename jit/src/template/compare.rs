//! Comparisons and conditional jumps.

use super::arith::{Number, Operand};
use super::{FLOAT, INT, STRING, TRUE, payload, tag_of};
use crate::encode::x64;
use crate::flow::{Form, form};
use crate::function::{Assembler, Read};
use crate::state::Source;
use crate::stub::Routine;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::object::{Header, flag};
use perilune_vm::tier;
use perilune_vm::tier::seen::Class;
use perilune_vm::value::{Slot, tag};
use std::mem::offset_of;

/// What is asked of two operands.
#[derive(Clone, Copy)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
}

impl Assembler<'_> {
    /// Where the two answers lead: (yes, no), one of which is `next`.
    fn ways(&mut self, wanted: bool, e: i32, next: DynamicLabel) -> (DynamicLabel, DynamicLabel) {
        let taken = self.way(self.target(e));
        if wanted { (taken, next) } else { (next, taken) }
    }

    /// `if truthy(r[a]) == wanted then pc += e`.
    pub fn test(&mut self, a: u8, wanted: bool, e: i32) {
        if let Some(known) = self.tag(a) {
            if (known >= tag::TRUE) == wanted {
                self.go_to(self.target(e), false);
                self.alive = false;
            }
            return;
        }
        let target = self.way(self.target(e));
        if self.is_left(Read::Tag(a)) {
            x64!(self.asm ; cmp dl, TRUE as i8);
        } else {
            x64!(self.asm ; cmp TAG [rbx + tag_of(a)], TRUE);
        }
        match wanted {
            true => x64!(self.asm ; jae =>target),
            false => x64!(self.asm ; jb =>target),
        }
    }

    /// `if truthy(r[b]) == wanted then r[a] = r[b], pc += e`.
    pub fn test_set(&mut self, a: u8, b: u8, wanted: bool, e: i32) {
        if let Some(known) = self.tag(b) {
            if (known >= tag::TRUE) == wanted {
                self.copy(a, b);
                self.go_to(self.target(e), false);
                self.alive = false;
            }
            return;
        }
        let next = self.asm.new_dynamic_label();
        x64!(self.asm ; mov rdx, [rbx + tag_of(b)] ; cmp rdx, TRUE);
        match wanted {
            true => x64!(self.asm ; jb =>next),
            false => x64!(self.asm ; jae =>next),
        }
        x64!(self.asm
            ; mov rax, [rbx + payload(b)]
            ; mov [rbx + payload(a)], rax
            ; mov [rbx + tag_of(a)], rdx
        );
        let before = self.state.clone();
        self.forget(a);
        self.go_to(self.target(e), false);
        self.state = before;
        x64!(self.asm ; =>next);
    }

    /// `if (x order y) == wanted then pc += e`.
    pub fn order(&mut self, order: Order, x: Operand, y: Operand, wanted: bool, e: i32) {
        let [first, second] = self.classes(x, y);
        match form(first, second) {
            Form::Unseen => self.unseen(),
            Form::Any => self.any_order(order, x, y, wanted, e),
            Form::Int => {
                self.check_class(x, first);
                self.check_class(y, second);
                let (x, y) = (self.number(x), self.number(y));
                let target = self.way(self.target(e));
                let swapped = self.compare_ints(x, y);
                self.jump_by_order(order, wanted, swapped, target);
            }
            Form::Float if self.is_exact(x, first) && self.is_exact(y, second) => {
                self.check_class(x, first);
                self.check_class(y, second);
                // Homes are filled before the way is made.
                let (x_at, y_at) = (self.float_at(0, x, first), self.float_at(1, y, second));
                let target = self.way(self.target(e));
                x64!(self.asm ; ucomisd Rx(y_at), Rx(x_at));
                self.jump_by_float_order(order, wanted, target);
            }
            Form::Float => self.any_order(order, x, y, wanted, e),
        }
    }

    /// Whether an operand of a comparison of floats loses nothing as a float.
    fn is_exact(&self, operand: Operand, class: Class) -> bool {
        match operand {
            Operand::Register(_) => class == Class::Float,
            Operand::Constant(value) => value.tag == tag::FLOAT || value.as_int().unsigned_abs() <= 1 << 53,
        }
    }

    /// The vector register of a float, which is `scratch` unless it has a home.
    fn float_at(&mut self, scratch: u8, operand: Operand, class: Class) -> u8 {
        if let (Operand::Register(_), Class::Float) = (operand, class)
            && let Number::Source(Source::In(n)) = self.number(operand)
        {
            return n;
        }
        self.load_number(scratch, operand, class);
        scratch
    }

    /// Compares integers; whether in the other order.
    fn compare_ints(&mut self, x: Number, y: Number) -> bool {
        match (x, y) {
            (Number::Source(x), Number::Int(value)) => match i32::try_from(value) {
                Ok(small) => match x {
                    Source::In(n) => x64!(self.asm ; cmp Rq(n), imm small),
                    Source::At(at) => x64!(self.asm ; cmp QWORD [rbx + at], small),
                },
                Err(_) => {
                    self.load_general(0, x);
                    self.load_int(1, value);
                    x64!(self.asm ; cmp rax, rcx);
                }
            },
            (Number::Int(_), Number::Source(_)) => return !self.compare_ints(y, x),
            (Number::Source(Source::In(x)), Number::Source(Source::In(y))) => x64!(self.asm ; cmp Rq(x), Rq(y)),
            (Number::Source(Source::In(x)), Number::Source(Source::At(y))) => x64!(self.asm ; cmp Rq(x), [rbx + y]),
            (Number::Source(Source::At(x)), Number::Source(Source::In(y))) => x64!(self.asm ; cmp [rbx + x], Rq(y)),
            (Number::Source(Source::At(x)), Number::Source(Source::At(y))) => {
                x64!(self.asm ; mov rax, [rbx + x] ; cmp rax, [rbx + y]);
            }
            (Number::Int(x), Number::Int(y)) => {
                self.load_int(0, x);
                self.load_int(1, y);
                x64!(self.asm ; cmp rax, rcx);
            }
            _ => {}
        }
        false
    }

    /// Goes to `target` when `x order y` is as wanted, after `ucomisd y, x`.
    pub fn jump_by_float_order(&mut self, order: Order, wanted: bool, target: DynamicLabel) {
        // The carry flag is set as well when the two have no order.
        match (order, wanted) {
            (Order::Less, true) => x64!(self.asm ; ja =>target),
            (Order::Less, false) => x64!(self.asm ; jbe =>target),
            (Order::LessEqual, true) => x64!(self.asm ; jae =>target),
            (Order::LessEqual, false) => x64!(self.asm ; jb =>target),
        }
    }

    /// Goes to `target` when `x order y` is as wanted, after `x` was compared with `y`, or `y` with `x` if they were swapped.
    pub fn jump_by_order(&mut self, order: Order, wanted: bool, swapped: bool, target: DynamicLabel) {
        match (order, wanted, swapped) {
            (Order::Less, true, false) => x64!(self.asm ; jl =>target),
            (Order::Less, false, false) => x64!(self.asm ; jge =>target),
            (Order::LessEqual, true, false) => x64!(self.asm ; jle =>target),
            (Order::LessEqual, false, false) => x64!(self.asm ; jg =>target),
            (Order::Less, true, true) => x64!(self.asm ; jg =>target),
            (Order::Less, false, true) => x64!(self.asm ; jle =>target),
            (Order::LessEqual, true, true) => x64!(self.asm ; jge =>target),
            (Order::LessEqual, false, true) => x64!(self.asm ; jl =>target),
        }
    }

    /// Integers and floats, told apart each time; in memory.
    fn any_order(&mut self, order: Order, x: Operand, y: Operand, wanted: bool, e: i32) {
        self.store_operand(x);
        self.store_operand(y);
        let classes = self.classes(x, y);
        let text = match (x, y) {
            (Operand::Register(x), Operand::Register(y)) if classes.contains(&Class::Any) => {
                // A function of the machine may be called.
                self.vacate();
                Some((x, y, self.asm.new_dynamic_label()))
            }
            _ => None,
        };
        let (next, float, missed) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.other_kinds(classes));
        let target = self.way(self.target(e));
        self.check_int(x, float);
        self.check_int(y, float);
        self.load_rax(x);
        match y {
            Operand::Register(r) => x64!(self.asm ; cmp rax, [rbx + payload(r)]),
            Operand::Constant(value) => x64!(self.asm ; cmp rax, value.as_int() as i32),
        }
        self.jump_by_order(order, wanted, false, target);
        x64!(self.asm ; =>next);
        self.put_off(move |this| {
            x64!(this.asm ; =>float);
            let other = text.map_or(missed, |(_, _, text)| text);
            this.check_float(x, other);
            this.check_float(y, other);
            this.load_float(x, 0, missed);
            this.load_float(y, 1, missed);
            x64!(this.asm ; ucomisd xmm1, xmm0);
            this.jump_by_float_order(order, wanted, target);
            x64!(this.asm ; jmp =>next);
            if let Some((x, y, text)) = text {
                x64!(this.asm
                    ; =>text
                    ; cmp TAG [rbx + tag_of(x)], STRING
                    ; jne =>missed
                    ; cmp TAG [rbx + tag_of(y)], STRING
                    ; jne =>missed
                    ; mov rdi, [rbx + payload(x)]
                    ; mov rsi, [rbx + payload(y)]
                    ; mov rax, QWORD tier::compare_strings as *const () as i64
                    ; call rax
                    ; cmp eax, 0
                );
                this.jump_by_order(order, wanted, false, target);
                x64!(this.asm ; jmp =>next);
            }
        });
    }

    /// An integer in a register is not converted: the result would not be exact.
    fn check_float(&mut self, operand: Operand, missed: DynamicLabel) {
        if let Operand::Register(r) = operand {
            x64!(self.asm ; cmp TAG [rbx + tag_of(r)], FLOAT ; jne =>missed);
        }
    }

    /// `if (r[a] == r[b]) == wanted then pc += e`.
    pub fn equal(&mut self, a: u8, b: u8, wanted: bool, e: i32) {
        if (self.tag(a), self.tag(b)) == (Some(tag::INT), Some(tag::INT)) {
            let (x, y) = (Number::Source(self.source(a)), Number::Source(self.source(b)));
            let target = self.way(self.target(e));
            self.compare_ints(x, y);
            return self.jump_if_equal(wanted, target);
        }
        self.store_operand(Operand::Register(a));
        self.store_operand(Operand::Register(b));
        let next = self.asm.new_dynamic_label();
        let (yes, no) = self.ways(wanted, e, next);
        // What they are tells nothing that would make the next version better.
        let (other, float, missed) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.stepped());
        let same = self.routine(Routine::Same);
        x64!(self.asm
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
        x64!(self.asm ; call =>same ; jc =>missed);
        self.jump_if_equal(wanted, if wanted { yes } else { no });
        x64!(self.asm ; =>next);
        self.put_off(move |this| {
            x64!(this.asm
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
                ; mov rax, [rbx + payload(a)]
                ; mov rcx, [rbx + payload(b)]
                ; cmp TAG [rbx + tag_of(a)], INT
                ; je >first
                ; xchg rax, rcx
                ; first:
                ; mov edx, INT
                ; call =>same
                ; je =>yes
                ; jmp =>no
            );
        });
    }

    /// Goes to `target` when what was compared is equal, if that is wanted, or else when it is not.
    pub fn jump_if_equal(&mut self, wanted: bool, target: DynamicLabel) {
        match wanted {
            true => x64!(self.asm ; je =>target),
            false => x64!(self.asm ; jne =>target),
        }
    }

    /// `if (r[a] == constant) == wanted then pc += e`, without metamethods.
    pub fn equal_constant(&mut self, a: u8, constant: Slot, wanted: bool, e: i32) {
        if constant.tag == tag::INT && self.tag(a) == Some(tag::INT) {
            let x = Number::Source(self.source(a));
            let target = self.way(self.target(e));
            self.compare_ints(x, Number::Int(constant.as_int()));
            return self.jump_if_equal(wanted, target);
        }
        self.store_operand(Operand::Register(a));
        let next = self.asm.new_dynamic_label();
        let (yes, no) = self.ways(wanted, e, next);
        self.equal_any_constant(a, constant, yes, no);
        x64!(self.asm ; =>next);
    }

    fn equal_any_constant(&mut self, a: u8, constant: Slot, yes: DynamicLabel, no: DynamicLabel) {
        let missed = self.stepped();
        match constant.tag {
            tag::INT => self.equal_int(a, constant.as_int(), [yes, no, missed]),
            tag::FLOAT => {
                x64!(self.asm
                    ; cmp TAG [rbx + tag_of(a)], INT
                    ; je =>missed
                    ; cmp TAG [rbx + tag_of(a)], FLOAT
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
                x64!(self.asm
                    ; cmp TAG [rbx + tag_of(a)], STRING
                    ; jne =>no
                    ; mov rax, [rbx + payload(a)]
                    ; mov rcx, QWORD constant.payload as i64
                    ; cmp rax, rcx
                    ; je =>yes
                );
                let same = self.routine(Routine::Same);
                x64!(self.asm
                    ; test BYTE [rcx + offset_of!(Header, flags) as i32], flag::SHORT as i8
                    ; jnz =>no
                    ; mov edx, STRING
                    ; call =>same
                    ; je =>yes
                    ; jmp =>no
                );
            }
            _ => x64!(self.asm
                ; cmp TAG [rbx + tag_of(a)], constant.tag
                ; je =>yes
                ; jmp =>no
            ),
        }
    }

    fn equal_int(&mut self, a: u8, value: i64, [yes, no, missed]: [DynamicLabel; 3]) {
        let float = self.asm.new_dynamic_label();
        let is_exact = value.unsigned_abs() <= 1 << 53;
        x64!(self.asm
            ; cmp TAG [rbx + tag_of(a)], INT
            ; jne =>float
            ; mov rax, QWORD value
            ; cmp rax, [rbx + payload(a)]
            ; je =>yes
            ; jmp =>no
        );
        self.put_off(move |this| {
            x64!(this.asm ; =>float ; cmp TAG [rbx + tag_of(a)], FLOAT ; jne =>no);
            if !is_exact {
                x64!(this.asm ; jmp =>missed);
                return;
            }
            x64!(this.asm
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
