//! The alternate signal stack: `sigaltstack`.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};

/// Where handlers may run instead of on the interrupted stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlternateStack {
    base: u64,
    size: u64,
    flags: u32,
}

/// The fewest bytes that a frame and a little more fit into.
const LEAST: u64 = 5120;

impl AlternateStack {
    /// There is none.
    pub const NONE: AlternateStack = AlternateStack { base: 0, size: 0, flags: linux::SS_DISABLE };

    /// Where it begins for code whose stack pointer is `sp`; none if there is none, or that code is on it.
    pub fn top_for(&self, sp: u64) -> Option<u64> {
        (self.size != 0 && !self.has(sp)).then(|| self.base.wrapping_add(self.size))
    }

    /// Is forgotten while a handler runs.
    pub fn disarms(&self) -> bool {
        self.flags & linux::SS_AUTODISARM != 0
    }

    /// As user mode's three words: where, flags, size.
    pub fn to_words(self, sp: u64) -> [u64; 3] {
        let state = match () {
            () if self.size == 0 => linux::SS_DISABLE,
            () if self.has(sp) => linux::SS_ONSTACK,
            () => 0,
        };
        [self.base, u64::from(state | self.flags & linux::SS_AUTODISARM), self.size]
    }

    fn from_words([base, flags, size]: [u64; 3]) -> Result<AlternateStack> {
        let flags = flags as u32;
        match flags & !linux::SS_AUTODISARM {
            linux::SS_DISABLE => Ok(AlternateStack { flags, ..AlternateStack::NONE }),
            0 | linux::SS_ONSTACK if size < LEAST => Err(Errno::ENOMEM),
            0 | linux::SS_ONSTACK => Ok(AlternateStack { base, size, flags: flags & linux::SS_AUTODISARM }),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The stack grows down: a pointer to its very top is on it, one to its base is not.
    fn has(&self, sp: u64) -> bool {
        !self.disarms() && sp > self.base && sp - self.base <= self.size
    }
}

/// A task's. Its own business: nobody else looks, so that nobody sees the three parts of a change.
pub struct Alternate {
    base: AtomicU64,
    size: AtomicU64,
    flags: AtomicU32,
}

impl Alternate {
    /// None.
    pub const fn new() -> Alternate {
        let AlternateStack { base, size, flags } = AlternateStack::NONE;
        Alternate { base: AtomicU64::new(base), size: AtomicU64::new(size), flags: AtomicU32::new(flags) }
    }

    /// What it is.
    pub fn get(&self) -> AlternateStack {
        AlternateStack {
            base: self.base.load(Ordering::Relaxed),
            size: self.size.load(Ordering::Relaxed),
            flags: self.flags.load(Ordering::Relaxed),
        }
    }

    /// Something else from here on.
    pub fn set(&self, AlternateStack { base, size, flags }: AlternateStack) {
        self.base.store(base, Ordering::Relaxed);
        self.size.store(size, Ordering::Relaxed);
        self.flags.store(flags, Ordering::Relaxed);
    }

    /// What user mode, whose stack pointer is `sp`, wants instead: not while it runs on it.
    pub fn change(&self, words: [u64; 3], sp: u64) -> Result<()> {
        let stack = AlternateStack::from_words(words)?;
        let now = self.get();
        if now.size != 0 && now.has(sp) {
            return Err(Errno::EPERM);
        }
        self.set(stack);
        Ok(())
    }
}
