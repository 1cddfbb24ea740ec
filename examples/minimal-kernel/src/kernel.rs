//! The kernel: what the library asks for, and two threads to show that it works.

use core::fmt::Write;
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use vestibule::{Cause, Flags, Hardirq, Kernel, NoIrq, Process, Scheduler, TaskWord};
use vestibule_arm64::{
    Arm64, Bodies, CpuLocal, Daif, Frame, GicV3, On, Real, STACK_SIZE, Thread, current, install, switch,
};

use crate::machine::{self, Serial};

// 1. The kernel is a type. It names the machine that it runs on and who answers for each concern of entry and exit;
//    `()` stands for a concern that this kernel does not have, and costs nothing.

enum Minimal {}

impl Kernel for Minimal {
    type Machine = Machine;
    type Scheduler = RoundRobin;
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    type Checks = ();
}

/// The real CPU; `Daif` is how contexts are laid on its masks.
type Machine = Arm64<Daif<Real>>;
type Port = On<Minimal>;
/// Whoever holds one knows what may interrupt it: in `Cpu<Process>` anything, in `Cpu<NoIrq>` no interrupt. `Hardirq` is
/// an interrupt handler's `NoIrq`: the scheduler does not take it.
type Cpu<Context> = vestibule::Cpu<Minimal, Context>;

// 2. Bodies: what exceptions are taken for. Each gets the context that its class of exceptions promises, and gives it
//    back. This kernel takes interrupts; all else is a bug, which the library reports to `die`.

impl Bodies for Minimal {
    type Backend = Daif<Real>;
    type Controller = GicV3<Daif<Real>>;

    /// The only interrupt is the timer's. It does not schedule: it asks, and the exit does when it is safe.
    fn interrupt(cpu: Cpu<Hardirq>, _: u32, _: &mut Frame) -> Cpu<Hardirq> {
        machine::start_timer();
        cpu.task_word().set::<Machine>(Flags::RESCHED);
        cpu
    }

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        panic!("{what} at {:#x}, syndrome {:#x}", frame.pc, frame.syndrome)
    }
}

// 3. The scheduler. The library calls it where the current task may be switched away from, with interrupts masked and
//    everything else open, if the task is asked to reschedule and nothing forbids it.

enum RoundRobin {}

impl Scheduler<Minimal> for RoundRobin {
    fn schedule(cpu: Cpu<NoIrq>, cause: Cause<Minimal>) -> Cpu<NoIrq> {
        cpu.task_word().clear::<Machine>(Flags::RESCHED);
        let this = usize::from(ptr::eq(current(&cpu), &THREADS[1]));
        let _ = writeln!(Serial, "thread {this} preempted at {}: {:?}", COUNTS[this].load(Relaxed), cause.why());
        PREEMPTIONS.fetch_add(1, Relaxed);
        // SAFETY: the other one of the two does not run, and both belong to the only CPU and live forever.
        unsafe { switch::switch(cpu, &THREADS[1 - this]) }
    }
}

// 4. The library's part of each task and of each CPU, and stacks. A stack lies in the lower half of its alignment, so
//    that one bit of the stack pointer tells that an exception came below it. A kernel with pages leaves the other half
//    unmapped: then an overflow always ends in such an exception. Here it does so only if the timer comes just then.

static THREADS: [Thread; 2] = [const { Thread::new(TaskWord::new()) }; 2];
/// It takes interrupts on a stack of its own, and reports on another one that a stack has overflowed.
static CPU: CpuLocal = CpuLocal::new(0, stack_top(2), stack_top(3));

/// Where a stack ends: each thread's, the first of which the CPU boots on, then the CPU's two. Nothing else uses this
/// part of RAM.
pub const fn stack_top(index: u64) -> u64 {
    0x4100_0000 + 2 * STACK_SIZE * index + STACK_SIZE
}

// 5. Coming up: the vectors, the first token, and from then on a thread like any other.

/// Before: translation on, everything masked, on the first of the stacks.
pub extern "C" fn main() -> ! {
    // SAFETY: everything is masked; this is thread 0 on its own stack; thread 1's and the CPU's are their own.
    let cpu = unsafe {
        THREADS.iter().for_each(|thread| thread.set_cpu(&CPU));
        THREADS[0].set_stack_top(stack_top(0));
        switch::prepare::<Port>(&THREADS[1], stack_top(1), count, 1);
        install::<Port>();
        switch::boot::<Minimal>(&THREADS[0])
    };
    machine::set_up_interrupts();
    machine::start_timer();
    // SAFETY: this is no exception, and the token is the one from `boot`.
    count(unsafe { switch::open_first(cpu) }, 0)
}

// 6. The threads.

static COUNTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static PREEMPTIONS: AtomicUsize = AtomicUsize::new(0);

/// Counts, with nothing masked, and never lets go of the CPU. Whoever runs after the tenth preemption ends the machine.
fn count(_: Cpu<Process>, thread: usize) -> ! {
    while PREEMPTIONS.load(Relaxed) < 10 {
        COUNTS[thread].fetch_add(1, Relaxed);
    }
    machine::exit(0)
}
