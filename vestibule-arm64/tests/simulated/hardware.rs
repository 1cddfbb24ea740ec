//! The port's hardware trait, on the simulated CPU.

use crate::cpu::{Mdscr, Simulated, State, give_to, spawn, step, step_of, with};
use crate::exceptions::Exception;
use crate::memory::{Cell, counts, daif, flags, masks};
use crate::steps::Kind;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};
use vestibule_arm64::breakpoints::{ENABLED, Kind as PointKind, MOST, Point};
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::hardware::{ALLINT, D, DAIF_SHIFT, ISR_IS, KDE, MDE, MDSCR_SS};
use vestibule_arm64::{Frame, Hardware, Nmis, Thread, priority};

/// Registers that an exception overwrites.
fn banked(name: &str, value: impl FnOnce(&mut crate::cpu::State) -> u64) -> u64 {
    let value = with(|state| {
        state.require(state.is_closed(), &format!("{name} is read with something open"));
        value(state)
    });
    step_of(Kind::Access, format!("read {name}"));
    value
}

fn set_banked(name: &str, set: impl FnOnce(&mut crate::cpu::State)) {
    with(|state| {
        state.require(state.is_closed(), &format!("{name} is written with something open"));
        set(state);
    });
    step_of(Kind::Access, format!("write {name}"));
}

fn frame_field(field: &u64) -> String {
    let address = core::ptr::from_ref(field).addr();
    let frames = with(|state| state.running.exceptions.clone());
    for (frame, _) in frames.iter().rev() {
        if let Some(offset) = address.checked_sub(*frame).filter(|offset| *offset < size_of::<Frame>()) {
            return format!("frame.{}", field_name(offset));
        }
    }
    "frame of nobody".into()
}

fn field_name(offset: usize) -> String {
    let named = [
        (offset_of!(Frame, sp), "sp"),
        (offset_of!(Frame, pc), "pc"),
        (offset_of!(Frame, pstate), "pstate"),
        (offset_of!(Frame, syndrome), "syndrome"),
        (offset_of!(Frame, fault_address), "fault_address"),
        (offset_of!(Frame, syscall), "syscall"),
        (offset_of!(Frame, first_argument), "first_argument"),
    ];
    named.into_iter().find(|(at, _)| *at == offset).map_or(format!("x{}", offset / 8), |(_, name)| name.into())
}

/// One access to a word: its name.
fn touched(cell: &AtomicU64) -> Cell {
    with(|state| state.touch(core::ptr::from_ref(cell).addr()))
}

/// The one that comes: the first of those that devices share.
pub const INTERRUPT: u64 = 32;
/// The NMI that comes: a CPU's own.
pub const NMI: u64 = 16;

fn acknowledge(how: &str, which: impl FnOnce(&crate::cpu::State) -> Option<u64>) -> u64 {
    let interrupt = with(|state| {
        state.synchronised = false;
        let interrupt = which(state).filter(|_| state.faults.special.is_none());
        if let Some(interrupt) = interrupt {
            state.active.push(interrupt);
            state.signalled = None;
        }
        interrupt.or(state.faults.special).unwrap_or(1023)
    });
    step_of(Kind::Access, format!("acknowledge {interrupt}{how}"));
    interrupt
}

fn end_of_interrupt(how: &str, interrupt: u64) {
    with(|state| {
        let ends_the_last = state.active.pop() == Some(interrupt);
        state.require(ends_the_last, "an interrupt ends that is not the last acknowledged");
    });
    step_of(Kind::Access, format!("end of interrupt {interrupt}{how}"));
}

impl State {
    /// The kernel opens these: with D among them, nothing is stepped.
    fn open(&mut self, bits: u32) -> &mut State {
        let stepped = bits & D != 0 && (self.mdscr.stepping || self.stepping_seen);
        self.require(!stepped, "the kernel opens debug exceptions with MDSCR.SS set");
        self
    }
}

// SAFETY: `current` gives what `set_current` and `give_to` stored; `switch` returns once, when the task runs again, and
// `on_irq_stack` calls its closure once.
unsafe impl Hardware for Simulated {
    fn daif() -> u64 {
        let daif = with(|state| state.daif);
        step_of(Kind::Access, "read DAIF");
        u64::from(daif) << DAIF_SHIFT
    }
    unsafe fn write_daif(value: u64) {
        let masks = (value >> DAIF_SHIFT) as u32;
        with(|state| state.open(!masks).daif = masks);
        step(format!("write DAIF {}", daif(masks)));
    }
    unsafe fn daif_set<const BITS: u32>() {
        with(|state| state.daif |= BITS & !state.faults.set_ignores);
        step(format!("DAIFSet {}", masks(BITS)));
    }
    unsafe fn daif_clear<const BITS: u32>() {
        with(|state| state.open(BITS).daif &= !BITS);
        step(format!("DAIFClr {}", masks(BITS)));
    }

    fn pmr() -> u64 {
        let pmr = with(|state| state.pmr);
        step_of(Kind::Access, "read PMR");
        pmr
    }
    unsafe fn set_pmr<const PRIORITY: u64>() {
        with(|state| state.pmr = PRIORITY);
        let name = if PRIORITY == vestibule_arm64::priority::OPEN { "open" } else { "off" };
        step(format!("PMR := {name}"));
    }
    unsafe fn allint_set() {
        with(|state| state.allint = true);
        step("ALLINT := 1");
    }
    unsafe fn allint_clear() {
        with(|state| state.allint = false);
        step("ALLINT := 0");
    }
    fn allint() -> u64 {
        let allint = with(|state| state.allint);
        step_of(Kind::Access, "read ALLINT");
        u64::from(allint) * ALLINT
    }
    unsafe fn write_allint(allint: u64) {
        let allint = allint & ALLINT != 0;
        with(|state| state.allint = allint);
        step(format!("write ALLINT {}", u8::from(allint)));
    }

    fn elr() -> u64 {
        banked("ELR", |state| state.elr)
    }
    fn spsr() -> u64 {
        banked("SPSR", |state| state.spsr)
    }
    fn esr() -> u64 {
        banked("ESR", |state| state.esr)
    }
    fn far() -> u64 {
        banked("FAR", |state| state.far)
    }
    fn sp_el0() -> u64 {
        banked("SP_EL0", |state| state.sp_el0)
    }
    unsafe fn set_elr(pc: u64) {
        set_banked("ELR", |state| state.elr = pc);
    }
    unsafe fn set_spsr(pstate: u64) {
        set_banked("SPSR", |state| state.spsr = pstate);
    }
    fn set_sp_el0(sp: u64) {
        set_banked("SP_EL0", |state| state.sp_el0 = sp);
    }

    unsafe fn change_mdscr(changed: u64, to: u64) {
        let changes = with(|state| {
            let ss = changed & MDSCR_SS != 0;
            state.require(!ss || state.is_closed(), "MDSCR.SS is written with something open");
            let Mdscr { stepping, monitors, of_kernel } = &mut state.mdscr;
            let bits = [(MDSCR_SS, "SS", stepping), (MDE, "MDE", monitors), (KDE, "KDE", of_kernel)];
            let changes = bits.into_iter().filter(|(bit, ..)| changed & bit != 0).map(|(bit, name, is)| {
                *is = to & bit != 0;
                format!("{name} := {}", u8::from(*is))
            });
            changes.collect::<Vec<_>>()
        });
        step(format!("MDSCR.{}", changes.join(", ")));
    }
    unsafe fn set_points(kind: PointKind, before: &[Point; MOST], after: &[Point; MOST]) {
        for (number, (before, after)) in before.iter().zip(after).enumerate() {
            if (before.control | after.control) & ENABLED != 0 {
                // SAFETY: the caller's.
                unsafe { Self::set_point(kind, number, *after) }
            }
        }
    }
    fn clear_points() {
        with(|state| state.points.clear());
        step("breakpoints, watchpoints := none");
    }
    unsafe fn set_point(kind: PointKind, number: usize, point: Point) {
        let enabled = point.control & ENABLED != 0;
        with(|state| {
            state.points.retain(|(which, _)| *which != (kind as usize, number));
            if enabled {
                state.points.push(((kind as usize, number), point));
            }
        });
        let what = if enabled { format!("{:#x}", point.address) } else { "none".into() };
        step(format!("{kind:?} {number} := {what}"));
    }

    // No step: the port may keep what it gave before.
    fn current() -> *const Thread {
        with(|state| state.current) as *const Thread
    }
    unsafe fn set_current(thread: *const Thread) {
        with(|state| {
            state.require(state.is_closed(), "the current task changes with something open");
            state.current = thread.addr();
        });
    }

    fn stack_pointer() -> u64 {
        let sp = with(|state| state.running.stack_pointer);
        step_of(Kind::Access, "read SP");
        sp
    }
    unsafe fn on_irq_stack<Body: FnOnce()>(top: u64, f: Body) {
        let outer = with(|state| {
            state.require(state.is_closed(), "the stack changes with something open");
            state.require(state.stack() == "task", "the interrupt stack is in use");
            core::mem::replace(&mut state.running.stack_pointer, top - 0x80)
        });
        step("SP := irq stack");
        f();
        with(|state| {
            state.require(state.is_closed(), "the stack changes back with something open");
            state.require(state.stack() == "irq", "the interrupt stack was left meanwhile");
            state.running.stack_pointer = outer;
        });
        step("SP := task stack");
    }
    unsafe fn switch(from: &Thread, to: &Thread) {
        let (from, to) = (core::ptr::from_ref(from).addr(), core::ptr::from_ref(to).addr());
        let name = with(|state| {
            state.require(state.is_closed(), "tasks are switched with something open");
            state.require(state.current == from, "a task is switched from that does not run");
            state.require(state.stack() == "task", "tasks are switched on another stack than a task's");
            state.task_name(to)
        });
        step(format!("switch to {name}"));
        give_to(from, to);
    }
    unsafe fn prepare(thread: &Thread, start: extern "C" fn(usize, usize) -> !, first: usize, second: usize) {
        spawn(core::ptr::from_ref(thread).addr(), thread.stack_top() - 0x200, move || start(first, second));
    }

    fn store_fpsimd(to: &mut Fpsimd) {
        to.vectors[0] = with(|state| state.fpsimd);
        step("store V0 to V31");
    }
    fn load_fpsimd(from: &Fpsimd) {
        with(|state| state.fpsimd = from.vectors[0]);
        step("load V0 to V31");
    }
    fn icc_iar1() -> u64 {
        acknowledge("", |state| match state.signalled {
            Some(Exception::Irq) if state.pmr > priority::IRQ.into() => Some(INTERRUPT),
            Some(Exception::Nmi) if state.nmis != Some(Nmis::BySuperpriority) => Some(NMI),
            _ => None,
        })
    }
    fn set_icc_eoir1(interrupt: u64) {
        end_of_interrupt("", interrupt);
    }
    fn icc_iar0() -> u64 {
        acknowledge(" of group 0", |state| (state.signalled == Some(Exception::Fiq)).then_some(INTERRUPT))
    }
    fn set_icc_eoir0(interrupt: u64) {
        end_of_interrupt(" of group 0", interrupt);
    }
    fn icc_nmiar1() -> u64 {
        acknowledge(" with superpriority", |state| (state.signalled == Some(Exception::Nmi)).then_some(NMI))
    }
    fn icc_rpr() -> u64 {
        let last = with(|state| state.active.last().copied());
        step_of(Kind::Access, "read RPR");
        match last {
            Some(NMI) => priority::NMI.into(),
            Some(_) => priority::IRQ.into(),
            None => 0xff,
        }
    }
    fn isr() -> u64 {
        let superpriority =
            with(|state| state.nmis == Some(Nmis::BySuperpriority) && state.signalled == Some(Exception::Nmi));
        step_of(Kind::Access, "read ISR");
        u64::from(superpriority) * ISR_IS
    }
    fn tfsre0() -> u64 {
        let faults = with(|state| state.tags.faults[0]);
        step_of(Kind::Access, "read TFSRE0");
        faults
    }
    fn set_tfsre0(faults: u64) {
        with(|state| state.tags.write(0, faults));
        step(format!("TFSRE0 := {faults}"));
    }
    fn tfsr() -> u64 {
        let faults = with(|state| state.tags.faults[1]);
        step_of(Kind::Access, "read TFSR");
        faults
    }
    fn set_tfsr(faults: u64) {
        with(|state| state.tags.write(1, faults));
        step(format!("TFSR := {faults}"));
    }
    fn set_tco<const ON: bool>() {
        with(|state| {
            state.require(state.is_closed(), "TCO is written with something open");
            state.tags.masked = ON;
        });
        step(format!("TCO := {}", u8::from(ON)));
    }
    unsafe fn set_user_tag_checks(checks: u64, excluded: u64) {
        with(|state| state.tags.user = (checks, excluded));
        step(format!("TCF0 := {checks}, excluded tags {excluded:#x}"));
    }
    fn dsb() {
        with(|state| state.tags.wait());
        step_of(Kind::Access, "DSB");
    }
    fn isb() {
        with(State::synchronise);
        step_of(Kind::Access, "ISB");
    }

    fn wait_for_interrupt() {
        step("WFI");
    }

    fn read(field: &u64) -> u64 {
        step_of(Kind::Access, format!("read {}", frame_field(field)));
        *field
    }
    fn write(field: &mut u64, value: u64) {
        *field = value;
        step_of(Kind::Access, format!("write {}", frame_field(field)));
    }

    fn load(cell: &AtomicU64) -> u64 {
        let value = cell.load(Ordering::Relaxed);
        let cell = touched(cell);
        let kind = if cell == Cell::ThreadCpu { Kind::Pointer } else { Kind::Access };
        step_of(kind, format!("load {}", cell.name()));
        value
    }
    fn store(cell: &AtomicU64, value: u64) {
        cell.store(value, Ordering::Relaxed);
        let cell = touched(cell);
        step(format!("{} := {}", cell.name(), cell.value(value)));
    }
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        let before = cell.fetch_add(value, Ordering::Relaxed);
        let cell = touched(cell);
        step(format!("{} {}", cell.name(), counts(value)));
        before
    }
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        let before = cell.fetch_add(value, Ordering::SeqCst);
        let after = before.wrapping_add(value);
        let cell = touched(cell);
        step(format!("{}: {}", cell.name(), cell.value(after)));
        before
    }
    fn set(cell: &AtomicU64, bits: u64) {
        cell.fetch_or(bits, Ordering::Release);
        let cell = touched(cell);
        step(format!("{} sets {}", cell.name(), flags(bits)));
    }
    fn clear(cell: &AtomicU64, bits: u64) {
        cell.fetch_and(!bits, Ordering::Acquire);
        let cell = touched(cell);
        step(format!("{} clears {}", cell.name(), flags(bits)));
    }
}
