//! What the machine has learned of functions while they ran: the records that the compiler reads.
#![allow(unsafe_code)]

use crate::cache::kind;
use crate::debug::line_at;
use crate::object::ProtoObject;
use crate::tier::seen::{Callee, Class, Seen};
use crate::value::tag;
use crate::vm::Vm;
use perilune_isa::instruction::{Instruction, instructions};
use perilune_isa::op::Kind;
use perilune_isa::Op;

/// How a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// By the interpreter. So many calls and rounds of loops are left before it is compiled; `None` when it never is.
    Interpreted(Option<u32>),
    /// By the interpreter, which takes notes for the compiler.
    Observed,
    /// As so many bytes of machine code.
    Compiled(usize),
}

/// One function: the code, which all its closures share.
#[derive(Clone, Debug)]
pub struct FunctionFeedback {
    /// Name from the source text; empty for main functions and functions without a name.
    pub name: Vec<u8>,
    /// First line; 0 for main functions.
    pub line: u32,
    /// Last line.
    pub last_line: u32,
    /// How it runs.
    pub stage: Stage,
    /// How often its machine code was made anew because something else was seen than it was made for.
    pub revisions: u32,
    /// How often its present machine code met something that it was not made for.
    pub misses: u32,
    /// How often its machine code was entered by a call, while that is counted (see [`Vm::count_runs`]).
    pub calls: Option<u64>,
    /// Instructions about which something is known, in the order of the code.
    pub sites: Vec<SiteFeedback>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct SiteFeedback {
    /// Index of its first word in the code.
    pub pc: usize,
    /// Line in the source; 0 when that was stripped.
    pub line: u32,
    /// What it is.
    pub op: Op,
    /// What the operands were that were looked at, in the order of the table.
    pub operands: Vec<Class>,
    /// What all results were: a type as `type` says, but `integer` or `float` for numbers; `several` for more than one.
    pub result: Option<&'static str>,
    /// Name of the native function that it called; `Lua`, or `several`.
    pub callee: Option<String>,
    /// Whether a metamethod decided what it does, which was a function of Lua.
    pub metamethod: bool,
    /// What its inline cache knows.
    pub cache: Option<&'static str>,
    /// How often machine code left it to the interpreter because of what it met there.
    pub misses: u32,
    /// How often the end of a loop led back to the loop's head in machine code, while that is counted.
    pub rounds: Option<u64>,
}

/// Name of what an inline cache knows; `None` when it is empty.
fn cache_state(state: u8) -> Option<&'static str> {
    match state {
        kind::OWN => Some("own"),
        kind::ABSENT => Some("absent"),
        kind::CHAIN => Some("inherited"),
        kind::ADD => Some("added"),
        kind::MEGAMORPHIC => Some("megamorphic"),
        kind::OF_STRING => Some("string"),
        _ => None,
    }
}

fn type_name(value: u64) -> &'static str {
    match value {
        tag::INT => "integer",
        tag::FLOAT => "float",
        tag::TRUE | tag::FALSE => "boolean",
        tag::STRING => "string",
        tag::TABLE => "table",
        tag::CLOSURE | tag::NATIVE => "function",
        tag::THREAD => "thread",
        _ => "userdata",
    }
}

impl Class {
    /// `integer`, `float`, `number` for both, `any` for anything else; `None` when nothing was seen.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Class::Unseen => None,
            Class::Int => Some("integer"),
            Class::Float => Some("float"),
            Class::Number => Some("number"),
            Class::Any => Some("any"),
        }
    }
}

impl Vm {
    /// What is known of the functions of a source, by its chunk name, in the order of their lines.
    pub fn feedback(&self, chunk_name: &[u8]) -> Vec<FunctionFeedback> {
        let mut all = Vec::new();
        for proto in &self.heap.gc.protos {
            // SAFETY: the list holds live objects.
            unsafe {
                if *(&(*(**proto).cold).proto).source == *chunk_name {
                    all.push(self.function_feedback(*proto));
                }
            }
        }
        all.sort_by_key(|function| (function.line, function.last_line));
        all
    }

    unsafe fn function_feedback(&self, proto: *const ProtoObject) -> FunctionFeedback {
        // SAFETY: a live function by contract.
        unsafe {
            let cold = &*(*proto).cold;
            let caches = std::slice::from_raw_parts((*proto).caches, (*proto).n_caches as usize);
            let (stage, misses) = match &cold.native {
                Some(installed) if installed.is_observer() => (Stage::Observed, 0),
                Some(installed) => (Stage::Compiled(installed.length()), installed.misses()),
                None if self.compiles() => (Stage::Interpreted(Some((*proto).heat).filter(|heat| *heat != u32::MAX)), 0),
                None => (Stage::Interpreted(None), 0),
            };
            let sites = instructions(&cold.proto.code).filter_map(|(pc, instruction)| {
                let seen = cold.seen.get(pc).copied().unwrap_or_default();
                let cache = cache_of(instruction).and_then(|at| caches.get(at)).and_then(|cache| cache_state(cache.kind));
                let rounds = cold.runs.get(pc).copied().filter(|_| ends_loop(instruction));
                let is_known = !seen.is_empty() || cache.is_some() || rounds.is_some();
                let line = || line_at(&cold.proto, pc).unwrap_or(0);
                is_known.then(|| SiteFeedback { rounds, ..self.site(pc, instruction, line(), seen, cache) })
            });
            FunctionFeedback {
                name: cold.proto.name.to_vec(),
                line: cold.proto.line_defined,
                last_line: cold.proto.last_line,
                stage,
                revisions: u32::from(cold.revision),
                misses,
                calls: cold.runs.first().copied(),
                sites: sites.collect(),
            }
        }
    }

    fn site(&self, pc: usize, instruction: Instruction, line: u32, seen: Seen, cache: Option<&'static str>) -> SiteFeedback {
        let operands = (0..3).map(|n| seen.operand(n)).collect::<Vec<_>>();
        let known = operands.iter().rposition(|class| *class != Class::Unseen).map_or(0, |last| last + 1);
        let callee = match seen.callee() {
            Callee::Unseen => None,
            Callee::Itself => Some("itself".to_owned()),
            Callee::Lua => Some("Lua".to_owned()),
            Callee::Native(id) => self.natives.get(id as usize).map(|native| native.name.to_string()),
            Callee::Several => Some("several".to_owned()),
        };
        SiteFeedback {
            pc,
            line,
            op: instruction.op(),
            operands: operands[..known].to_vec(),
            result: match seen.result() {
                Some(value) => Some(type_name(value)),
                None if seen.has_nil() => Some("nil"),
                None => seen.has_result().then_some("several"),
            },
            callee,
            metamethod: seen.has_metamethod(),
            cache,
            misses: u32::from(seen.misses()),
            rounds: None,
        }
    }
}

fn ends_loop(instruction: Instruction) -> bool {
    matches!(instruction, Instruction::Loop { .. } | Instruction::ForLoop { .. } | Instruction::TForLoop { .. })
}

/// Which cache an instruction has.
fn cache_of(instruction: Instruction) -> Option<usize> {
    instruction.operands().find(|(operand, _)| operand.kind == Kind::Cache).map(|(_, at)| at as usize)
}
