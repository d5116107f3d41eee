//! Tables that are made: constructors.

use super::arith::Operand;
use super::{BLACK, tag_of};
use crate::encode::x64;
use crate::function::Assembler;
use crate::offset::{ABSENT_EVENTS, ARRAY, ARRAY_CAP, ARRAY_LEN, HASH, MARK, META, PROPS, PROPS_CAP, SHAPE};
use crate::registers::Registers;
use crate::state::Join;
use dynasmrt::{DynamicLabel, DynasmApi, DynasmLabelApi};
use perilune_isa::instruction::Instruction;
use perilune_vm::tier::assist::{self, Assist};
use perilune_vm::tier::layout;
use perilune_vm::value::tag;

/// So many items at a time are stored in place.
const MAX_ITEMS: u8 = 8;

/// Whether a constructor's instruction does without the machine as a rule.
pub fn is_in_place(instruction: Instruction) -> bool {
    match instruction {
        Instruction::NewTable { b, e, .. } => layout::new_table(e, u32::from(b)).is_some(),
        Instruction::SetList { b, .. } => are_few(b),
        _ => false,
    }
}

/// Whether `b - 1` items are stored in place; with 0 it is not known how many there are.
fn are_few(b: u8) -> bool {
    (2..=MAX_ITEMS + 1).contains(&b)
}

impl Assembler<'_> {
    /// `r[a]` = a table with room for so many items and properties.
    pub fn new_table(&mut self, a: u8, n_props: u8, n_items: u32) {
        let Some(new) = layout::new_table(n_items, u32::from(n_props)) else {
            self.assisted(assist::new_table, Registers::default(), Some(a + 1));
            self.forget(a);
            return self.learn(a, tag::TABLE);
        };
        let (slow, join, free) = (self.asm.new_dynamic_label(), self.join(), new.free as i32);
        x64!(self.asm
            ; mov rdx, [r12 + layout::DEBT as i32]
            ; add rdx, new.size as i32
            ; cmp rdx, [r12 + layout::HEADROOM as i32]
            ; jge =>slow
            ; mov rdi, [r12 + free]
            ; test rdi, rdi
            ; jz =>slow
            ; mov rcx, [rdi + layout::NEXT_FREE as i32]
            ; prefetcht0 [rcx]
            ; mov [r12 + free], rcx
            ; mov [r12 + layout::DEBT as i32], rdx
            ; movzx ecx, BYTE [r12 + layout::WHITE as i32]
            ; shl ecx, 8
            ; or ecx, new.head as i32
            ; mov [rdi], ecx
            ; mov DWORD [rdi + SHAPE], new.shape as i32
            ; xor ecx, ecx
        );
        for (field, behind) in [(ARRAY, new.array), (PROPS, new.props)] {
            match behind {
                0 => x64!(self.asm ; mov [rdi + field], rcx),
                behind => x64!(self.asm ; lea rdx, [rdi + behind as i32] ; mov [rdi + field], rdx),
            }
        }
        x64!(self.asm
            ; mov [rdi + ARRAY_LEN], ecx
            ; mov DWORD [rdi + ARRAY_CAP], n_items as i32
            ; mov [rdi + META], rcx
            ; mov [rdi + HASH], rcx
            ; mov DWORD [rdi + PROPS_CAP], i32::from(n_props)
            ; mov [rdi + ABSENT_EVENTS], ecx
        );
        self.assisted_aside(slow, assist::new_table, Some(a + 1), join);
        let target = self.general_target(a, tag::TABLE);
        x64!(self.asm ; mov Rq(target), rdi);
        self.define(a, tag::TABLE);
        self.collect_if_due(Some(a + 1));
        self.bind_join(join);
    }

    /// In cold code at `slow`: the machine does the instruction, as [`Assembler::assisted`], and the code goes on at the join.
    fn assisted_aside(&mut self, slow: DynamicLabel, assist: Assist, live: Option<u8>, join: Join) {
        self.put_off(move |this| {
            x64!(this.asm ; =>slow);
            this.spill();
            let stepped = this.stepped();
            this.assist(assist, stepped);
            this.collect_if_due(live);
            this.rejoin(join);
        });
    }

    /// The values from `r[a + c]` on, `b - 1` or up to the top, become the items behind number `start` of the table `r[a]`.
    pub fn set_list(&mut self, a: u8, b: u8, c: u8, start: u32) {
        let is_known = are_few(b) && self.tag(a) == Some(tag::TABLE) && start < 1 << 16;
        if !is_known {
            return self.assisted(assist::set_list, Registers::default(), None);
        }
        let (n, start, join, slow) = (b - 1, start as i32, self.join(), self.asm.new_dynamic_label());
        let (table, last) = (self.peek(a), a + c + n - 1);
        self.load_general(0, table);
        x64!(self.asm
            ; cmp DWORD [rax + ARRAY_LEN], start
            ; jne =>slow
            ; cmp DWORD [rax + ARRAY_CAP], start + i32::from(n)
            ; jb =>slow
            ; cmp QWORD [rax + HASH], 0
            ; jne =>slow
            ; test BYTE [rax + MARK], BLACK
            ; jnz =>slow
        );
        // Nils at the end are no items.
        match self.tag(last) {
            Some(tag::NIL) => x64!(self.asm ; jmp =>slow),
            Some(_) => {}
            None => x64!(self.asm ; cmp TAG [rbx + tag_of(last)], tag::NIL ; je =>slow),
        }
        x64!(self.asm ; mov rsi, [rax + ARRAY]);
        for i in 0..n {
            let at = start + i32::from(i);
            self.load_value(Operand::Register(a + c + i));
            x64!(self.asm ; mov [rsi + at * 8], rcx ; mov [rsi - 1 - at], dl);
        }
        x64!(self.asm ; mov DWORD [rax + ARRAY_LEN], start + i32::from(n));
        self.assisted_aside(slow, assist::set_list, None, join);
        self.bind_join(join);
    }
}
