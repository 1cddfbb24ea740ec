//! The last words of a kernel that cannot go on.

use core::sync::atomic::{AtomicU64, Ordering};

use vestibule_arm64::Frame;

use crate::registers::read_register;
use crate::{percpu, power, println};

/// Before a report, of which there is one: comes back to the first CPU that has something to say, and there once.
pub fn begin() {
    static REPORTING: AtomicU64 = AtomicU64::new(0);
    let this_cpu = read_register!("mpidr_el1") | 1 << 63;
    match REPORTING.compare_exchange(0, this_cpu, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {}
        // The report itself has failed.
        Err(first) if first == this_cpu => power::exit(power::Status::Failure),
        // Another CPU is at its report and about to end the machine.
        Err(_) => power::halt(),
    }
}

/// Says what happened and where, and ends the machine.
pub fn die(what: &str, frame: &Frame) -> ! {
    begin();
    println!("CPU {}: {what}", percpu::boot_index());
    println!("pc {:#018x}  pstate {:#x}  syndrome {:#x}", frame.pc, frame.pstate, frame.syndrome);
    match fault_address(frame) {
        Some(address) => println!("fault address {address:#018x}"),
        None => println!("no fault address"),
    }
    println!("sp {:#018x}  lr {:#018x}", frame.sp, frame.regs[30]);
    for (row, regs) in frame.regs.chunks(4).enumerate() {
        let mut line = [0; 4];
        line[..regs.len()].copy_from_slice(regs);
        println!("x{:<2} {:#018x} {:#018x} {:#018x} {:#018x}", row * 4, line[0], line[1], line[2], line[3]);
    }
    power::exit(power::Status::Failure)
}

/// Aborts have one. In any other exception's frame is what lay there on the stack, often an earlier exception's.
fn fault_address(frame: &Frame) -> Option<u64> {
    const ABORTS: [u64; 4] = [0x20, 0x21, 0x24, 0x25];
    ABORTS.contains(&(frame.syndrome >> 26 & 0x3f)).then_some(frame.fault_address)
}
