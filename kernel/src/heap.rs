//! The kernel heap: the global allocator, growing by runs of frames in the linear map.

use core::alloc::Layout;

use talc::TalcLock;
use talc::base::Talc;
use talc::base::binning::Binning;
use talc::source::Source;

use crate::frames;
use crate::layout::{self, PAGE_SIZE};
use crate::lock::RawIrqLock;

/// Frames the heap takes at a time: 256 KiB.
const GROWTH: usize = 64;

#[global_allocator]
static HEAP: TalcLock<RawIrqLock, FrameSource> = TalcLock::new(FrameSource);

/// Feeds the heap from [`frames`].
#[derive(Debug)]
struct FrameSource;

// SAFETY: `frames` never allocates from the heap.
unsafe impl Source for FrameSource {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        // A page more than size and alignment leaves room for the allocator's own records.
        let wanted = (layout.size() + layout.align()).div_ceil(PAGE_SIZE) + 1;
        let count = wanted.max(GROWTH);
        let base = frames::allocate_contiguous(count, 1).map_err(|_| ())?;
        // SAFETY: the frames are ours, for good, and the linear map shows them.
        unsafe { talc.claim(layout::linear(base), count * PAGE_SIZE) }.map(|_| ()).ok_or(())
    }
}
