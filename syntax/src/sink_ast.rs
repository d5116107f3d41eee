//! The sink that keeps typed nodes, for the compiler; and ways to look into the result.

use crate::ast::{Ast, ExprId, ExprNode, Function, FunctionId, Item, List, Pools, StrId};
use crate::sink::{Begun, Sink};
use std::marker::PhantomData;

/// Collects expressions, functions and lists.
#[derive(Default)]
pub(crate) struct AstSink {
    pub(crate) ast: Ast,
    /// Items of lists that go on, as lists hold lists; each moves to its pool in one go.
    pub(crate) open: Pools,
}

impl AstSink {
    /// With room for what a text of so many bytes comes to, unless it is a long one.
    pub(crate) fn with_room(bytes: usize) -> AstSink {
        let bytes = bytes.min(1 << 16);
        let mut sink = AstSink::default();
        sink.ast.exprs.reserve(bytes / 10);
        sink.ast.pools.ids.reserve(bytes / 20);
        sink.ast.pools.stats.reserve(bytes / 40);
        sink.ast.pools.bindings.reserve(bytes / 160);
        sink.ast.pools.names.reserve(bytes / 160);
        sink.open.ids.reserve(16);
        sink.open.stats.reserve(16);
        sink
    }
}

fn list<T: Item>(pool: &[T], start: usize) -> List<T> {
    List { start: start as u32, len: (pool.len() - start) as u32, items: PhantomData }
}

impl Sink for AstSink {
    const LOSSLESS: bool = false;

    fn expr(&mut self, node: ExprNode) -> ExprId {
        self.ast.exprs.push(node);
        ExprId(self.ast.exprs.len() as u32 - 1)
    }

    fn function(&mut self, function: Function) -> FunctionId {
        self.ast.functions.push(function);
        FunctionId(self.ast.functions.len() as u32 - 1)
    }

    fn begin<T: Item>(&mut self) -> Begun {
        Begun(T::pool(&self.open).len())
    }

    fn item<T: Item>(&mut self, item: T) {
        T::pool_mut(&mut self.open).push(item);
    }

    fn end<T: Item>(&mut self, begun: Begun) -> List<T> {
        let (pool, open) = (T::pool_mut(&mut self.ast.pools), T::pool_mut(&mut self.open));
        let start = pool.len();
        pool.extend_from_slice(&open[begun.0..]);
        open.truncate(begun.0);
        list(pool, start)
    }

    fn single<T: Item>(&mut self, item: T) -> List<T> {
        let pool = T::pool_mut(&mut self.ast.pools);
        pool.push(item);
        list(pool, pool.len() - 1)
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
        self.strings.text(id)
    }

    /// The id of the main function, which is the last.
    pub fn main_function(&self) -> FunctionId {
        FunctionId(self.functions.len() as u32 - 1)
    }
}
