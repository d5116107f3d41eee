//! Items of tables, and lengths.

use super::arith::{Number, Operand};
use super::{BLACK, STRING, TABLE, payload, tag_of};
use crate::encode::x64;
use crate::function::{Assembler, Read};
use crate::offset::{ABSENT_EVENTS, ARRAY, ARRAY_CAP, ARRAY_LEN, HASH, MARK, META};
use crate::state::Source;
use crate::stub::{Routine, Service};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::object::{Str, Table};
use perilune_vm::tier::seen::Class;
use perilune_vm::tier::{self, assist};
use perilune_vm::value::tag;
use std::mem::offset_of;

impl Assembler<'_> {
    /// The general register with the table in a register of the frame, which is `rax` unless there is a home.
    pub fn table_at(&mut self, r: u8) -> u8 {
        match self.source(r) {
            Source::In(n) => n,
            Source::At(at) => {
                x64!(self.asm ; mov rax, [rbx + at]);
                0
            }
        }
    }

    /// `r[a] = r[b][key]`.
    pub fn get_index(&mut self, a: u8, b: u8, key: Operand) {
        let seen = self.seen();
        if !seen.has_result() && !self.function.is_final {
            return self.unseen();
        }
        let class = self.class(key, 1);
        if class != Class::Int {
            return self.get_any(a, b, key);
        }
        let missed = self.missed();
        self.guard(b, tag::TABLE, missed);
        self.check_class(key, Class::Int);
        let (table, key_at) = (self.table_at(b), self.number(key));
        let (elsewhere, join) = (self.asm.new_dynamic_label(), self.join());
        match key_at {
            Number::Int(value @ 1..=255) => {
                let value = value as i32;
                x64!(self.asm
                    ; cmp DWORD [Rq(table) + ARRAY_LEN], value
                    ; jb =>elsewhere
                    ; mov rsi, [Rq(table) + ARRAY]
                    ; lea rdi, [rsi - value]
                    ; lea rsi, [rsi + value * 8]
                );
            }
            _ => {
                let at = self.key_at(key_at);
                x64!(self.asm
                    ; lea rdx, [Rq(at) - 1]
                    ; mov esi, [Rq(table) + ARRAY_LEN]
                    ; cmp rdx, rsi
                    ; jae =>elsewhere
                    ; mov rdi, [Rq(table) + ARRAY]
                    ; lea rsi, [rdi + Rq(at) * 8]
                    ; sub rdi, Rq(at)
                );
            }
        }
        // The tag is at `rdi`, the payload 8 below `rsi`.
        match seen.result() {
            Some(known) => {
                x64!(self.asm ; cmp BYTE [rdi], known as i8 ; jne =>elsewhere);
                match known {
                    tag::FLOAT => {
                        let target = self.float_target(a);
                        x64!(self.asm ; movsd Rx(target), [rsi - 8]);
                    }
                    _ => {
                        let target = self.general_target(a, known);
                        x64!(self.asm ; mov Rq(target), [rsi - 8]);
                    }
                }
            }
            None => x64!(self.asm
                ; movzx edx, BYTE [rdi]
                ; mov rax, [rsi - 8]
                ; test edx, edx
                ; jz =>elsewhere
            ),
        }
        self.put_off(move |this| {
            x64!(this.asm ; =>elsewhere);
            this.get_elsewhere(b, key, seen.result(), a);
            this.rejoin_but(join, a);
        });
        self.bind_join(join);
        self.finish_get(a, seen.result());
    }

    /// The general register with an integer key, which is `rcx` unless there is a home.
    fn key_at(&mut self, key: Number) -> u8 {
        match key {
            Number::Source(Source::In(n)) => n,
            Number::Source(Source::At(at)) => {
                x64!(self.asm ; mov rcx, [rbx + at]);
                1
            }
            Number::Int(value) => {
                self.load_int(1, value);
                1
            }
            Number::Float(_) => 1,
        }
    }

    /// `r[a]` gets what was read: a payload in its target with a tag that is known, or else `rax` and `rdx`.
    pub fn finish_get(&mut self, a: u8, known: Option<u64>) {
        match known {
            Some(known) => self.define(a, known),
            None => {
                x64!(self.asm ; mov [rbx + payload(a)], rax ; mov [rbx + tag_of(a)], rdx);
                self.forget(a);
                self.leave(Read::Tag(a));
            }
        }
    }

    /// The target of `r[a]` gets the value in `rax` and `rdx`, whose tag must be the known one, or else `other`.
    pub fn accept(&mut self, a: u8, known: Option<u64>, other: DynamicLabel) {
        let Some(known) = known else { return };
        x64!(self.asm ; cmp edx, known as i32 ; jne =>other);
        match known {
            tag::FLOAT => {
                let target = self.float_target(a);
                x64!(self.asm ; movq Rx(target), rax);
            }
            _ => {
                let target = self.general_target(a, known);
                self.load_general(target, Source::In(0));
            }
        }
    }

    /// An item that is not in the array of the table `r[b]`, in cold code; as [`Assembler::accept`].
    fn get_elsewhere(&mut self, b: u8, key: Operand, known: Option<u64>, a: u8) {
        self.spill();
        let (missed, stepped) = (self.served(Service::Missed), self.served(Service::Step));
        self.load_key(key);
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, [rbx + payload(b)]
            ; mov rax, QWORD tier::find_item as *const () as i64
            ; call rax
            ; cmp edx, tier::UNKNOWN.tag as i32
            ; je =>stepped
        );
        self.accept(a, known, missed);
    }

    /// A key in memory as `rdx` and `rcx`.
    fn load_key(&mut self, key: Operand) {
        match key {
            Operand::Register(r) => x64!(self.asm ; mov rdx, [rbx + payload(r)] ; mov rcx, [rbx + tag_of(r)]),
            Operand::Constant(value) => x64!(self.asm
                ; mov rdx, QWORD value.payload as i64
                ; mov ecx, value.tag as i32
            ),
        }
    }

    /// `r[a] = r[b][key]` with keys of any kind, by the machine.
    fn get_any(&mut self, a: u8, b: u8, key: Operand) {
        self.vacate();
        let (known, missed) = (self.seen().result(), self.missed());
        self.guard(b, tag::TABLE, missed);
        let Some(r) = self.possible_string(key) else {
            self.get_elsewhere(b, key, known, a);
            return self.finish_get(a, known);
        };
        let (elsewhere, join, find) = (self.asm.new_dynamic_label(), self.join(), self.routine(Routine::Find));
        self.load_field(b, r, 2, elsewhere);
        x64!(self.asm ; call =>find ; jc =>elsewhere ; mov rax, rcx);
        self.accept(a, known, missed);
        self.put_off(move |this| {
            x64!(this.asm ; =>elsewhere);
            this.get_elsewhere(b, key, known, a);
            this.rejoin_but(join, a);
        });
        self.bind_join(join);
        self.finish_get(a, known);
    }

    /// The register of a key that may be a string.
    fn possible_string(&self, key: Operand) -> Option<u8> {
        match key {
            Operand::Register(r) if self.tag(r).is_none_or(|known| known == tag::STRING) => Some(r),
            _ => None,
        }
    }

    /// The table `r[b]` in `rax`, and the key `r[key]` in a general register; goes to `other` unless that is a string.
    fn load_field(&mut self, b: u8, key: u8, target: u8, other: DynamicLabel) {
        if self.tag(key) != Some(tag::STRING) {
            x64!(self.asm ; cmp TAG [rbx + tag_of(key)], STRING ; jne =>other);
        }
        x64!(self.asm ; mov rax, [rbx + payload(b)] ; mov Rq(target), [rbx + payload(key)]);
    }

    /// `r[b][key] = value`; `table` and `n` are the places of the table and the key among the registers read.
    pub fn set_index(&mut self, b: u8, key: Operand, n: usize, value: Operand) {
        let class = self.class(key, n);
        match class {
            Class::Unseen => self.unseen(),
            Class::Int => self.set_item(b, key, value),
            _ => self.set_any(b, key, value),
        }
    }

    fn set_item(&mut self, b: u8, key: Operand, value: Operand) {
        let missed = self.missed();
        self.guard(b, tag::TABLE, missed);
        self.check_class(key, Class::Int);
        let (table, key_at) = (self.table_at(b), self.number(key));
        let at = self.key_at(key_at);
        let known = self.value_tag(value);
        let float = match (known, value) {
            (Some(tag::FLOAT), Operand::Register(r)) => match self.source(r) {
                Source::In(n) => Some(n),
                Source::At(at) => {
                    x64!(self.asm ; movsd xmm0, [rbx + at]);
                    Some(0)
                }
            },
            _ => None,
        };
        let (elsewhere, append, metatable, plain, join) = (
            self.asm.new_dynamic_label(),
            self.asm.new_dynamic_label(),
            self.asm.new_dynamic_label(),
            self.asm.new_dynamic_label(),
            self.join(),
        );
        if known == Some(tag::NIL) {
            // The array may become shorter.
            x64!(self.asm ; jmp =>elsewhere);
        } else if known.is_none() {
            // A value of any kind: its tag goes to `rdx`, where it is needed for longer than the key's check.
            self.check_value(table, value, elsewhere);
        } else if known.is_some_and(|tag| tag >= tag::STRING) {
            self.check_black(table, elsewhere);
        }
        x64!(self.asm
            ; lea rdi, [Rq(at) - 1]
            ; mov esi, [Rq(table) + ARRAY_LEN]
            ; cmp rdi, rsi
            ; jae =>append
            ; cmp QWORD [Rq(table) + META], 0
            ; jne =>metatable
            ; =>plain
            ; mov rsi, [Rq(table) + ARRAY]
        );
        match (float, value) {
            // Whoever reads these goes by the tag alone; the payload would be another miss of the cache.
            _ if matches!(known, Some(tag::FALSE | tag::TRUE)) => {}
            (Some(n), _) => x64!(self.asm ; movsd [rsi + rdi * 8], Rx(n)),
            (None, Operand::Constant(value)) => match i32::try_from(value.payload as i64) {
                Ok(small) => x64!(self.asm ; mov QWORD [rsi + rdi * 8], small),
                Err(_) => {
                    self.load_int(0, value.payload as i64);
                    x64!(self.asm ; mov [rsi + rdi * 8], rax);
                }
            },
            (None, Operand::Register(r)) => match self.peek(r) {
                Source::In(n) => x64!(self.asm ; mov [rsi + rdi * 8], Rq(n)),
                Source::At(at) => x64!(self.asm ; mov rax, [rbx + at] ; mov [rsi + rdi * 8], rax),
            },
        }
        x64!(self.asm ; sub rsi, Rq(at));
        match known {
            Some(known) => x64!(self.asm ; mov BYTE [rsi], known as i8),
            None => x64!(self.asm ; mov [rsi], dl),
        }
        self.put_off(move |this| {
            // Only a key that is there is not for `__newindex`.
            x64!(this.asm
                ; =>metatable
                ; mov rsi, [Rq(table) + ARRAY]
                ; sub rsi, Rq(at)
                ; cmp BYTE [rsi], 0
                ; jne =>plain
                ; jmp =>elsewhere
                // An array that has room grows by an item, unless the hash may have the key, or `__newindex` sees to it.
                ; =>append
                ; jne =>elsewhere
            );
            let free = this.asm.new_dynamic_label();
            x64!(this.asm
                ; cmp esi, [Rq(table) + ARRAY_CAP]
                ; jae =>elsewhere
                ; cmp QWORD [Rq(table) + HASH], 0
                ; jne =>elsewhere
                ; mov rsi, [Rq(table) + META]
                ; test rsi, rsi
                ; jz =>free
                ; test DWORD [rsi + ABSENT_EVENTS], Table::NO_NEW_INDEX as i32
                ; jz =>elsewhere
                ; =>free
                ; mov esi, [Rq(table) + ARRAY_LEN]
                ; add esi, 1
                ; mov [Rq(table) + ARRAY_LEN], esi
                ; jmp =>plain
            );
            x64!(this.asm ; =>elsewhere);
            this.spill();
            this.put_slow(b, key, value);
            this.rejoin(join);
        });
        self.bind_join(join);
    }

    /// The tag of a value, if it is known.
    pub fn value_tag(&self, value: Operand) -> Option<u64> {
        match value {
            Operand::Constant(value) => Some(value.tag),
            Operand::Register(r) => self.tag(r),
        }
    }

    /// The tag of a value that the table will hold in `rdx`; nil, and objects in a black table, go to `other`.
    fn check_value(&mut self, table: u8, value: Operand, other: DynamicLabel) {
        let Operand::Register(r) = value else { return };
        let (object, checked) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        x64!(self.asm
            ; mov rdx, [rbx + tag_of(r)]
            ; test edx, edx
            ; jz =>other
            ; cmp edx, STRING
            ; jae =>object
            ; =>checked
        );
        self.check_black_aside(table, object, checked, other);
    }

    pub(super) fn check_black(&mut self, table: u8, other: DynamicLabel) {
        x64!(self.asm ; test BYTE [Rq(table) + MARK], BLACK ; jnz =>other);
    }

    /// As [`Assembler::check_black`] out of line: from `object` to `checked` or `other`.
    pub(super) fn check_black_aside(&mut self, table: u8, object: DynamicLabel, checked: DynamicLabel, other: DynamicLabel) {
        self.put_off(move |this| {
            x64!(this.asm ; =>object);
            this.check_black(table, other);
            x64!(this.asm ; jmp =>checked);
        });
    }

    /// Stores any value into the table `r[b]`, with memory up to date.
    fn put_slow(&mut self, b: u8, key: Operand, value: Operand) {
        let stepped = self.stepped();
        self.load_key(key);
        x64!(self.asm ; xchg rcx, rdx ; mov r10, rcx ; mov r11, rdx);
        self.load_value(value);
        x64!(self.asm
            ; mov r8, rcx
            ; mov r9, rdx
            ; mov rdx, r10
            ; mov rcx, r11
            ; mov rdi, r12
            ; mov rsi, [rbx + payload(b)]
            ; mov rax, QWORD assist::put as *const () as i64
            ; call rax
            ; test eax, eax
            ; jz =>stepped
        );
        self.collect_if_due(None);
    }

    /// `r[b][key] = value` with keys of any kind, by the machine.
    fn set_any(&mut self, b: u8, key: Operand, value: Operand) {
        self.vacate();
        let missed = self.missed();
        self.guard(b, tag::TABLE, missed);
        match self.possible_string(key) {
            Some(r) => {
                let (elsewhere, join, put) = (self.asm.new_dynamic_label(), self.join(), self.routine(Routine::Put));
                self.load_field(b, r, 6, elsewhere);
                self.load_value(value);
                x64!(self.asm ; call =>put ; jc =>elsewhere);
                self.put_off(move |this| {
                    x64!(this.asm ; =>elsewhere);
                    this.put_slow(b, key, value);
                    this.rejoin(join);
                });
                self.bind_join(join);
            }
            None => self.put_slow(b, key, value),
        }
        // A string may have become a property.
        self.state.shapes.clear();
    }

    /// `r[a] = #r[b]`.
    pub fn length(&mut self, a: u8, b: u8) {
        self.store_operand(Operand::Register(b));
        let (string, search, join, stepped) =
            (self.asm.new_dynamic_label(), self.asm.new_dynamic_label(), self.join(), self.stepped());
        let (meta, plain) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        let (is_table, is_string) = (self.tag(b) == Some(tag::TABLE), self.tag(b) == Some(tag::STRING));
        let source = self.peek(b);
        self.load_general(7, source);
        if is_string {
            x64!(self.asm ; jmp =>string);
        } else if !is_table {
            x64!(self.asm ; cmp TAG [rbx + tag_of(b)], TABLE ; jne =>string);
        }
        x64!(self.asm
            ; mov rsi, [rdi + META]
            ; test rsi, rsi
            ; jnz =>meta
            ; =>plain
            ; mov eax, [rdi + ARRAY_LEN]
            ; mov rsi, [rdi + ARRAY]
            ; sub rsi, rax
            ; test eax, eax
            ; jz =>search
            ; cmp BYTE [rsi], 0
            ; je =>search
        );
        self.put_off(move |this| {
            let nothing = this.asm.new_dynamic_label();
            x64!(this.asm ; =>string ; cmp TAG [rbx + tag_of(b)], STRING ; jne =>nothing ; mov rax, [rdi + offset_of!(Str, len) as i32]);
            this.rejoin_but(join, a);
            x64!(this.asm
                ; =>meta
                ; test DWORD [rsi + ABSENT_EVENTS], Table::NO_LEN as i32
                ; jnz =>plain
                ; =>nothing
                ; jmp =>stepped
            );
        });
        self.put_off(move |this| {
            // The last item is nil, or there is none.
            let empty = this.asm.new_dynamic_label();
            x64!(this.asm ; =>search ; test eax, eax ; jz =>empty);
            let before = this.state.clone();
            this.spill();
            x64!(this.asm ; mov rax, QWORD tier::raw_len as *const () as i64 ; call rax);
            this.rejoin_but(join, a);
            this.state = before;
            x64!(this.asm ; =>empty);
            this.rejoin_but(join, a);
        });
        self.bind_join(join);
        self.define_int(a);
    }
}
