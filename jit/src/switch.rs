//! Changes of coroutine without leaving machine code: what `vm/core/src/switch.rs` does, for the usual case.
//!
//! A coroutine that waits in `resume`, `yield` or what `wrap` makes, and was compiled when it went there, has the address
//! at which it goes on (`Thread::goes_on`). Then nothing but values can reach it, and these are put where it wants them.

use crate::encode::x64;
use crate::offset::{ID, MARK, NATIVE_CALLS, UPVALUE};
use crate::template::{BLACK, TRUE, payload, tag_of};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi, VecAssembler};
use perilune_vm::object::Thread;
use perilune_vm::stack;
use perilune_vm::tier::layout;
use perilune_vm::value::tag;
use std::mem::offset_of;

const STACK: i32 = offset_of!(Thread, stack) as i32;
const CAPACITY: i32 = offset_of!(Thread, capacity) as i32;
const BASE: i32 = offset_of!(Thread, base) as i32;
const TOP: i32 = offset_of!(Thread, top) as i32;
const PC: i32 = offset_of!(Thread, pc) as i32;
const GOES_ON: i32 = offset_of!(Thread, goes_on) as i32;
const IN_RESUME: i32 = offset_of!(Thread, in_resume) as i32;
const RESUMER: i32 = offset_of!(Thread, resumer) as i32;
const STATUS: i32 = offset_of!(Thread, status) as i32;
const OUTER_CALLS: i32 = offset_of!(Thread, outer_calls) as i32;
const MAY_BAR: i32 = offset_of!(Thread, may_bar) as i32;
const HOOK_STATE: i32 = offset_of!(Thread, hook_state) as i32;
const THREAD: i32 = layout::THREAD as i32;
const LIMIT: i32 = layout::LIMIT as i32;

type Asm = VecAssembler<X64Relocation>;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `coroutine.resume`
    Resume,
    /// What `coroutine.wrap` makes.
    Wrapped,
    /// `coroutine.yield`
    Yield,
}

/// Jumped to for a call of what is in the slot at `r9`, with `eax` arguments, for `ecx - 1` results, and the link of its
/// frame in `rdx`. The caller goes on at `rsi` in its turn; at `r8` the machine makes the call.
pub fn switch(asm: &mut Asm, kind: Kind) {
    x64!(asm
        ; mov rdi, [r12 + THREAD]
        // Under torture every call goes by the machine.
        ; cmp QWORD [r12 + LIMIT], 0
        ; je >slow
    );
    match kind {
        Kind::Yield => x64!(asm
            ; cmp BYTE [rdi + MAY_BAR], 0
            ; jne >slow
            ; mov r10, [rdi + RESUMER]
            ; test r10, r10
            ; jz >slow
        ),
        Kind::Resume => x64!(asm
            ; cmp DWORD [r9 + tag_of(2)], tag::THREAD as i32
            ; jne >slow
            ; mov r10, [r9 + payload(2)]
            ; sub eax, 1
            ; jb >slow
        ),
        Kind::Wrapped => x64!(asm ; mov r10, [r9] ; mov r10, [r10 + UPVALUE]),
    }
    if kind != Kind::Yield {
        x64!(asm
            ; cmp BYTE [r10 + STATUS], layout::SUSPENDED as i8
            ; jne >slow
            ; mov r14d, [rdi + NATIVE_CALLS]
            ; add r14d, 1
            ; cmp r14d, layout::MAX_NATIVE_CALLS as i32
            ; jae >slow
        );
    }
    x64!(asm
        ; mov r11, [r10 + GOES_ON]
        ; test r11, r11
        ; jz >slow
        ; cmp QWORD [r10 + HOOK_STATE], 0
        ; jne >slow
        // The collector has looked at its stack.
        ; test BYTE [r10 + MARK], BLACK
        ; jnz >slow
        // The frame that it waits in, and how many results that is to give; 0 for all.
        ; mov ebp, [r10 + BASE]
        ; shl rbp, 4
        ; add rbp, [r10 + STACK]
        ; movzx r15d, BYTE [rbp - 22]
        ; sub r15d, 1
        ; jb >slow
        // From here on it is done.
        ; shl ecx, 16
        ; or ecx, tag::NATIVE as i32
        ; mov [r9 + tag_of(0)], rcx
        ; mov QWORD [r9 + payload(1)], 0
        ; mov [r9 + tag_of(1)], rdx
        ; lea rcx, [r9 + payload(2)]
        ; sub rcx, [rdi + STACK]
        ; shr rcx, 4
        ; mov [rdi + BASE], ecx
        ; mov [rdi + GOES_ON], rsi
        ; mov QWORD [r10 + GOES_ON], 0
        ; mov BYTE [rdi + IN_RESUME], (kind == Kind::Resume) as i8
    );
    let first = if kind == Kind::Resume { 3 } else { 2 };
    if kind == Kind::Yield {
        x64!(asm
            ; mov [rdi + TOP], ecx
            ; mov BYTE [rdi + STATUS], layout::SUSPENDED as i8
            ; mov QWORD [rdi + RESUMER], 0
        );
    } else {
        x64!(asm
            ; add ecx, 1
            ; mov [rdi + TOP], ecx
            ; mov BYTE [rdi + STATUS], layout::NORMAL as i8
            ; mov [r10 + RESUMER], rdi
            // It counts on from the calls under way here.
            ; mov ecx, [r10 + NATIVE_CALLS]
            ; sub ecx, [r10 + OUTER_CALLS]
            ; jae >counted
            ; xor ecx, ecx
            ; counted:
            ; mov [r10 + OUTER_CALLS], r14d
            ; add ecx, r14d
            ; mov [r10 + NATIVE_CALLS], ecx
        );
    }
    x64!(asm
        ; lea rsi, [r9 + payload(first)]
        ; lea rdi, [rbp - 32]
        // The values may be put where the link is.
        ; mov r14, [rbp - 8]
        ; cmp BYTE [r10 + IN_RESUME], 0
        ; je >values
        ; test r15d, r15d
        ; jz >placed
        ; mov QWORD [rdi], 0
        ; mov QWORD [rdi + 8], TRUE
        ; add rdi, 16
        ; sub r15d, 1
        ; values:
        ; test r15d, r15d
        ; jz >placed
        ; test eax, eax
        ; jz >fill
        ; mov rcx, [rsi]
        ; mov rdx, [rsi + 8]
        ; mov [rdi], rcx
        ; mov [rdi + 8], rdx
        ; add rsi, 16
        ; add rdi, 16
        ; sub eax, 1
        ; sub r15d, 1
        ; jmp <values
        ; fill:
        ; mov QWORD [rdi + 8], tag::NIL as i32
        ; add rdi, 16
        ; sub r15d, 1
        ; jnz <fill
        ; placed:
    );
    if kind == Kind::Wrapped {
        // The window of the frame holds the coroutine.
        x64!(asm ; mov [r9 + payload(2)], r10 ; mov QWORD [r9 + tag_of(2)], tag::THREAD as i32);
    }
    x64!(asm
        ; mov [r10 + PC], r14d
        ; shr r14, 32
        ; sub [r10 + BASE], r14d
        ; shl r14, 4
        ; mov rbx, rbp
        ; sub rbx, r14
        ; mov BYTE [r10 + STATUS], layout::RUNNING as i8
        ; mov [r12 + THREAD], r10
        ; mov ecx, [r10 + CAPACITY]
        ; sub rcx, stack::SLACK as i32
        ; shl rcx, 4
        ; add rcx, [r10 + STACK]
        ; mov [r12 + LIMIT], rcx
        ; jmp r11
        ; slow:
        ; jmp r8
    );
}

/// Goes to `other` unless what is in the slot at a distance from `rbx` was made by `wrap`. Changes `rax`.
pub fn check_wrapped(asm: &mut Asm, slot: i32, other: DynamicLabel) {
    x64!(asm
        ; cmp TAG [rbx + slot + 8], tag::NATIVE
        ; jne =>other
        ; mov rax, [rbx + slot]
        ; mov rax, [rax + ID]
        ; cmp rax, [r12 + layout::WRAPPED as i32]
        ; jne =>other
    );
}
