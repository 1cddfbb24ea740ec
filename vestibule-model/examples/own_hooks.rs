//! A kernel of one's own under the model: its scheduler, its interrupt handler and its system call, with the shipped entry
//! and exit code around them. Its system call has a bug, on a path that is taken only when something fails.
//!
//! ```text
//! cargo run -p vestibule-model --example own_hooks
//! ```
//!
//! What the model asks of a kernel: bodies in [`within`], work in [`hook`], the scheduler in [`scheduling`]; whatever may or
//! may not happen is a [`choose`]; and all state is in the simulated machine, so that one execution knows nothing of another.

use std::marker::PhantomData;

use vestibule::{Cause, Cpu, Critical, Error, Flags, Hardirq, Kernel, NoIrq, Process, Scheduler, Tracked, TrackedIrqs};
use vestibule_arm64::{Arm64, Bodies, Daif, Frame, GicV3, On, current, switch};
use vestibule_model::design::Design;
use vestibule_model::event::Events;
use vestibule_model::explore::{Outcome, Search, explore};
use vestibule_model::family::Family;
use vestibule_model::hardware::Simulated;
use vestibule_model::kernel::Chooses;
use vestibule_model::observe::{Promise, dies, scheduling, within};
use vestibule_model::op::Op;
use vestibule_model::step::{choose, step};
use vestibule_model::timeline::{Timeline, legend};
use vestibule_model::world::{IDLE, Limits, Reductions, with};

// 1. The kernel with the bug, and the one without.

trait Kind: Sized + 'static {
    const LEAKS: bool;
}
enum Leaks {}
impl Kind for Leaks {
    const LEAKS: bool = true;
}
enum Sound {}
impl Kind for Sound {
    const LEAKS: bool = false;
}

// 2. The kernel, as for real hardware, but for `Simulated`. `()` is a concern that it does not have.

struct Mine<S>(PhantomData<S>);

impl<S: Kind> Kernel for Mine<S> {
    type Machine = Arm64<Daif<Simulated>>;
    type Scheduler = RoundRobin;
    type ContextTracking = Tracked;
    type IrqTracing = TrackedIrqs;
    type UserWork = ();
    type SyscallWork = ();
    type Softirqs = ();
    /// The library's own run-time checks, told to the model.
    type Checks = Chooses;
}

enum RoundRobin {}
impl<S: Kind> Scheduler<Mine<S>> for RoundRobin {
    fn schedule(cpu: Cpu<Mine<S>, NoIrq>, cause: Cause<Mine<S>>) -> Cpu<Mine<S>, NoIrq> {
        scheduling(cause.why(), || {
            step(Op::Kernel("round robin"), 0);
            current(&cpu).word().clear::<Arm64<Daif<Simulated>>>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
            let next = with(|world| (world.current + 1) % IDLE);
            if next == with(|world| world.current) {
                return cpu;
            }
            let to = with(|world| world.thread(next));
            // SAFETY: the model's tasks live as long as its machine, were prepared or switched from, and have one CPU.
            unsafe { switch::switch(cpu, to) }
        })
    }
}

impl<S: Kind> Bodies for Mine<S> {
    type Backend = Daif<Simulated>;
    type Controller = GicV3<Daif<Simulated>>;

    fn die(_: vestibule_arm64::Dying<Self>, what: &'static str, frame: &Frame) -> ! {
        dies(what, frame)
    }
    fn syscall(mut cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("my system call", Promise::User, frame, || {
            updates(&mut cpu);
            cpu
        })
    }
    fn interrupt(cpu: Cpu<Self, Hardirq>, _: u32, frame: &mut Frame) -> Cpu<Self, Hardirq> {
        within("my interrupt", Promise::Hardirq, frame, || {
            if choose(2) == 1 {
                cpu.task_word().set::<Arm64<Daif<Simulated>>>(Flags::RESCHED);
            }
            cpu
        })
    }

    // What can come at any step. A body that is left out is the port's, which ends the machine.
    fn kernel_brk(cpu: Cpu<Self, Critical>, frame: &mut Frame) -> Cpu<Self, Critical> {
        within("kernel BRK", Promise::Critical, frame, || cpu)
    }
    fn user_serror(cpu: Cpu<Self, Process>, frame: &mut Frame) -> Cpu<Self, Process> {
        within("user SError", Promise::User, frame, || cpu)
    }
    fn serror_corrected(cpu: Cpu<Self, Error>, frame: &mut Frame) -> Cpu<Self, Error> {
        within("corrected SError", Promise::Error, frame, || cpu)
    }
}

/// Changes something that interrupts look at, and that may fail.
fn updates<S: Kind>(cpu: &mut Cpu<Mine<S>, Process>) {
    let off = cpu.irqs_off();
    step(Op::Kernel("updates"), 0);
    if choose(2) == 1 {
        step(Op::Kernel("fails"), 0);
        if S::LEAKS {
            // Put away to be undone later, which nobody does. Types cannot forbid it: `compile-fail/holes/leaked_guard.rs`.
            std::mem::forget(off);
        }
    }
}

// 3. The search, to its end: nothing is left to try, or a constraint is broken.

const LIMITS: Limits = Limits { events: Events::ALL, budget: None, reductions: Reductions::All };

fn design<S: Kind>() -> Design {
    Design::of::<On<Mine<S>>>(Family::Copy)
}

fn search<S: Kind>() -> Outcome {
    let search = Search { limits: LIMITS, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
    explore(design::<S>(), &search)
}

fn report<S: Kind>(name: &str) {
    let outcome = search::<S>();
    println!("{name}: {} states, {} steps, closed: {}", outcome.states, outcome.steps, outcome.closed);
    if let Some(example) = outcome.counterexample {
        println!("{}{}\n", Timeline::of(name.into(), design::<S>(), LIMITS, &example.decisions), legend());
    }
}

fn main() {
    report::<Leaks>("a guard that leaks");
    report::<Sound>("without the bug");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bug_is_found_with_two_events() {
        let example = search::<Leaks>().counterexample.expect("it is found");
        assert_eq!((example.violation.constraint, example.events), (13, 2));
    }

    #[test]
    fn without_it_everything_is_tried_and_holds() {
        let outcome = search::<Sound>();
        assert!(outcome.closed && outcome.counterexample.is_none(), "{:?}", outcome.counterexample);
    }
}
