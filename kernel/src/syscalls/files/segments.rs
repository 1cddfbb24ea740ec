//! Where in user memory the bytes of a call come from or go to: one range, or several in a row.

use alloc::vec::Vec;

use linux_raw_sys::general::UIO_MAXIOV;

use crate::errno::{Errno, Result};
use crate::fallible::with_room;
use crate::heap;
use crate::user_copy::{check_range, copy_from_user_partly, copy_to_user_partly, read_user};

/// No call moves more.
const MOST: usize = 0x7fff_f000;

// As many as a call may list are always to be had.
const _: () = assert!(UIO_MAXIOV as usize * size_of::<Segment>() <= heap::SMALL);

/// Ranges of user memory, and how far one has come in them.
pub struct Segments {
    now: Segment,
    /// Those after it, the next one last. Empty for the calls that take one range.
    later: Vec<Segment>,
    left: usize,
}

#[derive(Clone, Copy)]
struct Segment {
    address: usize,
    length: usize,
}

impl Segments {
    /// One range. EFAULT if it is no user memory.
    pub fn one(address: usize, length: usize) -> Result<Segments> {
        check_range(address, length)?;
        Ok(Segments { now: Segment { address, length }, later: Vec::new(), left: length.min(MOST) })
    }

    /// Those that a table in user memory lists.
    pub fn many(table: usize, count: usize) -> Result<Segments> {
        if count > UIO_MAXIOV as usize {
            return Err(Errno::EINVAL);
        }
        let mut later = with_room(count)?;
        let mut total: usize = 0;
        for entry in (0..count).rev() {
            let [address, length] = read_user(table.wrapping_add(size_of::<Segment>() * entry))?;
            total = total.checked_add(length).filter(|total| *total <= isize::MAX as usize).ok_or(Errno::EINVAL)?;
            check_range(address, length)?;
            later.push(Segment { address, length });
        }
        Ok(Segments { now: Segment { address: 0, length: 0 }, later, left: total.min(MOST) })
    }

    /// How many bytes are left to move.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Fills `to` with the next bytes; how many could be read.
    pub fn take(&mut self, to: &mut [u8]) -> usize {
        self.each(to.len(), |at, address, count| copy_from_user_partly(&mut to[at..at + count], address))
    }

    /// Writes `from` where the next bytes go; how many could be written.
    pub fn put(&mut self, from: &[u8]) -> usize {
        self.each(from.len(), |at, address, count| copy_to_user_partly(address, &from[at..at + count]))
    }

    /// Steps over `count` bytes in pieces; `copy` moves one, and says how much of it.
    #[inline(always)]
    fn each(&mut self, count: usize, mut copy: impl FnMut(usize, usize, usize) -> usize) -> usize {
        let mut done = 0;
        while done < count {
            if self.now.length == 0 {
                let Some(next) = self.later.pop() else { break };
                self.now = next;
                continue;
            }
            let piece = self.now.length.min(count - done);
            let copied = copy(done, self.now.address, piece);
            done += copied;
            self.now.address += copied;
            self.now.length -= copied;
            if copied < piece {
                break;
            }
        }
        self.left -= done;
        done
    }
}
