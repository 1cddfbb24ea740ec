//! Vectors as large as a program wants them, which there may be no memory for: ENOMEM.

use alloc::vec::Vec;

use crate::errno::{Errno, Result};

/// An empty one with room for `count`.
pub fn with_room<T>(count: usize) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(count).map_err(|_| Errno::ENOMEM)?;
    Ok(all)
}

/// All of them.
pub fn try_collect<T>(items: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for item in items {
        all.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        all.push(item);
    }
    Ok(all)
}
