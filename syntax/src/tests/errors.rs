//! The first error of a text, against what PUC Lua 5.4 answers.
//!
//! A line of `errors.txt` is the text, ` --> `, the line and the message; the
//! text has `\n`, `\\` and `\xNN` escapes, the message `\n`.

use crate::parse;

fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => match rest.next().unwrap() {
                b'n' => bytes.push(b'\n'),
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                }
                other => bytes.push(other),
            },
            other => bytes.push(other),
        }
    }
    bytes
}

#[test]
fn the_first_error_has_the_reference_wording() {
    let mut wrong = String::new();
    for fixture in include_str!("errors.txt").lines() {
        let (source, expected) = fixture.rsplit_once(" --> ").unwrap();
        let errors = parse(&unescape(source)).errors;
        let found = errors.first().map_or("ok".into(), |error| {
            format!("{}: {}", error.line, error.message.replace('\n', "\\n"))
        });
        if found != expected {
            wrong += &format!("{source}\n  expected {expected}\n  found    {found}\n");
        }
    }
    assert_eq!(wrong, "");
}
