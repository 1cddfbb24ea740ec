//! One fault at a time: a function does it, the signal's handler writes down what it is told, and goes on where the function was
//! called.

use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::runtime::process::set_action;
use crate::runtime::syscall::{Result, abi, call, check, mmap};

/// What does it. In: X0. It keeps its stack pointer in X9, and changes nothing else that a call may not change: whoever
/// handles the signal goes back to X30.
pub type Function = unsafe extern "C" fn(usize) -> usize;

/// What a signal said; no signal is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    pub signal: u32,
    pub code: u32,
    pub address: u64,
    /// `fault_address` of the `sigcontext`.
    pub fault_address: u64,
}

/// One kind of fault, and what must come of it.
pub struct Case {
    pub what: &'static str,
    pub does: Function,
    /// What it gets in X0.
    pub at: fn() -> usize,
    pub says: Says,
}

/// What a signal must say.
#[derive(Clone, Copy)]
pub struct Says {
    pub signal: u32,
    pub code: u32,
    pub address: Address,
}

/// Which address it must name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// What the function got.
    Argument,
    /// The same without its top byte.
    Untagged,
    /// The instruction's own. It accessed nothing: there is no fault address.
    Instruction,
}

impl Says {
    pub const fn of(signal: u32, code: u32) -> Self {
        Says { signal, code, address: Address::Argument }
    }
}

impl Case {
    pub fn run(&self) -> Taken {
        Taken::call(self.does, (self.at)())
    }

    /// What it must have come to.
    pub fn wanted(&self) -> Taken {
        let argument = (self.at)() as u64;
        let (address, fault_address) = match self.says.address {
            Address::Argument => (argument, argument),
            Address::Untagged => (argument & !(0xff << 56), argument & !(0xff << 56)),
            Address::Instruction => (PC.load(Ordering::Relaxed), 0),
        };
        Taken { signal: self.says.signal, code: self.says.code, address, fault_address }
    }
}

impl Taken {
    /// Calls `function` with `argument`: what signal came of it.
    pub fn call(function: Function, argument: usize) -> Taken {
        Taken::of(function, argument).1
    }

    /// The same, and what it gave if none did.
    pub fn of(function: Function, argument: usize) -> (usize, Taken) {
        SIGNAL.store(0, Ordering::Relaxed);
        // SAFETY: it changes what a call may change, and if it does what it must not, the handler comes back here.
        let result = unsafe { function(argument) };
        let [address, fault_address] = [&ADDRESS, &FAULT_ADDRESS].map(|word| word.load(Ordering::Relaxed));
        match SIGNAL.load(Ordering::Relaxed) {
            0 => (result, Taken::default()),
            signal => (result, Taken { signal, code: CODE_OF.load(Ordering::Relaxed), address, fault_address }),
        }
    }
}

static SIGNAL: AtomicU32 = AtomicU32::new(0);
static CODE_OF: AtomicU32 = AtomicU32::new(0);
static ADDRESS: AtomicU64 = AtomicU64::new(0);
static FAULT_ADDRESS: AtomicU64 = AtomicU64::new(0);
static PC: AtomicU64 = AtomicU64::new(0);
static SP: AtomicU64 = AtomicU64::new(0);
static BRANCH: AtomicU64 = AtomicU64::new(0);

/// Where the last signal interrupted.
pub fn program_counter() -> u64 {
    PC.load(Ordering::Relaxed)
}

/// The stack pointer of what it interrupted.
pub fn stack_pointer() -> u64 {
    SP.load(Ordering::Relaxed)
}

/// PSTATE.BTYPE of what the last signal interrupted.
pub fn branch() -> u64 {
    BRANCH.load(Ordering::Relaxed)
}

/// PSTATE.BTYPE.
pub const BTYPE: u64 = 0b11 << 10;

/// Words of the handler's third argument.
pub mod context {
    use crate::runtime::process;

    pub const FAULT_ADDRESS: usize = process::CONTEXT / 8;
    pub const X: usize = FAULT_ADDRESS + 1;
    pub const SP: usize = X + 31;
    pub const PC: usize = process::PC / 8;
    pub const PSTATE: usize = PC + 1;
}

/// # Safety
/// The kernel calls it, as the handler of a signal that a [`Function`] has brought about.
pub unsafe extern "C" fn land(signal: c_int, information: *const u64, words: *mut u64) {
    // SAFETY: the kernel passes a siginfo_t and a ucontext_t, which are this handler's.
    unsafe {
        SIGNAL.store(signal as u32, Ordering::Relaxed);
        CODE_OF.store(information.add(1).read() as u32, Ordering::Relaxed);
        ADDRESS.store(information.add(2).read(), Ordering::Relaxed);
        FAULT_ADDRESS.store(words.add(context::FAULT_ADDRESS).read(), Ordering::Relaxed);
        let [sp, pc] = [words.add(context::SP), words.add(context::PC)];
        PC.store(pc.read(), Ordering::Relaxed);
        SP.store(sp.read(), Ordering::Relaxed);
        sp.write(words.add(context::X + 9).read());
        pc.write(words.add(context::X + 30).read());
        let pstate = words.add(context::PSTATE);
        BRANCH.store((pstate.read() & BTYPE) >> 10, Ordering::Relaxed);
        // Whoever goes on there has returned.
        pstate.write(pstate.read() & !BTYPE);
    }
}

/// The pages that faults are about, by number.
pub const DATA: usize = 0;
pub const READABLE: usize = 1;
pub const FORBIDDEN: usize = 2;
pub const CODE: usize = 3;
const PAGES: usize = 4;
const PAGE: usize = 4096;

static MEMORY: AtomicUsize = AtomicUsize::new(0);

/// The address of one of them.
pub fn page(number: usize) -> usize {
    MEMORY.load(Ordering::Relaxed) + number * PAGE
}

const RETURN: u32 = 0xd65f_03c0;

/// Makes the pages, and has the signals handled.
pub fn prepare() -> Result<()> {
    MEMORY.store(mmap(PAGES * PAGE)? as usize, Ordering::Relaxed);
    // SAFETY: fresh memory.
    unsafe { (page(CODE) as *mut [u32; 8]).write([RETURN; 8]) };
    for number in [DATA, READABLE, FORBIDDEN] {
        // SAFETY: as above.
        unsafe { (page(number) as *mut u64).write(0) };
    }
    protect(READABLE, abi::PROT_READ)?;
    protect(FORBIDDEN, abi::PROT_NONE)?;
    protect(CODE, abi::PROT_READ | abi::PROT_EXEC)?;
    for signal in [abi::SIGSEGV, abi::SIGBUS, abi::SIGILL, abi::SIGTRAP, abi::SIGFPE] {
        set_action(signal, land as *const () as usize, abi::SA_SIGINFO, 0)?;
    }
    Ok(())
}

/// Says what may be done with one of the pages.
fn protect(number: usize, protection: u32) -> Result<()> {
    // SAFETY: the page is used through raw pointers only.
    check(unsafe { call(abi::__NR_mprotect, [page(number), PAGE, protection as usize, 0, 0, 0]) }).map(|_| ())
}
