//! Pages of memory for what files and pipes hold, counted. On the host, where the tests run, they come from its heap.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::regions::PAGE_SIZE;

/// There is no memory for another page, or no more of it is to be had by files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSpace;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// How many pages there are now.
pub fn in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// How many there may be.
pub fn limit() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Files take no more than that, so that programs find some memory left.
pub fn set_limit(pages: usize) {
    LIMIT.store(pages, Ordering::Relaxed);
}

/// One page.
pub struct Page(memory::Page);

impl Page {
    /// A page of zeros.
    pub fn new() -> Result<Page, NoSpace> {
        if IN_USE.fetch_add(1, Ordering::Relaxed) >= limit() {
            IN_USE.fetch_sub(1, Ordering::Relaxed);
            return Err(NoSpace);
        }
        memory::Page::new().map(Page).inspect_err(|_| _ = IN_USE.fetch_sub(1, Ordering::Relaxed))
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8; PAGE_SIZE] {
        self.0.bytes()
    }

    /// What it holds, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
        self.0.bytes_mut()
    }

    /// Where it lies, for who maps it.
    #[cfg(target_os = "none")]
    pub fn frame(&self) -> &crate::frames::Frame {
        self.0.frame()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        IN_USE.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(target_os = "none")]
mod memory {
    use super::NoSpace;
    use crate::frames::{Frame, OutOfMemory};
    use crate::layout::{self, PAGE_SIZE};

    /// A frame. Programs may have it mapped, too: what they store while it is read or written only decides what it holds.
    pub struct Page(Frame);

    impl Page {
        pub fn new() -> Result<Page, NoSpace> {
            Frame::zeroed().map(Page).map_err(|OutOfMemory| NoSpace)
        }

        pub fn bytes(&self) -> &[u8; PAGE_SIZE] {
            // SAFETY: the linear map shows the frame, of which this page has a count.
            unsafe { &*layout::linear(self.0.address()).cast() }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
            // SAFETY: as above; nobody else in the kernel writes to it.
            unsafe { &mut *layout::linear(self.0.address()).cast() }
        }

        pub fn frame(&self) -> &Frame {
            &self.0
        }
    }
}

#[cfg(not(target_os = "none"))]
mod memory {
    use alloc::boxed::Box;

    use super::NoSpace;
    use crate::regions::PAGE_SIZE;

    pub struct Page(Box<[u8; PAGE_SIZE]>);

    impl Page {
        pub fn new() -> Result<Page, NoSpace> {
            Ok(Page(Box::new([0; PAGE_SIZE])))
        }

        pub fn bytes(&self) -> &[u8; PAGE_SIZE] {
            &self.0
        }

        pub fn bytes_mut(&mut self) -> &mut [u8; PAGE_SIZE] {
            &mut self.0
        }
    }
}
