//! From functions to text.

use super::token::quote;
use crate::{
    instruction::Instruction,
    op::{Kind, Operand},
    proto::{Const, Proto},
};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Writes a function and all functions inside it as text that `assemble` reads.
pub fn disassemble(proto: &Proto) -> String {
    let mut listing = Listing {
        text: String::new(),
        depth: 0,
    };
    listing.function(proto);
    listing.text
}

/// The text of the instruction at a word, without its line and with jump targets as `L` and the word.
pub fn describe(proto: &Proto, pc: usize) -> String {
    match Instruction::at(&proto.code, pc) {
        Some(it) => instruction_text(proto, pc, it, &labels(proto)),
        None => String::new(),
    }
}

struct Listing {
    text: String,
    depth: usize,
}

impl Listing {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn function(&mut self, proto: &Proto) {
        self.line(&format!("function {}", quote(&proto.name)));
        self.depth += 1;
        self.header(proto);
        self.code(proto);
        for child in &proto.children {
            self.function(child);
        }
        self.depth -= 1;
        self.line("end");
    }

    fn header(&mut self, proto: &Proto) {
        self.line(&format!("source {}", quote(&proto.source)));
        self.line(&format!("lines {} {}", proto.line_defined, proto.last_line));
        self.line(&format!("span {} {}", proto.span.0, proto.span.1));
        self.line(&format!("params {}", proto.params));
        if proto.is_vararg {
            self.line("vararg");
        }
        self.line(&format!("stack {}", proto.max_stack));
        for (i, up) in proto.upvalues.iter().enumerate() {
            let place = if up.in_stack { "stack" } else { "up" };
            let constant = if up.is_const { " const" } else { "" };
            self.line(&format!(
                "upvalue {} {place} {}{constant} ; u{i}",
                quote(&up.name),
                up.index
            ));
        }
        for (i, constant) in proto.constants.iter().enumerate() {
            self.line(&format!("const {} ; k{i}", constant_text(constant)));
        }
        for local in &proto.locals {
            let range = format!("r{} {} {}", local.register, local.start_pc, local.end_pc);
            self.line(&format!("local {} {range}", quote(&local.name)));
        }
        for constant in &proto.named {
            let place = if constant.is_outer { "outer" } else { "own" };
            let range = format!("{} {}", constant.start_pc, constant.end_pc);
            let value = constant_text(&constant.value);
            self.line(&format!("named {} {range} {place} {value}", quote(&constant.name)));
        }
    }

    fn code(&mut self, proto: &Proto) {
        self.line("code");
        let labels = labels(proto);
        let mut pc = 0;
        while pc < proto.code.len() {
            if labels.contains(&pc) {
                self.line(&format!("L{pc}:"));
            }
            let line = proto
                .lines
                .get(pc)
                .map(|line| format!("[{line}]"))
                .unwrap_or_default();
            let (text, words) = match Instruction::at(&proto.code, pc) {
                Some(it) if is_plain(proto, pc, it) => {
                    (instruction_text(proto, pc, it, &labels), it.words())
                }
                _ => (format!("word {:#010x}", proto.code[pc]), 1),
            };
            self.line(&format!("{pc:5} {line:<5} {text}"));
            pc += words;
        }
    }
}

/// Whether the mnemonic form says everything about the words.
fn is_plain(proto: &Proto, pc: usize, instruction: Instruction) -> bool {
    let (first, extra) = instruction.encode();
    proto.code[pc] == first && (instruction.words() == 1 || proto.code[pc + 1] == extra)
}

/// The jump targets where an instruction begins.
fn labels(proto: &Proto) -> BTreeSet<usize> {
    let mut starts = BTreeSet::new();
    let mut targets = BTreeSet::new();
    let mut pc = 0;
    while pc < proto.code.len() {
        starts.insert(pc);
        pc += match Instruction::at(&proto.code, pc) {
            Some(it) if is_plain(proto, pc, it) => {
                targets.extend(it.jump_target(pc).and_then(|to| usize::try_from(to).ok()));
                it.words()
            }
            _ => 1,
        };
    }
    targets.intersection(&starts).copied().collect()
}

fn instruction_text(proto: &Proto, pc: usize, it: Instruction, labels: &BTreeSet<usize>) -> String {
    let info = it.op().info();
    let mut operands = Vec::new();
    let mut notes = Vec::new();
    for (operand, value) in it.operands() {
        let target = it.jump_target(pc).and_then(|to| usize::try_from(to).ok());
        match (operand.kind, target) {
            (Kind::Cache, _) => {}
            (Kind::Jump, Some(to)) if labels.contains(&to) => operands.push(format!("L{to}")),
            _ => operands.push(operand_text(operand, value)),
        }
        notes.extend(note(proto, operand, value));
    }
    let mut text = format!("{:<14} {}", info.mnemonic, operands.join(", "));
    if !notes.is_empty() {
        let _ = write!(text, " ; {}", notes.join(", "));
    }
    text
}

fn operand_text(operand: Operand, value: i64) -> String {
    match operand.kind {
        Kind::Out | Kind::In | Kind::InOut | Kind::Base => format!("r{value}"),
        Kind::Up => format!("u{value}"),
        Kind::Const | Kind::Number | Kind::Key => format!("k{value}"),
        Kind::Proto => format!("f{value}"),
        Kind::Jump => format!("{value:+}"),
        Kind::Imm | Kind::SImm | Kind::Count1 | Kind::Flag | Kind::Cache => value.to_string(),
    }
}

/// What an index stands for, for the reader.
fn note(proto: &Proto, operand: Operand, value: i64) -> Option<String> {
    let index = usize::try_from(value).ok()?;
    match operand.kind {
        Kind::Const | Kind::Number | Kind::Key => Some(match proto.constants.get(index)? {
            Const::Str(bytes) => quote(bytes),
            constant => constant_text(constant).rsplit(' ').next()?.to_owned(),
        }),
        Kind::Up => Some(
            String::from_utf8_lossy(&proto.upvalues.get(index)?.name)
                .escape_debug()
                .to_string(),
        ),
        Kind::Proto => Some(quote(&proto.children.get(index)?.name)),
        _ => None,
    }
}

fn constant_text(constant: &Const) -> String {
    match constant {
        Const::Nil => "nil".into(),
        Const::False => "false".into(),
        Const::True => "true".into(),
        Const::Int(value) => format!("int {value}"),
        Const::Float(value) if value.is_finite() => format!("float {value:?}"),
        Const::Float(value) => format!("float {:#x}", value.to_bits()),
        Const::Str(bytes) => format!("string {}", quote(bytes)),
    }
}
