//! What an input is: a chunk, or the beginning of one.

/// The text to compile for an input that may begin with `=`, as in old Lua.
pub fn without_equals(input: &[u8]) -> Vec<u8> {
    match input.trim_ascii_start().strip_prefix(b"=") {
        Some(expression) => [b"return ", expression].concat(),
        None => input.to_vec(),
    }
}

/// Whether more lines are needed: the text ends where the grammar wants something.
pub fn is_incomplete(input: &[u8]) -> bool {
    if input.trim_ascii_start().starts_with(b":") && !input.trim_ascii_start().starts_with(b"::") {
        return false;
    }
    let source = without_equals(input);
    if is_chunk(&as_expression(&source)) {
        return false;
    }
    let errors = perilune_syntax::parse(&source).errors;
    let Some(error) = errors.first().filter(|error| error.message.ends_with("near <eof>")) else { return false };
    // A short string cannot go on in the next line, unless the line's end is escaped.
    !error.message.starts_with("unfinished string") || source.ends_with(b"\\")
}

/// The text that returns the values of an expression list.
pub fn as_expression(source: &[u8]) -> Vec<u8> {
    [b"return ", source].concat()
}

/// Whether the text has the form of a chunk.
pub fn is_chunk(source: &[u8]) -> bool {
    perilune_syntax::parse(source).errors.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_incomplete;

    #[test]
    fn what_needs_more_lines() {
        for text in ["for i = 1, 2 do", "f(", "x =", "= 1 +", "local s = [[a", "x = 'a\\", "if x then y()", "function f()"] {
            assert!(is_incomplete(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_does_not() {
        for text in ["", "1, 2", "=1", "x = 1", "f()", "x = = 1", "'a", "end", ":load x(", "::a::"] {
            assert!(!is_incomplete(text.as_bytes()), "{text}");
        }
    }
}
