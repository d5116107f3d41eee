//! Arithmetic: integers and floats in place, everything else by the interpreter.
//!
//! The rows are those of `perilune_vm::arith`; the differential tests hold the two together.

use super::{FLOAT, INT, payload, tag_of};
use crate::function::Assembler;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, dynasm};
use perilune_vm::tier;
use perilune_vm::value::{Slot, tag};

/// An operand: in a register of the frame, or known now.
#[derive(Clone, Copy)]
pub enum Operand {
    /// A register.
    Register(u8),
    /// A value.
    Constant(Slot),
}

impl Operand {
    /// A small integer.
    pub fn int(value: i8) -> Operand {
        Operand::Constant(Slot::int(i64::from(value)))
    }

    /// Whether it may turn out to be an integer.
    pub fn may_be_int(self) -> bool {
        match self {
            Operand::Register(_) => true,
            Operand::Constant(value) => value.tag == tag::INT,
        }
    }
}

/// Operations with an integer and a float form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

/// What a floor division is to give.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `//`
    Quotient,
    /// `%`
    Remainder,
}

/// Bitwise operations.
#[derive(Clone, Copy)]
pub enum Bits {
    /// `&`
    And,
    /// `|`
    Or,
    /// `~`
    Xor,
}

/// Where a shift goes.
#[derive(Clone, Copy)]
pub enum Side {
    /// `<<`
    Left,
    /// `>>`
    Right,
}

impl Assembler<'_> {
    /// Goes to `other` unless the operand is an integer.
    pub fn check_int(&mut self, operand: Operand, other: DynamicLabel) {
        match operand {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; cmp QWORD [rbx + tag_of(r)], INT ; jne =>other),
            Operand::Constant(value) if value.tag == tag::INT => {}
            Operand::Constant(_) => dynasm!(self.asm ; .arch x64 ; jmp =>other),
        }
    }

    /// The payload of an operand in `rax`.
    pub fn load_rax(&mut self, operand: Operand) {
        match operand {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; mov rax, [rbx + payload(r)]),
            Operand::Constant(value) => dynasm!(self.asm ; .arch x64 ; mov rax, QWORD value.payload as i64),
        }
    }

    /// The payload of an operand in `rcx`.
    pub fn load_rcx(&mut self, operand: Operand) {
        match operand {
            Operand::Register(r) => dynasm!(self.asm ; .arch x64 ; mov rcx, [rbx + payload(r)]),
            Operand::Constant(value) => dynasm!(self.asm ; .arch x64 ; mov rcx, QWORD value.payload as i64),
        }
    }

    /// An operand as float in `xmm0` or `xmm1`; goes to `other` unless it is a number.
    pub fn load_float(&mut self, operand: Operand, xmm: u8, other: DynamicLabel) {
        match operand {
            Operand::Register(r) => {
                let (convert, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
                dynasm!(self.asm
                    ; .arch x64
                    ; cmp QWORD [rbx + tag_of(r)], FLOAT
                    ; jne =>convert
                    ; movsd Rx(xmm), [rbx + payload(r)]
                    ; =>done
                );
                self.put_off(move |this| {
                    dynasm!(this.asm
                        ; .arch x64
                        ; =>convert
                        ; cmp QWORD [rbx + tag_of(r)], INT
                        ; jne =>other
                        ; xorps Rx(xmm), Rx(xmm)
                        ; cvtsi2sd Rx(xmm), QWORD [rbx + payload(r)]
                        ; jmp =>done
                    );
                });
            }
            Operand::Constant(value) => match perilune_vm::arith::to_float(value) {
                Some(float) => dynasm!(self.asm
                    ; .arch x64
                    ; mov rax, QWORD float.to_bits() as i64
                    ; movq Rx(xmm), rax
                ),
                None => dynasm!(self.asm ; .arch x64 ; jmp =>other),
            },
        }
    }

    /// `r[a]` = the integer in `rax`.
    pub fn store_int(&mut self, a: u8) {
        dynasm!(self.asm ; .arch x64 ; mov [rbx + payload(a)], rax ; mov QWORD [rbx + tag_of(a)], INT);
    }

    /// `r[a]` = the integer in `rax`, where the registers among the operands are known to be integers.
    fn store_int_over(&mut self, a: u8, operands: [Operand; 2]) {
        if operands.iter().any(|operand| matches!(operand, Operand::Register(r) if *r == a)) {
            dynasm!(self.asm ; .arch x64 ; mov [rbx + payload(a)], rax);
        } else {
            self.store_int(a);
        }
    }

    /// `r[a]` = the float in `xmm0`.
    pub fn store_float(&mut self, a: u8) {
        dynasm!(self.asm ; .arch x64 ; movsd [rbx + payload(a)], xmm0 ; mov QWORD [rbx + tag_of(a)], FLOAT);
    }

    /// `r[a] = x op y`.
    pub fn arith(&mut self, op: Op, a: u8, x: Operand, y: Operand) {
        let (float, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        if x.may_be_int() && y.may_be_int() {
            self.check_int(x, float);
            self.check_int(y, float);
            self.load_rax(x);
            self.int_operation(op, y);
            self.store_int_over(a, [x, y]);
            dynasm!(self.asm ; .arch x64 ; jmp =>done);
        }
        dynasm!(self.asm ; .arch x64 ; =>float);
        let missed = self.missed();
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        match op {
            Op::Add => dynasm!(self.asm ; .arch x64 ; addsd xmm0, xmm1),
            Op::Sub => dynasm!(self.asm ; .arch x64 ; subsd xmm0, xmm1),
            Op::Mul => dynasm!(self.asm ; .arch x64 ; mulsd xmm0, xmm1),
        }
        self.store_float(a);
        dynasm!(self.asm ; .arch x64 ; =>done);
    }

    /// `rax = rax op y`, wrapping around.
    fn int_operation(&mut self, op: Op, y: Operand) {
        match y {
            Operand::Register(r) => match op {
                Op::Add => dynasm!(self.asm ; .arch x64 ; add rax, [rbx + payload(r)]),
                Op::Sub => dynasm!(self.asm ; .arch x64 ; sub rax, [rbx + payload(r)]),
                Op::Mul => dynasm!(self.asm ; .arch x64 ; imul rax, [rbx + payload(r)]),
            },
            Operand::Constant(value) => match (op, i32::try_from(value.as_int())) {
                (Op::Add, Ok(small)) => dynasm!(self.asm ; .arch x64 ; add rax, small),
                (Op::Sub, Ok(small)) => dynasm!(self.asm ; .arch x64 ; sub rax, small),
                (Op::Mul, Ok(small)) => dynasm!(self.asm ; .arch x64 ; imul rax, rax, small),
                (_, Err(_)) => {
                    self.load_rcx(y);
                    match op {
                        Op::Add => dynasm!(self.asm ; .arch x64 ; add rax, rcx),
                        Op::Sub => dynasm!(self.asm ; .arch x64 ; sub rax, rcx),
                        Op::Mul => dynasm!(self.asm ; .arch x64 ; imul rax, rcx),
                    }
                }
            },
        }
    }

    /// `r[a] = x / y`.
    pub fn divide(&mut self, a: u8, x: Operand, y: Operand) {
        let missed = self.missed();
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        dynasm!(self.asm ; .arch x64 ; divsd xmm0, xmm1);
        self.store_float(a);
    }

    /// `r[a] = x ^ y`.
    pub fn power(&mut self, a: u8, x: Operand, y: Operand) {
        let missed = self.missed();
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        let is_square = matches!(y, Operand::Constant(value) if perilune_vm::arith::to_float(value) == Some(2.0));
        if is_square {
            dynasm!(self.asm ; .arch x64 ; mulsd xmm0, xmm0);
        } else {
            dynasm!(self.asm ; .arch x64 ; mov rax, QWORD tier::power as *const () as i64 ; call rax);
        }
        self.store_float(a);
    }

    /// `r[a] = r[b] // y` or `r[a] = r[b] % y`.
    pub fn floor_divide(&mut self, part: Part, a: u8, b: u8, y: Operand) {
        let (float, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let missed = self.missed();
        let x = Operand::Register(b);
        if y.may_be_int() {
            self.check_int(x, float);
            self.check_int(y, float);
            self.int_division(part, x, y, missed);
            self.store_int_over(a, [x, y]);
            dynasm!(self.asm ; .arch x64 ; jmp =>done);
        }
        dynasm!(self.asm ; .arch x64 ; =>float);
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        match part {
            Part::Quotient => dynasm!(self.asm ; .arch x64 ; divsd xmm0, xmm1 ; roundsd xmm0, xmm0, 1),
            Part::Remainder => {
                dynasm!(self.asm ; .arch x64 ; mov rax, QWORD tier::float_mod as *const () as i64 ; call rax);
            }
        }
        self.store_float(a);
        dynasm!(self.asm ; .arch x64 ; =>done);
    }

    /// The quotient or remainder of integers, rounded down, in `rax`.
    fn int_division(&mut self, part: Part, x: Operand, y: Operand, missed: DynamicLabel) {
        self.load_rax(x);
        if let Operand::Constant(value) = y
            && value.as_int() > 0
            && value.as_int().count_ones() == 1
            && value.as_int() <= 1 << 30
        {
            let divisor = value.as_int();
            match part {
                Part::Quotient => dynasm!(self.asm ; .arch x64 ; sar rax, divisor.trailing_zeros() as i8),
                Part::Remainder => dynasm!(self.asm ; .arch x64 ; and rax, (divisor - 1) as i32),
            }
            return;
        }
        self.load_rcx(y);
        let exact = self.asm.new_dynamic_label();
        // Divisors 0 and -1 go to the interpreter: one raises an error, the other may overflow.
        dynasm!(self.asm
            ; .arch x64
            ; lea rdx, [rcx + 1]
            ; cmp rdx, 1
            ; jbe =>missed
            ; cqo
            ; idiv rcx
            ; test rdx, rdx
            ; jz =>exact
        );
        match part {
            Part::Quotient => dynasm!(self.asm ; .arch x64 ; xor rdx, rcx ; sar rdx, 63 ; add rax, rdx ; =>exact),
            Part::Remainder => {
                // The divisor is added when the signs differ.
                dynasm!(self.asm
                    ; .arch x64
                    ; mov rax, rdx
                    ; xor rax, rcx
                    ; sar rax, 63
                    ; and rax, rcx
                    ; add rdx, rax
                    ; =>exact
                    ; mov rax, rdx
                );
            }
        }
    }

    /// `r[a] = r[b] op y` on integers.
    pub fn bits(&mut self, op: Bits, a: u8, b: u8, y: Operand) {
        let missed = self.missed();
        self.check_int(Operand::Register(b), missed);
        self.check_int(y, missed);
        self.load_rax(Operand::Register(b));
        self.load_rcx(y);
        match op {
            Bits::And => dynasm!(self.asm ; .arch x64 ; and rax, rcx),
            Bits::Or => dynasm!(self.asm ; .arch x64 ; or rax, rcx),
            Bits::Xor => dynasm!(self.asm ; .arch x64 ; xor rax, rcx),
        }
        self.store_int_over(a, [Operand::Register(b), y]);
    }

    /// `r[a] = r[b] << y` or `r[a] = r[b] >> y`, by 0 to 63 bits.
    pub fn shift(&mut self, side: Side, a: u8, b: u8, y: Operand) {
        let missed = self.missed();
        self.check_int(Operand::Register(b), missed);
        self.check_int(y, missed);
        self.load_rax(Operand::Register(b));
        self.load_rcx(y);
        dynasm!(self.asm ; .arch x64 ; cmp rcx, 63 ; ja =>missed);
        match side {
            Side::Left => dynasm!(self.asm ; .arch x64 ; shl rax, cl),
            Side::Right => dynasm!(self.asm ; .arch x64 ; shr rax, cl),
        }
        self.store_int_over(a, [Operand::Register(b), y]);
    }

    /// `r[a] = -r[b]`.
    pub fn negate(&mut self, a: u8, b: u8) {
        let (float, done, missed) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.missed());
        self.check_int(Operand::Register(b), float);
        dynasm!(self.asm ; .arch x64 ; mov rax, [rbx + payload(b)] ; neg rax);
        self.store_int(a);
        dynasm!(self.asm ; .arch x64 ; =>done);
        self.put_off(move |this| {
            dynasm!(this.asm
                ; .arch x64
                ; =>float
                ; cmp QWORD [rbx + tag_of(b)], FLOAT
                ; jne =>missed
                ; mov rax, [rbx + payload(b)]
                ; btc rax, 63
                ; mov [rbx + payload(a)], rax
                ; mov QWORD [rbx + tag_of(a)], FLOAT
                ; jmp =>done
            );
        });
    }

    /// `r[a] = ~r[b]`.
    pub fn complement(&mut self, a: u8, b: u8) {
        let missed = self.missed();
        self.check_int(Operand::Register(b), missed);
        dynasm!(self.asm ; .arch x64 ; mov rax, [rbx + payload(b)] ; not rax);
        self.store_int(a);
    }
}
