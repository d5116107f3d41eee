//! Machine instructions in their shortest encoding.
//!
//! `dynasm!` takes four bytes for every displacement and immediate that it does not see as a literal, and eight for
//! each `QWORD` that is loaded. Most are small: registers of the frame are near its register 0, tags are below 128,
//! and the addresses of the machine's functions are low.

/// As [`dynasmrt::dynasm!`] for x86-64, with
///
/// * displacements behind a base register in one byte where they fit;
/// * `imm VALUE` behind a register: an immediate in one byte where it fits, else in four;
/// * `cmp TAG MEMORY, TAG`: a comparison of the tag of a value;
/// * `mov REGISTER, QWORD VALUE`: in four bytes where they are enough, with zeros above them.
macro_rules! x64 {
    ($asm:expr ; $($rest:tt)*) => {{ $crate::encode::line!($asm, {} $($rest)*) }};
}

/// Splits lines off, and those in parts that have an operand in memory.
macro_rules! line {
    ($asm:expr, {}) => { () };
    ($asm:expr, { $($line:tt)* }) => { $crate::encode::plain!($asm, $($line)*) };
    ($asm:expr, { $($line:tt)* } ; $($rest:tt)*) => {{
        $crate::encode::plain!($asm, $($line)*);
        $crate::encode::line!($asm, {} $($rest)*)
    }};
    ($asm:expr, { $($line:tt)* } [$($memory:tt)*] $($rest:tt)*) => {
        $crate::encode::rest_of_line!($asm, { $($line)* } [$($memory)*] {} $($rest)*)
    };
    ($asm:expr, { $($line:tt)* } $token:tt $($rest:tt)*) => { $crate::encode::line!($asm, { $($line)* $token } $($rest)*) };
}

/// As [`line!`], behind an operand in memory.
macro_rules! rest_of_line {
    ($asm:expr, { $($line:tt)* } $memory:tt { $($end:tt)* }) => {
        $crate::encode::memory!($asm, { $($line)* } $memory { $($end)* })
    };
    ($asm:expr, { $($line:tt)* } $memory:tt { $($end:tt)* } ; $($rest:tt)*) => {{
        $crate::encode::memory!($asm, { $($line)* } $memory { $($end)* });
        $crate::encode::line!($asm, {} $($rest)*)
    }};
    ($asm:expr, { $($line:tt)* } $memory:tt { $($end:tt)* } $token:tt $($rest:tt)*) => {
        $crate::encode::rest_of_line!($asm, { $($line)* } $memory { $($end)* $token } $($rest)*)
    };
}

/// A line with an operand in memory.
macro_rules! memory {
    // Two registers.
    ($asm:expr, $line:tt [$base:ident + rax $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + rax $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + rcx $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + rcx $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + rdx $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + rdx $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + rsi $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + rsi $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + rdi $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + rdi $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + r8 $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + r8 $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + r9 $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + r9 $($more)*] $end) };
    ($asm:expr, $line:tt [$base:ident + Rq($n:expr) $($more:tt)*] $end:tt) => { $crate::encode::settled!($asm, $line [$base + Rq($n) $($more)*] $end) };
    // A literal, which `dynasm!` sees.
    ($asm:expr, $line:tt [$base:ident + $offset:literal] $end:tt) => { $crate::encode::settled!($asm, $line [$base + $offset] $end) };
    ($asm:expr, $line:tt [$base:ident + $($offset:tt)+] $end:tt) => {{
        let offset: i32 = $($offset)+;
        match i8::try_from(offset) {
            Ok(offset) => $crate::encode::settled!($asm, $line [BYTE $base + offset] $end),
            Err(_) => $crate::encode::settled!($asm, $line [DWORD $base + offset] $end),
        }
    }};
    ($asm:expr, $line:tt [Rq($n:expr) + $($offset:tt)+] $end:tt) => {{
        let offset: i32 = $($offset)+;
        match i8::try_from(offset) {
            Ok(offset) => $crate::encode::settled!($asm, $line [BYTE Rq($n) + offset] $end),
            Err(_) => $crate::encode::settled!($asm, $line [DWORD Rq($n) + offset] $end),
        }
    }};
    ($asm:expr, $line:tt $memory:tt $end:tt) => { $crate::encode::settled!($asm, $line $memory $end) };
}

/// The same, with the operand in memory settled.
macro_rules! settled {
    ($asm:expr, { cmp TAG } $memory:tt { , $($tag:tt)+ }) => {
        dynasmrt::dynasm!($asm ; .arch x64 ; cmp BYTE $memory, BYTE $crate::encode::tag_byte($($tag)+ as u64))
    };
    ($asm:expr, { $($line:tt)* } $memory:tt { $($end:tt)* }) => {
        dynasmrt::dynasm!($asm ; .arch x64 ; $($line)* $memory $($end)*)
    };
}

/// A line without an operand in memory.
macro_rules! plain {
    ($asm:expr, cmp Rq($n:expr), imm $($value:tt)+) => {{
        let (n, value): (u8, i32) = ($n, $($value)+);
        match i8::try_from(value) {
            // `dynasm!` has no such form.
            Ok(value) => $asm.extend([0x48 | n >> 3, 0x83, 0xf8 | n & 7, value as u8]),
            Err(_) => dynasmrt::dynasm!($asm ; .arch x64 ; cmp Rq(n), value),
        }
    }};
    ($asm:expr, $op:ident $target:ident, imm $($value:tt)+) => {{
        let value: i32 = $($value)+;
        match i8::try_from(value) {
            Ok(value) => dynasmrt::dynasm!($asm ; .arch x64 ; $op $target, BYTE value),
            Err(_) => dynasmrt::dynasm!($asm ; .arch x64 ; $op $target, value),
        }
    }};
    ($asm:expr, $op:ident Rq($n:expr), imm $($value:tt)+) => {{
        let value: i32 = $($value)+;
        match i8::try_from(value) {
            Ok(value) => dynasmrt::dynasm!($asm ; .arch x64 ; $op Rq($n), BYTE value),
            Err(_) => dynasmrt::dynasm!($asm ; .arch x64 ; $op Rq($n), value),
        }
    }};
    ($asm:expr, mov rax, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, rax, eax, $($value)+) };
    ($asm:expr, mov rcx, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, rcx, ecx, $($value)+) };
    ($asm:expr, mov rdx, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, rdx, edx, $($value)+) };
    ($asm:expr, mov rsi, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, rsi, esi, $($value)+) };
    ($asm:expr, mov rdi, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, rdi, edi, $($value)+) };
    ($asm:expr, mov r8, QWORD $($value:tt)+) => { $crate::encode::wide!($asm, r8, r8d, $($value)+) };
    ($asm:expr,) => {};
    ($asm:expr, $($line:tt)*) => { dynasmrt::dynasm!($asm ; .arch x64 ; $($line)*) };
}

/// Loads a value of eight bytes.
macro_rules! wide {
    ($asm:expr, $target:ident, $half:ident, $($value:tt)+) => {{
        let value: i64 = $($value)+;
        match u32::try_from(value) {
            Ok(value) => dynasmrt::dynasm!($asm ; .arch x64 ; mov $half, value as i32),
            Err(_) => dynasmrt::dynasm!($asm ; .arch x64 ; mov $target, QWORD value),
        }
    }};
}

/// A tag as it is compared: in one byte, as the others of a value's tag are 0.
pub const fn tag_byte(tag: u64) -> i8 {
    assert!(tag <= i8::MAX as u64);
    tag as i8
}

pub(crate) use {line, memory, plain, rest_of_line, settled, wide, x64};
