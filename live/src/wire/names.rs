//! The names that an enumeration has on the wire, asked from its own reader.
//!
//! So the table of methods, events and codes stands in `protocol.rs` only:
//! reading a name that nobody has makes the derived reader list the others.

use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{Error, IntoDeserializer};

/// Names of an enumeration that is tagged inside an object, such as `Request` by `method`.
pub fn tagged_names<T: Deserialize<'static>>(tag: &'static str) -> &'static [&'static str] {
    T::deserialize(MapDeserializer::<_, Names>::new([(tag, "")].into_iter()))
        .err()
        .map_or(&[], |names| names.0)
}

/// Names of an enumeration whose values are plain strings, such as `Code`.
pub fn unit_names<T: Deserialize<'static>>() -> &'static [&'static str] {
    let nobody: StrDeserializer<'_, Names> = "".into_deserializer();
    T::deserialize(nobody).err().map_or(&[], |names| names.0)
}

/// The error of the reader: what it would have accepted.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Names {
        Names(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Names {
        Names(expected)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.join(", "))
    }
}

impl std::error::Error for Names {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Code, Event, Request};

    #[test]
    fn names_are_those_of_the_wire() {
        assert_eq!(tagged_names::<Request>("method")[..3], ["hello", "status", "sources"]);
        assert!(tagged_names::<Event>("event").contains(&"terminated"));
        assert_eq!(unit_names::<Code>()[1], "unknown-method");
    }
}
