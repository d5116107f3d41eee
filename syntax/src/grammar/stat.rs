//! Statements.

use super::Parser;
use super::expr::Shape;
use crate::ast::{Attrib, Block, Expr, ExprId, Function, FunctionId, List, Name, Stat, StatKind};
use crate::kind::SyntaxKind;
use crate::sink::{Mark, Sink};

impl<S: Sink> Parser<'_, S> {
    /// One statement; `None` for `;` and for what is no statement.
    pub(super) fn statement(&mut self) -> Option<Stat> {
        let (line, start) = (self.current.line, self.current.start);
        if !self.enter_level() {
            return None;
        }
        let mark = self.mark();
        let kind = self.statement_kind(&mark, line);
        self.sink.release(mark);
        self.leave_level();
        Some(Stat { kind: kind?, line, span: self.span_from(start) })
    }

    fn statement_kind(&mut self, mark: &Mark, line: u32) -> Option<StatKind> {
        use SyntaxKind::*;
        let (node, rule): (SyntaxKind, fn(&mut Self, u32) -> StatKind) = match self.current.kind {
            Semicolon => {
                self.open(EmptyStat);
                self.bump();
                self.close();
                return None;
            }
            If => (IfStat, Self::if_statement),
            While => (WhileStat, Self::while_statement),
            Do => (DoStat, Self::do_statement),
            Repeat => (RepeatStat, Self::repeat_statement),
            Function => (FunctionStat, Self::function_statement),
            DoubleColon => (LabelStat, Self::label_statement),
            Return => (ReturnStat, Self::return_statement),
            Break => (BreakStat, Self::break_statement),
            Goto => (GotoStat, Self::goto_statement),
            For => return Some(self.for_statement(mark, line)),
            Local => return Some(self.local_statement(mark)),
            _ => return self.expression_statement(mark),
        };
        self.open(node);
        let kind = rule(self, line);
        self.close();
        Some(kind)
    }

    fn if_statement(&mut self, line: u32) -> StatKind {
        let begun = self.sink.begin::<(ExprId, Block)>();
        let mut arm = self.if_arm();
        while self.at(SyntaxKind::ElseIf) {
            self.sink.item(arm);
            arm = self.if_arm();
        }
        self.sink.item(arm);
        let arms = self.sink.end(begun);
        let otherwise = self.at(SyntaxKind::Else).then(|| self.else_arm());
        self.expect_closing(SyntaxKind::End, SyntaxKind::If, line);
        StatKind::If { arms, otherwise }
    }

    fn if_arm(&mut self) -> (ExprId, Block) {
        self.open(SyntaxKind::IfArm);
        self.bump();
        let condition = self.expr();
        self.expect(SyntaxKind::Then);
        let body = self.recovered_block();
        self.close();
        (condition, body)
    }

    fn else_arm(&mut self) -> Block {
        self.open(SyntaxKind::ElseArm);
        self.bump();
        let body = self.block();
        self.close();
        body
    }

    /// A block whose opening keyword may be missing: its statements are read all the same.
    fn recovered_block(&mut self) -> Block {
        self.resynchronise();
        self.block()
    }

    fn while_statement(&mut self, line: u32) -> StatKind {
        self.bump();
        let cond = self.expr();
        if !self.eat(SyntaxKind::Do) {
            self.expect(SyntaxKind::Do);
            self.resynchronise();
            self.eat(SyntaxKind::Do);
        }
        let body = self.block();
        self.expect_closing(SyntaxKind::End, SyntaxKind::While, line);
        StatKind::While { cond, body }
    }

    fn do_statement(&mut self, line: u32) -> StatKind {
        self.bump();
        let body = self.block();
        self.expect_closing(SyntaxKind::End, SyntaxKind::Do, line);
        StatKind::Do(body)
    }

    fn repeat_statement(&mut self, line: u32) -> StatKind {
        self.bump();
        let body = self.block();
        let cond_line = self.current.line;
        self.expect_closing(SyntaxKind::Until, SyntaxKind::Repeat, line);
        let cond = self.expr();
        StatKind::Repeat { body, cond, cond_line }
    }

    fn function_statement(&mut self, line: u32) -> StatKind {
        let start = self.current.start;
        self.bump();
        self.open(SyntaxKind::FunctionName);
        let name = self.expect_name();
        let mut target = self.add_expr(Expr::Name(name.text), name.line, name.span.start);
        let mut is_method = false;
        while !is_method && matches!(self.current.kind, SyntaxKind::Dot | SyntaxKind::Colon) {
            is_method = self.at(SyntaxKind::Colon);
            self.bump();
            let field = self.expect_name();
            let kind = Expr::Field { object: target, name: field };
            target = self.add_expr(kind, field.line, name.span.start);
        }
        self.close();
        let receiver = if is_method { Receiver::Implicit } else { Receiver::None };
        let function = self.function_body(receiver, line, start);
        StatKind::Function { target, is_method, function }
    }

    fn label_statement(&mut self, _: u32) -> StatKind {
        self.bump();
        let name = self.expect_name();
        self.expect(SyntaxKind::DoubleColon);
        StatKind::Label(name)
    }

    fn break_statement(&mut self, _: u32) -> StatKind {
        self.bump();
        StatKind::Break
    }

    fn goto_statement(&mut self, _: u32) -> StatKind {
        self.bump();
        StatKind::Goto(self.expect_name())
    }

    fn return_statement(&mut self, _: u32) -> StatKind {
        self.bump();
        let is_empty = self.at_block_end() || self.at(SyntaxKind::Semicolon);
        let values = if is_empty { List::EMPTY } else { self.expr_list() };
        self.eat(SyntaxKind::Semicolon);
        StatKind::Return(values)
    }

    fn for_statement(&mut self, mark: &Mark, line: u32) -> StatKind {
        self.bump();
        let name = self.binding_name();
        let kind = match self.current.kind {
            SyntaxKind::Assign => {
                self.sink.open_at(mark, SyntaxKind::NumericForStat);
                self.numeric_for(name)
            }
            SyntaxKind::Comma | SyntaxKind::In => {
                self.sink.open_at(mark, SyntaxKind::GenericForStat);
                self.generic_for(name)
            }
            _ => {
                self.sink.open_at(mark, SyntaxKind::GenericForStat);
                self.expected("'=' or 'in'");
                let body = self.for_body();
                StatKind::GenericFor { names: self.sink.single(name), exprs: List::EMPTY, body }
            }
        };
        self.expect_closing(SyntaxKind::End, SyntaxKind::For, line);
        self.close();
        kind
    }

    fn numeric_for(&mut self, name: Name) -> StatKind {
        self.bump();
        let start = self.expr();
        self.expect(SyntaxKind::Comma);
        let limit = self.expr();
        let step = self.eat(SyntaxKind::Comma).then(|| self.expr());
        let body = self.for_body();
        StatKind::NumericFor { name, start, limit, step, body }
    }

    fn generic_for(&mut self, first: Name) -> StatKind {
        let begun = self.sink.begin::<Name>();
        self.sink.item(first);
        while self.eat(SyntaxKind::Comma) {
            let name = self.binding_name();
            self.sink.item(name);
        }
        let names = self.sink.end(begun);
        self.expect(SyntaxKind::In);
        let exprs = self.expr_list();
        let body = self.for_body();
        StatKind::GenericFor { names, exprs, body }
    }

    fn for_body(&mut self) -> Block {
        if !self.expect(SyntaxKind::Do) {
            self.resynchronise();
            self.eat(SyntaxKind::Do);
        }
        self.block()
    }

    fn binding_name(&mut self) -> Name {
        self.open(SyntaxKind::Binding);
        let name = self.expect_name();
        self.close();
        name
    }

    fn local_statement(&mut self, mark: &Mark) -> StatKind {
        self.bump();
        let kind = if self.at(SyntaxKind::Function) {
            self.sink.open_at(mark, SyntaxKind::LocalFunctionStat);
            self.local_function()
        } else {
            self.sink.open_at(mark, SyntaxKind::LocalStat);
            self.local_variables()
        };
        self.close();
        kind
    }

    fn local_function(&mut self) -> StatKind {
        let (line, start) = (self.current.line, self.current.start);
        self.bump();
        let name = self.binding_name();
        let function = self.function_body(Receiver::None, line, start);
        StatKind::LocalFunction { name, function }
    }

    fn local_variables(&mut self) -> StatKind {
        let begun = self.sink.begin::<(Name, Attrib)>();
        let mut has_close = false;
        loop {
            let binding = self.attributed_binding();
            let closes = binding.1 == Attrib::Close;
            if has_close && closes {
                self.semantic_error("multiple to-be-closed variables in local list".into());
            }
            has_close |= closes;
            self.sink.item(binding);
            if !self.eat(SyntaxKind::Comma) {
                break;
            }
        }
        let names = self.sink.end(begun);
        let has_values = self.eat(SyntaxKind::Assign);
        let values = if has_values { self.expr_list() } else { List::EMPTY };
        StatKind::Local { names, values }
    }

    fn attributed_binding(&mut self) -> (Name, Attrib) {
        self.open(SyntaxKind::Binding);
        let name = self.expect_name();
        let attrib = if self.at(SyntaxKind::Less) { self.attribute() } else { Attrib::None };
        self.close();
        (name, attrib)
    }

    fn attribute(&mut self) -> Attrib {
        self.open(SyntaxKind::Attribute);
        self.bump();
        let name = self.expect_name();
        self.expect(SyntaxKind::Greater);
        self.close();
        match self.lexer.strings.strings.text(name.text) {
            b"const" => Attrib::Const,
            b"close" => Attrib::Close,
            other => {
                let message = format!("unknown attribute '{}'", String::from_utf8_lossy(other));
                self.semantic_error(message);
                Attrib::None
            }
        }
    }

    /// A call or an assignment.
    fn expression_statement(&mut self, mark: &Mark) -> Option<StatKind> {
        let (first, shape) = self.suffixed_expr();
        if shape == Shape::Missing {
            return None;
        }
        if matches!(self.current.kind, SyntaxKind::Assign | SyntaxKind::Comma) {
            self.sink.open_at(mark, SyntaxKind::AssignStat);
            let kind = self.assignment(first, shape);
            self.close();
            return Some(kind);
        }
        self.sink.open_at(mark, SyntaxKind::CallStat);
        if shape != Shape::Call {
            self.error("syntax error");
        }
        self.close();
        (shape == Shape::Call).then_some(StatKind::Call(first))
    }

    fn assignment(&mut self, first: ExprId, first_shape: Shape) -> StatKind {
        let begun = self.sink.begin::<ExprId>();
        self.sink.item(first);
        let (mut shape, mut levels) = (first_shape, 0);
        loop {
            if shape != Shape::Variable {
                self.error("syntax error");
            }
            if !self.eat(SyntaxKind::Comma) {
                break;
            }
            let (target, target_shape) = self.suffixed_expr();
            self.sink.item(target);
            shape = target_shape;
            // PUC Lua recurses here, once a target.
            if !self.enter_level() {
                break;
            }
            levels += 1;
        }
        let targets = self.sink.end(begun);
        let values = if self.expect(SyntaxKind::Assign) { self.expr_list() } else { List::EMPTY };
        self.levels -= levels;
        StatKind::Assign { targets, values }
    }

    /// From the parameter list to `end`.
    pub(super) fn function_body(&mut self, receiver: Receiver, line: u32, start: u32) -> FunctionId {
        self.open(SyntaxKind::FunctionBody);
        let was_vararg = std::mem::replace(&mut self.is_vararg, false);
        let begun = self.sink.begin::<Name>();
        if receiver == Receiver::Implicit {
            let receiver = self.implicit_name(b"self");
            self.sink.item(receiver);
        }
        self.parameters();
        let params = self.sink.end(begun);
        let body = self.recovered_block();
        let (end_line, is_closed) = (self.current.line, self.at(SyntaxKind::End));
        self.expect_closing(SyntaxKind::End, SyntaxKind::Function, line);
        let is_vararg = std::mem::replace(&mut self.is_vararg, was_vararg);
        self.close();
        let span = self.span_from(start);
        self.sink.function(Function { params, is_vararg, body, line, end_line, is_closed, span })
    }

    fn parameters(&mut self) {
        self.open(SyntaxKind::ParamList);
        self.expect(SyntaxKind::LeftParen);
        if !self.at(SyntaxKind::RightParen) {
            loop {
                match self.current.kind {
                    SyntaxKind::Name => {
                        let name = self.binding_name();
                        self.sink.item(name);
                    }
                    SyntaxKind::Ellipsis => {
                        self.bump();
                        self.is_vararg = true;
                        break;
                    }
                    _ => {
                        self.expected("<name> or '...'");
                        break;
                    }
                }
                if !self.eat(SyntaxKind::Comma) {
                    break;
                }
            }
        }
        self.expect(SyntaxKind::RightParen);
        self.close();
    }
}

/// Whether a function has a parameter that is not written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// `function a.b()`.
    None,
    /// `function a:b()`: `self`.
    Implicit,
}
