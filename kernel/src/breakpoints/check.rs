//! The kernel's own breakpoints and watchpoints, held against what really happened: a function that is called and a word that is
//! written, with interrupts on and off and in an interrupt's handler, on all CPUs, while everything is preempted.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vestibule::{Level, Machine as _, Process};

use super::Watch;
use crate::errno::{Errno, Result};
use crate::lock::IrqLock;
use crate::reference::{Cpu, Machine};

/// Sets them.
const BEGIN: usize = 0;
/// Comes to them so many times: how much was wrong.
const GO: usize = 1;
/// Removes them: how many were counted less, or more, than there were.
const END: usize = 2;
/// Comes to them when they are gone, and tries to set what is refused: how much was wrong.
const AFTER: usize = 3;

static SET: IrqLock<Option<[Watch; 3]>> = IrqLock::new(None);
/// Handlers and idle tasks come to them.
static IN_HANDLERS: AtomicBool = AtomicBool::new(false);
/// How often each was come to: by calls, by stores of the function that has a breakpoint itself, and by any stores.
static CALLS: AtomicU64 = AtomicU64::new(0);
static STORES: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);
/// What is watched.
static WORD: AtomicU64 = AtomicU64::new(0);

/// X0 + 1.
#[unsafe(naked)]
extern "C" fn successor(number: u64) -> u64 {
    naked_asm!("add x0, x0, 1", "ret")
}

/// A store that is a breakpoint's, and a watchpoint's too.
#[unsafe(naked)]
extern "C" fn store(word: *const AtomicU64, number: u64) {
    naked_asm!("str x1, [x0]", "ret")
}

/// All of it, by system calls of a program's.
pub fn call(cpu: &mut Cpu<Process>, what: usize, argument: usize) -> Result {
    match what {
        BEGIN => begin(cpu),
        GO => Ok((0..argument).map(|_| go(cpu)).sum()),
        END => end(cpu),
        AFTER => Ok(after(cpu)),
        _ => Err(Errno::EINVAL),
    }
}

fn begin(cpu: &mut Cpu<Process>) -> Result {
    [&CALLS, &STORES, &WRITES].iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
    let calls = Watch::instruction(cpu, successor as *const () as usize)?;
    let stores = Watch::instruction(cpu, store as *const () as usize)?;
    let writes = Watch::word(cpu, &WORD)?;
    *SET.lock() = Some([calls, stores, writes]);
    IN_HANDLERS.store(true, Ordering::Release);
    Ok(0)
}

/// In every context that a body can be in; how often it came back in another, or with something else than it should.
fn go(cpu: &mut Cpu<Process>) -> usize {
    let mut wrong = usize::from(!come(Level::Process));
    {
        let mut off = cpu.preempt_off();
        wrong += usize::from(!come(Level::Process));
        let _off = off.irqs_off();
        wrong += usize::from(!come(Level::NoIrq));
    }
    let _off = cpu.irqs_off();
    wrong + usize::from(!come(Level::NoIrq))
}

/// From the tick.
pub fn in_handler() {
    if IN_HANDLERS.load(Ordering::Acquire) && !come(Level::NoIrq) {
        panic!("a breakpoint in an interrupt's handler comes back wrong");
    }
}

/// From the idle task.
pub fn in_idle(cpu: &mut Cpu<Process>) {
    if IN_HANDLERS.load(Ordering::Acquire) {
        let _off = cpu.irqs_off();
        assert!(come(Level::NoIrq), "a breakpoint in the idle task comes back wrong");
    }
}

/// From wherever a test wants it.
pub fn come_here() -> bool {
    come(Machine::level())
}

fn come(level: Level) -> bool {
    CALLS.fetch_add(1, Ordering::Relaxed);
    STORES.fetch_add(1, Ordering::Relaxed);
    WRITES.fetch_add(2, Ordering::Relaxed);
    let before = Machine::level();
    let next = successor(41);
    store(&raw const WORD, 7);
    WORD.fetch_add(1, Ordering::Relaxed);
    before == level && Machine::level() == level && next == 42
}

fn end(cpu: &mut Cpu<Process>) -> Result {
    IN_HANDLERS.store(false, Ordering::Release);
    // Every CPU takes an interrupt for that: afterwards nobody is in the middle of one.
    super::tell_all(cpu);
    let watches = SET.lock().take().ok_or(Errno::EINVAL)?;
    let came = [&CALLS, &STORES, &WRITES].map(|counter| counter.load(Ordering::Relaxed));
    let hits = watches.map(|watch| watch.remove(cpu));
    Ok(came.iter().zip(hits).map(|(came, hits)| came.abs_diff(hits) as usize).sum())
}

fn after(cpu: &mut Cpu<Process>) -> usize {
    let entry = crate::layout::entry_text().start;
    let refused = |cpu: &mut _, address: usize| matches!(Watch::instruction(cpu, address), Err(Errno::EINVAL));
    let refused = [entry, 2, 0x1000, successor as *const () as usize + 2, crate::user_copy::first_that_may_fault()]
        .map(|address| refused(cpu, address));
    go(cpu) + refused.iter().filter(|refused| !**refused).count()
}
