//! The last words of a kernel that cannot go on.

use core::arch::naked_asm;
use core::panic::PanicInfo;
use core::slice::from_raw_parts;
use core::str::from_utf8_unchecked;
use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::Machine as _;
use vestibule_arm64::{Frame, Hardware as _};

use crate::interrupted::{Counted, Masks};
use crate::reference::{Hardware, Machine};
use crate::registers::read_register;
use crate::serrors::Described;
use crate::stacks::Whose;
use crate::symbols::Place;
use crate::syndrome::{Syndrome, class};
use crate::task::Task;
use crate::{backtrace, entries, nmi, percpu, power, println};

/// Before a report, of which there is one: comes back to the first CPU that has something to say, and there once.
pub fn begin() {
    static REPORTING: AtomicU64 = AtomicU64::new(0);
    let this_cpu = read_register!("mpidr_el1") | 1 << 63;
    match REPORTING.compare_exchange(0, this_cpu, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => nmi::stop_others(percpu::boot_index()),
        // The report itself has failed.
        Err(first) if first == this_cpu => power::exit(power::Status::Failure),
        // Another CPU is at its report and about to end the machine.
        Err(_) => power::halt(),
    }
}

/// For a body that cannot go on after what `frame` says.
///
/// It may run in any context, and count as nothing. So it takes an exception that is fatal: then everything is masked,
/// and the library counts it as NMI-like before a word is printed (C87).
#[cold]
#[inline(never)]
pub fn die(what: &'static str, frame: &Frame) -> ! {
    body_dies(what.as_ptr(), what.len(), frame)
}

/// A panic, of whatever runs. From an exception too, if exceptions come through the port yet.
pub fn panic(info: &PanicInfo) -> ! {
    if read_register!("tpidr_el1") != 0 {
        panicked(info);
    }
    begin();
    println!("CPU {}: {info}", percpu::boot_index());
    backtrace::print_here();
    power::exit(power::Status::Failure)
}

/// A system call of the kernel's, which no class is for. In: what [`Death::of`] takes from X0 to X2. Any context.
#[unsafe(naked)]
extern "C" fn body_dies(what: *const u8, length: usize, frame: &Frame) -> ! {
    naked_asm!("svc 0", "udf 0")
}

/// The same, of a panic.
#[unsafe(naked)]
extern "C" fn panicked(info: &PanicInfo) -> ! {
    naked_asm!("svc 0", "udf 0")
}

/// Who died of what.
enum Death<'a> {
    /// The exception came where there is nothing for it.
    Exception,
    /// Its body could not go on: what for, and what it had interrupted.
    Body(&'static str, &'a Frame),
    /// Something panicked.
    Panic(&'a PanicInfo<'a>),
}

impl Death<'_> {
    /// Which, by where the exception in `frame` came from: the syndrome may be an earlier exception's. Nothing else comes from
    /// behind an SVC that nobody returns from.
    fn of(frame: &Frame) -> Self {
        // SAFETY: whoever made that call passed these; they lie on a stack that nobody leaves any more.
        unsafe {
            if frame.pc == body_dies as *const () as u64 + 4 {
                let what = from_raw_parts(frame.regs[0] as *const u8, frame.regs[1] as usize);
                return Death::Body(from_utf8_unchecked(what), &*(frame.regs[2] as *const Frame));
            }
            if frame.pc == panicked as *const () as u64 + 4 {
                return Death::Panic(&*(frame.regs[0] as *const PanicInfo));
            }
        }
        Death::Exception
    }
}

/// Says what happened and where, and ends the machine. Before: counted as NMI-like, everything masked, and a current task.
pub fn last_words(what: &str, died: &Frame) -> ! {
    begin();
    let here = percpu::boot_index();
    let frame = match Death::of(died) {
        Death::Exception => {
            println!("CPU {here}: {what}");
            print_cause(died);
            died
        }
        Death::Body(what, interrupted) => {
            println!("CPU {here}: {what}");
            print_cause(interrupted);
            println!("body: {:?} [{}] on {}", Machine::interrupted(died), Masks(died.pstate), Whose(died.sp));
            interrupted
        }
        Death::Panic(info) => {
            println!("CPU {here}: {info}");
            println!("in: {:?} [{}] on {}", Machine::interrupted(died), Masks(died.pstate), Whose(died.sp));
            died
        }
    };
    println!("told: [{}] on {}", Masks(Hardware::daif()), Whose(Hardware::stack_pointer()));
    print_task();
    print_registers(frame);
    backtrace::print(frame);
    entries::print_last(here);
    power::exit(power::Status::Failure)
}

/// Why the exception in `frame` came, and what it interrupted.
fn print_cause(frame: &Frame) {
    let syndrome = Syndrome(frame.syndrome);
    match syndrome {
        Syndrome(0) => println!("why: an interrupt"),
        Syndrome(serror) if syndrome.class() == class::SERROR => {
            println!("why: {}; syndrome {serror:#x}", Described(serror));
        }
        Syndrome(other) => println!("why: {syndrome}; syndrome {other:#x}"),
    }
    if syndrome.has_fault_address() {
        println!("fault address {:#018x}", frame.fault_address);
    } else {
        println!("no fault address");
    }
    if frame.from_user() {
        println!("interrupted: user mode [{}]", Masks(frame.pstate));
    } else {
        println!("interrupted: {:?} [{}] on {}", Machine::interrupted(frame), Masks(frame.pstate), Whose(frame.sp));
    }
}

fn print_task() {
    // SAFETY: the current task lives, and every thread of this kernel is the first field of a task.
    let task = unsafe { &*Hardware::current().cast::<Task>() };
    let word = task.word().read::<Machine>();
    match task.process() {
        Some(process) => println!("task: {} of process {} ({})", task.id(), process.id(), process.name_if_free()),
        None if word.is_idle() => println!("task: idle"),
        None => println!("task: of the kernel"),
    }
    println!("counts: {}", Counted(word));
}

fn print_registers(frame: &Frame) {
    println!("pc {:#018x} {}", frame.pc, Place(frame.pc));
    println!("lr {:#018x} {}", frame.regs[30], Place(frame.regs[30]));
    println!("sp {:#018x}  pstate {:#x}", frame.sp, frame.pstate);
    for (row, regs) in frame.regs.chunks(4).enumerate() {
        let mut line = [0; 4];
        line[..regs.len()].copy_from_slice(regs);
        println!("x{:<2} {:#018x} {:#018x} {:#018x} {:#018x}", row * 4, line[0], line[1], line[2], line[3]);
    }
}
