//! Kernel stacks: 16 KiB each, aligned to twice that, with the 16 KiB below left unmapped.
//!
//! So bit [`STACK_SHIFT`] of SP is clear inside a stack and set in the guard below it: the vectors' overflow test is
//! one bit, and an overflow that slips past it faults. Every stack that exceptions may come on is one of these.

use alloc::vec;
use core::fmt;
use core::mem;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::bitmap::Bitmap;
use crate::frames::{self, OutOfMemory};
use crate::layout::{self, PAGE_SIZE, STACK_BASE, STACK_END};
use crate::lock::IrqLock;
use crate::paging;
use crate::percpu::MAX_CPUS;
use crate::planted::Bug;

/// The bit of SP that tells a stack from the guard below it.
pub const STACK_SHIFT: usize = 14;
/// Bytes in a kernel stack.
pub const STACK_SIZE: usize = 1 << STACK_SHIFT;
/// Distance from one stack to the next.
const SLOT_SIZE: usize = 2 * STACK_SIZE;
/// How many stacks there can be.
const SLOTS: usize = 8192;
const _: () = assert!(STACK_BASE.is_multiple_of(SLOT_SIZE) && STACK_BASE + SLOTS * SLOT_SIZE <= STACK_END);

static SLOTS_IN_USE: IrqLock<Option<Bitmap<'static>>> = IrqLock::new(None);

/// How many there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many stacks there are: one for each task that is not gone, and those of the CPUs.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// A kernel stack, mapped until dropped.
pub struct Stack {
    slot: usize,
}

impl Stack {
    /// Takes a stack from the region and memory for it.
    pub fn new() -> Result<Self, OutOfMemory> {
        let slot = take_slot()?;
        COUNT.fetch_add(1, Ordering::Relaxed);
        let stack = Self { slot };
        for page in stack.mapped().step_by(PAGE_SIZE) {
            // On failure `stack` is dropped, which unmaps what was mapped so far.
            let frame = frames::allocate_zeroed()?;
            if let Err(out_of_memory) = paging::map_kernel_data(page, frame) {
                // SAFETY: the frame has just been allocated and is mapped nowhere else.
                unsafe { frames::free(frame) };
                return Err(out_of_memory);
            }
        }
        Ok(stack)
    }

    /// Keeps it for ever, for what a CPU itself runs on, and gives its top.
    pub fn leak(self) -> usize {
        let top = self.top();
        mem::forget(self);
        top
    }

    /// First address above the stack: the initial SP.
    pub fn top(&self) -> usize {
        self.range().end
    }

    /// Those that it maps.
    fn mapped(&self) -> Range<usize> {
        let guard = if Bug::NoGuard.is_planted() { PAGE_SIZE } else { 0 };
        self.range().start - guard..self.top()
    }

    /// The mapped addresses.
    pub fn range(&self) -> Range<usize> {
        let base = STACK_BASE + self.slot * SLOT_SIZE;
        base..base + STACK_SIZE
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for page in self.mapped().step_by(PAGE_SIZE) {
            if let Some(frame) = paging::unmap_kernel(page) {
                // SAFETY: the frame was this stack's, and the page has left every TLB.
                unsafe { frames::free(frame) };
            }
        }
        COUNT.fetch_sub(1, Ordering::Relaxed);
        if let Some(slots) = SLOTS_IN_USE.lock().as_mut() {
            slots.release(self.slot, 1);
        }
    }
}

fn take_slot() -> Result<usize, OutOfMemory> {
    let mut slots = SLOTS_IN_USE.lock();
    let slots = slots.get_or_insert_with(|| {
        let mut bitmap = Bitmap::new(vec![0; Bitmap::words_for(SLOTS)].leak(), SLOTS);
        bitmap.release(0, SLOTS);
        bitmap
    });
    slots.take(1, 1).ok_or(OutOfMemory)
}

/// The tops of each CPU's interrupt stack and overflow stack; zero for none yet.
static OF_CPUS: [[AtomicUsize; 2]; MAX_CPUS] = [const { [const { AtomicUsize::new(0) }; 2] }; MAX_CPUS];

/// Says whose those two are, for reports.
pub fn are_of_cpu(number: usize, interrupt_stack_top: usize, overflow_stack_top: usize) {
    OF_CPUS[number][0].store(interrupt_stack_top, Ordering::Relaxed);
    OF_CPUS[number][1].store(overflow_stack_top, Ordering::Relaxed);
}

/// Which stack a stack pointer is of, also one that has left it at its end.
pub struct Whose(pub u64);

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An empty stack's pointer is one above it.
        let within = (self.0 as usize).wrapping_sub(1);
        if !layout::is_stack(within) {
            return f.write_str("no kernel stack");
        }
        // The guard is below its stack, and is the upper half of the slot below.
        let is_guard = within & STACK_SIZE != 0;
        let top = if is_guard { (within | (SLOT_SIZE - 1)) + 1 } else { within & !(SLOT_SIZE - 1) } + STACK_SIZE;
        let is_it = |stacks: &[AtomicUsize; 2]| stacks.iter().position(|stack| stack.load(Ordering::Relaxed) == top);
        match OF_CPUS.iter().enumerate().find_map(|(number, stacks)| Some((number, is_it(stacks)?))) {
            Some((number, 0)) => write!(f, "the interrupt stack of CPU {number}")?,
            Some((number, _)) => write!(f, "the overflow stack of CPU {number}")?,
            None => f.write_str("a task's stack")?,
        }
        f.write_str(if is_guard { ", below its end" } else { "" })
    }
}
