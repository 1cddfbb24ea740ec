//! From the boot loader, or from PSCI, to the kernel at EL1, as firmware would leave the CPU: translation off, everything masked, no
//! trap but the shim's own.

use core::arch::{global_asm, naked_asm};

use shim::{CPUS, KERNEL};

use super::registers::{read, write};
use super::{cpu, device_tree, psci, vectors};

const STACK_SIZE: usize = 4096;

#[repr(C, align(4096))]
struct Stacks([u8; STACK_SIZE * CPUS]);

#[unsafe(no_mangle)]
static mut shim_stacks: Stacks = Stacks([0; STACK_SIZE * CPUS]);

global_asm!(
    r#"
    .section .head.text, "ax"

    // The arm64 Image header: QEMU then loads the kernel's command line, initial RAM disk and device tree for it.
    .global _head
_head:
    b       shim_primary_entry
    .long   0
    .quad   0x100000                    // above the start of RAM
    .quad   __shim_size
    .quad   0b0010                      // little endian, 4 KiB pages, near the start of RAM
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

    // In: x0 = device tree, EL2, MMU off. All masked throughout.
shim_primary_entry:
    msr     daifset, #0xf
    ldr     x1, =__bss_start
    ldr     x2, =__bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  ldr     x1, =shim_stacks + {stack_size}
    mov     sp, x1
    b       {primary}

    // In: x0 = the CPU's index, EL2, MMU off. All masked throughout.
    .global shim_secondary_entry
shim_secondary_entry:
    msr     daifset, #0xf
    ldr     x1, =shim_stacks + {stack_size}
    mov     x2, {stack_size}
    madd    x1, x0, x2, x1
    mov     sp, x1
    b       {secondary}
"#,
    stack_size = const STACK_SIZE,
    primary = sym primary,
    secondary = sym secondary,
);

unsafe extern "C" {
    fn shim_secondary_entry();
}

/// Where PSCI is to start a CPU, with its index as context.
pub fn secondary_entry() -> u64 {
    shim_secondary_entry as *const () as u64
}

extern "C" fn primary(device_tree: u64) -> ! {
    vectors::install();
    assert!(cpu::index(read!("mpidr_el1")) == Some(0), "the first CPU has another affinity than 0");
    device_tree::hide_shim(device_tree);
    start_kernel(psci::Start { entry: KERNEL, context: device_tree })
}

extern "C" fn secondary(index: usize) -> ! {
    vectors::install();
    start_kernel(psci::take_start(index))
}

fn start_kernel(start: psci::Start) -> ! {
    open_el1();
    write!("elr_el2", start.entry);
    write!("spsr_el2", EL1H | MASKED);
    enter(start.context)
}

const EL1H: u64 = 0b0101;
const MASKED: u64 = 0b1111 << 6;

/// HCR_EL2: EL1 is AArch64; SMC is trapped; SErrors of EL2's, so that virtual ones can be (AMO); pointer authentication, tags, and
/// the context number are not trapped. Interrupts go to EL1 as they come.
const HCR: u64 = RW | TSC | AMO | API | APK | ATA | ENSCXT;
const AMO: u64 = 1 << 5;
const TSC: u64 = 1 << 19;
const RW: u64 = 1 << 31;
const APK: u64 = 1 << 40;
const API: u64 = 1 << 41;
const ENSCXT: u64 = 1 << 53;
const ATA: u64 = 1 << 56;

/// EL1 may do what it could if there were no EL2.
fn open_el1() {
    /// RES1 where the architecture has none of the features, and nothing on.
    const SCTLR_OFF: u64 = 0x30d0_0800;
    /// RES1 without TZ, TFP and TSM: neither SVE, FP/SIMD nor SME is trapped.
    const CPTR: u64 = 0x22ff;
    /// The physical counter and timer are EL1's.
    const CNTHCTL: u64 = 0b11;
    /// ICC_SRE_EL2: the GIC by system registers, for EL1 too.
    const SRE: u64 = 0b1111;

    write!("hcr_el2", HCR);
    write!("cptr_el2", CPTR);
    write!("hstr_el2", 0);
    write!("cnthctl_el2", CNTHCTL);
    write!("cntvoff_el2", 0);
    write!("vpidr_el2", read!("midr_el1"));
    write!("vmpidr_el2", read!("mpidr_el1"));
    write!("vttbr_el2", 0);
    write!("s3_4_c12_c9_5", SRE);
    if read!("id_aa64mmfr1_el1") >> 40 & 0xf != 0 {
        /// HCRX_EL2.MSCEn: memory copy and set instructions.
        const MSCEN: u64 = 1 << 11;
        write!("s3_4_c1_c2_2", MSCEN);
    }
    write!("sctlr_el1", SCTLR_OFF);
}

/// In: X0 for EL1. SP is where the vectors find it again: nothing of this call is needed any more.
#[unsafe(naked)]
extern "C" fn enter(x0: u64) -> ! {
    naked_asm!(
        "add x1, sp, {size} - 1",
        "and x1, x1, ~({size} - 1)",
        "mov sp, x1",
        "mov x1, xzr",
        "mov x2, xzr",
        "mov x3, xzr",
        "isb",
        "eret",
        size = const STACK_SIZE,
    )
}
