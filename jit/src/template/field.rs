//! Fields by name, over the inline caches that the interpreter fills.
//!
//! What a cache knows when the function is compiled becomes part of the code:
//! shapes are never used twice, so old knowledge can only miss. The holder of
//! a field that was found over `__index` is read from the record, which the
//! collector clears when the holder dies.

use super::{BLACK, STRING, TABLE, arith::Operand, payload, tag_of};
use crate::encode::x64;
use crate::function::Assembler;
use crate::offset::{MARK, META, PROPS, PROPS_CAP, SHAPE};
use crate::state::{Join, Source};
use crate::registers::Registers;
use crate::stub::{Routine, Service};
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_vm::cache::{Cache, Ways, kind};
use perilune_vm::tier::{self, assist, layout};
use perilune_vm::value::tag;
use std::mem::offset_of;

/// Where the object stands.
#[derive(Clone, Copy)]
pub enum Object {
    /// In a register.
    Register(u8),
    /// In an upvalue.
    Upvalue(u8),
}

/// Whether there are records for several shapes.
fn tells_apart(ways: &Ways) -> bool {
    ways.records().len() > 1
}

impl<'a> Assembler<'a> {
    /// What a site has seen, when its code can tell it apart.
    fn known_ways(&self, cache: u16) -> Option<&'a Ways> {
        let ways = self.function.ways.get(usize::from(cache))?.as_deref()?;
        (!ways.records().is_empty()).then_some(ways)
    }
}

impl Assembler<'_> {
    /// The general register with the table; goes to `other` unless the object is one. `rax` holds it in any case
    /// where that goes, and when `in_rax`.
    fn table(&mut self, object: Object, other: DynamicLabel, in_rax: bool) -> u8 {
        match object {
            Object::Register(r) => {
                self.guard(r, tag::TABLE, other);
                if in_rax {
                    let source = self.source(r);
                    self.load_general(0, source);
                    return 0;
                }
                self.table_at(r)
            }
            Object::Upvalue(index) => {
                self.upvalue(index);
                x64!(self.asm
                    ; cmp TAG [rdi + 8], TABLE
                    ; jne =>other
                    ; mov rax, [rdi]
                );
                0
            }
        }
    }

    /// Whether a table that has another shape is left to the machine, as that is not the rule.
    fn is_strict(&self, object: Object, known: Cache) -> bool {
        matches!(object, Object::Register(_)) && known.misses <= 1 && !self.function.is_final
    }

    /// Goes to `other` unless the table at `table` has the shape, which is known from then on if it is the rule.
    fn check_shape(&mut self, object: Object, table: u8, known: Cache, other: DynamicLabel) {
        if let Object::Register(r) = object
            && self.state.shape(r) == known.shape
        {
            return;
        }
        x64!(self.asm ; cmp DWORD [Rq(table) + SHAPE], known.shape as i32);
        if !self.is_strict(object, known) {
            return x64!(self.asm ; jne =>other);
        }
        let missed = self.missed();
        x64!(self.asm ; jne =>missed);
        if let Object::Register(r) = object
            && self.tag(r).is_some()
        {
            self.state.shapes.retain(|(known, _)| *known != r);
            self.state.shapes.push((r, known.shape));
        }
    }

    /// What a record knew, and its address. One that is empty although the instruction was done is for tables that
    /// have no shape.
    fn cache(&self, index: u16) -> (Cache, i64) {
        let record = &self.function.caches[usize::from(index)];
        let mut known = *record;
        if known.kind == kind::EMPTY && !self.seen().is_empty() {
            known.kind = kind::MEGAMORPHIC;
        }
        (known, std::ptr::from_ref(record) as i64)
    }

    /// Where a table goes of whose shape a site has no record: to `missed` when that is the second shape. Whoever knows
    /// several has had the time to see them all.
    fn if_unknown(&self, ways: &Ways, missed: DynamicLabel, anywhere: DynamicLabel) -> DynamicLabel {
        if ways.records().len() < 2 && !self.function.is_final { missed } else { anywhere }
    }

    /// The field of the table in `rax`, by the record for its shape: payload in `rcx`, tag in `edx`. A table of none
    /// of the shapes goes to `unknown`; one whose record does not hold to `other`, as does one whose field is nil, unless
    /// the tag is checked afterwards.
    fn get_several(&mut self, ways: &Ways, unknown: DynamicLabel, other: DynamicLabel, is_checked: bool) {
        let found = self.asm.new_dynamic_label();
        let last = ways.records().len() - 1;
        for (at, record) in ways.records().iter().enumerate() {
            let next = if at == last { unknown } else { self.asm.new_dynamic_label() };
            x64!(self.asm ; cmp DWORD [rax + SHAPE], record.shape as i32 ; jne =>next);
            match record.kind {
                kind::OWN => self.get_property(0, record.slot, other, is_checked),
                kind::ABSENT => x64!(self.asm
                    ; cmp DWORD [r12 + layout::EPOCH as i32], record.epoch as i32
                    ; jne =>other
                    ; xor edx, edx
                ),
                _ => {
                    // The record may have been cleared, and then has no epoch, or brought up to date, but leads to some
                    // holder then. Where that has the same shape, it has the key in the same place.
                    x64!(self.asm
                        ; mov rsi, QWORD std::ptr::from_ref(record) as i64
                        ; mov edx, [rsi + offset_of!(Cache, epoch) as i32]
                        ; cmp [r12 + layout::EPOCH as i32], edx
                        ; jne =>other
                        ; mov rdi, [rsi + offset_of!(Cache, holder) as i32]
                        ; cmp DWORD [rdi + SHAPE], record.next_shape as i32
                        ; jne =>other
                    );
                    self.get_property(7, record.slot, other, is_checked);
                }
            }
            if at < last {
                x64!(self.asm ; jmp =>found ; =>next);
            }
        }
        x64!(self.asm ; =>found);
    }

    /// A property of the table at `table`: payload in `rcx`, tag in `edx`; goes to `other` when it is nil, unless that is
    /// checked afterwards.
    fn get_property(&mut self, table: u8, slot: u16, other: DynamicLabel, is_checked: bool) {
        let slot = i32::from(slot);
        x64!(self.asm
            ; mov rsi, [Rq(table) + PROPS]
            ; movzx edx, BYTE [rsi - 1 - slot]
            ; mov rcx, [rsi + slot * 8]
        );
        if !is_checked {
            x64!(self.asm ; test edx, edx ; jz =>other);
        }
    }

    /// `r[a] = object[key]`.
    pub fn get_field(&mut self, object: Object, cache: u16, key: u16, a: u8) {
        let (known, record) = self.cache(cache);
        let seen = self.seen();
        if known.kind == kind::EMPTY || known.kind == kind::ADD || !seen.has_result() && !self.function.is_final {
            return self.unseen();
        }
        let key = self.function.constants[usize::from(key)].payload;
        let missed = self.missed();
        let ways = self.known_ways(cache);
        let table = self.table(object, missed, known.kind != kind::OWN || ways.is_some_and(tells_apart));
        self.get_known(object, table, (known, record, ways), key, a);
    }

    /// `r[a + 2] = r[b]`, `r[a] = r[b][key]`.
    pub fn get_method(&mut self, a: u8, b: u8, cache: u16, key: u16) {
        let (known, record) = self.cache(cache);
        let seen = self.seen();
        let key = self.function.constants[usize::from(key)].payload;
        if !matches!(self.tag(b), Some(tag::TABLE)) && seen.has_result() | self.function.is_final {
            let ways = self.known_ways(cache);
            return self.get_any_method(a, b, key, (known, record, ways));
        }
        if known.kind == kind::EMPTY || known.kind == kind::ADD || !seen.has_result() && !self.function.is_final {
            return self.unseen();
        }
        // Writing the copy again does no harm when the instruction is done again.
        self.copy(a + 2, b);
        let object = Object::Register(a + 2);
        let missed = self.missed();
        let ways = self.known_ways(cache);
        let table = self.table(object, missed, known.kind != kind::OWN || ways.is_some_and(tells_apart));
        self.get_known(object, table, (known, record, ways), key, a);
    }

    /// A method of an object that may be a string.
    fn get_any_method(&mut self, a: u8, b: u8, key: u64, (known, record, ways): (Cache, i64, Option<&Ways>)) {
        self.vacate();
        self.copy_memory(a + 2, b);
        self.forget(a + 2);
        if let Some(tag) = self.tag(b) {
            self.learn(a + 2, tag);
        }
        let result = self.seen().result();
        let (missed, stepped) = (self.missed(), self.stepped());
        let (other, found, anywhere) = (self.asm.new_dynamic_label(), self.join(), self.asm.new_dynamic_label());
        x64!(self.asm
            ; mov rax, [rbx + payload(b)]
            ; cmp TAG [rbx + tag_of(b)], TABLE
            ; jne =>other
        );
        match known.kind {
            _ if let Some(ways) = ways => {
                let unknown = self.if_unknown(ways, missed, anywhere);
                self.get_several(ways, unknown, anywhere, result.is_some());
            }
            kind::CHAIN => self.get_inherited(record, anywhere),
            kind::OWN => {
                x64!(self.asm ; cmp DWORD [rax + SHAPE], known.shape as i32 ; jne =>anywhere);
                self.get_property(0, known.slot, anywhere, result.is_some());
            }
            _ => x64!(self.asm ; jmp =>anywhere),
        }
        x64!(self.asm ; mov rax, rcx);
        self.accept(a, result, missed);
        self.put_off(move |this| {
            let (found_out, unknown) = (this.asm.new_dynamic_label(), this.asm.new_dynamic_label());
            x64!(this.asm ; =>other ; cmp TAG [rbx + tag_of(b)], STRING ; jne =>stepped);
            this.get_of_string(record, unknown);
            x64!(this.asm
                ; mov rax, rcx
                ; jmp =>found_out
                ; =>unknown
                ; mov rdi, r12
                ; mov rsi, QWORD key as i64
                ; mov rdx, QWORD record
                ; mov rax, QWORD tier::find_method as *const () as i64
                ; call rax
                ; jmp =>found_out
                ; =>anywhere
            );
            this.find_field(key, found_out);
            x64!(this.asm ; =>found_out ; cmp edx, tier::UNKNOWN.tag as i32 ; je =>stepped);
            this.accept(a, result, missed);
            this.rejoin_but(found, a);
        });
        self.bind_join(found);
        self.finish_get(a, result);
    }

    /// Looks for the field of the table in `rax`; its value to `rax` and `edx`, at `found` or here. Memory is up to date.
    fn find_field(&mut self, key: u64, found: DynamicLabel) {
        let (find, unknown) = (self.routine(Routine::Find), self.asm.new_dynamic_label());
        x64!(self.asm
            ; mov rdx, QWORD key as i64
            ; call =>find
            ; jc =>unknown
            ; mov rax, rcx
            ; jmp =>found
            ; =>unknown
        );
        self.find_field_slowly(key);
    }

    /// As [`Assembler::find_field`], by the machine.
    fn find_field_slowly(&mut self, key: u64) {
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, rax
            ; mov rdx, QWORD key as i64
            ; mov rax, QWORD tier::find_field as *const () as i64
            ; call rax
        );
    }

    /// The field of the table at `table`, by what the cache knows.
    fn get_known(
        &mut self,
        object: Object,
        table: u8,
        (known, record, ways): (Cache, i64, Option<&Ways>),
        key: u64,
        a: u8,
    ) {
        let result = self.seen().result();
        let (anywhere, join, missed) = (self.asm.new_dynamic_label(), self.join(), self.missed());
        match known.kind {
            _ if let Some(ways) = ways.filter(|ways| known.kind != kind::OWN || tells_apart(ways)) => {
                let unknown = self.if_unknown(ways, missed, anywhere);
                self.get_several(ways, unknown, anywhere, result.is_some());
                x64!(self.asm ; mov rax, rcx);
                self.accept(a, result, missed);
            }
            kind::OWN => {
                let known = Cache { misses: if ways.is_some() { 0 } else { known.misses }, ..known };
                self.check_shape(object, table, known, anywhere);
                self.get_own(table, known, a, result, anywhere);
            }
            kind::ABSENT => {
                x64!(self.asm
                    ; cmp DWORD [rax + SHAPE], known.shape as i32
                    ; jne =>anywhere
                    ; cmp DWORD [r12 + layout::EPOCH as i32], known.epoch as i32
                    ; jne =>anywhere
                    ; xor edx, edx
                );
                self.accept(a, result, missed);
            }
            kind::CHAIN => {
                self.get_inherited(record, anywhere);
                x64!(self.asm ; mov rax, rcx);
                self.accept(a, result, missed);
            }
            _ => x64!(self.asm ; jmp =>anywhere),
        }
        self.put_off(move |this| {
            x64!(this.asm ; =>anywhere);
            this.load_general(0, Source::In(table));
            let (find, unknown) = (this.routine(Routine::Find), this.asm.new_dynamic_label());
            let missed = this.served(Service::Missed);
            x64!(this.asm
                ; mov rdx, QWORD key as i64
                ; call =>find
                ; jc =>unknown
                ; mov rax, rcx
            );
            this.accept(a, result, missed);
            this.rejoin_but(join, a);
            x64!(this.asm ; =>unknown);
            this.spill();
            let (missed, stepped) = (this.served(Service::Missed), this.stepped());
            if this.seen().has_metamethod() {
                return x64!(this.asm ; jmp =>stepped);
            }
            this.find_field_slowly(key);
            x64!(this.asm ; cmp edx, tier::UNKNOWN.tag as i32 ; je =>stepped);
            this.accept(a, result, missed);
            this.rejoin_but(join, a);
        });
        self.bind_join(join);
        self.finish_get(a, result);
    }

    /// A property of the table at `table` for [`Assembler::finish_get`].
    fn get_own(&mut self, table: u8, known: Cache, a: u8, result: Option<u64>, other: DynamicLabel) {
        let slot = i32::from(known.slot);
        x64!(self.asm ; mov rsi, [Rq(table) + PROPS]);
        match result {
            Some(tag) => {
                x64!(self.asm ; cmp BYTE [rsi - 1 - slot], tag as i8 ; jne =>other);
                match tag {
                    tag::FLOAT => {
                        let target = self.float_target(a);
                        x64!(self.asm ; movsd Rx(target), [rsi + slot * 8]);
                    }
                    tag => {
                        let target = self.general_target(a, tag);
                        x64!(self.asm ; mov Rq(target), [rsi + slot * 8]);
                    }
                }
            }
            None => {
                let (nil, found) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
                x64!(self.asm
                    ; movzx edx, BYTE [rsi - 1 - slot]
                    ; test edx, edx
                    ; jz =>nil
                    ; mov rax, [rsi + slot * 8]
                    ; =>found
                );
                self.put_off(move |this| {
                    x64!(this.asm
                        ; =>nil
                        ; cmp QWORD [Rq(table) + META], 0
                        ; je =>found
                        ; jmp =>other
                    );
                });
            }
        }
    }

    /// A method of a string, if the record names it.
    fn get_of_string(&mut self, record: i64, unknown: DynamicLabel) {
        x64!(self.asm
            ; mov rsi, QWORD record
            ; cmp BYTE [rsi + offset_of!(Cache, kind) as i32], kind::OF_STRING as i8
            ; jne =>unknown
        );
        self.get_held(unknown);
    }

    /// A property of the holder that the record names.
    fn get_inherited(&mut self, record: i64, missed: DynamicLabel) {
        x64!(self.asm
            ; mov rsi, QWORD record
            ; mov edx, [rsi + offset_of!(Cache, shape) as i32]
            ; cmp [rax + SHAPE], edx
            ; jne =>missed
            ; cmp BYTE [rsi + offset_of!(Cache, kind) as i32], kind::CHAIN as i8
            ; jne =>missed
        );
        self.get_held(missed);
    }

    /// What the record at `rsi` finds in its holder, unless that has changed: payload in `rcx`, tag in `rdx`.
    fn get_held(&mut self, missed: DynamicLabel) {
        x64!(self.asm
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
        let (mut known, record) = self.cache(cache);
        if known.kind == kind::EMPTY && matches!(object, Object::Upvalue(_)) {
            // Some of these read no register in which anything could be seen.
            known.kind = kind::MEGAMORPHIC;
        }
        let key = self.function.constants[usize::from(key)].payload;
        let ways = self.known_ways(cache);
        if known.kind == kind::MEGAMORPHIC
            && let Some(first) = ways.and_then(|ways| ways.records().first())
        {
            // The cache gave up, but the shapes are few.
            known = Cache { misses: u8::MAX, ..*first };
        }
        match known.kind {
            kind::OWN => {
                self.set_own(object, known, ways, key, value);
            }
            kind::ADD => {
                let (missed, anywhere, join) = (self.missed(), self.asm.new_dynamic_label(), self.join());
                let table = self.table(object, missed, true);
                debug_assert!(table == 0);
                let home = self.state.home;
                self.add(record, value, anywhere);
                self.put_added(key, value, anywhere, home, join, record);
                self.bind_join(join);
                self.state.shapes.clear();
            }
            kind::MEGAMORPHIC => {
                let (missed, unknown, join) = (self.missed(), self.asm.new_dynamic_label(), self.join());
                self.table(object, missed, true);
                self.put_quickly(key, value, unknown);
                self.put_off(move |this| {
                    x64!(this.asm ; =>unknown);
                    this.put_slowly(key, value, join, None);
                });
                self.bind_join(join);
                self.state.shapes.clear();
            }
            _ => self.unseen(),
        }
    }

    /// In cold code at `anywhere`: stores into tables of other shapes than the usual one, or by the machine for another
    /// reason. The table is at `table`, and so many registers are in their homes on every way there. Of some other shapes it
    /// is known where they have the property.
    fn put_field(
        &mut self,
        key: u64,
        value: Operand,
        anywhere: DynamicLabel,
        (table, home): (u8, Registers),
        join: Join,
        others: Vec<Cache>,
    ) {
        self.put_off(move |this| {
            this.state.home = this.state.home.and(home);
            let (unknown, done) = (this.asm.new_dynamic_label(), this.asm.new_dynamic_label());
            x64!(this.asm ; =>anywhere);
            this.load_general(0, Source::In(table));
            if !others.is_empty() {
                this.load_value(value);
                let tag = this.value_tag(value);
                others.iter().for_each(|other| this.put_own(*other, tag, done));
            }
            this.put_quickly(key, value, unknown);
            x64!(this.asm ; =>done);
            this.put_the_rest(key, value, unknown, join, None);
        });
    }

    /// In cold code, after a store: goes on at the join. Behind it, at `unknown`, the machine stores.
    fn put_the_rest(&mut self, key: u64, value: Operand, unknown: DynamicLabel, join: Join, record: Option<i64>) {
        self.rejoin(join);
        x64!(self.asm ; =>unknown);
        self.put_slowly(key, value, join, record);
    }

    /// In cold code at `anywhere`: the same for a site that adds a key to the table in `rax`. Its record may have to be made
    /// anew: the collector clears it when no table had the next shape, and there are new epochs.
    fn put_added(&mut self, key: u64, value: Operand, anywhere: DynamicLabel, home: Registers, join: Join, record: i64) {
        self.put_off(move |this| {
            this.state.home = this.state.home.and(home);
            let unknown = this.asm.new_dynamic_label();
            x64!(this.asm
                ; =>anywhere
                ; mov rdi, QWORD record
                ; mov edx, [rdi + offset_of!(Cache, epoch) as i32]
                ; cmp [r12 + layout::EPOCH as i32], edx
                ; jne =>unknown
                ; cmp DWORD [rdi + offset_of!(Cache, shape) as i32], 0
                ; je =>unknown
            );
            this.put_quickly(key, value, unknown);
            this.put_the_rest(key, value, unknown, join, Some(record));
        });
    }

    /// Stores `rcx` with the tag `edx`, which may be known, into a property of the table in `rax` if it has the shape of the
    /// record, and goes to `done`.
    fn put_own(&mut self, other: Cache, tag: Option<u64>, done: DynamicLabel) {
        let (slot, next, store) = (i32::from(other.slot), self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        x64!(self.asm ; cmp DWORD [rax + SHAPE], other.shape as i32 ; jne =>next);
        if tag.is_none_or(|tag| tag >= tag::STRING) {
            let checked = self.asm.new_dynamic_label();
            x64!(self.asm
                ; cmp edx, STRING
                ; jb =>checked
                ; test BYTE [rax + MARK], BLACK
                ; jnz =>next
                ; =>checked
            );
        }
        x64!(self.asm
            ; mov rsi, [rax + PROPS]
            ; cmp BYTE [rsi - 1 - slot], 0
            ; jne =>store
            ; cmp QWORD [rax + META], 0
            ; jne =>next
            ; =>store
            ; mov [rsi + slot * 8], rcx
            ; mov [rsi - 1 - slot], dl
            ; jmp =>done
            ; =>next
        );
    }

    /// Stores into the table in `rax` by the records that all sites share; goes to `unknown` when that cannot be.
    fn put_quickly(&mut self, key: u64, value: Operand, unknown: DynamicLabel) {
        let put = self.routine(Routine::Put);
        self.load_value(value);
        x64!(self.asm ; mov rsi, QWORD key as i64 ; call =>put ; jc =>unknown);
    }

    /// In cold code: stores into the table in `rax` by the machine, which may make a record anew.
    fn put_slowly(&mut self, key: u64, value: Operand, join: Join, record: Option<i64>) {
        self.spill();
        let stepped = self.stepped();
        if self.seen().has_metamethod() {
            return x64!(self.asm ; jmp =>stepped);
        }
        self.load_value(value);
        let function = match record {
            Some(record) => {
                x64!(self.asm ; mov r9, QWORD record);
                assist::add_field as *const ()
            }
            None => assist::put_field as *const (),
        };
        x64!(self.asm
            ; mov rdi, r12
            ; mov rsi, rax
            ; mov r8, rdx
            ; mov rdx, QWORD key as i64
            ; mov rax, QWORD function as i64
            ; call rax
            ; test eax, eax
            ; jz =>stepped
        );
        self.collect_if_due(None);
        self.rejoin(join);
    }

    /// Stores a property that the table has.
    fn set_own(&mut self, object: Object, known: Cache, ways: Option<&Ways>, key: u64, value: Operand) {
        let slot = i32::from(known.slot);
        let (missed, anywhere, join) = (self.missed(), self.asm.new_dynamic_label(), self.join());
        let table = self.table(object, missed, false);
        let is_strict = self.is_strict(object, known);
        let home = self.state.home;
        self.check_shape(object, table, known, anywhere);
        match self.value_tag(value) {
            Some(known) if known != tag::NIL => self.store_property(table, slot, value, known, anywhere),
            _ => {
                let (object, checked) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
                self.load_value(value);
                x64!(self.asm
                    ; cmp edx, STRING
                    ; jae =>object
                    ; =>checked
                    ; mov rsi, [Rq(table) + PROPS]
                );
                self.check_black_aside(table, object, checked, anywhere);
                self.check_assignable(table, slot, anywhere);
                x64!(self.asm ; mov [rsi + slot * 8], rcx ; mov [rsi - 1 - slot], dl);
            }
        }
        let others = ways.map_or(&[][..], Ways::records).iter().filter(|other| other.shape != known.shape);
        self.put_field(key, value, anywhere, (table, home), join, others.copied().collect());
        self.bind_join(join);
        if !is_strict {
            self.state.shapes.clear();
        }
    }

    /// Stores false or true into a property: whoever reads these goes by the tag alone.
    fn store_truth(&mut self, table: u8, slot: i32, known: u64, anywhere: DynamicLabel) {
        let (nil, write) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        x64!(self.asm
            ; mov rsi, [Rq(table) + PROPS]
            ; cmp BYTE [rsi - 1 - slot], 0
            ; je =>nil
            ; =>write
            ; mov BYTE [rsi - 1 - slot], known as i8
        );
        self.put_off(move |this| {
            // A property that is nil may be for `__newindex`.
            x64!(this.asm ; =>nil ; cmp QWORD [Rq(table) + META], 0 ; je =>write ; jmp =>anywhere);
        });
    }

    /// Stores a value with a known tag into a property.
    fn store_property(&mut self, table: u8, slot: i32, value: Operand, known: u64, anywhere: DynamicLabel) {
        if known >= tag::STRING {
            self.check_black(table, anywhere);
        }
        if matches!(known, tag::FALSE | tag::TRUE) {
            return self.store_truth(table, slot, known, anywhere);
        }
        let vector = match value {
            Operand::Register(r) if known == tag::FLOAT => match self.source(r) {
                Source::In(n) => Some(n),
                Source::At(at) => {
                    x64!(self.asm ; movsd xmm0, [rbx + at]);
                    Some(0)
                }
            },
            _ => None,
        };
        let general = match value {
            Operand::Register(r) if vector.is_none() => {
                let source = self.source(r);
                match source {
                    Source::In(n) => n,
                    Source::At(at) => {
                        x64!(self.asm ; mov rcx, [rbx + at]);
                        1
                    }
                }
            }
            Operand::Constant(value) => {
                self.load_int(1, value.payload as i64);
                1
            }
            Operand::Register(_) => 1,
        };
        let (other, plain) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        x64!(self.asm
            ; mov rsi, [Rq(table) + PROPS]
            ; cmp BYTE [rsi - 1 - slot], known as i8
            ; jne =>other
            ; =>plain
        );
        match vector {
            Some(n) => x64!(self.asm ; movsd [rsi + slot * 8], Rx(n)),
            None => x64!(self.asm ; mov [rsi + slot * 8], Rq(general)),
        }
        self.put_off(move |this| {
            let write = this.asm.new_dynamic_label();
            x64!(this.asm
                // A property that is nil may be for `__newindex`.
                ; =>other
                ; cmp BYTE [rsi - 1 - slot], 0
                ; jne =>write
                ; cmp QWORD [Rq(table) + META], 0
                ; jne =>anywhere
                ; =>write
                ; mov BYTE [rsi - 1 - slot], known as i8
                ; jmp =>plain
            );
        });
    }

    /// Adds a property. The new shape is read from the record: it lives no longer than the
    /// record or a table says.
    fn add(&mut self, record: i64, value: Operand, anywhere: DynamicLabel) {
        x64!(self.asm
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
            ; cmp [rax + PROPS_CAP], esi
            ; jbe =>anywhere
        );
        self.load_value(value);
        let is_nil = self.value_tag(value) == Some(tag::NIL);
        if is_nil {
            x64!(self.asm ; jmp =>anywhere);
        } else if self.value_tag(value).is_none() {
            x64!(self.asm ; test edx, edx ; jz =>anywhere);
        }
        if self.value_tag(value).is_none_or(|tag| tag >= tag::STRING) {
            // A new object is hardly ever black.
            let white = self.asm.new_dynamic_label();
            x64!(self.asm
                ; test BYTE [rax + MARK], BLACK
                ; jz =>white
                ; cmp edx, STRING
                ; jae =>anywhere
                ; =>white
            );
        }
        x64!(self.asm
            ; mov edi, [rdi + offset_of!(Cache, next_shape) as i32]
            ; mov [rax + SHAPE], edi
            ; mov rdi, [rax + PROPS]
            ; mov [rdi + rsi * 8], rcx
            ; not rsi
            ; mov [rdi + rsi], dl
        );
    }

    /// With a metatable, a property that is nil may be for `__newindex`. The properties are at `rsi`.
    fn check_assignable(&mut self, table: u8, slot: i32, anywhere: DynamicLabel) {
        let (nil, plain) = (self.asm.new_dynamic_label(), self.asm.new_dynamic_label());
        x64!(self.asm
            ; cmp BYTE [rsi - 1 - slot], 0
            ; je =>nil
            ; =>plain
        );
        self.put_off(move |this| {
            x64!(this.asm
                ; =>nil
                ; cmp QWORD [Rq(table) + META], 0
                ; je =>plain
                ; jmp =>anywhere
            );
        });
    }

    /// A value: payload in `rcx`, tag in `rdx`.
    pub fn load_value(&mut self, value: Operand) {
        match value {
            Operand::Register(r) => {
                match (self.tag(r), self.peek(r)) {
                    (Some(tag::FLOAT), Source::In(n)) => x64!(self.asm ; movq rcx, Rx(n)),
                    (_, source) => self.load_general(1, source),
                }
                match self.tag(r) {
                    Some(tag) => x64!(self.asm ; mov edx, tag as i32),
                    None => x64!(self.asm ; mov rdx, [rbx + tag_of(r)]),
                }
            }
            Operand::Constant(constant) => x64!(self.asm
                ; mov rcx, QWORD constant.payload as i64
                ; mov edx, constant.tag as i32
            ),
        }
    }
}
