//! Breakpoints and watchpoints: what of user mode's is told, and the kernel's own, which count.
//!
//! The kernel's are the same on all CPUs. One is set in memory first, and then each CPU is asked to take it over.

pub mod check;

use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vestibule::{Critical, IrqsMasked, Process};
use vestibule_arm64::breakpoints::{
    self as port, BYTES_SHIFT, ENABLED, Hit, Kind, LOADS, MOST, OF_KERNEL, OF_USER, Point, STORES,
};
use vestibule_arm64::{Frame, this_cpu};

use crate::debug_registers::Registers;
use crate::errno::{Errno, Result};
use crate::layout::{USER_END, entry_text, image};
use crate::percpu::MAX_CPUS;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::registers::read_register;
use crate::task::Task;
use crate::{interrupts, percpu, user_copy};

/// The SGI that asks a CPU to take over the kernel's.
pub const INTERRUPT: u32 = 3;

/// Those of this machine, of one kind; all CPUs are alike.
pub fn registers(kind: Kind) -> Registers {
    Registers::new(kind, read_register!("id_aa64dfr0_el1"), USER_END as u64)
}

/// One of user mode's was hit: its tracer is told, unless the kernel only counts it.
pub fn hit(cpu: &Cpu<Critical>, kind: Kind, frame: &Frame) -> Hit {
    let counted = &Task::current(cpu).counted;
    match port::hit(cpu, kind, frame) {
        Some(number) if counted.has(kind, number) => {
            counted.hits.fetch_add(1, Ordering::Relaxed);
            Hit::Passed
        }
        _ if Bug::UntoldHit.is_planted() => Hit::Passed,
        _ => Hit::Told,
    }
}

/// What is counted of a task, and not told: at most one of each kind, the last that the CPU has.
pub struct Counted {
    breakpoint: AtomicBool,
    watchpoint: AtomicBool,
    hits: AtomicU64,
}

impl Counted {
    /// Nothing.
    pub const fn new() -> Counted {
        Counted { breakpoint: AtomicBool::new(false), watchpoint: AtomicBool::new(false), hits: AtomicU64::new(0) }
    }

    fn of(&self, kind: Kind) -> &AtomicBool {
        if kind == Kind::Breakpoint { &self.breakpoint } else { &self.watchpoint }
    }

    fn has(&self, kind: Kind, number: usize) -> bool {
        self.of(kind).load(Ordering::Relaxed) && number + 1 == registers(kind).count()
    }
}

/// From here on the current task's way through `address`, or its accesses to the eight bytes there, are counted; with zero they
/// are no longer. How many there were since it was asked last.
pub fn count(cpu: &mut Cpu<Process>, kind: Kind, address: usize) -> Result {
    let (granule, bytes, of) = match kind {
        Kind::Breakpoint => (4, 0xf, 0),
        Kind::Watchpoint => (8, 0xff, LOADS | STORES),
    };
    if address >= USER_END || !address.is_multiple_of(granule) {
        return Err(Errno::EINVAL);
    }
    let control = if address == 0 { 0 } else { bytes << BYTES_SHIFT | of | OF_USER | ENABLED };
    let task = Task::current(cpu);
    task.counted.of(kind).store(address != 0, Ordering::Relaxed);
    // SAFETY: it is the current task; the CPU has it, and it is user mode's.
    unsafe {
        task.thread().set_point(kind, registers(kind).count() - 1, Point { address: address as u64, control });
    }
    Ok(task.counted.hits.swap(0, Ordering::Relaxed) as usize)
}

/// One of the kernel's own.
struct Own {
    is_taken: AtomicBool,
    address: AtomicU64,
    control: AtomicU64,
    hits: AtomicU64,
}

impl Own {
    const fn new() -> Own {
        Own {
            is_taken: AtomicBool::new(false),
            address: AtomicU64::new(0),
            control: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        }
    }

    /// As many of a kind as the CPUs have.
    fn all(kind: Kind) -> &'static [Own] {
        &OWN[kind as usize][..registers(kind).count()]
    }
}

static OWN: [[Own; MOST]; 2] = [const { [const { Own::new() }; MOST] }; 2];

/// How often they have changed, and which of the changes each CPU has seen.
static CHANGES: AtomicU64 = AtomicU64::new(0);
static SEEN: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// One of the kernel's own that is set; it counts until it is removed.
#[must_use = "it stays until it is removed"]
pub struct Watch {
    own: &'static Own,
}

impl Watch {
    /// Counts how often the instruction at `address` comes to be executed, on all CPUs. Not of the entry text, and none that may
    /// fault, that reads or writes a system register, or that takes or leaves an exception.
    pub fn instruction(cpu: &mut Cpu<Process>, address: usize) -> Result<Watch> {
        if !may_be_stepped(address) {
            return Err(Errno::EINVAL);
        }
        Watch::set(cpu, Kind::Breakpoint, address, 0xf << BYTES_SHIFT)
    }

    /// Counts how often `word` is written, on all CPUs.
    pub fn word(cpu: &mut Cpu<Process>, word: &'static AtomicU64) -> Result<Watch> {
        Watch::set(cpu, Kind::Watchpoint, word.as_ptr().addr(), 0xff << BYTES_SHIFT | STORES)
    }

    fn set(cpu: &mut Cpu<Process>, kind: Kind, address: usize, control: u64) -> Result<Watch> {
        let mut all = Own::all(kind).iter();
        let own = all.find(|own| !own.is_taken.swap(true, Ordering::Acquire)).ok_or(Errno::ENOSPC)?;
        own.hits.store(0, Ordering::Relaxed);
        own.address.store(address as u64, Ordering::Relaxed);
        own.control.store(control | OF_KERNEL | ENABLED, Ordering::Relaxed);
        tell_all(cpu);
        Ok(Watch { own })
    }

    /// How often.
    pub fn hits(&self) -> u64 {
        self.own.hits.load(Ordering::Relaxed)
    }

    /// Afterwards it is on no CPU. How often.
    pub fn remove(self, cpu: &mut Cpu<Process>) -> u64 {
        self.own.control.store(0, Ordering::Relaxed);
        tell_all(cpu);
        let hits = self.hits();
        self.own.is_taken.store(false, Ordering::Release);
        hits
    }
}

/// What is asked of an instruction that is executed with interrupts masked, and steps.
fn may_be_stepped(address: usize) -> bool {
    let known = address.is_multiple_of(4) && image().text.contains(&address) && !entry_text().contains(&address);
    if !known || user_copy::fixup(address).is_some() {
        return false;
    }
    // SAFETY: it lies in the kernel's code, which is mapped and aligned.
    let instruction = unsafe { (address as *const u32).read() };
    let takes_exception = instruction >> 24 == 0xd4;
    let is_system = instruction >> 22 == 0xd500_0000_u32 >> 22;
    let is_exclusive = instruction & 0x3f80_0000 == 0x0800_0000;
    const ERET: u32 = 0xd69f_03e0;
    !(takes_exception || is_system || is_exclusive || instruction == ERET)
}

/// Every CPU takes them over, and has when this is done.
fn tell_all(cpu: &mut Cpu<Process>) {
    let change = CHANGES.fetch_add(1, Ordering::Release) + 1;
    let mut here = cpu.preempt_off();
    let number = this_cpu(&*here).number();
    set_here(&here.irqs_off());
    percpu::online().filter(|other| *other != number).for_each(|other| interrupts::send(other, INTERRUPT));
    while percpu::online().any(|other| SEEN[other].load(Ordering::Acquire) < change) {
        spin_loop();
    }
}

/// This CPU takes them over.
pub fn set_here<C: IrqsMasked>(cpu: &Cpu<C>) {
    let number = this_cpu(cpu).number();
    let change = CHANGES.load(Ordering::Acquire);
    if number == 0 || !Bug::DeafCpu.is_planted() {
        for kind in [Kind::Breakpoint, Kind::Watchpoint] {
            for (number, own) in Own::all(kind).iter().enumerate() {
                let address = own.address.load(Ordering::Relaxed);
                let point = Point { address, control: own.control.load(Ordering::Relaxed) };
                // SAFETY: the CPU has it; what it hits is as `Watch` says.
                unsafe { port::set_of_kernel(cpu, kind, number, point) }
            }
        }
    }
    SEEN[number].fetch_max(change, Ordering::Release);
}

/// One of the kernel's was hit. It may have come in the middle of anything.
pub fn hit_in_kernel(cpu: &Cpu<Critical>, kind: Kind, frame: &Frame) {
    if let Some(number) = port::hit_in_kernel(cpu, kind, frame) {
        OWN[kind as usize][number].hits.fetch_add(1, Ordering::Relaxed);
    }
}
