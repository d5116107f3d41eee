//! The stock Lua 5.4 interpreter as a peer: what Perilune is compared with.
//!
//! A small stand-alone main over the C library. It knows the options that the
//! test suite and the benchmarks use (`-e`, `-l`, `-v`, `-`), and no prompt.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::ptr;

type State = *mut c_void;
type Function = unsafe extern "C" fn(State) -> c_int;

const MULTIPLE_RESULTS: c_int = -1;
const GC_RESTART: c_int = 1;
const GC_GENERATIONAL: c_int = 10;
const TYPE_STRING: c_int = 4;
const TYPE_NUMBER: c_int = 3;

unsafe extern "C" {
    fn luaL_newstate() -> State;
    fn luaL_openlibs(state: State);
    fn luaL_loadfilex(state: State, name: *const c_char, mode: *const c_char) -> c_int;
    fn luaL_loadstring(state: State, text: *const c_char) -> c_int;
    fn luaL_loadbufferx(
        state: State,
        text: *const c_char,
        length: usize,
        name: *const c_char,
        mode: *const c_char,
    ) -> c_int;
    fn luaL_traceback(state: State, of: State, message: *const c_char, level: c_int);
    fn luaL_callmeta(state: State, index: c_int, event: *const c_char) -> c_int;
    fn lua_pcallk(
        state: State,
        arguments: c_int,
        results: c_int,
        handler: c_int,
        context: isize,
        continuation: *const c_void,
    ) -> c_int;
    fn lua_gc(state: State, what: c_int, ...) -> c_int;
    fn lua_gettop(state: State) -> c_int;
    fn lua_settop(state: State, index: c_int);
    fn lua_rotate(state: State, index: c_int, n: c_int);
    fn lua_type(state: State, index: c_int) -> c_int;
    fn lua_typename(state: State, kind: c_int) -> *const c_char;
    fn lua_tolstring(state: State, index: c_int, length: *mut usize) -> *const c_char;
    fn lua_pushcclosure(state: State, function: Function, upvalues: c_int);
    fn lua_pushstring(state: State, text: *const c_char) -> *const c_char;
    fn lua_createtable(state: State, array: c_int, fields: c_int);
    fn lua_rawseti(state: State, table: c_int, key: i64);
    fn lua_setglobal(state: State, name: *const c_char);
    fn lua_getglobal(state: State, name: *const c_char) -> c_int;
    fn lua_pushlightuserdata(state: State, data: *mut c_void);
    fn lua_touserdata(state: State, index: c_int) -> *mut c_void;
    fn lua_close(state: State);
}

/// Turns an error value into the message with its traceback.
unsafe extern "C" fn message_handler(state: State) -> c_int {
    unsafe {
        let mut message = text_at(state, 1);
        if message.is_null() {
            let has_text = luaL_callmeta(state, 1, c"__tostring".as_ptr()) != 0;
            if has_text && lua_type(state, -1) == TYPE_STRING {
                return 1;
            }
            let kind = CStr::from_ptr(lua_typename(state, lua_type(state, 1)));
            let text = format!("(error object is a {} value)", kind.to_string_lossy());
            message = lua_pushstring(state, c_string(text.into_bytes()).as_ptr());
        }
        luaL_traceback(state, state, message, 1);
    }
    1
}

unsafe fn text_at(state: State, index: c_int) -> *const c_char {
    unsafe {
        match lua_type(state, index) {
            TYPE_STRING | TYPE_NUMBER => lua_tolstring(state, index, ptr::null_mut()),
            _ => ptr::null(),
        }
    }
}

fn c_string(bytes: Vec<u8>) -> CString {
    CString::new(bytes).expect("arguments hold no zero byte")
}

struct Interpreter {
    state: State,
    name: CString,
}

impl Interpreter {
    fn new(name: CString) -> Interpreter {
        unsafe {
            let state = luaL_newstate();
            luaL_openlibs(state);
            lua_gc(state, GC_RESTART);
            lua_gc(state, GC_GENERATIONAL, 0 as c_int, 0 as c_int);
            Interpreter { state, name }
        }
    }

    /// Calls the function below its `arguments`; false after a reported error.
    fn call(&self, arguments: c_int, results: c_int) -> bool {
        unsafe {
            let base = lua_gettop(self.state) - arguments;
            lua_pushcclosure(self.state, message_handler, 0);
            lua_rotate(self.state, base, 1);
            let status = lua_pcallk(self.state, arguments, results, base, 0, ptr::null());
            lua_rotate(self.state, base, -1);
            lua_settop(self.state, -2);
            self.report(status)
        }
    }

    fn report(&self, status: c_int) -> bool {
        if status == 0 {
            return true;
        }
        let message = unsafe { text_at(self.state, -1) };
        let message = if message.is_null() {
            "(error message not a string)".into()
        } else {
            unsafe { CStr::from_ptr(message) }.to_string_lossy()
        };
        eprintln!("{}: {message}", self.name.to_string_lossy());
        unsafe { lua_settop(self.state, -2) };
        false
    }

    fn set_arguments(&self, all: &[CString], script: usize) {
        unsafe {
            lua_createtable(self.state, 0, 0);
            for (index, argument) in all.iter().enumerate() {
                lua_pushstring(self.state, argument.as_ptr());
                lua_rawseti(self.state, -2, index as i64 - script as i64);
            }
            lua_setglobal(self.state, c"arg".as_ptr());
        }
    }

    fn run_text(&self, text: &CString) -> bool {
        let length = text.as_bytes().len();
        let name = c"=(command line)".as_ptr();
        let status =
            unsafe { luaL_loadbufferx(self.state, text.as_ptr(), length, name, ptr::null()) };
        self.report(status) && self.call(0, 0)
    }

    fn require(&self, module: &CString) -> bool {
        unsafe {
            lua_getglobal(self.state, c"require".as_ptr());
            lua_pushstring(self.state, module.as_ptr());
            let loaded = self.call(1, 1);
            if loaded {
                lua_setglobal(self.state, module.as_ptr());
            }
            loaded
        }
    }

    fn print_version(&self) {
        unsafe {
            luaL_loadstring(self.state, c"print(_VERSION)".as_ptr());
            self.call(0, 0);
        }
    }

    fn run_script(&self, script: &CString, arguments: &[CString]) -> bool {
        let is_standard_input = script.as_bytes() == b"-";
        let name = if is_standard_input { ptr::null() } else { script.as_ptr() };
        let status = unsafe { luaL_loadfilex(self.state, name, ptr::null()) };
        if !self.report(status) {
            return false;
        }
        for argument in arguments {
            unsafe { lua_pushstring(self.state, argument.as_ptr()) };
        }
        self.call(arguments.len() as c_int, MULTIPLE_RESULTS)
    }

    fn run(&self, all: &[CString]) -> bool {
        let script = script_index(all);
        self.set_arguments(all, if script < all.len() { script } else { 0 });
        let mut index = 1;
        while index < script.min(all.len()) {
            let option = all[index].as_bytes();
            let succeeded = match option {
                b"-v" => {
                    self.print_version();
                    true
                }
                b"-e" | b"-l" => {
                    index += 1;
                    let Some(value) = all.get(index) else { return false };
                    if option == b"-e" { self.run_text(value) } else { self.require(value) }
                }
                _ => true,
            };
            if !succeeded {
                return false;
            }
            index += 1;
        }
        match all.get(script) {
            Some(name) => self.run_script(name, &all[script + 1..]),
            None if all.len() > 1 => true,
            None => self.run_script(&c"-".to_owned(), &[]),
        }
    }
}

/// Where the script's name stands: after the options and their values.
fn script_index(all: &[CString]) -> usize {
    let mut index = 1;
    while let Some(argument) = all.get(index) {
        match argument.as_bytes() {
            b"-e" | b"-l" => index += 2,
            b"-" => return index,
            b"--" => return index + 1,
            option if option.starts_with(b"-") => index += 1,
            _ => return index,
        }
    }
    index
}

/// What the protected main function is to do, and how it went.
struct Job {
    interpreter: Interpreter,
    arguments: Vec<CString>,
    succeeded: bool,
}

/// Runs everything below a C function, so that tracebacks end in `[C]: in ?`.
unsafe extern "C" fn protected_main(state: State) -> c_int {
    let job = unsafe { &mut *lua_touserdata(state, 1).cast::<Job>() };
    job.succeeded = job.interpreter.run(&job.arguments);
    0
}

fn main() {
    let arguments: Vec<CString> = std::env::args_os().map(|a| c_string(a.into_vec())).collect();
    let interpreter = Interpreter::new(arguments.first().cloned().unwrap_or_default());
    let state = interpreter.state;
    let mut job = Job { interpreter, arguments, succeeded: false };
    unsafe {
        lua_pushcclosure(state, protected_main, 0);
        lua_pushlightuserdata(state, ptr::from_mut(&mut job).cast());
        let status = lua_pcallk(state, 1, 0, 0, 0, ptr::null());
        job.succeeded &= job.interpreter.report(status);
        lua_close(state);
    }
    std::process::exit(if job.succeeded { 0 } else { 1 });
}
