//! What is found out about a function before its code is made: where blocks begin, which registers are read
//! later, and which tags are the same on all ways to a block.
//!
//! Tags are a proposal: code checks on every way into a block that it brings what the block relies on. So a
//! mistake here costs time and nothing else.

use crate::registers::Registers;
use crate::template::{Operand, intrinsic};
use perilune_isa::effect;
use perilune_isa::instruction::{Instruction as I, instructions};
use perilune_isa::op::{BREAKPOINT, Kind};
use perilune_vm::tier::Function;
use perilune_vm::tier::seen::{Class, Seen};
use perilune_vm::value::tag;

/// Rounds over the code after which tags that still change are given up.
const ROUNDS: usize = 12;
/// How often the code is gone through backwards, at most, to find what is read later.
const LIVE_ROUNDS: usize = 64;

/// The tags of registers, as far as they are known.
#[derive(Clone)]
pub struct Tags {
    /// By register; what is not known has any value.
    tags: [u8; 256],
    known: Registers,
}

impl Tags {
    /// Nothing is known.
    pub const NONE: Tags = Tags { tags: [0; 256], known: Registers([0; 4]) };

    /// The tag of a register.
    pub fn get(&self, r: u8) -> Option<u64> {
        self.known.has(r).then_some(u64::from(self.tags[usize::from(r)]))
    }

    /// Sets or forgets the tag of a register.
    pub fn set(&mut self, r: u8, tag: Option<u64>) {
        match tag {
            Some(tag) => {
                self.tags[usize::from(r)] = tag as u8;
                self.known.add(r);
            }
            None => self.known.remove(r),
        }
    }

    /// Forgets registers.
    pub fn forget(&mut self, registers: Registers) {
        self.known = self.known.minus(registers);
    }

    /// Keeps what `other` knows as well; whether that is less.
    fn meet(&mut self, other: &Tags) -> bool {
        let before = self.known;
        for r in before.iter() {
            if other.get(r) != self.get(r) {
                self.known.remove(r);
            }
        }
        self.known != before
    }

    /// Whether everything that `other` knows is known here.
    pub fn imply(&self, other: &Tags) -> bool {
        other.known.iter().all(|r| self.get(r) == other.get(r))
    }

    /// The registers that are known.
    pub fn known(&self) -> impl Iterator<Item = (u8, u64)> {
        self.known.iter().map(|r| (r, u64::from(self.tags[usize::from(r)])))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.known.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl PartialEq for Tags {
    fn eq(&self, other: &Tags) -> bool {
        self.known == other.known && self.imply(other)
    }
}

/// How an operation on two numbers is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Both are integers.
    Int,
    /// At least one is a float, and the result is one.
    Float,
    /// Anything; the result is not known.
    Any,
    /// It was never done: the interpreter shall see.
    Unseen,
}

/// The form for two classes of operands.
pub fn form(x: Class, y: Class) -> Form {
    match (x, y) {
        (Class::Unseen, _) | (_, Class::Unseen) => Form::Unseen,
        (Class::Int, Class::Int) => Form::Int,
        (Class::Float, _) | (_, Class::Float) => Form::Float,
        _ => Form::Any,
    }
}

/// Code that was never done says nothing about the tags in code that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// All instructions on some way here were seen.
    Seen,
    /// The others, which may be old: the function was compiled later than they ran.
    Rest,
}

/// A place that is jumped to.
pub struct Block {
    /// The tags on all ways here.
    pub tags: Tags,
    /// The end of the last jump back to here.
    pub back: Option<usize>,
}

/// An instruction, and where it leads.
#[derive(Clone, Copy)]
struct Line {
    pc: usize,
    instruction: I,
    /// By a jump.
    jump: Option<usize>,
    /// Whether it goes on to the next one.
    falls_through: bool,
}

impl Line {
    fn next(&self) -> Option<usize> {
        self.falls_through.then(|| self.pc + self.instruction.words())
    }
}

/// The function with what was found out.
pub struct Flow<'a> {
    function: &'a Function<'a>,
    lines: Vec<Line>,
    /// By word: what is known of the places that are jumped to.
    pub blocks: Vec<Option<Box<Block>>>,
    /// By word: registers whose values may be read from here on.
    live: Vec<Registers>,
    /// By word: registers of the variables that are in scope.
    named: Vec<Registers>,
    /// By word: how many loops stand around it.
    depth: Vec<u8>,
}

impl<'a> Flow<'a> {
    /// Looks through a function.
    pub fn new(function: &'a Function<'a>) -> Flow<'a> {
        let n = function.code.len();
        let line = |(pc, instruction)| Line {
            pc,
            instruction,
            jump: jump_of(pc, instruction),
            falls_through: falls_through(instruction),
        };
        let mut flow = Flow {
            function,
            lines: instructions_of(function.code).into_iter().map(line).collect(),
            blocks: (0..n).map(|_| None).collect(),
            live: vec![Registers::default(); n + 1],
            named: named(function),
            depth: vec![0; n],
        };
        flow.find_blocks();
        flow.find_live();
        flow.find_tags();
        flow
    }

    /// Whether the function has variables that are to be closed.
    pub fn marks_to_close(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.instruction, I::Tbc { .. }))
    }

    fn find_blocks(&mut self) {
        let mut steps = vec![0_i32; self.function.code.len()];
        for &Line { pc, instruction, jump, .. } in &self.lines {
            let Some(target) = jump else { continue };
            let block = self.blocks[target].get_or_insert_with(|| Box::new(Block { tags: Tags::NONE, back: None }));
            if target <= pc {
                block.back = Some(pc + instruction.words());
                steps[target] += 1;
                steps[pc] -= 1;
            }
        }
        let mut depth = 0;
        for (at, step) in steps.into_iter().enumerate() {
            depth += step;
            self.depth[at] = depth.min(i32::from(u8::MAX)) as u8;
        }
    }

    fn find_live(&mut self) {
        let used: Vec<_> = self.lines.iter().map(|line| (kills(line.instruction), reads(line.instruction))).collect();
        for _ in 0..LIVE_ROUNDS {
            let mut again = false;
            for (line, (kills, reads)) in self.lines.iter().zip(&used).rev() {
                let live_at = |to: Option<usize>| to.map_or(Registers::default(), |to| self.live[to]);
                let live = live_at(line.jump).or(live_at(line.next())).minus(*kills).or(*reads);
                // Only a jump backwards has used what was known of its target before.
                again |= live != self.live[line.pc] && self.blocks[line.pc].as_ref().is_some_and(|block| block.back.is_some());
                self.live[line.pc] = live;
            }
            if !again {
                return;
            }
        }
        // A maze of jumps backwards.
        self.live.fill(Registers::ALL);
    }

    /// The registers that are read from a pc on, and the variables that a person may look at there.
    pub fn kept(&self, pc: usize) -> Registers {
        if self.function.locals.is_none() {
            return Registers::ALL;
        }
        let of = |list: &[Registers]| list.get(pc).copied().unwrap_or_default();
        of(&self.live).or(of(&self.named))
    }

    /// The step of the numeric loop whose body begins at a pc, if it is written there, and whether only the loop
    /// itself sets its variable.
    pub fn loop_kind(&self, body: usize, end: usize, a: u8) -> (Option<i32>, bool) {
        let code = self.function.code;
        let at = |pc: usize| code.get(pc).and_then(|_| I::at(code, pc));
        let prep = body.checked_sub(2).filter(|pc| self.blocks[*pc].is_none());
        let is_prep = prep.and_then(at).is_some_and(|prep| matches!(prep, I::ForPrep { a: first, .. } if first == a));
        let step = match body.checked_sub(3).and_then(at) {
            Some(I::LoadInt { a: r, sbx }) if is_prep && r == a + 2 && sbx != 0 => Some(i32::from(sbx)),
            _ => None,
        };
        let is_shared = Registers(self.function.shared).has(a + 3);
        let is_set = instructions_of(&code[body..end]).into_iter().any(|(_, instruction)| effect::writes(instruction).contains(&(u16::from(a) + 3)));
        (step, !is_set && !is_shared)
    }

    /// How many loops stand around an instruction.
    pub fn depth(&self, pc: usize) -> u8 {
        self.depth[pc]
    }

    fn find_tags(&mut self) {
        let mut reached = vec![None; self.function.code.len()];
        for phase in [Phase::Seen, Phase::Rest] {
            if !(0..ROUNDS).any(|_| !self.round(&mut reached, phase)) {
                self.blocks.iter_mut().flatten().for_each(|block| block.tags = Tags::NONE);
                return;
            }
        }
        self.prune();
    }

    /// What nobody reads any more need not be known.
    fn prune(&mut self) {
        for pc in 0..self.blocks.len() {
            let kept = self.kept(pc);
            if let Some(block) = &mut self.blocks[pc] {
                block.tags.forget(Registers::ALL.minus(kept));
            }
        }
    }

    /// Follows all ways once; whether a place further back has to be looked at again.
    fn round(&mut self, reached: &mut [Option<Phase>], phase: Phase) -> bool {
        let mut again = false;
        // Copied as seldom as can be: most of the time goes here.
        let (mut tags, mut before, mut from) = (Tags::NONE, Tags::NONE, Some(Phase::Seen));
        for line in &self.lines {
            let pc = line.pc;
            if let Some(block) = &mut self.blocks[pc] {
                if let Some(from) = from {
                    arrive(block, &mut reached[pc], &tags, from);
                }
                from = reached[pc];
                tags.clone_from(&block.tags);
            }
            let Some(phase_here) = from.take() else { continue };
            before.clone_from(&tags);
            let after = after(self.function, line, &before, &mut tags);
            let here = if after.is_seen { phase_here } else { Phase::Rest };
            if here == Phase::Rest && phase == Phase::Seen {
                continue;
            }
            if let Some(target) = line.jump
                && let Some(block) = &mut self.blocks[target]
            {
                let changed = arrive(block, &mut reached[target], after.jump.as_deref().unwrap_or(&tags), here);
                again |= changed && target <= pc;
            }
            from = line.falls_through.then_some(here);
        }
        again
    }

    /// The tags before and after every instruction that is reached; after it only where it goes on to the next one.
    pub fn each_with_tags(&self, mut visit: impl FnMut(usize, I, &Tags, Option<&Tags>)) {
        let (mut tags, mut before, mut is_reached) = (Tags::NONE, Tags::NONE, true);
        for line in &self.lines {
            if let Some(block) = &self.blocks[line.pc] {
                tags.clone_from(&block.tags);
                is_reached = true;
            }
            if !is_reached {
                continue;
            }
            before.clone_from(&tags);
            after(self.function, line, &before, &mut tags);
            is_reached = line.falls_through;
            visit(line.pc, line.instruction, &before, is_reached.then_some(&tags));
        }
    }
}

/// For each word of code, the registers of the variables that are in scope.
fn named(function: &Function<'_>) -> Vec<Registers> {
    let n = function.code.len();
    let locals = function.locals.unwrap_or_default();
    let seen = || locals.iter().filter(|local| local.start_pc < local.end_pc);
    let mut begins: Vec<_> = seen().map(|local| (local.start_pc as usize, local.register)).collect();
    let mut ends: Vec<_> = seen().map(|local| (local.end_pc as usize, local.register)).collect();
    begins.sort_unstable();
    ends.sort_unstable();
    let (mut begins, mut ends) = (begins.into_iter().peekable(), ends.into_iter().peekable());
    let mut counts = [0_i32; 256];
    let mut current = Registers::default();
    (0..n)
        .map(|pc| {
            let mut change = |r: u8, by: i32| {
                counts[usize::from(r)] += by;
                if counts[usize::from(r)] > 0 { current.add(r) } else { current.remove(r) }
            };
            while let Some((_, r)) = begins.next_if(|(at, _)| *at <= pc) {
                change(r, 1);
            }
            while let Some((_, r)) = ends.next_if(|(at, _)| *at <= pc) {
                change(r, -1);
            }
            current
        })
        .collect()
}

/// The instructions of a function, breakpoints aside.
pub fn instructions_of(code: &[u32]) -> Vec<(usize, I)> {
    let mut all = Vec::with_capacity(code.len());
    let mut pc = 0;
    while let Some(&word) = code.get(pc) {
        let Some(instruction) = I::decode(word & !BREAKPOINT, code.get(pc + 1).copied().unwrap_or(0)) else {
            pc += 1;
            continue;
        };
        all.push((pc, instruction));
        pc += instruction.words();
    }
    debug_assert!(code.iter().any(|word| word & BREAKPOINT != 0) || all.len() == instructions(code).count());
    all
}

fn arrive(block: &mut Block, reached: &mut Option<Phase>, tags: &Tags, from: Phase) -> bool {
    match *reached {
        Some(Phase::Seen) if from == Phase::Rest => false,
        Some(_) => block.tags.meet(tags),
        None => {
            *reached = Some(from);
            block.tags = tags.clone();
            true
        }
    }
}

fn jump_of(pc: usize, instruction: I) -> Option<usize> {
    match instruction {
        I::LoadFalseSkip { .. } => Some(pc + 2),
        _ => instruction.jump_target(pc).map(|target| target as usize),
    }
}

fn falls_through(instruction: I) -> bool {
    !matches!(
        instruction,
        I::Return { .. }
            | I::Return0 {}
            | I::Return1 { .. }
            | I::TailCall { .. }
            | I::Jump { .. }
            | I::Loop { .. }
            | I::LoadFalseSkip { .. }
            | I::TForPrep { .. }
    )
}

/// The registers that an instruction may read.
fn reads(instruction: I) -> Registers {
    let run = |first: u16, count1: u8| match count1 {
        0 => Registers::range(first..u16::MAX),
        _ => Registers::range(first..first + u16::from(count1) - 1),
    };
    let mut read = Registers::default();
    for (operand, register) in instruction.operands() {
        if matches!(operand.kind, Kind::In | Kind::InOut) {
            read.add(register as u8);
        }
    }
    let implied = match instruction {
        I::SetList { a, b, c, .. } => run(u16::from(a) + u16::from(c), b),
        I::Concat { a, b } => Registers::range(u16::from(a)..u16::from(a) + u16::from(b)),
        I::ForPrep { a, .. } | I::ForLoop { a, .. } | I::TForCall { a, .. } => Registers::range(u16::from(a)..u16::from(a) + 3),
        I::TForPrep { a, .. } => Registers::range(u16::from(a)..u16::from(a) + 4),
        I::TForLoop { a, .. } => Registers::range(u16::from(a) + 4..u16::from(a) + 5),
        I::Call { a, b, .. } | I::TailCall { a, b, .. } => run(u16::from(a), 2).or(run(u16::from(a) + 2, b)),
        I::Return { a, b, .. } => run(u16::from(a), b),
        _ => Registers::default(),
    };
    read.or(implied)
}

/// The registers that an instruction sets on every way out.
fn kills(instruction: I) -> Registers {
    match instruction {
        I::TestSet { .. } | I::TForLoop { .. } | I::Method { .. } => Registers::default(),
        // Where the loop ends, its variable does as well.
        I::ForPrep { a, .. } | I::ForLoop { a, .. } => Registers::range(u16::from(a) + 3..u16::from(a) + 4),
        _ => Registers::range(effect::writes(instruction)),
    }
}

struct After {
    is_seen: bool,
    /// What is known where a jump leads, when that is something else than on the way on.
    jump: Option<Box<Tags>>,
}

/// What is known after an instruction, from what is known before.
struct Step<'f, 't> {
    function: &'f Function<'f>,
    seen: Seen,
    tags: &'t mut Tags,
}

impl Step<'_, '_> {
    fn set(&mut self, r: u8, tag: Option<u64>) {
        let is_shared = Registers(self.function.shared).has(r);
        self.tags.set(r, tag.filter(|_| !is_shared));
    }

    fn class(&self, operand: Operand, n: usize) -> Class {
        class(self.function, self.seen, &self.tags, operand, n)
    }

    fn refine(&mut self, operand: Operand, class: Class) {
        if let Operand::Register(r) = operand {
            match class {
                Class::Int => self.set(r, Some(tag::INT)),
                Class::Float => self.set(r, Some(tag::FLOAT)),
                _ => {}
            }
        }
    }

    /// The result of an operation on numbers; `None` when it is not gone through.
    fn numbers(&mut self, x: Operand, y: Operand) -> Option<Form> {
        let (first, second) = (self.class(x, 0), self.class(y, x.registers()));
        let form = form(first, second);
        if matches!(form, Form::Int | Form::Float) {
            self.refine(x, first);
            self.refine(y, second);
        }
        (form != Form::Unseen).then_some(form)
    }

    fn arith(&mut self, a: u8, x: Operand, y: Operand) -> bool {
        let Some(form) = self.numbers(x, y) else { return false };
        let tag = match form {
            Form::Int => Some(tag::INT),
            Form::Float => Some(tag::FLOAT),
            _ => None,
        };
        self.set(a, tag);
        true
    }

    fn negate(&mut self, a: u8, x: Operand) -> bool {
        let class = self.class(x, 0);
        self.refine(x, class);
        let tag = match class {
            Class::Int => Some(tag::INT),
            Class::Float => Some(tag::FLOAT),
            _ => None,
        };
        self.set(a, tag);
        class != Class::Unseen
    }

    fn float(&mut self, a: u8, operands: [Operand; 2]) -> bool {
        let classes = [self.class(operands[0], 0), self.class(operands[1], operands[0].registers())];
        if classes.contains(&Class::Unseen) {
            return false;
        }
        operands.into_iter().zip(classes).for_each(|(operand, class)| self.refine(operand, class));
        self.set(a, Some(tag::FLOAT));
        true
    }

    fn bits(&mut self, a: u8, operands: [Operand; 2]) -> bool {
        let [x, y] = operands;
        if are_integers([self.class(x, 0), self.class(y, x.registers())]) {
            operands.into_iter().for_each(|operand| self.refine(operand, Class::Int));
        }
        self.set(a, Some(tag::INT));
        true
    }

    fn result(&mut self, a: u8) -> bool {
        self.set(a, self.seen.result());
        self.seen.has_result() || self.function.is_final
    }
}

/// Whether operands of a bitwise operation are taken for integers, and not for floats with integer values as well.
pub fn are_integers(classes: [Class; 2]) -> bool {
    classes.into_iter().all(|class| matches!(class, Class::Int | Class::Unseen))
}

/// What is known with another tag of a register.
fn with(function: &Function<'_>, tags: &Tags, r: u8, tag: Option<u64>) -> Box<Tags> {
    let mut changed = Box::new(tags.clone());
    changed.set(r, tag.filter(|_| !Registers(function.shared).has(r)));
    changed
}

/// The class of an operand, which is the `n`th register that the instruction reads.
pub fn class(function: &Function<'_>, seen: Seen, tags: &Tags, operand: Operand, n: usize) -> Class {
    let known = match operand {
        Operand::Constant(value) => Some(value.tag),
        Operand::Register(r) => tags.get(r),
    };
    match known {
        Some(tag::INT) => Class::Int,
        Some(tag::FLOAT) => Class::Float,
        Some(_) => Class::Any,
        None => match seen.operand(n) {
            Class::Unseen if function.is_final => Class::Any,
            class => class,
        },
    }
}

/// The form of a numeric loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopForm {
    /// Start and step are integers.
    Int,
    /// Anything.
    Any,
}

/// How the numeric loop with its registers from `a` on begins.
pub fn loop_form(seen: Seen, tags: &Tags, a: u8) -> LoopForm {
    let is_int = |n: u8| {
        let known = tags.get(a + n);
        known == Some(tag::INT) || known.is_none() && matches!(seen.operand(usize::from(n)), Class::Int | Class::Unseen)
    };
    if is_int(0) && is_int(2) { LoopForm::Int } else { LoopForm::Any }
}

/// Changes `tags` from what is known before an instruction, which `before` is as well, to what is known after it.
fn after(function: &Function<'_>, line: &Line, before: &Tags, tags: &mut Tags) -> After {
    let (pc, instruction) = (line.pc, line.instruction);
    let seen = function.seen.get(pc).copied().unwrap_or_default();
    let mut step = Step { function, seen, tags };
    let reg = Operand::Register;
    let k = |index: u8| Operand::Constant(function.constants[usize::from(index)]);
    let mut jump = None;
    let goes_on = match instruction {
        I::Move { a, b } => {
            step.set(a, before.get(b));
            true
        }
        I::LoadInt { a, .. } | I::Len { a, .. } => {
            step.set(a, Some(tag::INT));
            true
        }
        I::LoadFloat { a, .. } => {
            step.set(a, Some(tag::FLOAT));
            true
        }
        I::LoadK { a, bx } => {
            step.set(a, Some(function.constants[usize::from(bx)].tag));
            true
        }
        I::LoadKX { a, e } => {
            step.set(a, Some(function.constants[e as usize].tag));
            true
        }
        I::LoadNil { a, b } => {
            for r in a..=a.saturating_add(b) {
                step.set(r, Some(tag::NIL));
            }
            true
        }
        I::LoadTrue { a } => {
            step.set(a, Some(tag::TRUE));
            true
        }
        I::LoadFalse { a } | I::LoadFalseSkip { a } => {
            step.set(a, Some(tag::FALSE));
            true
        }
        I::NewTable { a, .. } => {
            step.set(a, Some(tag::TABLE));
            true
        }
        I::Closure { a, .. } => {
            step.set(a, Some(tag::CLOSURE));
            true
        }
        I::Concat { a, .. } => {
            step.tags.forget(Registers::range(effect::writes(instruction)));
            step.set(a, Some(tag::STRING));
            true
        }
        I::GetUpvalue { a, .. } | I::GetUpTable { a, .. } => step.result(a),
        I::GetField { a, b, .. } => {
            step.set(b, Some(tag::TABLE));
            if before.get(b).is_some_and(|known| known != tag::TABLE) {
                step.set(b, before.get(b));
            }
            step.result(a)
        }
        I::GetIndex { a, b, .. } | I::GetInt { a, b, .. } => {
            step.set(b, Some(tag::TABLE));
            step.result(a)
        }
        I::Method { a, b, .. } => {
            step.set(a + 2, before.get(b));
            step.result(a)
        }
        I::Add { a, b, c } | I::Sub { a, b, c } | I::Mul { a, b, c } | I::IDiv { a, b, c } | I::Mod { a, b, c } => {
            step.arith(a, reg(b), reg(c))
        }
        I::AddK { a, b, c } | I::SubK { a, b, c } | I::MulK { a, b, c } | I::IDivK { a, b, c } | I::ModK { a, b, c } => {
            step.arith(a, reg(b), k(c))
        }
        I::KAdd { a, b, c } | I::KSub { a, b, c } | I::KMul { a, b, c } => step.arith(a, k(b), reg(c)),
        I::AddImm { a, b, c } | I::SubImm { a, b, c } => step.arith(a, reg(b), Operand::int(c)),
        I::Neg { a, b } => step.negate(a, reg(b)),
        I::Div { a, b, c } | I::Pow { a, b, c } => step.float(a, [reg(b), reg(c)]),
        I::DivK { a, b, c } | I::PowK { a, b, c } => step.float(a, [reg(b), k(c)]),
        I::KDiv { a, b, c } => step.float(a, [k(b), reg(c)]),
        I::BAnd { a, b, c } | I::BOr { a, b, c } | I::BXor { a, b, c } | I::Shl { a, b, c } | I::Shr { a, b, c } => {
            step.bits(a, [reg(b), reg(c)])
        }
        I::BAndK { a, b, c } | I::BOrK { a, b, c } | I::BXorK { a, b, c } | I::ShlK { a, b, c } | I::ShrK { a, b, c } => {
            step.bits(a, [reg(b), k(c)])
        }
        I::BNot { a, b } => step.bits(a, [reg(b), Operand::int(0)]),
        I::Lt { a, b, .. } | I::Le { a, b, .. } => step.numbers(reg(a), reg(b)).is_some(),
        I::LtImm { a, b, .. } | I::LeImm { a, b, .. } => step.numbers(reg(a), Operand::int(b)).is_some(),
        I::GtImm { a, b, .. } | I::GeImm { a, b, .. } => step.numbers(Operand::int(b), reg(a)).is_some(),
        I::TestSet { a, b, .. } => {
            jump = Some(with(function, before, a, before.get(b)));
            true
        }
        I::ForPrep { a, .. } => {
            let form = loop_form(seen, before, a);
            let mut skipped = before.clone();
            for r in [a, a + 2] {
                let known = (form == LoopForm::Int).then_some(tag::INT);
                step.set(r, known);
                skipped.set(r, step.tags.get(r));
            }
            jump = Some(Box::new(skipped));
            for r in [a + 1, a + 3] {
                step.set(r, (form == LoopForm::Int).then_some(tag::INT));
            }
            true
        }
        I::ForLoop { a, .. } => {
            let is_int = (a..a + 3).all(|r| before.get(r) == Some(tag::INT));
            jump = Some(with(function, before, a + 3, is_int.then_some(tag::INT)));
            true
        }
        I::TForLoop { a, .. } => {
            jump = Some(with(function, before, a + 2, before.get(a + 4)));
            true
        }
        I::Call { a, .. } => {
            step.tags.forget(Registers::range(effect::writes(instruction)));
            for (r, tag) in intrinsic::results(function, seen, instruction).into_iter().flatten() {
                step.set(a + r, Some(tag));
            }
            true
        }
        _ => {
            step.tags.forget(Registers::range(effect::writes(instruction)));
            true
        }
    };
    if !goes_on {
        step.tags.clone_from(before);
        step.tags.forget(Registers::range(effect::writes(instruction)));
    }
    After { is_seen: goes_on, jump }
}
