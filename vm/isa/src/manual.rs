//! The instruction set as a document, `docs/isa.md`.

use crate::op::{Form, Kind, Op};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# The instruction set

This document is made from the table in `vm/isa/src/table.rs`; edit the table, not this file.

An instruction is one 32-bit word, `op | a << 8 | b << 16 | c << 24`. Some instructions have an extra word after
it. `bx` is the upper half of the first word, `sbx` the same signed, `sj` the 24 bits above the opcode, signed. `e` is
the whole extra word; `cache` and `key` are its low and high halves. The top bit of the opcode byte asks the
interpreter to stop before the instruction. Jumps count words from the end of the whole instruction.

A call has its callee in `r[a]`. `r[a+1]` is left free for the frame header, arguments begin at `r[a+2]`, and results
are put at `r[a]` and upwards. An instruction that leaves values \"up to the top\" is followed at once by the one that
takes them.

## Operands

";

const QUICK_FORMS: &str = "
## Quick forms

The interpreter writes these over the opcodes of code that runs; chunks, dumps and other readers of code know nothing of
them. Each takes all that its instruction takes.

| op | name | of | effect |
|---|---|---|---|
";

const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Out => "register written",
        Kind::In => "register read",
        Kind::InOut => "register read and written",
        Kind::Base => "first of a run of registers",
        Kind::Up => "upvalue index",
        Kind::Const => "index of a constant",
        Kind::Number => "index of a number constant",
        Kind::Key => "index of a string constant",
        Kind::Proto => "index of a child function",
        Kind::Imm => "unsigned number",
        Kind::SImm => "signed number",
        Kind::Count1 => "a count plus one; 0 means \"up to the top\"",
        Kind::Flag => "0 or 1",
        Kind::Cache => "inline cache, not written in text form",
        Kind::Jump => "offset in words; a label in text form",
    }
}

const KINDS: [Kind; 15] = [
    Kind::Out,
    Kind::In,
    Kind::InOut,
    Kind::Base,
    Kind::Up,
    Kind::Const,
    Kind::Number,
    Kind::Key,
    Kind::Proto,
    Kind::Imm,
    Kind::SImm,
    Kind::Count1,
    Kind::Flag,
    Kind::Cache,
    Kind::Jump,
];

/// Writes the manual of the instruction set in Markdown.
pub fn manual() -> String {
    let mut text = String::from(INTRODUCTION);
    text.push_str("| kind | meaning |\n|---|---|\n");
    for kind in KINDS {
        let _ = writeln!(text, "| {} | {} |", kind.name(), meaning(kind));
    }
    text.push_str(
        "\n## Instructions\n\n| op | name | operands | words | effect |\n|---|---|---|---|---|\n",
    );
    for &op in Op::ALL {
        let info = op.info();
        let operand = |it: &crate::op::Operand| format!("{}: {}", it.field.name(), it.kind.name());
        let operands: Vec<String> = info.operands.iter().map(operand).collect();
        let (name, operands, words) = (info.mnemonic, operands.join(", "), info.words);
        let effect = info.doc.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| {} | `{name}` | {operands} | {words} | {effect} |",
            op as u8
        );
    }
    text.push_str(QUICK_FORMS);
    for &form in Form::ALL {
        if let Some(doc) = form.quick_doc() {
            let of = [Some(form.general()), form.second()];
            let of: Vec<_> = of.into_iter().flatten().map(|op| format!("`{}`", op.info().mnemonic)).collect();
            let _ = writeln!(text, "| {} | {form:?} | {} | {doc} |", form as u8, of.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_document_is_what_the_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/isa.md");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, manual()).unwrap();
        }
        if path.exists() {
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written == manual(), "docs/isa.md is old: run with BLESS=1");
        }
    }

    #[test]
    fn every_instruction_has_a_row() {
        let text = manual();
        assert!(
            Op::ALL
                .iter()
                .all(|op| text.contains(&format!("| `{}` |", op.info().mnemonic)))
        );
    }
}
