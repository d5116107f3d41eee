//! From text to functions. The result is not verified.

use std::sync::Arc;
use super::token::{Token, split};
use crate::{
    effect,
    instruction::instructions,
    op::{Kind, Op},
    proto::{Const, LocalVar, NamedConst, Proto, UpvalueDesc},
    verify::MAX_DEPTH,
};
use std::collections::HashMap;
use std::fmt;

/// Why a text is not a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsmError {
    /// The line of the text, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for AsmError {}

/// Reads a function in text form.
///
/// Without a `stack` line the function gets as many registers as its code needs;
/// without `[line]` marks it has no line table.
pub fn assemble(text: &str) -> Result<Proto, AsmError> {
    let mut assembler = Assembler {
        open: Vec::new(),
        done: None,
    };
    for (i, line) in text.lines().enumerate() {
        assembler.line(line).map_err(|message| AsmError {
            line: i + 1,
            message,
        })?;
    }
    let end = text.lines().count();
    match assembler.done {
        Some(proto) if assembler.open.is_empty() => Ok(proto),
        _ => Err(AsmError {
            line: end,
            message: "a function is not finished".into(),
        }),
    }
}

struct Assembler {
    open: Vec<Builder>,
    done: Option<Proto>,
}

/// A function being read.
#[derive(Default)]
struct Builder {
    proto: Proto,
    in_code: bool,
    current_line: Option<u32>,
    caches: u32,
    labels: HashMap<String, usize>,
    /// Jumps to labels: where the instruction begins, and the label.
    jumps: Vec<(usize, String)>,
}

impl Assembler {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let tokens = split(line)?;
        let Some(Token::Word(first)) = tokens.first() else {
            return if tokens.is_empty() {
                Ok(())
            } else {
                Err("a line begins with a word".into())
            };
        };
        match first.as_str() {
            "function" => self.begin(tokens.get(1)),
            "end" => self.end(),
            _ => self
                .open
                .last_mut()
                .ok_or("outside a function")?
                .line(&tokens),
        }
    }

    fn begin(&mut self, name: Option<&Token>) -> Result<(), String> {
        if self.done.is_some() || self.open.len() >= MAX_DEPTH {
            return Err("too many functions".into());
        }
        let mut builder = Builder::default();
        if let Some(name) = name {
            builder.proto.name = string(Some(name))?;
        }
        self.open.push(builder);
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let proto = self.open.pop().ok_or("no function to end")?.finish()?;
        match self.open.last_mut() {
            Some(parent) => parent.proto.children.push(proto),
            None => self.done = Some(proto),
        }
        Ok(())
    }
}

impl Builder {
    fn line(&mut self, tokens: &[Token]) -> Result<(), String> {
        if self.in_code {
            return self.code_line(tokens);
        }
        let proto = &mut self.proto;
        match word(tokens.first())? {
            "source" => proto.source = string(tokens.get(1))?.into(),
            "lines" => {
                proto.line_defined = number(tokens.get(1))?;
                proto.last_line = number(tokens.get(2))?;
            }
            "span" => proto.span = (number(tokens.get(1))?, number(tokens.get(2))?),
            "params" => proto.params = number(tokens.get(1))?,
            "vararg" => proto.is_vararg = true,
            "stack" => proto.max_stack = number(tokens.get(1))?,
            "upvalue" => proto.upvalues.push(upvalue(tokens)?),
            "const" => proto.constants.push(constant(tokens)?),
            "local" => proto.locals.push(local(tokens)?),
            "named" => proto.named.push(named(tokens)?),
            "code" => self.in_code = true,
            other => return Err(format!("unknown directive `{other}`")),
        }
        Ok(())
    }

    /// `[word index] [`[`line`]`] label:` or an instruction.
    fn code_line(&mut self, tokens: &[Token]) -> Result<(), String> {
        let mut rest = tokens;
        while let Some(Token::Word(first)) = rest.first() {
            if let Some(label) = first.strip_suffix(':') {
                if self
                    .labels
                    .insert(label.to_owned(), self.proto.code.len())
                    .is_some()
                {
                    return Err(format!("label `{label}` twice"));
                }
            } else if let Some(line) = first.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                self.current_line = Some(line.parse().map_err(|_| "bad line number")?);
            } else if !first.bytes().all(|byte| byte.is_ascii_digit()) {
                break;
            }
            rest = &rest[1..];
        }
        match rest {
            [] => Ok(()),
            [Token::Word(first), value] if first == "word" => {
                let raw = word(Some(value))?.trim_start_matches("0x").to_owned();
                let raw = u32::from_str_radix(&raw, 16).map_err(|_| "bad word")?;
                self.emit(&[raw]);
                Ok(())
            }
            _ => self.instruction(rest),
        }
    }

    fn emit(&mut self, words: &[u32]) {
        self.proto.code.extend_from_slice(words);
        if let Some(line) = self.current_line {
            self.proto.lines.resize(self.proto.code.len(), line);
        }
    }

    fn instruction(&mut self, tokens: &[Token]) -> Result<(), String> {
        let mnemonic = word(tokens.first())?;
        let op = Op::from_mnemonic(mnemonic)
            .ok_or_else(|| format!("unknown instruction `{mnemonic}`"))?;
        let mut operands = tokens[1..].iter();
        let (mut first, mut extra) = (op as u32, 0);
        for operand in op.info().operands {
            let value = match operand.kind {
                Kind::Cache => self.next_cache(),
                kind => {
                    let text = word(operands.next())?;
                    self.operand(kind, text)?
                }
            };
            let fits = operand.put(value, &mut first, &mut extra);
            fits.ok_or_else(|| format!("operand {} does not fit: {value}", operand.field.name()))?;
        }
        if operands.next().is_some() {
            return Err("too many operands".into());
        }
        self.emit(&[first, extra][..op.words()]);
        Ok(())
    }

    fn next_cache(&mut self) -> i64 {
        self.caches += 1;
        i64::from(self.caches) - 1
    }

    fn operand(&mut self, kind: Kind, text: &str) -> Result<i64, String> {
        let prefix = match kind {
            Kind::Out | Kind::In | Kind::InOut | Kind::Base => "r",
            Kind::Up => "u",
            Kind::Const | Kind::Number | Kind::Key => "k",
            Kind::Proto => "f",
            Kind::Jump if !text.starts_with(['+', '-']) => {
                self.jumps.push((self.proto.code.len(), text.to_owned()));
                return Ok(0);
            }
            _ => "",
        };
        let digits = text
            .strip_prefix(prefix)
            .and_then(|digits| digits.parse().ok());
        digits.ok_or_else(|| format!("`{text}` is not a {} operand", kind.name()))
    }

    fn finish(mut self) -> Result<Proto, String> {
        for (pc, label) in std::mem::take(&mut self.jumps) {
            let target = self.labels.get(&label);
            let target = *target.ok_or_else(|| format!("no label `{label}`"))?;
            self.patch(pc, target)
                .ok_or_else(|| format!("jump to `{label}` is too far"))?;
        }
        let proto = &mut self.proto;
        proto.caches = u16::try_from(self.caches).map_err(|_| "too many cached instructions")?;
        if !proto.lines.is_empty() && proto.lines.len() != proto.code.len() {
            return Err("some instructions have a line and some have none".into());
        }
        if proto.max_stack == 0 {
            let needed = instructions(&proto.code)
                .map(|(_, it)| effect::extent(it))
                .max();
            let needed = needed.unwrap_or(0).max(u16::from(proto.params)).max(2);
            proto.max_stack = u8::try_from(needed).map_err(|_| "too many registers")?;
        }
        Ok(self.proto)
    }

    fn patch(&mut self, pc: usize, target: usize) -> Option<()> {
        let op = crate::word::op(self.proto.code[pc])?;
        let operand = op
            .info()
            .operands
            .iter()
            .find(|operand| operand.kind == Kind::Jump)?;
        let offset = target as i64 - (pc + op.words()) as i64;
        let (mut first, mut extra) = (self.proto.code[pc], 0);
        operand.put(offset, &mut first, &mut extra)?;
        self.proto.code[pc] = first;
        if op.words() == 2 {
            self.proto.code[pc + 1] = extra;
        }
        Some(())
    }
}

fn word(token: Option<&Token>) -> Result<&str, String> {
    match token {
        Some(Token::Word(word)) => Ok(word),
        _ => Err("a word is missing".into()),
    }
}

fn string(token: Option<&Token>) -> Result<Arc<[u8]>, String> {
    match token {
        Some(Token::Str(bytes)) => Ok(bytes.as_slice().into()),
        _ => Err("a string is missing".into()),
    }
}

fn number<T: std::str::FromStr>(token: Option<&Token>) -> Result<T, String> {
    let text = word(token)?;
    text.parse().map_err(|_| format!("bad number `{text}`"))
}

fn upvalue(tokens: &[Token]) -> Result<UpvalueDesc, String> {
    let in_stack = match word(tokens.get(2))? {
        "stack" => true,
        "up" => false,
        other => return Err(format!("`{other}` is neither `stack` nor `up`")),
    };
    let is_const = tokens.len() > 4;
    Ok(UpvalueDesc {
        name: string(tokens.get(1))?,
        in_stack,
        index: number(tokens.get(3))?,
        is_const,
    })
}

fn constant(tokens: &[Token]) -> Result<Const, String> {
    Ok(match word(tokens.get(1))? {
        "nil" => Const::Nil,
        "false" => Const::False,
        "true" => Const::True,
        "int" => Const::Int(number(tokens.get(2))?),
        "float" => Const::Float(float(word(tokens.get(2))?)?),
        "string" => Const::Str(string(tokens.get(2))?),
        other => return Err(format!("unknown kind of constant `{other}`")),
    })
}

/// A decimal number, or the bits of one that has no digits.
fn float(text: &str) -> Result<f64, String> {
    let bad = || format!("bad float `{text}`");
    match text.strip_prefix("0x") {
        Some(bits) => u64::from_str_radix(bits, 16)
            .map(f64::from_bits)
            .map_err(|_| bad()),
        None => text.parse().map_err(|_| bad()),
    }
}

fn local(tokens: &[Token]) -> Result<LocalVar, String> {
    let register = word(tokens.get(2))?
        .strip_prefix('r')
        .and_then(|digits| digits.parse().ok());
    Ok(LocalVar {
        name: string(tokens.get(1))?,
        register: register.ok_or("bad register")?,
        start_pc: number(tokens.get(3))?,
        end_pc: number(tokens.get(4))?,
    })
}

fn named(tokens: &[Token]) -> Result<NamedConst, String> {
    Ok(NamedConst {
        name: string(tokens.get(1))?,
        start_pc: number(tokens.get(2))?,
        end_pc: number(tokens.get(3))?,
        is_outer: match word(tokens.get(4))? {
            "own" => false,
            "outer" => true,
            other => return Err(format!("`{other}` is neither `own` nor `outer`")),
        },
        value: constant(tokens.get(4..).unwrap_or_default())?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::disassemble;
    use super::*;
    use crate::{instruction::Instruction, sample};

    #[test]
    fn text_comes_back_as_it_went_out() {
        let proto = sample::proto();
        let text = disassemble(&proto);
        assert_eq!(assemble(&text).unwrap(), proto, "\n{text}");
    }

    #[test]
    fn strange_words_survive_as_words() {
        let code = vec![0xffff_ffff, Op::Return0 as u32 | 0x100, Op::LoadKX as u32];
        let proto = Proto {
            code,
            max_stack: 2,
            ..Proto::default()
        };
        assert_eq!(assemble(&disassemble(&proto)).unwrap(), proto);
    }

    #[test]
    fn labels_count_from_the_end_of_the_instruction() {
        let proto =
            assemble("function\ncode\ntop: test r0, 1, out\nloop top\nout: return0\nend").unwrap();
        let found: Vec<_> = instructions(&proto.code).map(|(_, it)| it).collect();
        assert_eq!(found[0], Instruction::Test { a: 0, c: 1, e: 1 });
        assert_eq!(found[1], Instruction::Loop { sj: -3 });
    }

    #[test]
    fn strings_are_any_bytes() {
        let bytes: Vec<u8> = (0..=255).collect();
        let constants = vec![
            Const::Str(bytes.into()),
            Const::Float(f64::NEG_INFINITY),
            Const::Float(-0.0),
        ];
        let proto = Proto {
            constants,
            max_stack: 2,
            ..Proto::default()
        };
        assert_eq!(assemble(&disassemble(&proto)).unwrap(), proto);
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = assemble("function\ncode\n  move r0\nend").unwrap_err();
        assert_eq!(error.to_string(), "line 3: a word is missing");
        assert_eq!(assemble("function\ncode\njump x\nend").unwrap_err().line, 4);
    }
}
