//! Which registers of a function have a machine register of their own.
//!
//! A home holds a value between instructions, while the tag is known. Registers that hold integers or objects have
//! homes among the general registers, those that hold floats among the others; one that holds both may have two.

use crate::flow::Flow;
use crate::registers::Registers;
use perilune_isa::op::Kind;
use perilune_vm::tier::Function;
use perilune_vm::value::tag;

/// General registers that are homes: `rbp`, `r15`, `r14`, `r11` … `r8`. The first three outlast calls of the machine's
/// functions, but nothing relies on that.
const GENERAL: [u8; 7] = [5, 15, 14, 11, 10, 9, 8];
/// Vector registers that are homes: `xmm4` … `xmm15`.
const VECTOR: [u8; 12] = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The homes of a function.
pub struct Homes {
    general: [u8; 256],
    vector: [u8; 256],
}

const NONE: u8 = u8::MAX;

/// A machine register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A general one.
    General(u8),
    /// A vector register.
    Vector(u8),
}

impl Homes {
    /// Gives homes to the registers that are used most.
    pub fn new(function: &Function<'_>, flow: &Flow<'_>) -> Homes {
        let (mut general, mut vector) = ([0u32; 256], [0u32; 256]);
        let mut count = |tag: Option<u64>, r: u8, weight: u32| {
            let counts = match tag {
                Some(tag::FLOAT) => &mut vector,
                Some(tag::INT | tag::TABLE) => &mut general,
                _ => return,
            };
            counts[usize::from(r)] = counts[usize::from(r)].saturating_add(weight);
        };
        flow.each_with_tags(|pc, instruction, before, after| {
            let weight = 1 << (3 * flow.depth(pc).min(6));
            for (operand, register) in instruction.operands() {
                let r = register as u8;
                match operand.kind {
                    Kind::In => count(after.and_then(|tags| tags.get(r)).or(before.get(r)), r, weight),
                    Kind::Out => count(after.and_then(|tags| tags.get(r)), r, weight),
                    Kind::Base if instruction.op() == perilune_isa::Op::ForLoop => {
                        // What else the loop keeps is read or written once in a round.
                        count(before.get(r + 1), r + 1, weight / 2);
                        count(before.get(r + 3), r + 3, weight);
                    }
                    _ => {}
                }
            }
        });
        let shared = Registers(function.shared);
        Homes { general: choose(&general, &GENERAL, shared), vector: choose(&vector, &VECTOR, shared) }
    }

    /// The home of a register for values with a tag.
    pub fn of(&self, r: u8, tag: u64) -> Option<Home> {
        match tag {
            tag::FLOAT => some(self.vector[usize::from(r)]).map(Home::Vector),
            tag::INT | tag::TABLE => some(self.general[usize::from(r)]).map(Home::General),
            _ => None,
        }
    }
}

fn some(home: u8) -> Option<u8> {
    (home != NONE).then_some(home)
}

/// Gives the homes to the registers with the highest counts, of those that are used more than once.
fn choose(counts: &[u32; 256], homes: &[u8], shared: Registers) -> [u8; 256] {
    let mut used: Vec<u8> = (0..=255u8).filter(|r| counts[usize::from(*r)] > 1 && !shared.has(*r)).collect();
    used.sort_by_key(|r| std::cmp::Reverse(counts[usize::from(*r)]));
    let mut chosen = [NONE; 256];
    for (r, home) in used.into_iter().zip(homes) {
        chosen[usize::from(r)] = *home;
    }
    chosen
}
