//! What is known about an expression whose value is not in a register yet.

/// Head of a list of jumps that wait for their target.
///
/// The list is threaded through the operands of the waiting jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jumps(pub(crate) u32);

impl Jumps {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Where a value is, or how to get it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Empty expression list.
    Void,
    Nil,
    True,
    False,
    Int(i64),
    Float(f64),
    /// String constant of the function, by index.
    K(u32),
    /// In a register for good.
    Reg(u8),
    /// A local variable: its register and its place among the active ones.
    Local(u8, u16),
    Upvalue(u8),
    Indexed { table: u8, key: u8 },
    IndexUpvalue { upvalue: u8, key: u16 },
    IndexInt { table: u8, key: u8 },
    IndexField { table: u8, key: u16 },
    /// A comparison that jumps when it holds.
    Jump(u32),
    /// An instruction whose destination is open.
    Open(u32),
    Call(u32),
    Vararg(u32),
}

/// An expression under construction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exp {
    pub(crate) kind: Kind,
    /// Jumps that leave when the value is true.
    pub(crate) on_true: Jumps,
    /// Jumps that leave when the value is false.
    pub(crate) on_false: Jumps,
}

impl Exp {
    pub(crate) const VOID: Self = Self::new(Kind::Void);

    pub(crate) const fn new(kind: Kind) -> Self {
        Self { kind, on_true: Jumps::NONE, on_false: Jumps::NONE }
    }

    pub(crate) fn has_jumps(&self) -> bool {
        self.on_true != self.on_false
    }

    pub(crate) fn is_multi(&self) -> bool {
        matches!(self.kind, Kind::Call(_) | Kind::Vararg(_))
    }

    pub(crate) fn is_numeral(&self) -> bool {
        !self.has_jumps() && matches!(self.kind, Kind::Int(_) | Kind::Float(_))
    }

    /// The integer of a numeral that fits a signed byte.
    pub(crate) fn small_integer(&self) -> Option<i8> {
        match self.kind {
            Kind::Int(i) if !self.has_jumps() => i8::try_from(i).ok(),
            _ => None,
        }
    }

    /// As [`Exp::small_integer`], for equality: `1.0` is as good as `1`.
    pub(crate) fn small_number(&self) -> Option<i8> {
        match self.kind {
            Kind::Float(f) if !self.has_jumps() && f.fract() == 0.0 && f.abs() < 128.0 => Some(f as i8),
            _ => self.small_integer(),
        }
    }
}
