//! What names stand for, and where the names stand.

use crate::Span;

/// Index of an entity of one [`crate::Analysis`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(pub u32);

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntityKind {
    /// `local x`.
    Local,
    /// `local x <const>`.
    Constant,
    /// `local x <close>`.
    ToBeClosed,
    /// `local function f`.
    LocalFunction,
    /// A parameter, an implicit `self` included.
    Parameter,
    /// A control variable of a `for` loop.
    LoopVariable,
    /// A label.
    Label,
    /// A global variable.
    Global,
    /// A field reached by names from a variable: `M.start`.
    Member,
}

impl EntityKind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            EntityKind::Local => "local",
            EntityKind::Constant => "local constant",
            EntityKind::ToBeClosed => "local to-be-closed variable",
            EntityKind::LocalFunction => "local function",
            EntityKind::Parameter => "parameter",
            EntityKind::LoopVariable => "loop variable",
            EntityKind::Label => "label",
            EntityKind::Global => "global",
            EntityKind::Member => "field",
        }
    }

    /// Whether it lives in one block of one file.
    pub fn is_lexical(self) -> bool {
        !matches!(self, EntityKind::Global | EntityKind::Member)
    }

    /// Whether it may not be assigned to after its declaration.
    pub fn is_read_only(self) -> bool {
        matches!(self, EntityKind::Constant | EntityKind::ToBeClosed)
    }
}

/// Something that has a name.
#[derive(Clone, Debug)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its name, without what it is a field of.
    pub name: String,
    /// What it is a field of.
    pub parent: Option<EntityId>,
    /// Where it is declared, or first assigned if it is a global or a field.
    pub definition: Option<Span>,
    /// The statement of `definition`.
    pub statement: Option<Span>,
    /// Whether a function is what `definition` gives it.
    pub is_function: bool,
    /// How often it is read.
    pub reads: u32,
    /// Steps from a variable to this field.
    pub(crate) depth: u8,
    /// What an implicit `self` stands for.
    pub(crate) alias: Option<EntityId>,
}

/// What a name does with its entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Declares it.
    Declare,
    /// Assigns to it.
    Write,
    /// Reads it (or jumps to it).
    Read,
}

/// A name in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Its bytes.
    pub span: Span,
    /// What it stands for.
    pub entity: EntityId,
    /// What it does there.
    pub role: Role,
}
