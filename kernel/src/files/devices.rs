//! Devices: what stands behind special files.

use alloc::sync::Arc;

use vestibule::Process;

use super::file::{At, File, Wait};
use super::stat::{Change, DeviceNumber, Metadata};
use super::tmpfs::Inode;
use crate::errno::{Errno, Result};
use crate::reference::Cpu;
use crate::{random, terminal};

/// The terminal's number.
pub const CONSOLE_NUMBER: DeviceNumber = DeviceNumber { major: TERMINAL, minor: CONSOLE };

/// The devices that there are: name, number, permissions.
pub const ALL: [(&str, DeviceNumber, u32); 7] = [
    ("null", DeviceNumber { major: MEMORY, minor: NULL }, 0o666),
    ("zero", DeviceNumber { major: MEMORY, minor: ZERO }, 0o666),
    ("full", DeviceNumber { major: MEMORY, minor: FULL }, 0o666),
    ("random", DeviceNumber { major: MEMORY, minor: RANDOM }, 0o666),
    ("urandom", DeviceNumber { major: MEMORY, minor: URANDOM }, 0o666),
    ("tty", DeviceNumber { major: TERMINAL, minor: TTY }, 0o666),
    ("console", CONSOLE_NUMBER, 0o600),
];

const MEMORY: u32 = 1;
const NULL: u32 = 3;
const ZERO: u32 = 5;
const FULL: u32 = 7;
const RANDOM: u32 = 8;
const URANDOM: u32 = 9;
const TERMINAL: u32 = 5;
const TTY: u32 = 0;
const CONSOLE: u32 = 1;

/// The device behind a special file, for whom a terminal controls or not.
pub fn open(inode: &Arc<Inode>, has_terminal: bool) -> Result<Arc<dyn File>> {
    let number = inode.device().ok_or(Errno::ENXIO)?;
    let kind = match (number.major, number.minor) {
        (MEMORY, NULL) => Kind::Null,
        (MEMORY, ZERO) => Kind::Zero,
        (MEMORY, FULL) => Kind::Full,
        (MEMORY, RANDOM | URANDOM) => Kind::Random,
        (TERMINAL, TTY) if !has_terminal => return Err(Errno::ENXIO),
        (TERMINAL, TTY | CONSOLE) => return Ok(terminal::open(inode)),
        _ => return Err(Errno::ENXIO),
    };
    Ok(Arc::new(Device { kind, inode: inode.clone() }))
}

#[derive(Clone, Copy)]
enum Kind {
    Null,
    Zero,
    Full,
    Random,
}

/// A device, open.
struct Device {
    kind: Kind,
    inode: Arc<Inode>,
}

impl File for Device {
    fn metadata(&self) -> Metadata {
        self.inode.metadata()
    }

    fn change(&self, change: &Change) -> Result<()> {
        self.inode.change(change);
        Ok(())
    }

    fn read(&self, _: &mut Cpu<Process>, _: u64, to: &mut [u8], _: Wait) -> Result {
        match self.kind {
            Kind::Null => return Ok(0),
            Kind::Zero | Kind::Full => to.fill(0),
            Kind::Random => random::fill(to),
        }
        Ok(to.len())
    }

    fn has_places(&self) -> bool {
        // Programs may seek, to no effect.
        true
    }

    fn write(&self, _: &mut Cpu<Process>, _: At, from: &[u8], _: Wait) -> Result {
        match self.kind {
            Kind::Full => return Err(Errno::ENOSPC),
            Kind::Null | Kind::Zero | Kind::Random => {}
        }
        Ok(from.len())
    }
}
