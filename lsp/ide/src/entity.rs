//! What names stand for, and where the names stand.

use crate::Span;
use std::sync::Arc;

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
    /// A value without a name: what a function returns, what a call results in.
    Value,
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
            EntityKind::Value => "value",
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

/// Where the value of an entity comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `require "name"`.
    Module(Arc<str>),
    /// The value of another entity.
    Same(EntityId),
    /// What a call of another entity results in.
    Call(EntityId),
    /// A table with this metatable: its fields are those of the `__index` there.
    Instance(EntityId),
}

/// How a function is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Names of the parameters; an implicit `self` is not among them.
    pub params: Vec<String>,
    /// Whether `...` follows them.
    pub is_vararg: bool,
    /// Whether it was defined with a colon.
    pub is_method: bool,
}

impl Signature {
    /// All parameters, `...` included.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(String::as_str).chain(self.is_vararg.then_some("..."))
    }

    /// `(a, b, ...)`.
    pub fn text(&self) -> String {
        format!("({})", self.labels().collect::<Vec<_>>().join(", "))
    }
}

/// Something that has a name, or could have one.
#[derive(Clone, Debug)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its name, without what it is a field of. Equal names of a file share their text.
    pub name: Arc<str>,
    /// What it is a field of.
    pub parent: Option<EntityId>,
    /// Where it is declared, or first assigned if it is a global or a field.
    pub definition: Option<Span>,
    /// The statement of `definition`.
    pub statement: Option<Span>,
    /// How it is called, if a function is what it was given.
    pub signature: Option<Box<Signature>>,
    /// Where its value comes from, as far as one can tell.
    pub origin: Option<Origin>,
    /// Its metatable: fields that it lacks are looked for in that one's `__index`.
    pub metatable: Option<EntityId>,
    /// What a call of it results in.
    pub result: Option<EntityId>,
    /// How often it is read.
    pub reads: u32,
    /// Steps from a variable to this field.
    pub(crate) depth: u8,
    /// What an implicit `self` stands for.
    pub(crate) alias: Option<EntityId>,
}

impl Entity {
    /// Whether a function is what it was given.
    pub fn is_function(&self) -> bool {
        self.signature.is_some()
    }
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
