//! The machine: its name, its memory, and chance.

use alloc::vec::Vec;
use core::mem;

use linux_raw_sys::general as linux;
use linux_raw_sys::system::{new_utsname, sysinfo};

use super::{Call, Errno, Result};
use crate::layout::PAGE_SIZE;
use crate::lock::IrqLock;
use crate::user_copy::{Plain, copy_from_user, copy_to_user, write_user};
use crate::{frames, processes, random, timer};

/// What programs take it for: the oldest Linux that has every call that is here.
pub const RELEASE: &str = "6.12.0-vestibule";
/// Which of its builds.
pub const VERSION: &str = "#1 SMP PREEMPT";

const NAME_LIMIT: usize = 64;

/// Its name, and how long that is.
static NAME: IrqLock<([u8; NAME_LIMIT], usize)> = IrqLock::new(initial_name(b"vestibule"));

const fn initial_name(name: &[u8]) -> ([u8; NAME_LIMIT], usize) {
    let mut bytes = [0; NAME_LIMIT];
    let mut at = 0;
    while at < name.len() {
        bytes[at] = name[at];
        at += 1;
    }
    (bytes, name.len())
}

pub(super) fn uname(call: &mut Call) -> Result {
    const FIELD: usize = NAME_LIMIT + 1;
    let (name, length) = *NAME.lock();
    let fields: [&[u8]; 6] = [b"Linux", &name[..length], RELEASE.as_bytes(), VERSION.as_bytes(), b"aarch64", b"(none)"];
    let mut bytes = [0; size_of::<new_utsname>()];
    for (place, field) in bytes.chunks_mut(FIELD).zip(fields) {
        place[..field.len()].copy_from_slice(field);
    }
    copy_to_user(call.argument(0), &bytes)?;
    Ok(0)
}

/// The machine's name, as a line.
pub fn host_name() -> Vec<u8> {
    let (name, length) = *NAME.lock();
    let mut line = name[..length].to_vec();
    line.push(b'\n');
    line
}

/// `sethostname(name, length)`
pub(super) fn sethostname(call: &mut Call) -> Result {
    let (from, length) = (call.argument(0), call.argument(1));
    if length as i32 as usize != length || length > NAME_LIMIT {
        return Err(Errno::EINVAL);
    }
    let mut name = [0; NAME_LIMIT];
    copy_from_user(&mut name[..length], from)?;
    *NAME.lock() = (name, length);
    Ok(0)
}

// SAFETY: integers alone; the two bytes before the size of memory are a field, and the struct's end has none to spare.
unsafe impl Plain for Memory {}

/// `struct sysinfo`, with its gaps as fields.
#[derive(Clone, Copy)]
#[repr(C)]
struct Memory {
    uptime: i64,
    loads: [u64; 3],
    total: u64,
    free: u64,
    shared: u64,
    buffers: u64,
    total_swap: u64,
    free_swap: u64,
    processes: u16,
    gap: u16,
    another_gap: u32,
    total_high: u64,
    free_high: u64,
    unit: u32,
    end: u32,
}

const _: () = assert!(size_of::<Memory>() == size_of::<sysinfo>());

pub(super) fn information(call: &mut Call) -> Result {
    // SAFETY: zeros are a value of it.
    let mut memory: Memory = unsafe { mem::zeroed() };
    memory.uptime = (timer::nanoseconds() / 1_000_000_000) as i64;
    memory.total = (frames::total_count() * PAGE_SIZE) as u64;
    memory.free = (frames::free_count() * PAGE_SIZE) as u64;
    memory.processes = processes::all().count() as u16;
    memory.unit = 1;
    write_user(call.argument(0), &memory)?;
    Ok(0)
}

/// `getrandom(to, count, flags)`
pub(super) fn getrandom(call: &mut Call) -> Result {
    const PIECE: usize = 256;
    let (to, count, flags) = (call.argument(0), call.argument(1).min(i32::MAX as usize), call.argument(2) as u32);
    let both = linux::GRND_RANDOM | linux::GRND_INSECURE;
    if flags & !(both | linux::GRND_NONBLOCK) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let mut done = 0;
    let mut piece = [0; PIECE];
    while done < count && !call.process.is_ending() {
        let piece = &mut piece[..PIECE.min(count - done)];
        random::fill(piece);
        match copy_to_user(to.wrapping_add(done), piece) {
            Ok(()) => done += piece.len(),
            Err(_) if done > 0 => break,
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(done)
}
