//! What a file says of itself: type, permissions, owner, size, times. Pure.

use crate::files::data::SIZE_LIMIT;

/// The bits of a mode that say what a file is.
pub const TYPE: u32 = 0o170_000;
/// The bits of a mode that can be changed.
pub const PERMISSIONS: u32 = 0o7777;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Type {
    /// A pipe.
    Fifo = 0o010_000,
    /// A device for bytes.
    Character = 0o020_000,
    /// Holds names.
    Directory = 0o040_000,
    /// A device for blocks.
    Block = 0o060_000,
    /// Holds bytes.
    Regular = 0o100_000,
    /// Stands for a path.
    Symlink = 0o120_000,
    /// A socket.
    Socket = 0o140_000,
}

impl Type {
    /// What a mode says.
    pub fn of(mode: u32) -> Option<Type> {
        use Type::{Block, Character, Directory, Fifo, Regular, Socket, Symlink};
        let all = [Fifo, Character, Directory, Block, Regular, Symlink, Socket];
        all.into_iter().find(|is| *is as u32 == mode & TYPE)
    }

    /// Its number in a directory's entry.
    pub fn entry(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// Which device a special file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceNumber {
    /// What kind.
    pub major: u32,
    /// Which of that kind.
    pub minor: u32,
}

impl DeviceNumber {
    /// No device.
    pub const NONE: DeviceNumber = DeviceNumber { major: 0, minor: 0 };

    /// As `mknod` takes it: twelve bits of major number, twenty of minor.
    pub fn decode(number: u32) -> Self {
        Self { major: number >> 8 & 0xfff, minor: number & 0xff | number >> 12 & 0xf_ff00 }
    }

    /// As `stat` shows it.
    pub fn encode(self) -> u32 {
        self.minor & 0xff | self.major << 8 | (self.minor & 0xf_ff00) << 12
    }
}

/// A time by the clock on the wall.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timestamp {
    /// Since 1970.
    pub seconds: i64,
    /// Of the second.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// So many seconds since 1970.
    pub fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }

    /// Now.
    #[cfg(target_os = "none")]
    pub fn now() -> Self {
        const SECOND: u64 = 1_000_000_000;
        let now = crate::clocks::real();
        Self { seconds: (now / SECOND) as i64, nanoseconds: (now % SECOND) as u32 }
    }

    /// On the host, where time stands still.
    #[cfg(not(target_os = "none"))]
    pub fn now() -> Self {
        Self::from_seconds(1_000_000)
    }
}

/// When a file was read, written, and otherwise changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Last read.
    pub accessed: Timestamp,
    /// Contents last changed.
    pub modified: Timestamp,
    /// Anything of it last changed.
    pub changed: Timestamp,
}

impl Times {
    /// It is read now: noted as Linux's default `relatime` has it, after a change and once a day.
    pub fn note_access(&mut self) {
        const DAY: i64 = 24 * 60 * 60;
        let is_stale = self.accessed <= self.modified || self.accessed <= self.changed;
        let now = Timestamp::now();
        if is_stale || now.seconds - self.accessed.seconds >= DAY {
            self.accessed = now;
        }
    }

    /// All of them.
    pub fn all(time: Timestamp) -> Self {
        Self { accessed: time, modified: time, changed: time }
    }
}

/// What a file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// The file system that it is in, as a device's minor number.
    pub device: u32,
    /// Its number there.
    pub inode: u64,
    /// Type and permissions.
    pub mode: u32,
    /// How many names it has.
    pub links: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// What device it is for.
    pub special: DeviceNumber,
    /// How many bytes it holds.
    pub size: u64,
    /// How many blocks of 512 bytes it takes.
    pub blocks: u64,
    /// When what happened to it.
    pub times: Times,
}

impl Metadata {
    /// Nothing but a type and permissions, of a file that is in no directory.
    pub fn of(mode: u32) -> Self {
        Self {
            device: 0,
            inode: 1,
            mode,
            links: 1,
            user: 0,
            group: 0,
            special: DeviceNumber::NONE,
            size: 0,
            blocks: 0,
            times: Times::all(Timestamp::default()),
        }
    }

    /// What it is.
    pub fn kind(&self) -> Type {
        Type::of(self.mode).unwrap_or(Type::Regular)
    }

    /// It is a directory.
    pub fn is_directory(&self) -> bool {
        self.mode & TYPE == Type::Directory as u32
    }
}

/// A size that a file can have.
pub fn checked_size(size: i64) -> Option<u64> {
    u64::try_from(size).ok().filter(|size| *size <= SIZE_LIMIT)
}

/// What is to change of a file; what is none stays.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Change {
    /// Permissions.
    pub permissions: Option<u32>,
    /// Owner.
    pub user: Option<u32>,
    /// Group.
    pub group: Option<u32>,
    /// When it was last read.
    pub accessed: Option<Timestamp>,
    /// When its contents last changed.
    pub modified: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_are_packed_as_linux_does() {
        assert_eq!(DeviceNumber { major: 5, minor: 1 }.encode(), 0x501);
        let large = DeviceNumber { major: 0xabc, minor: 0x12345 };
        assert_eq!(large.encode(), 0x123a_bc45);
        assert_eq!(DeviceNumber::decode(large.encode()), large);
    }

    #[test]
    fn a_mode_says_what_a_file_is() {
        assert_eq!(Type::of(0o040_755), Some(Type::Directory));
        assert_eq!(Type::of(0o755), None);
        assert_eq!(Type::Regular.entry(), 8);
    }
}
