//! The system calls that only the reference kernel has, for tests: each makes something happen inside the kernel that no
//! ordinary call does on purpose.

use core::ffi::CStr;
use core::time::Duration;

use super::syscall::{Result, call, check};

const SPIN: u32 = 0x1000;
const COPY: u32 = 0x1001;
const OVERFLOW: u32 = 0x1002;
const SYNCHRONOUS_PREEMPTIONS: u32 = 0x1003;
const BUG: u32 = 0x1004;
const RCU_READER: u32 = 0x1005;
const RCU_WRITER: u32 = 0x1006;
const FRAMES_IN_USE: u32 = 0x1007;
const TASKS: u32 = 0x1008;
const OPEN_FILES: u32 = 0x1009;
const HEAP_BYTES: u32 = 0x100a;
const SPIN_MASKED: u32 = 0x100b;
const FIQS: u32 = 0x100c;
const RCU_IN_TICKS: u32 = 0x100d;
const KERNEL_FAULTS: u32 = 0x1020;
const STORE_MISTAGGED: u32 = 0x1030;
const KERNEL_TAG_FAULTS: u32 = 0x1031;
const COUNT_HITS: u32 = 0x1060;
const OWN_BREAKPOINTS: u32 = 0x1061;
const SERROR: u32 = 0x1100;
const SERROR_OUTCOME: u32 = 0x1101;
const SERROR_COUNT: u32 = 0x1102;
const OWN_EXCEPTION: u32 = 0x1062;
const PLANT: u32 = 0x1063;

/// `spin(milliseconds)`, number 0x1000: the kernel runs a loop, with nothing masked and preemption allowed, until so
/// much time has passed by the clock. Result 0.
pub fn spin(time: Duration) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SPIN, [time.as_millis() as usize, 0, 0, 0, 0, 0]) })
}

/// What [`copy`] writes.
pub const PATTERN: u8 = 0x5a;

/// `copy(address, bytes)`, number 0x1001: the kernel writes so many bytes of [`PATTERN`] to user memory; while it handles
/// a fault of that copy, another CPU asks this one to reschedule and withholds the interrupt. Result `bytes`, or EFAULT.
pub fn copy(address: *mut u8, bytes: usize) -> Result<usize> {
    // SAFETY: the caller's memory at `address`, if it is any, is only ever used through that pointer.
    check(unsafe { call(COPY, [address as usize, bytes, 0, 0, 0, 0]) })
}

/// `overflow()`, number 0x1002: the kernel runs down the stack of the task that asks. There is no result.
pub fn overflow() {
    // SAFETY: touches no memory of the caller's.
    unsafe { call(OVERFLOW, [0; 6]) };
}

/// `synchronous_preemptions()`, number 0x1003: how often the kernel has preempted a task on the way out of a synchronous
/// exception of its own.
pub fn synchronous_preemptions() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SYNCHRONOUS_PREEMPTIONS, [0; 6]) })
}

/// `bug()`, number 0x1004: the kernel executes a BRK that it does not know. There is no result.
pub fn bug() {
    // SAFETY: touches no memory.
    unsafe { call(BUG, [0; 6]) };
}

/// `rcu_reader(microseconds)`, number 0x1005: the kernel reads under RCU for so long, in one section. Result: how many
/// readers so far have seen what they read freed.
pub fn rcu_reader(time: Duration) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(RCU_READER, [time.as_micros() as usize, 0, 0, 0, 0, 0]) })
}

/// `rcu_writer(waits)`, number 0x1006: the kernel replaces what readers find, and frees the old one, once it has waited
/// for a grace period or when one is over. Result: how many have been freed so far.
pub fn rcu_writer(waits: bool) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(RCU_WRITER, [usize::from(waits), 0, 0, 0, 0, 0]) })
}

/// `frames_in_use()`, number 0x1007: how many page frames are in use, but for those of the kernel's heap
/// and tables, which come back to no one.
pub fn frames_in_use() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(FRAMES_IN_USE, [0; 6]) })
}

/// `tasks()`, number 0x1008: how many tasks are not gone, those of the kernel included.
pub fn tasks() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(TASKS, [0; 6]) })
}

/// `open_files()`, number 0x1009: how many files, pipe ends and the like somebody has open.
pub fn open_files() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(OPEN_FILES, [0; 6]) })
}

/// `heap_bytes()`, number 0x100a: how many bytes of the kernel's heap are in use; 0 if the kernel does not count them.
pub fn heap_bytes() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(HEAP_BYTES, [0; 6]) })
}

/// `spin_masked(milliseconds)`, number 0x100b: as [`spin`], with interrupts off.
pub fn spin_masked(time: Duration) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SPIN_MASKED, [time.as_millis() as usize, 0, 0, 0, 0, 0]) })
}

/// `fiqs(wanted)`, number 0x100c: whether from now on each tick sends its CPU an interrupt that comes as FIQ. Result:
/// how many have come.
pub fn fiqs(wanted: bool) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(FIQS, [usize::from(wanted), 0, 0, 0, 0, 0]) })
}

/// `rcu_in_ticks(wanted)`, number 0x100d: from now on each tick of each CPU reads under RCU, or none does. Result: how
/// many ticks' readers so far have seen what they read replaced.
pub fn rcu_in_ticks(wanted: bool) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(RCU_IN_TICKS, [usize::from(wanted), 0, 0, 0, 0, 0]) })
}

/// `store_mistagged(place)`, number 0x1030: the kernel stores through a pointer that has another tag than the memory, and then
/// returns (0), gives way (1), or runs until it has been interrupted (2).
pub fn store_mistagged(place: usize) -> Result<usize> {
    // SAFETY: touches no memory of the caller's.
    check(unsafe { call(STORE_MISTAGGED, [place, 0, 0, 0, 0, 0]) })
}

/// `kernel_tag_faults(place)`, number 0x1031: how often the kernel has noticed that an access of its own failed a tag check: on
/// its way to user mode or back to what it interrupted (0), in a task switch (1), in what it interrupted (2).
pub fn kernel_tag_faults(place: usize) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(KERNEL_TAG_FAULTS, [place, 0, 0, 0, 0, 0]) })
}

/// Where an SError is wanted, or another exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Where {
    /// In this system call.
    Here,
    /// With interrupts off.
    IrqsOff,
    /// In an interrupt's handler.
    Handler,
    /// In a soft interrupt.
    Softirq,
    /// Where it is masked at first: in the body of a BRK.
    Masked,
    /// In the handler of what is an NMI where there are any.
    Nmi,
    /// At an instruction of an interrupt, from where it is raised to where it is over.
    Interrupt,
    /// At an instruction of the kernel, from the end of this call on.
    Kernel,
    /// At an instruction of user mode, from the end of this call on.
    User,
    /// In the next wait of this CPU's idle task.
    Idle,
}

/// `serror(where, syndrome, instruction)`, number 0x1100: this CPU gets an SError with this syndrome there. The result is 0, or EIO
/// if it left a trace; ENODEV if the kernel was not started by the shim.
pub fn serror(place: Where, syndrome: usize, instruction: usize) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SERROR, [place as usize, syndrome, instruction, 0, 0, 0]) })
}

/// It was taken.
pub const TAKEN: usize = 0;
/// It was pending, and masked.
pub const PENDING: usize = 1;
/// The place was not reached.
pub const NOT_REACHED: usize = 2;

/// `serror_outcome()`, number 0x1101: what became of the last that was asked for on this CPU. It does not come any more.
pub fn serror_outcome() -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SERROR_OUTCOME, [0; 6]) })
}

/// What is counted of SErrors.
pub const INTERRUPTED: [&str; 8] =
    ["user mode", "NMI-like", "hardirq", "softirq", "idle", "interrupts on", "interrupts off", "NMIs off"];

/// `serror_count(what)`, number 0x1102: how many have interrupted that, by its place in [`INTERRUPTED`], and were survived.
pub fn serror_count(what: usize) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(SERROR_COUNT, [what, 0, 0, 0, 0, 0]) })
}

/// An exception of the kernel's own that it goes on after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum OwnException {
    /// A user copy that finds nothing.
    Abort,
    /// An undefined instruction.
    Undefined,
    /// A BRK that is counted.
    Brk,
    /// What [`own_breakpoints`] has set.
    Breakpoint,
    /// An interrupt that comes as FIQ.
    Fiq,
    /// What is an NMI where there are any.
    Nmi,
}

/// `own_exception(where, which)`, number 0x1062: the kernel takes one there. The result is 0, or EIO if it left a trace.
pub fn own_exception(place: Where, which: OwnException) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(OWN_EXCEPTION, [place as usize, which as usize, 0, 0, 0, 0]) })
}

/// `plant(name)`, number 0x1063: from now on the kernel has the bug of that name, or none. Only a checked kernel has any.
pub fn plant(name: Option<&CStr>) -> Result<usize> {
    // SAFETY: reads the string.
    check(unsafe { call(PLANT, [name.map_or(0, |name| name.as_ptr() as usize), 0, 0, 0, 0, 0]) })
}

/// What the kernel may be asked to do wrong; there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum KernelFault {
    /// Reads the memory of the program that asks as if it were its own.
    UserMemory = 2,
    /// Executes what is no instruction.
    Undefined,
    /// Goes on at an address that is none of an instruction's.
    Jump,
    /// Panics.
    Panic,
    /// Runs the interrupt stack down, from the next tick on.
    HandlersStack,
    /// Takes an exception whose frame does not fit on the stack.
    EntrysStack,
    /// Takes a fault of a user copy that fits, and whose handling does not.
    CopysStack,
    /// Reads in entry code what is not there.
    EntryCode,
}

/// `fault(argument)`, numbers 0x1022 and following: the kernel does that. With an address where it wants one.
pub fn fault(kind: KernelFault, argument: usize) {
    // SAFETY: nobody comes back, but from the tick's, which touches no memory.
    unsafe { call(KERNEL_FAULTS + kind as u32, [argument, 0, 0, 0, 0, 0]) };
}

/// What [`count_hits`] counts.
#[derive(Clone, Copy)]
pub enum Counts {
    /// How often the caller comes to an instruction.
    Instruction,
    /// How often it loads from eight bytes, or stores to them.
    Accesses,
}

/// `count_hits(what, address)`, number 0x1060: from now on that is counted there, by a breakpoint or a watchpoint that nobody is
/// told of; with address 0 no longer. Result: how many were counted since the last such call.
pub fn count_hits(what: Counts, address: usize) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(COUNT_HITS, [what as usize, address, 0, 0, 0, 0]) })
}

/// `own_breakpoints(what, times)`, number 0x1061: 0 sets breakpoints and a watchpoint in the kernel, 1 has the kernel come to them
/// so many times, 2 removes them, 3 has it come there without. Result: how much was wrong; of 2: how many hits were missed.
pub fn own_breakpoints(what: usize, times: usize) -> Result<usize> {
    // SAFETY: touches no memory.
    check(unsafe { call(OWN_BREAKPOINTS, [what, times, 0, 0, 0, 0]) })
}
