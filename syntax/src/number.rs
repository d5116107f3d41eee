//! Numerals: text to integer or float, by Lua's rules.
//!
//! Signs and surrounding space are not part of a numeral; whoever converts
//! strings at run time strips them first.

/// The value of a numeral.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
}

/// The value of an unsigned numeral, or `None` when it is malformed.
///
/// Hexadecimal integers wrap around; decimal integers that do not fit become floats.
pub fn numeral(text: &[u8]) -> Option<Number> {
    match text {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits),
        _ => decimal(text),
    }
}

fn decimal(text: &[u8]) -> Option<Number> {
    if !text.first().is_some_and(|first| first.is_ascii_digit() || *first == b'.') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if let Ok(value) = text.parse() {
            return Some(Number::Int(value));
        }
    }
    text.parse().ok().map(Number::Float)
}

fn hexadecimal(text: &[u8]) -> Option<Number> {
    let (mantissa, rest) = Mantissa::read(text);
    if mantissa.digits == 0 {
        return None;
    }
    match rest {
        [] if !mantissa.has_point => Some(Number::Int(mantissa.wrapped as i64)),
        [] => Some(Number::Float(mantissa.scaled(0))),
        [b'p' | b'P', exponent @ ..] => Some(Number::Float(mantissa.scaled(read_exponent(exponent)?))),
        _ => None,
    }
}

/// A hexadecimal mantissa: `bits * 2^exponent`, and whether smaller non-zero bits were dropped.
#[derive(Default)]
struct Mantissa {
    wrapped: u64,
    bits: u64,
    exponent: i64,
    sticky: bool,
    digits: usize,
    has_point: bool,
}

impl Mantissa {
    fn read(text: &[u8]) -> (Mantissa, &[u8]) {
        let mut mantissa = Mantissa::default();
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'.' if !mantissa.has_point => mantissa.has_point = true,
                _ => match char::from(*byte).to_digit(16) {
                    Some(digit) => mantissa.push(u64::from(digit)),
                    None => return (mantissa, &text[at..]),
                },
            }
        }
        (mantissa, &[])
    }

    fn push(&mut self, digit: u64) {
        self.digits += 1;
        self.wrapped = self.wrapped << 4 | digit;
        if self.bits >> 60 == 0 {
            self.bits = self.bits << 4 | digit;
            self.exponent -= if self.has_point { 4 } else { 0 };
        } else {
            self.sticky |= digit != 0;
            self.exponent += if self.has_point { 0 } else { 4 };
        }
    }

    /// The nearest double, ties to even, also among subnormal numbers.
    fn scaled(&self, exponent: i64) -> f64 {
        if self.bits == 0 {
            return 0.0;
        }
        let leading_zeros = i64::from(self.bits.leading_zeros());
        // Bit 0 is free for the dropped bits: more than 53 significant bits are below it.
        let bits = self.bits << leading_zeros | u64::from(self.sticky);
        let magnitude = self.exponent.saturating_add(exponent).saturating_add(63 - leading_zeros);
        if magnitude > 1023 {
            return f64::INFINITY;
        }
        let precision = if magnitude >= -1022 { 53 } else { 53 + 1022 + magnitude };
        if precision < 0 {
            return 0.0;
        }
        let kept = round_to(bits, precision as u32);
        match magnitude >= -1022 {
            true => f64::from_bits((((magnitude + 1022) as u64) << 52) + kept),
            false => f64::from_bits(kept),
        }
    }
}

/// The upper `precision` (at most 53) bits of `bits`, rounded to nearest, ties to even.
fn round_to(bits: u64, precision: u32) -> u64 {
    let drop = 64 - precision;
    let kept = (u128::from(bits) >> drop) as u64;
    let rest = u128::from(bits) & ((1 << drop) - 1);
    let half = 1u128 << (drop - 1);
    kept + u64::from(rest > half || rest == half && kept & 1 == 1)
}

fn read_exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(sign * value)
}
