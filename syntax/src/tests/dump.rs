//! The AST as text, for fixtures: fully parenthesised Lua.

use crate::ast::*;

pub(super) fn dump(ast: &Ast) -> String {
    let printer = Printer(ast);
    printer.block(&ast.function(ast.main_function()).body)
}

struct Printer<'a>(&'a Ast);

impl Printer<'_> {
    fn text(&self, id: StrId) -> String {
        String::from_utf8_lossy(self.0.string(id)).into_owned()
    }

    fn name(&self, name: &Name) -> String {
        self.text(name.text)
    }

    fn list(&self, list: &[ExprId]) -> String {
        list.iter().map(|id| self.expr(*id)).collect::<Vec<_>>().join(", ")
    }

    fn names(&self, list: &[Name]) -> String {
        list.iter().map(|name| self.name(name)).collect::<Vec<_>>().join(", ")
    }

    fn block(&self, block: &Block) -> String {
        self.0[block.stats].iter().map(|stat| self.stat(stat)).collect::<Vec<_>>().join("; ")
    }

    fn function(&self, id: FunctionId) -> String {
        let function = self.0.function(id);
        let dots = if function.is_vararg { " ..." } else { "" };
        let (line, end) = (function.line, function.end_line);
        format!("fn@{line}-{end}({}{dots}) {{{}}}", self.names(&self.0[function.params]), self.block(&function.body))
    }

    fn stat(&self, stat: &Stat) -> String {
        match &stat.kind {
            StatKind::Local { names, values } => {
                let names = self.0[*names].iter().map(|(name, attrib)| match attrib {
                    Attrib::None => self.name(name),
                    attrib => format!("{}<{attrib:?}>", self.name(name)),
                });
                format!("local {} = {}", names.collect::<Vec<_>>().join(", "), self.list(&self.0[*values]))
            }
            StatKind::LocalFunction { name, function } => {
                format!("local {} {}", self.name(name), self.function(*function))
            }
            StatKind::Function { target, is_method, function } => {
                let colon = if *is_method { "method " } else { "" };
                format!("{colon}{} {}", self.expr(*target), self.function(*function))
            }
            StatKind::Assign { targets, values } => {
                format!("{} = {}", self.list(&self.0[*targets]), self.list(&self.0[*values]))
            }
            StatKind::Call(call) => self.expr(*call),
            StatKind::Do(body) => format!("do {{{}}}", self.block(body)),
            StatKind::While { cond, body } => {
                format!("while {} {{{}}}", self.expr(*cond), self.block(body))
            }
            StatKind::Repeat { body, cond, cond_line } => {
                format!("repeat {{{}}} until@{cond_line} {}", self.block(body), self.expr(*cond))
            }
            StatKind::If { arms, otherwise } => {
                let arms = self.0[*arms].iter().map(|(c, b)| format!("if {} {{{}}}", self.expr(*c), self.block(b)));
                let arms = arms.collect::<Vec<_>>().join(" else");
                match otherwise {
                    Some(body) => format!("{arms} else {{{}}}", self.block(body)),
                    None => arms,
                }
            }
            StatKind::NumericFor { name, start, limit, step, body } => {
                let step = step.map_or(String::new(), |step| format!(", {}", self.expr(step)));
                let (start, limit) = (self.expr(*start), self.expr(*limit));
                format!("for {} = {start}, {limit}{step} {{{}}}", self.name(name), self.block(body))
            }
            StatKind::GenericFor { names, exprs, body } => {
                format!("for {} in {} {{{}}}", self.names(&self.0[*names]), self.list(&self.0[*exprs]), self.block(body))
            }
            StatKind::Return(values) => format!("return {}", self.list(&self.0[*values])),
            StatKind::Break => "break".into(),
            StatKind::Goto(name) => format!("goto {}", self.name(name)),
            StatKind::Label(name) => format!("::{}::", self.name(name)),
        }
    }

    fn expr(&self, id: ExprId) -> String {
        match &self.0.expr(id).kind {
            Expr::Nil => "nil".into(),
            Expr::True => "true".into(),
            Expr::False => "false".into(),
            Expr::Vararg => "...".into(),
            Expr::Int(value) => value.to_string(),
            Expr::Float(value) => format!("{value:?}"),
            Expr::Str(id) => format!("\"{}\"", self.0.string(*id).escape_ascii()),
            Expr::Name(id) => self.text(*id),
            Expr::Field { object, name } => format!("{}.{}", self.expr(*object), self.name(name)),
            Expr::Index { object, key } => format!("{}[{}]", self.expr(*object), self.expr(*key)),
            Expr::Call { callee, args } => format!("{}({})", self.expr(*callee), self.list(&self.0[*args])),
            Expr::Method { object, name, args } => {
                format!("{}:{}({})", self.expr(*object), self.name(name), self.list(&self.0[*args]))
            }
            Expr::Function(id) => self.function(*id),
            Expr::Binary { op, lhs, rhs } => format!("({} {op:?} {})", self.expr(*lhs), self.expr(*rhs)),
            Expr::Unary { op, operand } => format!("({op:?} {})", self.expr(*operand)),
            Expr::Paren(inner) => format!("<{}>", self.expr(*inner)),
            Expr::Table { fields, .. } => {
                let fields = self.0[*fields].iter().map(|field| match field {
                    TableField::Item(value) => self.expr(*value),
                    TableField::Named(name, value) => format!("{} = {}", self.name(name), self.expr(*value)),
                    TableField::Keyed(key, value) => format!("[{}] = {}", self.expr(*key), self.expr(*value)),
                });
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
