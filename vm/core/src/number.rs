//! Numbers as text and text as numbers, exactly as PUC Lua 5.4 writes and reads them.
//!
//! Everything here is pure: bytes in, bytes out. The conversions of `string.format` build on
//! [`fixed`], [`scientific`] and [`general`]; flags and widths are the string library's business.

/// A number read from text: Lua's two subtypes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

/// The text of a number, in place.
#[derive(Clone, Copy)]
pub struct NumberText {
    bytes: [u8; NumberText::MAX],
    length: u8,
}

impl NumberText {
    /// No text is longer: `-9223372036854775808` has 20 bytes, `-2.2250738585072e-308` has 21.
    const MAX: usize = 24;

    fn new(parts: &[&[u8]]) -> NumberText {
        let (mut bytes, mut length) = ([0; NumberText::MAX], 0);
        for part in parts {
            bytes[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        NumberText { bytes, length: length as u8 }
    }
}

impl std::ops::Deref for NumberText {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// The float as `tostring` writes it: `%.14g`, with `.0` appended if it would read as an integer.
pub fn format_float(value: f64) -> NumberText {
    let sign: &[u8] = if value.is_sign_negative() { b"-" } else { b"" };
    if value.is_nan() {
        return NumberText::new(&[sign, b"nan"]);
    }
    if value.is_infinite() {
        return NumberText::new(&[sign, b"inf"]);
    }
    if value.abs() < 1e14 && value.trunc() == value {
        return NumberText::new(&[sign, itoa::Buffer::new().format(value.abs() as u64).as_bytes(), b".0"]);
    }
    let text = general(value.abs(), 14, false);
    let is_whole = text.bytes().all(|c| c.is_ascii_digit());
    NumberText::new(&[sign, text.as_bytes(), if is_whole { b".0" } else { b"" }])
}

/// The integer in decimal.
pub fn format_int(value: i64) -> NumberText {
    NumberText::new(&[itoa::Buffer::new().format(value).as_bytes()])
}

/// C's `%f` of a finite, non-negative value.
pub fn fixed(magnitude: f64, precision: usize, keep_point: bool) -> String {
    let Some(units) = rounded(magnitude, precision as i64) else {
        let mut text = format!("{magnitude:.precision$}");
        if keep_point && precision == 0 {
            text.push('.');
        }
        return text;
    };
    let mut text = format!("{units:0>width$}", width = precision + 1);
    if precision > 0 || keep_point {
        text.insert(text.len() - precision, '.');
    }
    text
}

/// C's `%e` of a finite, non-negative value.
pub fn scientific(magnitude: f64, precision: usize, keep_point: bool) -> String {
    let (mut digits, exponent) = digits_and_exponent(magnitude, precision + 1);
    if precision > 0 || keep_point {
        digits.insert(1, '.');
    }
    with_exponent(digits, exponent)
}

/// C's `%g` of a finite, non-negative value; `keep_zeros` is the flag `#`.
pub fn general(magnitude: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let (mut digits, exponent) = digits_and_exponent(magnitude, precision);
    if !keep_zeros {
        digits.truncate(digits.trim_end_matches('0').len().max(1));
    }
    if exponent < -4 || i64::from(exponent) >= precision as i64 {
        if digits.len() > 1 || keep_zeros {
            digits.insert(1, '.');
        }
        return with_exponent(digits, exponent);
    }
    let Ok(whole) = usize::try_from(exponent) else {
        digits.insert_str(0, &"0.000"[..1 + exponent.unsigned_abs() as usize]);
        return digits;
    };
    while digits.len() <= whole {
        digits.push('0');
    }
    if digits.len() > whole + 1 || keep_zeros {
        digits.insert(whole + 1, '.');
    }
    digits
}

/// So many digits (at least one) and the decimal exponent of the first, correctly rounded.
fn digits_and_exponent(magnitude: f64, count: usize) -> (String, i32) {
    if let Some((units, exponent)) = rounded_digits(magnitude, count) {
        return (units.to_string(), exponent);
    }
    let text = format!("{magnitude:.precision$e}", precision = count - 1);
    match text.split_once('e') {
        Some((digits, exponent)) => (digits.replace('.', ""), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

/// The first digits as an integer that has so many, and the exponent; `None` when that takes wider arithmetic.
fn rounded_digits(magnitude: f64, count: usize) -> Option<(u64, i32)> {
    // The widest that an integer of 64 bits always holds.
    const MOST: usize = 18;
    if !(1..=MOST).contains(&count) || magnitude <= 0.0 {
        return None;
    }
    let (first, end) = (10_u64.pow(count as u32 - 1), 10_u64.pow(count as u32));
    // The logarithm may be off by one. Too high, the exponent gives too few digits, or the least integer that has
    // enough, by rounding; too low, too many.
    let start = magnitude.log10().floor() as i32 + 1;
    for exponent in (start - 2..=start).rev() {
        let units = rounded(magnitude, count as i64 - 1 - i64::from(exponent))?;
        if units >= end {
            return Some((first, exponent + 1));
        }
        if units > first {
            return Some((units, exponent));
        }
    }
    Some((first, start - 2))
}

/// The integer next to a finite, non-negative value times a power of ten, ties to even; `None` when that takes wider
/// arithmetic.
fn rounded(magnitude: f64, decimals: i64) -> Option<u64> {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    /// Powers of ten of which the product with a mantissa has less than 128 bits.
    const MOST: u64 = 22;
    let (biased, fraction) = ((magnitude.to_bits() >> FRACTION_BITS) as i32, magnitude.to_bits() & ((1 << FRACTION_BITS) - 1));
    let mantissa = u128::from(if biased == 0 { fraction } else { fraction | 1 << FRACTION_BITS });
    let exponent = biased.max(1) - (f64::MAX_EXP - 1) - FRACTION_BITS as i32;
    if decimals.unsigned_abs() > MOST {
        return None;
    }
    let power = 10_u128.pow(decimals.unsigned_abs() as u32);
    // The value is `above / below`.
    let (mut above, mut below) = if decimals >= 0 { (mantissa * power, 1) } else { (mantissa, power) };
    let side = if exponent >= 0 { &mut above } else { &mut below };
    if side.leading_zeros() <= exponent.unsigned_abs() {
        return None;
    }
    *side <<= exponent.unsigned_abs();
    let (quotient, rest) = match below.is_power_of_two() {
        true => (above >> below.trailing_zeros(), above & (below - 1)),
        false => (above / below, above % below),
    };
    let half = below / 2;
    // An odd `below` is 1: nothing is left.
    let up = rest > half || rest == half && rest > 0 && quotient & 1 == 1;
    u64::try_from(quotient + u128::from(up)).ok()
}

fn with_exponent(mut digits: String, exponent: i32) -> String {
    use std::fmt::Write;
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(digits, "e{sign}{:02}", exponent.unsigned_abs()).ok();
    digits
}

/// The integer equal to `value`, if there is one.
pub fn float_to_int(value: f64) -> Option<i64> {
    // 2^63 itself is a float but not an integer; -2^63 is both.
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (in_range && value.trunc() == value).then_some(value as i64)
}

/// The number `text` stands for, by the rules of `lua_stringtonumber`.
///
/// Whitespace around it is allowed; decimal integers that do not fit become floats, hexadecimal
/// ones wrap around; `inf` and `nan` are not numbers.
pub fn parse(text: &[u8]) -> Option<Number> {
    let text = trim(text);
    let (is_negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if let [b'0', b'x' | b'X', hex @ ..] = digits {
        return parse_hex(hex, is_negative);
    }
    if let Some(int) = parse_decimal_int(digits, is_negative) {
        return Some(Number::Int(int));
    }
    parse_decimal_float(digits, is_negative).map(Number::Float)
}

fn trim(text: &[u8]) -> &[u8] {
    let is_space = |c: &u8| matches!(c, b' ' | b'\t'..=b'\r');
    let Some(start) = text.iter().position(|c| !is_space(c)) else { return &[] };
    let end = text.iter().rposition(|c| !is_space(c)).map_or(start, |last| last + 1);
    &text[start..end]
}

fn parse_decimal_int(digits: &[u8], is_negative: bool) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |sum, c| {
        let digit = c.is_ascii_digit().then(|| i64::from(c - b'0'))?;
        let sum = sum.checked_mul(10)?;
        if is_negative { sum.checked_sub(digit) } else { sum.checked_add(digit) }
    })
}

fn parse_decimal_float(digits: &[u8], is_negative: bool) -> Option<f64> {
    // Rust's parser is correctly rounded but knows "inf", "nan" and a second sign.
    let is_plain = |c: &u8| matches!(c, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    if !matches!(digits.first()?, b'0'..=b'9' | b'.') || !digits.iter().all(is_plain) {
        return None;
    }
    let magnitude: f64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if is_negative { -magnitude } else { magnitude })
}

fn parse_hex(digits: &[u8], is_negative: bool) -> Option<Number> {
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) {
        let value = digits.iter().fold(0i64, |sum, c| sum.wrapping_mul(16).wrapping_add(i64::from(hex_value(*c))));
        return Some(Number::Int(if is_negative { value.wrapping_neg() } else { value }));
    }
    let magnitude = parse_hex_float(digits)?;
    Some(Number::Float(if is_negative { -magnitude } else { magnitude }))
}

fn hex_value(c: u8) -> u8 {
    match c {
        b'0'..=b'9' => c - b'0',
        b'a'..=b'f' => c - b'a' + 10,
        _ => c.wrapping_sub(b'A').wrapping_add(10),
    }
}

fn parse_hex_float(text: &[u8]) -> Option<f64> {
    let mut mantissa = 0u64;
    let mut is_inexact = false;
    let mut exponent = 0i64;
    let mut n_digits = 0usize;
    let mut seen_point = false;
    let mut rest = text;
    while let [c, tail @ ..] = rest {
        if *c == b'.' && !seen_point {
            seen_point = true;
        } else if c.is_ascii_hexdigit() {
            n_digits += 1;
            // 60 bits are more than a float keeps; the rest only decides ties.
            if mantissa >> 56 == 0 {
                mantissa = mantissa << 4 | u64::from(hex_value(*c));
                exponent -= if seen_point { 4 } else { 0 };
            } else {
                is_inexact |= *c != b'0';
                exponent += if seen_point { 0 } else { 4 };
            }
        } else {
            break;
        }
        rest = tail;
    }
    if n_digits == 0 {
        return None;
    }
    Some(round_binary(mantissa, is_inexact, exponent.saturating_add(parse_binary_exponent(rest)?)))
}

fn parse_binary_exponent(text: &[u8]) -> Option<i64> {
    let rest = match text {
        [] => return Some(0),
        [b'p' | b'P', rest @ ..] => rest,
        _ => return None,
    };
    let (is_negative, digits) = match rest.first()? {
        b'-' => (true, &rest[1..]),
        b'+' => (false, &rest[1..]),
        _ => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |sum, c| sum.saturating_mul(10).saturating_add(i64::from(c - b'0')));
    let value = value.min(i64::MAX / 4);
    Some(if is_negative { -value } else { value })
}

/// `mantissa × 2^exponent`, slightly more if `is_inexact`, to the nearest float, ties to even.
fn round_binary(mantissa: u64, is_inexact: bool, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // The lowest bit is sticky: it stands for everything below.
    let bits = mantissa << 1 | u64::from(is_inexact);
    let exponent = exponent - 1;
    let length = i64::from(64 - bits.leading_zeros());
    let top = exponent.saturating_add(length - 1);
    if top > 1023 {
        return f64::INFINITY;
    }
    let precision = if top >= -1022 { 53 } else { 53 - (-1022 - top) };
    if precision < 0 {
        return 0.0;
    }
    let shift = length - precision;
    if shift <= 0 {
        return bits as f64 * power_of_two(exponent);
    }
    let kept = bits.checked_shr(shift as u32).unwrap_or(0);
    let half = 1u64 << (shift - 1);
    let lost = bits & (half - 1 | half);
    let round_up = lost > half || (lost == half && kept & 1 == 1);
    (kept + u64::from(round_up)) as f64 * power_of_two(exponent + shift)
}

/// `2^exponent` for exponents from -1074 to 1023.
fn power_of_two(exponent: i64) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1u64 << (exponent + 1074))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(text: &str) -> f64 {
        match parse(text.as_bytes()) {
            Some(Number::Float(value)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn shown(value: f64) -> String {
        String::from_utf8(format_float(value).to_vec()).unwrap()
    }

    #[test]
    fn floats_are_written_as_lua_does() {
        let cases = [
            (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (-3.0, "-3.0"), (0.1, "0.1"), (1e15, "1e+15"),
            (1e14, "1e+14"), (99999999999999.0, "99999999999999.0"), (1e100, "1e+100"), (1e-5, "1e-05"),
            (0.0001, "0.0001"), (3.14159265358979, "3.1415926535898"), (1.0 / 3.0, "0.33333333333333"),
            (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf"), (f64::NAN, "nan"), (-f64::NAN, "-nan"),
            (5e-324, "4.9406564584125e-324"), (f64::MAX, "1.7976931348623e+308"), (123456789012345.0, "1.2345678901234e+14"),
            (9223372036854775808.0, "9.2233720368548e+18"), (99999999999999.9, "1e+14"),
        ];
        for (value, text) in cases {
            assert_eq!(shown(value), text);
        }
    }

    /// Both ways to the digits, where the short one goes.
    #[test]
    fn digits_are_those_of_exact_arithmetic() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut short = 0;
        for n in 0..40_000_u64 {
            let bits = next();
            let value = match n % 4 {
                0 => f64::from_bits(bits & !(1 << 63)),
                1 => (bits >> 11) as f64 * 10_f64.powi((bits % 40) as i32 - 20),
                // Halves, quarters and the like: ties.
                2 => (bits >> 40) as f64 / f64::from(1_u32 << (bits % 12)),
                _ => 10_f64.powi((bits % 50) as i32 - 25) * (1.0 + f64::EPSILON * ((bits >> 8) % 5) as f64 - f64::EPSILON),
            };
            if !value.is_finite() {
                continue;
            }
            let decimals = (bits >> 32) as usize % 20;
            if let Some(units) = rounded(value, decimals as i64) {
                short += 1;
                let exact = format!("{value:.decimals$}").replace('.', "");
                assert_eq!(units.to_string(), exact.trim_start_matches('0').to_owned() + ["", "0"][usize::from(units == 0)], "{value:e} {decimals}");
            }
            let count = decimals + 1;
            if let Some((units, exponent)) = rounded_digits(value, count) {
                short += 1;
                let exact = format!("{value:.decimals$e}");
                assert_eq!(format!("{units}e{exponent}"), exact.replace('.', ""), "{value:e} {count}");
            }
        }
        assert!(short > 30_000, "the short way went {short} times");
    }

    #[test]
    fn integers_are_read() {
        let cases: [(&str, i64); 12] = [
            ("10", 10), ("  -7\n", -7), ("+3", 3), ("0x10", 16), ("-0xA", -10), ("0xffffffffffffffff", -1),
            ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN), ("0x1ffffffffffffffff", -1),
            ("\t\x0b\x0c\r 5 ", 5), ("00012", 12), ("-0x8000000000000000", i64::MIN),
        ];
        for (text, value) in cases {
            assert_eq!(parse(text.as_bytes()), Some(Number::Int(value)), "{text}");
        }
    }

    #[test]
    fn floats_are_read() {
        let cases = [
            ("9223372036854775808", 9223372036854775808.0), ("-9223372036854775809", -9223372036854775808.0),
            ("1.", 1.0), (".5", 0.5), ("1e2", 100.0), ("1E+2", 100.0), ("-.5e-1", -0.05), ("1e999", f64::INFINITY),
            ("0x.8", 0.5), ("0x1p4", 16.0), ("0xA.8p0", 10.5), ("0x1p-1074", 5e-324), ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324), ("0x1p1024", f64::INFINITY), ("-0x1P+1", -2.0), ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0), ("0x1.000000000000080000000001p0", 1.0000000000000002), ("0x0p99999999999999999999", 0.0),
            ("0x1p-99999999999999999999", 0.0), ("0x.0000000000000000000000001p100", 1.0), ("0x1.", 1.0),
            ("0x1.fffffffffffffp1023", f64::MAX), ("0x1.fffffffffffff8p1023", f64::INFINITY), ("0x1p-1022", f64::MIN_POSITIVE),
        ];
        for (text, value) in cases {
            assert_eq!(float(text), value, "{text}");
        }
        assert!(float("-0.0").is_sign_negative());
    }

    #[test]
    fn other_text_is_no_number() {
        for text in ["", " ", "-", "+", "x", "0x", "0x.", "1e", "1e+", "inf", "nan", "-inf", "infinity", "1 2", "--1", "- 1",
            "+-1", "0x1p", "0x1p+", "0xg", "1.2.3", "0x1.2.3", "1\0", "1_0", ".", "e1", ".e1", "0x p1", "1e1.0", "0b1"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn floats_with_integer_values_convert() {
        assert_eq!(float_to_int(3.0), Some(3));
        assert_eq!(float_to_int(-9223372036854775808.0), Some(i64::MIN));
        for value in [0.5, 9223372036854775808.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(float_to_int(value), None);
        }
    }
}
