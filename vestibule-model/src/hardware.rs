//! The port's hardware trait on the simulated machine: each call does what the instruction does, and is one step.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule_arm64::breakpoints::{ENABLED, Kind, MOST, OF_KERNEL, Point};
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::hardware::{ALLINT, KDE, MDE, MDSCR_SS};
use vestibule_arm64::{Hardware, Thread};

use crate::cpu::Owner;
use crate::fibers;
use crate::machine::{self, GROUP_0, GROUP_1, Register};
use crate::op::{Bank, Cell, Op, Stack};
use crate::step::{race, step};
use crate::tagging;
use crate::world::with;

/// The hardware that the port runs on here.
#[derive(Debug)]
pub enum Simulated {}

fn read_bank(bank: Bank) -> u64 {
    let value = with(|world| match bank {
        Bank::Elr => world.cpu.elr,
        Bank::Spsr => world.cpu.spsr,
        Bank::Esr => world.cpu.esr,
        Bank::Far => world.cpu.far,
        Bank::SpEl0 => world.cpu.sp_el0,
    });
    step(Op::ReadBank(bank), value);
    value
}

fn write_bank(bank: Bank, value: u64) {
    with(|world| match bank {
        Bank::Elr => world.cpu.elr = value,
        Bank::Spsr => world.cpu.spsr = value,
        Bank::Esr => world.cpu.esr = value,
        Bank::Far => world.cpu.far = value,
        Bank::SpEl0 => world.cpu.sp_el0 = value,
    });
    step(Op::WriteBank(bank), 0);
}

fn write_allint(allint: bool) {
    let before = with(|world| {
        let before = world.cpu.pstate.allint;
        world.cpu.write_allint(allint);
        before
    });
    step(Op::WriteAllInt(allint), u64::from(before));
}

fn field_of(field: &u64) -> u8 {
    let address = core::ptr::from_ref(field).addr();
    let frame = with(|world| world.innermost().frame);
    (address.wrapping_sub(frame) / 8).min(255) as u8
}

fn cell_of(cell: &AtomicU64) -> Cell {
    with(|world| world.cell(core::ptr::from_ref(cell).addr()))
}

/// Another CPU's flag can only be seen where flags are looked at: it comes just before that, or as well later.
fn looks(of: Cell) {
    if matches!(of, Cell::Word(_)) {
        race();
    }
}

/// What code can learn from a word: of the counter of `watching`, whether it is odd; of a pointer, nothing.
fn told(of: Cell, value: u64) -> u64 {
    match of {
        Cell::Watching => value & 1,
        Cell::ThreadCpu => 0,
        Cell::LoadedBy(_) => value.min(2),
        Cell::FpsimdOf => with(|world| world.owner(value)),
        _ => value,
    }
}

// SAFETY: `current` gives what `set_current` and `switch` stored; `switch` returns once, when the task runs again, and
// `on_irq_stack` calls its closure once.
unsafe impl Hardware for Simulated {
    fn daif() -> u64 {
        let daif = with(|world| u64::from(world.cpu.pstate.daif) << 6);
        step(Op::ReadDaif, daif);
        daif
    }
    unsafe fn write_daif(value: u64) {
        let before = with(|world| {
            let before = world.cpu.pstate.daif;
            world.cpu.write_daif(value);
            before
        });
        step(Op::WriteDaif((value >> 6) as u8 & 15), u64::from(before));
    }
    unsafe fn daif_set<const BITS: u32>() {
        let before = with(|world| {
            let before = world.cpu.pstate.daif;
            world.cpu.daif_set(BITS as u8);
            before
        });
        step(Op::DaifSet(BITS as u8), u64::from(before));
    }
    unsafe fn daif_clear<const BITS: u32>() {
        let before = with(|world| {
            let before = world.cpu.pstate.daif;
            world.cpu.daif_clear(BITS as u8);
            before
        });
        step(Op::DaifClear(BITS as u8), u64::from(before));
    }

    fn pmr() -> u64 {
        let pmr = with(|world| u64::from(world.cpu.pmr));
        step(Op::ReadPmr, pmr);
        pmr
    }
    unsafe fn set_pmr<const PRIORITY: u64>() {
        let before = with(|world| {
            let before = world.cpu.pmr;
            world.cpu.set_pmr(PRIORITY);
            before
        });
        step(Op::SetPmr(PRIORITY as u8), u64::from(before));
    }
    unsafe fn allint_set() {
        write_allint(true);
    }
    unsafe fn allint_clear() {
        write_allint(false);
    }
    fn allint() -> u64 {
        let allint = with(|world| if world.cpu.pstate.allint { ALLINT } else { 0 });
        step(Op::ReadAllInt, allint);
        allint
    }
    unsafe fn write_allint(allint: u64) {
        write_allint(allint & ALLINT != 0);
    }

    fn elr() -> u64 {
        read_bank(Bank::Elr)
    }
    fn spsr() -> u64 {
        read_bank(Bank::Spsr)
    }
    fn esr() -> u64 {
        read_bank(Bank::Esr)
    }
    fn far() -> u64 {
        read_bank(Bank::Far)
    }
    fn sp_el0() -> u64 {
        read_bank(Bank::SpEl0)
    }
    unsafe fn set_elr(pc: u64) {
        write_bank(Bank::Elr, pc);
    }
    unsafe fn set_spsr(pstate: u64) {
        write_bank(Bank::Spsr, pstate);
    }
    fn set_sp_el0(sp: u64) {
        write_bank(Bank::SpEl0, sp);
    }

    unsafe fn change_mdscr(changed: u64, to: u64) {
        with(|world| {
            for (bit, of) in
                [(MDSCR_SS, &mut world.cpu.step), (MDE, &mut world.cpu.monitors), (KDE, &mut world.cpu.of_kernel)]
            {
                if changed & bit != 0 {
                    *of = to & bit != 0;
                }
            }
        });
        step(Op::ChangeMdscr(changed as u16, to as u16), 0);
    }
    unsafe fn set_points(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]) {
        for (number, (before, after)) in before.iter().zip(after).enumerate() {
            if (before.control | after.control) & ENABLED != 0 {
                // SAFETY: the caller's.
                unsafe { Self::set_point(kind, number, *after) }
            }
        }
    }
    fn clear_points() {
        for kind in [Kind::Breakpoint, Kind::Watchpoint] {
            // SAFETY: of the simulated CPU only.
            unsafe { Self::set_point(kind, 0, Point::default()) };
        }
    }
    unsafe fn set_point(kind: Kind, number: usize, point: Point) {
        assert_eq!(number, 0, "nobody here has more than one of a kind");
        let owner = match (point.control & ENABLED != 0, point.control & OF_KERNEL != 0) {
            (false, _) => Owner::Nobody,
            (true, false) => Owner::User,
            (true, true) => Owner::Kernel,
        };
        with(|world| world.cpu.points[kind as usize] = owner);
        step(Op::SetPoint(kind, owner), 0);
    }

    // No step: the port may keep what it gave before.
    fn current() -> *const Thread {
        with(|world| core::ptr::from_ref(world.thread(world.current)))
    }
    unsafe fn set_current(thread: *const Thread) {
        with(|world| world.current = world.task_of(thread));
    }

    fn stack_pointer() -> u64 {
        let sp = with(|world| world.task().stack_pointer);
        step(Op::ReadSp, sp);
        sp
    }
    unsafe fn on_irq_stack<Body: FnOnce()>(top: u64, f: Body) {
        let outer = with(|world| world.move_stack(top - 0x80));
        step(Op::Stack(Stack::Irq), 0);
        f();
        with(|world| world.move_stack(outer));
        step(Op::Stack(Stack::Task), 0);
    }
    unsafe fn switch(from: &Thread, to: &Thread) {
        let to = with(|world| world.switch(core::ptr::from_ref(from), core::ptr::from_ref(to)));
        fibers::switch(to);
        let current = with(|world| world.current);
        step(Op::Switched(current), 0);
    }
    unsafe fn prepare(thread: &Thread, start: extern "C" fn(usize, usize) -> !, first: usize, second: usize) {
        with(|world| {
            let task = world.task_of(core::ptr::from_ref(thread));
            world.tasks[task].start = Some((start, first, second));
        });
    }

    fn store_fpsimd(to: &mut Fpsimd) {
        to.vectors[0] = with(|world| world.fpsimd.here).into();
        step(Op::StoreFpsimd, 0);
    }
    fn load_fpsimd(from: &Fpsimd) {
        with(|world| world.fpsimd.here = from.vectors[0] as u64);
        step(Op::LoadFpsimd, 0);
    }
    fn icc_iar1() -> u64 {
        machine::acknowledge(Register::Iar1)
    }
    fn set_icc_eoir1(interrupt: u64) {
        machine::end_of_interrupt(interrupt, GROUP_1);
    }
    fn icc_iar0() -> u64 {
        machine::acknowledge(Register::Iar0)
    }
    fn set_icc_eoir0(interrupt: u64) {
        machine::end_of_interrupt(interrupt, GROUP_0);
    }
    fn icc_nmiar1() -> u64 {
        machine::acknowledge(Register::Nmiar1)
    }
    fn icc_rpr() -> u64 {
        machine::running_priority()
    }
    fn isr() -> u64 {
        machine::interrupt_status()
    }
    fn tfsre0() -> u64 {
        tagging::read(0)
    }
    fn set_tfsre0(_: u64) {
        tagging::clear(0);
    }
    fn tfsr() -> u64 {
        tagging::read(1)
    }
    fn set_tfsr(_: u64) {
        tagging::clear(1);
    }
    fn set_tco<const ON: bool>() {
        tagging::set_tco(ON);
    }
    unsafe fn set_user_tag_checks(checks: u64, excluded: u64) {
        tagging::set_user(checks, excluded);
    }
    fn dsb() {
        tagging::wait();
    }
    fn isb() {
        with(|world| {
            world.cpu.isb();
            world.tagging.synchronise(false);
        });
        step(Op::Isb, 0);
    }

    fn wait_for_interrupt() {
        machine::wait_for_interrupt();
    }

    fn read(field: &u64) -> u64 {
        step(Op::ReadField(field_of(field)), *field);
        *field
    }
    fn write(field: &mut u64, value: u64) {
        *field = value;
        step(Op::WriteField(field_of(field)), 0);
    }

    fn load(cell: &AtomicU64) -> u64 {
        let of = cell_of(cell);
        looks(of);
        let value = cell.load(Ordering::Relaxed);
        step(Op::Load(of), told(of, value));
        value
    }
    fn store(cell: &AtomicU64, value: u64) {
        let of = cell_of(cell);
        if let Cell::Word(task) = of {
            // Another CPU's flag may have come between this and the load before it.
            race();
            with(|world| world.check_word_stored(task, value));
        }
        cell.store(value, Ordering::Relaxed);
        with(|world| world.note_fpsimd(of, value));
        step(Op::Store(of, value), 0);
    }
    fn add(cell: &AtomicU64, value: u64) -> u64 {
        let of = cell_of(cell);
        // Switching preemption on again looks at what is left.
        let looks_at_flags = value == 1_u64.wrapping_neg();
        if looks_at_flags {
            looks(of);
        }
        let before = cell.fetch_add(value, Ordering::Relaxed);
        let flags = if looks_at_flags { u64::MAX } else { crate::ghost::COUNTS };
        step(Op::Add(of, value), told(of, before) & flags);
        before
    }
    fn add_ordered(cell: &AtomicU64, value: u64) -> u64 {
        Self::add(cell, value)
    }
    fn set(cell: &AtomicU64, bits: u64) {
        let of = cell_of(cell);
        cell.fetch_or(bits, Ordering::Relaxed);
        step(Op::Set(of, bits), 0);
    }
    fn clear(cell: &AtomicU64, bits: u64) {
        let of = cell_of(cell);
        cell.fetch_and(!bits, Ordering::Relaxed);
        step(Op::Clear(of, bits), 0);
    }
}
