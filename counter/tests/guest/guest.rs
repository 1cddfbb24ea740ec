//! A machine of hand-counted exceptions: what `expected.json` holds was counted on this page, not measured.
//!
//! One program at EL0 makes system calls, takes faults and interrupts, phase by phase; a handful of instructions at EL1
//! serve them. Everything from 0x40200000 to 0x40201000 is entry text, the task switch is at 0x40201000. Addresses are
//! physical: the MMU stays off. A comment `n:` gives the number of an instruction in its path, followed by what else it
//! counts as: M a write of DAIF, P one of the priority mask, B a barrier, L a load, S a store.
//!
//! ```text
//! rustc --edition 2024 --target aarch64-unknown-none-softfloat -O -Cpanic=abort -Crelocation-model=static \
//!     -Clink-arg=-Tguest.ld guest.rs -o guest
//! qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a76 -m 256M -display none -nic none -icount shift=0 \
//!     -semihosting-config enable=on,target=native -kernel guest \
//!     -plugin libvestibule_counter.so,text=40200000-40201000,switch=40201000,out=report.json
//! cmp report.json expected.json       # and QEMU's exit status is 93
//! ```

#![no_std]
#![no_main]

use core::arch::global_asm;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

// Entry text. Synchronous: 17 instructions, 2 M, 3 L, 3 S. IRQ: 17 instructions, 1 M, 3 L, 3 S.
global_asm!(
    r#"
    .arch armv8.2-a
    .macro vector target
        .balign 0x80
        sub     sp, sp, #48             // 1:
        stp     x0, x1, [sp]            // 2: S
        b       \target                 // 3:
    .endm

    .section .entry, "ax"
vectors:
    .rept 4
        vector  unexpected              // from EL1 with SP_EL0
    .endr
        vector  synchronous             // from EL1
        vector  interrupt
        vector  unexpected
        vector  unexpected
        vector  synchronous             // from EL0
        vector  interrupt
        vector  unexpected
        vector  unexpected
    .rept 4
        vector  unexpected              // from EL0 in AArch32 state
    .endr

synchronous:
        mrs     x0, elr_el1             // 4:
        mrs     x1, spsr_el1            // 5:
        stp     x0, x1, [sp, #16]       // 6: S
        str     x30, [sp, #32]          // 7: S
        msr     daifclr, #0xc           // 8: M
        bl      body                    // 9:
leave:
        msr     daifset, #0xf           // 10: M
        ldr     x30, [sp, #32]          // 11: L
        ldp     x0, x1, [sp, #16]       // 12: L
        msr     elr_el1, x0             // 13:
        msr     spsr_el1, x1            // 14:
        ldp     x0, x1, [sp]            // 15: L
        add     sp, sp, #48             // 16:
        eret                            // 17:

interrupt:
        mrs     x0, elr_el1             // 4:
        mrs     x1, spsr_el1            // 5:
        stp     x0, x1, [sp, #16]       // 6: S
        str     x30, [sp, #32]          // 7: S
        bl      interrupt_body          // 8:
        b       leave                   // 9: then 10 to 17
    "#
);

// The task switch: the other stack in, this one out.
global_asm!(
    r#"
    .section .switch, "ax"
switch_task:
        stp     x29, x30, [sp, #-16]!
        ldr     x0, =other_stack
        ldr     x1, [x0]
        mov     x2, sp
        str     x2, [x0]
        mov     sp, x1
        ldp     x29, x30, [sp], #16
        ret
    .ltorg
    "#
);

// Bodies. Each count includes the 9 instructions and 1 L of the dispatch.
global_asm!(
    r#"
    .section .body, "ax"
body:
        mrs     x0, esr_el1             // 1:
        lsr     x0, x0, #26             // 2:
        cmp     x0, #0x15               // 3: is it SVC?
        b.ne    fault                   // 4:
        cmp     x8, #6                  // 5:
        b.hs    end_machine             // 6:
        adr     x0, calls               // 7:
        ldr     x1, [x0, x8, lsl #3]    // 8: L
        br      x1                      // 9:

        // With entry text: 25 instructions, 2 M, 4 L, 4 S.
fault:
        ldr     x0, [sp, #16]           // 5: L
        add     x0, x0, #4              // 6:
        str     x0, [sp, #16]           // 7: S
        ret                             // 8:

        // With entry text: 24 instructions, 1 M, 1 B, 3 L, 4 S.
interrupt_body:
        mrs     x0, icc_iar1_el1        // 1:
        msr     cntv_ctl_el0, xzr       // 2:
        msr     icc_eoir1_el1, x0       // 3:
        adr     x1, fired               // 4:
        str     x0, [x1]                // 5: S
        isb                             // 6: B
        ret                             // 7:

        .balign 8
calls:  .quad   work, count_down, break_inside, abort_inside, interrupt_inside, switch_inside

        // Call 0, with entry text: 35 instructions, 2 M, 1 P, 3 B, 6 L, 4 S.
work:
        mov     x0, #0xff               // 10:
        msr     icc_pmr_el1, x0         // 11: P
        dsb     sy                      // 12: B
        isb                             // 13: B
        ldp     x0, x1, [sp]            // 14: L
        adr     x0, scratch             // 15:
        swp     x1, x1, [x0]            // 16: L S
        dmb     ish                     // 17: B
        ret                             // 18:

        // Call 1, with entry text: 27 + 2 * x9 instructions, 2 M, 4 L, 3 S.
count_down:
        subs    x9, x9, #1
        b.ne    count_down
        ret

        // Call 2, with entry text: 28 instructions, 2 M, 4 L, 3 S, without the exception inside.
break_inside:
        brk     #0                      // 10:
        ret                             // 11:

        // Call 3, with entry text: 29 instructions, 2 M, 5 L, 3 S, without the exception inside.
abort_inside:
        mov     x0, #0x80000000         // 10: beyond the RAM
        ldr     x0, [x0]                // 11: L
        ret                             // 12:

        // Call 4, with entry text: 34 instructions, 4 M, 4 L, 3 S, without the exception inside.
interrupt_inside:
        mov     x0, #100                // 10:
        msr     cntv_tval_el0, x0       // 11:
        mov     x0, #1                  // 12:
        msr     cntv_ctl_el0, x0        // 13:
        wfi                             // 14: pending now, but masked
        msr     daifclr, #2             // 15: M
        msr     daifset, #2             // 16: M
        ret                             // 17:

        // Call 5: not counted, another task runs inside.
switch_inside:
        b       switch_task

        // Any other call, and any exception that should not come: semihosting SYS_EXIT with x8 as the status.
unexpected:
        mov     x8, #255
end_machine:
        adr     x1, exit_block
        str     x8, [x1, #8]
        mov     x0, #0x18
        hlt     #0xf000

        // A kernel thread that only switches back.
kernel_thread:
        bl      switch_task
        b       kernel_thread

        // A task whose program only calls the switch.
second_program:
        mov     x8, #5
        svc     #0
        b       second_program
    "#
);

// The machine's start and the program: one phase for each kind of event.
global_asm!(
    r#"
    .macro call number
        mov     x8, #\number
        svc     #0
    .endm
    .macro phase number
        hint    #(64 + \number)
    .endm

    .global start
start:
        adr     x0, stack_top
        mov     sp, x0
        ldr     x0, =vectors
        msr     vbar_el1, x0
        mov     x0, #0x300              // EL0 may use the virtual timer
        msr     cntkctl_el1, x0
        mov     x0, #(3 << 20)          // nothing of SIMD traps
        msr     cpacr_el1, x0

        mov     x0, #0x08000000         // distributor: affinity routing, group 1
        mov     w1, #0x12
        str     w1, [x0]
        ldr     x0, =0x080a0000         // redistributor: awake
        str     wzr, [x0, #0x14]
        add     x0, x0, #0x10000        // its interrupts: group 1, the virtual timer's enabled
        mov     w1, #-1
        str     w1, [x0, #0x80]
        mov     w1, #(1 << 27)
        str     w1, [x0, #0x100]
        mov     x1, #7
        msr     icc_sre_el1, x1
        isb
        mov     x1, #0xff
        msr     icc_pmr_el1, x1
        mov     x1, #1
        msr     icc_igrpen1_el1, x1
        isb

        adr     x0, program
        msr     elr_el1, x0
        msr     spsr_el1, xzr           // EL0, nothing masked
        eret                            // an unmatched return

program:
        phase   0                       // 3 clean calls
        call    0
        call    0
        call    0

        phase   1                       // 47, 29, 31 and 29 instructions
        mov     x9, #10
        call    1
        mov     x9, #1
        call    1
        mov     x9, #2
        call    1
        mov     x9, #1
        call    1

        phase   2                       // 2 disturbed calls, 2 BRK from EL1
        call    2
        call    2

        phase   3                       // 2 disturbed calls, 2 data aborts from EL1
        call    3
        call    3

        phase   4                       // 2 disturbed calls, 2 IRQs from EL1
        call    4
        call    4

        phase   5                       // 1 IRQ from EL0
        adr     x0, fired
        str     xzr, [x0]
        mov     x1, #100
        msr     cntv_tval_el0, x1
        mov     x1, #1
        msr     cntv_ctl_el0, x1
1:      ldr     x1, [x0]
        cbz     x1, 1b

        phase   6                       // a BRK, a data abort and an undefined instruction from EL0
        brk     #0
        mov     x0, #0x80000000
        ldr     x0, [x0]
        udf     #0

        phase   7                       // 2 calls that switch to the kernel thread and back
        call    5
        call    5

        phase   8                       // 4 calls of ours and 4 of the second program: 7 return, switched; and an unmatched return
        adr     x0, other_stack
        adr     x1, second_stack
        str     x1, [x0]
        call    5
        call    5
        call    5
        call    5

        hint    #96
        call    93                      // outside any phase; does not return
    "#
);

global_asm!(
    r#"
        .balign 16
scratch:        .quad   0
fired:          .quad   0
other_stack:    .quad   thread_stack    // of the task that is not running
exit_block:     .quad   0x20026, 0      // ADP_Stopped_ApplicationExit
        .balign 16
        .space  512
stack_top:
        .space  512
thread_stack:   .quad   0, kernel_thread        // x29, x30
        .space  512
second_stack:   .quad   0, leave                // x29, x30, and below a frame:
                .quad   0, 0                    // x0, x1
                .quad   second_program, 0       // ELR, SPSR
                .quad   0, 0                    // x30
    "#
);
