//! An open file: what stands behind it, where in it one is, and how it was opened. Numbers of several processes may mean the
//! same one.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use linux_raw_sys::general as linux;

use super::file::{File, Wait};
use super::node::{Access, Node};
use crate::errno::{Errno, Result};
use crate::planted::Bug;
use crate::wait::Mutex;

/// Flags that can be changed while it is open.
pub const CHANGEABLE: u32 = linux::O_APPEND | linux::O_NONBLOCK | linux::O_DIRECT | linux::O_NOATIME | linux::FASYNC;
/// Flags that are about opening alone.
const FORGOTTEN: u32 = linux::O_CREAT | linux::O_EXCL | linux::O_NOCTTY | linux::O_TRUNC | linux::O_CLOEXEC;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many there are.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// An open file.
pub struct OpenFile {
    /// What stands behind it.
    pub file: Arc<dyn File>,
    /// Where in it one is, if it has places. Locked while bytes move from there on.
    pub position: Mutex<u64>,
    name: Option<Name>,
    flags: AtomicU32,
}

/// What it was opened by.
pub struct Name {
    /// What is there.
    pub node: Node,
    /// The directory that it is in, and what it is called there; none for a directory, which can be asked.
    pub within: Option<(Node, Vec<u8>)>,
}

impl OpenFile {
    /// Opened with `flags`, as `open` takes them.
    pub fn new(file: Arc<dyn File>, flags: u32, name: Option<Name>) -> Arc<OpenFile> {
        COUNT.fetch_add(1, Ordering::Relaxed);
        let flags = AtomicU32::new(flags & !FORGOTTEN);
        let open = Arc::new(OpenFile { file, position: Mutex::new(0), name, flags });
        if Bug::LeakedFile.strikes() {
            mem::forget(open.clone());
        }
        open
    }

    /// What `fcntl` says of it.
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Changes what can be changed.
    pub fn set_flags(&self, flags: u32) {
        self.flags.store(self.flags() & !CHANGEABLE | flags & CHANGEABLE, Ordering::Relaxed);
    }

    /// It may be read; EBADF if not.
    pub fn check_readable(&self) -> Result<()> {
        if access(self.flags()).reads { Ok(()) } else { Err(Errno::EBADF) }
    }

    /// It may be written; EBADF if not.
    pub fn check_writable(&self) -> Result<()> {
        if access(self.flags()).writes { Ok(()) } else { Err(Errno::EBADF) }
    }

    /// What is written comes behind the last byte.
    pub fn appends(&self) -> bool {
        self.flags() & linux::O_APPEND != 0
    }

    /// What happens where there is nothing to read, or no room to write.
    pub fn wait(&self) -> Wait {
        wait(self.flags())
    }

    /// What it was opened by; none for a pipe without a name.
    pub fn node(&self) -> Option<&Node> {
        self.name.as_ref().map(|name| &name.node)
    }

    /// The path that it had when it was opened; none if it had none.
    pub fn path(&self) -> Option<Vec<u8>> {
        let name = self.name.as_ref()?;
        let Some((directory, last)) = &name.within else { return name.node.path().ok() };
        directory.path_of(last).ok()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What flags want of a file.
pub fn access(flags: u32) -> Access {
    let mode = flags & linux::O_ACCMODE;
    Access {
        reads: mode == linux::O_RDONLY || mode == linux::O_RDWR,
        writes: mode == linux::O_WRONLY || mode == linux::O_RDWR,
    }
}

/// Whether flags let a task sleep.
pub fn wait(flags: u32) -> Wait {
    if flags & linux::O_NONBLOCK != 0 { Wait::Refuse } else { Wait::Sleep }
}
