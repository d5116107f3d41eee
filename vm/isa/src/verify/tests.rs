use super::*;
use crate::{
    proto::{Const, LocalVar, NamedConst, UpvalueDesc},
    sample,
    text::assemble,
};

/// Assembles a body with 20 registers, all of them parameters unless the header says otherwise,
/// and `"key"`, 1 and nil as constants.
fn function(header: &str, body: &str) -> Proto {
    let constants = "const string \"key\"\nconst int 1\nconst nil\nupvalue \"_ENV\" stack 0";
    let parameters = if header.is_empty() { "params 20" } else { header };
    let text = format!("function\nstack 20\n{constants}\n{parameters}\ncode\n{body}\nend");
    assemble(&text).unwrap()
}

fn fault(header: &str, body: &str) -> Option<Fault> {
    verify(&function(header, body))
        .err()
        .map(|error| error.fault)
}

#[track_caller]
fn accepts(body: &str) {
    assert_eq!(fault("", body), None, "\n{body}");
}

#[track_caller]
fn refuses(body: &str, expected: Fault) {
    assert_eq!(fault("", body), Some(expected), "\n{body}");
}

#[test]
fn the_sample_is_accepted() {
    verify(&sample::proto()).unwrap();
}

#[test]
fn operands_are_bounded() {
    refuses("move r0, r20\nreturn0", Fault::Registers(21));
    refuses("load_nil r10, 10\nreturn0", Fault::Registers(21));
    refuses("method r18, r0, k0\nreturn0", Fault::Registers(21));
    refuses("call r10, 10, 1\nreturn0", Fault::Registers(21));
    refuses("call r19, 1, 1\nreturn0", Fault::Registers(21));
    refuses("concat r19, 2\nreturn0", Fault::Registers(21));
    refuses("return r19, 3, 0", Fault::Registers(21));
    refuses("set_list r10, 10, 2, 0\nreturn0", Fault::Registers(21));
    refuses(
        "load_k r0, k3\nreturn0",
        Fault::Operand(crate::op::Kind::Const, 3),
    );
    refuses(
        "get_field r0, r0, k1\nreturn0",
        Fault::Operand(crate::op::Kind::Key, 1),
    );
    refuses(
        "add_k r0, r0, k2\nreturn0",
        Fault::Operand(crate::op::Kind::Number, 2),
    );
    refuses(
        "get_upvalue r0, u1\nreturn0",
        Fault::Operand(crate::op::Kind::Up, 1),
    );
    refuses(
        "closure r0, f0\nreturn0",
        Fault::Operand(crate::op::Kind::Proto, 0),
    );
    refuses("return r0, 1, 2", Fault::Operand(crate::op::Kind::Flag, 2));
    refuses("concat r0, 1\nreturn0", Fault::Count(1));
    accepts("call r10, 9, 11\nreturn0");
}

#[test]
fn words_are_canonical() {
    refuses("word 0xff", Fault::Breakpoint);
    refuses("word 0x7f", Fault::Opcode(0x7f));
    let quick = crate::op::Form::MoveMove as u8;
    refuses(&format!("word {quick:x}\nmove r0, r1\nreturn0"), Fault::Opcode(quick));
    refuses("word 0x04", Fault::Truncated);
    let return0 = crate::op::Op::Return0 as u32;
    refuses(&format!("word {:#x}", return0 | 0x100), Fault::UnusedBits);
}

#[test]
fn jumps_land_on_instructions_in_their_direction() {
    refuses("jump +1\nload_kx r0, k0\nreturn0", Fault::Target(2));
    refuses("jump +9\nreturn0", Fault::Target(10));
    refuses("test r0, 1, +1\nreturn0", Fault::Target(3));
    refuses("return0\njump -1", Fault::Direction(1));
    refuses("loop +0\nreturn0", Fault::Direction(1));
    refuses(
        "top: return0\ntest r0, 1, top\nreturn0",
        Fault::Direction(0),
    );
    refuses("load_false_skip r0\nload_kx r0, k0\nreturn0", Fault::Skip);
    refuses("load_false_skip r0\nreturn0", Fault::Skip);
    refuses("move r0, r1", Fault::FallsOff);
    refuses("", Fault::Empty);
    accepts("top: test r0, 1, out\nloop top\nout: return0");
}

#[test]
fn numeric_loops_are_entered_at_the_top() {
    accepts("for_prep r0, out\nbody: move r5, r3\nfor_loop r0, body\nout: return0");
    accepts("for_prep r0, o\nb: for_prep r4, p\nc: for_loop r4, c\np: for_loop r0, b\no: return0");
    refuses(
        "jump body\nfor_prep r0, out\nbody: move r5, r3\nfor_loop r0, body\nout: return0",
        Fault::IntoLoop(3),
    );
    refuses(
        "for_prep r0, out\nbody: for_loop r1, body\nout: return0",
        Fault::ForPair,
    );
    refuses(
        "for_prep r0, out\nbody: move r5, r3\nout: return0",
        Fault::ForPair,
    );
    refuses("body: for_loop r0, body\nreturn0", Fault::ForPair);
    refuses(
        "for_prep r0, out\nmove r4, r3\nbody: for_loop r0, body\nout: return0",
        Fault::ForPair,
    );
}

#[test]
fn the_state_of_a_numeric_loop_is_its_own() {
    let body =
        |inside: &str| format!("for_prep r4, out\nbody: {inside}\nfor_loop r4, body\nout: return0");
    accepts(&body("move r7, r4"));
    accepts(&body("move r3, r4"));
    accepts(&body("call r8, 1, 2"));
    refuses(&body("move r6, r7"), Fault::ForState(4));
    refuses(&body("load_nil r0, 4"), Fault::ForState(4));
    refuses(&body("call r2, 1, 1"), Fault::ForState(4));
    refuses(
        &body("for_prep r2, p\nq: for_loop r2, q\np: move r8, r8"),
        Fault::ForState(4),
    );
    let mut proto = function("", &body("move r8, r8"));
    let inner = Proto {
        code: vec![crate::op::Op::Return0 as u32],
        max_stack: 2,
        ..Proto::default()
    };
    proto.children.push(inner);
    proto.code[2] = crate::word::abx(crate::op::Op::Closure, 8, 0);
    assert_eq!(verify(&proto), Ok(()));
    proto.children[0].upvalues.push(UpvalueDesc {
        in_stack: true,
        index: 5,
        ..UpvalueDesc::default()
    });
    assert_eq!(verify(&proto).unwrap_err().fault, Fault::ForState(4));
}

#[test]
fn generic_loops_keep_together() {
    accepts(
        "tfor_prep r0, call\nbody: move r9, r4\ncall: tfor_call r0, 1\ntfor_loop r0, body\nreturn r0, 1, 1",
    );
    refuses(
        "tfor_prep r0, call\nbody: move r9, r4\ncall: move r9, r9\ntfor_call r0, 1\ntfor_loop r0, body\nreturn0",
        Fault::GenericFor,
    );
    refuses(
        "tfor_prep r0, call\ncall: tfor_call r0, 1\nreturn0",
        Fault::GenericFor,
    );
    refuses(
        "top: move r0, r0\ntfor_loop r0, top\nreturn0",
        Fault::GenericFor,
    );
    refuses("tfor_call r0, 0\nreturn0", Fault::Count(0));
}

#[test]
fn the_top_passes_to_the_next_instruction_only() {
    accepts("call r4, 1, 0\ncall r2, 0, 1\nreturn0");
    refuses("call r4, 1, 0\nreturn0", Fault::TopUnused);
    refuses(
        "call r4, 1, 0\nmove r0, r0\nreturn r0, 0, 0",
        Fault::TopUnused,
    );
    refuses("return r0, 0, 0", Fault::TopMissing);
    refuses("call r3, 1, 0\ncall r2, 0, 1\nreturn0", Fault::TopMissing);
    refuses(
        "test r0, 1, out\ncall r4, 1, 0\nout: return r0, 0, 0",
        Fault::TopMissing,
    );
}

#[test]
fn vararg_functions_begin_with_their_preparation() {
    assert_eq!(
        fault("vararg", "vararg_prep 0\nvararg r0, 2\nreturn0"),
        None
    );
    assert_eq!(fault("vararg", "return0"), Some(Fault::Vararg));
    assert_eq!(
        fault("vararg", "vararg_prep 1\nreturn0"),
        Some(Fault::Vararg)
    );
    assert_eq!(
        fault("vararg", "top: vararg_prep 0\nloop top"),
        Some(Fault::Vararg)
    );
    refuses("vararg r0, 2\nreturn0", Fault::Vararg);
    refuses("vararg_prep 0\nreturn0", Fault::Vararg);
}

#[test]
fn returns_close_what_was_opened() {
    let kinds = [("return0", false), ("return1 r0", false), ("return r0, 1, 0", false), ("return r0, 1, 1", true)];
    for (end, closes) in kinds {
        let expected = if closes { None } else { Some(Fault::Unclosed) };
        assert_eq!(fault("", &format!("tbc r0\n{end}")), expected, "{end}");
    }
}

#[test]
fn registers_are_written_before_they_are_read() {
    let accepts = |body: &str| assert_eq!(fault("params 0", body), None, "\n{body}");
    let refuses = |body: &str, expected| assert_eq!(fault("params 0", body), Some(expected), "\n{body}");
    accepts("load_nil r0, 1\nmove r2, r1\nreturn0");
    refuses("move r1, r0\nreturn0", Fault::Unwritten(0));
    refuses("load_nil r0, 0\nconcat r0, 2\nreturn0", Fault::Unwritten(1));
    // What a call leaves above its results are words of a dead frame.
    accepts("get_up_table r0, u0, k0\ncall r0, 1, 3\nreturn1 r1");
    refuses("get_up_table r0, u0, k0\ncall r0, 1, 2\nreturn1 r1", Fault::Unwritten(1));
    // One of two ways writes it.
    refuses("load_nil r0, 0\ntest r0, 1, out\nload_nil r1, 0\nout: return1 r1", Fault::Unwritten(1));
    // A conditional move writes only when it jumps.
    refuses("load_nil r0, 0\ntest_set r1, r0, 1, out\nreturn1 r1\nout: return1 r1", Fault::Unwritten(1));
}

#[test]
fn no_frame_lies_over_an_open_variable() {
    let call = "get_up_table r1, u0, k0\nget_up_table r0, u0, k0\ntbc r1\n";
    refuses(&format!("{call}call r0, 1, 1\nreturn r0, 1, 1"), Fault::Overlaid(1));
    accepts(&format!("{call}close r1\ncall r0, 1, 1\nreturn r0, 1, 1"));
}

#[test]
fn headers_are_sane() {
    let check = |change: fn(&mut Proto)| {
        let mut proto = function("", "get_field r0, r0, k0\nreturn0");
        change(&mut proto);
        verify(&proto).unwrap_err().fault
    };
    assert_eq!(check(|p| p.max_stack = 251), Fault::StackSize(251));
    assert_eq!(check(|p| p.max_stack = 1), Fault::StackSize(1));
    assert_eq!(check(|p| p.params = 21), Fault::Parameters(21));
    assert_eq!(check(|p| p.lines = vec![1]), Fault::LineCount(1));
    assert_eq!(check(|p| p.caches = 0), Fault::CacheCount(0));
    assert_eq!(
        check(|p| p.code[1] = crate::word::cache_key(1, 0)),
        Fault::CacheOrder(1)
    );
    assert_eq!(
        check(|p| p.constants[0] = Const::Nil),
        Fault::Operand(crate::op::Kind::Key, 0)
    );
    assert_eq!(
        check(|p| p.locals.push(LocalVar {
            end_pc: 9,
            ..LocalVar::default()
        })),
        Fault::Local(0)
    );
    assert_eq!(
        check(|p| p.named.push(NamedConst {
            end_pc: 9,
            ..NamedConst::default()
        })),
        Fault::NamedConst(0)
    );
}

#[test]
fn an_error_names_the_function() {
    let mut proto = sample::proto();
    proto.children[0].upvalues[1].index = 99;
    let error = verify(&proto).unwrap_err();
    assert_eq!(
        error.to_string(),
        "function main.0: upvalue 1 is not in the enclosing function"
    );
}

#[test]
fn nesting_has_a_limit() {
    let mut proto = function("", "return0");
    for _ in 0..MAX_DEPTH {
        let outer = function("", "return0");
        proto = Proto {
            children: vec![proto],
            ..outer
        };
    }
    assert_eq!(verify(&proto).unwrap_err().fault, Fault::TooDeep);
}
