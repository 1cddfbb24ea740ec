//! Functions that do one thing each, with X0. They are called as [`Function`] says.

use core::arch::naked_asm;

pub use super::taken::Function;

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $($line:literal),+;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(naked)]
            pub unsafe extern "C" fn $name(_: usize) -> usize {
                naked_asm!("mov x9, sp", $($line,)+ "ret")
            }
        )*
    };
}

functions! {
    load: "ldr x0, [x0]";
    store: "str xzr, [x0]";
    jump: "br x0";
    call: "mov x10, x30", "blr x0", "mov x30, x10";
    exclusive: "ldxr x0, [x0]";
    atomic: ".arch_extension lse", "ldadd x1, x2, [x0]";
    acquire: "ldar x0, [x0]";
    release: "stlr xzr, [x0]";
    undefined: "udf 0";
    breakpoint: "brk 1";
    hypervisor_call: ".inst 0xd4000002";
    monitor_call: ".inst 0xd4000003";
    halt: "hlt 1";
    exception_return: "eret";
    kernel_register: "mrs x0, sctlr_el1";
    read_only_register: "msr tpidrro_el0, x0";
    masks: "mrs x0, daif";
    mask: "msr daifset, 2";
    pan: ".inst 0xd500409f";
    stack_pointer_select: "msr spsel, 0";
    interrupt_controller: "mrs x0, S3_0_C4_C6_0";
    cycle_counter: "mrs x0, pmccntr_el0";
    timer: "mrs x0, cntp_ctl_el0";
    tlb: "tlbi vmalle1";
    invalidate: "dc ivac, x0";
    invalidate_instructions: "ic iallu";
    translate: "at s1e0r, x0";
    /// CNTB of SVE.
    scalable: ".inst 0x0420e3e0";
    /// RDSVL of SME.
    matrix: ".inst 0x04bf5820";
    /// `forge_illegal_state()`, a test call: user mode goes on with PSTATE.IL set, which no program could set itself.
    illegal_state: "mov x8, 0x1020", "svc 0";
    fpsimd: ".arch_extension fp", "fmov x0, d0";

    /// With a zero for a modifier.
    authenticate_ia: ".arch_extension pauth", "autiza x0";
    authenticate_ib: ".arch_extension pauth", "autizb x0";
    authenticate_da: ".arch_extension pauth", "autdza x0";
    authenticate_db: ".arch_extension pauth", "autdzb x0";
    sign_ia: ".arch_extension pauth", "paciza x0";
    sign_ib: ".arch_extension pauth", "pacizb x0";
    sign_da: ".arch_extension pauth", "pacdza x0";
    sign_db: ".arch_extension pauth", "pacdzb x0";
    /// Of anything.
    sign: ".arch_extension pauth", "pacga x0, x0, x0";

    cache_type: "mrs x0, ctr_el0";
    zero_size: "mrs x0, dczid_el0";
    counter: "mrs x0, cntvct_el0";
    counter_frequency: "mrs x0, cntfrq_el0";
    clean: "dc cvau, x0", "dsb ish", "ic ivau, x0", "dsb ish", "isb";
    clean_to_memory: "dc cvac, x0", "dc civac, x0";
    hints: "yield", "sev", "wfe", "nop";
    wait: "wfi";
    flags: "mrs x0, nzcv", "msr nzcv, x0";
    thread_pointer: "mrs x0, tpidr_el0", "msr tpidr_el0, x0", "mrs x0, tpidrro_el0";
}

/// `trap_fpsimd(trap)`, number 0x1021, a test call: whether FP and SIMD trap on this CPU. Result: 0, or less if there is no such call.
#[unsafe(naked)]
pub unsafe extern "C" fn trap_fpsimd(_: usize) -> usize {
    naked_asm!("mov x8, 0x1021", "svc 0", "ret")
}

/// What a program may do, with the address of a page of its own.
pub const ALLOWED: &[(&str, Function)] = &[
    ("the cache type", cache_type),
    ("how much DC ZVA zeroes", zero_size),
    ("the counter", counter),
    ("the counter's frequency", counter_frequency),
    ("caches made coherent", clean),
    ("caches cleaned", clean_to_memory),
    ("hints", hints),
    ("a wait for an interrupt", wait),
    ("flags", flags),
    ("the thread pointer", thread_pointer),
];
