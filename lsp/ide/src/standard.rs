//! The names that every Lua 5.4 program starts with, and what they are for.
//!
//! One table for each library; the sentences are short, the manual's section is
//! named for the rest.

mod base;
mod string;
mod table;
mod system;
mod debug;

use crate::entity::Signature;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A function or a value of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandardItem {
    /// `string.format`; a method of files is `file:read`.
    pub path: &'static str,
    /// Its parameters as the manual writes them; `None` for what is not a function.
    pub params: Option<&'static str>,
    /// What a call of it results in, or its type.
    pub results: &'static str,
    /// One sentence.
    pub text: &'static str,
    /// Section of the reference manual.
    pub section: &'static str,
}

impl StandardItem {
    /// The name without its library.
    pub fn name(&self) -> &'static str {
        self.path.rsplit(['.', ':']).next().unwrap_or(self.path)
    }

    /// `string.rep(s, n [, sep]) -> string`, `math.pi: float`.
    pub fn declaration(&self) -> String {
        match self.params {
            Some(params) if self.results.is_empty() => format!("{}({params})", self.path),
            Some(params) => format!("{}({params}) -> {}", self.path, self.results),
            None => format!("{}: {}", self.path, self.results),
        }
    }

    /// How it is called, if it is a function.
    pub fn signature(&self) -> Option<Signature> {
        let listed = self.params?.split([',', '[', ']']).map(str::trim).filter(|name| !name.is_empty());
        let (rest, params): (Vec<&str>, Vec<&str>) = listed.partition(|name| *name == "...");
        let is_method = self.path.contains(':');
        Some(Signature { params: params.into_iter().map(String::from).collect(), is_vararg: !rest.is_empty(), is_method })
    }
}

/// A row with parameters and results.
const fn function(
    path: &'static str,
    params: &'static str,
    results: &'static str,
    section: &'static str,
    text: &'static str,
) -> StandardItem {
    StandardItem { path, params: Some(params), results, text, section }
}

/// A row of something that is not called.
const fn value(path: &'static str, kind: &'static str, section: &'static str, text: &'static str) -> StandardItem {
    StandardItem { path, params: None, results: kind, text, section }
}

const TABLES: [&[StandardItem]; 5] = [base::ITEMS, string::ITEMS, table::ITEMS, system::ITEMS, debug::ITEMS];

static BY_PATH: LazyLock<HashMap<&'static str, &'static StandardItem>> =
    LazyLock::new(|| standard_items().map(|item| (item.path, item)).collect());

/// All of it.
pub fn standard_items() -> impl Iterator<Item = &'static StandardItem> {
    TABLES.into_iter().flatten()
}

/// Stands for the table of a file's methods. No variable can have this name.
pub(crate) const FILE: &str = "file*";

/// What the library has at a path such as `string.format`.
pub fn item(path: &str) -> Option<&'static StandardItem> {
    let method = path.strip_prefix(FILE).and_then(|rest| rest.strip_prefix('.'));
    match method {
        Some(method) => BY_PATH.get(format!("file:{method}").as_str()).copied(),
        None => BY_PATH.get(path).copied(),
    }
}

/// The fields of a library, or the methods of `file`.
pub(crate) fn members(library: &str) -> impl Iterator<Item = &'static StandardItem> {
    let library = library.trim_end_matches('*');
    standard_items().filter(move |item| {
        item.path.strip_prefix(library).is_some_and(|rest| rest.starts_with(['.', ':']))
    })
}

/// Whether a global of this name is there before the program assigns any.
pub fn is_standard_global(name: &str) -> bool {
    name == "_ENV" || item(name).is_some()
}
