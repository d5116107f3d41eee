//! Stubs: the way into machine code, out of it, and to the machine's functions.
//!
//! Registers in machine code: `rbx` register 0 of the frame, `r12` the machine,
//! `r13` the attention word; all others are free between two instructions. The
//! native stack is aligned for calls.
//!
//! `unsafe`: an address of code becomes a function. The bargain: the code was
//! made here for exactly that signature.
#![allow(unsafe_code)]

use crate::encode::x64;
use crate::lookup;
use crate::memory::{Block, Memory};
use crate::switch::{self, Kind};
use dynasmrt::x64::X64Relocation;
use dynasmrt::{DynasmApi, VecAssembler};
use perilune_vm::tier::{self, Enter, meta};

/// Functions of the machine that say where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Interpret the instruction at pc `edx`.
    Step,
    /// The same, because a fast path did not fit.
    Missed,
    /// The attention word is raised after a jump to pc `edx`.
    Poll,
    /// Go on at pc `edx` of a frame that may be interpreted.
    Resume,
    /// Make a call of `edx` arguments again by the machine.
    EnterSlow,
    /// Make the call at pc `edx` by the machine.
    Call,
    /// Call a native that is known, see [`tier::call_known`].
    CallKnown,
    /// Call the iterator of the loop at pc `edx` by the machine.
    CallIterator,
    /// Make the tail call at pc `edx` by the machine.
    TailCall,
    /// Let the collector work before pc `edx`.
    Collect,
    /// Go on at pc `edx`, though the result of the instruction at pc `ecx` is not what the code there relies on.
    Surprise,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 11] = [
        Service::Step,
        Service::Missed,
        Service::Poll,
        Service::Resume,
        Service::EnterSlow,
        Service::Call,
        Service::CallKnown,
        Service::CallIterator,
        Service::TailCall,
        Service::Collect,
        Service::Surprise,
    ];

    fn address(self) -> usize {
        match self {
            Service::Step => tier::step as *const () as usize,
            Service::Missed => tier::missed as *const () as usize,
            Service::Poll => tier::poll as *const () as usize,
            Service::Resume => tier::resume as *const () as usize,
            Service::EnterSlow => tier::enter_slow as *const () as usize,
            Service::Call => tier::call as *const () as usize,
            Service::CallKnown => tier::call_known as *const () as usize,
            Service::CallIterator => tier::call_iterator as *const () as usize,
            Service::TailCall => tier::tail_call as *const () as usize,
            Service::Collect => tier::collect as *const () as usize,
            Service::Surprise => meta::surprise as *const () as usize,
        }
    }
}

/// Routines that code calls without leaving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routine {
    /// See [`lookup::find`].
    Find,
    /// See [`lookup::put`].
    Put,
    /// See [`lookup::iterate`].
    Iterate,
    /// See [`lookup::same`].
    Same,
    /// See [`switch::switch`], to which the following are jumped, not called.
    Resume,
    /// The same for what `wrap` makes.
    Wrapped,
    /// The same for `yield`.
    Yield,
}

impl Routine {
    /// All of them.
    pub const ALL: [Routine; 7] =
        [Routine::Find, Routine::Put, Routine::Iterate, Routine::Same, Routine::Resume, Routine::Wrapped, Routine::Yield];
}

/// The code that all functions share.
pub struct Stubs {
    block: Block,
    leave: usize,
    routines: [usize; Routine::ALL.len()],
    services: [usize; Service::ALL.len()],
}

/// Whether the processor can run what the templates emit.
pub fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("sse4.1");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Whether the processor multiplies and adds in one instruction.
pub fn has_fused_multiply() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

impl Stubs {
    /// Assembles them; `None` when there is no room.
    pub fn new(memory: &Memory) -> Option<Stubs> {
        let mut asm: VecAssembler<X64Relocation> = VecAssembler::new(0);
        x64!(asm
            ; push rbp
            ; push rbx
            ; push r12
            ; push r13
            ; push r14
            ; push r15
            ; sub rsp, 8
            ; mov r12, rdi
            ; mov rbx, rsi
            ; mov r13, rdx
            ; jmp rcx
        );
        let leave = asm.offset().0;
        x64!(asm
            ; add rsp, 8
            ; pop r15
            ; pop r14
            ; pop r13
            ; pop r12
            ; pop rbx
            ; pop rbp
            ; ret
        );
        let services = Service::ALL.map(|service| {
            let place = asm.offset().0;
            x64!(asm
                ; mov rdi, r12
                ; mov rsi, rbx
                ; mov rax, QWORD service.address() as i64
                ; call rax
                ; mov rbx, rdx
                ; jmp rax
            );
            place
        });
        let routines = Routine::ALL.map(|routine| {
            let place = asm.offset().0;
            match routine {
                Routine::Find => lookup::find(&mut asm),
                Routine::Put => lookup::put(&mut asm),
                Routine::Iterate => lookup::iterate(&mut asm),
                Routine::Same => lookup::same(&mut asm),
                Routine::Resume => switch::switch(&mut asm, Kind::Resume),
                Routine::Wrapped => switch::switch(&mut asm, Kind::Wrapped),
                Routine::Yield => switch::switch(&mut asm, Kind::Yield),
            }
            place
        });
        let code = asm.finalize().ok()?;
        let block = memory.place(&code)?;
        let at = |place: usize| block.start() as usize + place;
        Some(Stubs { leave: at(leave), services: services.map(at), routines: routines.map(at), block })
    }

    /// The way in.
    pub fn enter(&self) -> Enter {
        // SAFETY: the code at the start takes these arguments and keeps the convention of C.
        unsafe { std::mem::transmute::<*const u8, Enter>(self.block.start()) }
    }

    /// The way out, to be jumped to.
    pub fn leave(&self) -> *const u8 {
        self.leave as *const u8
    }

    /// Address to jump to for a service.
    pub fn service(&self, service: Service) -> usize {
        self.services[service as usize]
    }

    /// Address to call for a routine.
    pub fn routine(&self, routine: Routine) -> usize {
        self.routines[routine as usize]
    }
}
