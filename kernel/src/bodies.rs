//! What exceptions are taken for: the kernel's half of every handler.
//!
//! None is inlined into the handlers: what is in the entry text is entry and exit, and can be read and counted as that.

use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;
use vestibule::{Cpu, Critical, Error, Hardirq, Inherit, NoIrq, Process, Resolved};
use vestibule_arm64::classes::{
    El0Abort, El0Brk, El0Irq, El0Serror, El0Svc, El0Undefined, El0Unhandled, El1Abort, El1Brk, El1Irq, El1Serror,
    El1Undefined,
};
use vestibule_arm64::{Bodies, Frame};

use crate::address_space::FaultError;
use crate::reference::{Hardware, Reference};
use crate::regions::Access;
use crate::signals::{Info, Origin, Signal, raise};
use crate::statistics::entered;
use crate::task::Task;
use crate::{interrupts, layout, report, scheduler, syscalls, test_hooks, user_copy};

/// The comment of a BRK that the kernel itself counts and steps over; any other is a bug's.
pub const BREAKPOINT: u64 = 0x800;
/// How many of those there were.
pub static BREAKPOINTS: AtomicU64 = AtomicU64::new(0);

impl Bodies for Reference {
    type Hardware = Hardware;

    fn die(what: &'static str, frame: &Frame) -> ! {
        report::last_words(what, frame)
    }

    fn finish_switch(cpu: Cpu<Self, NoIrq>) -> Cpu<Self, NoIrq> {
        scheduler::finish_switch(cpu)
    }

    #[inline(always)]
    fn syscall(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Svc>();
        syscalls::call(cpu, frame)
    }

    #[inline(never)]
    fn user_abort(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Abort>();
        let fault = Fault::of(frame);
        if let Err((signal, code, what)) = fault.and_then(|fault| resolve(&mut cpu, fault)) {
            let info = Info { signal, code: code as i32, origin: Origin::Fault { address: frame.fault_address } };
            raise(&mut cpu, info, format_args!("{what}: address {:#x}", frame.fault_address), frame);
        }
        cpu
    }

    #[inline(never)]
    fn kernel_abort(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        entered::<El1Abort>();
        let Some(landing) = user_copy::fixup(frame.pc as usize) else { report::die("kernel abort", frame) };
        if frame.fault_address as usize & layout::LINEAR_BASE == layout::LINEAR_BASE {
            report::die("a user copy that went for kernel memory", frame);
        }
        // Who may not sleep may not fault either: the copy ends there.
        let resolved = match cpu.resolve() {
            Resolved::Process(mut cpu) => {
                let resolved = Fault::of(frame).and_then(|fault| resolve(&mut cpu, fault));
                if resolved.is_err() {
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
        entered::<El0Brk>();
        raise(&mut cpu, at(Signal::SIGTRAP, linux::TRAP_BRKPT, frame), "BRK", frame);
        cpu
    }

    fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        entered::<El1Brk>();
        if frame.syndrome & 0xffff != BREAKPOINT {
            report::die("BRK in the kernel", frame);
        }
        BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
        frame.pc += 4;
        cpu
    }

    #[inline(never)]
    fn user_undefined(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Undefined>();
        raise(&mut cpu, at(Signal::SIGILL, linux::ILL_ILLOPC, frame), "undefined instruction", frame);
        cpu
    }

    #[inline(never)]
    fn kernel_undefined(cpu: Cpu<Self, Inherit>, frame: &mut Frame) -> Cpu<Self, Inherit> {
        entered::<El1Undefined>();
        match user_copy::fixup(frame.pc as usize) {
            Some(landing) => frame.pc = landing as u64,
            None => report::die("undefined instruction in the kernel", frame),
        }
        cpu
    }

    #[inline(always)]
    fn interrupt(cpu: Cpu<Self, Hardirq>, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        if frame.from_user() {
            entered::<El0Irq>();
        } else {
            entered::<El1Irq>();
        }
        interrupts::handle(cpu)
    }

    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        if frame.from_user() {
            entered::<El0Serror>();
        } else {
            entered::<El1Serror>();
        }
        cpu
    }

    #[inline(never)]
    fn user_unhandled(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        entered::<El0Unhandled>();
        // The jump went wrong, not the instruction.
        const PC_ALIGNMENT: u64 = 0x22;
        let (signal, code) = match frame.syndrome >> 26 {
            PC_ALIGNMENT => (Signal::SIGBUS, linux::BUS_ADRALN),
            _ => (Signal::SIGILL, linux::ILL_ILLOPC),
        };
        raise(&mut cpu, at(signal, code, frame), "exception that no class is for", frame);
        cpu
    }
}

/// What the interrupted instruction did.
fn at(signal: Signal, code: u32, frame: &Frame) -> Info {
    Info { signal, code: code as i32, origin: Origin::Fault { address: frame.pc } }
}

/// A signal, its code, and what is printed if nobody handles it.
type Refused = (Signal, u32, &'static str);

/// An abort that memory management may resolve. ESR_EL1.ISS for aborts: Arm ARM D24.2.40.
#[derive(Clone, Copy)]
struct Fault {
    address: usize,
    access: Access,
}

impl Fault {
    fn of(frame: &Frame) -> Result<Fault, Refused> {
        const INSTRUCTION_ABORT: u64 = 0x20;
        const WRITE: u64 = 1 << 6;
        let class = frame.syndrome >> 26;
        let access = match () {
            () if class == INSTRUCTION_ABORT => Access::Execute,
            () if frame.syndrome & WRITE != 0 => Access::Write,
            () => Access::Read,
        };
        // The level is in the lower two bits.
        match frame.syndrome & 0x3c {
            0x04 | 0x08 | 0x0c => Ok(Fault { address: frame.fault_address as usize, access }),
            0x00 => Err((Signal::SIGSEGV, linux::SEGV_MAPERR, "address out of range")),
            0x20 => Err((Signal::SIGBUS, linux::BUS_ADRALN, "misaligned access")),
            _ => Err((Signal::SIGBUS, linux::BUS_OBJERR, "memory error")),
        }
    }
}

fn resolve(cpu: &mut Cpu<Reference, Process>, fault: Fault) -> Result<(), Refused> {
    let task = Task::current_shared(cpu);
    let memory = task.process().and_then(|process| process.memory());
    let Some(memory) = memory else { return Err((Signal::SIGSEGV, linux::SEGV_MAPERR, "no user memory")) };
    let resolved = memory.lock(cpu).fault(fault.address, fault.access);
    resolved.map_err(|why| match why {
        FaultError::NotMapped => (Signal::SIGSEGV, linux::SEGV_MAPERR, "nothing is mapped there"),
        FaultError::NotAllowed => (Signal::SIGSEGV, linux::SEGV_ACCERR, "access not allowed"),
        FaultError::BeyondEnd => (Signal::SIGBUS, linux::BUS_ADRERR, "the file that is mapped there has ended"),
        FaultError::OutOfMemory => (Signal::SIGBUS, linux::BUS_ADRERR, "out of memory"),
    })
}
