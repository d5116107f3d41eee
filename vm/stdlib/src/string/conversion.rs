//! The conversions of `string.format`: C's `printf` on single values, without a VM.

use std::ops::Deref;

use perilune_vm::{Buffer, Patience, number};

/// The characters that may stand between `%` and the conversion letter.
const MODIFIERS: &[u8] = b"-+ #0123456789.";
/// The longest conversion PUC Lua takes, counted without `%`.
const LENGTH_MAX: usize = 22;

/// A conversion as it stands in the format: `%5.2f` without its `%`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Specification<'a> {
    text: &'a [u8],
}

/// The flags, width and precision of a valid conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    is_left: bool,
    has_plus: bool,
    has_space: bool,
    is_alternate: bool,
    is_zero_padded: bool,
    width: usize,
    precision: Option<usize>,
}

impl<'a> Specification<'a> {
    /// The conversion at the start of `format`, which is what follows a `%`.
    pub(super) fn read(format: &'a [u8]) -> Result<Specification<'a>, &'static str> {
        let n_modifiers = format.iter().take_while(|c| MODIFIERS.contains(c)).count();
        let length = n_modifiers + 1;
        if length >= LENGTH_MAX {
            return Err("invalid format (too long)");
        }
        Ok(Specification { text: &format[..length.min(format.len())] })
    }

    /// How many bytes of the format it takes.
    pub(super) fn len(self) -> usize {
        self.text.len()
    }

    /// The conversion letter; zero at the end of the format.
    pub(super) fn letter(self) -> u8 {
        match self.text.last() {
            Some(c) if !MODIFIERS.contains(c) => *c,
            _ => 0,
        }
    }

    /// Whether the letter stands alone.
    pub(super) fn is_bare(self) -> bool {
        self.text.len() == 1
    }


    /// The conversion as messages quote it: C's strings end at a zero.
    pub(super) fn quoted(self) -> Vec<u8> {
        let mut quoted = vec![b'%'];
        quoted.extend(self.text.iter().take_while(|c| **c != 0));
        quoted
    }

    /// Its layout, if only the given flags occur, and a precision only where one is allowed.
    pub(super) fn layout(self, flags: &[u8], may_have_precision: bool) -> Option<Layout> {
        let n_flags = self.text.iter().take_while(|c| flags.contains(c)).count();
        let (flags, mut rest) = self.text.split_at(n_flags);
        let mut layout = Layout {
            is_left: flags.contains(&b'-'),
            has_plus: flags.contains(&b'+'),
            has_space: flags.contains(&b' '),
            is_alternate: flags.contains(&b'#'),
            is_zero_padded: flags.contains(&b'0'),
            ..Layout::default()
        };
        if rest.first() != Some(&b'0') {
            layout.width = two_digits(&mut rest);
            if may_have_precision && rest.first() == Some(&b'.') {
                rest = &rest[1..];
                layout.precision = Some(two_digits(&mut rest));
            }
        }
        rest.first().is_some_and(u8::is_ascii_alphabetic).then_some(layout)
    }
}

fn two_digits(rest: &mut &[u8]) -> usize {
    let n = rest.iter().take(2).take_while(|c| c.is_ascii_digit()).count();
    let (digits, tail) = rest.split_at(n);
    *rest = tail;
    digits.iter().fold(0, |sum, c| sum * 10 + usize::from(c - b'0'))
}

/// Where conversions are put.
pub(crate) trait Text {
    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]);

    /// Appends a byte `n` times.
    fn pad(&mut self, byte: u8, n: usize);
}

impl Text for Buffer {
    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn pad(&mut self, byte: u8, n: usize) {
        self.fill(byte, n);
    }
}

/// A text that takes no memory of its own.
pub(crate) struct ShortText {
    bytes: [u8; ShortText::ROOM],
    length: usize,
}

impl ShortText {
    /// The longest one.
    const ROOM: usize = 256;

    /// An empty text.
    pub(crate) fn new() -> ShortText {
        ShortText { bytes: [0; ShortText::ROOM], length: 0 }
    }

    /// The text, unless it got too long.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }
}

impl Text for ShortText {
    fn append(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            match *bytes {
                [] => {}
                // As most are: a call would take longer.
                [byte] => place[0] = byte,
                _ => place.copy_from_slice(bytes),
            }
        }
        self.length = end;
    }

    fn pad(&mut self, byte: u8, n: usize) {
        let end = self.length.saturating_add(n);
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.fill(byte);
        }
        self.length = end;
    }
}

impl Layout {
    /// `%s` and `%c`.
    pub(super) fn put_bytes(&self, bytes: &[u8], out: &mut impl Text) {
        let shown = &bytes[..bytes.len().min(self.precision.unwrap_or(usize::MAX))];
        self.put("", shown, false, out);
    }

    /// `%d` and `%i`.
    pub(super) fn put_signed(&self, value: i64, out: &mut impl Text) {
        let digits = Digits::new(value.unsigned_abs(), 10, false);
        self.put_digits(self.sign(value < 0), &digits, out);
    }

    /// `%u`, `%o`, `%x` and `%X`.
    pub(super) fn put_unsigned(&self, value: u64, letter: u8, out: &mut impl Text) {
        let base = match letter {
            b'o' => 8,
            b'x' | b'X' => 16,
            _ => 10,
        };
        let digits = Digits::new(value, base, letter == b'X');
        let prefix = match letter {
            b'x' if self.is_alternate && value != 0 => "0x",
            b'X' if self.is_alternate && value != 0 => "0X",
            b'o' if self.is_alternate && !self.starts_with_zero(&digits) => "0",
            _ => "",
        };
        self.put_digits(prefix, &digits, out);
    }

    /// `%a`, `%e`, `%f`, `%g` and their capitals.
    pub(super) fn put_float(&self, value: f64, letter: u8, out: &mut impl Text) {
        let sign = self.sign(value.is_sign_negative());
        let magnitude = value.abs();
        let mut prefix = sign.to_owned();
        let mut text = if value.is_nan() {
            "nan".to_owned()
        } else if value.is_infinite() {
            "inf".to_owned()
        } else {
            match letter.to_ascii_lowercase() {
                b'e' => number::scientific(magnitude, self.precision.unwrap_or(6), self.is_alternate),
                b'f' => number::fixed(magnitude, self.precision.unwrap_or(6), self.is_alternate),
                b'g' => number::general(magnitude, self.precision.unwrap_or(6), self.is_alternate),
                _ => {
                    prefix.push_str("0x");
                    hexadecimal(magnitude, self.precision, self.is_alternate)
                }
            }
        };
        if letter.is_ascii_uppercase() {
            text.make_ascii_uppercase();
            prefix.make_ascii_uppercase();
        }
        self.put(&prefix, text.as_bytes(), value.is_finite(), out);
    }

    fn sign(&self, is_negative: bool) -> &'static str {
        match (is_negative, self.has_plus, self.has_space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    fn starts_with_zero(&self, digits: &Digits) -> bool {
        let is_zero = **digits == *b"0";
        self.precision.map_or(is_zero, |n| n > digits.len() || is_zero && n > 0)
    }

    /// At least as many digits as the precision asks for: none for zero at precision zero.
    fn put_digits(&self, prefix: &str, digits: &Digits, out: &mut impl Text) {
        match self.precision {
            None => self.put(prefix, digits, true, out),
            Some(0) if **digits == *b"0" => self.put(prefix, b"", false, out),
            Some(n) => {
                let zeros = &[b'0'; 99][..n.saturating_sub(digits.len()).min(99)];
                self.put(prefix, &[zeros, digits].concat(), false, out);
            }
        }
    }

    fn put(&self, prefix: &str, body: &[u8], may_zero_pad: bool, out: &mut impl Text) {
        let padding = self.width.saturating_sub(prefix.len() + body.len());
        let with_zeros = self.is_zero_padded && may_zero_pad && !self.is_left;
        if !self.is_left && !with_zeros {
            out.pad(b' ', padding);
        }
        out.append(prefix.as_bytes());
        if with_zeros {
            out.pad(b'0', padding);
        }
        out.append(body);
        if self.is_left {
            out.pad(b' ', padding);
        }
    }
}

/// The digits of a number.
struct Digits {
    bytes: [u8; 22],
    start: usize,
}

impl Digits {
    fn new(mut value: u64, base: u64, has_capitals: bool) -> Digits {
        let alphabet = if has_capitals { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let mut digits = Digits { bytes: [0; 22], start: 22 };
        loop {
            digits.start -= 1;
            digits.bytes[digits.start] = alphabet[(value % base) as usize];
            value /= base;
            if value == 0 {
                return digits;
            }
        }
    }
}

impl Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// C's `%a` without sign and `0x`, as glibc chooses the digits.
fn hexadecimal(magnitude: f64, precision: Option<usize>, keep_point: bool) -> String {
    const FRACTION_BITS: usize = 52;
    let bits = magnitude.to_bits();
    let biased = (bits >> FRACTION_BITS) as i32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = if magnitude == 0.0 { 0 } else { biased.max(1) - 1023 };
    let mut mantissa = fraction | u64::from(biased != 0) << FRACTION_BITS;
    if let Some(n) = precision.filter(|n| *n < 13) {
        mantissa = round_to_even(mantissa, FRACTION_BITS - 4 * n);
    }
    let mut digits = format!("{:013x}", mantissa & ((1 << FRACTION_BITS) - 1));
    match precision {
        None => digits.truncate(digits.trim_end_matches('0').len()),
        Some(n) if n < 13 => digits.truncate(n),
        Some(n) => digits.push_str(&"0".repeat(n - 13)),
    }
    let point = if keep_point || !digits.is_empty() { "." } else { "" };
    format!("{}{point}{digits}p{exponent:+}", mantissa >> FRACTION_BITS)
}

/// The value with its lowest `n` bits cleared, rounded to nearest, ties to even.
fn round_to_even(value: u64, n: usize) -> u64 {
    let unit = 1u64 << n;
    let lost = value & (unit - 1);
    let kept = value - lost;
    let round_up = lost > unit / 2 || (lost == unit / 2 && kept & unit != 0);
    if round_up { kept + unit } else { kept }
}

/// `%q` of a string: a literal that reads back as the same bytes.
pub(super) fn quote(bytes: &[u8], out: &mut Buffer, patience: &mut Patience) {
    const PIECE: usize = 1 << 14;
    out.push(b'"');
    for (at, &c) in bytes.iter().enumerate() {
        if at % PIECE == PIECE - 1 && !patience.step(PIECE) {
            return;
        }
        let digit_follows = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        match c {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', c]),
            _ if c.is_ascii_control() && digit_follows => out.extend_from_slice(format!("\\{c:03}").as_bytes()),
            _ if c.is_ascii_control() => out.extend_from_slice(format!("\\{c}").as_bytes()),
            _ => out.push(c),
        }
    }
    out.push(b'"');
}

/// `%q` of an integer.
pub(super) fn quote_int(value: i64, out: &mut Buffer) {
    // The digits of the smallest integer alone would read as a float.
    let text = if value == i64::MIN { format!("0x{value:x}") } else { value.to_string() };
    out.extend_from_slice(text.as_bytes());
}

/// `%q` of a float.
pub(super) fn quote_float(value: f64, out: &mut Buffer) {
    if value.is_nan() {
        out.extend_from_slice(b"(0/0)");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"1e9999" } else { b"-1e9999" });
    } else {
        Layout::default().put_float(value, b'a', out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(spec: &str, put: impl Fn(&Layout, u8, &mut Buffer)) -> String {
        let spec = Specification::read(spec.as_bytes()).unwrap();
        let layout = spec.layout(b"-+ #0", true).unwrap();
        let mut out = Buffer::with_room(usize::MAX);
        put(&layout, spec.letter(), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn integers() {
        let signed = [("d", 5, "5"), ("5d", -5, "   -5"), ("-5d", 5, "5    "), ("05d", -5, "-0005"), ("+d", 5, "+5"), (" d", 5, " 5"),
            (".3d", 5, "005"), (".0d", 0, ""), ("08.3d", 5, "     005"), ("d", i64::MIN, "-9223372036854775808")];
        for (spec, value, expected) in signed {
            assert_eq!(with(spec, |l, _, out| l.put_signed(value, out)), expected, "{spec}");
        }
        let unsigned = [("x", 255, "ff"), ("#X", 255, "0XFF"), ("#o", 8, "010"), ("#x", 0, "0"), ("#06x", 255, "0x00ff"), ("#.0o", 0, "0"), ("x", u64::MAX, "ffffffffffffffff")];
        for (spec, value, expected) in unsigned {
            assert_eq!(with(spec, |l, c, out| l.put_unsigned(value, c, out)), expected, "{spec}");
        }
    }

    #[test]
    fn floats() {
        let cases = [
            ("f", 1.5, "1.500000"), (".0f", 0.5, "0"), (".0f", 1.5, "2"), (".0f", 2.5, "2"), ("#.0f", 1.0, "1."), ("010.2f", -3.14159, "-000003.14"),
            ("e", 0.0, "0.000000e+00"), (".2e", 12345.0, "1.23e+04"), ("E", 1e-300, "1.000000E-300"), ("g", 100000.0, "100000"), ("g", 1e6, "1e+06"),
            ("#g", 1.0, "1.00000"), (".3g", 0.00001234, "1.23e-05"), ("g", 0.0001, "0.0001"), ("#.0e", 1.0, "1.e+00"), (".0g", 0.05, "0.05"),
            ("a", 1.0, "0x1p+0"), (".0a", 1.99999, "0x2p+0"), (".3a", 1.0 / 3.0, "0x1.555p-2"), ("A", 0.1, "0X1.999999999999AP-4"), ("a", 5e-324, "0x0.0000000000001p-1022"),
            ("#.0a", 1.0, "0x1.p+0"), ("20a", 1.5, "            0x1.8p+0"), ("020a", 1.5, "0x0000000000001.8p+0"), ("+a", 2.5, "+0x1.4p+1"), ("a", -0.0, "-0x0p+0"),
            ("05f", f64::INFINITY, "  inf"), ("+f", f64::NAN, "+nan"), ("F", f64::NEG_INFINITY, "-INF"), (".15a", 1.0, "0x1.000000000000000p+0"),
        ];
        for (spec, value, expected) in cases {
            assert_eq!(with(spec, |l, c, out| l.put_float(value, c, out)), expected, "{spec} {value}");
        }
    }

    #[test]
    fn literals() {
        let mut out = Buffer::with_room(usize::MAX);
        quote(b"a\x001\n\r\"\\\x7f\xc8", &mut out, &mut Patience::endless());
        assert_eq!(*out, *b"\"a\\0001\\\n\\13\\\"\\\\\\127\xc8\"");
        let mut out = Buffer::with_room(usize::MAX);
        quote_int(i64::MIN, &mut out);
        assert_eq!(*out, *b"0x8000000000000000");
    }

    #[test]
    fn invalid_layouts() {
        let read = |text: &'static str| Specification::read(text.as_bytes()).unwrap();
        assert!(read("123d").layout(b"-+0 ", true).is_none());
        assert!(read(".123d").layout(b"-+0 ", true).is_none());
        assert!(read("+x").layout(b"-#0", true).is_none());
        assert!(read("05s").layout(b"-", true).is_none());
        assert!(read(".5c").layout(b"-", false).is_none());
        assert_eq!(read("5").letter(), 0);
        assert_eq!(read("").quoted(), b"%");
        assert!(Specification::read(b"0000000000000000000000000d").is_err());
    }
}
