//! A function that uses most of what there is, for tests.

use crate::{proto::Proto, text::assemble};

const TEXT: &str = r#"
function ""
  source "@sample.lua"
  lines 0 9
  span 0 120
  params 0
  vararg
  stack 20
  upvalue "_ENV" stack 0
  const string "print"
  const string "x\x00\xff"
  const int -5
  const float 1.5
  const nil
  local "t" r0 4 30
  named "limit" 2 9 own int -5
  named "title" 2 9 own string "sample"
  code
  [1] vararg_prep 0
  [1] new_table r0, 0, 0
  [2] vararg r1, 0
  [2] set_list r0, 0, 1, 0
  [3] get_up_table r1, u0, k0
  [3] get_field r3, r0, k1
  [3] vararg r4, 0
  [3] call r1, 0, 1
  [4] load_int r1, 1
      load_int r2, 10
      load_int r3, 1
      for_prep r1, after
  body: [5] add_k r5, r4, k2
      closure r6, f0
      test r5, 1, skip
      move r7, r6
  skip: concat r5, 2
  [4] for_loop r1, body
  after: [6] method r1, r0, k0
      call r1, 2, 5
      tfor_prep r1, call
  tbody: [7] set_up_table_k u0, k3, k0
      load_false_skip r8
      load_true r8
      lt r8, r5, 0, call
      eq_imm r5, -3, 1, call
  call: [6] tfor_call r1, 2
      tfor_loop r1, tbody
  [8] close r1
      get_up_table r1, u0, k0
      vararg r3, 0
      tail_call r1, 0, 1
      return r0, 1, 1
  function "inner"
    source "@sample.lua"
    lines 5 5
    span 60 80
    params 1
    upvalue "_ENV" up 0 const
    upvalue "t" stack 0
    const string "y"
    local "a" r0 0 5
    named "limit" 0 5 outer int -5
    code
    [5] get_upvalue r1, u1
        set_field r0, r1, k0
        get_up_table r1, u0, k0
        load_nil r1, 2
        return1 r1
  end
end
"#;

/// The sample function.
pub(crate) fn proto() -> Proto {
    assemble(TEXT).expect("the sample is well written")
}
