//! What the port keeps for each task and for each CPU. The assembly of `entry` and `switch` knows both layouts.

#[cfg(target_os = "none")]
use crate::Frame;
use crate::bodies::CpuOf;
use crate::{Bodies, Hardware, breakpoints, fpsimd, step, tags};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use vestibule::{Context, Cpu, CpuState, Pinned, TaskWord};

/// The size of a kernel stack: a task's, a CPU's interrupt stack, its overflow stack. Each begins at a multiple of twice
/// that, so that one bit of the stack pointer tells an overflow without a register to spare: clear in the stack, set in the
/// half of the alignment below it. That half must not be mapped: an overflow that skips the vectors faults there.
///
/// The overflow stack too: an exception that comes on it is tested like any other, and if that bit is set it begins the
/// report of an overflow anew, on top of the one that it interrupted, perhaps for ever.
pub const STACK_SIZE: u64 = 1 << STACK_SHIFT;
/// That bit.
pub const STACK_SHIFT: u32 = 14;

/// The port's part of a task; TPIDR_EL1 points to the current one's.
#[repr(C)]
pub struct Thread {
    word: TaskWord,
    cpu: AtomicPtr<CpuLocal>,
    /// Saved by the task switch.
    stack_pointer: AtomicU64,
    stack_top: AtomicU64,
    pub(crate) armed: step::Armed,
    pub(crate) tags: tags::Checks,
    pub(crate) fpsimd: fpsimd::Saved,
    pub(crate) points: breakpoints::OfTask,
}

/// The port's part of a CPU.
#[repr(C)]
pub struct CpuLocal {
    overflow_stack_top: AtomicU64,
    irq_stack_top: AtomicU64,
    state: CpuState,
    number: usize,
    /// The task whose FP/SIMD registers it loaded last, by the address of its part of the port.
    pub(crate) fpsimd_of: AtomicU64,
    pub(crate) points: breakpoints::OfCpu,
}

impl Thread {
    /// A task that nobody runs yet, with its word.
    pub const fn new(word: TaskWord) -> Thread {
        Thread {
            word,
            cpu: AtomicPtr::new(core::ptr::null_mut()),
            stack_pointer: AtomicU64::new(0),
            stack_top: AtomicU64::new(0),
            armed: step::Armed::new(),
            tags: tags::Checks::new(),
            fpsimd: fpsimd::Saved::new(),
            points: breakpoints::OfTask::new(),
        }
    }

    /// The task's counts and flags.
    #[inline(always)]
    pub const fn word(&self) -> &TaskWord {
        &self.word
    }

    /// Says where it runs, before it does.
    ///
    /// # Safety
    /// `cpu` is this CPU's, and its two stacks are mapped, aligned as [`STACK_SIZE`] says, and nobody else's.
    pub unsafe fn set_cpu(&self, cpu: &'static CpuLocal) {
        self.cpu.store(core::ptr::from_ref(cpu).cast_mut(), Ordering::Relaxed);
    }

    /// Its kernel stack: where its user frame ends.
    #[inline(always)]
    pub fn stack_top(&self) -> u64 {
        self.stack_top.load(Ordering::Relaxed)
    }

    /// Gives a task that already runs (a CPU's first) the stack that it runs on.
    ///
    /// # Safety
    /// The stack that ends there is this task's, mapped and aligned as [`STACK_SIZE`] says, and a [`Frame`](crate::Frame)'s room at its top is nobody's:
    /// a first return to user mode is made there.
    pub unsafe fn set_stack_top(&self, top: u64) {
        self.stack_top.store(top, Ordering::Relaxed);
    }

    /// Where the user's frame lies: always the top of the task's stack.
    #[cfg(target_os = "none")]
    pub(crate) fn user_frame(&self) -> *mut Frame {
        (self.stack_top() as *mut Frame).wrapping_sub(1)
    }

    /// Where the switch finds the stack pointer.
    #[cfg(target_os = "none")]
    pub(crate) fn save_stack_pointer(&self, stack_pointer: u64) {
        self.stack_pointer.store(stack_pointer, Ordering::Relaxed);
    }

    /// The CPU that runs it. Before: it runs.
    ///
    /// Two loads, so that code which moves to another CPU between them still finds a CPU's area, and code that is
    /// pinned its own.
    #[inline(always)]
    pub(crate) fn cpu<H: Hardware>(&self) -> &'static CpuLocal {
        // SAFETY: an AtomicPtr has the size and layout of a u64-sized pointer here; only the access is shared.
        let cell = unsafe { &*core::ptr::from_ref(&self.cpu).cast::<AtomicU64>() };
        let cpu = H::load(cell) as *const CpuLocal;
        // SAFETY: set from a `&'static CpuLocal` before the task first ran.
        unsafe { &*cpu }
    }

    /// Runs on this task's own stack?
    #[inline(always)]
    pub(crate) fn is_own_stack(&self, stack_pointer: u64) -> bool {
        (stack_pointer ^ (self.stack_top() - 1)) >> STACK_SHIFT == 0
    }
}

impl CpuLocal {
    /// A CPU by the kernel's number for it, with its two stacks by their ends. What they must be is [`STACK_SIZE`]'s to say,
    /// and [`Thread::set_cpu`]'s caller's to keep.
    pub const fn new(number: usize, irq_stack_top: u64, overflow_stack_top: u64) -> CpuLocal {
        CpuLocal {
            overflow_stack_top: AtomicU64::new(overflow_stack_top),
            irq_stack_top: AtomicU64::new(irq_stack_top),
            state: CpuState::new(),
            number,
            fpsimd_of: AtomicU64::new(0),
            points: breakpoints::OfCpu::new(),
        }
    }

    /// The kernel's number for it.
    pub const fn number(&self) -> usize {
        self.number
    }

    /// Its tracking.
    #[inline(always)]
    pub const fn state(&self) -> &CpuState {
        &self.state
    }

    #[inline(always)]
    pub(crate) fn irq_stack_top(&self) -> u64 {
        self.irq_stack_top.load(Ordering::Relaxed)
    }
}

/// The current task's part of the port.
#[inline(always)]
pub fn current<K: Bodies, C: Context>(_: &Cpu<K, C>) -> &Thread {
    // SAFETY: `set_current` promised that the current task lives, and it does not change while its token is borrowed.
    unsafe { &*CpuOf::<K>::current() }
}

/// The same for entry, exit and the machine, which have no token to show. Nobody keeps it past a switch.
#[inline(always)]
pub(crate) fn running<'task, H: Hardware>() -> &'task Thread {
    // SAFETY: as above; the caller's borrow ends before it could change.
    unsafe { &*H::current() }
}

/// The CPU that this code stays on.
#[inline(always)]
pub fn this_cpu<K: Bodies, C: Pinned>(cpu: &Cpu<K, C>) -> &CpuLocal {
    current(cpu).cpu::<CpuOf<K>>()
}

/// What the assembly knows.
#[cfg(target_os = "none")]
pub(crate) mod offsets {
    use super::{CpuLocal, Thread};
    use core::mem::offset_of;

    pub(crate) const THREAD_CPU: usize = offset_of!(Thread, cpu);
    pub(crate) const THREAD_STACK_POINTER: usize = offset_of!(Thread, stack_pointer);
    pub(crate) const CPU_OVERFLOW_STACK: usize = offset_of!(CpuLocal, overflow_stack_top);
}
