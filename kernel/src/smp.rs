//! Starting the other CPUs.

use alloc::boxed::Box;
use core::arch::asm;
use core::hint::spin_loop;

use crate::boot::{self, SecondaryBoot};
use crate::layout::linear_to_physical;
use crate::stacks::Stack;
use crate::{paging, percpu, println, psci, timer};

const PATIENCE_NANOSECONDS: u64 = 2_000_000_000;

/// Starts every CPU but the first, one after another; each runs `secondary_main` on a stack of its own.
/// Returns how many CPUs are online.
pub fn start_secondaries() -> usize {
    for cpu in 1..percpu::count() {
        if let Err(why) = start(cpu) {
            println!("CPU {cpu} (affinity {:#x}) does not start: {why}", percpu::cpu(cpu).affinity());
        }
    }
    percpu::online().count()
}

fn start(cpu: usize) -> Result<(), &'static str> {
    // The CPU may use both at any time, so neither is freed.
    let stack_top = Stack::new().map_err(|_| "no memory for its stack")?.leak();
    let handover = Box::leak(Box::new(SecondaryBoot { kernel_table: paging::kernel_table().0, stack_top, cpu }));
    clean_to_memory(handover);

    let argument = linear_to_physical(&raw const *handover as usize);
    psci::cpu_on(percpu::cpu(cpu).affinity(), boot::secondary_entry(), argument).map_err(|_| "PSCI CPU_ON refused")?;
    let start = timer::nanoseconds();
    while !percpu::cpu(cpu).is_online() {
        if timer::nanoseconds() - start > PATIENCE_NANOSECONDS {
            return Err("no sign of life after CPU_ON");
        }
        spin_loop();
    }
    Ok(())
}

/// Writes `handover` through to memory: the starting CPU reads it with its caches off.
fn clean_to_memory(handover: &SecondaryBoot) {
    // The type is aligned to its cache line.
    // SAFETY: cleaning a line changes no contents.
    unsafe { asm!("dc cvac, {}", "dsb sy", in(reg) handover, options(nostack, preserves_flags)) };
}
