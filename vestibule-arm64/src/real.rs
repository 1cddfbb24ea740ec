//! The CPU itself.

use crate::breakpoints::{ENABLED, Kind, MOST, Point};
use crate::fpsimd::Fpsimd;
use crate::thread::offsets;
use crate::{Frame, Hardware, Thread, noinstr};
use core::arch::{asm, naked_asm};
use core::mem::{MaybeUninit, offset_of};

/// The CPU that executes this.
pub enum Real {}

macro_rules! read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading this register changes nothing. No `nomem`: it stays where it stands among the accesses that
        // an exception could see.
        unsafe { asm!(concat!("mrs {}, ", $register), out(reg) value, options(nostack, preserves_flags)) }
        value
    }};
}

macro_rules! write {
    ($register:literal, $value:expr) => {
        asm!(concat!("msr ", $register, ", {}"), in(reg) $value, options(nostack, preserves_flags))
    };
}

/// In: X0 a number, X1 an address, X2 a control. Out: the pair of registers of that number has both, and was off while its address
/// changed. One after another is asked: entry text jumps to no address that it has to load.
macro_rules! set_pair {
    ($value:literal, $control:literal) => {
        concat!(
            ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
             cmp x0, \\number
             b.ne 1f
             msr ",
            $control,
            "\\number\\()_el1, xzr
             msr ",
            $value,
            "\\number\\()_el1, x1
             msr ",
            $control,
            "\\number\\()_el1, x2
             ret
             1:
             .endr
             ret"
        )
    };
}

macro_rules! acknowledge {
    ($register:literal) => {{
        let interrupt;
        // SAFETY: who takes interrupts asks for this. The barrier: the controller has seen it before anything follows.
        unsafe {
            asm!(concat!("mrs {}, ", $register), "dsb sy", out(reg) interrupt, options(nostack, preserves_flags))
        }
        interrupt
    }};
}

/// STP or LDP of V0 to V31, at the address in `place`.
macro_rules! fpsimd {
    ($pair:literal) => {
        concat!(
            ".irp pair, ",
            $pair,
            "
             \\pair q0, q1, [{place}, 0]
             \\pair q2, q3, [{place}, 32]
             \\pair q4, q5, [{place}, 64]
             \\pair q6, q7, [{place}, 96]
             \\pair q8, q9, [{place}, 128]
             \\pair q10, q11, [{place}, 160]
             \\pair q12, q13, [{place}, 192]
             \\pair q14, q15, [{place}, 224]
             \\pair q16, q17, [{place}, 256]
             \\pair q18, q19, [{place}, 288]
             \\pair q20, q21, [{place}, 320]
             \\pair q22, q23, [{place}, 352]
             \\pair q24, q25, [{place}, 384]
             \\pair q26, q27, [{place}, 416]
             \\pair q28, q29, [{place}, 448]
             \\pair q30, q31, [{place}, 480]
             .endr"
        )
    };
}

// SAFETY: TPIDR_EL1 is what `set_current` and `switch` wrote, and nobody else writes it; `switch` and `on_irq_stack`
// call and return once.
unsafe impl Hardware for Real {
    #[inline(always)]
    fn daif() -> u64 {
        read!("daif")
    }
    #[inline(always)]
    unsafe fn write_daif(daif: u64) {
        // SAFETY: the caller's.
        unsafe { write!("daif", daif) }
    }
    #[inline(always)]
    unsafe fn daif_set<const BITS: u32>() {
        // SAFETY: the caller's.
        unsafe { asm!("msr daifset, {}", const BITS, options(nostack, preserves_flags)) }
    }
    #[inline(always)]
    unsafe fn daif_clear<const BITS: u32>() {
        // SAFETY: the caller's.
        unsafe { asm!("msr daifclr, {}", const BITS, options(nostack, preserves_flags)) }
    }

    #[inline(always)]
    fn pmr() -> u64 {
        let priority;
        // SAFETY: only reads. `pure`: every write of it is a barrier, and an exception puts it back, so that nobody need read
        // it who does not use it.
        unsafe { asm!("mrs {}, icc_pmr_el1", out(reg) priority, options(pure, readonly, nostack, preserves_flags)) }
        priority
    }
    #[inline(always)]
    unsafe fn set_pmr<const PRIORITY: u64>() {
        // SAFETY: the caller's.
        unsafe {
            asm!(
                "mov {priority}, {value}",
                "msr icc_pmr_el1, {priority}",
                priority = out(reg) _,
                value = const PRIORITY,
                options(nostack, preserves_flags)
            )
        }
    }
    #[inline(always)]
    unsafe fn allint_set() {
        // SAFETY: the caller's. MSR ALLINT, #1.
        unsafe { asm!(".inst 0xd501411f", options(nostack, preserves_flags)) }
    }
    #[inline(always)]
    unsafe fn allint_clear() {
        // SAFETY: the caller's. MSR ALLINT, #0.
        unsafe { asm!(".inst 0xd501401f", options(nostack, preserves_flags)) }
    }
    #[inline(always)]
    fn allint() -> u64 {
        read!("s3_0_c4_c3_0")
    }
    #[inline(always)]
    unsafe fn write_allint(allint: u64) {
        // SAFETY: the caller's.
        unsafe { write!("s3_0_c4_c3_0", allint) }
    }

    #[inline(always)]
    fn elr() -> u64 {
        read!("elr_el1")
    }
    #[inline(always)]
    fn spsr() -> u64 {
        read!("spsr_el1")
    }
    #[inline(always)]
    fn esr() -> u64 {
        read!("esr_el1")
    }
    #[inline(always)]
    fn far() -> u64 {
        read!("far_el1")
    }
    #[inline(always)]
    fn sp_el0() -> u64 {
        read!("sp_el0")
    }
    #[inline(always)]
    unsafe fn set_elr(pc: u64) {
        // SAFETY: the caller's.
        unsafe { write!("elr_el1", pc) }
    }
    #[inline(always)]
    unsafe fn set_spsr(pstate: u64) {
        // SAFETY: the caller's.
        unsafe { write!("spsr_el1", pstate) }
    }
    #[inline(always)]
    fn set_sp_el0(sp: u64) {
        // SAFETY: the kernel runs on SP_EL1 and never uses this register.
        unsafe { write!("sp_el0", sp) }
    }

    #[inline(always)]
    unsafe fn change_mdscr(changed: u64, to: u64) {
        let others = read!("mdscr_el1") & !changed;
        // SAFETY: the caller's.
        unsafe { write!("mdscr_el1", others | to) }
    }
    #[inline(always)]
    unsafe fn set_point(kind: Kind, number: usize, point: Point) {
        // SAFETY: the caller's.
        unsafe { set_point(kind, number, point) }
    }
    fn clear_points() {
        // BRPs and WRPs: one less than there are.
        const FIELDS: [(Kind, u32); 2] = [(Kind::Breakpoint, 12), (Kind::Watchpoint, 20)];
        let features = read!("id_aa64dfr0_el1");
        for (kind, field) in FIELDS {
            for number in 0..=(features >> field & 0xf) as usize {
                // SAFETY: the CPU has one of that number, and it hits nothing.
                unsafe { set_point(kind, number, Point::default()) }
            }
        }
    }
    #[inline(always)]
    unsafe fn set_points(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]) {
        // SAFETY: the caller's.
        unsafe { set_points(kind, before, after) }
    }

    #[inline(always)]
    fn current() -> *const Thread {
        let thread;
        // SAFETY: only reads. `nomem` and `pure`: for the code that asks, it never changes.
        unsafe { asm!("mrs {}, tpidr_el1", out(reg) thread, options(pure, nomem, nostack, preserves_flags)) }
        thread
    }
    #[inline(always)]
    unsafe fn set_current(thread: *const Thread) {
        // SAFETY: the caller's.
        unsafe { write!("tpidr_el1", thread) }
    }

    #[inline(always)]
    fn stack_pointer() -> u64 {
        let sp;
        // SAFETY: only reads.
        unsafe { asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) }
        sp
    }

    #[inline(always)]
    unsafe fn on_irq_stack<Body: FnOnce()>(top: u64, f: Body) {
        // SAFETY: the caller's: the stack is free and everything is masked. X20 keeps the stack pointer; the function
        // called preserves it.
        unsafe {
            asm!(
                "mov x20, sp",
                "mov sp, {top}",
                "bl {call}",
                "mov sp, x20",
                top = in(reg) top,
                call = sym call_it::<Body>,
                in("x0") word_of(f),
                out("x20") _,
                clobber_abi("C"),
            );
        }
    }

    #[inline(always)]
    unsafe fn switch(from: &Thread, to: &Thread) {
        // SAFETY: the caller's.
        unsafe { switch(from, to) }
    }

    unsafe fn prepare(thread: &Thread, start: extern "C" fn(usize, usize) -> !, first: usize, second: usize) {
        let saved = Saved {
            x29: 0,
            x30: begin as *const () as u64,
            x19: first as u64,
            x20: second as u64,
            x21: start as *const () as u64,
            others: [0; 7],
        };
        let place = thread.user_frame().cast::<Saved>().wrapping_sub(1);
        // SAFETY: the caller's: the stack is this task's, and nobody runs on it.
        unsafe { place.write(saved) };
        thread.save_stack_pointer(place as u64);
    }

    #[inline(always)]
    fn store_fpsimd(to: &mut Fpsimd) {
        // SAFETY: writes what it is given, by this layout. Compiled without FP: no register of these is the compiler's.
        unsafe {
            asm!(
                ".arch_extension fp",
                ".arch_extension simd",
                fpsimd!("stp"),
                "mrs {status}, fpsr",
                "mrs {control}, fpcr",
                "add {place}, {place}, {words}",
                "stp {status:w}, {control:w}, [{place}]",
                place = inout(reg) to => _,
                status = out(reg) _,
                control = out(reg) _,
                words = const offset_of!(Fpsimd, status),
                options(nostack, preserves_flags),
            )
        }
    }
    #[inline(always)]
    fn load_fpsimd(from: &Fpsimd) {
        // SAFETY: changes nothing that the compiler knows of: as above.
        unsafe {
            asm!(
                ".arch_extension fp",
                ".arch_extension simd",
                fpsimd!("ldp"),
                "add {place}, {place}, {words}",
                "ldp {status:w}, {control:w}, [{place}]",
                "msr fpsr, {status}",
                "msr fpcr, {control}",
                place = inout(reg) from => _,
                status = out(reg) _,
                control = out(reg) _,
                words = const offset_of!(Fpsimd, status),
                options(nostack, preserves_flags),
            )
        }
    }
    #[inline(always)]
    fn icc_iar1() -> u64 {
        acknowledge!("icc_iar1_el1")
    }
    #[inline(always)]
    fn icc_iar0() -> u64 {
        acknowledge!("icc_iar0_el1")
    }
    #[inline(always)]
    fn icc_nmiar1() -> u64 {
        acknowledge!("s3_0_c12_c9_5")
    }
    #[inline(always)]
    fn icc_rpr() -> u64 {
        read!("icc_rpr_el1")
    }
    #[inline(always)]
    fn isr() -> u64 {
        read!("isr_el1")
    }
    #[inline(always)]
    fn set_icc_eoir0(interrupt: u64) {
        // SAFETY: as of group 1.
        unsafe { write!("icc_eoir0_el1", interrupt) }
    }
    #[inline(always)]
    fn set_icc_eoir1(interrupt: u64) {
        // SAFETY: lowers the running priority: at worst, another interrupt becomes pending.
        unsafe { write!("icc_eoir1_el1", interrupt) }
    }
    #[inline(always)]
    fn tfsre0() -> u64 {
        read!("s3_0_c5_c6_1")
    }
    #[inline(always)]
    fn set_tfsre0(faults: u64) {
        // SAFETY: says what has failed, and changes nothing else.
        unsafe { write!("s3_0_c5_c6_1", faults) }
    }
    #[inline(always)]
    fn tfsr() -> u64 {
        read!("s3_0_c5_c6_0")
    }
    #[inline(always)]
    fn set_tfsr(faults: u64) {
        // SAFETY: as above.
        unsafe { write!("s3_0_c5_c6_0", faults) }
    }
    #[inline(always)]
    fn set_tco<const ON: bool>() {
        // SAFETY: whether tags are checked changes no access. MSR TCO, #0 and #1.
        unsafe {
            asm!(".inst 0xd503409f | {} << 8", const ON as u32, options(nostack, preserves_flags));
        }
    }
    #[inline(always)]
    unsafe fn set_user_tag_checks(checks: u64, excluded: u64) {
        const TCF0: u64 = 38;
        /// GCR_EL1.RRND: IRG's tags are as random as the CPU can.
        const RANDOM: u64 = 1 << 16;
        let others = read!("sctlr_el1") & !(0b11 << TCF0);
        // SAFETY: the caller's. GCR_EL1.
        unsafe {
            write!("sctlr_el1", others | checks << TCF0);
            write!("s3_0_c1_c0_6", RANDOM | excluded);
        }
    }
    #[inline(always)]
    fn dsb() {
        // SAFETY: a barrier.
        unsafe { asm!("dsb nsh", options(nostack, preserves_flags)) }
    }
    #[inline(always)]
    fn isb() {
        // SAFETY: only orders.
        unsafe { asm!("isb", options(nostack, preserves_flags)) }
    }

    #[inline(always)]
    fn wait_for_interrupt() {
        // SAFETY: waits. The barrier: who sends the interrupt sees what was written before the wait.
        unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
    }
}

noinstr! {
    /// # Safety
    /// As [`Hardware::set_point`].
    #[unsafe(naked)]
    unsafe extern "C" fn set_breakpoint(number: usize, address: u64, control: u64) {
        naked_asm!(set_pair!("dbgbvr", "dbgbcr"))
    }

    /// # Safety
    /// As [`Hardware::set_point`].
    #[unsafe(naked)]
    unsafe extern "C" fn set_watchpoint(number: usize, address: u64, control: u64) {
        naked_asm!(set_pair!("dbgwvr", "dbgwcr"))
    }

    /// # Safety
    /// As [`Hardware::set_point`].
    #[cold]
    #[inline(never)]
    unsafe fn set_point(kind: Kind, number: usize, point: Point) {
        // SAFETY: the caller's.
        unsafe {
            match kind {
                Kind::Breakpoint => set_breakpoint(number, point.address, point.control),
                Kind::Watchpoint => set_watchpoint(number, point.address, point.control),
            }
        }
    }

    /// # Safety
    /// As [`Hardware::set_points`].
    #[cold]
    #[inline(never)]
    unsafe fn set_points(kind: Kind, before: &[Point; MOST], after: &[Point; MOST]) {
        // By number: what iterators are made of is not entry text.
        let mut number = 0;
        while number < MOST {
            if (before[number].control | after[number].control) & ENABLED != 0 {
                // SAFETY: the caller's.
                unsafe { set_point(kind, number, after[number]) }
            }
            number += 1;
        }
    }
}

/// A closure that captures at most a word, as it crosses to another stack: in X0.
#[inline(always)]
fn word_of<Body>(f: Body) -> MaybeUninit<u64> {
    const { assert!(size_of::<Body>() <= 8 && align_of::<Body>() <= 8, "captures more than fits a register") };
    let mut word = MaybeUninit::<u64>::uninit();
    // SAFETY: it fits.
    unsafe { word.as_mut_ptr().cast::<Body>().write(f) };
    word
}

/// # Safety
/// X0 is the closure, by [`word_of`], and this is called once for it.
#[unsafe(link_section = ".noinstr.text")]
unsafe extern "C" fn call_it<Body: FnOnce()>(x0: MaybeUninit<u64>) {
    // SAFETY: the caller's.
    let f = unsafe { x0.as_ptr().cast::<Body>().read() };
    f();
}

/// What the switch keeps on the stack of a task that does not run.
#[repr(C)]
struct Saved {
    x29: u64,
    x30: u64,
    x19: u64,
    x20: u64,
    x21: u64,
    /// X22 to X28.
    others: [u64; 7],
}

/// In: X0 the task that runs, X1 the one that will. Out, when it runs again: nothing. Keeps X19 to X30 and SP.
/// Context: everything masked.
///
/// # Safety
/// As [`Hardware::switch`].
#[unsafe(naked)]
#[unsafe(link_section = ".noinstr.text")]
unsafe extern "C" fn switch(from: &Thread, to: &Thread) {
    naked_asm!(
        "stp x29, x30, [sp, -{saved}]!",
        "stp x19, x20, [sp, 16]",
        "stp x21, x22, [sp, 32]",
        "stp x23, x24, [sp, 48]",
        "stp x25, x26, [sp, 64]",
        "stp x27, x28, [sp, 80]",
        "mov x9, sp",
        "str x9, [x0, {stack_pointer}]",
        "ldr x9, [x1, {stack_pointer}]",
        "mov sp, x9",
        "msr tpidr_el1, x1",
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp x29, x30, [sp], {saved}",
        "ret",
        saved = const size_of::<Saved>(),
        stack_pointer = const offsets::THREAD_STACK_POINTER,
    )
}

/// Where a new task's first switch returns to. In: X19, X20 arguments, X21 where to. Context: everything masked.
#[unsafe(naked)]
#[unsafe(link_section = ".noinstr.text")]
unsafe extern "C" fn begin() {
    naked_asm!("mov x0, x19", "mov x1, x20", "mov x29, xzr", "mov x30, xzr", "br x21")
}

const _: () = assert!(size_of::<Frame>().is_multiple_of(16) && size_of::<Saved>().is_multiple_of(16));
