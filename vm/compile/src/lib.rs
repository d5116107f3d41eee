//! From Lua source to verified-shape bytecode, in one pass over the tree.
//!
//! Knows no heap and runs nothing. Follows PUC Lua's code generator in what can
//! be observed: evaluation order, lines, messages, limits.

mod chunk_id;
mod error;
mod exp;
mod fold;
mod constants;
mod function;
mod code;
mod discharge;
mod operator;
mod label;
mod text;
mod resolve;
mod naming;
mod expr;
mod stat;
mod control;
mod finish;

pub use chunk_id::chunk_id;
pub use perilune_syntax::ast;
pub use error::{CompileError, Next, SemanticError};

use error::Result;
use exp::{Exp, Kind};
use function::{Function, Upvalue, VarKind};
use perilune_isa::{Chunk, Op, Proto, word};
use perilune_syntax::{Parsed, SyntaxError, SyntaxKind, token_from};
use perilune_syntax::ast::{Ast, ExprId, ExprNode, FunctionId, Span, Stat, StatKind, StrId};
use std::sync::Arc;
use text::{BREAK, ENV, FOR_STATE, Shared, text};

/// The parser's error for nesting, which PUC Lua raises as an error of `load` itself: without a place.
const TOO_DEEP: &str = "C stack overflow";

/// The whole message when the caller did not want to go on.
pub const INTERRUPTED: &[u8] = b"interrupted!";

/// Statements between two questions whether to go on.
const STATEMENTS: usize = 256;

/// The tree of a text that is one expression, and its root; `None` when it is anything else.
pub fn expression(text: &[u8]) -> Option<(Ast, ExprId)> {
    let Parsed { ast, errors, .. } = perilune_syntax::parse(&[b"return ", text, b"\n"].concat());
    let [main] = ast.functions[..] else { return None };
    let (true, [Stat { kind: StatKind::Return(values), .. }]) = (errors.is_empty(), &ast[main.body.stats]) else { return None };
    let [root] = ast[*values] else { return None };
    Some((ast, root))
}

/// Compiles a source text. `chunk_name` is as given to `load`.
///
/// # Errors
/// The first thing that is wrong with the text, as PUC Lua words it.
pub fn compile(source: &[u8], chunk_name: &[u8]) -> std::result::Result<Chunk, CompileError> {
    compile_parsed(source, chunk_name, &perilune_syntax::parse(source), &mut |_| true)
}

/// As [`compile`], inside of so many calls that count against the limit of nesting. `keep_going` is told now
/// and then how many tokens or statements were dealt with, and says whether to go on.
///
/// # Errors
/// As [`compile`], and [`INTERRUPTED`].
pub fn compile_while(
    source: &[u8],
    chunk_name: &[u8],
    levels: u32,
    keep_going: &mut dyn FnMut(usize) -> bool,
) -> std::result::Result<Chunk, CompileError> {
    let parsed = perilune_syntax::parse_while(source, levels, keep_going);
    if parsed.is_interrupted {
        return Err(CompileError { message: INTERRUPTED.into() });
    }
    compile_parsed(source, chunk_name, &parsed, keep_going)
}

fn compile_parsed(
    source: &[u8],
    chunk_name: &[u8],
    parsed: &Parsed,
    keep_going: &mut dyn FnMut(usize) -> bool,
) -> std::result::Result<Chunk, CompileError> {
    let wrong = parsed.errors.iter().min_by_key(|e| e.span.start);
    match (compile_ast_while(&parsed.ast, chunk_name, keep_going), wrong) {
        (Ok(chunk), None) => Ok(chunk),
        (Err(error), wrong) if wrong.is_none_or(|wrong| is_before(&error, wrong)) => {
            let (line, near) = place(source, &error);
            Err(located(chunk_name, line, &format!("{}{near}", error.message)))
        }
        (_, Some(wrong)) => Err(located(chunk_name, wrong.line, &wrong.message)),
        (Err(error), None) => Err(located(chunk_name, error.line, &error.message)),
    }
}

/// Whether PUC Lua, which reads the text once, comes to the one error before the other. The tree is exact up to
/// the first syntax error.
fn is_before(error: &SemanticError, wrong: &SyntaxError) -> bool {
    let (Next::Known(at) | Next::Line(at) | Next::LineBehindEmpty(at) | Next::Near(at)) = error.next;
    // A name that is missing is the parser's to report; and nesting takes more registers here than in PUC Lua.
    at <= wrong.span.start && error.span.start < error.span.end && wrong.message != TOO_DEEP
}

/// The line an error is reported on, and which token the message names.
fn place(source: &[u8], error: &SemanticError) -> (u32, String) {
    let no_kind = |_| false;
    match error.next {
        Next::Known(_) => (error.line, String::new()),
        Next::Line(at) => (token_from(source, at, no_kind).line, String::new()),
        Next::LineBehindEmpty(at) => {
            (token_from(source, at, |kind| kind == SyntaxKind::Semicolon).line, String::new())
        }
        Next::Near(at) => {
            let token = token_from(source, at, no_kind);
            (token.line, token.near.map(|near| format!(" near {near}")).unwrap_or_default())
        }
    }
}

fn located(chunk_name: &[u8], line: u32, message: &str) -> CompileError {
    if message == TOO_DEEP || message.as_bytes() == INTERRUPTED {
        return CompileError { message: message.into() };
    }
    let text = format!(":{line}: {message}");
    CompileError { message: [chunk_id(chunk_name).as_slice(), text.as_bytes()].concat() }
}

/// Compiles a tree without syntax errors.
///
/// # Errors
/// The first violation of a rule about scopes, labels or limits.
pub fn compile_ast(ast: &Ast, chunk_name: &[u8]) -> std::result::Result<Chunk, SemanticError> {
    compile_ast_while(ast, chunk_name, &mut |_| true)
}

fn compile_ast_while(
    ast: &Ast,
    chunk_name: &[u8],
    keep_going: &mut dyn FnMut(usize) -> bool,
) -> std::result::Result<Chunk, SemanticError> {
    let env_name = ast.strings.find(b"_ENV").unwrap_or(ENV);
    let mut compiler = Compiler {
        ast,
        texts: Shared::new(ast),
        source: chunk_name.into(),
        f: Box::new(Function::new(0, Arc::default())),
        enclosing: Vec::new(),
        spare: Vec::new(),
        keep_going,
        statements: 0,
        spine: Vec::new(),
        path: Vec::new(),
        hint: None,
        env_name,
        break_name: BREAK,
    };
    compiler.f.upvalues.push(Upvalue { name: env_name, in_stack: true, index: 0, read_only: false });
    let main = FunctionId(ast.functions.len().saturating_sub(1) as u32);
    compiler.body(main).map(Chunk).map_err(|error| *error)
}

/// The compiler: the function that is being made, and those around it.
struct Compiler<'a> {
    ast: &'a Ast,
    texts: Shared<'a>,
    source: Arc<[u8]>,
    f: Box<Function>,
    enclosing: Vec<Box<Function>>,
    /// Finished ones, for their storage.
    spare: Vec<Box<Function>>,
    /// Told of each statement; says whether to go on.
    keep_going: &'a mut dyn FnMut(usize) -> bool,
    /// Statements since it was asked.
    statements: usize,
    /// Expressions whose left operand is being compiled.
    spine: Vec<ExprId>,
    /// The path of the function that is named now.
    path: Vec<u8>,
    /// The name of the function or table that is compiled next.
    hint: Option<Vec<u8>>,
    env_name: StrId,
    break_name: StrId,
}

impl<'a> Compiler<'a> {
    fn node(&self, id: ExprId) -> &'a ExprNode {
        &self.ast.exprs[id.0 as usize]
    }

    fn lossy(&self, id: StrId) -> String {
        String::from_utf8_lossy(text(self.ast, id)).into_owned()
    }

    /// The token that is dealt with now.
    fn at(&mut self, line: u32, span: Span) {
        self.f.line = line;
        self.f.span = span;
    }

    fn closure(&mut self, id: FunctionId) -> Result<Exp> {
        let body = &self.ast.functions[id.0 as usize];
        let hint = self.hint.take();
        let name = self.nested_name(hint.as_deref());
        let inner = match self.spare.pop() {
            Some(mut spare) => {
                spare.renew(body.line, name);
                spare
            }
            None => Box::new(Function::new(body.line, name)),
        };
        self.enclosing.push(std::mem::replace(&mut self.f, inner));
        let proto = self.body(id)?;
        self.f.line = body.end_line;
        self.f.span = body.span;
        let Ok(index) = u16::try_from(self.f.children.len()) else {
            return self.f.limit("functions", 65_536);
        };
        self.f.children.push(proto);
        let mut closure = Exp::new(Kind::Open(self.f.emit(word::abx(Op::Closure, 0, index))));
        // On top of all registers in use, so that the collector knows which are dead.
        self.f.to_next(&mut closure)?;
        Ok(closure)
    }

    /// Compiles the body of the current function and returns to the enclosing one.
    fn body(&mut self, id: FunctionId) -> Result<Proto> {
        let body = &self.ast.functions[id.0 as usize];
        self.f.enter(false);
        for param in &self.ast[body.params] {
            self.f.span = param.span;
            self.f.activate(param.text, VarKind::Regular)?;
        }
        self.f.reserve(body.params.len())?;
        if body.is_vararg {
            self.f.emit(word::abc(Op::VarargPrep, body.params.len() as u8, 0, 0));
        }
        self.statements(body.body)?;
        self.f.line = if body.line == 0 { body.body.last_line } else { body.body.end_line };
        if let Some(goto) = self.f.gotos.first() {
            let next = if body.is_closed { Next::Line(body.span.end) } else { Next::Known(u32::MAX) };
            return Err(label::undefined(goto, self.ast, self.break_name, body.body.end_line, next));
        }
        self.f.here();
        self.f.emit(word::abc(Op::Return0, 0, 0, 0));
        self.f.leave(self.break_name)?;
        let outer = self.enclosing.pop().unwrap_or_else(|| Box::new(Function::new(0, Arc::default())));
        let mut done = std::mem::replace(&mut self.f, outer);
        let proto = finish::finish(&mut done, &mut self.texts, body, &self.source, body.end_line);
        self.spare.push(done);
        Ok(proto)
    }
}
