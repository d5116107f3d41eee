//! Facts about one activation or function, for `debug.getinfo` and tools.
#![allow(unsafe_code)]

use super::{Activation, line_at, proto_of};
use crate::object::{Closure, Native, Thread};
use crate::stack::flag;
use crate::value::{Slot, tag};
use crate::vm::Vm;
use perilune_isa::names;

/// What `debug.getinfo` tells (manual 4.7).
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// Chunk name as given.
    pub source: Vec<u8>,
    /// For people.
    pub short_source: Vec<u8>,
    /// `Lua`, `C` or `main`.
    pub what: &'static str,
    /// Line under way, -1 when unknown.
    pub current_line: i64,
    /// First line of the definition, -1 for natives.
    pub line_defined: i64,
    /// Last line of the definition, -1 for natives.
    pub last_line: i64,
    /// Kind of the name.
    pub name_what: &'static str,
    /// Name, if there is one.
    pub name: Option<Vec<u8>>,
    /// Number of upvalues.
    pub upvalues: u32,
    /// Number of parameters.
    pub params: u32,
    /// Whether it takes extra arguments.
    pub is_vararg: bool,
    /// Whether it was entered by a tail call.
    pub is_tail_call: bool,
    /// First and number of the values that go in or out, in a call or return hook.
    pub transfer: (u32, u32),
}

impl Vm {
    /// Facts about a function.
    pub(crate) fn function_info(&self, function: Slot) -> Info {
        let mut info = Info { current_line: -1, ..Info::default() };
        // SAFETY: the tag says what the payload points to.
        unsafe {
            match proto_of(function) {
                Some(proto) => {
                    info.source = proto.source.to_vec();
                    info.what = if proto.line_defined == 0 { "main" } else { "Lua" };
                    info.line_defined = i64::from(proto.line_defined);
                    info.last_line = if proto.line_defined == 0 { i64::from(proto.last_line.max(0)) } else { i64::from(proto.last_line) };
                    if proto.line_defined == 0 {
                        info.last_line = -1;
                    }
                    info.upvalues = (*function.as_ptr::<Closure>()).header.aux;
                    info.params = u32::from(proto.params);
                    info.is_vararg = proto.is_vararg;
                }
                None => {
                    info.source = b"=[C]".to_vec();
                    info.what = "C";
                    info.line_defined = -1;
                    info.last_line = -1;
                    info.is_vararg = true;
                    if function.tag == tag::NATIVE {
                        info.upvalues = (*function.as_ptr::<Native>()).header.aux;
                    }
                }
            }
        }
        info.short_source = perilune_compile::chunk_id(&info.source);
        info
    }

    /// Facts about an activation.
    pub(crate) fn activation_info(&self, thread: *mut Thread, level: usize, at: Activation) -> Info {
        let mut info = self.function_info(at.frame.callee);
        if let Some(proto) = proto_of(at.frame.callee) {
            info.current_line = line_at(proto, at.pc).map_or(-1, i64::from);
        }
        info.is_tail_call = at.is_tail_call();
        // SAFETY: a stopped thread.
        unsafe {
            let above = level.checked_sub(1).and_then(|level| super::activation(thread, level));
            if above.is_some_and(|above| above.frame.flags & flag::HOOK != 0) {
                info.transfer = ((*thread).transfer_first, (*thread).transfer_count);
            }
        }
        // SAFETY: a stopped thread.
        if let Some((what, name)) = unsafe { self.name_of_call(thread, level) } {
            info.name_what = what;
            info.name = Some(name);
        }
        info
    }

    /// Place and name of local `n` (from 1; extra arguments are -1, -2 ...) of an activation.
    pub(crate) fn local_place(&self, thread: *mut Thread, level: usize, at: Activation, n: i64) -> Option<(Vec<u8>, usize)> {
        // SAFETY: a stopped thread.
        unsafe {
            let base = at.frame.base as usize;
            if n < 0 {
                let i = n.unsigned_abs() as usize;
                if at.frame.flags & flag::VARARG == 0 || i > at.frame.extra as usize {
                    return None;
                }
                return Some((b"(vararg)".to_vec(), base - 2 - at.frame.extra as usize + i - 1));
            }
            let n = usize::try_from(n).ok().filter(|n| *n > 0)?;
            if let Some(proto) = proto_of(at.frame.callee)
                && let Some(local) = names::nth_local(proto, n, at.pc)
            {
                return Some((local.name.to_vec(), base + usize::from(local.register)));
            }
            let limit = if level == 0 {
                (*thread).top as usize
            } else {
                let above = super::activation(thread, level - 1)?;
                above.frame.result as usize
            };
            if limit >= base + n {
                let name: &[u8] = if proto_of(at.frame.callee).is_some() { b"(temporary)" } else { b"(C temporary)" };
                return Some((name.to_vec(), base + n - 1));
            }
            None
        }
    }
}
