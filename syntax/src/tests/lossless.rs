//! Every byte is in the tree, whatever the text; and nothing panics.

use crate::{SyntaxKind, parse, parse_tree};

const SAMPLES: [&str; 3] = [
    include_str!("sample.lua"),
    "#!/usr/bin/lua\nlocal t = { 1, x = 2; [3] = {}, }  -- é\r\nfor i, v in next, t do print(i, v) end\n\n",
    "\u{feff}x = [==[ü\n]]]==] .. 'a\\z \n b\\u{20ac}' --[[ long\n ]] goto l ::l:: ; return f'x', ...",
];

/// Small deterministic generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }
}

fn mutate(random: &mut Random, sample: &str) -> Vec<u8> {
    const PIECES: [&str; 14] =
        ["end", "(", "{", "[[", "'", "\"", "--[[", "function ", "\\", "=", "if ", "until ", "\0", "\n"];
    let mut bytes = sample.as_bytes().to_vec();
    if random.below(3) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    for _ in 0..random.below(5) {
        let at = random.below(bytes.len() + 1);
        match random.below(3) {
            0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            1 => drop(bytes.drain(at..(at + random.below(9)).min(bytes.len()))),
            _ => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
        }
    }
    bytes
}

#[test]
fn samples_are_clean_and_whole() {
    for sample in SAMPLES {
        let tree = parse_tree(sample);
        assert_eq!(tree.errors(), [], "{sample}");
        assert_eq!(tree.syntax().text().to_string(), sample);
        let has_error_node = tree.syntax().descendants().any(|node| node.kind() == SyntaxKind::Error);
        assert!(!has_error_node);
    }
}

#[test]
fn mutated_samples_are_whole() {
    let mut random = Random(1);
    for round in 0..6000 {
        let bytes = mutate(&mut random, SAMPLES[round % SAMPLES.len()]);
        let ast_errors = parse(&bytes).errors;
        let text = String::from_utf8_lossy(&bytes);
        let tree = parse_tree(&text);
        assert_eq!(tree.syntax().text().to_string(), text);
        if text.as_bytes() == bytes {
            assert_eq!(tree.errors(), ast_errors, "{text}");
        }
    }
}

#[test]
fn random_bytes_do_not_panic() {
    let mut random = Random(2);
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..random.below(60)).map(|_| random.below(256) as u8).collect();
        parse(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(parse_tree(&text).syntax().text().to_string(), text);
    }
}

#[test]
fn trivia_stands_outside_the_nodes_it_precedes() {
    let tree = parse_tree("  x = 1 -- c\n  f()");
    for node in tree.syntax().descendants().filter(|node| node.kind() != SyntaxKind::Root) {
        let first = node.first_token().map(|token| token.kind());
        let is_block = node.kind() == SyntaxKind::Block;
        assert!(is_block || !first.is_some_and(SyntaxKind::is_trivia), "{node:?}");
    }
}
