//! Arithmetic: integers and floats in place, everything else by the interpreter.
//!
//! The rows are those of `perilune_vm::arith`; the differential tests hold the two together.

use super::{FLOAT, INT, payload, tag_of};
use crate::encode::x64;
use crate::flow::{Form, are_integers, class, form};
use crate::function::Assembler;
use crate::registers::Registers;
use crate::state::Source;
use crate::stub;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::tier;
use perilune_vm::tier::seen::Class;
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

    /// How many registers it is.
    pub fn registers(self) -> usize {
        usize::from(matches!(self, Operand::Register(_)))
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

/// Exponents that are done in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exponent {
    /// `x ^ 2`
    Two,
    /// `x ^ 0.5`, where the processor has an instruction for `x - y * z`.
    Half,
    /// All others.
    Other,
}

impl Exponent {
    /// The kind of an exponent.
    pub fn of(operand: Operand) -> Exponent {
        let Operand::Constant(value) = operand else { return Exponent::Other };
        match perilune_vm::arith::to_float(value) {
            Some(2.0) => Exponent::Two,
            Some(0.5) if stub::has_fused_multiply() => Exponent::Half,
            _ => Exponent::Other,
        }
    }
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

/// Where a number of a known kind is read.
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    /// In a machine register or the frame.
    Source(Source),
    /// An integer that is known now.
    Int(i64),
    /// A float that is known now.
    Float(f64),
}

/// The second operand of an operation on integers.
enum IntOperand {
    /// Fits an immediate.
    Small(i32),
    Source(Source),
    /// A float, in code that is not reached.
    None,
}

impl Assembler<'_> {
    /// The class of an operand, which is the `n`th register that the instruction reads.
    pub fn class(&self, operand: Operand, n: usize) -> Class {
        class(self.function, self.seen(), &self.state.tags, operand, n)
    }

    /// The classes of two operands.
    pub fn classes(&self, x: Operand, y: Operand) -> [Class; 2] {
        [self.class(x, 0), self.class(y, x.registers())]
    }

    /// Brings the memory of a register up to date.
    pub fn store_operand(&mut self, operand: Operand) {
        if let Operand::Register(r) = operand {
            self.store_pending(Registers::one(r));
        }
    }

    /// Makes sure that an operand is of the class, where that is a single kind.
    pub fn check_class(&mut self, operand: Operand, class: Class) {
        let missed = self.missed();
        match (operand, class) {
            (Operand::Register(r), Class::Int) => self.guard(r, tag::INT, missed),
            (Operand::Register(r), Class::Float) => self.guard(r, tag::FLOAT, missed),
            _ => {}
        }
    }

    /// Where operands of several kinds lead that fast paths do not know: one that was no number may be so again, and
    /// there is nothing to learn from that.
    pub fn other_kinds(&mut self, classes: [Class; 2]) -> DynamicLabel {
        if classes.contains(&Class::Any) { self.stepped() } else { self.missed() }
    }

    /// Where an operand of one known kind is read.
    pub fn number(&mut self, operand: Operand) -> Number {
        match operand {
            Operand::Register(r) => Number::Source(self.source(r)),
            Operand::Constant(value) if value.tag == tag::INT => Number::Int(value.as_int()),
            Operand::Constant(value) => Number::Float(value.as_float()),
        }
    }

    /// An operand of one known kind as float in a vector register.
    pub fn load_number(&mut self, target: u8, operand: Operand, class: Class) {
        match (self.number(operand), class) {
            (Number::Int(value), _) => self.load_float_constant(target, value as f64),
            (Number::Float(value), _) => self.load_float_constant(target, value),
            (Number::Source(source), Class::Int) => {
                x64!(self.asm ; xorps Rx(target), Rx(target));
                match source {
                    Source::In(n) => x64!(self.asm ; cvtsi2sd Rx(target), Rq(n)),
                    Source::At(at) => x64!(self.asm ; cvtsi2sd Rx(target), QWORD [rbx + at]),
                }
            }
            (Number::Source(source), _) => self.load_vector(target, source),
        }
    }

    /// Two numbers for an operation on floats: the first in the vector register that is answered, `target` where that
    /// may be, the second where it is answered. No way out is taken after the first write to `target`.
    fn load_floats(&mut self, target: u8, [x, y]: [Operand; 2], [first, second]: [Class; 2]) -> (u8, u8) {
        let is_single = |class| matches!(class, Class::Int | Class::Float);
        for (operand, class) in [(x, first), (y, second)] {
            if !is_single(class) {
                self.store_operand(operand);
            }
        }
        self.check_class(x, first);
        self.check_class(y, second);
        let missed = self.other_kinds([first, second]);
        // The second goes to a register of its own, unless it stands in one.
        let y_at = match (second, is_single(second).then(|| self.number(y))) {
            (Class::Float, Some(Number::Source(Source::In(n)))) => n,
            (_, Some(_)) => {
                self.load_number(1, y, second);
                1
            }
            (_, None) => {
                self.load_float(y, 1, missed);
                1
            }
        };
        if !is_single(first) {
            self.load_float(x, 0, missed);
            return (0, y_at);
        }
        let target = if y_at == target && !(first == Class::Float && matches!(x, Operand::Register(r) if self.peek(r) == Source::In(target))) { 0 } else { target };
        self.load_number(target, x, first);
        (target, y_at)
    }

    /// `r[a]` = the float in a vector register.
    fn define_float(&mut self, a: u8, at: u8) {
        let target = self.float_target(a);
        self.load_vector(target, Source::In(at));
        self.define(a, tag::FLOAT);
    }

    /// `r[a]` = the integer in `rax`.
    pub fn define_int(&mut self, a: u8) {
        let target = self.general_target(a, tag::INT);
        self.load_general(target, Source::In(0));
        self.define(a, tag::INT);
    }

    /// Goes to `other` unless the operand is an integer.
    pub fn check_int(&mut self, operand: Operand, other: DynamicLabel) {
        match operand {
            Operand::Register(r) => x64!(self.asm ; cmp TAG [rbx + tag_of(r)], INT ; jne =>other),
            Operand::Constant(value) if value.tag == tag::INT => {}
            Operand::Constant(_) => x64!(self.asm ; jmp =>other),
        }
    }

    /// The payload of an operand in `rax`.
    pub fn load_rax(&mut self, operand: Operand) {
        match operand {
            Operand::Register(r) => x64!(self.asm ; mov rax, [rbx + payload(r)]),
            Operand::Constant(value) => x64!(self.asm ; mov rax, QWORD value.payload as i64),
        }
    }

    /// The payload of an operand in `rcx`.
    pub fn load_rcx(&mut self, operand: Operand) {
        match operand {
            Operand::Register(r) => x64!(self.asm ; mov rcx, [rbx + payload(r)]),
            Operand::Constant(value) => x64!(self.asm ; mov rcx, QWORD value.payload as i64),
        }
    }

    /// An operand as float in `xmm0` or `xmm1`; goes to `other` unless it is a number.
    pub fn load_float(&mut self, operand: Operand, xmm: u8, other: DynamicLabel) {
        match operand {
            Operand::Register(r) => {
                let (convert, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
                x64!(self.asm
                    ; cmp TAG [rbx + tag_of(r)], FLOAT
                    ; jne =>convert
                    ; movsd Rx(xmm), [rbx + payload(r)]
                    ; =>done
                );
                self.put_off(move |this| {
                    x64!(this.asm
                        ; =>convert
                        ; cmp TAG [rbx + tag_of(r)], INT
                        ; jne =>other
                        ; xorps Rx(xmm), Rx(xmm)
                        ; cvtsi2sd Rx(xmm), QWORD [rbx + payload(r)]
                        ; jmp =>done
                    );
                });
            }
            Operand::Constant(value) => match perilune_vm::arith::to_float(value) {
                Some(float) => x64!(self.asm
                    ; mov rax, QWORD float.to_bits() as i64
                    ; movq Rx(xmm), rax
                ),
                None => x64!(self.asm ; jmp =>other),
            },
        }
    }

    /// `r[a]` = the integer in `rax`.
    pub fn store_int(&mut self, a: u8) {
        x64!(self.asm ; mov [rbx + payload(a)], rax ; mov QWORD [rbx + tag_of(a)], INT);
    }

    /// `r[a]` = the integer in `rax`, where the registers among the operands are known to be integers.
    fn store_int_over(&mut self, a: u8, operands: [Operand; 2]) {
        if operands.iter().any(|operand| matches!(operand, Operand::Register(r) if *r == a)) {
            x64!(self.asm ; mov [rbx + payload(a)], rax);
        } else {
            self.store_int(a);
        }
    }

    /// `r[a]` = the float in `xmm0`.
    pub fn store_float(&mut self, a: u8) {
        x64!(self.asm ; movsd [rbx + payload(a)], xmm0 ; mov QWORD [rbx + tag_of(a)], FLOAT);
    }

    /// `r[a] = x op y`.
    pub fn arith(&mut self, op: Op, a: u8, x: Operand, y: Operand) {
        let classes = self.classes(x, y);
        match form(classes[0], classes[1]) {
            Form::Unseen => self.unseen(),
            Form::Any => self.any_arith(op, a, x, y),
            Form::Int => self.int_arith(op, a, x, y),
            Form::Float => {
                let target = self.float_target(a);
                let (first, second) = self.load_floats(target, [x, y], classes);
                match op {
                    Op::Add => x64!(self.asm ; addsd Rx(first), Rx(second)),
                    Op::Sub => x64!(self.asm ; subsd Rx(first), Rx(second)),
                    Op::Mul => x64!(self.asm ; mulsd Rx(first), Rx(second)),
                }
                self.define_float(a, first);
            }
        }
    }

    /// Both are integers.
    fn int_arith(&mut self, op: Op, a: u8, x: Operand, y: Operand) {
        self.check_class(x, Class::Int);
        self.check_class(y, Class::Int);
        let (mut x, mut y) = (self.number(x), self.number(y));
        let home = self.general_target(a, tag::INT);
        let is_home = |number: Number| home != 0 && number == Number::Source(Source::In(home));
        if op != Op::Sub && (is_home(y) || matches!(x, Number::Int(_))) {
            (x, y) = (y, x);
        }
        let target = if is_home(y) && !is_home(x) { 0 } else { home };
        if let (Number::Source(Source::In(n)), Number::Int(value), true) = (x, y, op != Op::Mul && !is_home(x))
            && let Ok(value) = i32::try_from(if op == Op::Sub { value.wrapping_neg() } else { value })
        {
            x64!(self.asm ; lea Rq(target), [Rq(n) + value]);
            return self.define(a, tag::INT);
        }
        match x {
            Number::Source(source) => self.load_general(target, source),
            Number::Int(value) => self.load_int(target, value),
            Number::Float(_) => {}
        }
        self.int_op(op, target, y);
        self.load_general(home, Source::In(target));
        self.define(a, tag::INT);
    }

    /// An integer as second operand; what fits into no immediate goes to register 1.
    fn int_operand(&mut self, y: Number) -> IntOperand {
        match y {
            Number::Int(value) => match i32::try_from(value) {
                Ok(small) => IntOperand::Small(small),
                Err(_) => {
                    self.load_int(1, value);
                    IntOperand::Source(Source::In(1))
                }
            },
            Number::Source(source) => IntOperand::Source(source),
            Number::Float(_) => IntOperand::None,
        }
    }

    fn int_op(&mut self, op: Op, target: u8, y: Number) {
        let y = match self.int_operand(y) {
            IntOperand::Small(small) => {
                return match op {
                    Op::Add => x64!(self.asm ; add Rq(target), imm small),
                    Op::Sub => x64!(self.asm ; sub Rq(target), imm small),
                    Op::Mul => x64!(self.asm ; imul Rq(target), Rq(target), small),
                };
            }
            IntOperand::Source(source) => source,
            IntOperand::None => return,
        };
        match (op, y) {
            (Op::Add, Source::In(n)) => x64!(self.asm ; add Rq(target), Rq(n)),
            (Op::Sub, Source::In(n)) => x64!(self.asm ; sub Rq(target), Rq(n)),
            (Op::Mul, Source::In(n)) => x64!(self.asm ; imul Rq(target), Rq(n)),
            (Op::Add, Source::At(at)) => x64!(self.asm ; add Rq(target), [rbx + at]),
            (Op::Sub, Source::At(at)) => x64!(self.asm ; sub Rq(target), [rbx + at]),
            (Op::Mul, Source::At(at)) => x64!(self.asm ; imul Rq(target), [rbx + at]),
        }
    }

    /// Integers and floats, told apart each time; in memory.
    fn any_arith(&mut self, op: Op, a: u8, x: Operand, y: Operand) {
        let classes = self.classes(x, y);
        self.store_operand(x);
        self.store_operand(y);
        let (float, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        if x.may_be_int() && y.may_be_int() {
            self.check_int(x, float);
            self.check_int(y, float);
            self.load_rax(x);
            self.int_operation(op, y);
            self.store_int_over(a, [x, y]);
            x64!(self.asm ; jmp =>done);
        }
        x64!(self.asm ; =>float);
        let missed = self.other_kinds(classes);
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        match op {
            Op::Add => x64!(self.asm ; addsd xmm0, xmm1),
            Op::Sub => x64!(self.asm ; subsd xmm0, xmm1),
            Op::Mul => x64!(self.asm ; mulsd xmm0, xmm1),
        }
        self.store_float(a);
        x64!(self.asm ; =>done);
        self.forget(a);
    }

    /// `rax = rax op y`, wrapping around.
    fn int_operation(&mut self, op: Op, y: Operand) {
        match y {
            Operand::Register(r) => match op {
                Op::Add => x64!(self.asm ; add rax, [rbx + payload(r)]),
                Op::Sub => x64!(self.asm ; sub rax, [rbx + payload(r)]),
                Op::Mul => x64!(self.asm ; imul rax, [rbx + payload(r)]),
            },
            Operand::Constant(value) => match (op, i32::try_from(value.as_int())) {
                (Op::Add, Ok(small)) => x64!(self.asm ; add rax, imm small),
                (Op::Sub, Ok(small)) => x64!(self.asm ; sub rax, imm small),
                (Op::Mul, Ok(small)) => x64!(self.asm ; imul rax, rax, small),
                (_, Err(_)) => {
                    self.load_rcx(y);
                    match op {
                        Op::Add => x64!(self.asm ; add rax, rcx),
                        Op::Sub => x64!(self.asm ; sub rax, rcx),
                        Op::Mul => x64!(self.asm ; imul rax, rcx),
                    }
                }
            },
        }
    }

    /// `r[a] = x / y`.
    pub fn divide(&mut self, a: u8, x: Operand, y: Operand) {
        let classes = self.classes(x, y);
        if classes.contains(&Class::Unseen) {
            return self.unseen();
        }
        let target = self.float_target(a);
        let (first, second) = self.load_floats(target, [x, y], classes);
        x64!(self.asm ; divsd Rx(first), Rx(second));
        self.define_float(a, first);
    }

    /// `r[a] = x ^ y`.
    pub fn power(&mut self, a: u8, x: Operand, y: Operand) {
        let classes = self.classes(x, y);
        if classes.contains(&Class::Unseen) {
            return self.unseen();
        }
        match Exponent::of(y) {
            Exponent::Two => {
                let (first, _) = self.load_floats(0, [x, y], classes);
                x64!(self.asm ; mulsd Rx(first), Rx(first));
                self.define_float(a, first);
            }
            Exponent::Half => {
                self.load_floats(0, [x, y], classes);
                self.root(a);
            }
            Exponent::Other => {
                self.vacate();
                let (first, second) = self.load_floats(0, [x, y], classes);
                self.call_on_floats(first, second, tier::power as *const () as i64);
                self.define_float(a, 0);
            }
        }
    }

    /// `r[a] = xmm0 ^ 0.5`, the same as by the C library's `pow`.
    ///
    /// That is off by at most 0.54 units in the last place (glibc 2.28 and later, musl 1.2: *optimized-routines*
    /// `math/pow.c`), so it gives the same as `sqrtsd`, which rounds the true root correctly, wherever that lies within
    /// 0.46 units of the result. How far off the root is shows what is left of the square, `x - s * s`, which is exact
    /// when nothing in it underflows; it is `2 * s` times as much. In about one case of eight the function is called.
    fn root(&mut self, a: u8) {
        const LEAST: f64 = f64::from_bits((1023 - 900) << 52);
        const NEAR: f64 = 2.0 * 0.44 * f64::EPSILON;
        let (other, join) = (self.asm.new_dynamic_label(), self.join());
        self.put_off(move |this| {
            x64!(this.asm ; =>other);
            this.spill();
            this.load_float_constant(1, 0.5);
            x64!(this.asm ; mov rax, QWORD tier::power as *const () as i64 ; call rax);
            let target = this.float_target(a);
            this.load_vector(target, Source::In(0));
            this.rejoin_but(join, a);
        });
        let least = self.float_constant(LEAST);
        x64!(self.asm
            // Zeros, negative numbers and not-a-number go there, too.
            ; ucomisd xmm0, [=>least]
            ; jb =>other
            ; sqrtsd xmm1, xmm0
            ; movaps xmm2, xmm1
            ; vfnmadd213sd xmm2, xmm1, xmm0
            // The unit is epsilon times the power of two below the root.
            ; movq rax, xmm1
            ; shr rax, 52
            ; shl rax, 52
            ; movq xmm3, rax
            ; mulsd xmm3, xmm1
            ; movq rax, xmm2
            ; btr rax, 63
            ; movq xmm2, rax
        );
        let near = self.float_constant(NEAR);
        x64!(self.asm ; mulsd xmm3, [=>near] ; ucomisd xmm3, xmm2 ; jb =>other);
        let target = self.float_target(a);
        self.load_vector(target, Source::In(1));
        self.bind_join(join);
        self.define(a, tag::FLOAT);
    }

    /// Calls a function of two floats; the result is in `xmm0`.
    fn call_on_floats(&mut self, first: u8, second: u8, function: i64) {
        self.load_vector(0, Source::In(first));
        self.load_vector(1, Source::In(second));
        x64!(self.asm ; mov rax, QWORD function ; call rax);
        // Loading the operands has filled homes.
        self.state.home = Registers::default();
    }

    /// `r[a] = r[b] // y` or `r[a] = r[b] % y`.
    pub fn floor_divide(&mut self, part: Part, a: u8, b: u8, y: Operand) {
        let x = Operand::Register(b);
        let classes = self.classes(x, y);
        match form(classes[0], classes[1]) {
            Form::Unseen => self.unseen(),
            Form::Any => self.any_floor_divide(part, a, x, y),
            Form::Int => {
                self.check_class(x, Class::Int);
                self.check_class(y, Class::Int);
                let missed = self.missed();
                let (x, y) = (self.number(x), self.number(y));
                self.int_division(part, x, y, missed);
                self.define_int(a);
            }
            Form::Float => {
                if part == Part::Remainder {
                    self.vacate();
                }
                let (first, second) = self.load_floats(0, [x, y], classes);
                match part {
                    Part::Quotient => x64!(self.asm ; divsd Rx(first), Rx(second) ; roundsd Rx(first), Rx(first), 1),
                    Part::Remainder => self.call_on_floats(first, second, tier::float_mod as *const () as i64),
                }
                self.define_float(a, 0);
            }
        }
    }

    /// Integers and floats, told apart each time; in memory.
    fn any_floor_divide(&mut self, part: Part, a: u8, x: Operand, y: Operand) {
        self.vacate();
        let (float, done) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let classes = self.classes(x, y);
        let missed = self.other_kinds(classes);
        let place = |operand| match operand {
            Operand::Register(r) => Number::Source(Source::At(payload(r))),
            Operand::Constant(value) => Number::Int(value.as_int()),
        };
        if y.may_be_int() {
            self.check_int(x, float);
            self.check_int(y, float);
            self.int_division(part, place(x), place(y), missed);
            self.store_int_over(a, [x, y]);
            x64!(self.asm ; jmp =>done);
        }
        x64!(self.asm ; =>float);
        self.load_float(x, 0, missed);
        self.load_float(y, 1, missed);
        match part {
            Part::Quotient => x64!(self.asm ; divsd xmm0, xmm1 ; roundsd xmm0, xmm0, 1),
            Part::Remainder => {
                x64!(self.asm ; mov rax, QWORD tier::float_mod as *const () as i64 ; call rax);
            }
        }
        self.store_float(a);
        x64!(self.asm ; =>done);
        self.forget(a);
    }

    /// An integer in `rax` or `rcx`.
    fn load_scratch(&mut self, target: u8, number: Number) {
        match number {
            Number::Source(source) => self.load_general(target, source),
            Number::Int(value) => self.load_int(target, value),
            Number::Float(_) => {}
        }
    }

    /// The quotient or remainder of integers, rounded down, in `rax`.
    fn int_division(&mut self, part: Part, x: Number, y: Number, missed: DynamicLabel) {
        self.load_scratch(0, x);
        if let Number::Int(divisor) = y
            && divisor > 0
            && divisor.count_ones() == 1
            && divisor <= 1 << 30
        {
            match part {
                Part::Quotient => x64!(self.asm ; sar rax, divisor.trailing_zeros() as i8),
                Part::Remainder => x64!(self.asm ; and rax, (divisor - 1) as i32),
            }
            return;
        }
        self.load_scratch(1, y);
        let exact = self.asm.new_dynamic_label();
        // Divisors 0 and -1 go to the interpreter: one raises an error, the other may overflow.
        if !matches!(y, Number::Int(value) if value != 0 && value != -1) {
            x64!(self.asm ; lea rdx, [rcx + 1] ; cmp rdx, 1 ; jbe =>missed);
        }
        x64!(self.asm
            ; cqo
            ; idiv rcx
            ; test rdx, rdx
            ; jz =>exact
        );
        match part {
            Part::Quotient => x64!(self.asm ; xor rdx, rcx ; sar rdx, 63 ; add rax, rdx ; =>exact),
            Part::Remainder => {
                // The divisor is added when the signs differ.
                x64!(self.asm
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

    /// Two integers, the first in `rax`; the second where it is answered.
    fn load_ints(&mut self, b: u8, y: Operand) -> Number {
        let x = Operand::Register(b);
        if !are_integers(self.classes(x, y)) {
            self.store_operand(x);
            self.store_operand(y);
            let other = self.stepped();
            self.load_whole(1, y, other);
            self.load_whole(0, x, other);
            return Number::Source(Source::In(1));
        }
        self.check_class(Operand::Register(b), Class::Int);
        match y {
            Operand::Constant(value) if value.tag != tag::INT => {
                let missed = self.missed();
                x64!(self.asm ; jmp =>missed);
                return Number::Int(0);
            }
            _ => self.check_class(y, Class::Int),
        }
        let (x, y) = (self.number(Operand::Register(b)), self.number(y));
        self.load_scratch(0, x);
        y
    }

    /// An integer, or a float with the value of one, in memory: into a general register, with `xmm0` and `xmm1` changed.
    /// A float that is out of range becomes the least integer, which it is not equal to.
    fn load_whole(&mut self, target: u8, operand: Operand, other: DynamicLabel) {
        let r = match operand {
            Operand::Register(r) => r,
            Operand::Constant(value) if value.tag == tag::INT => return self.load_int(target, value.as_int()),
            Operand::Constant(_) => return x64!(self.asm ; jmp =>other),
        };
        x64!(self.asm
            ; mov Rq(target), [rbx + payload(r)]
            ; cmp TAG [rbx + tag_of(r)], INT
            ; je >done
            ; cmp TAG [rbx + tag_of(r)], FLOAT
            ; jne =>other
            ; movq xmm0, Rq(target)
            ; cvttsd2si Rq(target), xmm0
            ; cvtsi2sd xmm1, Rq(target)
            ; ucomisd xmm0, xmm1
            ; jp =>other
            ; jne =>other
            ; done:
        );
    }

    /// `r[a] = r[b] op y` on integers.
    pub fn bits(&mut self, op: Bits, a: u8, b: u8, y: Operand) {
        let y = self.load_ints(b, y);
        let y = match self.int_operand(y) {
            IntOperand::Small(small) => {
                match op {
                    Bits::And => x64!(self.asm ; and rax, imm small),
                    Bits::Or => x64!(self.asm ; or rax, imm small),
                    Bits::Xor => x64!(self.asm ; xor rax, imm small),
                }
                return self.define_int(a);
            }
            IntOperand::Source(source) => source,
            IntOperand::None => return,
        };
        match (op, y) {
            (Bits::And, Source::In(n)) => x64!(self.asm ; and rax, Rq(n)),
            (Bits::Or, Source::In(n)) => x64!(self.asm ; or rax, Rq(n)),
            (Bits::Xor, Source::In(n)) => x64!(self.asm ; xor rax, Rq(n)),
            (Bits::And, Source::At(at)) => x64!(self.asm ; and rax, [rbx + at]),
            (Bits::Or, Source::At(at)) => x64!(self.asm ; or rax, [rbx + at]),
            (Bits::Xor, Source::At(at)) => x64!(self.asm ; xor rax, [rbx + at]),
        }
        self.define_int(a);
    }

    /// `r[a] = r[b] << y` or `r[a] = r[b] >> y`, by 0 to 63 bits.
    pub fn shift(&mut self, side: Side, a: u8, b: u8, y: Operand) {
        let y = self.load_ints(b, y);
        if let Number::Int(count @ 0..64) = y {
            match side {
                Side::Left => x64!(self.asm ; shl rax, count as i8),
                Side::Right => x64!(self.asm ; shr rax, count as i8),
            }
            return self.define_int(a);
        }
        let missed = self.missed();
        self.load_scratch(1, y);
        x64!(self.asm ; cmp rcx, 63 ; ja =>missed);
        match side {
            Side::Left => x64!(self.asm ; shl rax, cl),
            Side::Right => x64!(self.asm ; shr rax, cl),
        }
        self.define_int(a);
    }

    /// `r[a] = -r[b]`.
    pub fn negate(&mut self, a: u8, b: u8) {
        let x = Operand::Register(b);
        match self.class(x, 0) {
            Class::Unseen => self.unseen(),
            Class::Int => {
                self.check_class(x, Class::Int);
                let x = self.number(x);
                self.load_scratch(0, x);
                x64!(self.asm ; neg rax);
                self.define_int(a);
            }
            Class::Float => {
                self.check_class(x, Class::Float);
                self.load_number(0, x, Class::Float);
                x64!(self.asm ; movq rax, xmm0 ; btc rax, 63);
                let target = self.float_target(a);
                x64!(self.asm ; movq Rx(target), rax);
                self.define(a, tag::FLOAT);
            }
            _ => self.any_negate(a, b),
        }
    }

    /// Integers and floats, told apart each time; in memory.
    fn any_negate(&mut self, a: u8, b: u8) {
        self.store_operand(Operand::Register(b));
        let class = self.class(Operand::Register(b), 0);
        let (float, join, missed) = (self.asm.new_dynamic_label(), self.join(), self.other_kinds([class; 2]));
        self.check_int(Operand::Register(b), float);
        x64!(self.asm ; mov rax, [rbx + payload(b)] ; neg rax);
        self.store_int(a);
        self.forget(a);
        self.bind_join(join);
        self.put_off(move |this| {
            x64!(this.asm
                ; =>float
                ; cmp TAG [rbx + tag_of(b)], FLOAT
                ; jne =>missed
                ; mov rax, [rbx + payload(b)]
                ; btc rax, 63
                ; mov [rbx + payload(a)], rax
                ; mov QWORD [rbx + tag_of(a)], FLOAT
            );
            this.rejoin(join);
        });
    }

    /// `r[a] = ~r[b]`.
    pub fn complement(&mut self, a: u8, b: u8) {
        self.load_ints(b, Operand::Constant(Slot::int(0)));
        x64!(self.asm ; not rax);
        self.define_int(a);
    }
}
