//! The sink that keeps typed nodes, for the compiler; and ways to look into the result.

use crate::ast::{Ast, ExprId, ExprNode, Function, FunctionId, StrId};
use crate::sink::Sink;

/// Collects expressions and functions.
#[derive(Default)]
pub(crate) struct AstSink {
    pub(crate) exprs: Vec<ExprNode>,
    pub(crate) functions: Vec<Function>,
}

impl Sink for AstSink {
    const LOSSLESS: bool = false;

    fn expr(&mut self, node: ExprNode) -> ExprId {
        self.exprs.push(node);
        ExprId(self.exprs.len() as u32 - 1)
    }

    fn function(&mut self, function: Function) -> FunctionId {
        self.functions.push(function);
        FunctionId(self.functions.len() as u32 - 1)
    }
}

impl Ast {
    /// The expression with this id.
    pub fn expr(&self, id: ExprId) -> &ExprNode {
        &self.exprs[id.0 as usize]
    }

    /// The function body with this id.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.0 as usize]
    }

    /// The bytes with this id.
    pub fn string(&self, id: StrId) -> &[u8] {
        &self.strings[id.0 as usize]
    }

    /// The id of the main function, which is the last.
    pub fn main_function(&self) -> FunctionId {
        FunctionId(self.functions.len() as u32 - 1)
    }
}
