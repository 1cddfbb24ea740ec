//! Breakpoints and watchpoints: in the CPU while they are meant, and the way over them.

use super::cpu::{CpuLocal, Thread, change_mdscr, current, isb, this_cpu};
use super::masks::ALLINT;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vestibule_arm64::breakpoints::{Kind, MOST, Point};
use vestibule_arm64::{Frame, Hardware, Real};

const SS: u64 = 1;
const KDE: u64 = 1 << 13;
const MDE: u64 = 1 << 15;

/// What a task is armed with. As `vestibule_arm64::step`.
pub const STEPPED: u64 = 1;
const HAS: u64 = 1 << 1;
const SUSPENDED: u64 = 1 << 3;
pub const ANY_SUSPENDED: u64 = SUSPENDED | SUSPENDED << 1;

/// As `vestibule_arm64::breakpoints`.
#[repr(C)]
pub struct OfCpu {
    points: UnsafeCell<[[Point; MOST]; 2]>,
    count: AtomicU64,
    stepped: AtomicU64,
}

const PSTATE_SS: u64 = 1 << 21;
const PSTATE_D: u64 = 1 << 9;
const PSTATE_AIF: u64 = 0b111 << 6;
const PSTATE_ALLINT: u64 = 1 << 13;
const MASKS: u64 = PSTATE_D | PSTATE_AIF | PSTATE_ALLINT;
const IS_STEPPED: u64 = 1;
const NONE: [Point; MOST] = [Point { address: 0, control: 0 }; MOST];

#[inline(always)]
fn is_loaded(armed: u64, kind: Kind) -> bool {
    armed >> kind as u64 & (HAS | SUSPENDED) == HAS
}

#[inline(always)]
fn loads_any(armed: u64) -> bool {
    is_loaded(armed, Kind::Breakpoint) || is_loaded(armed, Kind::Watchpoint)
}

#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn arm(thread: &Thread, armed: u64) {
    if is_loaded(armed, Kind::Breakpoint) {
        let points = thread.points(Kind::Breakpoint);
        set(Kind::Breakpoint, points, points);
    }
    if is_loaded(armed, Kind::Watchpoint) {
        let points = thread.points(Kind::Watchpoint);
        set(Kind::Watchpoint, points, points);
    }
    let monitors = if loads_any(armed) { MDE } else { 0 };
    let ss = if armed & (STEPPED | ANY_SUSPENDED) != 0 { SS } else { 0 };
    change_mdscr(SS | monitors, ss | monitors);
}

#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn disarm(thread: &Thread, armed: u64) {
    let kernels = &thread.cpu().points;
    if is_loaded(armed, Kind::Breakpoint) {
        set(Kind::Breakpoint, thread.points(Kind::Breakpoint), kernels.of(Kind::Breakpoint));
    }
    if is_loaded(armed, Kind::Watchpoint) {
        set(Kind::Watchpoint, thread.points(Kind::Watchpoint), kernels.of(Kind::Watchpoint));
    }
    let (changed, monitors) = if loads_any(armed) { (MDE, kernels.monitors() & MDE) } else { (0, 0) };
    change_mdscr(SS | changed, monitors);
    isb();
}

#[inline(always)]
fn set(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]) {
    // SAFETY: whoever set them has promised that there are such registers.
    unsafe { Real::set_points(kind, before, after) }
}

impl OfCpu {
    #[inline(always)]
    fn monitors(&self) -> u64 {
        if self.count.load(Relaxed) != 0 { MDE | KDE } else { 0 }
    }

    #[inline(always)]
    fn of(&self, kind: Kind) -> &[Point; MOST] {
        // SAFETY: this CPU's, and everything is masked.
        unsafe { &(*self.points.get())[kind as usize] }
    }
}

/// The current task's are suspended for one instruction of user mode.
#[inline(always)]
pub fn suspend(kind: Kind, frame: &mut Frame) {
    let armed = &current().armed;
    armed.store(armed.load(Relaxed) | SUSPENDED << kind as u64, Relaxed);
    frame.pstate |= PSTATE_SS;
}

/// The kernel's are suspended for one instruction of the kernel.
#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn suspend_in_kernel<const BACKEND: u8>(kind: Kind, frame: &mut Frame) {
    let points = &this_cpu().points;
    if points.stepped.load(Relaxed) == 0 {
        points.stepped.store(frame.pstate & MASKS | IS_STEPPED, Relaxed);
    }
    let nmis = if BACKEND == ALLINT { PSTATE_ALLINT } else { 0 };
    frame.pstate = frame.pstate & !PSTATE_D | PSTATE_AIF | nmis | PSTATE_SS;
    set(kind, points.of(kind), &NONE);
    change_mdscr(SS, SS);
}

#[inline(always)]
pub fn is_stepped_in_kernel() -> bool {
    this_cpu().points.stepped.load(Relaxed) != 0
}

#[unsafe(link_section = ".noinstr.text")]
#[cold]
#[inline(never)]
pub fn resume_in_kernel(frame: &mut Frame) {
    let points = &this_cpu().points;
    let masks = points.stepped.load(Relaxed);
    points.stepped.store(0, Relaxed);
    frame.pstate = frame.pstate & !(MASKS | PSTATE_SS) | masks & MASKS;
    let (breakpoints, watchpoints) = (points.of(Kind::Breakpoint), points.of(Kind::Watchpoint));
    set(Kind::Breakpoint, breakpoints, breakpoints);
    set(Kind::Watchpoint, watchpoints, watchpoints);
    change_mdscr(SS, 0);
}

impl Thread {
    #[inline(always)]
    fn cpu(&self) -> &'static CpuLocal {
        // SAFETY: set before the task first ran.
        unsafe { &*(self.cpu.load(Relaxed) as *const CpuLocal) }
    }

    #[inline(always)]
    fn points(&self, kind: Kind) -> &[Point; MOST] {
        // SAFETY: the current task's, which runs here and so nowhere else.
        unsafe { &(*self.points.get())[kind as usize] }
    }
}
