//! `memcpy` and `memset`, which the compiler calls: in place of those of `compiler_builtins`, which go eight bytes at a time.
//! What is copied here is pages and register files.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .text.memory_functions, "ax"

    // In: x0 = destination, x1 = source, x2 = bytes; they do not overlap. Out: x0 as it was. Clobbers x1-x11. Any context.
    .global memcpy
memcpy:
    mov     x3, x0
    orr     x4, x0, x1
    tst     x4, #7
    b.ne    3f
    subs    x2, x2, #64
    b.lo    2f
1:  ldp     x4, x5, [x1]
    ldp     x6, x7, [x1, #16]
    ldp     x8, x9, [x1, #32]
    ldp     x10, x11, [x1, #48]
    add     x1, x1, #64
    stp     x4, x5, [x3], #64
    stp     x6, x7, [x3, #-48]
    stp     x8, x9, [x3, #-32]
    stp     x10, x11, [x3, #-16]
    subs    x2, x2, #64
    b.hs    1b
2:  tbz     x2, #5, 4f                  // x2 is negative now: its low six bits are what is left
    ldp     x4, x5, [x1], #32
    ldp     x6, x7, [x1, #-16]
    stp     x4, x5, [x3], #32
    stp     x6, x7, [x3, #-16]
4:  tbz     x2, #4, 5f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x3], #16
5:  tbz     x2, #3, 8f
    ldr     x4, [x1], #8
    str     x4, [x3], #8
8:  and     x2, x2, #7
3:  cbz     x2, 6f
7:  ldrb    w4, [x1], #1
    strb    w4, [x3], #1
    subs    x2, x2, #1
    b.ne    7b
6:  ret

    // In: x0 = destination, w1 = byte, x2 = bytes. Out: x0 as it was. Clobbers x1-x3. Any context.
    .global memset
memset:
    mov     x3, x0
    tst     x0, #7
    b.ne    3f
    and     x1, x1, #0xff
    orr     x1, x1, x1, lsl #8
    orr     x1, x1, x1, lsl #16
    orr     x1, x1, x1, lsl #32
    subs    x2, x2, #64
    b.lo    2f
1:  stp     x1, x1, [x3], #64
    stp     x1, x1, [x3, #-48]
    stp     x1, x1, [x3, #-32]
    stp     x1, x1, [x3, #-16]
    subs    x2, x2, #64
    b.hs    1b
2:  tbz     x2, #5, 4f                  // as above
    stp     x1, x1, [x3], #32
    stp     x1, x1, [x3, #-16]
4:  tbz     x2, #4, 5f
    stp     x1, x1, [x3], #16
5:  tbz     x2, #3, 8f
    str     x1, [x3], #8
8:  and     x2, x2, #7
3:  cbz     x2, 6f
7:  strb    w1, [x3], #1
    subs    x2, x2, #1
    b.ne    7b
6:  ret
"#
);
