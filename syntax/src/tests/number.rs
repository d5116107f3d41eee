//! Numerals, exact to the bit.

use crate::number::{Number, numeral};

#[test]
fn numerals() {
    for (text, expected) in [
        ("0", Some(Number::Int(0))),
        ("9223372036854775807", Some(Number::Int(i64::MAX))),
        ("9223372036854775808", Some(Number::Float(9223372036854775808.0))),
        ("0xffffffffffffffff", Some(Number::Int(-1))),
        ("0x1ffffffffffffffff", Some(Number::Int(-1))),
        ("3.", Some(Number::Float(3.0))),
        (".5", Some(Number::Float(0.5))),
        ("3.e2", Some(Number::Float(300.0))),
        ("1e400", Some(Number::Float(f64::INFINITY))),
        ("5e-324", Some(Number::Float(5e-324))),
        ("0x.8", Some(Number::Float(0.5))),
        ("0xA.", Some(Number::Float(10.0))),
        ("0xA.8P1", Some(Number::Float(21.0))),
        ("0x1p-1074", Some(Number::Float(5e-324))),
        ("0x1p-1075", Some(Number::Float(0.0))),
        ("0x1.8p-1075", Some(Number::Float(5e-324))),
        ("0x1p99999999999999999999", Some(Number::Float(f64::INFINITY))),
        ("0x1.fffffffffffff8p0", Some(Number::Float(2.0))),
        ("0x1.fffffffffffff7p1023", Some(Number::Float(f64::MAX))),
        ("0x1.fffffffffffff8p1023", Some(Number::Float(f64::INFINITY))),
        ("0x10000000000000800000000000000001p0", Some(Number::Float(f64::from_bits(0x47b0_0000_0000_0001)))),
        ("0x10000000000000800000000000000000p0", Some(Number::Float(f64::from_bits(0x47b0_0000_0000_0000)))),
        ("0x0.000000000000000000000000000000000001p144", Some(Number::Float(1.0))),
        ("", None), (".", None), ("0x", None), ("0x.", None), ("0x1p", None), ("1e", None), ("1e+", None),
        ("1..2", None), ("3x", None), ("0xg", None), ("0x1p1.", None), ("inf", None), ("nan", None), ("-1", None),
    ] {
        assert_eq!(numeral(text.as_bytes()), expected, "{text}");
    }
}
