//! A compiled function: code, constants, children, and what a debugger needs.
//!
//! A `Proto` makes no promise about its contents; `Verified` does.

use std::sync::Arc;

/// A constant of a function.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Const {
    /// `nil`.
    #[default]
    Nil,
    /// `false`.
    False,
    /// `true`.
    True,
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(Arc<[u8]>),
}

/// Where a closure finds one of its upvalues when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpvalueDesc {
    /// The variable's name.
    pub name: Arc<[u8]>,
    /// Whether it is a register of the enclosing function, rather than one of its upvalues.
    pub in_stack: bool,
    /// The register or the upvalue index.
    pub index: u8,
    /// Whether the variable is never assigned after its declaration.
    pub is_const: bool,
}

/// A local variable and where it is visible.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalVar {
    /// The variable's name.
    pub name: Arc<[u8]>,
    /// Its register.
    pub register: u8,
    /// The first word where it is active.
    pub start_pc: u32,
    /// The first word where it is no longer active.
    pub end_pc: u32,
}

impl LocalVar {
    /// Whether the variable is active at the instruction at `pc`.
    pub fn is_active(&self, pc: usize) -> bool {
        (self.start_pc as usize) <= pc && pc < self.end_pc as usize
    }
}

/// A compile-time constant (`local x <const> = 1`) and where it is visible. No instruction needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedConst {
    /// Its name.
    pub name: Arc<[u8]>,
    /// Its value.
    pub value: Const,
    /// Whether a function around this one declares it.
    pub is_outer: bool,
    /// The first word where it is visible.
    pub start_pc: u32,
    /// The first word where it is no longer visible.
    pub end_pc: u32,
}

impl NamedConst {
    /// Whether the constant is visible at the instruction at `pc`.
    pub fn is_active(&self, pc: usize) -> bool {
        (self.start_pc as usize) <= pc && pc < self.end_pc as usize
    }
}

/// A compiled function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Proto {
    /// The instruction words.
    pub code: Vec<u32>,
    /// The source line of each word, or nothing when stripped.
    pub lines: Vec<u32>,
    /// The constants.
    pub constants: Vec<Const>,
    /// The functions defined directly inside this one.
    pub children: Vec<Proto>,
    /// The upvalues.
    pub upvalues: Vec<UpvalueDesc>,
    /// The local variables, in order of declaration.
    pub locals: Vec<LocalVar>,
    /// The compile-time constants that are declared here, and those of enclosing functions that are used here.
    pub named: Vec<NamedConst>,
    /// The number of fixed parameters.
    pub params: u8,
    /// Whether extra arguments are accepted.
    pub is_vararg: bool,
    /// The number of registers, from 2 to 250.
    pub max_stack: u8,
    /// The number of inline caches.
    pub caches: u16,
    /// The line where the definition begins; 0 for a main function.
    pub line_defined: u32,
    /// The line where the definition ends.
    pub last_line: u32,
    /// The bytes of the definition in the source.
    pub span: (u32, u32),
    /// The path of the definition (`M.start`, `outer/helper`); empty for a main function.
    pub name: Arc<[u8]>,
    /// The chunk name as given to `load`: `@file`, `=name` or the text.
    pub source: Arc<[u8]>,
}

/// A main function: vararg, with `_ENV` as its only upvalue.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk(pub Proto);
