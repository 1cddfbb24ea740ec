//! Page tables of one user address space, with an address space identifier (ASID) of their own.

use alloc::vec;
use core::arch::asm;

use aarch64_paging::Mapping;
use aarch64_paging::descriptor::{El1Attributes, PhysicalAddress};
use aarch64_paging::paging::{Constraints, El1And0, MemoryRegion, VaRange};

use crate::bitmap::Bitmap;
use crate::boot;
use crate::frames::{self, OutOfMemory};
use crate::layout::{self, PAGE_SIZE, USER_END};
use crate::lock::IrqLock;
use crate::paging::{self, ROOT_LEVEL, TableMemory};
use crate::regions::Protection;
use crate::registers::{read_register, write_register};

const USER_PAGE: El1Attributes = El1Attributes::VALID
    .union(El1Attributes::ACCESSED)
    .union(El1Attributes::NON_GLOBAL)
    .union(El1Attributes::PXN)
    .union(El1Attributes::ATTRIBUTE_INDEX_0)
    .union(El1Attributes::INNER_SHAREABLE);

/// The tables under the lower half. Every frame mapped here belongs to them until [`unmap`](Self::unmap) takes it out.
pub struct UserTables {
    mapping: Mapping<TableMemory, El1And0>,
}

impl UserTables {
    /// Tables that map nothing.
    pub fn new() -> Result<Self, OutOfMemory> {
        let memory = TableMemory::new()?;
        let asid = take_asid()?;
        let mapping = Mapping::with_asid_and_va_range(memory, asid, ROOT_LEVEL, El1And0, VaRange::Lower);
        // Any CPU may have them in TTBR0 from now on, so every change is made as for live tables.
        mapping.mark_active();
        Ok(Self { mapping })
    }

    /// Maps `frame` at `page`, where nothing was mapped. Its contents are as a program on any CPU will see them, code
    /// included.
    pub fn map(&mut self, page: usize, frame: PhysicalAddress, protection: Protection) -> Result<(), OutOfMemory> {
        debug_assert!(self.query(page).is_none(), "{page:#x} is mapped already");
        if protection.execute {
            make_executable(frame);
        }
        self.mapping.translation().top_up()?;
        self.set(page, frame, attributes(protection));
        Ok(())
    }

    /// Takes the mapping of `page` out of the tables and every TLB; its frame, now the caller's.
    pub fn unmap(&mut self, page: usize) -> Option<PhysicalAddress> {
        let (frame, _) = self.query(page)?;
        self.set(page, PhysicalAddress(0), El1Attributes::empty());
        Some(frame)
    }

    /// Changes what the program may do with `page`, if it is mapped. In between it is not: a fault on another CPU must
    /// wait for the caller's lock and look again.
    pub fn protect(&mut self, page: usize, protection: Protection) {
        let Some((frame, _)) = self.query(page) else { return };
        if protection.execute {
            make_executable(frame);
        }
        // Break before make: whether EL0 may read at all is not a bit that may change under a live mapping.
        self.set(page, PhysicalAddress(0), El1Attributes::empty());
        self.set(page, frame, attributes(protection));
    }

    /// The frame at `page` and what the program may do with it.
    pub fn query(&self, page: usize) -> Option<(PhysicalAddress, Protection)> {
        let (frame, attributes) = paging::query(&self.mapping, page)?;
        let protection = Protection {
            write: !attributes.contains(El1Attributes::READ_ONLY),
            execute: !attributes.contains(El1Attributes::UXN),
            read: attributes.contains(El1Attributes::USER),
        };
        Some((frame, protection))
    }

    /// The value of TTBR0_EL1 that makes a CPU use these tables, for [`activate`]. They must outlive that use.
    pub fn ttbr0(&self) -> u64 {
        self.mapping.root_address().0 as u64 | (self.mapping.asid() as u64) << 48
    }

    fn set(&mut self, page: usize, frame: PhysicalAddress, attributes: El1Attributes) {
        assert!(page.is_multiple_of(PAGE_SIZE) && page < USER_END, "{page:#x} is no user page");
        let region = MemoryRegion::new(page, page + PAGE_SIZE);
        let set = self.mapping.map_range(&region, frame, attributes, Constraints::empty());
        set.unwrap_or_else(|why| panic!("user mapping {region}: {why}"));
    }
}

impl Drop for UserTables {
    /// No CPU may have the tables in TTBR0 any more: each has activated others, or none.
    fn drop(&mut self) {
        assert_ne!(read_register!("ttbr0_el1") & !1, self.ttbr0() & !1, "user tables dropped while active");
        let asid = self.mapping.asid();
        // SAFETY: only forgets translations that nobody will ask for again.
        unsafe { asm!("dsb ishst", "tlbi aside1is, {}", "dsb ish", "isb", in(reg) asid << 48, options(nostack)) };
        let whole = MemoryRegion::new(0, USER_END);
        let walked = self.mapping.walk_range(&whole, &mut |_, descriptor, _| {
            if descriptor.is_valid() {
                // SAFETY: the frame belonged to these tables, and no TLB has it any more.
                unsafe { frames::free(descriptor.output_address()) };
            }
            Ok(())
        });
        walked.expect("the walk covers the lower half");
        self.mapping.mark_inactive();
        ASIDS.lock().as_mut().expect("this ASID came from it").release(asid, 1);
    }
}

fn attributes(protection: Protection) -> El1Attributes {
    let mut attributes = USER_PAGE;
    attributes.set(El1Attributes::USER, protection.read || protection.write || protection.execute);
    attributes.set(El1Attributes::READ_ONLY, !protection.write);
    attributes.set(El1Attributes::UXN, !protection.execute);
    attributes
}

/// This CPU's lower half is `ttbr0`'s tables from now on ([`UserTables::ttbr0`]).
///
/// # Safety
/// The tables stay until this CPU has activated others or called [`deactivate`].
pub unsafe fn activate(ttbr0: u64) {
    // SAFETY: the tables map user memory only, and their ASID keeps their translations apart from others'.
    unsafe { write_register!("ttbr0_el1", ttbr0) };
}

/// This CPU's lower half maps nothing from now on.
pub fn deactivate() {
    // SAFETY: the kernel itself uses nothing in the lower half.
    unsafe { write_register!("ttbr0_el1", boot::empty_table().0) };
}

/// What was written to `frame` through the linear map is what instruction fetches on any CPU find.
fn make_executable(frame: PhysicalAddress) {
    let sizes = read_register!("ctr_el0");
    let data_line = 4 << (sizes >> 16 & 0xf);
    let instruction_line = 4 << (sizes & 0xf);
    let start = layout::linear(frame) as usize;
    // SAFETY: cache maintenance changes no contents.
    unsafe {
        for line in (start..start + PAGE_SIZE).step_by(data_line) {
            asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        asm!("dsb ish", options(nostack, preserves_flags));
        for line in (start..start + PAGE_SIZE).step_by(instruction_line) {
            asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags));
        }
        asm!("dsb ish", "isb", options(nostack, preserves_flags));
    }
}

/// ASIDs in use; zero is that of no address space. Eight bits are enough for this kernel and every CPU has them.
static ASIDS: IrqLock<Option<Bitmap<'static>>> = IrqLock::new(None);
const ASID_COUNT: usize = 256;

fn take_asid() -> Result<usize, OutOfMemory> {
    let mut asids = ASIDS.lock();
    let asids = asids.get_or_insert_with(|| {
        let mut bitmap = Bitmap::new(vec![0; Bitmap::words_for(ASID_COUNT)].leak(), ASID_COUNT);
        bitmap.release(1, ASID_COUNT - 1);
        bitmap
    });
    asids.take(1, 1).ok_or(OutOfMemory)
}
