//! A line of text form as tokens.

/// One token of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Str(Vec<u8>),
}

/// Writes a byte string in quotes, so that `split` reads it back.
pub(super) fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// Splits a line; a semicolon begins a comment, commas and blanks separate.
pub(super) fn split(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() || rest.starts_with(';') {
            return Ok(tokens);
        }
        if let Some(inside) = rest.strip_prefix('"') {
            let (bytes, after) = unquote(inside)?;
            tokens.push(Token::Str(bytes));
            rest = after;
            continue;
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"');
        let end = rest.find(ends).unwrap_or(rest.len());
        tokens.push(Token::Word(rest[..end].to_owned()));
        rest = &rest[end..];
    }
}

/// Reads a string after its opening quote; returns it and what follows it.
fn unquote(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((bytes, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'x')) => {
                    let digits = text.get(at + 2..at + 4).ok_or("unfinished escape")?;
                    bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "bad escape")?);
                    chars.nth(1);
                }
                Some((_, c @ ('"' | '\\'))) => bytes.push(c as u8),
                _ => return Err("bad escape".into()),
            },
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("unfinished string".into())
}
