//! The instruction table: the one place that names instructions.
//!
//! An instruction is a 32-bit word `op | a << 8 | b << 16 | c << 24`, where the
//! top bit of `op` is the breakpoint flag, followed for some rows by one extra
//! 32-bit word. `bx` is `b | c << 8` (16 bits, unsigned), `sbx` the same signed,
//! `sj` the 24 bits above the opcode, signed. Jumps count words from the first
//! word after the whole instruction (its extra word included).
//!
//! Calls: the callee stands in `r[a]`, `r[a+1]` is left free for the frame
//! header, arguments begin at `r[a+2]`, results are put at `r[a]` and upwards.
//!
//! Operand kinds, by field (`a b c bx sbx sj` of the first word; `e` is the whole
//! extra word, `cache` and `key` are its low and high halves):
//! `Out` register written, `In` register read, `InOut` both, `Base` first of a run of
//! registers, `Up` upvalue index, `Const` constant index (any kind), `Number` index of a number
//! constant, `Key` index of a string constant, `Proto` child function, `Imm` unsigned immediate,
//! `SImm` signed immediate (8 bits in b or c), `Count1` a count plus one where 0 means "up to the top",
//! `Flag` 0 or 1, `Cache` inline-cache index, `Jump` signed word offset.
//!
//! The second table names the quick forms of instructions, which only the interpreter knows.
//!
//! Nothing here encodes, runs or prints: everything that does is derived.

/// Calls the macro `$then` with every row of the table.
///
/// A row is `Variant "mnemonic" (field: Kind, ...) "what it does";`.
#[macro_export]
macro_rules! for_each_instruction {
    ($then:ident) => {
        $then! {
Move "move" (a: Out, b: In) "r[a] = r[b]";
LoadInt "load_int" (a: Out, sbx: SImm) "r[a] = integer sbx";
LoadFloat "load_float" (a: Out, sbx: SImm) "r[a] = float sbx";
LoadK "load_k" (a: Out, bx: Const) "r[a] = k[bx]";
LoadKX "load_kx" (a: Out, e: Const) "r[a] = k[e]";
LoadNil "load_nil" (a: Base, b: Imm) "r[a] .. r[a+b] = nil";
LoadTrue "load_true" (a: Out) "r[a] = true";
LoadFalse "load_false" (a: Out) "r[a] = false";
LoadFalseSkip "load_false_skip" (a: Out) "r[a] = false, then skip the next instruction, which is one word long";
GetUpvalue "get_upvalue" (a: Out, b: Up) "r[a] = upvalue b";
SetUpvalue "set_upvalue" (a: In, b: Up) "upvalue b = r[a]";
GetUpTable "get_up_table" (a: Out, b: Up, cache: Cache, key: Key) "r[a] = upvalue b [k[key]]";
SetUpTable "set_up_table" (a: In, b: Up, cache: Cache, key: Key) "upvalue b [k[key]] = r[a]";
SetUpTableK "set_up_table_k" (b: Up, c: Const, cache: Cache, key: Key) "upvalue b [k[key]] = k[c]";
GetField "get_field" (a: Out, b: In, cache: Cache, key: Key) "r[a] = r[b][k[key]]";
SetField "set_field" (a: In, b: In, cache: Cache, key: Key) "r[b][k[key]] = r[a]";
SetFieldK "set_field_k" (b: In, c: Const, cache: Cache, key: Key) "r[b][k[key]] = k[c]";
GetIndex "get_index" (a: Out, b: In, c: In) "r[a] = r[b][r[c]]";
SetIndex "set_index" (a: In, b: In, c: In) "r[b][r[c]] = r[a]";
SetIndexK "set_index_k" (a: Const, b: In, c: In) "r[b][r[c]] = k[a]";
GetInt "get_int" (a: Out, b: In, c: Imm) "r[a] = r[b][integer c]";
SetInt "set_int" (a: In, b: In, c: Imm) "r[b][integer c] = r[a]";
Method "method" (a: Out, b: In, cache: Cache, key: Key) "r[a+2] = r[b]; r[a] = r[b][k[key]] (r[a+1] is left free)";
NewTable "new_table" (a: Out, b: Imm, e: Imm) "r[a] = new table with room for e items and b string keys";
SetList "set_list" (a: In, b: Count1, c: Imm, e: Imm) "r[a][e+i] = r[a+c+i-1] for i = 1 .. b-1, or up to the top when b is 0 (then the top falls back to the frame's size)";
Add "add" (a: Out, b: In, c: In) "r[a] = r[b] + r[c]";
Sub "sub" (a: Out, b: In, c: In) "r[a] = r[b] - r[c]";
Mul "mul" (a: Out, b: In, c: In) "r[a] = r[b] * r[c]";
Div "div" (a: Out, b: In, c: In) "r[a] = r[b] / r[c]";
IDiv "idiv" (a: Out, b: In, c: In) "r[a] = r[b] // r[c]";
Mod "mod" (a: Out, b: In, c: In) "r[a] = r[b] % r[c]";
Pow "pow" (a: Out, b: In, c: In) "r[a] = r[b] ^ r[c]";
BAnd "band" (a: Out, b: In, c: In) "r[a] = r[b] & r[c]";
BOr "bor" (a: Out, b: In, c: In) "r[a] = r[b] | r[c]";
BXor "bxor" (a: Out, b: In, c: In) "r[a] = r[b] ~ r[c]";
Shl "shl" (a: Out, b: In, c: In) "r[a] = r[b] << r[c]";
Shr "shr" (a: Out, b: In, c: In) "r[a] = r[b] >> r[c]";
AddK "add_k" (a: Out, b: In, c: Number) "r[a] = r[b] + k[c]";
SubK "sub_k" (a: Out, b: In, c: Number) "r[a] = r[b] - k[c]";
MulK "mul_k" (a: Out, b: In, c: Number) "r[a] = r[b] * k[c]";
DivK "div_k" (a: Out, b: In, c: Number) "r[a] = r[b] / k[c]";
IDivK "idiv_k" (a: Out, b: In, c: Number) "r[a] = r[b] // k[c]";
ModK "mod_k" (a: Out, b: In, c: Number) "r[a] = r[b] % k[c]";
PowK "pow_k" (a: Out, b: In, c: Number) "r[a] = r[b] ^ k[c]";
BAndK "band_k" (a: Out, b: In, c: Number) "r[a] = r[b] & k[c]";
BOrK "bor_k" (a: Out, b: In, c: Number) "r[a] = r[b] | k[c]";
BXorK "bxor_k" (a: Out, b: In, c: Number) "r[a] = r[b] ~ k[c]";
ShlK "shl_k" (a: Out, b: In, c: Number) "r[a] = r[b] << k[c]";
ShrK "shr_k" (a: Out, b: In, c: Number) "r[a] = r[b] >> k[c]";
KAdd "k_add" (a: Out, b: Number, c: In) "r[a] = k[b] + r[c]";
KSub "k_sub" (a: Out, b: Number, c: In) "r[a] = k[b] - r[c]";
KMul "k_mul" (a: Out, b: Number, c: In) "r[a] = k[b] * r[c]";
KDiv "k_div" (a: Out, b: Number, c: In) "r[a] = k[b] / r[c]";
AddImm "add_imm" (a: Out, b: In, c: SImm) "r[a] = r[b] + integer c";
SubImm "sub_imm" (a: Out, b: In, c: SImm) "r[a] = r[b] - integer c";
Neg "neg" (a: Out, b: In) "r[a] = -r[b]";
BNot "bnot" (a: Out, b: In) "r[a] = ~r[b]";
Not "not" (a: Out, b: In) "r[a] = not r[b]";
Len "len" (a: Out, b: In) "r[a] = #r[b]";
Concat "concat" (a: Base, b: Imm) "r[a] = r[a] .. ... .. r[a+b-1], right to left; b is at least 2";
Jump "jump" (sj: Jump) "pc += sj; sj is not negative";
Loop "loop" (sj: Jump) "pc += sj after a safepoint poll; sj is negative";
Eq "eq" (a: In, b: In, c: Flag, e: Jump) "if (r[a] == r[b]) == c then pc += e";
Lt "lt" (a: In, b: In, c: Flag, e: Jump) "if (r[a] < r[b]) == c then pc += e";
Le "le" (a: In, b: In, c: Flag, e: Jump) "if (r[a] <= r[b]) == c then pc += e";
EqK "eq_k" (a: In, b: Const, c: Flag, e: Jump) "if (r[a] == k[b]) == c then pc += e (raw equality: a constant has no __eq)";
EqImm "eq_imm" (a: In, b: SImm, c: Flag, e: Jump) "if (r[a] == integer b) == c then pc += e";
LtImm "lt_imm" (a: In, b: SImm, c: Flag, e: Jump) "if (r[a] < integer b) == c then pc += e";
LeImm "le_imm" (a: In, b: SImm, c: Flag, e: Jump) "if (r[a] <= integer b) == c then pc += e";
GtImm "gt_imm" (a: In, b: SImm, c: Flag, e: Jump) "if (r[a] > integer b) == c then pc += e";
GeImm "ge_imm" (a: In, b: SImm, c: Flag, e: Jump) "if (r[a] >= integer b) == c then pc += e";
Test "test" (a: In, c: Flag, e: Jump) "if truthy(r[a]) == c then pc += e";
TestSet "test_set" (a: Out, b: In, c: Flag, e: Jump) "if truthy(r[b]) == c then r[a] = r[b], pc += e";
ForPrep "for_prep" (a: Base, e: Jump) "numeric for: r[a] start, r[a+1] limit, r[a+2] step, checked and converted; if the loop does not run then pc += e, else r[a+3] = start";
ForLoop "for_loop" (a: Base, e: Jump) "advance; if the loop goes on then r[a+3] = the new value, pc += e (negative) after a poll";
TForPrep "tfor_prep" (a: Base, e: Jump) "generic for: r[a] iterator, r[a+1] state, r[a+2] control, r[a+3] closing value, marked to be closed; pc += e (to the tfor_call)";
TForCall "tfor_call" (a: Base, c: Imm) "call r[a](r[a+1], r[a+2]) with the callee copied to r[a+4]; its c results go to r[a+4] .. r[a+3+c]; a tfor_loop follows";
TForLoop "tfor_loop" (a: Base, e: Jump) "if r[a+4] is not nil then r[a+2] = r[a+4], pc += e (negative) after a poll";
Call "call" (a: Base, b: Count1, c: Count1) "call r[a] with b-1 arguments from r[a+2] (0: up to the top); c-1 results at r[a] (0: all, and the top is set)";
TailCall "tail_call" (a: Base, b: Count1, c: Flag) "return r[a](...) in this frame's place; c: upvalues of this frame must be closed first";
Return "return" (a: Base, b: Count1, c: Flag) "return b-1 values from r[a] (0: up to the top); c: upvalues and to-be-closed variables of this frame must be closed first";
Return0 "return0" () "return nothing; nothing to close";
Return1 "return1" (a: In) "return r[a]; nothing to close";
Vararg "vararg" (a: Base, c: Count1) "r[a] .. = c-1 extra arguments (0: all, and the top is set)";
VarargPrep "vararg_prep" (a: Imm) "first instruction of a vararg function with a parameters: moves the frame above its extra arguments";
Closure "closure" (a: Out, bx: Proto) "r[a] = closure of child function bx";
Close "close" (a: Base) "close upvalues and to-be-closed variables from r[a] upwards";
Tbc "tbc" (a: In) "mark r[a] to be closed; an error unless it is nil, false or has __close";
        }
    };
}

/// Calls the macro `$then` with `[$($before)*]` and every quick form.
///
/// A quick form is an opcode that the interpreter writes over the first word of an instruction, in code that runs
/// and nowhere else: chunks, dumps and other readers of code know only the instruction that it is a form of.
/// It takes all operands that the instruction takes, in an order of tests that suits what the place has seen,
/// so it never has to be taken back for them. A form of a pair does the work of the instruction behind it as well,
/// which stays where it is; it is taken back when that gets a breakpoint.
///
/// A row is `Variant: Instruction "what it does"`, with a second instruction after `+` when it does two.
#[macro_export]
macro_rules! for_each_quick_form {
    ($then:ident [$($before:ident)*]) => {
        $then! {
[$($before)*]
AddFloats: Add "two floats are tried first";
SubFloats: Sub "two floats are tried first";
MulFloats: Mul "two floats are tried first";
AddKFloats: AddK "two floats are tried first";
SubKFloats: SubK "two floats are tried first";
MulKFloats: MulK "two floats are tried first";
LtFloats: Lt "two floats are tried first";
LeFloats: Le "two floats are tried first";
GetIndexName: GetIndex "a string key of a table is tried first";
SetIndexName: SetIndex "a string key of a table is tried first";
EqKShort: EqK "the constant is a short string, which is equal to itself alone";
CallLeaf: Call "the leaf form of a native is tried first";
MulAddFloats: Mul + Add "two floats are tried first, and then a float to be added to their product";
MoveMove: Move + Move "both at once";
        }
    };
}
