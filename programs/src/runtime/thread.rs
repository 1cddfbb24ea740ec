//! Threads, made as `pthread_create` makes them.

use core::arch::naked_asm;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU32, Ordering};

use super::syscall::{Result, abi, check, exit_thread, futex_wait, mmap};

const STACK_SIZE: usize = 64 * 1024;

const FLAGS: u32 = abi::CLONE_VM
    | abi::CLONE_FS
    | abi::CLONE_FILES
    | abi::CLONE_SIGHAND
    | abi::CLONE_THREAD
    | abi::CLONE_SYSVSEM
    | abi::CLONE_SETTLS
    | abi::CLONE_PARENT_SETTID
    | abi::CLONE_CHILD_CLEARTID;

/// A thread that runs, or has run. Its stack stays until the process ends.
#[derive(Debug)]
pub struct Thread {
    /// Its number; the kernel makes that 0, and wakes who waits here, when the thread has ended.
    number: &'static AtomicU32,
}

/// The top of a thread's stack: what it shares with whoever joins it, and what it runs.
#[repr(C, align(16))]
struct Top<Body> {
    /// What the thread pops first.
    entry: extern "C" fn(&mut Top<Body>) -> !,
    this: *mut Top<Body>,
    number: AtomicU32,
    body: ManuallyDrop<Body>,
}

/// Starts a thread that runs `body`.
pub fn spawn<Body: FnOnce() + Send + 'static>(body: Body) -> Result<Thread> {
    let stack = mmap(STACK_SIZE)?;
    let place = stack.wrapping_add(STACK_SIZE).cast::<Top<Body>>().wrapping_sub(1);
    let top = Top { entry, this: place, number: AtomicU32::new(u32::MAX), body: ManuallyDrop::new(body) };
    // SAFETY: the memory is fresh, and pages are aligned enough.
    let number = unsafe {
        place.write(top);
        &(*place).number
    };
    // SAFETY: `place` begins with what the thread pops; nobody else uses that stack.
    check(unsafe { clone(FLAGS.into(), place.cast(), number, place.cast(), number) })?;
    Ok(Thread { number })
}

impl Thread {
    /// Waits until the thread has ended.
    pub fn join(self) {
        loop {
            match self.number.load(Ordering::Acquire) {
                0 => return,
                // Woken, or too late to sleep: either way the number says. The kernel's wake-up is not a private one.
                number => drop(futex_wait(self.number, number, 0)),
            }
        }
    }
}

extern "C" fn entry<Body: FnOnce()>(top: &mut Top<Body>) -> ! {
    // SAFETY: only here, once for each thread.
    let body = unsafe { ManuallyDrop::take(&mut top.body) };
    body();
    exit_thread()
}

/// `clone(flags, stack, parent_tid, tls, child_tid)`. Comes back in the parent; the child pops the function that it runs
/// and that function's argument.
///
/// # Safety
/// At `stack` are a function that does not return and its argument; nobody else uses what is below.
#[unsafe(naked)]
unsafe extern "C" fn clone(
    flags: u64,
    stack: *mut u8,
    parent_number: &AtomicU32,
    local: *mut u8,
    child_number: &AtomicU32,
) -> isize {
    naked_asm!(
        "mov x8, {clone}",
        "svc 0",
        "cbz x0, 1f",
        "ret",
        "1:",
        "mov x29, xzr",
        "mov x30, xzr",
        "ldp x1, x0, [sp]",
        "br x1",
        clone = const abi::__NR_clone,
    )
}
