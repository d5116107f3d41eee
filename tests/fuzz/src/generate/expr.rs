//! Expressions.

use super::{Generator, KINDS, Kind};

const INTEGERS: &[&str] =
    &["0", "1", "2", "3", "-1", "7", "10", "255", "0x7fffffffffffffff", "math.mininteger", "math.maxinteger", "1000003", "63", "64"];
const FLOATS: &[&str] = &["0.5", "2.0", "-1.5", "1e100", "3.25", "1e15", "2^53", "0.1", "1/3", "-0.0", "math.huge"];
pub(super) const TEXTS: &[&str] = &[
    "''", "'a'", "'abc'", "'10'", "'0x10'", "' 3 '", "'1e2'", "'hello world'", "'\\0x'", "'é'", "'%d'",
    "('x'):rep(50)", "'key'", "[[\nlong]]", "'\\u{48}i'",
];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>"];
const COMPARISONS: &[&str] = &["<", "<=", ">", ">=", "==", "~="];
const FIELDS: &[&str] = &["x", "y", "key", "n", "__index", "value", "a"];
const PATTERNS: &[&str] = &["'%a+'", "'.'", "'(%w)(%w)'", "'^%s*'", "'l+'", "'%d*$'", "'()'", "'[^a-m]'", "'%f[%w]'"];

/// The reference makes `x - 0` an addition, which loses the sign of a negative zero; so it does with whatever it can
/// see to be zero, as `~-1`.
pub(super) fn subtrahend<'a>(operator: &str, operand: &'a str) -> &'a str {
    // Names and calls have other letters than numerals have.
    let is_constant = !operand.contains(|c: char| c.is_ascii_alphabetic() && c != 'x' && !c.is_ascii_hexdigit());
    let is_numeral = operand.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && operand != "0";
    if operator == "-" && is_constant && !is_numeral { "1" } else { operand }
}

impl Generator {
    /// An expression of a random kind.
    pub(super) fn any(&mut self) -> String {
        let kind = *self.random.pick(&KINDS);
        match self.random.below(12) {
            0 => "nil".into(),
            1 => "true".into(),
            2 => self.condition(),
            3 if self.has_varargs => "(...)".into(),
            _ => self.expression(kind),
        }
    }

    /// An expression of a kind.
    pub(super) fn expression(&mut self, kind: Kind) -> String {
        if self.depth > 6 || self.random.one_in(3) {
            if let Some(name) = self.variable(kind) {
                return name;
            }
        }
        self.depth += 1;
        let result = match kind {
            Kind::Number => self.number(),
            Kind::Text => self.string(),
            Kind::Record => self.record(),
            Kind::List => self.list(),
            Kind::Function => self.function(),
        };
        self.depth -= 1;
        result
    }

    fn number(&mut self) -> String {
        if self.depth > 7 {
            return self.random.pick(INTEGERS).to_string();
        }
        match self.random.below(14) {
            0..=2 => self.random.pick(INTEGERS).to_string(),
            3 => self.random.pick(FLOATS).to_string(),
            4..=7 => {
                let (a, b) = (self.operand(), self.operand());
                let operator = *self.random.pick(ARITHMETIC);
                format!("({a} {operator} {})", subtrahend(operator, &b))
            }
            8 => format!("(- {})", self.operand()),
            9 => format!("(~{})", self.operand()),
            10 => format!("#{}", self.variable(Kind::List).unwrap_or("'four'".into())),
            11 => format!("math.{}({})", self.random.pick(&["floor", "abs", "ceil", "tointeger"]), self.operand()),
            12 => format!("select('#', {}, {})", self.any(), self.any()),
            _ => format!("({}):byte({})", self.expression(Kind::Text), self.random.below(5)),
        }
    }

    /// Mostly a number; else what can be made one, has metamethods, or is an error.
    fn operand(&mut self) -> String {
        match self.random.below(50) {
            0 => self.expression(Kind::Text),
            1 => self.expression(Kind::Record),
            2 => self.any(),
            _ => self.expression(Kind::Number),
        }
    }

    fn string(&mut self) -> String {
        if self.depth > 7 {
            return self.random.pick(TEXTS).to_string();
        }
        let text = |it: &mut Generator| format!("short({})", it.expression(Kind::Text));
        match self.random.below(13) {
            0..=2 => self.random.pick(TEXTS).to_string(),
            3..=5 => {
                let mut parts = vec![text(self), self.operand()];
                if self.random.one_in(2) {
                    parts.push(text(self));
                }
                format!("({})", parts.join(" .. "))
            }
            6 => format!("{}:sub({}, {})", text(self), self.random.below(5), self.random.below(9) as i64 - 4),
            7 => format!("{}:rep({}, ',')", text(self), self.random.below(5)),
            8 => format!("{}:{}()", text(self), self.random.pick(&["upper", "lower", "reverse"])),
            9 => format!("({}:gsub({}, {}))", text(self), self.random.pick(PATTERNS), self.replacement()),
            10 => format!("short({})", self.expression(Kind::Number)),
            11 => format!("string.format({}, {})", self.random.pick(&["'%5.1f'", "'%d'", "'%q'", "'%x'", "'%g'"]), self.operand()),
            _ => format!("table.concat({}, '-')", self.expression(Kind::List)),
        }
    }

    fn replacement(&mut self) -> String {
        match self.random.below(4) {
            0 => "'<%0>'".into(),
            1 => "{a = 1, l = 'L'}".into(),
            2 => "function(a, b) return b end".into(),
            _ => "string.upper".into(),
        }
    }

    fn record(&mut self) -> String {
        if self.depth > 7 {
            return "{}".into();
        }
        let fields = self.fields();
        match self.random.below(4) {
            0 => format!("rich({fields}, '{}')", self.random.below(10)),
            1 => format!("setmetatable({fields}, {{__index = {}}})", self.expression(Kind::Record)),
            _ => fields,
        }
    }

    fn fields(&mut self) -> String {
        let count = self.random.below(5);
        let fields: Vec<String> = (0..count)
            .map(|_| {
                let value = self.any();
                match self.random.below(4) {
                    0 => format!("[ {}] = {value}", self.key()),
                    _ => format!("{} = {value}", self.random.pick(FIELDS)),
                }
            })
            .collect();
        format!("{{{}}}", fields.join(", "))
    }

    /// Mostly a good key; else nil or not-a-number.
    pub(super) fn key(&mut self) -> String {
        match self.random.below(6) {
            0 => self.expression(Kind::Text),
            1 => self.expression(Kind::Number),
            2 => "1.0".into(),
            3 => "'v' .. 1".into(),
            _ => format!("'{}'", self.random.pick(FIELDS)),
        }
    }

    /// A field of a record, as a place or a value.
    pub(super) fn field(&mut self) -> String {
        // Never a list: nil for one of its elements would leave a hole.
        let record = self.assignable(Kind::Record).unwrap_or("cache".into());
        match self.random.below(3) {
            0 => format!("{record}[ {}]", self.key()),
            _ => format!("{record}.{}", self.random.pick(FIELDS)),
        }
    }

    fn list(&mut self) -> String {
        if self.depth > 7 {
            return "{1}".into();
        }
        match self.random.below(5) {
            0 => format!("{{({}):byte(1, 20)}}", self.expression(Kind::Text)),
            1 => format!("{{table.unpack({}, 1, 3)}}", self.random.pick(&["{1, 2, 3}", "{'a', 'b', 'c'}"])),
            _ => {
                let count = self.random.below(6);
                let items: Vec<String> = (0..count).map(|_| self.item()).collect();
                format!("{{{}}}", items.join(", "))
            }
        }
    }

    /// What may stand in a list: never nil, whatever happens.
    pub(super) fn item(&mut self) -> String {
        match self.random.below(2) {
            0 => format!("({} or 0)", self.expression(Kind::Number)),
            _ => format!("short({})", self.expression(Kind::Text)),
        }
    }

    fn function(&mut self) -> String {
        if self.depth > 5 || self.statements == 0 {
            return self.random.pick(&["math.type", "show", "short", "type", "select"]).to_string();
        }
        let (a, b) = (self.fresh(), self.fresh());
        let has_varargs = self.random.one_in(2);
        let dots = if has_varargs { ", ..." } else { "" };
        let outer = std::mem::take(&mut self.text);
        self.function_body(&[(&a, Kind::Number), (&b, Kind::Text)], false, has_varargs);
        let body = std::mem::replace(&mut self.text, outer);
        format!("function({a}, {b}{dots})\n{body}{}end", "  ".repeat(self.indent))
    }

    /// A call of a function, with any arguments.
    pub(super) fn call(&mut self) -> String {
        let function = self.variable(Kind::Function).unwrap_or("short".into());
        let extra = if self.has_varargs && self.random.one_in(3) { ", ..." } else { "" };
        let (a, b) = (self.expression(Kind::Number), self.expression(Kind::Text));
        match self.random.below(8) {
            0 => format!("{}({a}, {b}{extra})", self.variable(Kind::Record).unwrap_or("short".into())),
            1 => format!("pcall({function}, {a}, {b}{extra})"),
            2 => format!("select(2, {function}({a}, {b}{extra}))"),
            3 => format!("xpcall({function}, function(e) return short(e) .. '!' end, {a}, {b})"),
            _ => format!("{function}({a}, {b}{extra})"),
        }
    }

    pub(super) fn condition(&mut self) -> String {
        match self.random.below(6) {
            0 => format!("not {}", self.any()),
            1 => format!("({} and {})", self.any(), self.any()),
            2 => format!("({} or {})", self.any(), self.any()),
            3 => format!("({} == {})", self.any(), self.any()),
            4 => {
                let (a, b) = (self.expression(Kind::Text), self.expression(Kind::Text));
                format!("({a} {} {b})", self.random.pick(COMPARISONS))
            }
            _ => {
                let (a, b) = (self.operand(), self.operand());
                format!("({a} {} {b})", self.random.pick(COMPARISONS))
            }
        }
    }
}
