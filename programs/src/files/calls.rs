//! The calls that the checks make, and what says that one did something else.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::runtime::print::println;
use crate::runtime::syscall::{Errno, Result, abi, call, check};

static WRONG: AtomicU32 = AtomicU32::new(0);

/// How many things were not as they should be.
pub fn wrong() -> u32 {
    WRONG.load(Ordering::Relaxed)
}

/// Says so if something is not as it should be.
pub fn equal<T: PartialEq + core::fmt::Debug>(what: &str, got: T, expected: T) {
    if got != expected {
        println!("files: {what}: {got:?}, not {expected:?}");
        WRONG.fetch_add(1, Ordering::Relaxed);
    }
}

/// Says so if a call was not refused with that error.
pub fn refused<T>(what: &str, got: Result<T>, error: u32) {
    equal(what, got.map(|_| 0), Err(Errno(error)));
}

/// The working directory.
pub const HERE: usize = abi::AT_FDCWD as usize;

/// A call whose other arguments are zero.
pub fn make<const N: usize>(number: u32, arguments: [usize; N]) -> Result<usize> {
    let mut six = [0; 6];
    six[..N].copy_from_slice(&arguments);
    // SAFETY: what is passed here is memory of the caller's, held for the time of the call, or is refused.
    check(unsafe { call(number, six) })
}

/// A path, as calls take it.
pub fn text(path: &CStr) -> usize {
    path.as_ptr() as usize
}

/// Opens a file.
pub fn open(path: &CStr, flags: u32) -> Result<usize> {
    make(abi::__NR_openat, [HERE, text(path), flags as usize, 0o644])
}

/// Closes a number.
pub fn close(number: usize) -> Result<usize> {
    make(abi::__NR_close, [number])
}

/// Writes.
pub fn write(number: usize, bytes: &[u8]) -> Result<usize> {
    make(abi::__NR_write, [number, bytes.as_ptr() as usize, bytes.len()])
}

/// Reads.
pub fn read(number: usize, bytes: &mut [u8]) -> Result<usize> {
    make(abi::__NR_read, [number, bytes.as_mut_ptr() as usize, bytes.len()])
}

/// Goes to another place.
pub fn seek(number: usize, offset: isize, whence: u32) -> Result<usize> {
    make(abi::__NR_lseek, [number, offset as usize, whence as usize])
}

/// Makes a directory.
pub fn mkdir(path: &CStr) -> Result<usize> {
    make(abi::__NR_mkdirat, [HERE, text(path), 0o755])
}

/// Takes a name away.
pub fn unlink(path: &CStr, flags: u32) -> Result<usize> {
    make(abi::__NR_unlinkat, [HERE, text(path), flags as usize])
}

/// Gives a file another name.
pub fn link(old: &CStr, new: &CStr) -> Result<usize> {
    make(abi::__NR_linkat, [HERE, text(old), HERE, text(new), 0])
}

/// Makes a symbolic link.
pub fn symlink(target: &CStr, path: &CStr) -> Result<usize> {
    make(abi::__NR_symlinkat, [text(target), HERE, text(path)])
}

/// Renames.
pub fn rename(old: &CStr, new: &CStr, flags: u32) -> Result<usize> {
    make(abi::__NR_renameat2, [HERE, text(old), HERE, text(new), flags as usize])
}

/// What a file says of itself.
pub fn stat(path: &CStr, flags: u32) -> Result<abi::stat> {
    // SAFETY: zeros are a value of it.
    let mut stat: abi::stat = unsafe { core::mem::zeroed() };
    make(abi::__NR_newfstatat, [HERE, text(path), &raw mut stat as usize, flags as usize])?;
    Ok(stat)
}

/// What an open file says of itself.
pub fn stat_open(number: usize) -> Result<abi::stat> {
    // SAFETY: zeros are a value of it.
    let mut stat: abi::stat = unsafe { core::mem::zeroed() };
    make(abi::__NR_fstat, [number, &raw mut stat as usize])?;
    Ok(stat)
}

/// A pipe's two ends.
pub fn pipe(flags: u32) -> Result<[usize; 2]> {
    let mut ends = [0_i32; 2];
    make(abi::__NR_pipe2, [ends.as_mut_ptr() as usize, flags as usize])?;
    Ok(ends.map(|end| end as usize))
}
