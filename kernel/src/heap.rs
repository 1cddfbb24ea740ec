//! The kernel heap: the global allocator, growing by runs of frames in the linear map.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;

use crate::frames;
use crate::layout::{self, PAGE_SIZE};
use crate::lock::RawIrqLock;

/// Frames the heap takes at a time: 256 KiB.
const GROWTH: usize = 64;
/// Bytes of the allocator's own in each run of frames, and more.
const RECORDS: usize = 512;
/// The most bytes that come from the reserve.
pub const SMALL: usize = 16 << 10;

/// How many frames the heap has taken; it keeps them.
static FRAMES: AtomicUsize = AtomicUsize::new(0);

/// How many frames are the heap's.
pub fn frames() -> usize {
    FRAMES.load(Ordering::Relaxed)
}

/// How many bytes of it are in use; the checked build alone counts them.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// How many bytes of it are in use, if that is counted.
pub fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

#[global_allocator]
static HEAP: Heap = Heap(TalcLock::new(FrameSource));

struct Heap(TalcLock<RawIrqLock, FrameSource>);

impl Heap {
    /// What was of `old` bytes is of `new` bytes, at that place if there is one.
    fn count(old: usize, new: usize, place: *mut u8) -> *mut u8 {
        if cfg!(feature = "checked") && !place.is_null() {
            BYTES.fetch_add(new.wrapping_sub(old), Ordering::Relaxed);
        }
        place
    }
}

// SAFETY: all of it is the allocator's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        Self::count(0, layout.size(), unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        Self::count(layout.size(), 0, place);
        // SAFETY: the caller's.
        unsafe { self.0.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's.
        Self::count(layout.size(), size, unsafe { self.0.realloc(place, layout, size) })
    }
}

/// Feeds the heap from [`crate::frames`].
#[derive(Debug)]
struct FrameSource;

// SAFETY: `frames` never allocates from the heap.
unsafe impl Source for FrameSource {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        // From the reserve only what is small: who asks for much can be told that there is none.
        let low = frames::is_low();
        if low && layout.size() > SMALL {
            return Err(());
        }
        let wanted = (layout.size() + layout.align() + RECORDS).div_ceil(PAGE_SIZE);
        let runs = if low { [wanted, wanted] } else { [wanted.max(GROWTH), wanted] };
        let run = runs.into_iter().find_map(|count| Some((frames::allocate_contiguous(count, 1).ok()?, count)));
        let (base, count) = run.ok_or(())?;
        FRAMES.fetch_add(count, Ordering::Relaxed);
        // SAFETY: the frames are ours, for good, and the linear map shows them.
        unsafe { talc.claim(layout::linear(base), count * PAGE_SIZE) }.map(|_| ()).ok_or(())
    }
}
