//! The compact tree that the compiler reads.
//!
//! Nodes live in arenas and refer to each other by index, lists of nodes are
//! ranges of pools: a tree costs a few allocations, whatever its size, and one
//! of any depth is dropped without recursion. Nothing here is resolved: names are
//! names, scopes are the compiler's business. Comments and white space are in
//! the lossless tree, not here.
#![allow(missing_docs)] // fields of statement and expression variants speak for themselves

pub use crate::intern::Strings;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;

/// Index of an expression in [`Ast::exprs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// Index of a byte string in [`Ast::strings`]; equal strings have equal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StrId(pub u32);

/// Index of a function body in [`Ast::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// A range of bytes in the source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A name and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// The text of the name.
    pub text: StrId,
    /// Line of the name, from 1.
    pub line: u32,
    /// Bytes of the name.
    pub span: Span,
}

/// A list of nodes, side by side in a pool of the tree: `ast[list]` is the slice.
pub struct List<T> {
    pub(crate) start: u32,
    pub(crate) len: u32,
    pub(crate) items: PhantomData<fn() -> T>,
}

impl<T> List<T> {
    /// The list without items.
    pub const EMPTY: List<T> = List { start: 0, len: 0, items: PhantomData };

    /// How many items there are.
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> List<T> {
        *self
    }
}

impl<T> Copy for List<T> {}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List::EMPTY
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}; {}]", self.start, self.len)
    }
}

/// A whole chunk.
#[derive(Debug, Default)]
pub struct Ast {
    /// Expressions; an operand stands before the expression that uses it.
    pub exprs: Vec<ExprNode>,
    /// Function bodies. The last one is the main function (a vararg function
    /// without parameters).
    pub functions: Vec<Function>,
    /// Distinct byte strings: names and string constants, escapes decoded.
    pub strings: Strings,
    /// The lists of nodes.
    pub pools: Pools,
}

/// The items of all lists, by type.
#[derive(Debug, Default)]
pub struct Pools {
    pub(crate) ids: Vec<ExprId>,
    pub(crate) stats: Vec<Stat>,
    pub(crate) names: Vec<Name>,
    pub(crate) bindings: Vec<(Name, Attrib)>,
    pub(crate) arms: Vec<(ExprId, Block)>,
    pub(crate) fields: Vec<TableField>,
}

/// What lists are made of.
pub trait Item: Copy {
    /// Where items of this type are.
    fn pool(pools: &Pools) -> &Vec<Self>;
    /// Where items of this type go.
    fn pool_mut(pools: &mut Pools) -> &mut Vec<Self>;
}

macro_rules! items {
    ($($item:ty: $pool:ident,)*) => {$(
        impl Item for $item {
            fn pool(pools: &Pools) -> &Vec<Self> {
                &pools.$pool
            }

            fn pool_mut(pools: &mut Pools) -> &mut Vec<Self> {
                &mut pools.$pool
            }
        }
    )*};
}

items! {
    ExprId: ids,
    Stat: stats,
    Name: names,
    (Name, Attrib): bindings,
    (ExprId, Block): arms,
    TableField: fields,
}

impl<T: Item> Index<List<T>> for Ast {
    type Output = [T];

    fn index(&self, list: List<T>) -> &[T] {
        &T::pool(&self.pools)[list.start as usize..][..list.len as usize]
    }
}

/// A function body.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Parameters; a method's `self` is included, as its first parameter.
    pub params: List<Name>,
    /// Whether the parameter list ends with `...`.
    pub is_vararg: bool,
    /// The statements.
    pub body: Block,
    /// Line of the `function` keyword (0 for the main function).
    pub line: u32,
    /// Line of the `end` keyword (0 for the main function).
    pub end_line: u32,
    /// Whether it has its `end`; never for the main function.
    pub is_closed: bool,
    /// Bytes from the `function` keyword to its `end`.
    pub span: Span,
}

/// A sequence of statements.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    /// The statements in order; a `return` is the last, if there is one.
    pub stats: List<Stat>,
    /// Line of the token before the block (`then`, `do`, `)` ...).
    pub first_line: u32,
    /// Line of the last token of the block, or of the one before it when it is empty.
    pub last_line: u32,
    /// Line of the token that ends the block (`end`, `else`, `until`, end of text ...).
    pub end_line: u32,
}

/// A statement with its place.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    /// What it is.
    pub kind: StatKind,
    /// Line of its first token.
    pub line: u32,
    /// Bytes of the statement.
    pub span: Span,
}

/// Attribute of a local variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attrib {
    /// None.
    None,
    /// `<const>`.
    Const,
    /// `<close>`.
    Close,
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub enum StatKind {
    /// `local a <attr>, b = e, ...`. Unknown attributes are syntax-phase errors.
    Local { names: List<(Name, Attrib)>, values: List<ExprId> },
    /// `local function name body`.
    LocalFunction { name: Name, function: FunctionId },
    /// `function a.b:c body`; `target` is a `Name` or `Field` expression.
    Function { target: ExprId, is_method: bool, function: FunctionId },
    /// `a, b.c = e, ...`.
    Assign { targets: List<ExprId>, values: List<ExprId> },
    /// A call as a statement: a `Call` or `Method` expression.
    Call(ExprId),
    /// `do ... end`.
    Do(Block),
    /// `while cond do ... end`.
    While { cond: ExprId, body: Block },
    /// `repeat ... until cond`; `cond_line` is the line of `until`.
    Repeat { body: Block, cond: ExprId, cond_line: u32 },
    /// `if ... then ... elseif ... else ... end`, arms in order.
    If { arms: List<(ExprId, Block)>, otherwise: Option<Block> },
    /// `for name = start, limit, step do ... end`.
    NumericFor { name: Name, start: ExprId, limit: ExprId, step: Option<ExprId>, body: Block },
    /// `for names in exprs do ... end`.
    GenericFor { names: List<Name>, exprs: List<ExprId>, body: Block },
    /// `return e, ...`.
    Return(List<ExprId>),
    /// `break`.
    Break,
    /// `goto label`.
    Goto(Name),
    /// `::label::`.
    Label(Name),
}

/// An expression with its place.
#[derive(Clone, Copy, Debug)]
pub struct ExprNode {
    /// What it is.
    pub kind: Expr,
    /// The line PUC Lua gives to the instructions of this expression: of the operator for
    /// operators, of the opening parenthesis (or argument) for calls, of the key for
    /// fields, of the token itself for all else.
    pub line: u32,
    /// Bytes of the expression.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub enum Expr {
    /// `nil`.
    Nil,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `...`.
    Vararg,
    /// An integer numeral.
    Int(i64),
    /// A float numeral.
    Float(f64),
    /// A string constant.
    Str(StrId),
    /// A name, local or global.
    Name(StrId),
    /// `object.name`.
    Field { object: ExprId, name: Name },
    /// `object[key]`.
    Index { object: ExprId, key: ExprId },
    /// `callee(args)`.
    Call { callee: ExprId, args: List<ExprId> },
    /// `object:name(args)`.
    Method { object: ExprId, name: Name, args: List<ExprId> },
    /// `function ... end`.
    Function(FunctionId),
    /// `lhs op rhs`, `and` and `or` included.
    Binary { op: BinaryOp, lhs: ExprId, rhs: ExprId },
    /// `op operand`.
    Unary { op: UnaryOp, operand: ExprId },
    /// `(inner)`: truncates multiple results to one.
    Paren(ExprId),
    /// `{ ... }`; `end_line` is the line of the closing brace.
    Table { fields: List<TableField>, end_line: u32 },
}

/// An item of a table constructor.
#[derive(Clone, Copy, Debug)]
pub enum TableField {
    /// `value`.
    Item(ExprId),
    /// `name = value`.
    Named(Name, ExprId),
    /// `[key] = value`.
    Keyed(ExprId, ExprId),
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add, Sub, Mul, Div, IDiv, Mod, Pow, BAnd, BOr, BXor, Shl, Shr, Concat,
    Eq, Ne, Lt, Le, Gt, Ge, And, Or,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg, Not, Len, BNot,
}
