//! Grace periods: which CPUs have passed a quiescent state since somebody began to wait, and what is done about those that
//! do not.

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use vestibule::{Atomic, NoIrq, Process};
use vestibule_arm64::{CpuLocal, this_cpu};

use crate::percpu::{self, MAX_CPUS};
use crate::planted::Bug;
use crate::reference::{Cpu, Machine, Reference};
use crate::{println, scheduler, sleep, timer};

/// One CPU, as grace periods see it.
struct Watched {
    /// The port's part of it, with its context tracking; null before it schedules.
    local: AtomicPtr<CpuLocal>,
    /// How often it has entered the scheduler.
    switches: AtomicU64,
}

static CPUS: [Watched; MAX_CPUS] =
    [const { Watched { local: AtomicPtr::new(core::ptr::null_mut()), switches: AtomicU64::new(0) } }; MAX_CPUS];

/// Between two looks at the CPUs that have not passed.
const PATIENCE: u64 = 1_000_000;
/// After so many of them those CPUs are asked to schedule.
const ASKED_AFTER: u64 = 3;
/// A CPU that does not pass is reported each time so many nanoseconds have gone by.
const REPORTED_AFTER: u64 = 5_000_000_000;

/// From now on grace periods wait for this CPU. Nobody has read on it yet.
pub fn watch(cpu: &'static CpuLocal) {
    CPUS[cpu.number()].local.store(core::ptr::from_ref(cpu).cast_mut(), Ordering::Release);
}

/// This CPU is in the scheduler, and so in no reader's section. A full barrier: what a reader did before is over for
/// whoever sees the count, and a reader after it sees what was written before the count was last looked at.
#[inline(always)]
pub fn switched(cpu: &Cpu<NoIrq>) {
    CPUS[this_cpu(cpu).number()].switches.fetch_add(1, Ordering::SeqCst);
}

/// What can be seen of a CPU from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Progress {
    tracking: u64,
    switches: u64,
}

impl Progress {
    /// None of a CPU that has not come up.
    fn of(number: usize) -> Option<Progress> {
        let cpu = &CPUS[number];
        // SAFETY: null, or stored by `watch` from a reference to what stays for ever.
        let local = unsafe { cpu.local.load(Ordering::Acquire).as_ref() }?;
        Some(Progress { tracking: local.state().snapshot(), switches: cpu.switches.load(Ordering::SeqCst) })
    }

    /// Nobody reads there.
    fn is_quiescent(self) -> bool {
        self.tracking & 1 == 0
    }
}

/// Waits until every reader who reads now is done.
pub fn synchronize(cpu: &mut Cpu<Process>) {
    if Bug::FreesEarly.is_planted() {
        return;
    }
    // Before: what was taken out of reach. After: the looks at the CPUs.
    fence(Ordering::SeqCst);
    // No reader can be in the middle of something on the CPU that runs this.
    let here = this_cpu::<Reference, Atomic>(&cpu.preempt_off()).number();
    let begun: [Option<Progress>; MAX_CPUS] =
        core::array::from_fn(|number| if number == here { None } else { Progress::of(number) });
    let start = timer::nanoseconds();
    let (mut looks, mut reports) = (0, 0);
    let has_not_passed = |number: &usize| {
        begun[*number].is_some_and(|begun| !begun.is_quiescent() && Progress::of(*number) == Some(begun))
            && !(Bug::IdlePasses.is_planted() && scheduler::is_idle(*number))
    };
    while let Some(number) = (0..percpu::count()).find(has_not_passed) {
        looks += 1;
        if looks > ASKED_AFTER {
            scheduler::ask_for_switch(number);
        }
        let now = timer::nanoseconds();
        if now - start > (reports + 1) * REPORTED_AFTER {
            reports += 1;
            report_stall(number, now - start);
        }
        sleep::until(cpu, now + PATIENCE, || false);
    }
    // Before: the looks. After: what is freed.
    fence(Ordering::SeqCst);
}

/// Something keeps a CPU in the kernel without a switch: says what runs there.
fn report_stall(number: usize, nanoseconds: u64) {
    let (Some(progress), Some(task)) = (Progress::of(number), scheduler::current_on(number)) else { return };
    println!(
        "rcu: no quiescent state of CPU {number} for {} ms: tracking {:#x}, {} switches, task {}, counts and flags {:x?}",
        nanoseconds / 1_000_000,
        progress.tracking,
        progress.switches,
        task.id(),
        task.word().read::<Machine>()
    );
}
