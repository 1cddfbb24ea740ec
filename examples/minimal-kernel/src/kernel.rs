//! The kernel: what the library asks for, and two threads to show that it works.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use vestibule::{Cause, Flags, Hardirq, Kernel, NoIrq, Process, TaskWord, Why};
use vestibule_arm64::{Arm64, Bodies, CpuLocal, Daif, Frame, On, Real, STACK_SIZE, Thread, current, install, switch};

use crate::machine::{self, Status, println};

// 1. The kernel is a type. It names the machine that it runs on and who answers for each concern of entry and exit;
//    `()` stands for a concern that this kernel does not have, and costs nothing.

enum Minimal {}

impl Kernel for Minimal {
    type Machine = Machine;
    type Scheduler = RoundRobin;
    type ContextTracking = ();
    type IrqTracing = ();
    type UserWork = ();
    type Softirqs = ();
    type Checks = ();
}

/// The real CPU; `Daif` is how contexts are laid on its masks.
type Machine = Arm64<Real>;
type Port = On<Daif<Real>, Minimal>;
/// Whoever holds one knows what may interrupt it: in `Cpu<Process>` anything, in `Cpu<NoIrq>` no interrupt. `Hardirq` is
/// an interrupt handler's `NoIrq`: the scheduler does not take it.
type Cpu<Context> = vestibule::Cpu<Minimal, Context>;

// 2. Bodies: what exceptions are taken for. Each gets the context that its class of exceptions promises, and gives it
//    back. This kernel takes interrupts; all else is a bug, which the library reports to `die`.

impl Bodies for Minimal {
    type Hardware = Real;

    /// The only interrupt is the timer's. It does not schedule: it asks, and the exit does when it is safe.
    fn interrupt(cpu: Cpu<Hardirq>, _: &mut Frame) -> Cpu<Hardirq> {
        if let Some(interrupt) = machine::acknowledge() {
            machine::start_timer();
            cpu.task_word().set::<Machine>(Flags::RESCHED);
            machine::end(interrupt);
        }
        cpu
    }

    fn die(what: &'static str, frame: &Frame) -> ! {
        println!("{what}: {frame:x?}");
        machine::exit(Status::Failure)
    }
}

// 3. The scheduler. The library calls it where the current task may be switched away from, with interrupts masked and
//    everything else open, if the task is asked to reschedule and nothing forbids it.

enum RoundRobin {}

impl vestibule::Scheduler<Minimal> for RoundRobin {
    fn schedule(cpu: Cpu<NoIrq>, cause: Cause<Minimal>) -> Cpu<NoIrq> {
        cpu.task_word().clear::<Machine>(Flags::RESCHED);
        let this = current_thread(&cpu);
        report(this, cause.why());
        // SAFETY: `this` is current, the other one of the two is not, and both belong to the only CPU and live forever.
        unsafe { switch::switch(cpu, &THREADS[this], &THREADS[1 - this]) }
    }
}

fn current_thread(cpu: &Cpu<NoIrq>) -> usize {
    usize::from(ptr::eq(current(cpu), &THREADS[1]))
}

// 4. The library's part of each task and of each CPU, and stacks. A stack lies in the lower half of its alignment, so
//    that one bit of the stack pointer tells that an exception came below it. A kernel with pages leaves the other half
//    unmapped: then an overflow always ends in such an exception. Here it does so only if the timer comes just then.

static THREADS: [Thread; 2] = [const { Thread::new(TaskWord::new()) }; 2];
static mut CPU: MaybeUninit<CpuLocal> = MaybeUninit::uninit();

#[repr(C, align(0x8000))]
pub struct Stack([u8; STACK_SIZE as usize]);

/// Each thread's, the first being what the CPU boots on; then one for interrupts, and one to report an overflow on.
pub static mut STACKS: [Stack; 4] = [const { Stack([0; STACK_SIZE as usize]) }; 4];

fn stack_top(index: usize) -> u64 {
    (&raw const STACKS).cast::<Stack>().wrapping_add(index) as u64 + STACK_SIZE
}

// 5. Coming up: the vectors, the first token, and from then on a thread like any other.

/// Before: translation on, everything masked, on the first of the stacks.
pub extern "C" fn main() -> ! {
    let place = &raw mut CPU;
    // SAFETY: once, before there is anybody else.
    let here: &CpuLocal = unsafe { (*place).write(CpuLocal::new(0, stack_top(2), stack_top(3))) };

    // SAFETY: everything is masked; this is thread 0 on its own stack; thread 1's and the CPU's are their own.
    let cpu = unsafe {
        THREADS.iter().for_each(|thread| thread.set_cpu(here));
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
static TURNS: AtomicUsize = AtomicUsize::new(0);

/// Counts, with nothing masked, and never lets go of the CPU.
fn count(_: Cpu<Process>, thread: usize) -> ! {
    loop {
        COUNTS[thread].fetch_add(1, Ordering::Relaxed);
    }
}

fn report(thread: usize, why: Why) {
    let count = COUNTS[thread].load(Ordering::Relaxed);
    println!("thread {thread} preempted at {count}: {why:?}");
    if TURNS.fetch_add(1, Ordering::Relaxed) == 9 {
        let both = COUNTS.iter().all(|count| count.load(Ordering::Relaxed) > 0);
        machine::exit(if both { Status::Success } else { Status::Failure });
    }
}
