//! Tracing other processes.

use core::ptr::{from_mut, from_ref};

use super::process::wait;
use super::syscall::{Result, abi, call, check};

const TRACEME: usize = 0;
const PEEKDATA: usize = 2;
const POKEDATA: usize = 5;
const CONT: usize = 7;
const SINGLESTEP: usize = 9;
const ATTACH: usize = 16;
const DETACH: usize = 17;
const SYSCALL: usize = 24;
const SETOPTIONS: usize = 0x4200;
const GETSIGINFO: usize = 0x4202;
const GETREGSET: usize = 0x4204;
const SETREGSET: usize = 0x4205;
const SEIZE: usize = 0x4206;

/// Stops at system calls are told from others: SIGTRAP and this.
pub const TRACESYSGOOD: usize = 1;
/// Whom it traces ends with the tracer.
pub const EXITKILL: usize = 1 << 20;
/// What [`TRACESYSGOOD`] marks them with.
pub const AT_SYSTEM_CALL: i32 = 0x80;

/// A set of registers, by its note type.
pub trait Set: Default {
    /// The type.
    const KIND: usize;
}

/// General registers.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct General {
    /// X0 to X30.
    pub x: [u64; 31],
    /// The stack pointer.
    pub sp: u64,
    /// Where it goes on.
    pub pc: u64,
    /// Flags and state.
    pub pstate: u64,
}
impl Set for General {
    const KIND: usize = 1;
}

/// FP/SIMD registers.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Vectors {
    /// V0 to V31.
    pub v: [[u64; 2]; 32],
    /// FPSR, FPCR and nothing.
    pub state: [u32; 4],
}
impl Set for Vectors {
    const KIND: usize = 2;
}

/// The system call's number.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Number(pub i32);
impl Set for Number {
    const KIND: usize = 0x404;
}

/// Breakpoints or watchpoints: Linux's `user_hwdebug_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Debug {
    /// The architecture's version, and how many there are.
    pub info: u32,
    /// Nothing.
    pub pad: u32,
    /// Each of them.
    pub registers: [Register; 16],
}

/// One of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Register {
    /// DBGBVR or DBGWVR.
    pub address: u64,
    /// DBGBCR or DBGWCR.
    pub control: u32,
    /// Nothing.
    pub pad: u32,
}

impl Register {
    /// Both of it.
    pub const fn new(address: u64, control: u32) -> Register {
        Register { address, control, pad: 0 }
    }
}

impl Debug {
    /// The first is that.
    pub fn one(address: u64, control: u32) -> Debug {
        let mut state = Debug::default();
        state.registers[0] = Register::new(address, control);
        state
    }
}

/// A process that this one traces, by its number.
#[derive(Clone, Copy)]
pub struct Traced(pub usize);

fn request(what: usize, whom: usize, address: usize, data: usize) -> Result<()> {
    // SAFETY: the callers below pass numbers, or memory that they hold for the time of the call.
    check(unsafe { call(abi::__NR_ptrace, [what, whom, address, data, 0, 0]) }).map(|_| ())
}

/// The parent traces this process from here on.
pub fn trace_me() -> Result<()> {
    request(TRACEME, 0, 0, 0)
}

impl Traced {
    /// Begins to trace a process, and stops it.
    pub fn attach(process: usize) -> Result<Traced> {
        request(ATTACH, process, 0, 0)?;
        Ok(Traced(process))
    }

    /// Begins to trace a process, with options, and does not stop it.
    pub fn seize(process: usize, address: usize, options: usize) -> Result<Traced> {
        request(SEIZE, process, address, options)?;
        Ok(Traced(process))
    }

    /// Sets options.
    pub fn set_options(self, options: usize) -> Result<()> {
        request(SETOPTIONS, self.0, 0, options)
    }

    /// Waits until it stops or ends: its wait status.
    pub fn wait(self) -> Result<i32> {
        wait(self.0 as isize, 0).map(|(_, status)| status)
    }

    /// Traces it no more: it goes on by itself.
    pub fn detach(self) -> Result<()> {
        request(DETACH, self.0, 0, 0)
    }

    /// Lets it go on, with a signal or with 0, to its next stop.
    pub fn go_on(self, signal: u32) -> Result<i32> {
        request(CONT, self.0, 0, signal as usize)?;
        self.wait()
    }

    /// The same, which its next system call is too.
    pub fn go_to_system_call(self) -> Result<i32> {
        request(SYSCALL, self.0, 0, 0)?;
        self.wait()
    }

    /// The same, for one instruction.
    pub fn step(self, signal: u32) -> Result<i32> {
        request(SINGLESTEP, self.0, 0, signal as usize)?;
        self.wait()
    }

    /// A set of its registers.
    pub fn registers<S: Set>(self) -> Result<S> {
        self.get(S::KIND)
    }

    fn get<T: Default>(self, kind: usize) -> Result<T> {
        let mut set = T::default();
        let place = [from_mut(&mut set) as usize, size_of::<T>()];
        request(GETREGSET, self.0, kind, from_ref(&place) as usize)?;
        Ok(set)
    }

    /// Gives it others.
    pub fn set_registers<S: Set>(self, set: &S) -> Result<()> {
        self.set(S::KIND, set, size_of::<S>())
    }

    fn set<T>(self, kind: usize, set: &T, bytes: usize) -> Result<()> {
        let place = [from_ref(set) as usize, bytes];
        request(SETREGSET, self.0, kind, from_ref(&place) as usize)
    }

    /// All of one kind.
    pub fn debug(self, kind: usize) -> Result<Debug> {
        self.get(kind)
    }

    /// Gives it the first `count` of one kind.
    pub fn set_debug(self, kind: usize, state: &Debug, count: usize) -> Result<()> {
        self.set_part(kind, state, 8 + 16 * count)
    }

    /// Gives it so many bytes of the state.
    pub fn set_part(self, kind: usize, state: &Debug, bytes: usize) -> Result<()> {
        self.set(kind, state, bytes)
    }

    /// The word at `address` in its memory.
    pub fn read(self, address: usize) -> Result<usize> {
        let mut word = 0;
        request(PEEKDATA, self.0, address, from_mut(&mut word) as usize)?;
        Ok(word)
    }

    /// Writes one there.
    pub fn write(self, address: usize, word: usize) -> Result<()> {
        request(POKEDATA, self.0, address, word)
    }

    /// The address that came with what it stopped for.
    pub fn place(self) -> Result<u64> {
        Ok(self.information()?[2])
    }

    /// Signal and code of what it stopped for.
    pub fn why(self) -> Result<[i32; 2]> {
        let [signal, code, ..] = self.information()?;
        Ok([signal as i32, code as i32])
    }

    /// The `siginfo_t` of what it stopped for.
    fn information(self) -> Result<[u64; 16]> {
        let mut words = [0; 16];
        request(GETSIGINFO, self.0, 0, from_mut(&mut words) as usize)?;
        Ok(words)
    }
}

/// Why it stopped that was stopped for a debugger's sake, with this code.
pub const fn trapped(code: u32) -> [i32; 2] {
    [abi::SIGTRAP as i32, code as i32]
}

/// The wait status of who was stopped by this signal.
pub const fn stopped(signal: u32) -> i32 {
    (signal as i32) << 8 | 0x7f
}
