//! Hardware breakpoints and watchpoints: a task's, and the kernel's own on this CPU. They share the CPU's registers by turns:
//!
//! ```text
//!   in user mode     the task's       loaded by `arm`, the last thing before ERET
//!   in the kernel    the kernel's     put back by `disarm`, the first thing of every entry from user mode
//! ```
//!
//! So a task switch has nothing to do with them, nobody's are ever hit by another task, and a task without any costs nothing: one
//! word says all that user mode is [armed](crate::step) with.
//!
//! Both come *before* the instruction. To go on after one that nobody takes away, the instruction is executed with those of its
//! kind suspended: a step, and then they are as before. In user mode that is a step as any other. In the kernel everything but
//! debug exceptions is masked for that one instruction, in the frame that the breakpoint's exception returns by: nothing comes
//! between the two, and no other code meets MDSCR_EL1.SS (C12).

use crate::bodies::CpuOf;
use crate::hardware::{A, ALLINT, D, DAIF_SHIFT, F, I, KDE, MDE, MDSCR_SS};
use crate::thread::{current, running, this_cpu};
use crate::{Backend, Bodies, Frame, Hardware, Nmis, Thread, noinstr, pstate, step};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vestibule::{Cpu, Critical, IrqsMasked, Level, Process};

/// How many of a kind a CPU may have; ID_AA64DFR0_EL1 says how many there are.
pub const MOST: usize = 16;

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An instruction, before it is executed.
    Breakpoint,
    /// An access to memory, before it is made.
    Watchpoint,
}

impl Kind {
    const BOTH: [Kind; 2] = [Kind::Breakpoint, Kind::Watchpoint];
}

/// A value register and its control register: DBGBVR and DBGBCR, or DBGWVR and DBGWCR. Zeros are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Point {
    /// The instruction's address, or that of the eight bytes which are watched.
    pub address: u64,
    /// When it hits. Arm ARM D24.3.2, D24.3.11.
    pub control: u64,
}

/// It is one.
pub const ENABLED: u64 = 1;
/// It hits the kernel.
pub const OF_KERNEL: u64 = 0b01 << 1;
/// It hits user mode.
pub const OF_USER: u64 = 0b10 << 1;
/// A watchpoint of loads.
pub const LOADS: u64 = 0b01 << 3;
/// A watchpoint of stores.
pub const STORES: u64 = 0b10 << 3;
/// Where the bytes are that count, a bit each: four of an instruction, eight of memory.
pub const BYTES_SHIFT: u32 = 5;

impl Point {
    const NONE: Point = Point { address: 0, control: 0 };

    #[inline(always)]
    const fn is_enabled(self) -> bool {
        self.control & ENABLED != 0
    }

    /// How far `place` is from what it watches. The address of an access may be outside of that: it is its lowest byte's.
    fn distance(self, kind: Kind, place: u64) -> Option<u64> {
        let bytes = self.control >> BYTES_SHIFT & 0xff;
        if !self.is_enabled() || bytes == 0 {
            return None;
        }
        if kind == Kind::Breakpoint {
            return (self.address == place & !3).then_some(0);
        }
        // Of an address only the lower 56 bits say where.
        let place = (place << 8) as i64 >> 8;
        let first = self.address as i64 + i64::from(bytes.trailing_zeros());
        let last = self.address as i64 + i64::from(bytes.ilog2());
        Some(place.abs_diff(place.clamp(first, last)))
    }
}

/// Of these the one that an exception at `place` came of.
fn nearest(kind: Kind, place: u64, points: impl Fn(usize) -> Point) -> Option<usize> {
    let distance = |number: usize| points(number).distance(kind, place);
    (0..MOST).filter(|number| distance(*number).is_some()).min_by_key(|number| distance(*number))
}

/// Where it hit.
fn place(kind: Kind, frame: &Frame) -> u64 {
    if kind == Kind::Breakpoint { frame.pc } else { frame.fault_address }
}

/// A task's.
#[repr(transparent)]
pub(crate) struct OfTask(UnsafeCell<[[Point; MOST]; 2]>);

// SAFETY: touched by its task alone, and by who promises that this does not run.
unsafe impl Sync for OfTask {}

impl OfTask {
    pub(crate) const fn new() -> OfTask {
        OfTask(UnsafeCell::new([NONE; 2]))
    }

    /// For the task itself.
    #[inline(always)]
    fn of(&self, kind: Kind) -> &[Point; MOST] {
        // SAFETY: it runs, and so nobody else does anything to them; it does not itself while it looks.
        unsafe { &(*self.0.get())[kind as usize] }
    }
}

/// A CPU's, of the kernel.
#[repr(C)]
pub(crate) struct OfCpu {
    points: UnsafeCell<[[Point; MOST]; 2]>,
    /// How many there are.
    count: AtomicU64,
    /// The masks of the code that is stepped over one, and that it is.
    stepped: AtomicU64,
}

// SAFETY: its CPU alone touches them.
unsafe impl Sync for OfCpu {}

impl OfCpu {
    pub(crate) const fn new() -> OfCpu {
        OfCpu { points: UnsafeCell::new([NONE; 2]), count: AtomicU64::new(0), stepped: AtomicU64::new(0) }
    }

    /// On this CPU.
    #[inline(always)]
    fn of(&self, kind: Kind) -> &[Point; MOST] {
        // SAFETY: who changes them does so on this CPU too, one after another.
        unsafe { &(*self.points.get())[kind as usize] }
    }

    /// MDSCR_EL1 in the kernel.
    #[inline(always)]
    fn monitors(&self) -> u64 {
        if self.count.load(Relaxed) != 0 { MDE | KDE } else { 0 }
    }
}

/// What becomes of one of a task's that was hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hit {
    /// Somebody is told, and takes it away or not: it is hit again by whoever goes on there.
    Told,
    /// Nobody is: the instruction is executed, and it is there again.
    Passed,
}

impl Thread {
    /// One of this task's.
    ///
    /// # Safety
    /// It is the current task, or does not run, nor begins to meanwhile.
    pub unsafe fn point(&self, kind: Kind, number: usize) -> Point {
        // SAFETY: the caller's: nobody writes to it.
        unsafe { (*self.points.0.get())[kind as usize][number] }
    }

    /// Changes one of this task's: from its next return to user mode on.
    ///
    /// # Safety
    /// As [`point`](Thread::point); the CPUs have one of that number, and it hits nothing but user mode.
    pub unsafe fn set_point(&self, kind: Kind, number: usize, point: Point) {
        // SAFETY: the caller's: nobody else touches it.
        let points = unsafe { &mut (*self.points.0.get())[kind as usize] };
        points[number] = point;
        self.armed.have(kind, points.iter().any(|point| point.is_enabled()));
    }
}

/// The current task has none any more: another program begins in it.
pub fn clear<K: Bodies>(cpu: &Cpu<K, Process>) {
    for kind in Kind::BOTH {
        // SAFETY: it is the current task.
        (0..MOST).for_each(|number| unsafe { current(cpu).set_point(kind, number, Point::NONE) });
    }
}

/// The one of the current task's that this exception of user mode came of.
pub fn hit<K: Bodies>(cpu: &Cpu<K, Critical>, kind: Kind, frame: &Frame) -> Option<usize> {
    // SAFETY: it is the current task.
    nearest(kind, place(kind, frame), |number| unsafe { current(cpu).point(kind, number) })
}

/// The one of the kernel's that this exception of the kernel came of.
pub fn hit_in_kernel<K: Bodies>(cpu: &Cpu<K, Critical>, kind: Kind, frame: &Frame) -> Option<usize> {
    nearest(kind, place(kind, frame), |number| this_cpu(cpu).points.of(kind)[number])
}

/// Sets one of the kernel's on this CPU, or with zeros none. Before and after: the masks of `NoIrq`, which is less than a debug
/// exception's body or an NMI's has: it changes none of what it came of. Meanwhile everything is masked, so that what is kept and what is in
/// the CPU are the same to whoever comes.
///
/// # Safety
/// The CPU has one of that number, and it hits nothing but the kernel. No instruction that it hits faults, takes or leaves an
/// exception, reads or writes masks, or is between a load-exclusive and its store; none is of the entry text.
pub unsafe fn set_of_kernel<K: Bodies, C: IrqsMasked>(cpu: &Cpu<K, C>, kind: Kind, number: usize, point: Point) {
    const { assert!(matches!(C::LEVEL, Some(Level::NoIrq)), "the kernel's breakpoints change in `NoIrq` or `Hardirq`") }
    let points = &this_cpu(cpu).points;
    // SAFETY: the caller's; the token says `NoIrq` before and after. Nobody else looks at them while everything is masked.
    unsafe {
        K::Backend::close_for_switch();
        (*points.points.get())[kind as usize][number] = point;
        let is_there = |kind: Kind| points.of(kind).iter().filter(|point| point.is_enabled()).count();
        points.count.store(Kind::BOTH.map(is_there).iter().sum::<usize>() as u64, Relaxed);
        CpuOf::<K>::set_point(kind, number, point);
        CpuOf::<K>::change_mdscr(MDE | KDE, points.monitors());
        CpuOf::<K>::isb();
        K::Backend::open_after_switch();
    }
}

/// This CPU, which boots, has none, whatever was there when it was reset: that is unknown. Before: everything masked.
pub(crate) fn begin<H: Hardware>() {
    // SAFETY: nothing is stepped.
    unsafe { H::change_mdscr(MDSCR_SS | MDE | KDE, 0) }
    H::clear_points();
    H::isb();
}

noinstr! {
    /// User mode gets what the task is armed with. Before and after: everything masked.
    #[cold]
    #[inline(never)]
    pub(crate) fn arm<H: Hardware>(thread: &Thread, armed: u64) {
        if step::is_loaded(armed, Kind::Breakpoint) {
            let points = thread.points.of(Kind::Breakpoint);
            // SAFETY: whoever set them has promised that there are such registers.
            unsafe { H::set_points(Kind::Breakpoint, points, points) }
        }
        if step::is_loaded(armed, Kind::Watchpoint) {
            let points = thread.points.of(Kind::Watchpoint);
            // SAFETY: as above.
            unsafe { H::set_points(Kind::Watchpoint, points, points) }
        }
        let monitors = if step::loads_any(armed) { MDE } else { 0 };
        // SAFETY: everything is masked, and user mode is next.
        unsafe { H::change_mdscr(MDSCR_SS | monitors, step::mdscr_ss(armed) | monitors) }
    }

    /// And the kernel what was there. Before and after: everything masked.
    #[cold]
    #[inline(never)]
    pub(crate) fn disarm<H: Hardware>(thread: &Thread, armed: u64) {
        let kernels = &thread.cpu::<H>().points;
        if step::is_loaded(armed, Kind::Breakpoint) {
            // SAFETY: as above.
            unsafe { H::set_points(Kind::Breakpoint, thread.points.of(Kind::Breakpoint), kernels.of(Kind::Breakpoint)) }
        }
        if step::is_loaded(armed, Kind::Watchpoint) {
            // SAFETY: as above.
            unsafe { H::set_points(Kind::Watchpoint, thread.points.of(Kind::Watchpoint), kernels.of(Kind::Watchpoint)) }
        }
        let (changed, monitors) = if step::loads_any(armed) { (MDE, kernels.monitors() & MDE) } else { (0, 0) };
        // SAFETY: in the kernel nothing is stepped.
        unsafe { H::change_mdscr(MDSCR_SS | changed, monitors) }
        H::isb();
    }

    #[cold]
    #[inline(never)]
    fn suspend_here<K: Bodies>(kind: Kind, frame: &mut Frame) {
        let points = here::<CpuOf<K>>();
        // Stepped over a breakpoint, it has come to a watchpoint: its masks are known.
        if points.stepped.load(Relaxed) == 0 {
            points.stepped.store(frame.pstate & MASKS | STEPPED, Relaxed);
        }
        let nmis = if matches!(K::Backend::NMIS, Nmis::BySuperpriority) { ALLINT } else { 0 };
        frame.pstate = frame.pstate & !MASK_D | BELOW_D | nmis | pstate::SS;
        // SAFETY: whoever set them has promised that there are such registers; everything is masked, and that instruction is next.
        unsafe {
            CpuOf::<K>::set_points(kind, points.of(kind), &NONE);
            CpuOf::<K>::change_mdscr(MDSCR_SS, MDSCR_SS);
        }
    }

    #[cold]
    #[inline(never)]
    fn resume_here<H: Hardware>(frame: &mut Frame) {
        let points = here::<H>();
        let masks = points.stepped.load(Relaxed);
        points.stepped.store(0, Relaxed);
        frame.pstate = frame.pstate & !(MASKS | pstate::SS) | masks & MASKS;
        let (breakpoints, watchpoints) = (points.of(Kind::Breakpoint), points.of(Kind::Watchpoint));
        // SAFETY: as above.
        unsafe {
            H::set_points(Kind::Breakpoint, breakpoints, breakpoints);
            H::set_points(Kind::Watchpoint, watchpoints, watchpoints);
            H::change_mdscr(MDSCR_SS, 0);
        }
    }
}

const NONE: [Point; MOST] = [Point::NONE; MOST];
const STEPPED: u64 = 1;
const MASKS: u64 = pstate::DAIF | ALLINT;
const BELOW_D: u64 = ((A | I | F) as u64) << DAIF_SHIFT;
const MASK_D: u64 = (D as u64) << DAIF_SHIFT;

/// This CPU's. Before: everything masked.
#[inline(always)]
fn here<'cpu, H: Hardware>() -> &'cpu OfCpu {
    &running::<H>().cpu::<H>().points
}

/// The kernel's instruction that was interrupted is executed next, with those of this kind suspended and all else masked.
#[inline(always)]
pub(crate) fn suspend_in_kernel<K: Bodies>(_: &Cpu<K, Critical>, kind: Kind, frame: &mut Frame) {
    suspend_here::<K>(kind, frame);
}

/// It has been executed: all is as before.
#[inline(always)]
pub(crate) fn resume_in_kernel<K: Bodies>(_: &Cpu<K, Critical>, frame: &mut Frame) {
    resume_here::<CpuOf<K>>(frame);
}

/// This CPU steps over one of the kernel's.
#[inline(always)]
pub(crate) fn is_stepped_in_kernel<K: Bodies>(cpu: &Cpu<K, Critical>) -> bool {
    this_cpu(cpu).points.stepped.load(Relaxed) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(address: u64, bytes: u64) -> Point {
        Point { address, control: bytes << BYTES_SHIFT | LOADS | STORES | OF_USER | ENABLED }
    }

    fn hit(kind: Kind, place: u64, points: &[Point]) -> Option<usize> {
        nearest(kind, place, |number| points.get(number).copied().unwrap_or_default())
    }

    #[test]
    fn a_breakpoint_is_that_of_its_instruction() {
        let at = |address| Point { address, control: 0xf << BYTES_SHIFT | OF_USER | ENABLED };
        let off = Point { address: 0x1000, control: 0xf << BYTES_SHIFT | OF_USER };
        assert_eq!(hit(Kind::Breakpoint, 0x1000, &[off, at(0x2000), at(0x1000)]), Some(2));
        assert_eq!(hit(Kind::Breakpoint, 0x1004, &[at(0x1000)]), None);
    }

    #[test]
    fn a_watchpoint_is_the_nearest_to_the_access() {
        let points = [watch(0x1000, 0xf0), watch(0x1000, 0x0c), watch(0x2000, 0xff)];
        for (place, number) in [(0x1004, 0), (0x1003, 1), (0x0ff0, 1), (0x1010, 0), (0x1ff8, 2), (0x2007, 2)] {
            assert_eq!(hit(Kind::Watchpoint, place, &points), Some(number), "{place:#x}");
        }
        assert_eq!(hit(Kind::Watchpoint, 0xaa00_0000_0000_2000, &points), Some(2), "a tagged address");
        let kernels = [watch(0xffff_ffc0_0000_1000, 0xff), watch(0x1000, 0xff)];
        assert_eq!(hit(Kind::Watchpoint, 0xffff_ffc0_0000_1004, &kernels), Some(0));
        assert_eq!(hit(Kind::Watchpoint, 0x1000, &[Point::default()]), None);
    }
}
