//! What an entry of a user page table says. Pure; its tests run on the host.
//!
//! Bits as in Arm ARM D8.3. An entry whose lowest bit is clear is nothing to the hardware: one that the program may not access
//! at all keeps its frame in it (the software bit says so).

use crate::regions::{Access, Marks, PAGE_SIZE, Protection};

/// An entry of the last level, or of one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(pub u64);

const VALID: u64 = 1 << 0;
/// In the last level a page, above it a table.
const PAGE_OR_TABLE: u64 = 1 << 1;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
/// Attribute index 2 in place of 0.
const TAGGED: u64 = 2 << 2;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const NON_GLOBAL: u64 = 1 << 11;
/// GP: RES0 without BTI.
const GUARDED: u64 = 1 << 50;
const PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 53;
const USER_EXECUTE_NEVER: u64 = 1 << 54;
/// Ours: a frame is there.
const PRESENT: u64 = 1 << 55;
const ADDRESS: u64 = ((1 << 48) - 1) & !(PAGE_SIZE as u64 - 1);

/// Memory with attribute index 0 (`paging::attribute_index`), of one address space, that the kernel executes never.
const USER_PAGE: u64 =
    PRESENT | VALID | PAGE_OR_TABLE | USER | INNER_SHAREABLE | ACCESSED | NON_GLOBAL | PRIVILEGED_EXECUTE_NEVER;

impl Entry {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The frame at `address`, for what `protection` allows.
    pub fn page(address: usize, protection: Protection) -> Self {
        let mut bits = address as u64 & ADDRESS | USER_PAGE;
        if !protection.allows(Access::Read) {
            bits &= !VALID;
        }
        if !protection.write {
            bits |= READ_ONLY;
        }
        if !protection.execute {
            bits |= USER_EXECUTE_NEVER;
        }
        if protection.marks != Marks::NONE {
            bits |= marks(protection.marks);
        }
        Self(bits)
    }

    /// The table at `address`.
    pub fn table(address: usize) -> Self {
        Self(address as u64 & ADDRESS | PRESENT | VALID | PAGE_OR_TABLE)
    }

    /// The address of the frame or table that is there, if one is.
    pub fn address(self) -> Option<usize> {
        (self.0 & PRESENT != 0).then_some((self.0 & ADDRESS) as usize)
    }

    /// Whether translation uses it.
    pub fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    /// Whether the program may store through it.
    pub fn is_writable(self) -> bool {
        self.is_valid() && self.0 & READ_ONLY == 0
    }

    /// Whether the program may fetch instructions through it.
    pub fn is_executable(self) -> bool {
        self.is_valid() && self.0 & USER_EXECUTE_NEVER == 0
    }

    /// Whether its tags are there for the program.
    pub fn is_tagged(self) -> bool {
        self.0 & TAGGED != 0
    }

    /// The same with them.
    pub fn with_tags(self) -> Self {
        Self(self.0 | TAGGED)
    }

    /// The same without stores.
    pub fn read_only(self) -> Self {
        Self(self.0 | READ_ONLY)
    }
}

#[cold]
fn marks(marks: Marks) -> u64 {
    let bit = |mark, bit| if marks.and(mark) == Marks::NONE { 0 } else { bit };
    bit(Marks::TAGGED, TAGGED) | bit(Marks::GUARDED, GUARDED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 0x4567_8000;

    #[test]
    fn protections_are_what_the_hardware_calls_them() {
        assert_eq!(Entry::page(FRAME, Protection::READ_WRITE).0, FRAME as u64 | 0x00e0_0000_0000_0f43);
        assert_eq!(Entry::page(FRAME, Protection::READ).0, FRAME as u64 | 0x00e0_0000_0000_0fc3);
        assert_eq!(Entry::page(FRAME, Protection::READ_EXECUTE).0, FRAME as u64 | 0x00a0_0000_0000_0fc3);
        let guarded = Entry::page(FRAME, Protection { marks: Marks::GUARDED, ..Protection::READ_EXECUTE });
        assert_eq!(guarded.0, FRAME as u64 | 0x00a4_0000_0000_0fc3);
        assert!(guarded.is_executable());
        let tagged = Entry::page(FRAME, Protection { marks: Marks::TAGGED, ..Protection::READ });
        assert_eq!(tagged.0, FRAME as u64 | 0x00e0_0000_0000_0fcb);
        assert_eq!((tagged.is_tagged(), Entry::page(FRAME, Protection::READ_EXECUTE).is_tagged()), (true, false));
        assert_eq!(Entry::table(FRAME).0, FRAME as u64 | 0x0080_0000_0000_0003);
    }

    #[test]
    fn a_page_without_access_keeps_its_frame() {
        let entry = Entry::page(FRAME, Protection::NONE);
        assert_eq!((entry.is_valid(), entry.is_writable(), entry.address()), (false, false, Some(FRAME)));
        assert_eq!(Entry::NONE.address(), None);
        assert_eq!(Entry::page(0, Protection::READ).address(), Some(0));
    }

    #[test]
    fn read_only_takes_stores_away_and_nothing_else() {
        assert_eq!(Entry::page(FRAME, Protection::READ_WRITE).read_only(), Entry::page(FRAME, Protection::READ));
        let code = Entry::page(FRAME, Protection::READ_EXECUTE);
        assert_eq!((code.read_only(), code.is_executable()), (code, true));
    }
}
