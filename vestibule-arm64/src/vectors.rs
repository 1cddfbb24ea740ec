//! The vectors: what must be assembly. General registers to the frame and back, the test for stack overflow before the
//! first store, ERET. Everything else is in `entry`, which each of these calls once.

use crate::bodies::HardwareOf;
use crate::thread::{STACK_SHIFT, offsets};
use crate::{Arm64Port, Frame, Hardware, Thread, entry};
use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use vestibule::{Cpu, Process};

/// X0 to X30 into the frame at SP.
macro_rules! save {
    () => {
        "stp x0, x1, [sp]
         stp x2, x3, [sp, 16]
         stp x4, x5, [sp, 32]
         stp x6, x7, [sp, 48]
         stp x8, x9, [sp, 64]
         stp x10, x11, [sp, 80]
         stp x12, x13, [sp, 96]
         stp x14, x15, [sp, 112]
         stp x16, x17, [sp, 128]
         stp x18, x19, [sp, 144]
         stp x20, x21, [sp, 160]
         stp x22, x23, [sp, 176]
         stp x24, x25, [sp, 192]
         stp x26, x27, [sp, 208]
         stp x28, x29, [sp, 224]
         str x30, [sp, 240]"
    };
}

/// X0 to X30 from the frame at SP, the frame off the stack, and back. ELR and SPSR hold the return state (C2). Nothing
/// is speculated past ERET.
macro_rules! restore_and_return {
    () => {
        "ldp x2, x3, [sp, 16]
         ldp x4, x5, [sp, 32]
         ldp x6, x7, [sp, 48]
         ldp x8, x9, [sp, 64]
         ldp x10, x11, [sp, 80]
         ldp x12, x13, [sp, 96]
         ldp x14, x15, [sp, 112]
         ldp x16, x17, [sp, 128]
         ldp x18, x19, [sp, 144]
         ldp x20, x21, [sp, 160]
         ldp x22, x23, [sp, 176]
         ldp x24, x25, [sp, 192]
         ldp x26, x27, [sp, 208]
         ldp x28, x29, [sp, 224]
         ldr x30, [sp, 240]
         ldp x0, x1, [sp], {frame}
         eret
         dsb nsh
         isb"
    };
}

/// What user mode left in the registers is gone before any Rust runs, so that it cannot be speculated with. X29 zero
/// ends the kernel's backtraces.
macro_rules! clear_registers {
    () => {
        "mov x1, xzr
         mov x2, xzr
         mov x3, xzr
         mov x4, xzr
         mov x5, xzr
         mov x6, xzr
         mov x7, xzr
         mov x8, xzr
         mov x9, xzr
         mov x10, xzr
         mov x11, xzr
         mov x12, xzr
         mov x13, xzr
         mov x14, xzr
         mov x15, xzr
         mov x16, xzr
         mov x17, xzr
         mov x18, xzr
         mov x19, xzr
         mov x20, xzr
         mov x21, xzr
         mov x22, xzr
         mov x23, xzr
         mov x24, xzr
         mov x25, xzr
         mov x26, xzr
         mov x27, xzr
         mov x28, xzr
         mov x29, xzr"
    };
}

/// From user mode. The stack is the task's and empty, so it cannot overflow here.
/// In: the user's registers, SP at the task's stack top. Out: ERET. Context: everything masked.
macro_rules! from_user {
    ($name:ident, $($entry:tt)*) => {
        #[unsafe(naked)]
        #[unsafe(link_section = ".entry.text")]
        unsafe extern "C" fn $name<P: Arm64Port>() {
            naked_asm!(
                "sub sp, sp, {frame}",
                save!(),
                "mov x0, sp",
                clear_registers!(),
                "bl {entry}",
                restore_and_return!(),
                frame = const size_of::<Frame>(),
                entry = sym entry::$($entry)*,
            )
        }
    };
}

/// From the kernel. Stack overflow is found before the first store (C111): a stack's half of its alignment has one bit
/// of the address clear, the hole below it has it set; sums and differences stand in for the register that is not free.
/// The overflow stack is aligned so as well, or what comes there passes for an overflow.
/// In: the interrupted registers and SP. Out: ERET. Context: everything masked.
macro_rules! from_kernel {
    ($name:ident, $overflow:ident, $($entry:tt)*) => {
        #[unsafe(naked)]
        #[unsafe(link_section = ".entry.text")]
        unsafe extern "C" fn $name<P: Arm64Port>() {
            naked_asm!(
                "sub sp, sp, {frame}",
                "add sp, sp, x0",
                "sub x0, sp, x0",
                "tbnz x0, {shift}, 1f",
                "sub x0, sp, x0",
                "sub sp, sp, x0",
                save!(),
                "add x1, sp, {frame}",
                "str x1, [sp, {frame_sp}]",
                "mov x0, sp",
                "bl {entry}",
                restore_and_return!(),
                // In X0: the frame's place that does not fit. In SP: that and the interrupted X0. Nobody returns from
                // here, so the two user registers that are overwritten are not missed.
                "1:",
                "msr tpidr_el0, x0",
                "sub x0, sp, x0",
                "msr tpidrro_el0, x0",
                "mrs x0, tpidr_el1",
                "ldr x0, [x0, {thread_cpu}]",
                "ldr x0, [x0, {overflow_stack}]",
                "sub sp, x0, {frame}",
                "mrs x0, tpidrro_el0",
                save!(),
                "mrs x1, tpidr_el0",
                "add x1, x1, {frame}",
                "str x1, [sp, {frame_sp}]",
                "mov x0, sp",
                "mov x29, xzr",
                "bl {overflow}",
                "udf 0",
                frame = const size_of::<Frame>(),
                frame_sp = const offset_of!(Frame, sp),
                shift = const STACK_SHIFT,
                thread_cpu = const offsets::THREAD_CPU,
                overflow_stack = const offsets::CPU_OVERFLOW_STACK,
                entry = sym entry::$($entry)*,
                overflow = sym entry::stack_overflow::<P, $overflow>,
            )
        }
    };
}

/// What comes to it has a syndrome: it is synchronous, or an SError.
const SYNDROME: bool = true;
/// It has none: it is an IRQ or an FIQ.
const NONE: bool = false;

from_kernel!(el1_sync, SYNDROME, el1_sync::<P>);
from_kernel!(el1_irq, NONE, el1_irq::<P>);
from_kernel!(el1_fiq, NONE, el1_fiq::<P>);
from_kernel!(el1_serror, SYNDROME, el1_serror::<P>);
from_kernel!(el1_unexpected, SYNDROME, unexpected::<P, SYNDROME>);
from_kernel!(el1_unexpected_irq, NONE, unexpected::<P, NONE>);
from_user!(el0_sync, el0_sync::<P>);
from_user!(el0_irq, el0_irq::<P>);
from_user!(el0_fiq, el0_fiq::<P>);
from_user!(el0_serror, el0_serror::<P>);
from_user!(el0_unexpected, unexpected::<P, SYNDROME>);
from_user!(el0_unexpected_irq, unexpected::<P, NONE>);

/// The table. Arm ARM D1.3.1: 16 slots of 128 bytes; from the kernel on SP_EL0, from the kernel, from user mode in
/// AArch64, from user mode in AArch32; each synchronous, IRQ, FIQ, SError.
///
/// The linker places it at a multiple of 2048.
#[unsafe(naked)]
#[unsafe(link_section = ".entry.vectors")]
unsafe extern "C" fn table<P: Arm64Port>() {
    naked_asm!(
        "b {el1_unexpected}",
        ".balign 128",
        ".rept 2",
        "b {el1_unexpected_irq}",
        ".balign 128",
        ".endr",
        "b {el1_unexpected}",
        ".balign 128",
        "b {el1_sync}",
        ".balign 128",
        "b {el1_irq}",
        ".balign 128",
        "b {el1_fiq}",
        ".balign 128",
        "b {el1_serror}",
        ".balign 128",
        "b {el0_sync}",
        ".balign 128",
        "b {el0_irq}",
        ".balign 128",
        "b {el0_fiq}",
        ".balign 128",
        "b {el0_serror}",
        ".balign 128",
        "b {el0_unexpected}",
        ".balign 128",
        ".rept 2",
        "b {el0_unexpected_irq}",
        ".balign 128",
        ".endr",
        "b {el0_unexpected}",
        ".balign 128",
        el1_sync = sym el1_sync::<P>,
        el1_irq = sym el1_irq::<P>,
        el1_fiq = sym el1_fiq::<P>,
        el1_serror = sym el1_serror::<P>,
        el1_unexpected = sym el1_unexpected::<P>,
        el1_unexpected_irq = sym el1_unexpected_irq::<P>,
        el0_sync = sym el0_sync::<P>,
        el0_irq = sym el0_irq::<P>,
        el0_fiq = sym el0_fiq::<P>,
        el0_serror = sym el0_serror::<P>,
        el0_unexpected = sym el0_unexpected::<P>,
        el0_unexpected_irq = sym el0_unexpected_irq::<P>,
    )
}

/// Makes this CPU's exceptions come to `P`'s handlers.
///
/// # Safety
/// Everything is masked, and stays so until the CPU has a current task.
pub unsafe fn install<P: Arm64Port>() {
    let table = table::<P> as *const () as u64;
    assert!(table.is_multiple_of(2048), "the linker script does not align .entry.vectors to 2048: {table:#x}");
    // SAFETY: the table is whole and aligned; the caller's for the rest.
    unsafe { asm!("msr vbar_el1, {}", "isb", in(reg) table, options(nostack, preserves_flags)) }
}

/// The current task goes to user mode for the first time, or anew: `frame` says where. Its PSTATE passes the
/// sanitiser.
#[unsafe(link_section = ".noinstr.text")]
pub fn enter_user<P: Arm64Port>(cpu: Cpu<P::Kernel, Process>, mut frame: Frame) -> ! {
    frame.pstate = crate::pstate::sanitise(frame.pstate).0;
    let thread: *const Thread = HardwareOf::<P>::current();
    // SAFETY: the current task lives. The top of its stack is kept free for this frame (`prepare`), and this function
    // runs below it.
    let place = unsafe { &mut *(*thread).user_frame() };
    *place = frame;
    // SAFETY: `first` leaves everything masked and the return state in its registers; the frame that is restored is
    // the one that it was given, and lies at the top of the stack, where the next exception expects SP to be.
    unsafe {
        entry::first::<P>(cpu, place);
        asm!(
            "mov sp, {place}",
            restore_and_return!(),
            place = in(reg) core::ptr::from_mut(place),
            frame = const size_of::<Frame>(),
            options(noreturn),
        )
    }
}
