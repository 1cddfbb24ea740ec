//! SErrors for tests: where one is wanted, and whether it left anything behind. The same of exceptions of the kernel's own.

mod own;

use core::arch::asm;
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering};

use shim::{Outcome, Place};
use vestibule::{ContextTracking, Hardirq, IrqTracing, Kernel, Process};
use vestibule_arm64::{Hardware as _, this_cpu};

use crate::bodies::BREAKPOINT;
use crate::errno::Errno;
use crate::interrupted::Interrupted;
use crate::interrupts;
use crate::reference::{Cpu, Hardware, Machine, Reference};
use crate::{println, serrors, shim as el2, softirqs};

/// One SError, X0 where ([`Where`]), X1 its syndrome, X2 at which instruction there.
pub const SERROR: u32 = 0x1100;
/// What became of the last: an [`Outcome`].
pub const OUTCOME: u32 = 0x1101;
/// In place of its n-th next instruction user mode takes a synchronous exception: X0 its syndrome, X1 its fault address, X2 n.
pub const SYNCHRONOUS: u32 = 0x1103;
/// How many have interrupted what X0 says, in the order of [`Interrupted::ALL`].
pub const COUNT: u32 = 0x1102;

/// One of the kernel's own exceptions: X0 where, up to `Nmi`; X1 which, of [`own::KINDS`].
pub const OWN_EXCEPTION: u32 = 0x1062;

/// The SGI in whose handler one is wanted.
pub const INTERRUPT: u32 = 6;
/// The same, which is an NMI where there are any.
pub const NMI: u32 = 10;

/// Where it is wanted. Up to `Nmi` it is over when the call is; elsewhere it comes later.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// In this call.
    Here,
    /// With interrupts off.
    IrqsOff,
    /// In an interrupt's handler.
    Handler,
    /// In a soft interrupt.
    Softirq,
    /// Where it is masked: in the body of a BRK.
    Masked,
    /// In the handler of what is an NMI where there are any.
    Nmi,
    /// At an instruction of an interrupt's whole path.
    Interrupt,
    /// At an instruction of the kernel from here on.
    Kernel,
    /// At an instruction of user mode.
    User,
    /// In the next wait of this CPU's idle task.
    Idle,
}

const PLACES: [Where; 10] = [
    Where::Here,
    Where::IrqsOff,
    Where::Handler,
    Where::Softirq,
    Where::Masked,
    Where::Nmi,
    Where::Interrupt,
    Where::Kernel,
    Where::User,
    Where::Idle,
];

/// The place that a handler is told of, plus one; zero if none is.
static TOLD: AtomicU64 = AtomicU64::new(0);
static SYNDROME: AtomicU64 = AtomicU64::new(0);
/// In a syndrome's place: it is not an SError that is wanted, but an exception of the kernel's own.
const OWN: u64 = 1 << 63;
/// What a handler saw.
static SEEN: AtomicU64 = AtomicU64::new(UNSEEN);
const UNSEEN: u64 = 0;
const RIGHT: u64 = 1;
const WRONG: u64 = 2;

/// The system call.
pub(crate) fn ask(cpu: &mut Cpu<Process>, place: usize, syndrome: usize, instruction: usize) -> Result<usize, Errno> {
    if !el2::is_there() {
        println!("no shim: SErrors cannot be asked for; boot with one (cargo xtask run --shim)");
        return Err(Errno::ENODEV);
    }
    bring(cpu, place, syndrome as u64 & !OWN, instruction as u64)
}

/// The system call.
pub(crate) fn take(syndrome: usize, fault_address: usize, instruction: usize) -> Result<usize, Errno> {
    if !el2::is_there() {
        return Err(Errno::ENODEV);
    }
    el2::take(syndrome as u64, fault_address as u64, instruction as u64);
    Ok(0)
}

/// The system call for the kernel's own exceptions: `kind` is one of [`own::KINDS`].
pub(crate) fn ask_own(cpu: &mut Cpu<Process>, place: usize, kind: usize) -> Result<usize, Errno> {
    if kind >= own::KINDS.len() || place > Where::Nmi as usize {
        return Err(Errno::EINVAL);
    }
    bring(cpu, place, OWN | kind as u64, 0)
}

fn bring(cpu: &mut Cpu<Process>, place: usize, syndrome: u64, instruction: u64) -> Result<usize, Errno> {
    let place = *PLACES.get(place).ok_or(Errno::EINVAL)?;
    let right = match place {
        Where::Here => leaves_no_trace(syndrome),
        Where::IrqsOff => {
            let _off = cpu.irqs_off();
            leaves_no_trace(syndrome)
        }
        Where::Handler | Where::Softirq | Where::Nmi | Where::Interrupt => {
            by_interrupt(cpu, place, syndrome, instruction)
        }
        Where::Masked => by_brk(syndrome),
        Where::Kernel => later(syndrome, Place::Kernel, instruction),
        Where::User => later(syndrome, Place::User, instruction),
        Where::Idle => later(syndrome, Place::Idle, 0),
    };
    if right { Ok(0) } else { Err(Errno::EIO) }
}

/// The system call.
pub(crate) fn outcome() -> Result<usize, Errno> {
    el2::is_there().then(el2::cancel).flatten().map(|outcome| outcome as usize).ok_or(Errno::ENODEV)
}

/// The system call.
pub(crate) fn count(what: usize) -> Result<usize, Errno> {
    Interrupted::ALL.get(what).map(|interrupted| serrors::count(*interrupted) as usize).ok_or(Errno::EINVAL)
}

fn later(syndrome: u64, place: Place, instruction: u64) -> bool {
    el2::pend(syndrome, place, instruction);
    true
}

/// What an SError may not change.
#[derive(PartialEq, Eq, Debug)]
struct Trace {
    masks: [u64; 3],
    counts: [u64; 3],
    watched: bool,
    believed_on: bool,
}

impl Trace {
    fn here() -> Trace {
        // SAFETY: the current task lives.
        let word = unsafe { &*Hardware::current() }.word().read::<Machine>();
        Trace {
            masks: [
                Hardware::daif(),
                if cfg!(feature = "pmr") { Hardware::pmr() } else { 0 },
                if cfg!(feature = "allint") { Hardware::allint() } else { 0 },
            ],
            counts: [word.hardirqs(), word.softirqs(), word.nmis()],
            watched: <<Reference as Kernel>::ContextTracking as ContextTracking<Reference>>::watching(),
            believed_on: <<Reference as Kernel>::IrqTracing as IrqTracing<Reference>>::believes_on(),
        }
    }
}

/// One that comes here, at once.
fn leaves_no_trace(syndrome: u64) -> bool {
    let before = Trace::here();
    let own = (syndrome & OWN != 0).then(|| own::come(syndrome & !OWN));
    if own.is_none() {
        el2::pend(syndrome, Place::Kernel, 0);
    }
    let after = Trace::here();
    let came = own.unwrap_or_else(has_come);
    if before != after || !came {
        println!("an SError left a trace, or has not come: {syndrome:#x}, {before:x?}, then {after:x?}");
    }
    before == after && came
}

/// Before: it was an SError that was pended here.
fn has_come() -> bool {
    el2::cancel() == Some(Outcome::Taken)
}

/// Whoever comes to `place` next is told to make one come there.
fn tell(place: Where, syndrome: u64) {
    SYNDROME.store(syndrome, Ordering::Relaxed);
    SEEN.store(UNSEEN, Ordering::Relaxed);
    TOLD.store(place as u64 + 1, Ordering::Release);
}

/// Tells the handler of an interrupt that this raises here, and waits for what it sees.
fn by_interrupt(cpu: &mut Cpu<Process>, place: Where, syndrome: u64, instruction: u64) -> bool {
    tell(place, syndrome);
    {
        // What is sent and what is counted are this CPU's.
        let off = cpu.preempt_off();
        if place == Where::Interrupt {
            el2::pend(syndrome, Place::Kernel, instruction);
        }
        interrupts::send(this_cpu(&*off).number(), if place == Where::Nmi { NMI } else { INTERRUPT });
        while SEEN.load(Ordering::Acquire) == UNSEEN {
            spin_loop();
        }
    }
    TOLD.store(0, Ordering::Relaxed);
    SEEN.load(Ordering::Relaxed) == RIGHT
}

fn is_told(place: Where) -> bool {
    TOLD.load(Ordering::Acquire) == place as u64 + 1
}

fn see(right: bool) {
    SEEN.store(if right { RIGHT } else { WRONG }, Ordering::Release);
}

/// One comes here.
fn see_one() {
    see(leaves_no_trace(SYNDROME.load(Ordering::Relaxed)));
}

/// From the handler of [`INTERRUPT`].
pub(crate) fn in_handler(cpu: &Cpu<Hardirq>) {
    if is_told(Where::Handler) {
        see_one();
    } else if is_told(Where::Softirq) {
        softirqs::raise_timer(cpu);
    } else {
        see(true);
    }
}

/// From that of [`NMI`].
pub(crate) fn in_nmi() {
    own::NMIS.add();
    if is_told(Where::Nmi) {
        see_one();
    }
}

/// From every soft interrupt.
#[inline(always)]
pub(crate) fn in_softirq() {
    if is_told(Where::Softirq) {
        see_one();
    }
}

/// A BRK, in whose body an SError becomes pending, and behind which it comes.
fn by_brk(syndrome: u64) -> bool {
    tell(Where::Masked, syndrome);
    let before = Trace::here();
    // SAFETY: the body counts it and goes on after it.
    unsafe { asm!("brk {}", const BREAKPOINT) };
    let after = Trace::here();
    let waited = SEEN.load(Ordering::Relaxed) == RIGHT;
    let came = syndrome & OWN != 0 || has_come();
    let right = waited && before == after && came;
    if !right {
        println!("an SError in a BRK: waited {waited}, came {came}, {before:x?}, then {after:x?}");
    }
    right
}

/// From the body of every BRK that is no bug's: with SErrors masked.
#[inline(never)]
pub(crate) fn in_brk() {
    if is_told(Where::Masked) {
        TOLD.store(0, Ordering::Relaxed);
        if SYNDROME.load(Ordering::Relaxed) & OWN != 0 {
            return see_one();
        }
        let before = all();
        el2::pend(SYNDROME.load(Ordering::Relaxed), Place::Kernel, 0);
        (0..100).for_each(|_| spin_loop());
        see(all() == before);
    }
}

/// How many have come.
fn all() -> u64 {
    Interrupted::ALL.into_iter().map(serrors::count).sum()
}
