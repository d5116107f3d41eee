//! Texts, from noise to nearly right: the parser ends, both sinks agree, and the tree has every byte.

use crate::corpus;
use crate::mutate::{PIECES, mutate};
use crate::random::Random;
use perilune_syntax::{parse, parse_tree};

/// One text.
pub fn case(seed: u64) {
    let mut random = Random::new(seed);
    let bytes = match random.below(4) {
        0 => noise(&mut random),
        1 => soup(&mut random),
        2 => nest(&mut random),
        _ => mutant(&mut random),
    };
    check(&bytes);
}

fn noise(random: &mut Random) -> Vec<u8> {
    (0..random.below(400)).map(|_| random.byte()).collect()
}

fn soup(random: &mut Random) -> Vec<u8> {
    let count = random.below(120);
    (0..count).flat_map(|_| random.pick(PIECES).bytes()).collect()
}

/// A piece of a program inside itself, many times.
fn nest(random: &mut Random) -> Vec<u8> {
    let unit: Vec<u8> = (0..=random.below(3)).flat_map(|_| random.pick(PIECES).bytes()).collect();
    let mut text = b"x = ".to_vec();
    text.extend(unit.repeat(random.below(3000)));
    text
}

fn mutant(random: &mut Random) -> Vec<u8> {
    let text = &random.pick(corpus::programs()).text;
    let start = random.below(text.len());
    let length = random.below(6000);
    let mut bytes = text[start..(start + length).min(text.len())].to_vec();
    mutate(random, &mut bytes);
    bytes
}

/// What must hold for every text.
pub fn check(bytes: &[u8]) {
    let errors = parse(bytes).errors;
    let text = String::from_utf8_lossy(bytes);
    let tree = parse_tree(&text);
    assert_eq!(tree.syntax().text().to_string(), text, "the tree lacks bytes");
    if text.as_bytes() == bytes {
        assert_eq!(tree.errors(), errors, "the sinks see different errors in {text:?}");
    }
    // The compiler has limits of its own; it may refuse, but it ends.
    let compiled = perilune_compile::compile(bytes, b"=fuzz");
    assert!(compiled.is_err() || errors.is_empty(), "a text with errors compiles: {text:?}");
    if let Ok(perilune_isa::Chunk(proto)) = compiled {
        if let Err(why) = perilune_isa::Verified::new(proto) {
            panic!("compiled code is refused: {why} in {text:?}");
        }
    }
}
