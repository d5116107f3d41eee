//! Machine code in a form that people read.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::fmt::Write;

/// Disassembles the machine code of one function beside its instructions.
///
/// `places` has, for each word of code, the offset at which it goes on (0 within instructions);
/// `bytecode` gives the text of the instruction at a word.
pub fn listing(bytes: &[u8], address: u64, places: &[u32], bytecode: impl Fn(usize) -> String) -> String {
    let mut starts: Vec<(u32, usize)> =
        places.iter().enumerate().filter(|(_, place)| **place != 0).map(|(pc, place)| (*place, pc)).collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let mut out = String::new();
    let mut text = String::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let offset = (instruction.ip() - address) as u32;
        while let Some((_, pc)) = starts.next_if(|(place, _)| *place <= offset) {
            let _ = writeln!(out, "{pc:5}  {}", bytecode(pc));
        }
        text.clear();
        formatter.format(&instruction, &mut text);
        let _ = writeln!(out, "            {offset:06x}  {text}");
    }
    out
}
