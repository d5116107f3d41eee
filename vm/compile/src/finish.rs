//! The last pass over a function's code.

use crate::code::op_of;
use crate::exp::Kind;
use crate::function::{Function, Known};
use perilune_isa::{Const, LocalVar, NamedConst, Op, Proto, UpvalueDesc, word};
use crate::text::Shared;
use perilune_syntax::ast;
use std::sync::Arc;

/// Makes the finished function of `f`, whose storage serves for another one.
pub(crate) fn finish(f: &mut Function, texts: &mut Shared<'_>, body: &ast::Function, source: &Arc<[u8]>, last_line: u32) -> Proto {
    let caches = rewrite(f);
    if body.is_vararg {
        // As PUC Lua's hooks have it: who stands at the prologue stands at what comes next.
        f.lines[0] = f.lines[1];
    }
    let upvalues = f.upvalues.iter().map(|u| UpvalueDesc {
        name: texts.get(u.name),
        in_stack: u.in_stack,
        index: u.index,
        is_const: u.read_only,
    }).collect();
    let locals = f.locals.iter().map(|l| LocalVar {
        name: texts.get(l.name),
        register: l.register,
        start_pc: l.start_pc,
        end_pc: l.end_pc,
    }).collect();
    let named = f.known.iter().map(|known| NamedConst {
        name: texts.get(known.name),
        value: known_value(known.value, texts),
        start_pc: known.start_pc,
        end_pc: if known.is_outer { f.code.len() as u32 } else { known.end_pc },
        is_outer: known.is_outer,
    }).collect();
    Proto {
        named,
        upvalues,
        locals,
        constants: f.constants.finish(texts),
        code: f.code.clone(),
        lines: f.lines.clone(),
        children: std::mem::take(&mut f.children),
        params: body.params.len() as u8,
        is_vararg: body.is_vararg,
        max_stack: f.max_stack as u8,
        caches,
        line_defined: f.line_defined,
        last_line,
        span: (body.span.start, body.span.end),
        name: f.name.clone(),
        source: source.clone(),
    }
}

fn known_value(known: Known, texts: &mut Shared<'_>) -> Const {
    match known {
        Known::Plain(Kind::True) => Const::True,
        Known::Plain(Kind::False) => Const::False,
        Known::Plain(Kind::Int(value)) => Const::Int(value),
        Known::Plain(Kind::Float(value)) => Const::Float(value),
        Known::Plain(_) => Const::Nil,
        Known::Str(text) => Const::Str(texts.get(text)),
    }
}

/// Numbers the caches, marks returns that close, and shortens jumps to jumps.
fn rewrite(f: &mut Function) -> u16 {
    let mut caches = 0;
    let mut pc = 0;
    while pc < f.code.len() {
        let first = f.code[pc];
        let (words, is_rewritten) = STEPS[usize::from(word::op_byte(first))];
        if !is_rewritten {
            pc += words;
            continue;
        }
        let op = op_of(first);
        match op {
            Op::GetUpTable | Op::SetUpTable | Op::SetUpTableK | Op::GetField | Op::SetField | Op::SetFieldK | Op::Method => {
                f.code[pc + 1] = word::cache_key(caches, word::key(f.code[pc + 1]));
                caches += 1;
            }
            Op::Return0 if f.closes => f.code[pc] = word::abc(Op::Return, 0, 1, 1),
            Op::Return1 if f.closes => f.code[pc] = word::abc(Op::Return, word::a(first), 2, 1),
            Op::Return | Op::TailCall if f.closes => f.set_c(pc as u32, 1),
            Op::Jump => {
                let target = final_target(&f.code, pc as i64 + 1 + i64::from(word::get_sj(first)));
                f.code[pc] = word::sj(Op::Jump, (target - pc as i64 - 1) as i32);
            }
            Op::Eq | Op::Lt | Op::Le | Op::EqK | Op::EqImm | Op::LtImm | Op::LeImm | Op::GtImm | Op::GeImm | Op::Test | Op::TestSet => {
                let after = pc as i64 + 2;
                let target = final_target(&f.code, after + i64::from(f.code[pc + 1] as i32));
                f.code[pc + 1] = (target - after) as i32 as u32;
            }
            _ => {}
        }
        pc += words;
    }
    caches
}

/// For each opcode byte its words, and whether [`rewrite`] has anything to do.
static STEPS: [(usize, bool); 256] = {
    let mut steps = [(1, false); 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(op) = Op::from_byte(byte as u8) {
            let is_rewritten = matches!(
                op,
                Op::GetUpTable | Op::SetUpTable | Op::SetUpTableK | Op::GetField | Op::SetField | Op::SetFieldK | Op::Method
                    | Op::Return0 | Op::Return1 | Op::Return | Op::TailCall | Op::Jump | Op::Eq | Op::Lt | Op::Le | Op::EqK
                    | Op::EqImm | Op::LtImm | Op::LeImm | Op::GtImm | Op::GeImm | Op::Test | Op::TestSet
            );
            steps[byte] = (op.info().words as usize, is_rewritten);
        }
        byte += 1;
    }
    steps
};

/// Follows forward jumps; a loop's jump is a safepoint and stays.
fn final_target(code: &[u32], mut target: i64) -> i64 {
    for _ in 0..100 {
        match code.get(target as usize) {
            Some(first) if op_of(*first) == Op::Jump => target += 1 + i64::from(word::get_sj(*first)),
            _ => break,
        }
    }
    target
}
