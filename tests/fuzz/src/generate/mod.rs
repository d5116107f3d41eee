//! Random Lua programs that end, and that every implementation runs alike.
//!
//! Rules that keep the output the same everywhere:
//! * values are printed by `show`, which knows no addresses and sorts keys;
//! * `#` and its users see only sequences that never had a hole;
//! * nothing depends on the order of `pairs`, on when garbage goes, or on how often `sort` compares;
//! * nothing yields inside callbacks of the library: the reference cannot.
//!
//! Programs end because loops are counted, functions call only functions
//! written before them, and every call burns fuel.

mod expr;
mod habit;
mod idiom;
mod stat;

use crate::random::Random;

/// What every program begins with.
const PRELUDE: &str = include_str!("prelude.lua");

/// What a variable holds, unless the program is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Text,
    /// A table with fields, perhaps with a metatable.
    Record,
    /// A sequence of numbers and strings without holes.
    List,
    /// A function of two arguments that returns anything.
    Function,
}

pub(crate) const KINDS: [Kind; 5] = [Kind::Number, Kind::Text, Kind::Record, Kind::List, Kind::Function];

struct Variable {
    name: String,
    kind: Kind,
    constant: bool,
}

/// The state of a program under way.
pub(crate) struct Generator {
    random: Random,
    text: String,
    indent: usize,
    variables: Vec<Variable>,
    next_name: usize,
    /// Statements left.
    statements: usize,
    depth: usize,
    in_loop: bool,
    in_coroutine: bool,
    has_varargs: bool,
}

/// The program of a seed.
pub fn program(seed: u64) -> String {
    let mut random = Random::new(seed);
    let statements = 10 + random.below(60);
    let mut generator = Generator {
        random,
        text: PRELUDE.to_string(),
        indent: 0,
        variables: Vec::new(),
        next_name: 0,
        statements,
        depth: 0,
        in_loop: false,
        in_coroutine: false,
        has_varargs: true,
    };
    generator.top();
    generator.text
}

impl Generator {
    fn line(&mut self, text: &str) {
        self.text.push_str(&"  ".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn fresh(&mut self) -> String {
        self.next_name += 1;
        format!("v{}", self.next_name)
    }

    fn declare(&mut self, name: &str, kind: Kind, constant: bool) {
        self.variables.push(Variable { name: name.to_string(), kind, constant });
    }

    /// A variable of a kind, now and then one of another.
    fn variable(&mut self, kind: Kind) -> Option<String> {
        let wrong = self.random.one_in(40);
        let fitting: Vec<&Variable> = self.variables.iter().filter(|it| wrong || it.kind == kind).collect();
        (!fitting.is_empty()).then(|| fitting[self.random.below(fitting.len())].name.clone())
    }

    fn assignable(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<&Variable> = self.variables.iter().filter(|it| it.kind == kind && !it.constant).collect();
        (!fitting.is_empty()).then(|| fitting[self.random.below(fitting.len())].name.clone())
    }

    /// Runs `inner` one level deeper; what it declares is gone afterwards.
    fn scope(&mut self, inner: impl FnOnce(&mut Generator)) {
        let count = self.variables.len();
        self.indent += 1;
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.indent -= 1;
        self.variables.truncate(count);
    }

    /// The body of a function: no loop of the outside reaches into it.
    fn function_body(&mut self, parameters: &[(&str, Kind)], is_coroutine: bool, has_varargs: bool) {
        let saved = (self.in_loop, self.in_coroutine, self.has_varargs);
        (self.in_loop, self.in_coroutine, self.has_varargs) = (false, is_coroutine, has_varargs);
        self.scope(|it| {
            for (name, kind) in parameters {
                it.declare(name, *kind, false);
            }
            it.line("burn()");
            it.block();
            let result = it.any();
            it.line(&format!("return {result}"));
        });
        (self.in_loop, self.in_coroutine, self.has_varargs) = saved;
    }

    fn top(&mut self) {
        while self.statements > 0 {
            // An error ends its block, not the program. Its variables end with it too.
            self.line("guard(function(...)");
            self.scope(|it| {
                for (kind, other) in KINDS.into_iter().zip(["1", "'text'", "{x = 1}", "{1, 2}", "short"]) {
                    let name = it.fresh();
                    let value = it.expression(kind);
                    // A mistake here would leave the block without a beginning.
                    it.line(&format!("local {name} = attempt(function(...) return {value} end, ...) or {other}"));
                    it.declare(&name, kind, false);
                }
                it.block();
                it.show_all();
            });
            self.line("end, 1, 'two', 3.5)");
        }
    }

    fn show_all(&mut self) {
        let names: Vec<String> = self.variables.iter().map(|it| it.name.clone()).collect();
        for name in names {
            self.line(&format!("show({name})"));
        }
    }
}
