//! Expressions.

use super::Parser;
use super::stat::Receiver;
use crate::ast::{BinaryOp, Expr, ExprId, ExprNode, List, TableField, UnaryOp};
use crate::kind::SyntaxKind;
use crate::lex::TokenValue;
use crate::sink::{Mark, Sink};

/// What may be done with a suffixed expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It may be assigned to.
    Variable,
    /// It may stand as a statement.
    Call,
    /// Neither.
    Other,
    /// It is not there.
    Missing,
}

/// Priority of unary operators: above all binary ones but `^`.
const UNARY_PRIORITY: u8 = 12;

/// The operator a token is, with its left and right priority; right-associative when the left is higher.
fn binary_operator(kind: SyntaxKind) -> Option<(BinaryOp, u8, u8)> {
    use SyntaxKind::*;
    Some(match kind {
        Or => (BinaryOp::Or, 1, 1),
        And => (BinaryOp::And, 2, 2),
        Less => (BinaryOp::Lt, 3, 3),
        Greater => (BinaryOp::Gt, 3, 3),
        LessEqual => (BinaryOp::Le, 3, 3),
        GreaterEqual => (BinaryOp::Ge, 3, 3),
        NotEqual => (BinaryOp::Ne, 3, 3),
        Equal => (BinaryOp::Eq, 3, 3),
        Pipe => (BinaryOp::BOr, 4, 4),
        Tilde => (BinaryOp::BXor, 5, 5),
        Ampersand => (BinaryOp::BAnd, 6, 6),
        ShiftLeft => (BinaryOp::Shl, 7, 7),
        ShiftRight => (BinaryOp::Shr, 7, 7),
        Concat => (BinaryOp::Concat, 9, 8),
        Plus => (BinaryOp::Add, 10, 10),
        Minus => (BinaryOp::Sub, 10, 10),
        Star => (BinaryOp::Mul, 11, 11),
        Slash => (BinaryOp::Div, 11, 11),
        DoubleSlash => (BinaryOp::IDiv, 11, 11),
        Percent => (BinaryOp::Mod, 11, 11),
        Caret => (BinaryOp::Pow, 14, 13),
        _ => return None,
    })
}

fn unary_operator(kind: SyntaxKind) -> Option<UnaryOp> {
    Some(match kind {
        SyntaxKind::Not => UnaryOp::Not,
        SyntaxKind::Minus => UnaryOp::Neg,
        SyntaxKind::Tilde => UnaryOp::BNot,
        SyntaxKind::Hash => UnaryOp::Len,
        _ => return None,
    })
}

impl<S: Sink> Parser<'_, S> {
    pub(super) fn expr(&mut self) -> ExprId {
        self.operation(0)
    }

    pub(super) fn expr_list(&mut self) -> List<ExprId> {
        let first = self.expr();
        if !self.at(SyntaxKind::Comma) {
            return self.sink.single(first);
        }
        let begun = self.sink.begin::<ExprId>();
        self.sink.item(first);
        while self.eat(SyntaxKind::Comma) {
            let next = self.expr();
            self.sink.item(next);
        }
        self.sink.end(begun)
    }

    /// Keeps an expression that ends with the token taken last.
    pub(super) fn add_expr(&mut self, kind: Expr, line: u32, start: u32) -> ExprId {
        let span = self.span_from(start);
        self.sink.expr(ExprNode { kind, line, span })
    }

    /// An expression whose binary operators all bind tighter than `limit`.
    fn operation(&mut self, limit: u8) -> ExprId {
        let start = self.current.start;
        if !self.enter_level() {
            return self.add_expr(Expr::Nil, self.last_line, start);
        }
        let mark = self.mark();
        let mut result = self.operand(&mark);
        while let Some((op, left, right)) = binary_operator(self.current.kind) {
            if left <= limit {
                break;
            }
            let line = self.current.line;
            self.sink.open_at(&mark, SyntaxKind::BinaryExpr);
            self.bump();
            let rhs = self.operation(right);
            self.close();
            result = self.add_expr(Expr::Binary { op, lhs: result, rhs }, line, start);
        }
        self.sink.release(mark);
        self.leave_level();
        result
    }

    fn operand(&mut self, mark: &Mark) -> ExprId {
        let Some(op) = unary_operator(self.current.kind) else {
            return self.simple_expr();
        };
        let (line, start) = (self.current.line, self.current.start);
        self.sink.open_at(mark, SyntaxKind::UnaryExpr);
        self.bump();
        let operand = self.operation(UNARY_PRIORITY);
        self.close();
        self.add_expr(Expr::Unary { op, operand }, line, start)
    }

    fn simple_expr(&mut self) -> ExprId {
        match (self.current.kind, self.current.value) {
            (SyntaxKind::Nil, _) => self.literal(SyntaxKind::NilExpr, Expr::Nil),
            (SyntaxKind::True, _) => self.literal(SyntaxKind::TrueExpr, Expr::True),
            (SyntaxKind::False, _) => self.literal(SyntaxKind::FalseExpr, Expr::False),
            (SyntaxKind::Integer, TokenValue::Int(value)) => {
                self.literal(SyntaxKind::NumberExpr, Expr::Int(value))
            }
            (SyntaxKind::Float, TokenValue::Float(value)) => {
                self.literal(SyntaxKind::NumberExpr, Expr::Float(value))
            }
            (SyntaxKind::String, TokenValue::Str(id)) => {
                self.literal(SyntaxKind::StringExpr, Expr::Str(id))
            }
            (SyntaxKind::Ellipsis, _) => {
                if !self.is_vararg {
                    self.error("cannot use '...' outside a vararg function");
                }
                self.literal(SyntaxKind::VarargExpr, Expr::Vararg)
            }
            (SyntaxKind::LeftBrace, _) => self.table(),
            (SyntaxKind::Function, _) => self.function_expr(),
            _ => self.suffixed_expr().0,
        }
    }

    fn literal(&mut self, node: SyntaxKind, kind: Expr) -> ExprId {
        let (line, start) = (self.current.line, self.current.start);
        self.open(node);
        self.bump();
        self.close();
        self.add_expr(kind, line, start)
    }

    fn function_expr(&mut self) -> ExprId {
        let (line, start) = (self.current.line, self.current.start);
        self.open(SyntaxKind::FunctionExpr);
        self.bump();
        let function = self.function_body(Receiver::None, line, start);
        self.close();
        self.add_expr(Expr::Function(function), line, start)
    }

    /// A name or a parenthesised expression, with any number of suffixes.
    pub(super) fn suffixed_expr(&mut self) -> (ExprId, Shape) {
        let start = self.current.start;
        let mark = self.mark();
        let (mut result, mut shape) = self.primary_expr();
        while shape != Shape::Missing {
            match self.suffix(&mark, result, start) {
                Some(next) => (result, shape) = next,
                None => break,
            }
        }
        self.sink.release(mark);
        (result, shape)
    }

    fn primary_expr(&mut self) -> (ExprId, Shape) {
        let (line, start) = (self.current.line, self.current.start);
        match (self.current.kind, self.current.value) {
            (SyntaxKind::Name, TokenValue::Str(name)) => {
                (self.literal(SyntaxKind::NameExpr, Expr::Name(name)), Shape::Variable)
            }
            (SyntaxKind::LeftParen, _) => {
                self.open(SyntaxKind::ParenExpr);
                self.bump();
                let inner = self.expr();
                self.expect_closing(SyntaxKind::RightParen, SyntaxKind::LeftParen, line);
                self.close();
                (self.add_expr(Expr::Paren(inner), self.last_line, start), Shape::Other)
            }
            _ => {
                self.error("unexpected symbol");
                (self.add_expr(Expr::Nil, line, start), Shape::Missing)
            }
        }
    }

    fn suffix(&mut self, mark: &Mark, object: ExprId, start: u32) -> Option<(ExprId, Shape)> {
        use SyntaxKind::*;
        let node = match self.current.kind {
            Dot => FieldExpr,
            LeftBracket => IndexExpr,
            Colon => MethodExpr,
            LeftParen | String | LeftBrace => CallExpr,
            _ => return None,
        };
        self.sink.open_at(mark, node);
        let (kind, line) = match node {
            FieldExpr => self.field(object),
            IndexExpr => self.index(object),
            MethodExpr => self.method(object),
            _ => {
                let line = self.current.line;
                (Expr::Call { callee: object, args: self.arguments() }, line)
            }
        };
        self.close();
        let shape = match node {
            FieldExpr | IndexExpr => Shape::Variable,
            _ => Shape::Call,
        };
        Some((self.add_expr(kind, line, start), shape))
    }

    fn field(&mut self, object: ExprId) -> (Expr, u32) {
        self.bump();
        let name = self.expect_name();
        (Expr::Field { object, name }, name.line)
    }

    fn index(&mut self, object: ExprId) -> (Expr, u32) {
        let key = self.bracketed_key();
        (Expr::Index { object, key }, self.last_line)
    }

    fn bracketed_key(&mut self) -> ExprId {
        self.bump();
        let key = self.expr();
        self.expect(SyntaxKind::RightBracket);
        key
    }

    fn method(&mut self, object: ExprId) -> (Expr, u32) {
        self.bump();
        let name = self.expect_name();
        let line = self.current.line;
        (Expr::Method { object, name, args: self.arguments() }, line)
    }

    fn arguments(&mut self) -> List<ExprId> {
        self.open(SyntaxKind::ArgList);
        let args = match self.current.kind {
            SyntaxKind::String | SyntaxKind::LeftBrace => {
                let only = self.simple_expr();
                self.sink.single(only)
            }
            SyntaxKind::LeftParen => self.parenthesised_arguments(),
            _ => {
                self.expected("function arguments");
                List::EMPTY
            }
        };
        self.close();
        args
    }

    fn parenthesised_arguments(&mut self) -> List<ExprId> {
        let line = self.current.line;
        self.bump();
        let is_empty = self.at(SyntaxKind::RightParen);
        let args = if is_empty { List::EMPTY } else { self.expr_list() };
        self.expect_closing(SyntaxKind::RightParen, SyntaxKind::LeftParen, line);
        args
    }

    fn table(&mut self) -> ExprId {
        let (line, start) = (self.current.line, self.current.start);
        self.open(SyntaxKind::TableExpr);
        self.bump();
        let begun = self.sink.begin::<TableField>();
        while !self.at(SyntaxKind::RightBrace) {
            let field = self.table_field();
            self.sink.item(field);
            self.resynchronise_table();
            if !self.eat(SyntaxKind::Comma) && !self.eat(SyntaxKind::Semicolon) {
                break;
            }
        }
        let fields = self.sink.end(begun);
        let end_line = self.current.line;
        self.expect_closing(SyntaxKind::RightBrace, SyntaxKind::LeftBrace, line);
        self.close();
        self.add_expr(Expr::Table { fields, end_line }, line, start)
    }

    /// After an error in an item: goes on with the next item, if one is in sight.
    fn resynchronise_table(&mut self) {
        use SyntaxKind::*;
        if self.is_recovering && matches!(self.current.kind, Comma | Semicolon | RightBrace) {
            self.is_recovering = false;
        }
    }

    fn table_field(&mut self) -> TableField {
        match self.current.kind {
            SyntaxKind::Name if self.lexer.is_assign_next() => {
                self.open(SyntaxKind::NamedField);
                let name = self.expect_name();
                self.expect(SyntaxKind::Assign);
                let value = self.expr();
                self.close();
                TableField::Named(name, value)
            }
            SyntaxKind::LeftBracket => {
                self.open(SyntaxKind::KeyedField);
                let key = self.bracketed_key();
                self.expect(SyntaxKind::Assign);
                let value = self.expr();
                self.close();
                TableField::Keyed(key, value)
            }
            _ => {
                self.open(SyntaxKind::ItemField);
                let value = self.expr();
                self.close();
                TableField::Item(value)
            }
        }
    }
}
