//! Routines that all functions call: fields of tables whose shape a site does not expect, by the records that all
//! sites share (`vm/core/src/table/lookup.rs`), rounds of loops over arrays, and whether two objects are equal.
//!
//! They keep all registers that are homes, and answer by the carry flag, which is set when the machine has to find out.

use crate::encode::x64;
use crate::offset::{ABSENT_EVENTS, ARRAY, ARRAY_LEN, HASH, ID, MARK, META, PROPS, PROPS_CAP, SHAPE};
use crate::template::intrinsic::{BYTES, LENGTH};
use crate::template::{BLACK, INT, STRING, TABLE, payload, tag_of};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler};
use perilune_vm::cache::{Cache, kind};
use perilune_vm::leaf::Iterator;
use perilune_vm::object::{Header, Table, flag};
use perilune_vm::tier::layout::{self, Lookup, Record};
use perilune_vm::value::tag;
use std::mem::offset_of;

const KEY: i32 = offset_of!(Record, key) as i32;
const CACHE: i32 = offset_of!(Record, cache) as i32;
const KNOWN_SHAPE: i32 = CACHE + offset_of!(Cache, shape) as i32;
const SLOT: i32 = CACHE + offset_of!(Cache, slot) as i32;
const KIND: i32 = CACHE + offset_of!(Cache, kind) as i32;
const NEXT_SHAPE: i32 = CACHE + offset_of!(Cache, next_shape) as i32;
const MADE_IN: i32 = CACHE + offset_of!(Cache, epoch) as i32;
const HOLDER: i32 = CACHE + offset_of!(Cache, holder) as i32;
/// Records are this much apart, as a power of two.
const RECORD_SHIFT: i8 = size_of::<Record>().trailing_zeros() as i8;
const _: () = assert!(size_of::<Record>().is_power_of_two());
const EPOCH: i32 = layout::EPOCH as i32;

/// Numbers of general registers.
const RDX: u8 = 2;
const RSI: u8 = 6;
const RDI: u8 = 7;

type Asm = VecAssembler<X64Relocation>;

/// General registers that [`find_record`] works in.
struct Registers {
    /// Has the key.
    key: u8,
    /// Gets the table's shape.
    shape: u8,
    /// Is changed.
    scratch: u8,
}

/// The record for a key in the table at `rax`: its address in `rcx`. Goes to `unknown` when there is none.
fn find_record(asm: &mut Asm, lookup: usize, registers: Registers, unknown: DynamicLabel) {
    let Registers { key, shape, scratch } = registers;
    let (first, mask) = (lookup + offset_of!(Lookup, first), lookup + offset_of!(Lookup, mask));
    x64!(asm
        ; mov Rd(shape), [rax + SHAPE]
        ; imul ecx, Rd(shape), layout::SPREAD as i32
        ; mov Rq(scratch), Rq(key)
        ; shr Rq(scratch), layout::KEY_SHIFT as i8
        ; xor ecx, Rd(scratch)
        ; mov Rd(scratch), ecx
        ; shr Rd(scratch), layout::FOLD as i8
        ; xor ecx, Rd(scratch)
        ; and ecx, [r12 + mask as i32]
        ; shl rcx, RECORD_SHIFT
        ; add rcx, [r12 + first as i32]
        ; cmp [rcx + KEY], Rq(key)
        ; jne =>unknown
        ; cmp [rcx + KNOWN_SHAPE], Rd(shape)
        ; jne =>unknown
    );
}

/// The value of the key at `rdx` in the table at `rax`, with what `__index` tables say: payload in `rcx`, tag in `edx`.
/// Changes `rsi` and `rdi`; without an answer also `rcx` and `rdx`.
pub fn find(asm: &mut Asm) {
    let unknown = asm.new_dynamic_label();
    find_record(asm, layout::READS, Registers { key: RDX, shape: RSI, scratch: RDI }, unknown);
    x64!(asm
        ; movzx esi, BYTE [rcx + KIND]
        ; movzx edi, WORD [rcx + SLOT]
        ; cmp esi, i32::from(kind::OWN)
        ; jne >inherited
        ; mov rsi, [rax + PROPS]
        ; mov rcx, [rsi + rdi * 8]
        ; not rdi
        ; movzx edx, BYTE [rsi + rdi]
        // A test clears the carry flag.
        ; test edx, edx
        ; jz >nil
        ; ret
        ; nil:
        ; cmp QWORD [rax + META], 0
        ; jne =>unknown
        ; ret
        ; inherited:
        ; mov edx, [rcx + MADE_IN]
        ; cmp edx, [r12 + EPOCH]
        ; jne =>unknown
        ; cmp esi, i32::from(kind::CHAIN)
        ; jne >absent
        ; mov rsi, [rcx + HOLDER]
        ; mov edx, [rcx + NEXT_SHAPE]
        ; cmp edx, [rsi + SHAPE]
        ; jne =>unknown
        ; mov rsi, [rsi + PROPS]
        ; mov rcx, [rsi + rdi * 8]
        ; not rdi
        ; movzx edx, BYTE [rsi + rdi]
        ; test edx, edx
        ; jz =>unknown
        ; ret
        ; absent:
        ; cmp esi, i32::from(kind::ABSENT)
        ; jne =>unknown
        ; xor edx, edx
        ; ret
        ; =>unknown
        ; stc
        ; ret
    );
}

/// Stores the value with payload `rcx` and tag `edx` under the key at `rsi` in the table at `rax`. Changes `rsi` and `rdi`.
pub fn put(asm: &mut Asm) {
    let unknown = asm.new_dynamic_label();
    x64!(asm
        ; test edx, edx
        ; jz >at_once
        ; cmp edx, STRING
        ; jb >plain
        ; test BYTE [rax + MARK], BLACK
        ; jnz >at_once
        ; plain:
        ; push rcx
        ; push rdx
    );
    find_record(asm, layout::WRITES, Registers { key: RSI, shape: RDI, scratch: RDX }, unknown);
    x64!(asm
        ; movzx esi, WORD [rcx + SLOT]
        ; cmp BYTE [rcx + KIND], kind::OWN as i8
        ; jne >add
        ; mov rdi, [rax + PROPS]
        ; mov rdx, rsi
        ; not rdx
        ; cmp BYTE [rdi + rdx], 0
        ; jne >write
        ; cmp QWORD [rax + META], 0
        ; jne =>unknown
        ; write:
        ; pop rdx
        ; pop rcx
        ; mov [rdi + rsi * 8], rcx
        ; not rsi
        ; mov [rdi + rsi], dl
        ; clc
        ; ret
        ; add:
        ; cmp BYTE [rcx + KIND], kind::ADD as i8
        ; jne =>unknown
        ; mov edx, [rcx + MADE_IN]
        ; cmp edx, [r12 + EPOCH]
        ; jne =>unknown
        ; cmp esi, [rax + PROPS_CAP]
        ; jae =>unknown
        ; mov edi, [rcx + NEXT_SHAPE]
        ; mov [rax + SHAPE], edi
        ; mov rdi, [rax + PROPS]
        ; jmp <write
        ; =>unknown
        ; pop rdx
        ; pop rcx
        ; at_once:
        ; stc
        ; ret
    );
}

/// A round of the generic loop whose registers are at `rsi`, over the array of a table, by `next` or the iterator of
/// `ipairs`: two variables are set, and the first is in `rcx` and `rdx` as well. Changes `rax` and `rdi`.
pub fn iterate(asm: &mut Asm) {
    let next = layout::ITERATORS as i32 + 8 * Iterator::Next as i32;
    let index = layout::ITERATORS as i32 + 8 * Iterator::Index as i32;
    x64!(asm
        ; cmp TAG [rsi + tag_of(0)], tag::NATIVE
        ; jne >unknown
        ; cmp TAG [rsi + tag_of(1)], TABLE
        ; jne >unknown
        ; mov rax, [rsi + payload(0)]
        ; mov rax, [rax + ID]
        ; mov rdx, [rsi + payload(1)]
        ; mov rcx, [rsi + payload(2)]
        ; mov edi, [rdx + ARRAY_LEN]
        ; cmp rax, [r12 + index]
        ; jne >pairs
        ; cmp TAG [rsi + tag_of(2)], INT
        ; jne >unknown
        ; cmp rcx, rdi
        ; jae >behind
        ; mov rdi, [rdx + ARRAY]
        ; inc rcx
        ; mov rax, [rdi + rcx * 8 - 8]
        ; sub rdi, rcx
        ; movzx edi, BYTE [rdi]
        ; test edi, edi
        ; jz >nil
        ; found:
        ; mov edx, INT
        ; mov [rsi + payload(4)], rcx
        ; mov [rsi + tag_of(4)], rdx
        ; mov [rsi + payload(5)], rax
        ; mov [rsi + tag_of(5)], rdi
        ; clc
        ; ret
        ; behind:
        ; cmp QWORD [rdx + HASH], 0
        ; jne >unknown
        ; nil:
        ; cmp QWORD [rdx + META], 0
        ; jne >unknown
        ; xor edx, edx
        ; mov [rsi + tag_of(4)], rdx
        ; mov [rsi + tag_of(5)], rdx
        ; clc
        ; ret
        ; pairs:
        ; cmp rax, [r12 + next]
        ; jne >unknown
        ; cmp QWORD [rsi + tag_of(2)], 0
        ; je >first
        ; cmp TAG [rsi + tag_of(2)], INT
        ; jne >unknown
        ; lea rax, [rcx - 1]
        ; cmp rax, rdi
        ; jae >unknown
        ; search:
        ; cmp rcx, rdi
        ; jae >unknown
        ; inc rcx
        ; mov rax, [rdx + ARRAY]
        ; sub rax, rcx
        ; cmp BYTE [rax], 0
        ; je <search
        ; movzx edi, BYTE [rax]
        ; add rax, rcx
        ; mov rax, [rax + rcx * 8 - 8]
        ; jmp <found
        ; first:
        ; xor ecx, ecx
        ; jmp <search
        ; unknown:
        ; stc
        ; ret
    );
}

/// Whether two different objects at `rax` and `rcx`, both with the tag in `rdx`, are equal, by the zero flag; or, with
/// the tag of integers, the integer in `rax` and the float in `rcx`. Changes `rcx`, `rdx`, `rsi` and `rdi`.
pub fn same(asm: &mut Asm) {
    let lacks = Table::NO_EQ as i32;
    let flags = offset_of!(Header, flags) as i32;
    x64!(asm
        ; cmp edx, STRING
        ; jne >object
        // Of two different strings, one that is short differs from all others.
        ; mov dl, [rax + flags]
        ; or dl, [rcx + flags]
        ; test dl, flag::SHORT as i8
        ; jnz >differ
        ; mov rdi, [rax + LENGTH]
        ; cmp rdi, [rcx + LENGTH]
        ; jne >differ
        // Eight bytes at a time; the last ones may have some of those before them once more.
        ; sub rdi, 8
        ; xor esi, esi
        ; next:
        ; mov rdx, [rax + rsi + BYTES]
        ; cmp rdx, [rcx + rsi + BYTES]
        ; jne >differ
        ; add rsi, 8
        ; cmp rsi, rdi
        ; jb <next
        ; mov rdx, [rax + rdi + BYTES]
        ; cmp rdx, [rcx + rdi + BYTES]
        ; clc
        ; ret
        ; object:
        ; cmp edx, TABLE
        ; jne >userdata
    );
    // `rax` and `rcx`
    for table in [0u8, 1] {
        x64!(asm
            ; mov rdx, [Rq(table) + META]
            ; test rdx, rdx
            ; jz >lacking
            ; test DWORD [rdx + ABSENT_EVENTS], lacks
            ; jz >unknown
            ; lacking:
        );
    }
    x64!(asm
        ; differ:
        ; test rsp, rsp
        ; ret
        ; userdata:
        ; cmp edx, tag::USERDATA as i32
        ; je >unknown
        ; cmp edx, INT
        ; jne <differ
        ; cvtsi2sd xmm0, rax
        ; movq xmm1, rcx
        ; ucomisd xmm0, xmm1
        ; jp <differ
        ; jne <differ
        // The integer may have been rounded; one that is too large gives the least, which no rounding leads to.
        ; cvttsd2si rcx, xmm1
        ; cmp rcx, rax
        ; clc
        ; ret
        ; unknown:
        ; stc
        ; ret
    );
}
