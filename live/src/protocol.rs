//! The messages of the live protocol, version 1 (`docs/live-protocol.md`).
//!
//! One JSON object a line. A client sends [`Envelope`]s, the program answers
//! each with a [`Response`] and sends [`Event`]s between them. Lines and
//! columns count from 1; columns count bytes of UTF-8.
//!
//! Nothing here reads or writes a socket, and nothing knows the machine.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Version of the protocol; both sides must speak the same.
pub const VERSION: u32 = 1;
/// Longest line, newline included, that either side accepts.
pub const MAX_LINE: usize = 16 << 20;
/// Deepest nesting of a message.
pub const MAX_DEPTH: usize = 64;

/// A request on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Chosen by the client, repeated in the response.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// An answer on the wire: `result` or `error`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    /// The request's; 0 when it could not be read.
    pub id: u64,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: lower case, one sentence.
    pub message: String,
    /// The reasons of a refused redefinition, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

impl Failure {
    /// A failure without refusals.
    pub fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), refusals: Vec::new() }
    }
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// No request of this protocol, or parameters of wrong types.
    InvalidRequest,
    /// A method that this version does not have.
    UnknownMethod,
    /// The first request was no `hello`, or its version or token is wrong.
    Unauthorized,
    /// The request needs a stopped program.
    NotStopped,
    /// A coroutine, frame or reference that is not (or no longer) there.
    StaleId,
    /// The evaluated code does not compile or raised an error.
    EvaluationFailed,
    /// The redefinition was refused; see the refusals.
    Refused,
    /// The program's thread is inside another evaluation.
    Busy,
    /// The program ended before it could answer.
    Ended,
    /// A defect of Perilune.
    Internal,
}

/// One reason why a redefinition was refused, and where in the new source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// For people.
    pub message: String,
    /// Where in the new text it begins.
    pub start: Position,
    /// Where it ends (exclusive).
    pub end: Position,
}

/// A place in a text; both count from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Everything a client can ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "camelCase")]
pub enum Request {
    /// First message of every connection.
    Hello(Hello),
    /// Whether the program runs, and what it is.
    Status(Status),
    /// The chunks that were loaded.
    Sources(Sources),
    /// The text of a chunk that came from no file.
    Source(Source),
    /// What the machine has learned of the functions of a source.
    Feedback(Feedback),
    /// Has calls and rounds of loops counted, or not any more.
    CountRuns(CountRuns),
    /// Replaces this client's breakpoints in one source.
    SetBreakpoints(SetBreakpoints),
    /// Which errors stop the program.
    SetErrorStops(SetErrorStops),
    /// Lets a program that waits for its first client begin.
    Start(Start),
    /// Stops at the next safepoint.
    Pause(Pause),
    /// Goes on.
    Continue(Continue),
    /// Goes on for a line, into a call, or out of the function.
    Step(Step),
    /// All coroutines that are not dead, the main one first.
    Coroutines(Coroutines),
    /// Frames of a coroutine, innermost first.
    Stack(Stack),
    /// Scopes of a frame.
    Scopes(Scopes),
    /// Children of a scope or value, paged.
    Children(Children),
    /// Evaluates an expression or statements.
    Evaluate(Evaluate),
    /// The live value of an expression at a place of a source, without stopping.
    Lookup(Lookup),
    /// Assigns to a variable, field or element.
    SetVariable(SetVariable),
    /// Candidates to complete a word with.
    Complete(Complete),
    /// Replaces the code of functions.
    Redefine(Redefine),
    /// Stops the evaluation under way with an error.
    Interrupt(Interrupt),
    /// Ends the program.
    Terminate(Terminate),
}

/// A request's parameters, with its name and the type of its result.
pub trait Method: Serialize {
    /// Type of the result.
    type Result: Serialize + DeserializeOwned;
    /// The request with these parameters.
    fn into_request(self) -> Request;
}

macro_rules! methods {
    ($($name:ident => $result:ty),* $(,)?) => {
        $(impl Method for $name {
            type Result = $result;
            fn into_request(self) -> Request {
                Request::$name(self)
            }
        })*
    };
}

methods! {
    Hello => HelloResult,
    Status => StatusResult,
    Sources => SourcesResult,
    Source => SourceResult,
    Feedback => FeedbackResult,
    CountRuns => Empty,
    SetBreakpoints => SetBreakpointsResult,
    SetErrorStops => Empty,
    Start => Empty,
    Pause => Empty,
    Continue => Empty,
    Step => Empty,
    Coroutines => CoroutinesResult,
    Stack => StackResult,
    Scopes => ScopesResult,
    Children => ChildrenResult,
    Evaluate => EvaluateResult,
    Lookup => EvaluateResult,
    SetVariable => Value,
    Complete => CompleteResult,
    Redefine => RedefineResult,
    Interrupt => Empty,
    Terminate => Empty,
}

/// A result without content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Parameters of `hello`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the client, for people.
    pub client: String,
    /// The token of the session file; needed over TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What happens when this client's connection ends.
    #[serde(default)]
    pub on_disconnect: OnDisconnect,
    /// Whether the client wants `output` events of what the program writes to standard output.
    #[serde(default)]
    pub output: bool,
}

/// What the end of a connection means for the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnDisconnect {
    /// The client's breakpoints go and the program continues, if nobody else controls it.
    #[default]
    Continue,
    /// The program ends.
    Terminate,
}

/// Result of `hello`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HelloResult {
    /// [`VERSION`].
    pub version: u32,
    /// The program.
    pub session: SessionInfo,
    /// What it does now.
    pub state: State,
}

/// A program that can be reached; also the content of its session file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// [`VERSION`].
    pub version: u32,
    /// Process id.
    pub pid: u32,
    /// Absolute path of the program's file.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Working directory at its start.
    pub cwd: String,
    /// Seconds since 1970 at its start.
    pub started: u64,
    /// `unix:PATH` or `tcp:HOST:PORT`.
    pub address: String,
    /// Needed in `hello` over TCP; not told by `hello` itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Before its first instruction, for `start`.
    Waiting,
    /// Runs (or is blocked in a call of the operating system).
    Running,
    /// At a breakpoint, after a step, a pause or an error.
    Stopped,
    /// Over.
    Ended,
}

/// Parameters of `status`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Status {}

/// Result of `status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusResult {
    /// What the program does.
    pub state: State,
    /// Why it stands, when it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Coroutines that are not dead.
    pub coroutines: u32,
    /// Bytes of the heap.
    pub memory: u64,
    /// Clients connected, this one included.
    pub clients: u32,
}

/// Parameters of `sources`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sources {}

/// Result of `sources`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourcesResult {
    /// In the order of loading.
    pub sources: Vec<SourceRef>,
}

/// Where code came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRef {
    /// Short name, as error messages show it.
    pub name: String,
    /// Absolute path, when it came from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// For `source`, when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

/// Parameters of `source`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Of a [`SourceRef`].
    pub id: u64,
}

/// Result of `source`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceResult {
    /// The text.
    pub text: String,
}

/// Parameters of `feedback`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Feedback {
    /// Absolute path, or the short name of a chunk that came from no file.
    pub source: String,
    /// Only functions around this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Parameters of `countRuns`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CountRuns {
    /// Whether machine code counts from now on, beginning with zero.
    pub on: bool,
}

/// Result of `feedback`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedbackResult {
    /// In the order of their lines; versions that were replaced come too while something uses them.
    pub functions: Vec<FunctionFeedback>,
}

/// What is known of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionFeedback {
    /// Name in the source text; absent for main functions and functions without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First and last line; 0 and 0 for main functions.
    pub lines: (u32, u32),
    /// How it runs.
    pub stage: Stage,
    /// Calls and rounds of loops until it is compiled, while it is interpreted and may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub countdown: Option<u32>,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// How often its machine code was made anew.
    pub revisions: u32,
    /// How often the machine code met something that it was not made for.
    pub misses: u32,
    /// How often it was called as machine code, while that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Instructions about which something is known.
    pub sites: Vec<SiteFeedback>,
}

/// How a function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// By the interpreter.
    Interpreted,
    /// By the interpreter, which takes notes for the compiler.
    Observed,
    /// As machine code.
    Compiled,
}

/// What is known of an instruction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SiteFeedback {
    /// Line in the source; 0 when that was stripped.
    pub line: u32,
    /// Its name, as `perilune dis` lists it.
    pub instruction: String,
    /// What its operands were: `integer`, `float`, `number` for both, `any`, or `unseen`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operands: Vec<String>,
    /// What all results were; `several` when they differed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What it called: the name of a native function, `Lua`, or `several`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee: Option<String>,
    /// Whether a metamethod decided what it does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metamethod: bool,
    /// What its inline cache knows: `own`, `absent`, `inherited`, `added`, `string` or `megamorphic`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// How often machine code left it to the interpreter for what it met there.
    pub misses: u32,
    /// At the end of a loop: how often that led back to its head in machine code, while that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<u64>,
}

/// Parameters of `setBreakpoints`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetBreakpoints {
    /// Absolute path of the source, or a chunk's short name.
    pub source: String,
    /// All that shall be there; those of before go.
    pub breakpoints: Vec<BreakpointSpec>,
}

/// A wanted breakpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakpointSpec {
    /// Line, from 1.
    pub line: u32,
    /// Stops only when this expression is true; an error in it stops, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// `N`, `>= N`, `> N`, `== N`, `% N`: which hits count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit_condition: Option<String>,
    /// Prints this instead of stopping; `{expression}` is replaced by its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_message: Option<String>,
}

/// Result of `setBreakpoints`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetBreakpointsResult {
    /// In the order of the request.
    pub breakpoints: Vec<Breakpoint>,
}

/// A breakpoint as it is; also the content of the event `breakpoint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakpoint {
    /// Stays the same as long as the breakpoint is there.
    pub id: u64,
    /// Whether code for it is loaded.
    pub verified: bool,
    /// Where it stops: the line asked for, or the next one with code.
    pub line: u32,
    /// Why it is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Parameters of `setErrorStops`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SetErrorStops {
    /// Which errors stop.
    pub stops: ErrorStops,
}

/// Which errors stop the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorStops {
    /// None.
    #[default]
    Never,
    /// Those that nothing catches.
    Uncaught,
    /// Every one, where it is raised.
    All,
}

/// Parameters of `start`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Stops at the first line.
    #[serde(default)]
    pub stop_on_entry: bool,
}

/// Parameters of `pause`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Pause {}

/// Parameters of `continue`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Continue {}

/// Parameters of `step`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Step {
    /// How far.
    pub kind: StepKind,
    /// The coroutine that steps; the stopped one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coroutine: Option<u64>,
}

/// How far a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepKind {
    /// To the next line of this function (calls, yields and resumes run through) or its caller's.
    Over,
    /// To the next line, in a called function or a resumed coroutine too.
    Into,
    /// To the caller, just after the call.
    Out,
}

/// Parameters of `coroutines`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Coroutines {}

/// Result of `coroutines`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoroutinesResult {
    /// The main one first, then by age.
    pub coroutines: Vec<Coroutine>,
}

/// A coroutine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coroutine {
    /// Stays the same for its life; the main coroutine's is 0.
    pub id: u64,
    /// `main`, or its function's name and where it was created.
    pub name: String,
    /// As `coroutine.status` says (`dead` ones are not listed).
    pub status: CoroutineStatus,
    /// Who resumed it, while it is running or normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumer: Option<u64>,
    /// Where it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Location>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// As `coroutine.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CoroutineStatus {
    /// The one that runs (or stands at a stop).
    Running,
    /// In a yield, or not begun.
    Suspended,
    /// Resumed another one.
    Normal,
    /// Over.
    Dead,
}

/// A line of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The source.
    pub source: SourceRef,
    /// The line.
    pub line: u32,
}

/// Parameters of `stack`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stack {
    /// Which one.
    pub coroutine: u64,
    /// Frames to skip.
    #[serde(default)]
    pub start: u32,
    /// Frames wanted; all (but never more than 1000) when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// Result of `stack`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StackResult {
    /// Innermost first.
    pub frames: Vec<Frame>,
    /// Frames there are.
    pub total: u32,
}

/// A frame; its id is good until the program continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Frame {
    /// For `scopes` and `evaluate`.
    pub id: u64,
    /// Name of the function, as a traceback shows it.
    pub name: String,
    /// Lua or native.
    pub kind: FrameKind,
    /// Where it stands; `None` for natives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Whether it was entered by a tail call (callers are missing).
    #[serde(default)]
    pub tail_call: bool,
    /// Whether the function was redefined since: the frame finishes the old version.
    #[serde(default)]
    pub outdated: bool,
    /// First and last line of the function's definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<(u32, u32)>,
}

/// What runs in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FrameKind {
    /// A function of the program.
    Lua,
    /// A function of the library or the host.
    Native,
}

/// Parameters of `scopes`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Scopes {
    /// Of `stack`.
    pub frame: u64,
}

/// Result of `scopes`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScopesResult {
    /// Locals, upvalues, varargs (when the function has them), globals.
    pub scopes: Vec<Scope>,
}

/// A scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Which.
    pub kind: ScopeKind,
    /// For `children`.
    pub reference: u64,
    /// Variables in it.
    pub count: u32,
}

/// Kinds of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ScopeKind {
    /// Local variables and parameters that are in scope, innermost last.
    Locals,
    /// Captured variables.
    Upvalues,
    /// Extra arguments.
    Varargs,
    /// The global table.
    Globals,
}

/// Parameters of `children`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Children {
    /// Of a scope or value; not 0.
    pub reference: u64,
    /// Children to skip.
    #[serde(default)]
    pub start: u32,
    /// Children wanted; 1000 when absent, never more than 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Only a part of them.
    #[serde(default)]
    pub filter: ChildFilter,
}

/// Which children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChildFilter {
    /// All: array elements first, then other keys, then the metatable.
    #[default]
    All,
    /// The elements `1..#t` of a table.
    Indexed,
    /// The rest.
    Named,
}

/// Result of `children`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChildrenResult {
    /// The children asked for.
    pub children: Vec<Variable>,
    /// Children there are (with the filter).
    pub total: u32,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    /// Unique among its siblings; for `setVariable`.
    pub name: String,
    /// An expression that evaluates to it in the same frame, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_name: Option<String>,
    /// The value.
    #[serde(flatten)]
    pub value: Value,
}

/// A value as people see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Text: a literal, or a summary like `{1, 2, x = 3}` or `function add (app.lua:12)`.
    pub text: String,
    /// As `type` says, with the subtype of numbers: `integer`, `float`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For `children`; 0 when it has none.
    #[serde(default)]
    pub reference: u64,
    /// Elements `1..#t`.
    #[serde(default)]
    pub indexed: u32,
    /// Other children.
    #[serde(default)]
    pub named: u32,
}

/// Parameters of `evaluate`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluate {
    /// An expression list, or statements.
    pub text: String,
    /// Whose variables it sees; globals only when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// What for: `hover` and `watch` refuse statements.
    #[serde(default)]
    pub context: EvaluateContext,
}

/// What an evaluation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EvaluateContext {
    /// The person's own input.
    #[default]
    Repl,
    /// An expression looked at after each stop.
    Watch,
    /// The mouse rests on it.
    Hover,
}

/// Result of `evaluate` and `lookup`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvaluateResult {
    /// All values, in order.
    pub values: Vec<Value>,
}

/// Parameters of `lookup`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lookup {
    /// Absolute path of the source.
    pub source: String,
    /// A place in it as it was loaded: its function's variables are seen.
    pub position: Position,
    /// A name, or names with `.` between them: never a call.
    pub expression: String,
}

/// Parameters of `setVariable`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SetVariable {
    /// The scope or value that has the variable.
    pub reference: u64,
    /// Its name, as `children` told it.
    pub name: String,
    /// An expression; it sees the frame's variables when `frame` is there.
    pub value: String,
    /// Whose variables the expression sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}

/// Parameters of `complete`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Complete {
    /// The text up to the cursor.
    pub text: String,
    /// Whose variables it sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}

/// Result of `complete`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompleteResult {
    /// How many bytes before the cursor each candidate replaces.
    pub replace: u32,
    /// Candidates, sorted.
    pub candidates: Vec<Candidate>,
}

/// A word to complete with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The word.
    pub text: String,
    /// Type of its value, or `keyword`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// Parameters of `redefine`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redefine {
    /// Absolute path of the source.
    pub source: String,
    /// Its whole new text.
    pub text: String,
    /// Which functions.
    pub target: Target,
    /// Only says whether it would be refused.
    #[serde(default)]
    pub check: bool,
}

/// Which functions are redefined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The innermost named function around this place of the new text.
    At(Position),
    /// The definition of this name, such as `M.start`, `M:stop` or `outer.helper`.
    Named(String),
    /// Every definition whose text differs from the running one.
    Changed,
}

/// Result of `redefine`; also the content of the event `redefined`, with the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedefineResult {
    /// What was replaced.
    pub functions: Vec<Redefined>,
    /// Definitions that are new in the text: they come into being when the code around them runs.
    #[serde(default)]
    pub added: Vec<String>,
    /// Definitions that the text no longer has: they stay callable.
    #[serde(default)]
    pub removed: Vec<String>,
}

/// A replaced definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redefined {
    /// Path of its name.
    pub name: String,
    /// First line in the new text.
    pub line: u32,
    /// Closures that run the new code at their next call.
    pub closures: u32,
    /// Frames that still finish the old code.
    pub running: u32,
}

/// Parameters of `interrupt`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Interrupt {}

/// Parameters of `terminate`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Terminate {}

/// What the program tells without being asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", content = "params", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// It stands.
    Stopped(Stopped),
    /// It goes on.
    Continued {},
    /// A log message of a breakpoint, or what the program wrote.
    Output(Output),
    /// A breakpoint's code was loaded or moved.
    Breakpoint(Breakpoint),
    /// A chunk was loaded.
    Loaded(SourceRef),
    /// Functions were redefined.
    Redefined {
        /// Absolute path.
        source: String,
        /// What happened.
        #[serde(flatten)]
        result: RedefineResult,
    },
    /// It is over; the connection ends.
    Terminated {
        /// Exit code of the process.
        exit_code: i32,
    },
}

/// Why the program stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Why.
    pub reason: StopReason,
    /// The coroutine that stands.
    pub coroutine: u64,
    /// Ids of the breakpoints it stands at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakpoints: Vec<u64>,
    /// The error's message, or what is wrong with a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Reasons to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// `start` asked for it.
    Entry,
    /// A breakpoint.
    Breakpoint,
    /// A step ended.
    Step,
    /// `pause`.
    Pause,
    /// An error was raised.
    Error,
}

/// Something written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it was written.
    pub category: OutputCategory,
    /// What, newline included.
    pub text: String,
    /// Which line of the program did, for log messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// Where output was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutputCategory {
    /// A breakpoint's log message.
    Log,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
