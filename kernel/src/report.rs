//! The last words of a kernel that cannot go on.

use vestibule_arm64::Frame;

use crate::{percpu, power, println};

/// Says what happened and where, and ends the machine.
pub fn die(what: &str, frame: &Frame) -> ! {
    println!("CPU {}: {what}", percpu::boot_index());
    println!(
        "pc {:#018x}  pstate {:#x}  syndrome {:#x}  fault address {:#018x}",
        frame.pc, frame.pstate, frame.syndrome, frame.fault_address
    );
    println!("sp {:#018x}  lr {:#018x}", frame.sp, frame.regs[30]);
    for (row, regs) in frame.regs.chunks(4).enumerate() {
        let mut line = [0; 4];
        line[..regs.len()].copy_from_slice(regs);
        println!("x{:<2} {:#018x} {:#018x} {:#018x} {:#018x}", row * 4, line[0], line[1], line[2], line[3]);
    }
    power::exit(power::Status::Failure)
}
