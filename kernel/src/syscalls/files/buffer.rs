//! Kernel memory that bytes go through on their way between user memory and a file: on the stack for a few, a page for many.

use core::slice;

use crate::frames;
use crate::layout::{self, PAGE_SIZE, PhysicalAddress};

/// What fits on the stack, where no frame needs to be found for it.
const FEW: usize = 64;

/// Room for some bytes.
pub struct Buffer {
    few: [u8; FEW],
    page: Option<PhysicalAddress>,
}

impl Buffer {
    /// For moving that many, a buffer's length at a time. Where no page is to be had, that takes more turns.
    pub fn new(count: usize) -> Buffer {
        let page = if count > FEW { frames::allocate().ok() } else { None };
        Buffer { few: [0; FEW], page }
    }

    /// The room. What is in it is what was there before.
    pub fn bytes(&mut self) -> &mut [u8] {
        match self.page {
            // SAFETY: the frame is this buffer's, and the linear map shows it.
            Some(frame) => unsafe { slice::from_raw_parts_mut(layout::linear(frame), PAGE_SIZE) },
            None => &mut self.few,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(frame) = self.page {
            // SAFETY: it came from there, and nobody else has it.
            unsafe { frames::free(frame) };
        }
    }
}
