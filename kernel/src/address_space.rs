//! A program's memory: its regions, its page tables, and the fault that joins them.
//!
//! Pages come on first use: zeros, or a file's bytes. After a fork both sides show the same pages, without stores; who stores
//! first gets a copy, and the last owner of a page just gets its stores back. Nothing here locks; whoever shares an address
//! space between threads wraps it, and holds that lock over [`AddressSpace::fault`] and every change.

mod advice;
mod mapping;
mod program;
mod remap;

use alloc::sync::Arc;
use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};

pub use mapping::{MapError, Mapping, Place};
pub use program::{LoadError, SIGNAL_RETURN, Start};

use crate::backing::{Backing, NoPage, Page};
use crate::frames::{self, Frame, OutOfMemory};
use crate::instruction_cache;
use crate::layout::{self, PAGE_SIZE, PhysicalAddress, USER_END, page_down};
use crate::regions::{self, Access, NoRoom, Protection, Regions};
use crate::user_tables::{Usage, UserTables};

/// Bytes a program's stack may grow to.
const STACK_SIZE: usize = 8 << 20;
/// First address above the stack; the page above stays free.
const STACK_TOP: usize = USER_END - PAGE_SIZE;
/// New mappings go below this: a stack that runs over ends in the gap.
const MMAP_TOP: usize = STACK_TOP - 2 * STACK_SIZE;

/// Why a fault is not the kernel's to resolve: the program gets a signal, a user copy fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// No region has the address (SEGV_MAPERR).
    NotMapped,
    /// Its region does not allow the access (SEGV_ACCERR).
    NotAllowed,
    /// What is mapped there ends before it, or the file has no room for it (BUS_ADRERR).
    BeyondEnd,
    /// There is no memory for the page.
    OutOfMemory,
}

impl From<NoPage> for FaultError {
    fn from(why: NoPage) -> Self {
        match why {
            NoPage::BeyondEnd | NoPage::NoSpace => Self::BeyondEnd,
            NoPage::OutOfMemory => Self::OutOfMemory,
        }
    }
}

impl From<OutOfMemory> for FaultError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// A region with what fills it.
pub type Region = regions::Region<Backing>;

impl Region {
    /// Zeros, for this program alone. Their offset is their address, so that neighbours continue each other.
    pub fn zero(range: Range<usize>, protection: Protection) -> Self {
        let offset = range.start;
        Self { range, protection, shared: false, may_write: true, backing: Backing::Zero, offset }
    }
}

/// How many address spaces there are.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

/// How many address spaces there are now.
pub fn alive() -> usize {
    ALIVE.load(Ordering::Relaxed)
}

/// One program's memory.
pub struct AddressSpace {
    regions: Regions<Backing>,
    tables: UserTables,
    /// Where `brk` may start, after the last segment, and where it is.
    heap: Range<usize>,
}

impl AddressSpace {
    /// With nothing in it.
    pub fn new() -> Result<Self, OutOfMemory> {
        let memory = Self { regions: Regions::new(USER_END), tables: UserTables::new()?, heap: 0..0 };
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Ok(memory)
    }

    /// A copy: what is shared stays shared, everything else is from here on each side's own.
    pub fn fork(&mut self) -> Result<Self, OutOfMemory> {
        let mut child = Self::new()?;
        child.regions = self.regions.try_clone().map_err(|NoRoom| OutOfMemory)?;
        child.heap = self.heap.clone();
        // What is shared comes from its backing on first use.
        let mut own = self.regions.iter().filter(|region| !region.shared);
        let shared = own.try_for_each(|region| self.tables.share(&mut child.tables, region.range.clone()));
        // Other CPUs may run threads of this program, with stores allowed in their TLBs.
        self.tables.forget_all();
        shared.map(|()| child)
    }

    /// Resolves a fault: afterwards the access to `address` can be tried again. `address` may carry a tag in its top
    /// byte. Fine to call when another CPU has resolved the same fault.
    pub fn fault(&mut self, address: usize, access: Access) -> Result<(), FaultError> {
        let page = page_down(untagged(address));
        let region = self.regions.find(page).ok_or(FaultError::NotMapped)?;
        if !region.protection.allows(access) {
            return Err(FaultError::NotAllowed);
        }
        let (entry, stores) = (self.tables.query(page), access == Access::Write);
        match entry.address() {
            None => first_use(&mut self.tables, region, page, stores),
            Some(_) if stores && !entry.is_writable() => allow_stores(&mut self.tables, region, page),
            Some(_) => Ok(()),
        }
    }

    /// Something is mapped there, or further up.
    pub fn has_at_or_above(&self, address: usize) -> bool {
        self.regions.iter().any(|region| region.range.end > untagged(address))
    }

    /// The frame at `address` if others may have it mapped too, on purpose; none if it is the program's own.
    pub fn shared_frame(&mut self, address: usize) -> Result<Option<PhysicalAddress>, FaultError> {
        let page = page_down(untagged(address));
        let region = self.regions.find(page).ok_or(FaultError::NotMapped)?;
        if !region.shared {
            return Ok(None);
        }
        self.fault(page, Access::Read)?;
        Ok(Some(self.frame(page)))
    }

    /// Writes `bytes` at `address` as the kernel, whatever the program itself may do there, but not for everybody where it may
    /// not: a file that was opened for reading stays as it is.
    pub fn write(&mut self, address: usize, bytes: &[u8]) -> Result<(), FaultError> {
        for (page, offset, part) in pieces(address, bytes.len()) {
            let region = self.regions.find(page).ok_or(FaultError::NotMapped)?;
            if region.shared && !region.protection.write {
                return Err(FaultError::NotAllowed);
            }
            if self.tables.query(page).address().is_none() {
                first_use(&mut self.tables, region, page, true)?;
            }
            // A page of its own, but for one that is meant to be shared.
            allow_stores(&mut self.tables, region, page)?;
            let frame = self.frame(page);
            // SAFETY: the frame belongs to these tables, and stays while we have the only reference to them. A program that
            // writes to it at the same time decides what is there, and nothing here relies on that.
            let contents = unsafe { slice::from_raw_parts_mut(layout::linear(frame), PAGE_SIZE) };
            contents[offset..offset + part.len()].copy_from_slice(&bytes[part]);
            if region.protection.execute {
                instruction_cache::synchronise(frame);
            }
        }
        Ok(())
    }

    /// Reads what is at `address` as the kernel, whatever the program itself may do there.
    pub fn read(&mut self, address: usize, bytes: &mut [u8]) -> Result<(), FaultError> {
        for (page, offset, part) in pieces(address, bytes.len()) {
            let region = self.regions.find(page).ok_or(FaultError::NotMapped)?;
            if self.tables.query(page).address().is_none() {
                first_use(&mut self.tables, region, page, false)?;
            }
            // SAFETY: as in `write`.
            let contents = unsafe { slice::from_raw_parts(layout::linear(self.frame(page)), PAGE_SIZE) };
            bytes[part.clone()].copy_from_slice(&contents[offset..offset + part.len()]);
        }
        Ok(())
    }

    /// How much it takes, for who does not have the lock.
    pub fn usage(&self) -> Arc<Usage> {
        self.tables.usage().clone()
    }

    /// The value for `user_tables::activate`, valid as long as this address space.
    pub fn ttbr0(&self) -> u64 {
        self.tables.ttbr0()
    }

    fn frame(&self, page: usize) -> PhysicalAddress {
        PhysicalAddress(self.tables.query(page).address().expect("it was mapped just now"))
    }

    fn insert(&mut self, region: Region) -> Result<(), NoRoom> {
        self.regions.insert(region)
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Maps `page` of `region`, which is not mapped yet.
fn first_use(tables: &mut UserTables, region: &Region, page: usize, stores: bool) -> Result<(), FaultError> {
    let whole = region.protection;
    let (frame, protection) = match region.backing.page(region.offset_of(page), region.shared)? {
        Page::New(frame) => (frame, whole),
        Page::Common(frame) if region.shared => (frame, whole),
        Page::Common(frame) if stores => (Frame::copied(frame.address())?, whole),
        Page::Common(frame) => (frame, Protection { write: false, ..whole }),
    };
    Ok(tables.map(page, frame, protection)?)
}

/// Makes the mapped `page` of `region` one that stores may go to, if the region has any: the program's own, or the one that
/// is shared on purpose.
fn allow_stores(tables: &mut UserTables, region: &Region, page: usize) -> Result<(), FaultError> {
    let frame = PhysicalAddress(tables.query(page).address().expect("it is mapped"));
    if !region.shared && frames::is_shared(frame) {
        tables.replace(page, Frame::copied(frame)?, region.protection);
    } else {
        tables.protect(page, region.protection);
    }
    Ok(())
}

/// The pages of a range of `size` bytes: each page, the offset in it, and which of the bytes it has.
fn pieces(address: usize, size: usize) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let (page, offset) = (page_down(address + done), (address + done) % PAGE_SIZE);
        let part = done..size.min(done + PAGE_SIZE - offset);
        done = part.end;
        (!part.is_empty()).then_some((page, offset, part))
    })
}

/// `address` as translation sees it: EL0 may keep a tag in the top byte.
pub fn untagged(address: usize) -> usize {
    if address & (1 << 55) == 0 { address & !(0xff << 56) } else { address }
}
