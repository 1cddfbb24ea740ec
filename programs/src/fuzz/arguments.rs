//! Arguments that may mean something, and those that must not: pointers of every kind, lengths, flags, descriptors.

use super::random::Random;
use crate::runtime::syscall::{abi, call, mmap, munmap};

const PAGE: usize = 4096;
/// Where user memory ends.
const USER_END: usize = 1 << 39;
/// The kernel's: its image, its linear map, and the first address of its half.
const KERNEL: [usize; 3] = [0xffff_ffc0_4020_0000, 0xffff_ff80_4000_0000, 0xffff_ff80_0000_0000];

const NUMBERS: [usize; 20] = [
    usize::MAX,
    usize::MAX - 1,
    i64::MAX as usize,
    i64::MIN as usize,
    i32::MAX as usize,
    i32::MIN as usize,
    u32::MAX as usize,
    1 << 32,
    1 << 39,
    1 << 20,
    PAGE - 1,
    PAGE,
    PAGE + 1,
    2 * PAGE,
    -100_isize as usize, // AT_FDCWD
    128,
    64,
    16,
    8,
    1000,
];

const PATHS: [&[u8]; 17] = [
    b"a\0",
    b"b\0",
    b"a/b\0",
    b"a/b/c\0",
    b"./a/../b\0",
    b".\0",
    b"..\0",
    b"/\0",
    b"\0",
    b"/dev/null\0",
    b"/dev/zero\0",
    b"/dev/tty\0",
    b"/proc/self/stat\0",
    b"/proc/self/exe\0",
    b"/proc/self/fd/0\0",
    b"/nowhere/at/all\0",
    b"/proc/1/maps\0",
];

/// Memory to point to, and where there is none.
pub struct Places {
    /// Pages of the child's own, in the middle of which calls find what they look for.
    own: usize,
    /// Memory that is only read.
    read_only: usize,
    /// Memory that is not even read.
    forbidden: usize,
    /// Where memory was and is no more.
    unmapped: usize,
    /// The last page before that.
    edge: usize,
}

/// Bytes of [`Places::own`].
const OWN: usize = 16 * PAGE;

impl Places {
    /// Memory for a child.
    pub fn new() -> Option<Self> {
        let own = mmap(OWN).ok()? as usize;
        let read_only = mmap(PAGE).ok()? as usize;
        let forbidden = mmap(PAGE).ok()? as usize;
        let edge = mmap(2 * PAGE).ok()? as usize;
        // SAFETY: nothing refers to these pages yet.
        unsafe {
            munmap((edge + PAGE) as *mut u8, PAGE).ok()?;
            call(abi::__NR_mprotect, [read_only, PAGE, abi::PROT_READ as usize, 0, 0, 0]);
            call(abi::__NR_mprotect, [forbidden, PAGE, abi::PROT_NONE as usize, 0, 0, 0]);
        }
        Some(Self { own, read_only, forbidden, unmapped: edge + PAGE, edge })
    }

    /// An argument of any kind.
    pub fn argument(&self, random: &mut Random) -> usize {
        match random.below(10) {
            0 | 1 => random.below(13),
            2 => random.of(&NUMBERS),
            3 => 1 << random.below(64),
            4 => random.next() as usize,
            5 => random.below(1 << 12),
            _ => self.pointer(random),
        }
    }

    fn pointer(&self, random: &mut Random) -> usize {
        match random.below(14) {
            0 => 0,
            1 => random.below(PAGE),
            2 => random.of(&KERNEL) + random.below(PAGE),
            3 => USER_END - random.below(17),
            4 => USER_END + random.below(PAGE),
            5 => self.read_only + random.below(PAGE),
            6 => self.forbidden + random.below(PAGE),
            7 => self.unmapped - random.below(33),
            8 => self.unmapped,
            9 => self.edge,
            // Misaligned, and with a tag.
            10 => self.own + random.below(OWN),
            11 => (self.own + random.below(OWN) / 16 * 16) | random.below(256) << 56,
            _ => self.own + random.below(OWN / 64) * 64,
        }
    }

    /// Puts into the child's own memory what calls look for there: paths, numbers, and pointers in turn.
    pub fn fill(&self, random: &mut Random) {
        for slot in 0..16 {
            let at = self.own + random.below(OWN / 64) * 64;
            if slot < 6 {
                let path = random.of(&PATHS);
                // SAFETY: the pages are the child's own; where a call has taken them away, the child dies.
                unsafe { core::ptr::copy_nonoverlapping(path.as_ptr(), at as *mut u8, path.len()) };
                continue;
            }
            for word in 0..8 {
                let value = self.argument(random);
                // SAFETY: as above.
                unsafe { ((at + 8 * word) as *mut usize).write_volatile(value) };
            }
        }
    }
}
