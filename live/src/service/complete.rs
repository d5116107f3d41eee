//! Candidates for a word: variables in scope, globals, fields of live tables, keywords.

use std::collections::BTreeMap;

use perilune_vm::inspect::Scope;
use perilune_vm::{Ctx, Kind, Vm};

use super::Service;
use super::value;
use crate::protocol::{Candidate, Complete, CompleteResult, Failure};

/// Most candidates in an answer.
const MAX_CANDIDATES: usize = 500;

const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then",
    "true", "until", "while",
];

impl Service {
    pub(super) fn complete(&mut self, vm: &mut Vm, params: Complete) -> Result<CompleteResult, Failure> {
        let frame = params.frame.map(|id| self.frame_key(id)).transpose()?;
        let (chain, word, is_method) = split(&params.text);
        let scope = self.frame_scope(vm, frame, &params.text)?;
        let mut found = BTreeMap::new();
        if chain.is_empty() && !is_method {
            self.add_names(vm, &scope, word, &mut found);
        } else {
            let push = format!("return {}", chain.join("."));
            let fields = self.guarded(vm, |ctx| {
                let mut fields = BTreeMap::new();
                // A name that has no value yet completes to nothing.
                if ctx.load_in(&scope, push.as_bytes(), b"=(completion)", 1).is_ok() && ctx.call(0, Some(1)).is_ok() {
                    add_fields(ctx, word, is_method, &mut fields);
                }
                Ok(fields)
            });
            found = fields.unwrap_or_default();
        }
        vm.end_scope(scope);
        let candidates = found.into_iter().take(MAX_CANDIDATES).map(|(text, kind)| Candidate { text, kind }).collect();
        Ok(CompleteResult { replace: word.len() as u32, candidates })
    }

    fn add_names(&mut self, vm: &mut Vm, scope: &Scope, word: &str, found: &mut BTreeMap<String, String>) {
        let keywords = KEYWORDS.iter().filter(|keyword| keyword.starts_with(word));
        found.extend(keywords.map(|keyword| ((*keyword).to_owned(), "keyword".to_owned())));
        let globals = vm.aside(|ctx| {
            let mut fields = BTreeMap::new();
            ctx.push_globals();
            add_fields(ctx, word, false, &mut fields);
            fields
        });
        found.extend(globals.unwrap_or_default());
        let names = scope.names().iter().map(|name| String::from_utf8_lossy(name).into_owned());
        found.extend(names.filter(|name| name.starts_with(word)).map(|name| (name, "variable".to_owned())));
    }
}

/// Fields of the value on top that begin with `word`, through `__index` tables.
fn add_fields(ctx: &mut Ctx<'_>, word: &str, is_method: bool, found: &mut BTreeMap<String, String>) {
    if ctx.kind(-1) != Kind::Table && !ctx.metafield(-1, b"__index") {
        return;
    }
    for _ in 0..10 {
        if ctx.kind(-1) != Kind::Table {
            return;
        }
        let table = value::absolute(ctx, -1);
        ctx.push_nil();
        while let Ok(true) = ctx.next(table) {
            let is_function = matches!(ctx.kind(-1), Kind::Function | Kind::Native);
            let kind = ctx.kind(-1).name().to_owned();
            ctx.pop(1);
            let key = ctx.bytes(-1).filter(|key| value::is_name(key)).map(|key| String::from_utf8_lossy(key).into_owned());
            if let Some(key) = key
                && key.starts_with(word)
                && (is_function || !is_method)
                && found.len() < 10 * MAX_CANDIDATES
            {
                found.entry(key).or_insert(kind);
            }
        }
        if !ctx.metafield(table, b"__index") {
            return;
        }
    }
}

/// The names before the last dot or colon, the word behind it, and whether it was a colon.
fn split(text: &str) -> (Vec<&str>, &str, bool) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == ':';
    let start = text.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(text.len(), |(at, _)| at);
    let path = &text[start..];
    let cut = path.rfind(['.', ':']);
    let Some(cut) = cut else { return (Vec::new(), path, false) };
    let chain: Vec<&str> = path[..cut].split(['.', ':']).collect();
    if chain.iter().any(|part| !value::is_name(part.as_bytes())) {
        // No names before it, such as `f().x`: nothing is known.
        return (vec!["nil"], &path[cut + 1..], false);
    }
    (chain, &path[cut + 1..], path.as_bytes()[cut] == b':')
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words() {
        assert_eq!(split("x = stri"), (vec![], "stri", false));
        assert_eq!(split("print(string.fo"), (vec!["string"], "fo", false));
        assert_eq!(split("a.b:"), (vec!["a", "b"], "", true));
        assert_eq!(split("f().x"), (vec!["nil"], "x", false));
        assert_eq!(split(""), (vec![], "", false));
    }
}
