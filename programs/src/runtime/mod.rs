//! What every program needs: a beginning, system calls, threads, a clock and something to print with.

pub mod clock;
pub mod file;
pub mod print;
pub mod process;
pub mod ptrace;
pub mod start;
pub mod syscall;
pub mod test_calls;
pub mod tests;
pub mod thread;
pub mod timer;
