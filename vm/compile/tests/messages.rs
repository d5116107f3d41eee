//! Messages of programs that break the rules of scopes and labels.

use perilune_compile::{chunk_id, compile, compile_while, CompileError, INTERRUPTED};
use perilune_isa::Chunk;

fn compile_within(source: &[u8], name: &[u8], levels: u32) -> Result<Chunk, CompileError> {
    compile_while(source, name, levels, &mut |_| true)
}

#[test]
fn compilation_can_be_interrupted_while_reading_and_while_making_code() {
    let text = "local a = b.c(d)\n".repeat(20_000);
    for patience in [0, 10_000, 160_000, 170_000] {
        let mut left = patience;
        let refused = compile_while(text.as_bytes(), b"=t", 1, &mut |steps| {
            left -= steps as i64;
            left > 0
        });
        assert_eq!(refused.map(drop).map_err(|error| error.message), Err(INTERRUPTED.to_vec()), "{patience}");
    }
}

fn message(source: &str) -> String {
    String::from_utf8(compile(source.as_bytes(), b"=t").unwrap_err().message).unwrap()
}

#[test]
fn scopes_and_labels() {
    assert_eq!(message("local x <const> = 1\nx = 2"), "t:2: attempt to assign to const variable 'x'");
    assert_eq!(message("local x <const> = f()\nfunction g() x = 2 end"), "t:2: attempt to assign to const variable 'x'");
    assert_eq!(message("local x <close>, y <close> = 1"), "t:1: multiple to-be-closed variables in local list");
    assert_eq!(message("goto l\ndo ::l:: end"), "t:2: no visible label 'l' for <goto> at line 1");
    assert_eq!(message("goto l; local a\n::l:: f()"), "t:2: <goto l> at line 1 jumps into the scope of local 'a'");
    assert_eq!(
        message("repeat goto l; local a; ::l:: until a"),
        "t:1: <goto l> at line 1 jumps into the scope of local 'a'"
    );
    assert_eq!(message("::l::\n::l::"), "t:2: label 'l' already defined on line 2");
    assert_eq!(message("break"), "t:1: break outside loop at line 1");
}

#[test]
fn limits() {
    let locals: String = (0..201).map(|i| format!("local a{i}\n")).collect();
    assert_eq!(message(&locals), "t:202: too many local variables (limit is 200) in main function near <eof>");
    let wide = format!("f({}1)", "x(),".repeat(260));
    assert!(message(&wide).contains("function or expression needs too many registers"));
}

#[test]
fn calls_under_way_count_against_the_nesting() {
    let blocks = |n: usize| "do ".repeat(n) + &" end".repeat(n);
    assert!(compile_within(blocks(198).as_bytes(), b"=t", 1).is_ok());
    assert!(compile_within(blocks(100).as_bytes(), b"=t", 99).is_ok());
    let refused = compile_within(blocks(101).as_bytes(), b"=t", 99).map(drop);
    assert_eq!(refused.unwrap_err().message, b"C stack overflow");
    // Where an overflow is being handled there is a little more room.
    assert!(compile_within(blocks(10).as_bytes(), b"=t", 205).is_ok());
    assert!(compile_within(blocks(20).as_bytes(), b"=t", 205).is_err());
    assert!(compile_within(b"", b"=t", u32::MAX).is_ok());
}

#[test]
fn chunk_names() {
    assert_eq!(chunk_id(b"=stdin"), b"stdin");
    assert_eq!(chunk_id(b"return 1"), b"[string \"return 1\"]");
    assert_eq!(chunk_id(b"a\nb"), b"[string \"a...\"]");
    assert_eq!(chunk_id(&[b"@".as_slice(), &[b'x'; 80]].concat()).len(), 59);
}
