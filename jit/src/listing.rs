//! Machine code in a form that people read.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use perilune_isa::text::describe;
use perilune_vm::tier::Native;
use std::fmt::Write;

/// The machine code of a function, each instruction of the function before its own.
/// Addresses are offsets from the start of the function.
pub fn listing(native: &Native) -> String {
    let (proto, bytes) = (&native.proto, &native.bytes);
    let mut starts: Vec<(u32, usize)> =
        native.starts.iter().enumerate().filter(|(_, place)| **place != 0).map(|(pc, place)| (*place, pc)).collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let mut out = format!("function {} ; {} bytes\n", String::from_utf8_lossy(&proto.name), bytes.len());
    let mut text = String::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let offset = instruction.ip() as u32;
        while let Some((_, pc)) = starts.next_if(|(place, _)| *place <= offset) {
            let line = proto.lines.get(pc).copied().unwrap_or(0);
            let _ = writeln!(out, "{pc:5} {:<5} {}", format!("[{line}]"), describe(proto, pc));
        }
        text.clear();
        formatter.format(&instruction, &mut text);
        let _ = writeln!(out, "            {offset:06x}  {text}");
    }
    out
}
