//! Conditions of flagged instructions.
//!
//! Comparisons of numbers and tests of variables are made in place; what else there is to a condition, the machine
//! evaluates. Homes keep what they hold.

use super::compare::Order;
use super::{TRUE, payload};
use crate::encode::x64;
use crate::function::Assembler;
use crate::registers::Registers;
use crate::state::Source;
use crate::stub::{Routine, Service};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::inspect::condition::{Comparison, Event, Term};
use perilune_vm::tier;
use perilune_vm::value::{Slot, tag};

/// The number of a general register.
const RSI: u8 = 6;

/// Where a condition leads.
#[derive(Clone, Copy)]
struct Way {
    /// Goes to `target` when it is this, and on otherwise.
    wanted: bool,
    target: DynamicLabel,
    /// Goes here when only the machine can tell.
    unknown: DynamicLabel,
}

/// An operand of a comparison.
#[derive(Clone, Copy)]
enum Value {
    Constant(Slot),
    /// A register whose tag is known.
    Known(u64, Source),
    /// Payload and tag are at this distance from `rbx`.
    Frame(i32),
    /// Payload and tag are where `rdi` points.
    Cell,
    /// The payload is in `rcx`, the tag in `edx`.
    Found,
}

impl<'a> Assembler<'a> {
    /// Has the interpreter do the instruction under way, and ask, when one of the terms is true or cannot be told.
    pub fn conditions(&mut self, terms: &'a [Term]) {
        let stops = self.asm.new_dynamic_label();
        let (pc, step) = (self.pc() as i32, self.service(Service::Step));
        self.put_off(move |this| {
            x64!(this.asm ; =>stops);
            this.store_pending(Registers::ALL);
            x64!(this.asm ; mov edx, pc ; jmp =>step);
        });
        for term in terms {
            self.condition(term, Way { wanted: true, target: stops, unknown: stops });
        }
    }

    fn condition(&mut self, term: &'a Term, way: Way) {
        match term {
            Term::Not(operand) => self.condition(operand, Way { wanted: !way.wanted, ..way }),
            Term::And(operands) => self.either(operands, false, way),
            Term::Or(operands) => self.either(operands, true, way),
            Term::Constant(value) => {
                if value.is_falsy() != way.wanted {
                    let target = way.target;
                    x64!(self.asm ; jmp =>target);
                }
            }
            Term::Register(_) | Term::Upvalue(_) | Term::Index(_) if is_in_place(term) => {
                let Way { wanted, target, .. } = way;
                let asked = self.asm.new_dynamic_label();
                let value = self.value(term, asked);
                if let Value::Known(tag, _) = value {
                    if (tag >= tag::TRUE) == wanted {
                        x64!(self.asm ; jmp =>target);
                    }
                    return;
                }
                self.compare_tag(value, TRUE);
                match wanted {
                    true => x64!(self.asm ; jae =>target),
                    false => x64!(self.asm ; jb =>target),
                }
                if matches!(value, Value::Found) {
                    self.answer(asked, term, way);
                }
            }
            Term::Compare(comparison, operands) => self.comparison(term, *comparison, operands, way),
            _ => self.by_machine(term, way),
        }
    }

    /// Two operands of which one that is `decisive` decides.
    fn either(&mut self, operands: &'a [Term; 2], decisive: bool, way: Way) {
        if way.wanted == decisive {
            self.condition(&operands[0], way);
            self.condition(&operands[1], way);
        } else {
            let next = self.asm.new_dynamic_label();
            self.condition(&operands[0], Way { wanted: decisive, target: next, ..way });
            self.condition(&operands[1], way);
            x64!(self.asm ; =>next);
        }
    }

    /// Has the machine evaluate a term.
    fn by_machine(&mut self, term: &'a Term, way: Way) {
        let asked = self.asm.new_dynamic_label();
        x64!(self.asm ; jmp =>asked);
        self.answer(asked, term, way);
    }

    /// At `asked`, the machine evaluates a term; the way on is here.
    fn answer(&mut self, asked: DynamicLabel, term: &'a Term, way: Way) {
        let join = self.join();
        self.bind_join(join);
        let Way { wanted, target, unknown } = way;
        self.put_off(move |this| {
            let before = this.state.clone();
            x64!(this.asm ; =>asked);
            this.spill();
            x64!(this.asm
                ; mov rdi, r12
                ; mov rsi, rbx
                ; mov rdx, QWORD std::ptr::from_ref(term) as i64
                ; mov rax, QWORD tier::term_holds as *const () as i64
                ; call rax
            );
            // The ways on rely on homes.
            this.load_homes(&before);
            x64!(this.asm ; cmp eax, 1 ; ja =>unknown);
            match wanted {
                true => x64!(this.asm ; je =>target),
                false => x64!(this.asm ; jb =>target),
            }
            this.state = before;
            this.rejoin(join);
        });
    }

    /// The value of a term for which [`is_in_place`] holds. Goes to `asked` when only the machine can tell.
    fn value(&mut self, term: &Term, asked: DynamicLabel) -> Value {
        match term {
            Term::Constant(value) => Value::Constant(*value),
            Term::Register(register) => match self.tag(*register) {
                Some(tag) => Value::Known(tag, self.peek(*register)),
                None => Value::Frame(payload(*register)),
            },
            Term::Upvalue(index) => {
                self.upvalue(*index);
                Value::Cell
            }
            Term::Index(operands) => {
                let key = operands[1].identity().map_or(0, |key| key.payload);
                let object = self.value(&operands[0], asked);
                self.check_tag(object, tag::TABLE, asked);
                self.load_payload(0, object);
                let find = self.routine(Routine::Find);
                x64!(self.asm ; mov rdx, QWORD key as i64 ; call =>find ; jc =>asked);
                Value::Found
            }
            Term::Arith(event, operands) => {
                let by = constant_int(&operands[1]).unwrap_or(1);
                let value = self.value(&operands[0], asked);
                self.check_tag(value, tag::INT, asked);
                self.load_payload(0, value);
                self.load_int(1, by);
                match event {
                    Event::Add => x64!(self.asm ; add rax, rcx),
                    Event::Sub => x64!(self.asm ; sub rax, rcx),
                    Event::Mul => x64!(self.asm ; imul rax, rcx),
                    Event::BAnd => x64!(self.asm ; and rax, rcx),
                    // The divisor is positive, and so is the result.
                    _ => x64!(self.asm
                        ; cqo
                        ; idiv rcx
                        ; mov rax, rdx
                        ; add rcx, rax
                        ; test rax, rax
                        ; cmovs rax, rcx
                    ),
                }
                Value::Known(tag::INT, Source::In(0))
            }
            _ => {
                x64!(self.asm ; jmp =>asked);
                Value::Constant(Slot::NIL)
            }
        }
    }

    fn check_tag(&mut self, value: Value, tag: u64, other: DynamicLabel) {
        match value {
            Value::Constant(value) if value.tag == tag => {}
            Value::Known(known, _) if known == tag => {}
            Value::Constant(_) | Value::Known(..) => x64!(self.asm ; jmp =>other),
            Value::Frame(_) | Value::Cell | Value::Found => {
                self.compare_tag(value, tag as i32);
                x64!(self.asm ; jne =>other);
            }
        }
    }

    /// Compares the tag of a value that is not known.
    fn compare_tag(&mut self, value: Value, tag: i32) {
        match value {
            Value::Frame(at) => x64!(self.asm ; cmp TAG [rbx + at + 8], tag),
            Value::Cell => x64!(self.asm ; cmp TAG [rdi + 8], tag),
            Value::Found => x64!(self.asm ; cmp edx, tag),
            Value::Constant(_) | Value::Known(..) => {}
        }
    }

    /// Loads the payload into a general register that is no home.
    fn load_payload(&mut self, n: u8, value: Value) {
        match value {
            Value::Constant(value) => self.load_int(n, value.payload as i64),
            Value::Known(_, source) => self.load_general(n, source),
            Value::Frame(at) => self.load_general(n, Source::At(at)),
            Value::Cell => x64!(self.asm ; mov Rq(n), [rdi]),
            Value::Found => x64!(self.asm ; mov Rq(n), rcx),
        }
    }

    /// Compares the payloads of two values; changes `rsi`.
    fn compare_payloads(&mut self, x: Value, y: Value) {
        if let Value::Constant(constant) = y
            && let Ok(small) = i32::try_from(constant.payload as i64)
        {
            return match x {
                Value::Known(_, Source::In(n)) => x64!(self.asm ; cmp Rq(n), imm small),
                Value::Known(_, Source::At(at)) | Value::Frame(at) => x64!(self.asm ; cmp QWORD [rbx + at], small),
                Value::Cell => x64!(self.asm ; cmp QWORD [rdi], small),
                Value::Found => x64!(self.asm ; cmp rcx, small),
                Value::Constant(value) => {
                    self.load_int(RSI, value.payload as i64);
                    x64!(self.asm ; cmp rsi, small);
                }
            };
        }
        self.load_payload(RSI, y);
        match x {
            Value::Known(_, Source::In(n)) => x64!(self.asm ; cmp Rq(n), rsi),
            Value::Known(_, Source::At(at)) | Value::Frame(at) => x64!(self.asm ; cmp [rbx + at], rsi),
            Value::Cell => x64!(self.asm ; cmp [rdi], rsi),
            Value::Found => x64!(self.asm ; cmp rcx, rsi),
            Value::Constant(value) => {
                self.load_int(0, value.payload as i64);
                x64!(self.asm ; cmp rax, rsi);
            }
        }
    }

    fn comparison(&mut self, term: &'a Term, comparison: Comparison, operands: &'a [Term; 2], way: Way) {
        let [first, second] = operands;
        // Of two values, one may need registers of the processor, and one an upvalue.
        let is_plain = |term: &Term| matches!(term, Term::Constant(_) | Term::Register(_));
        let is_upvalue = |term: &Term| matches!(term, Term::Upvalue(_));
        let fits = is_plain(first) || is_plain(second) || is_upvalue(first) != is_upvalue(second);
        if !(fits && is_in_place(first) && is_in_place(second)) {
            return self.by_machine(term, way);
        }
        let asked = self.asm.new_dynamic_label();
        let (x, y) = if is_plain(first) || is_upvalue(first) {
            let y = self.value(second, asked);
            (self.value(first, asked), y)
        } else {
            let x = self.value(first, asked);
            (x, self.value(second, asked))
        };
        match (comparison, first.identity(), second.identity()) {
            (Comparison::Equal, Some(constant), _) => self.equals(y, constant, way),
            (Comparison::Equal, _, Some(constant)) => self.equals(x, constant, way),
            _ if are_floats(x, y) => self.compare_floats(comparison, x, y, way),
            _ => self.compare_ints_or_ask(asked, comparison, x, y, way),
        }
        self.answer(asked, term, way);
    }

    /// Compares with a constant that is equal only to itself.
    fn equals(&mut self, value: Value, constant: Slot, way: Way) {
        let Way { wanted, target, .. } = way;
        let always = match value {
            Value::Constant(other) => Some((other.tag, other.payload) == (constant.tag, constant.payload)),
            Value::Known(tag, _) if tag != constant.tag => Some(false),
            Value::Known(..) if constant.tag != tag::STRING => Some(true),
            _ => None,
        };
        if let Some(always) = always {
            if always == wanted {
                x64!(self.asm ; jmp =>target);
            }
            return;
        }
        let differs = self.asm.new_dynamic_label();
        if matches!(value, Value::Frame(_) | Value::Cell | Value::Found) {
            self.compare_tag(value, constant.tag as i32);
            let other = if wanted { differs } else { target };
            x64!(self.asm ; jne =>other);
        }
        if constant.tag == tag::STRING {
            self.compare_payloads(value, Value::Constant(constant));
            self.jump_if_equal(wanted, target);
        } else if wanted {
            x64!(self.asm ; jmp =>target);
        }
        x64!(self.asm ; =>differs);
    }

    /// Two integers; if they are something else, the machine is asked.
    fn compare_ints_or_ask(&mut self, asked: DynamicLabel, comparison: Comparison, x: Value, y: Value, way: Way) {
        self.check_tag(x, tag::INT, asked);
        self.check_tag(y, tag::INT, asked);
        let swapped = matches!(x, Value::Constant(_));
        match swapped {
            true => self.compare_payloads(y, x),
            false => self.compare_payloads(x, y),
        }
        let Way { wanted, target, .. } = way;
        match order_of(comparison) {
            None => self.jump_if_equal(wanted, target),
            Some(order) => self.jump_by_order(order, wanted, swapped, target),
        }
    }

    fn compare_floats(&mut self, comparison: Comparison, x: Value, y: Value, way: Way) {
        let (x, y) = (self.float_value(0, x), self.float_value(1, y));
        let Way { wanted, target, .. } = way;
        x64!(self.asm ; ucomisd Rx(y), Rx(x));
        if let Some(order) = order_of(comparison) {
            return self.jump_by_float_order(order, wanted, target);
        }
        let next = self.asm.new_dynamic_label();
        match wanted {
            true => x64!(self.asm ; jp =>next ; je =>target),
            false => x64!(self.asm ; jp =>target ; jne =>target),
        }
        x64!(self.asm ; =>next);
    }

    /// The vector register of a value for which [`are_floats`] holds; `scratch` unless it has a home.
    fn float_value(&mut self, scratch: u8, value: Value) -> u8 {
        match value {
            Value::Known(_, Source::In(home)) => return home,
            Value::Known(_, source) => self.load_vector(scratch, source),
            Value::Constant(value) => self.load_float_constant(scratch, if value.tag == tag::FLOAT { value.as_float() } else { value.as_int() as f64 }),
            Value::Frame(_) | Value::Cell | Value::Found => {}
        }
        scratch
    }
}

fn order_of(comparison: Comparison) -> Option<Order> {
    match comparison {
        Comparison::Equal => None,
        Comparison::Less => Some(Order::Less),
        Comparison::LessEqual => Some(Order::LessEqual),
    }
}

/// Whether one of two values is known to have the tag of floats, and the other too or is a constant that can be one.
fn are_floats(x: Value, y: Value) -> bool {
    let is = |value: Value| matches!(value, Value::Known(known, _) if known == tag::FLOAT);
    let fits = |value: Value| is(value) || matches!(value, Value::Constant(value) if value.tag == tag::FLOAT || is_exact(value));
    is(x) && fits(y) || fits(x) && is(y)
}

/// Whether [`Assembler::value`] has code for a term.
fn is_in_place(term: &Term) -> bool {
    match term {
        Term::Constant(_) | Term::Register(_) | Term::Upvalue(_) => true,
        Term::Index(operands) => operands[1].identity().is_some_and(|key| key.tag == tag::STRING) && is_in_place(&operands[0]),
        Term::Arith(Event::Add | Event::Sub | Event::Mul | Event::BAnd, operands) => constant_int(&operands[1]).is_some() && is_in_place(&operands[0]),
        Term::Arith(Event::Mod, operands) => constant_int(&operands[1]).is_some_and(|divisor| divisor > 0) && is_in_place(&operands[0]),
        _ => false,
    }
}

fn constant_int(term: &Term) -> Option<i64> {
    match term {
        Term::Constant(value) if value.tag == tag::INT => Some(value.as_int()),
        _ => None,
    }
}

/// Whether an integer loses nothing as a float.
fn is_exact(value: Slot) -> bool {
    value.tag == tag::INT && value.as_int().unsigned_abs() <= 1 << 53
}
