//! Physical page frames: all RAM that neither the image, the device tree nor the initial RAM disk occupies.
//!
//! Each frame in use has a count of owners. [`Frame`] is one such count: page tables of several address spaces, and whatever
//! else shows the same page, hold one each, and the frame is free again when the last is gone.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::{fmt, mem, slice};

use crate::bitmap::Bitmap;
use crate::device_tree::{DeviceTree, PhysicalRange};
use crate::layout::{self, LINEAR_LIMIT, PAGE_SIZE, PhysicalAddress, page_down, page_up};
use crate::lock::IrqLock;
use crate::mte;
use crate::planted::Bug;
use crate::registers::read_register;

/// Frames that only the heap may take: what the kernel needs to end a program that has taken all others.
const RESERVE: usize = 256;
/// Frames that were freed last and are taken next, without a search.
const RECENT: usize = 64;

/// In a frame's count of owners: its tags have been set, and are what a program that has it mapped with tags expects.
const TAGGED: u32 = 1 << 31;

/// No frame, or no run of frames, is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory")
    }
}

struct Frames {
    base: PhysicalAddress,
    bitmap: Bitmap<'static>,
    /// How many were free in the beginning.
    total: usize,
    /// How many own each frame.
    owners: &'static mut [u32],
    /// Free frames that the bitmap has in use.
    recent: [u32; RECENT],
    recent_count: usize,
}

static FRAMES: IrqLock<Option<Frames>> = IrqLock::new(None);
/// How many frames are free, for who only wants to know.
static FREE: AtomicUsize = AtomicUsize::new(0);

impl Frames {
    fn number(&self, frame: PhysicalAddress) -> usize {
        (frame - self.base) / PAGE_SIZE
    }

    fn free(&self) -> usize {
        self.bitmap.free() + self.recent_count
    }

    fn take(&mut self) -> Option<usize> {
        if self.recent_count == 0 {
            return self.bitmap.take(1, 1);
        }
        self.recent_count -= 1;
        Some(self.recent[self.recent_count] as usize)
    }

    fn give_back(&mut self, number: usize) {
        if self.recent_count < RECENT {
            self.recent[self.recent_count] = number as u32;
            self.recent_count += 1;
        } else {
            self.bitmap.release(number, 1);
        }
    }

    /// Lets runs be found in all that is free.
    fn forget_recent(&mut self) {
        for number in &self.recent[..self.recent_count] {
            self.bitmap.release(*number as usize, 1);
        }
        self.recent_count = 0;
    }
}

/// Calls `body` with the frames locked.
fn with<T>(body: impl FnOnce(&mut Frames) -> T) -> T {
    let mut frames = FRAMES.lock();
    let frames = frames.as_mut().expect("frames::init has run");
    let result = body(frames);
    FREE.store(frames.free(), Ordering::Relaxed);
    result
}

/// Opens the machine's memory for allocation, apart from `reserved`. Once, before anything allocates.
///
/// The map of frames goes into the first gap that holds it, which must be visible in the linear map already.
pub fn init(tree: &DeviceTree, reserved: &[PhysicalRange]) {
    let start = tree.memory().map(|range| range.start).min().expect("device tree: no memory");
    let end = tree.memory().map(|range| range.end).max().expect("device tree: no memory");
    assert!(end.0 <= LINEAR_LIMIT, "memory up to {end} does not fit the linear map");
    let base = PhysicalAddress(page_down(start.0));
    let frames = (end - base) / PAGE_SIZE;

    let words = Bitmap::words_for(frames);
    let map = place(tree, reserved, page_up(words * 8 + frames * 4));
    let map_start = layout::linear(map.start);
    // SAFETY: `place` found memory that nobody uses, and it is taken out of circulation below.
    let words = unsafe { slice::from_raw_parts_mut(map_start.cast::<u64>(), words) };
    // SAFETY: the same memory, behind the words.
    let owners = unsafe { slice::from_raw_parts_mut(map_start.cast::<u64>().add(words.len()).cast::<u32>(), frames) };
    owners.fill(0);
    let mut bitmap = Bitmap::new(words, frames);

    let number = |address: usize| (address - base.0) / PAGE_SIZE;
    for range in tree.memory() {
        let (first, end) = (number(page_up(range.start.0)), number(page_down(range.end.0)));
        bitmap.release(first, end - first);
    }
    for range in reserved.iter().chain([&map]) {
        let (first, last) = (page_down(range.start.0).max(base.0), page_up(range.end.0).max(base.0));
        (number(first)..number(last)).for_each(|frame| bitmap.reserve(frame));
    }
    let total = bitmap.free();
    *FRAMES.lock() = Some(Frames { base, bitmap, total, owners, recent: [0; RECENT], recent_count: 0 });
    with(|_| ());
}

/// A page-aligned range of `size` bytes in memory and outside `reserved`.
fn place(tree: &DeviceTree, reserved: &[PhysicalRange], size: usize) -> PhysicalRange {
    for range in tree.memory() {
        let starts = reserved.iter().map(|taken| taken.end).chain([range.start]);
        for start in starts {
            let start = PhysicalAddress(page_up(start.0));
            let candidate = start..start + size;
            let overlaps = |taken: &PhysicalRange| taken.start < candidate.end && candidate.start < taken.end;
            if range.start <= candidate.start && candidate.end <= range.end && !reserved.iter().any(overlaps) {
                return candidate;
            }
        }
    }
    panic!("no room in memory for a map of its frames: {size} bytes");
}

/// Takes one frame with whatever its last owner left in it. None is taken from the reserve.
pub fn allocate() -> Result<PhysicalAddress, OutOfMemory> {
    with(|frames| {
        if frames.free() <= RESERVE {
            return Err(OutOfMemory);
        }
        let number = frames.take().ok_or(OutOfMemory)?;
        frames.owners[number] = 1;
        Ok(frames.base + number * PAGE_SIZE)
    })
}

/// Takes one frame full of zeros.
pub fn allocate_zeroed() -> Result<PhysicalAddress, OutOfMemory> {
    let frame = allocate()?;
    // SAFETY: the frame is ours alone, and the linear map shows it.
    unsafe { zero_page(layout::linear(frame)) };
    Ok(frame)
}

/// Takes `count` frames in a row, the first aligned to `align` frames (a power of two, counted from the start of RAM), the
/// reserve among them.
pub fn allocate_contiguous(count: usize, align: usize) -> Result<PhysicalAddress, OutOfMemory> {
    with(|frames| {
        frames.forget_recent();
        let first = frames.bitmap.take(count, align).ok_or(OutOfMemory)?;
        frames.owners[first..first + count].fill(1);
        Ok(frames.base + first * PAGE_SIZE)
    })
}

/// Gives one owner's count of a frame back.
///
/// # Safety
/// The count came from this module, its owner refers to the frame no more, and no TLB translates to it on the owner's behalf.
pub unsafe fn free(frame: PhysicalAddress) {
    with(|frames| {
        let number = frames.number(frame);
        let owners = &mut frames.owners[number];
        let others = (*owners & !TAGGED).checked_sub(1).unwrap_or_else(|| panic!("frame {frame} is free already"));
        *owners = if others == 0 { 0 } else { *owners - 1 };
        if others == 0 && !Bug::LeakedFrame.strikes() {
            frames.give_back(number);
        }
    });
}

/// A program is to have `frame` with tags: zeros, if none has had it so since it was taken.
pub fn give_tags(frame: PhysicalAddress) {
    // With the frames locked: whoever else has it mapped finds it with its tags, or waits.
    with(|frames| {
        let number = frames.number(frame);
        let owners = &mut frames.owners[number];
        if *owners & TAGGED == 0 && !Bug::LeakedTags.is_planted() {
            // SAFETY: it is memory, and nobody has seen its tags.
            unsafe { mte::zero_tags(frame) };
        }
        *owners |= TAGGED;
    });
}

/// Whether a program has it with tags. Every copy asks: where there are none it costs no lock.
fn has_tags(frame: PhysicalAddress) -> bool {
    mte::is_present() && with(|frames| frames.owners[frames.number(frame)] & TAGGED != 0)
}

/// Whether only the reserve is left.
pub fn is_low() -> bool {
    FREE.load(Ordering::Relaxed) <= RESERVE
}

/// Whether there is what a program's access takes at most: its page, and three tables above that.
pub fn has_room() -> bool {
    FREE.load(Ordering::Relaxed) >= RESERVE + 4
}

/// Whether a frame in use has more than one owner.
pub fn is_shared(frame: PhysicalAddress) -> bool {
    with(|frames| frames.owners[frames.number(frame)] & !TAGGED > 1)
}

/// How many frames there are to allocate.
pub fn total_count() -> usize {
    with(|frames| frames.total)
}

/// How many frames are free now.
pub fn free_count() -> usize {
    FREE.load(Ordering::Relaxed)
}

/// How many have been taken and not given back.
pub fn in_use() -> usize {
    with(|frames| frames.total - frames.free())
}

/// One owner's count of a frame.
#[derive(Debug)]
pub struct Frame(PhysicalAddress);

impl Frame {
    /// A new frame, full of zeros.
    pub fn zeroed() -> Result<Self, OutOfMemory> {
        allocate_zeroed().map(Self)
    }

    /// A new frame that holds the same bytes, with the same tags if there are any.
    pub fn copied(from: PhysicalAddress) -> Result<Self, OutOfMemory> {
        let frame = Self(allocate()?);
        // SAFETY: the new frame is ours alone, the old one has an owner; programs that write to it while it is copied only
        // decide what the copy holds. The linear map shows both.
        unsafe { copy_page(layout::linear(frame.0), layout::linear(from)) };
        if has_tags(from) && !Bug::LostTags.is_planted() {
            give_tags(frame.0);
            // SAFETY: both are memory with tags, and the new one's are ours alone.
            unsafe { mte::copy_tags(frame.0, from) };
        }
        Ok(frame)
    }

    /// Where it lies.
    pub fn address(&self) -> PhysicalAddress {
        self.0
    }

    /// Its bytes, which nobody else may reach.
    pub fn bytes(&mut self) -> &mut [u8] {
        debug_assert!(!is_shared(self.0));
        // SAFETY: the linear map shows the frame; we have its only count, and it is mapped nowhere.
        unsafe { slice::from_raw_parts_mut(layout::linear(self.0), PAGE_SIZE) }
    }

    /// The address that stands for the count, which [`Frame::from_address`] takes back.
    pub fn into_address(self) -> PhysicalAddress {
        let address = self.0;
        mem::forget(self);
        address
    }

    /// The count that `address` stands for.
    ///
    /// # Safety
    /// It came from [`Frame::into_address`], once for each time it is taken back.
    pub unsafe fn from_address(address: PhysicalAddress) -> Self {
        Self(address)
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        with(|frames| frames.owners[frames.number(self.0)] += 1);
        Self(self.0)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: the count is this value's, and who took it out of a page table has taken it out of the TLBs too.
        unsafe { free(self.0) };
    }
}

/// Fills a page with zeros, a block at a time where the CPU can.
///
/// # Safety
/// `page` is the start of a page that is ours alone.
unsafe fn zero_page(page: *mut u8) {
    const PROHIBITED: u64 = 1 << 4;
    let properties = read_register!("dczid_el0");
    let block = 4 << (properties & 0xf);
    // Four blocks at a time.
    if properties & PROHIBITED != 0 || !PAGE_SIZE.is_multiple_of(4 * block) {
        // SAFETY: the caller's.
        return unsafe { page.write_bytes(0, PAGE_SIZE) };
    }
    // SAFETY: the caller's; the blocks divide the page.
    unsafe {
        asm!(
            "1: dc zva, {at}",
            "add {at}, {at}, {block}",
            "dc zva, {at}",
            "add {at}, {at}, {block}",
            "dc zva, {at}",
            "add {at}, {at}, {block}",
            "dc zva, {at}",
            "add {at}, {at}, {block}",
            "cmp {at}, {end}",
            "b.lo 1b",
            at = inout(reg) page => _,
            block = in(reg) block,
            end = in(reg) page as usize + PAGE_SIZE,
            options(nostack),
        );
    }
}

/// Copies a page.
///
/// # Safety
/// Both are pages in the linear map, and `to` is ours alone.
unsafe fn copy_page(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "1: ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "cmp {to}, {end}",
            "b.lo 1b",
            a = out(reg) _,
            b = out(reg) _,
            c = out(reg) _,
            d = out(reg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            end = in(reg) to as usize + PAGE_SIZE,
            options(nostack),
        );
    }
}
