//! The last words of a kernel that cannot go on.

use core::arch::naked_asm;
use core::slice::from_raw_parts;
use core::str::from_utf8_unchecked;
use core::sync::atomic::{AtomicU64, Ordering};

use vestibule_arm64::{Frame, Hardware as _};

use crate::reference::{Hardware, Machine};
use crate::registers::read_register;
use crate::syndrome::Syndrome;
use crate::{backtrace, nmi, percpu, power, println, serrors};

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

/// A system call of the kernel's, which no class is for. In: what [`dying_body`] takes from X0 to X2. Any context.
#[unsafe(naked)]
extern "C" fn body_dies(what: *const u8, length: usize, frame: &Frame) -> ! {
    naked_asm!("svc 0", "udf 0")
}

/// What a body had to say, if `frame` is that of its SVC.
fn dying_body(frame: &Frame) -> Option<(&'static str, &Frame)> {
    // By where it came from: the syndrome may be an earlier exception's. Nothing else comes from behind an SVC that
    // nobody returns from.
    if frame.pc != body_dies as *const () as u64 + 4 {
        return None;
    }
    // SAFETY: `die` passed these; its frame lies on a stack that nobody leaves any more.
    unsafe {
        let bytes = from_raw_parts(frame.regs[0] as *const u8, frame.regs[1] as usize);
        Some((from_utf8_unchecked(bytes), &*(frame.regs[2] as *const Frame)))
    }
}

/// Says what happened and where, and ends the machine. Before: counted as NMI-like, everything masked, and a current task.
pub fn last_words(what: &str, frame: &Frame) -> ! {
    begin();
    let (what, frame) = dying_body(frame).unwrap_or((what, frame));
    println!("CPU {}: {what}", percpu::boot_index());
    // SAFETY: the current task lives.
    println!("counts and flags {:x?}", unsafe { &*Hardware::current() }.word().read::<Machine>());
    println!("pc {:#018x}  pstate {:#x}  syndrome {:#x}", frame.pc, frame.pstate, frame.syndrome);
    match serrors::describe(frame) {
        Some(described) => println!("{described}"),
        None => println!("{}", Syndrome(frame.syndrome)),
    }
    if Syndrome(frame.syndrome).has_fault_address() {
        println!("fault address {:#018x}", frame.fault_address);
    } else {
        println!("no fault address");
    }
    println!("sp {:#018x}  lr {:#018x}", frame.sp, frame.regs[30]);
    for (row, regs) in frame.regs.chunks(4).enumerate() {
        let mut line = [0; 4];
        line[..regs.len()].copy_from_slice(regs);
        println!("x{:<2} {:#018x} {:#018x} {:#018x} {:#018x}", row * 4, line[0], line[1], line[2], line[3]);
    }
    backtrace::print(frame);
    power::exit(power::Status::Failure)
}
