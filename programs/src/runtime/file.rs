//! Files and folders, and programs in files.

use core::ffi::{CStr, c_char, c_int};

use super::syscall::{Result, abi, call, check};

const RELATIVE_TO_CURRENT: usize = abi::AT_FDCWD as usize;

/// Asks for the settings that only a terminal has.
const TCGETS: usize = 0x5401;

/// Opens, and creates with permissions 0666 where `flags` ask for that.
pub fn open(path: &CStr, flags: u32) -> Result<c_int> {
    let arguments = [RELATIVE_TO_CURRENT, path.as_ptr() as usize, flags as usize, 0o666, 0, 0];
    // SAFETY: reads a string that the caller holds.
    check(unsafe { call(abi::__NR_openat, arguments) }).map(|file| file as c_int)
}

/// Closes.
pub fn close(file: c_int) -> Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { call(abi::__NR_close, [file as usize, 0, 0, 0, 0, 0]) }).map(|_| ())
}

/// Takes a file's name away.
pub fn remove(path: &CStr) -> Result<()> {
    // SAFETY: reads a string that the caller holds.
    check(unsafe { call(abi::__NR_unlinkat, [RELATIVE_TO_CURRENT, path.as_ptr() as usize, 0, 0, 0, 0]) }).map(|_| ())
}

/// Has `number` be the same file as `file`, whatever it was before.
pub fn duplicate(file: c_int, number: c_int) -> Result<()> {
    // SAFETY: touches no memory.
    check(unsafe { call(abi::__NR_dup3, [file as usize, number as usize, 0, 0, 0, 0]) }).map(|_| ())
}

/// Makes a folder the current one.
pub fn change_folder(path: &CStr) -> Result<()> {
    // SAFETY: reads a string that the caller holds.
    check(unsafe { call(abi::__NR_chdir, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) }).map(|_| ())
}

/// Is it a terminal?
pub fn is_terminal(file: c_int) -> bool {
    let mut settings = [0_u64; 8];
    let arguments = [file as usize, TCGETS, settings.as_mut_ptr() as usize, 0, 0, 0];
    // SAFETY: writes a `struct termios`, which has 36 bytes, into this function's memory.
    check(unsafe { call(abi::__NR_ioctl, arguments) }).is_ok()
}

/// Becomes another program. Comes back only with an error.
///
/// # Safety
/// Both arrays end in a null pointer; what is before it are strings.
pub unsafe fn execute(path: &CStr, arguments: *const *const c_char, environment: *const *const c_char) -> Result<()> {
    let arguments = [path.as_ptr() as usize, arguments as usize, environment as usize, 0, 0, 0];
    // SAFETY: reads what the caller promises.
    check(unsafe { call(abi::__NR_execve, arguments) }).map(|_| ())
}
