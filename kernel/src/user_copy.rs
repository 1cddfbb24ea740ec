//! Copies between the kernel and user memory, as the user: unprivileged loads and stores (LDTR, STTR), so that PAN can
//! stay set and the user's own permissions decide.
//!
//! Each run of instructions that may fault has an entry in the fix-up table: its first, its last, where to go on. The EL1
//! abort handler first tries to resolve the fault (demand paging); if it cannot, it asks [`fixup`] where to go on, and the
//! copy returns [`Fault`]. Nothing is masked here: a copy may fault, sleep in the fault and be preempted, and so must not
//! run under a lock that masks.

use alloc::vec::Vec;
use core::arch::global_asm;
use core::mem::{MaybeUninit, size_of};
use core::slice;

use crate::address_space::untagged;
use crate::errno::{self, Errno};
use crate::layout::{PAGE_SIZE, USER_END};
use crate::mte;

/// User memory could not be read or written: EFAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// Types that any bytes make a valid value of, and that have no padding.
///
/// # Safety
/// Both hold for the type.
pub unsafe trait Plain: Copy {}
// SAFETY: integers have neither invalid values nor padding.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for usize {}
// SAFETY: as above.
unsafe impl Plain for u128 {}
// SAFETY: an array has no padding of its own.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

unsafe extern "C" {
    fn user_copy_in(to: *mut u8, from: usize, count: usize) -> usize;
    fn user_copy_out(to: usize, from: *const u8, count: usize) -> usize;
    fn user_compare_exchange(word: usize, old: u32, new: u32, seen: &mut u32) -> usize;
    static __fixup_table_start: [usize; 3];
    static __fixup_table_end: [usize; 3];
}

/// Where to go on after a fault at `instruction`, if it is one that is allowed to fault.
pub fn fixup(instruction: usize) -> Option<usize> {
    table().iter().find(|[first, last, _]| (*first..=*last).contains(&instruction)).map(|[_, _, landing]| *landing)
}

/// One that is, for a test.
pub fn first_that_may_fault() -> usize {
    table()[0][0]
}

fn table() -> &'static [[usize; 3]] {
    let start = &raw const __fixup_table_start;
    let count = (&raw const __fixup_table_end as usize - start as usize) / size_of::<[usize; 3]>();
    // SAFETY: the linker script puts the table of triples between the two symbols, aligned to eight.
    unsafe { slice::from_raw_parts(start, count) }
}

/// Fills `to` from user memory at `from`, up to where that cannot be read; how many bytes.
pub fn copy_from_user_partly(to: &mut [u8], from: usize) -> usize {
    let Ok(from) = check(from, to.len()) else { return 0 };
    // SAFETY: `to` is ours for its length; the source is user memory, read as the user.
    to.len() - unsafe { user_copy_in(to.as_mut_ptr(), from, to.len()) }
}

/// Writes `from` to user memory at `to`, up to where that cannot be written; how many bytes.
pub fn copy_to_user_partly(to: usize, from: &[u8]) -> usize {
    let Ok(to) = check(to, from.len()) else { return 0 };
    // SAFETY: the destination is user memory, written as the user.
    from.len() - unsafe { user_copy_out(to, from.as_ptr(), from.len()) }
}

/// Fills `to` from user memory at `from`. On a fault the rest of `to` is as it was.
pub fn copy_from_user(to: &mut [u8], from: usize) -> Result<(), Fault> {
    let from = check(from, to.len())?;
    // SAFETY: `to` is ours for its length; the source is user memory, read as the user.
    match unsafe { user_copy_in(to.as_mut_ptr(), from, to.len()) } {
        0 => Ok(()),
        _ => Err(Fault),
    }
}

/// Writes `from` to user memory at `to`. On a fault a first part may have been written.
pub fn copy_to_user(to: usize, from: &[u8]) -> Result<(), Fault> {
    let to = check(to, from.len())?;
    // SAFETY: the destination is user memory, written as the user.
    match unsafe { user_copy_out(to, from.as_ptr(), from.len()) } {
        0 => Ok(()),
        _ => Err(Fault),
    }
}

/// Reads one value from user memory at `from`.
pub fn read_user<T: Plain>(from: usize) -> Result<T, Fault> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the value is ours; all its bytes have been written then, and any make a `Plain` value.
    unsafe {
        read_user_to(value.as_mut_ptr(), from)?;
        Ok(value.assume_init())
    }
}

/// The same, in a place of the caller's. On a fault a first part of it may have changed.
pub fn read_user_into<T: Plain>(to: &mut T, from: usize) -> Result<(), Fault> {
    // SAFETY: the place is the caller's, and any bytes make a value.
    unsafe { read_user_to(to, from) }
}

/// The same, in a place that may hold no value yet.
///
/// # Safety
/// It is the caller's, and valid for writes.
pub unsafe fn read_user_to<T: Plain>(to: *mut T, from: usize) -> Result<(), Fault> {
    let from = check(from, size_of::<T>())?;
    // SAFETY: the caller's; the source is user memory, read as the user.
    match unsafe { user_copy_in(to.cast(), from, size_of::<T>()) } {
        0 => Ok(()),
        _ => Err(Fault),
    }
}

/// Writes one value to user memory at `to`.
pub fn write_user<T: Plain>(to: usize, value: &T) -> Result<(), Fault> {
    // SAFETY: a reference is to a value.
    unsafe { write_user_from(to, value) }
}

/// The same, of a value that may be written meanwhile.
///
/// # Safety
/// There is one, and it stays there. (It has no padding, so all its bytes are initialised.)
pub unsafe fn write_user_from<T: Plain>(to: usize, value: *const T) -> Result<(), Fault> {
    let to = check(to, size_of::<T>())?;
    // SAFETY: the caller's; the destination is user memory, written as the user.
    match unsafe { user_copy_out(to, value.cast(), size_of::<T>()) } {
        0 => Ok(()),
        _ => Err(Fault),
    }
}

/// Puts `new` in the place of the word at `word`, which is aligned, if that is `old`; what it was.
pub fn compare_exchange_user(word: usize, old: u32, new: u32) -> Result<u32, Fault> {
    let word = check(word, size_of::<u32>())?;
    let mut seen = 0;
    // SAFETY: the word is user memory, and `seen` is ours.
    match unsafe { user_compare_exchange(word, old, new, &mut seen) } {
        0 => Ok(seen),
        _ => Err(Fault),
    }
}

/// Reads a string that ends in zero, without the zero; none if there is no zero in the first `limit` bytes.
pub fn read_user_string(from: usize, limit: usize) -> errno::Result<Option<Vec<u8>>> {
    const PIECE: usize = 64;
    let mut string = Vec::new();
    while string.len() < limit {
        let at = from.wrapping_add(string.len());
        // Not into the next page, which the string may not reach.
        let mut piece = [0; PIECE];
        let piece = &mut piece[..PIECE.min(PAGE_SIZE - at % PAGE_SIZE).min(limit - string.len())];
        copy_from_user(piece, at)?;
        let end = piece.iter().position(|byte| *byte == 0);
        let piece = &piece[..end.unwrap_or(piece.len())];
        string.try_reserve(piece.len()).map_err(|_| Errno::ENOMEM)?;
        string.extend_from_slice(piece);
        if end.is_some() {
            return Ok(Some(string));
        }
    }
    Ok(None)
}

/// Refuses what is not all user memory, before any of it is touched.
pub fn check_range(address: usize, count: usize) -> Result<(), Fault> {
    check(address, count).map(|_| ())
}

/// The address as it is, if all `count` bytes from it are below the user limit.
#[inline(always)]
fn check(address: usize, count: usize) -> Result<usize, Fault> {
    match address.checked_add(count) {
        Some(end) if end <= USER_END => Ok(address),
        _ => check_tagged(address, count),
    }
}

/// A top byte that is not zero is a tag where the task takes it for one, and the access is checked for it as the task's own are.
#[cold]
#[inline(never)]
fn check_tagged(address: usize, count: usize) -> Result<usize, Fault> {
    match untagged(address).checked_add(count) {
        Some(end) if end <= USER_END && mte::takes_tagged_addresses() => Ok(address),
        _ => Err(Fault),
    }
}

global_asm!(
    r#"
    .section .text.user_copy, "ax"

    // Blocks of 64 bytes, then what is left as 32, 16, 8 and single bytes. What faults is begun again byte by byte, which finds out
    // how far it goes; x2 is what is left then, but in a block, where it is 64 less.

    // In: x0 = kernel destination, x1 = user source, x2 = bytes. Out: x0 = bytes not copied. Clobbers x1-x10.
    // Context: Process or any other in which a fault may be handled.
    .global user_copy_in
    .type user_copy_in, %function
user_copy_in:
    subs    x2, x2, #64
    b.lo    1f
20: ldtr    x3, [x1]
    ldtr    x4, [x1, #8]
    ldtr    x5, [x1, #16]
    ldtr    x6, [x1, #24]
    ldtr    x7, [x1, #32]
    ldtr    x8, [x1, #40]
    ldtr    x9, [x1, #48]
21: ldtr    x10, [x1, #56]
    add     x1, x1, #64
    stp     x3, x4, [x0], #64
    stp     x5, x6, [x0, #-48]
    stp     x7, x8, [x0, #-32]
    stp     x9, x10, [x0, #-16]
    subs    x2, x2, #64
    b.hs    20b
1:  add     x2, x2, #64
    tbz     x2, #5, 2f
22: ldtr    x3, [x1]
    ldtr    x4, [x1, #8]
    ldtr    x5, [x1, #16]
23: ldtr    x6, [x1, #24]
    add     x1, x1, #32
    stp     x3, x4, [x0], #32
    stp     x5, x6, [x0, #-16]
    sub     x2, x2, #32
2:  tbz     x2, #4, 3f
24: ldtr    x3, [x1]
25: ldtr    x4, [x1, #8]
    add     x1, x1, #16
    stp     x3, x4, [x0], #16
    sub     x2, x2, #16
3:  tbz     x2, #3, 4f
26: ldtr    x3, [x1]
    add     x1, x1, #8
    str     x3, [x0], #8
    sub     x2, x2, #8
4:  cbz     x2, 5f
27: ldtrb   w3, [x1]
    add     x1, x1, #1
    strb    w3, [x0], #1
    subs    x2, x2, #1
    b.ne    27b
5:  mov     x0, x2
    ret
6:  add     x2, x2, #64
    b       27b

    .pushsection .fixup_table, "a"
    .quad   20b, 21b, 6b
    .quad   22b, 23b, 27b
    .quad   24b, 25b, 27b
    .quad   26b, 26b, 27b
    .quad   27b, 27b, 5b
    .popsection

    // In: x0 = user destination, x1 = kernel source, x2 = bytes. Out: x0 = bytes not copied. Clobbers x1-x10.
    // Context: Process or any other in which a fault may be handled.
    .global user_copy_out
    .type user_copy_out, %function
user_copy_out:
    subs    x2, x2, #64
    b.lo    1f
7:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
30: sttr    x3, [x0]
    sttr    x4, [x0, #8]
    sttr    x5, [x0, #16]
    sttr    x6, [x0, #24]
    sttr    x7, [x0, #32]
    sttr    x8, [x0, #40]
    sttr    x9, [x0, #48]
31: sttr    x10, [x0, #56]
    add     x1, x1, #64
    add     x0, x0, #64
    subs    x2, x2, #64
    b.hs    7b
1:  add     x2, x2, #64
    tbz     x2, #5, 2f
    ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
32: sttr    x3, [x0]
    sttr    x4, [x0, #8]
    sttr    x5, [x0, #16]
33: sttr    x6, [x0, #24]
    add     x1, x1, #32
    add     x0, x0, #32
    sub     x2, x2, #32
2:  tbz     x2, #4, 3f
    ldp     x3, x4, [x1]
34: sttr    x3, [x0]
35: sttr    x4, [x0, #8]
    add     x1, x1, #16
    add     x0, x0, #16
    sub     x2, x2, #16
3:  tbz     x2, #3, 4f
    ldr     x3, [x1]
36: sttr    x3, [x0]
    add     x1, x1, #8
    add     x0, x0, #8
    sub     x2, x2, #8
4:  cbz     x2, 5f
8:  ldrb    w3, [x1]
37: sttrb   w3, [x0]
    add     x1, x1, #1
    add     x0, x0, #1
    subs    x2, x2, #1
    b.ne    8b
5:  mov     x0, x2
    ret
6:  add     x2, x2, #64
    b       8b

    .pushsection .fixup_table, "a"
    .quad   30b, 31b, 6b
    .quad   32b, 33b, 8b
    .quad   34b, 35b, 8b
    .quad   36b, 36b, 8b
    .quad   37b, 37b, 5b
    .popsection

    // In: x0 = user address, aligned, w1 = old value, w2 = new value, x3 = where the value that was seen goes. Out: x0 = 0, or
    // 1 after a fault. Clobbers w1. No instruction does this as the user, so PAN is clear for one; what the user may not
    // write the kernel may not write there either. Context: as above.
    .arch_extension lse
    .arch_extension pan
    .global user_compare_exchange
    .type user_compare_exchange, %function
user_compare_exchange:
    msr     pan, #0
40: casal   w1, w2, [x0]
    msr     pan, #1
    str     w1, [x3]
    mov     x0, #0
    ret
41: msr     pan, #1
    mov     x0, #1
    ret

    .pushsection .fixup_table, "a"
    .quad   40b, 40b, 41b
    .popsection
"#
);
