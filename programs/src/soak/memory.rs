//! Memory: mapped, touched, faulted on and given back; files.

use core::arch::asm;
use core::sync::atomic::Ordering;

use super::Progress;
use crate::runtime::file::{close, open, remove};
use crate::runtime::process::{HANDLED, handle, handled};
use crate::runtime::syscall::{Result, abi, mmap, munmap, read, write};

const PAGE: usize = 4096;
const PAGES: usize = 64;

/// Pages are zero at first, and hold what was written.
pub fn mappings(progress: &Progress) -> Result<bool> {
    loop {
        let area = mmap(PAGES * PAGE)?;
        let pages = || (0..PAGES).map(|page| area.wrapping_add(page * PAGE).cast::<u64>());
        // SAFETY: all of it was just mapped, and is this function's alone.
        let right = unsafe {
            let zero = pages().all(|page| page.read_volatile() == 0);
            pages().for_each(|page| page.write_volatile(page as u64));
            zero && pages().all(|page| page.read_volatile() == page as u64)
        };
        // SAFETY: nothing points there.
        unsafe { munmap(area, PAGES * PAGE)? };
        if !right {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// Reads from where nothing is: a handler goes on behind it.
pub fn faults(progress: &Progress) -> Result<bool> {
    handle(abi::SIGSEGV, 0, 0)?;
    HANDLED.skip.store(4, Ordering::Relaxed);
    loop {
        let before = handled();
        // SAFETY: the handler skips the instruction; the register is not used.
        unsafe { asm!("ldr {0}, [{0}]", inout(reg) 8_u64 => _, options(nostack, readonly)) };
        if handled() != before + 1 {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}

/// A file is there as long as it has a name or is open.
pub fn files(progress: &Progress) -> Result<bool> {
    const NAME: &core::ffi::CStr = c"/tmp/soak";
    let mut text = [0; 3000];
    loop {
        text.iter_mut().enumerate().for_each(|(index, byte)| *byte = index as u8);
        let writer = open(NAME, abi::O_CREAT | abi::O_EXCL | abi::O_WRONLY)?;
        for _ in 0..4 {
            write(writer, &text)?;
        }
        let reader = open(NAME, abi::O_RDONLY)?;
        close(writer)?;
        remove(NAME)?;
        let (mut length, mut right) = (0, true);
        loop {
            let count = read(reader, &mut text)?;
            if count == 0 {
                break;
            }
            right &= text[..count].iter().enumerate().all(|(index, &byte)| byte == ((length + index) % 3000) as u8);
            length += count;
        }
        close(reader)?;
        if !right || length != 4 * 3000 {
            return Ok(false);
        }
        if !progress.again() {
            return Ok(true);
        }
    }
}
