//! The opcode of every row of the table, and the row itself as data.
//!
//! What an instruction does is not known here: see the table and the interpreter.

/// The bit of an opcode byte that asks the interpreter to stop before the instruction.
pub const BREAKPOINT: u32 = 0x80;

/// Where in an instruction an operand stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The second byte.
    A,
    /// The third byte.
    B,
    /// The fourth byte.
    C,
    /// The upper half of the first word, unsigned.
    Bx,
    /// The upper half of the first word, signed.
    Sbx,
    /// The 24 bits above the opcode, signed.
    Sj,
    /// The whole extra word.
    E,
    /// The low half of the extra word.
    Cache,
    /// The high half of the extra word.
    Key,
}

impl Field {
    /// The name of the field as the table writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Field::A => "a",
            Field::B => "b",
            Field::C => "c",
            Field::Bx => "bx",
            Field::Sbx => "sbx",
            Field::Sj => "sj",
            Field::E => "e",
            Field::Cache => "cache",
            Field::Key => "key",
        }
    }

    /// Whether the field stands in the extra word.
    pub const fn is_extra(self) -> bool {
        matches!(self, Field::E | Field::Cache | Field::Key)
    }
}

/// What an operand means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A register written.
    Out,
    /// A register read.
    In,
    /// A register read and written.
    InOut,
    /// The first of a run of registers.
    Base,
    /// An upvalue index.
    Up,
    /// The index of a constant of any kind.
    Const,
    /// The index of a number constant.
    Number,
    /// The index of a string constant.
    Key,
    /// The index of a child function.
    Proto,
    /// An unsigned immediate.
    Imm,
    /// A signed immediate.
    SImm,
    /// A count plus one, where 0 means "up to the top".
    Count1,
    /// 0 or 1.
    Flag,
    /// The index of an inline cache.
    Cache,
    /// A signed offset in words from the end of the instruction.
    Jump,
}

impl Kind {
    /// The name of the kind as the table writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Out => "Out",
            Kind::In => "In",
            Kind::InOut => "InOut",
            Kind::Base => "Base",
            Kind::Up => "Up",
            Kind::Const => "Const",
            Kind::Number => "Number",
            Kind::Key => "Key",
            Kind::Proto => "Proto",
            Kind::Imm => "Imm",
            Kind::SImm => "SImm",
            Kind::Count1 => "Count1",
            Kind::Flag => "Flag",
            Kind::Cache => "Cache",
            Kind::Jump => "Jump",
        }
    }
}

/// One operand of an instruction: where it stands and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Where it stands.
    pub field: Field,
    /// What it means.
    pub kind: Kind,
}

impl Operand {
    /// Reads the operand from an instruction's two words.
    pub const fn get(self, first: u32, extra: u32) -> i64 {
        use crate::word;
        let signed = matches!(self.kind, Kind::SImm | Kind::Jump);
        match self.field {
            Field::A if signed => word::a(first) as i8 as i64,
            Field::A => word::a(first) as i64,
            Field::B if signed => word::sb(first) as i64,
            Field::B => word::b(first) as i64,
            Field::C if signed => word::sc(first) as i64,
            Field::C => word::c(first) as i64,
            Field::Bx => word::bx(first) as i64,
            Field::Sbx => word::sbx(first) as i64,
            Field::Sj => word::get_sj(first) as i64,
            Field::E if signed => extra as i32 as i64,
            Field::E => extra as i64,
            Field::Cache => word::cache(extra) as i64,
            Field::Key => word::key(extra) as i64,
        }
    }

    /// Puts the operand into an instruction's two words, whose field must be
    /// zero before; `None` when the value does not fit.
    pub fn put(self, value: i64, first: &mut u32, extra: &mut u32) -> Option<()> {
        let (bits, shift) = match self.field {
            Field::A => (8, 8),
            Field::B => (8, 16),
            Field::C => (8, 24),
            Field::Bx | Field::Sbx => (16, 16),
            Field::Sj => (24, 8),
            Field::E => (32, 0),
            Field::Cache => (16, 0),
            Field::Key => (16, 16),
        };
        let signed = matches!(self.kind, Kind::SImm | Kind::Jump);
        let (low, high) = match signed {
            true => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
            false => (0, (1i64 << bits) - 1),
        };
        if !(low..=high).contains(&value) {
            return None;
        }
        let raw = ((value & ((1i64 << bits) - 1)) as u32) << shift;
        match self.field.is_extra() {
            true => *extra |= raw,
            false => *first |= raw,
        }
        Some(())
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpInfo {
    /// The name in text form.
    pub mnemonic: &'static str,
    /// The operands, in the order of the text form.
    pub operands: &'static [Operand],
    /// The length in words: 1, or 2 with an extra word.
    pub words: u8,
    /// What it does.
    pub doc: &'static str,
}

const fn length(operands: &[Operand]) -> u8 {
    let mut i = 0;
    while i < operands.len() {
        if operands[i].field.is_extra() {
            return 2;
        }
        i += 1;
    }
    1
}

macro_rules! field {
    (a) => {
        Field::A
    };
    (b) => {
        Field::B
    };
    (c) => {
        Field::C
    };
    (bx) => {
        Field::Bx
    };
    (sbx) => {
        Field::Sbx
    };
    (sj) => {
        Field::Sj
    };
    (e) => {
        Field::E
    };
    (cache) => {
        Field::Cache
    };
    (key) => {
        Field::Key
    };
}

macro_rules! define_ops {
    ($($variant:ident $mnemonic:literal ($($field:ident : $kind:ident),*) $doc:literal;)*) => {
        /// The opcode of an instruction.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $doc] $variant,)* }

        impl Op {
            /// Every opcode, in the order of the table.
            pub const ALL: &'static [Op] = &[$(Op::$variant,)*];
        }

        static INFO: &[OpInfo] = &[$({
            const OPERANDS: &[Operand] =
                &[$(Operand { field: field!($field), kind: Kind::$kind },)*];
            OpInfo { mnemonic: $mnemonic, operands: OPERANDS, words: length(OPERANDS), doc: $doc }
        },)*];
    };
}
for_each_instruction!(define_ops);

macro_rules! collect_forms {
    ($($variant:ident $mnemonic:literal $operands:tt $doc:literal;)*) => {
        for_each_quick_form!(define_forms [$($variant)*]);
    };
}
macro_rules! define_forms {
    ([$($op:ident)*] $($form:ident : $general:ident $(+ $second:ident)? $doc:literal;)*) => {
        /// What the opcode byte of running code says, without the breakpoint flag: an instruction of the table, or
        /// a quick form of one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Form {
            $(#[allow(missing_docs)] $op,)*
            $(#[doc = $doc] $form,)*
        }

        impl Form {
            /// Every form: first the instructions in the order of the table, then the quick ones.
            pub const ALL: &'static [Form] = &[$(Form::$op,)* $(Form::$form,)*];

            /// The instruction that this is a form of.
            pub const fn general(self) -> Op {
                match self {
                    $(Form::$op => Op::$op,)*
                    $(Form::$form => Op::$general,)*
                }
            }

            /// The instruction that a form of a pair does as well.
            pub const fn second(self) -> Option<Op> {
                match self {
                    $($(Form::$form => Some(Op::$second),)?)*
                    _ => None,
                }
            }

            /// What a quick form does, as the table says it; `None` for an instruction.
            pub const fn quick_doc(self) -> Option<&'static str> {
                match self {
                    $(Form::$form => Some($doc),)*
                    _ => None,
                }
            }
        }
    };
}
for_each_instruction!(collect_forms);

const _: () = assert!(Form::ALL.len() <= BREAKPOINT as usize);

impl Form {
    /// The form of a byte without the breakpoint flag.
    pub const fn from_byte(byte: u8) -> Option<Form> {
        if (byte as usize) < Form::ALL.len() {
            Some(Form::ALL[byte as usize])
        } else {
            None
        }
    }
}

impl Op {
    /// The opcode of a byte without the breakpoint flag; quick forms have none.
    pub const fn from_byte(byte: u8) -> Option<Op> {
        if (byte as usize) < Op::ALL.len() {
            Some(Op::ALL[byte as usize])
        } else {
            None
        }
    }

    /// The opcode with this name in text form.
    pub fn from_mnemonic(mnemonic: &str) -> Option<Op> {
        Op::ALL
            .iter()
            .copied()
            .find(|op| op.info().mnemonic == mnemonic)
    }

    /// The opcode's row of the table.
    pub const fn info(self) -> &'static OpInfo {
        &INFO[self as usize]
    }

    /// The length of the instruction in words.
    pub fn words(self) -> usize {
        usize::from(self.info().words)
    }
}

/// A number that changes whenever the instruction set does.
pub fn table_hash() -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for info in INFO {
        hash.text(info.mnemonic);
        for operand in info.operands {
            hash.text(operand.field.name());
            hash.text(operand.kind.name());
        }
        hash.text(";");
    }
    hash.0
}

/// The 64-bit FNV-1a hash.
struct Fnv(u64);

impl Fnv {
    fn text(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_names_its_opcode_and_only_its_own() {
        for (i, &op) in Op::ALL.iter().enumerate() {
            assert_eq!(Op::from_byte(i as u8), Some(op));
            assert_eq!(op as usize, i);
            assert_eq!(Op::from_mnemonic(op.info().mnemonic), Some(op));
        }
        assert_eq!(Op::from_byte(Op::ALL.len() as u8), None);
        assert_eq!(Op::from_byte(0x80), None);
    }

    #[test]
    fn a_form_belongs_to_one_instruction() {
        for (i, &form) in Form::ALL.iter().enumerate() {
            assert_eq!((form as usize, Form::from_byte(i as u8)), (i, Some(form)));
            let is_quick = i >= Op::ALL.len();
            assert_eq!(form.general() as usize == i, !is_quick);
            assert!(is_quick || form.second().is_none());
            assert_eq!(crate::word::op(i as u32 | 0x8102_0380), Some(form.general()));
        }
        assert_eq!(Form::from_byte(Form::ALL.len() as u8), None);
    }

    #[test]
    fn operands_of_one_instruction_do_not_overlap() {
        for &op in Op::ALL {
            let (mut first_used, mut extra_used) = (op as u32 | 0xff, 0);
            for operand in op.info().operands {
                let ones = if matches!(operand.kind, Kind::SImm | Kind::Jump) {
                    -1
                } else {
                    match operand.field {
                        Field::A | Field::B | Field::C => 0xff,
                        Field::E => 0xffff_ffff,
                        _ => 0xffff,
                    }
                };
                let (mut first, mut extra) = (0, 0);
                operand.put(ones, &mut first, &mut extra).unwrap();
                assert_eq!(first & first_used, 0, "{op:?}");
                assert_eq!(extra & extra_used, 0, "{op:?}");
                assert_eq!(operand.get(first, extra), ones);
                first_used |= first;
                extra_used |= extra;
            }
        }
    }
}
