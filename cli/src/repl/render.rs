//! What the prompt shows for a value of its own machine: readable, and never more than a screen or two.
//!
//! Tables are read raw; the only code of the program that runs is `__tostring`.

use perilune_vm::{Ctx, Error, Kind};

use super::layout::{Item, Shape};

/// Tables inside tables that are shown.
const DEPTH: usize = 3;
/// Items of one table that are shown, and of a table inside another.
const ITEMS: usize = 60;
const ITEMS_INSIDE: usize = 16;
/// Items of all tables in one value that are shown.
const ITEMS_TOTAL: usize = 150;
/// Bytes that are shown of a string by itself, and of one inside a table.
const TEXT: usize = 8000;
const TEXT_INSIDE: usize = 200;

/// The text for the value at `index`, which must not count from the top.
///
/// # Errors
/// The memory limit. An error in `__tostring` is shown as the value.
pub fn value(ctx: &mut Ctx<'_>, index: i32) -> Result<Vec<u8>, Error> {
    let mut renderer = Renderer { ctx, above: Vec::new(), left: ITEMS_TOTAL };
    Ok(renderer.shape(index, TEXT)?.layout().into_bytes())
}

struct Renderer<'a, 'vm> {
    ctx: &'a mut Ctx<'vm>,
    /// Addresses of the tables that are being shown.
    above: Vec<u64>,
    /// Items that may still be shown.
    left: usize,
}

impl Renderer<'_, '_> {
    fn shape(&mut self, index: i32, text_limit: usize) -> Result<Shape, Error> {
        if let Some(text) = self.converted(index)? {
            return Ok(Shape::Leaf(text));
        }
        match self.ctx.kind(index) {
            Kind::Str => {
                let bytes = self.ctx.bytes(index).unwrap_or_default();
                Ok(Shape::Leaf(quoted(bytes, text_limit)))
            }
            Kind::Table => self.table(index),
            _ => Ok(Shape::Leaf(self.plain(index)?)),
        }
    }

    /// What `__tostring` says, if there is one.
    fn converted(&mut self, index: i32) -> Result<Option<String>, Error> {
        if self.ctx.kind(index) == Kind::Str || !self.ctx.metafield(index, b"__tostring") {
            return Ok(None);
        }
        let function = self.ctx.top();
        self.ctx.push_copy(index);
        let text = match crate::engine::protected_call(self.ctx, 1)? {
            Ok(0) => "(__tostring returns nothing)".into(),
            Ok(_) => self.text_of(function as i32, TEXT),
            Err(message) => {
                let first = message.split(|&byte| byte == b'\n').next().unwrap_or_default();
                format!("(error in __tostring: {})", String::from_utf8_lossy(first))
            }
        };
        self.ctx.set_top(function - 1);
        Ok(Some(text))
    }

    fn text_of(&self, index: i32, limit: usize) -> String {
        match self.ctx.bytes(index) {
            Some(bytes) => cut(&String::from_utf8_lossy(bytes), limit),
            None => "(__tostring returns no string)".into(),
        }
    }

    /// What `tostring` says.
    fn plain(&mut self, index: i32) -> Result<String, Error> {
        Ok(match self.ctx.value(index) {
            perilune_vm::Value::Nil | perilune_vm::Value::None => "nil".into(),
            perilune_vm::Value::Bool(value) => value.to_string(),
            perilune_vm::Value::Int(_) | perilune_vm::Value::Float(_) => {
                self.ctx.push_copy(index);
                let text = String::from_utf8_lossy(self.ctx.check_bytes(-1)?).into_owned();
                self.ctx.pop(1);
                text
            }
            perilune_vm::Value::Function => match self.ctx.function_position(index) {
                Some((name, place)) => format!("function {name} ({}:{})", String::from_utf8_lossy(&perilune_compile::chunk_id(&place.source)), place.line),
                None => "function".into(),
            },
            perilune_vm::Value::Native => {
                format!("function {} (native)", self.ctx.native_label(index).unwrap_or_else(|| "without name".into()))
            }
            _ => {
                let name = self.ctx.type_name_of(index);
                format!("{}: {:#x}", String::from_utf8_lossy(&name), self.ctx.address(index).unwrap_or(0))
            }
        })
    }

    fn table(&mut self, index: i32) -> Result<Shape, Error> {
        let address = self.ctx.address(index).unwrap_or(0);
        let name = self.name(index);
        if self.above.contains(&address) {
            return Ok(Shape::Leaf(format!("{name}{{cycle}}")));
        }
        if self.above.len() == DEPTH || self.left == 0 {
            self.ctx.push_nil();
            let is_empty = !self.ctx.next(index)?;
            self.ctx.pop(if is_empty { 0 } else { 2 });
            return Ok(Shape::Leaf(format!("{name}{}", if is_empty { "{}" } else { "{…}" })));
        }
        self.above.push(address);
        let items = self.items(index)?;
        self.above.pop();
        Ok(Shape::Table(name, items))
    }

    /// `__name` of a table's class, to stand before it.
    fn name(&mut self, index: i32) -> String {
        match String::from_utf8_lossy(&self.ctx.type_name_of(index)).as_ref() {
            "table" => String::new(),
            name => cut(name, TEXT_INSIDE) + " ",
        }
    }

    fn items(&mut self, index: i32) -> Result<Vec<Item>, Error> {
        let limit = if self.above.len() == 1 { ITEMS } else { ITEMS_INSIDE };
        let mut items = Vec::new();
        let length = self.array_items(index, limit, &mut items)?;
        let mut named = self.named_items(index, length, limit - items.len())?;
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        items.extend(named.into_iter().map(|(_, item)| item));
        if items.len() == limit || self.left == 0 {
            items.push(Item { key: String::new(), value: Shape::Leaf("…".into()) });
        }
        Ok(items)
    }

    /// The values of 1, 2 … up to the first that is nil; how many were looked at.
    fn array_items(&mut self, index: i32, limit: usize, items: &mut Vec<Item>) -> Result<i64, Error> {
        let mut length = 0;
        while items.len() < limit && self.left > 0 {
            self.ctx.raw_get_int(index, length + 1);
            if self.ctx.is_nil(-1) {
                self.ctx.pop(1);
                break;
            }
            length += 1;
            items.push(self.item(String::new())?);
        }
        Ok(length)
    }

    /// Items under other keys, with what they are sorted by.
    fn named_items(&mut self, index: i32, length: i64, limit: usize) -> Result<Vec<(Order, Item)>, Error> {
        let mut items = Vec::new();
        self.ctx.push_nil();
        while items.len() < limit && self.left > 0 {
            if !self.ctx.next(index)? {
                return Ok(items);
            }
            if self.ctx.kind(-2) == Kind::Int && self.ctx.to_int(-2).is_some_and(|key| 1 <= key && key <= length) {
                self.ctx.pop(1);
                continue;
            }
            let (order, key) = self.key(self.ctx.top() as i32 - 1)?;
            items.push((order, self.item(key + " = ")?));
        }
        self.ctx.pop(1);
        Ok(items)
    }

    /// An item whose value is on the top; pops it.
    fn item(&mut self, key: String) -> Result<Item, Error> {
        self.left = self.left.saturating_sub(1);
        let value = self.shape(self.ctx.top() as i32, TEXT_INSIDE)?;
        self.ctx.pop(1);
        Ok(Item { key, value })
    }

    fn key(&mut self, index: i32) -> Result<(Order, String), Error> {
        if let Some(bytes) = self.ctx.bytes(index) {
            let text = if is_name(bytes) {
                String::from_utf8_lossy(bytes).into_owned()
            } else {
                format!("[{}]", quoted(bytes, TEXT_INSIDE))
            };
            return Ok((Order::Text(text.clone()), text));
        }
        let order = match (self.ctx.kind(index), self.ctx.to_int(index)) {
            (Kind::Int, Some(key)) => Order::Integer(key),
            _ => Order::Other,
        };
        // A table as a key is shown by its address: what is in it would hide the value.
        Ok((order, format!("[{}]", self.plain(index)?)))
    }
}

/// In which order keys are shown.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Integer(i64),
    Text(String),
    Other,
}

/// Whether a string can stand as a name.
pub fn is_name(bytes: &[u8]) -> bool {
    let is_word = |&byte: &u8| byte == b'_' || byte.is_ascii_alphanumeric();
    let starts_well = bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
    starts_well && bytes.iter().all(is_word) && !KEYWORDS.iter().any(|keyword| keyword.as_bytes() == bytes)
}

/// Words that are no names.
pub const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
    "not", "or", "repeat", "return", "then", "true", "until", "while",
];

fn quoted(bytes: &[u8], limit: usize) -> String {
    let shown = &bytes[..bytes.len().min(limit)];
    let mut text = String::from("\"");
    for chunk in shown.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_escaped(c, &mut text));
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text.push('"');
    if shown.len() < bytes.len() {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}

fn push_escaped(c: char, text: &mut String) {
    match c {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        // What a terminal would obey is spelled out.
        c if (c as u32) < 0x20 || c as u32 == 0x7F => text.push_str(&format!("\\x{:02X}", c as u32)),
        c if c.is_control() => text.push_str(&format!("\\u{{{:X}}}", c as u32)),
        c => text.push(c),
    }
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
