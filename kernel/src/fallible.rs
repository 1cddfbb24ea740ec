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
pub fn try_collect<T>(mut items: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    items.try_for_each(|item| push(&mut all, item))?;
    Ok(all)
}

/// One more.
pub fn push<T>(all: &mut Vec<T>, item: T) -> Result<()> {
    all.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
    all.push(item);
    Ok(())
}

/// So many more, or none of them.
pub fn extend<T>(all: &mut Vec<T>, items: impl ExactSizeIterator<Item = T>) -> Result<()> {
    all.try_reserve(items.len()).map_err(|_| Errno::ENOMEM)?;
    all.extend(items);
    Ok(())
}
