//! Fields of `launch` and `attach`, which people write by hand: each mistake is named.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::refusal::{Reason, Refusal};

/// The fields of a request's arguments. Null counts as absent.
pub struct Fields<'a>(Option<&'a Map<String, Json>>);

fn must_be(name: &str, what: &str) -> Refusal {
    Refusal::new(Reason::BadArguments, format!("`{name}` must be {what}"))
}

impl<'a> Fields<'a> {
    /// The fields, if these are fields.
    pub fn of(command: &str, arguments: &'a Json) -> Result<Fields<'a>, Refusal> {
        match arguments {
            Json::Null => Ok(Fields(None)),
            Json::Object(fields) => Ok(Fields(Some(fields))),
            _ => {
                let text = format!("the arguments of {command} must be an object");
                Err(Refusal::new(Reason::BadArguments, text))
            }
        }
    }

    /// A field as it is.
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| must_be(name, "text"))
    }

    /// A switch; absent means off.
    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        let Some(value) = self.get(name) else { return Ok(false) };
        value.as_bool().ok_or_else(|| must_be(name, "true or false"))
    }

    /// A process id, as a number or as text.
    pub fn pid(&self, name: &str) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        number.map(Some).ok_or_else(|| must_be(name, "a process id"))
    }

    /// A list of texts; absent means empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || must_be(name, "a list of texts");
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(wrong)?;
        list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// Changes to the environment; null removes a variable.
    pub fn environment(&self, name: &str) -> Result<BTreeMap<String, Option<String>>, Refusal> {
        let wrong = || must_be(name, "an object of texts or nulls");
        let Some(value) = self.get(name) else { return Ok(BTreeMap::new()) };
        let variables = value.as_object().ok_or_else(wrong)?;
        let read = |value: &Json| match value {
            Json::Null => Ok(None),
            Json::String(text) => Ok(Some(text.clone())),
            _ => Err(wrong()),
        };
        variables.iter().map(|(name, value)| Ok((name.clone(), read(value)?))).collect()
    }
}
