//! Page tables: what a mapping may allow, the kernel's own tables, and the memory that tables are made of.
//! User tables are in `user_tables`.

use core::cell::Cell;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use aarch64_paging::Mapping;
use aarch64_paging::descriptor::{Descriptor, El1Attributes, PhysicalAddress};
use aarch64_paging::paging::{Constraints, El1And0, MemoryRegion, PageTable, Translation, VaRange};

use crate::boot;
use crate::device_tree::{DeviceTree, PhysicalRange};
use crate::frames::{self, OutOfMemory};
use crate::layout::{self, LINEAR_BASE, PAGE_SIZE, image_to_physical, linear_to_physical};
use crate::lock::IrqLock;
use crate::mte;

/// Level of the top table: three levels for 39 bits.
pub const ROOT_LEVEL: usize = 1;

/// Indices into MAIR_EL1, which `boot` programs.
pub mod attribute_index {
    /// Memory, write-back cacheable.
    pub const NORMAL: usize = 0;
    /// Device registers (nGnRE).
    pub const DEVICE: usize = 1;
    /// Memory with allocation tags where `mte` says so, ordinary memory elsewhere.
    pub const NORMAL_TAGGED: usize = 2;
}

const KERNEL_PAGE: El1Attributes = El1Attributes::VALID.union(El1Attributes::ACCESSED).union(El1Attributes::UXN);
const NORMAL: El1Attributes = El1Attributes::ATTRIBUTE_INDEX_0.union(El1Attributes::INNER_SHAREABLE);
const NORMAL_TAGGED: El1Attributes = El1Attributes::ATTRIBUTE_INDEX_2.union(El1Attributes::INNER_SHAREABLE);
const DEVICE: El1Attributes = El1Attributes::ATTRIBUTE_INDEX_1;

/// Code: read and execute at EL1.
const TEXT: El1Attributes = KERNEL_PAGE.union(NORMAL).union(El1Attributes::READ_ONLY);
/// Constants: read at EL1.
const READ_ONLY: El1Attributes = TEXT.union(El1Attributes::PXN);
/// Data: read and write at EL1.
const DATA: El1Attributes = KERNEL_PAGE.union(NORMAL).union(El1Attributes::PXN);
/// The same, with tags.
const TAGGED_DATA: El1Attributes = KERNEL_PAGE.union(NORMAL_TAGGED).union(El1Attributes::PXN);
/// Device registers: read and write at EL1.
const REGISTERS: El1Attributes = KERNEL_PAGE.union(DEVICE).union(El1Attributes::PXN);

/// How many frames are the kernel's own tables, or set aside for them: they stay when what they map goes.
static TABLES: AtomicUsize = AtomicUsize::new(0);

/// How many frames those are.
pub fn table_frames() -> usize {
    TABLES.load(Ordering::Relaxed)
}

/// Tables come from [`frames`]. Those that one mapping may need are set aside first, because the crate that walks the
/// tables cannot report that memory ran out half way.
pub struct TableMemory {
    reserve: Cell<[Option<PhysicalAddress>; ROOT_LEVEL + 1]>,
}

impl TableMemory {
    /// With enough set aside for the top table and one mapping.
    pub fn new() -> Result<Self, OutOfMemory> {
        let memory = Self { reserve: Cell::new([None; ROOT_LEVEL + 1]) };
        memory.top_up()?;
        Ok(memory)
    }

    /// Sets aside what mapping one page may need: one table for each level below the top.
    pub fn top_up(&self) -> Result<(), OutOfMemory> {
        let mut reserve = self.reserve.get();
        let result = reserve.iter_mut().filter(|slot| slot.is_none()).try_for_each(|slot| {
            *slot = Some(allocate()?);
            Ok(())
        });
        self.reserve.set(reserve);
        result
    }
}

impl Translation<El1Attributes> for TableMemory {
    fn allocate_table(&mut self) -> (NonNull<PageTable<El1Attributes>>, PhysicalAddress) {
        let set_aside = self.reserve.get_mut().iter_mut().find_map(Option::take);
        let frame = set_aside.unwrap_or_else(|| allocate().expect("memory for kernel page tables"));
        // SAFETY: the frame is ours alone, and the linear map shows it.
        unsafe { layout::linear(frame).write_bytes(0, PAGE_SIZE) };
        (self.physical_to_virtual(frame), frame)
    }

    unsafe fn deallocate_table(&mut self, table: NonNull<PageTable<El1Attributes>>) {
        // SAFETY: the table came from `allocate_table`, and the caller no longer walks it.
        unsafe { free(linear_to_physical(table.as_ptr() as usize)) };
    }

    fn physical_to_virtual(&self, table: PhysicalAddress) -> NonNull<PageTable<El1Attributes>> {
        NonNull::new(layout::linear(table).cast()).expect("the linear map does not start at zero")
    }
}

impl Drop for TableMemory {
    fn drop(&mut self) {
        for frame in self.reserve.get().into_iter().flatten() {
            // SAFETY: it was set aside and never used.
            unsafe { free(frame) };
        }
    }
}

fn allocate() -> Result<PhysicalAddress, OutOfMemory> {
    let frame = frames::allocate()?;
    TABLES.fetch_add(1, Ordering::Relaxed);
    Ok(frame)
}

/// # Safety
/// As [`frames::free`]; it came from [`allocate`].
unsafe fn free(frame: PhysicalAddress) {
    TABLES.fetch_sub(1, Ordering::Relaxed);
    // SAFETY: the caller's.
    unsafe { frames::free(frame) };
}

struct KernelTables(Mapping<TableMemory, El1And0>);

static KERNEL: IrqLock<Option<KernelTables>> = IrqLock::new(None);

impl KernelTables {
    fn map(&mut self, start: usize, physical: PhysicalAddress, size: usize, attributes: El1Attributes) {
        let region = MemoryRegion::new(start, start + size);
        let mapped = self.0.map_range(&region, physical, attributes, Constraints::NO_CONTIGUOUS_HINT);
        mapped.unwrap_or_else(|why| panic!("kernel mapping {region}: {why}"));
    }
}

/// Builds the kernel's tables (the image by its segments, all of memory, all of `devices`) and switches this CPU to
/// them. Once, on the first CPU; `frames` is up, the boot tables are in force.
pub fn init(tree: &DeviceTree, devices: &[PhysicalRange]) {
    let table_memory = TableMemory::new().expect("memory for kernel page tables");
    let mapping = Mapping::with_asid_and_va_range(table_memory, 0, ROOT_LEVEL, El1And0, VaRange::Upper);
    let mut tables = KernelTables(mapping);

    let image = layout::image();
    let segments = [(image.text, TEXT), (image.rodata, READ_ONLY), (image.data, DATA)];
    // Pages whose linear alias must not be writable either: those the image only reads.
    let constant = image_to_physical(segments[0].0.start)..image_to_physical(segments[1].0.end);
    for (range, attributes) in segments {
        tables.map(range.start, image_to_physical(range.start), range.len(), attributes);
    }
    // The tags of all memory are reached there, by the kernel and with the tag that is not checked.
    let memory = if mte::is_present() { TAGGED_DATA } else { DATA };
    for range in tree.memory() {
        tables.map(layout::linear(range.start) as usize, range.start, range.end - range.start, memory);
    }
    tables.map(layout::linear(constant.start) as usize, constant.start, constant.end - constant.start, READ_ONLY);
    for range in devices {
        let (start, end) = (layout::page_down(range.start.0), layout::page_up(range.end.0));
        let physical = PhysicalAddress(start);
        tables.map(layout::device(physical) as usize, physical, end - start, REGISTERS);
    }

    // SAFETY: everything in use is mapped where the boot tables have it: image (with the boot stack), RAM, devices.
    unsafe { boot::replace_kernel_tables(tables.0.root_address()) };
    tables.0.mark_active();
    *KERNEL.lock() = Some(tables);
}

/// Where the kernel's top table lies, for the TTBR1 of another CPU.
pub fn kernel_table() -> PhysicalAddress {
    KERNEL.lock().as_ref().expect("paging::init has run").0.root_address()
}

/// Maps the frame `physical` at the kernel page `page`, read and write. The page was not mapped.
pub fn map_kernel_data(page: usize, physical: PhysicalAddress) -> Result<(), OutOfMemory> {
    let mut tables = KERNEL.lock();
    let tables = tables.as_mut().expect("paging::init has run");
    tables.0.translation().top_up()?;
    tables.map(page, physical, PAGE_SIZE, DATA);
    Ok(())
}

/// Takes the kernel page `page` out of the tables and every TLB; the frame it showed.
pub fn unmap_kernel(page: usize) -> Option<PhysicalAddress> {
    let mut tables = KERNEL.lock();
    let tables = tables.as_mut().expect("paging::init has run");
    let (physical, _) = query(&tables.0, page)?;
    tables.map(page, PhysicalAddress(0), PAGE_SIZE, El1Attributes::empty());
    Some(physical)
}

/// Whether the kernel page `page` is mapped.
pub fn is_kernel_mapped(page: usize) -> bool {
    query(&KERNEL.lock().as_ref().expect("paging::init has run").0, page).is_some()
}

/// The frame and attributes of the mapped page at `page`.
pub fn query(tables: &Mapping<TableMemory, El1And0>, page: usize) -> Option<(PhysicalAddress, El1Attributes)> {
    let mut found = None;
    let region = MemoryRegion::new(page, page + PAGE_SIZE);
    let walked = tables.walk_range(&region, &mut |_, descriptor: &Descriptor<_>, level| {
        if descriptor.is_valid() {
            let offset = page & ((1 << (12 + 9 * (3 - level))) - 1);
            found = Some((descriptor.output_address() + offset, descriptor.flags()));
        }
        Ok(())
    });
    walked.ok().and(found)
}

/// What [`check_kernel`] counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelMapCheck {
    /// Bytes EL1 may execute.
    pub executable: usize,
    /// Bytes EL1 may write.
    pub writable: usize,
    /// Bytes mapped.
    pub mapped: usize,
}

/// Walks the kernel's tables as they are and counts; panics at a page that is writable and executable, that EL0 can
/// reach, or that it could execute.
pub fn check_kernel() -> KernelMapCheck {
    let mut check = KernelMapCheck::default();
    let upper: Range<usize> = LINEAR_BASE..layout::STACK_END;
    let tables = KERNEL.lock();
    let tables = &tables.as_ref().expect("paging::init has run").0;
    let walked = tables.walk_range(&MemoryRegion::new(upper.start, upper.end), &mut |range, descriptor, _| {
        if !descriptor.is_valid() {
            return Ok(());
        }
        let flags = descriptor.flags();
        let writable = !flags.contains(El1Attributes::READ_ONLY);
        let executable = !flags.contains(El1Attributes::PXN);
        assert!(!(writable && executable), "kernel page {range} is writable and executable: {flags:?}");
        assert!(!flags.contains(El1Attributes::USER), "kernel page {range} is open to EL0: {flags:?}");
        assert!(flags.contains(El1Attributes::UXN), "kernel page {range} is executable at EL0: {flags:?}");
        check.mapped += range.len();
        check.writable += if writable { range.len() } else { 0 };
        check.executable += if executable { range.len() } else { 0 };
        Ok(())
    });
    walked.expect("the walk covers the upper half");
    check
}
