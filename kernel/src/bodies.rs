//! What exceptions are taken for: the kernel's half of every handler.
//!
//! None is inlined into the handlers: what is in the entry text is entry and exit, and can be read and counted as that.

use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;
use vestibule::{Cpu, Critical, Error, Hardirq, Inherit, NoIrq, NoNmi, Process, Resolved};
use vestibule_arm64::breakpoints::{Hit, Kind};
use vestibule_arm64::classes::{
    El0Abort, El0Breakpoint, El0Brk, El0Fiq, El0Irq, El0Serror, El0Step, El0Svc, El0SvcAgain, El0Undefined,
    El0Unhandled, El0Watchpoint, El1Abort, El1Breakpoint, El1Brk, El1Fiq, El1Irq, El1Nmi, El1Serror, El1Step,
    El1Undefined, El1Watchpoint,
};
use vestibule_arm64::hardware::{A, DAIF_SHIFT};
use vestibule_arm64::pstate::TCO;
use vestibule_arm64::tags::KernelFault;
use vestibule_arm64::{Bodies, Frame, this_cpu};

use crate::entries::entered;
use crate::planted::Bug;
use crate::reference::{Backend, Controller, Machine, Reference};
use crate::serrors::{self, Described};
use crate::signals::{Info, Origin, Signal, raise};
use crate::syndrome::{Syndrome, class};
use crate::task::Task;
use crate::{
    breakpoints, faults, interrupts, layout, mte, nmi, percpu, println, report, scheduler, syscalls, test_hooks,
    user_copy, user_exceptions,
};

/// The comment of a BRK that the kernel itself counts and steps over; any other is a bug's.
pub const BREAKPOINT: u64 = 0x800;
/// How many of those there were.
pub static BREAKPOINTS: AtomicU64 = AtomicU64::new(0);

impl Bodies for Reference {
    type Backend = Backend;
    type Controller = Controller;
    const TAG_CHECKS: bool = cfg!(feature = "mte");

    #[inline(always)]
    fn checks_own_tags() -> bool {
        mte::checks_own()
    }

    #[inline(never)]
    fn kernel_tag_fault(fault: KernelFault<'_>) {
        mte::report(percpu::boot_index(), fault);
    }

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        report::last_words(what, frame)
    }

    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        scheduler::finish_switch(cpu)
    }

    #[inline(always)]
    fn syscall(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Svc>(frame);
        syscalls::call(cpu, frame)
    }

    #[inline(never)]
    fn syscall_again(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0SvcAgain>(frame);
        cpu
    }

    #[inline(never)]
    fn user_abort(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Abort>(frame);
        if Bug::OpensTco.is_planted() {
            frame.pstate &= !TCO;
        }
        if let Err(refused) = faults::resolve(&mut cpu, frame) {
            let what = format_args!("{}: address {:#x}", refused.what, frame.fault_address);
            raise(&mut cpu, refused.info(frame), what, frame);
        }
        cpu
    }

    #[inline(never)]
    fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        entered::<El1Abort>(frame);
        let Some(landing) = user_copy::fixup(frame.pc as usize) else {
            let what = match (layout::entry_text().contains(&(frame.pc as usize)), frame.fault_address as usize) {
                (true, _) => "a fault in entry code (C15)",
                (_, 0..layout::USER_END) => "the kernel touched user memory",
                _ => "kernel abort",
            };
            report::die(what, frame)
        };
        if frame.fault_address as usize & layout::LINEAR_BASE == layout::LINEAR_BASE {
            report::die("a user copy that went for kernel memory", frame);
        }
        // Who may not sleep may not fault either: the copy ends there.
        let resolved = match cpu.resolve() {
            Resolved::Process(mut cpu) => {
                if faults::resolve(&mut cpu, frame).is_err() {
                    frame.pc = landing as u64;
                }
                Resolved::Process(cpu)
            }
            masked => {
                frame.pc = landing as u64;
                masked
            }
        };
        let cpu = resolved.inherit();
        test_hooks::faulted_in_copy(&cpu);
        cpu
    }

    #[inline(never)]
    fn user_brk(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Brk>(frame);
        raise(&mut cpu, at(Signal::SIGTRAP, linux::TRAP_BRKPT, frame), "BRK", frame);
        cpu
    }

    #[inline(never)]
    fn user_step(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Step>(frame);
        // Whoever asked for it may be gone.
        if Task::current(&cpu).traced.is_stepped() {
            raise(&mut cpu, at(Signal::SIGTRAP, linux::TRAP_TRACE, frame), "single step", frame);
        }
        cpu
    }

    #[inline(never)]
    fn user_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        entered::<El0Breakpoint>(frame);
        let hit = breakpoints::hit(&cpu, Kind::Breakpoint, frame);
        (cpu, hit)
    }

    #[inline(never)]
    fn user_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> (Cpu<Self, Critical>, Hit) {
        entered::<El0Watchpoint>(frame);
        let hit = breakpoints::hit(&cpu, Kind::Watchpoint, frame);
        (cpu, hit)
    }

    #[inline(never)]
    fn user_hit(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        let (address, what) = match Syndrome(frame.syndrome).class() {
            class::WATCHPOINT => (frame.fault_address, "watchpoint"),
            _ => (frame.pc, "breakpoint"),
        };
        let origin = Origin::Fault { address, syndrome: 0 };
        raise(&mut cpu, Info { signal: Signal::SIGTRAP, code: linux::TRAP_HWBKPT as i32, origin }, what, frame);
        cpu
    }

    #[inline(never)]
    fn kernel_breakpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        entered::<El1Breakpoint>(frame);
        breakpoints::hit_in_kernel(&cpu, Kind::Breakpoint, frame);
        cpu
    }

    #[inline(never)]
    fn kernel_watchpoint(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        entered::<El1Watchpoint>(frame);
        breakpoints::hit_in_kernel(&cpu, Kind::Watchpoint, frame);
        cpu
    }

    #[inline(never)]
    fn kernel_step(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        entered::<El1Step>(frame);
        cpu
    }

    fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        entered::<El1Brk>(frame);
        if frame.syndrome & 0xffff != BREAKPOINT {
            report::die("BRK in the kernel", frame);
        }
        BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
        frame.pc += 4;
        test_hooks::serrors::in_brk();
        cpu
    }

    #[inline(never)]
    fn user_undefined(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Undefined>(frame);
        user_exceptions::handle(&mut cpu, frame);
        cpu
    }

    #[inline(never)]
    fn kernel_undefined(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        entered::<El1Undefined>(frame);
        if Bug::FaultMasks.is_planted() && !cpu.task_word().read::<Machine>().is_idle() {
            frame.pstate |= u64::from(A) << DAIF_SHIFT;
        }
        match user_copy::fixup(frame.pc as usize) {
            Some(landing) => frame.pc = landing as u64,
            None => report::die("undefined instruction in the kernel", frame),
        }
        cpu
    }

    #[inline(always)]
    fn interrupt(cpu: Cpu<Self, Hardirq>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        match (frame.from_user(), interrupt == interrupts::FIQ) {
            (true, false) => entered::<El0Irq>(frame),
            (false, false) => entered::<El1Irq>(frame),
            (true, true) => entered::<El0Fiq>(frame),
            (false, true) => entered::<El1Fiq>(frame),
        }
        interrupts::handle(cpu, interrupt, frame)
    }

    #[inline(never)]
    fn nmi(cpu: Cpu<Self, NoNmi>, interrupt: u32, frame: &mut Frame) -> Cpu<Self, NoNmi> {
        if frame.from_user() {
            entered::<El0Irq>(frame);
        } else {
            entered::<El1Nmi>(frame);
        }
        if !nmi::handle(this_cpu(&cpu).number(), interrupt, frame) {
            println!("NMI {interrupt}, which nobody asked for");
        }
        cpu
    }

    #[inline(never)]
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        if frame.from_user() {
            entered::<El0Serror>(frame);
        } else {
            entered::<El1Serror>(frame);
        }
        serrors::survived(frame);
        if Bug::SerrorMasks.is_planted() {
            frame.pstate |= u64::from(A) << DAIF_SHIFT;
        }
        if Bug::SerrorLocks.is_planted() {
            drop(Task::current(&cpu).restart.lock());
        }
        cpu
    }

    #[inline(never)]
    fn user_serror(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Serror>(frame);
        if !Bug::SerrorSpares.is_planted() {
            // Nobody knows where in memory it is.
            let origin = Origin::Fault { address: 0, syndrome: 0 };
            let info = Info { signal: Signal::SIGBUS, code: linux::BUS_MCEERR_AR as i32, origin };
            raise(&mut cpu, info, format_args!("{}", Described(frame.syndrome)), frame);
        }
        cpu
    }

    #[inline(never)]
    fn user_unhandled(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Unhandled>(frame);
        user_exceptions::handle(&mut cpu, frame);
        cpu
    }
}

/// What the interrupted instruction did.
fn at(signal: Signal, code: u32, frame: &Frame) -> Info {
    Info { signal, code: code as i32, origin: Origin::Instruction { address: frame.pc, syndrome: 0 } }
}
