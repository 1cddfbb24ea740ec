//! Physical page frames: all RAM that neither the image, the device tree nor the initial RAM disk occupies.

use core::fmt;
use core::slice;

use crate::bitmap::Bitmap;
use crate::device_tree::{DeviceTree, PhysicalRange};
use crate::layout::{self, LINEAR_LIMIT, PAGE_SIZE, PhysicalAddress, page_down, page_up};
use crate::lock::IrqLock;

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
}

static FRAMES: IrqLock<Option<Frames>> = IrqLock::new(None);

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
    let map = place(tree, reserved, page_up(words * 8));
    // SAFETY: `place` found memory that nobody uses, and it is taken out of circulation below.
    let words = unsafe { slice::from_raw_parts_mut(layout::linear(map.start).cast::<u64>(), words) };
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
    *FRAMES.lock() = Some(Frames { base, bitmap });
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

/// Takes one frame with whatever its last owner left in it.
pub fn allocate() -> Result<PhysicalAddress, OutOfMemory> {
    allocate_contiguous(1, 1)
}

/// Takes one frame full of zeros.
pub fn allocate_zeroed() -> Result<PhysicalAddress, OutOfMemory> {
    let frame = allocate()?;
    // SAFETY: the frame is ours alone, and the linear map shows it.
    unsafe { layout::linear(frame).write_bytes(0, PAGE_SIZE) };
    Ok(frame)
}

/// Takes `count` frames in a row, the first aligned to `align` frames (a power of two, counted from the start of RAM).
pub fn allocate_contiguous(count: usize, align: usize) -> Result<PhysicalAddress, OutOfMemory> {
    let mut frames = FRAMES.lock();
    let frames = frames.as_mut().expect("frames::init has run");
    let first = frames.bitmap.take(count, align).ok_or(OutOfMemory)?;
    Ok(frames.base + first * PAGE_SIZE)
}

/// Gives one frame back.
///
/// # Safety
/// It came from this module, nothing refers to it any more, and no TLB translates to it.
pub unsafe fn free(frame: PhysicalAddress) {
    let mut frames = FRAMES.lock();
    let frames = frames.as_mut().expect("frames::init has run");
    frames.bitmap.release((frame - frames.base) / PAGE_SIZE, 1);
}

/// How many frames are free now.
pub fn free_count() -> usize {
    FRAMES.lock().as_ref().map_or(0, |frames| frames.bitmap.free())
}
