//! Values as text that a person can read: on one line if they fit, else indented.

/// Columns that a value may take on one line.
const WIDTH: usize = 78;

/// A value to be laid out.
pub enum Shape {
    /// Something without parts.
    Leaf(String),
    /// A table: what stands before it, and its items.
    Table(String, Vec<Item>),
}

/// An item of a table.
pub struct Item {
    /// The key with its `= `; empty in the array part.
    pub key: String,
    /// The value.
    pub value: Shape,
}

impl Shape {
    /// The text.
    pub fn layout(&self) -> String {
        let mut text = String::new();
        self.write(0, 0, &mut text);
        text
    }

    fn width(&self) -> usize {
        match self {
            Shape::Leaf(text) => text.chars().count(),
            Shape::Table(before, items) => {
                let inner: usize = items.iter().map(Item::width).sum();
                before.chars().count() + 2 + inner + 2 * items.len().saturating_sub(1)
            }
        }
    }

    /// Writes the value where `column` columns are taken already.
    fn write(&self, indent: usize, column: usize, text: &mut String) {
        match self {
            Shape::Leaf(leaf) => text.push_str(leaf),
            Shape::Table(before, items) => {
                text.push_str(before);
                text.push('{');
                if column + self.width() <= WIDTH {
                    write_flat(items, text);
                } else {
                    write_broken(items, indent, text);
                }
                text.push('}');
            }
        }
    }
}

impl Item {
    fn width(&self) -> usize {
        self.key.chars().count() + self.value.width()
    }
}

fn write_flat(items: &[Item], text: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&item.key);
        // It fits, as the whole does.
        item.value.write(0, 0, text);
    }
}

fn write_broken(items: &[Item], indent: usize, text: &mut String) {
    for item in items {
        text.push('\n');
        text.push_str(&"  ".repeat(indent + 1));
        text.push_str(&item.key);
        let column = 2 * (indent + 1) + item.key.chars().count();
        item.value.write(indent + 1, column, text);
        text.push(',');
    }
    text.push('\n');
    text.push_str(&"  ".repeat(indent));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(key: &str, text: &str) -> Item {
        Item { key: key.into(), value: Shape::Leaf(text.into()) }
    }

    #[test]
    fn short_tables_take_one_line() {
        let inner = Shape::Table("Point ".into(), vec![leaf("x = ", "1")]);
        let outer = Shape::Table(String::new(), vec![leaf("", "1"), Item { key: "p = ".into(), value: inner }]);
        assert_eq!(outer.layout(), "{1, p = Point {x = 1}}");
    }

    #[test]
    fn long_tables_are_broken_at_the_outside_first() {
        let inner = || Shape::Table(String::new(), vec![leaf("a = ", &"x".repeat(50))]);
        let items = vec![Item { key: "p = ".into(), value: inner() }, Item { key: "q = ".into(), value: inner() }];
        let x = "x".repeat(50);
        let expected = format!("{{\n  p = {{a = {x}}},\n  q = {{a = {x}}},\n}}");
        assert_eq!(Shape::Table(String::new(), items).layout(), expected);
    }
}
