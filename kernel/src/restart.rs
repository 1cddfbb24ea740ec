//! What is left to do of a system call that a signal interrupted, for calls that cannot simply be made again: their times
//! count from when they were made first.

use crate::futex;

/// What `restart_syscall` goes on with. The task keeps it from the interruption on.
#[derive(Clone, Copy, Debug)]
pub enum Restart {
    /// A sleep.
    Sleep {
        /// Until when, by the clock of [`timer`](crate::timer).
        due: u64,
        /// Where to write what is left of it when it is interrupted again, or zero.
        left_to: usize,
    },
    /// A wait for a futex.
    Futex(futex::Wait),
}
