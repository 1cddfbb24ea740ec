//! CPU time: how long tasks run, by the counter, at each switch and each tick; and how much of that in user mode, by where
//! the ticks find them.

use core::ops::AddAssign;
use core::sync::atomic::{AtomicU64, Ordering};

use vestibule::{Hardirq, Process, Why};
use vestibule_arm64::this_cpu;

use crate::percpu::MAX_CPUS;
use crate::reference::{ALARMS, Cpu, Machine};
use crate::task::Task;
use crate::timer;

/// Ticks a second.
pub const HERTZ: u64 = 250;

/// What a task has used. Written by the CPU that runs it, with interrupts masked; read by anyone.
#[derive(Debug)]
pub struct CpuTime {
    /// Counter steps, up to `since`.
    ran: AtomicU64,
    /// The counter when it began to run, or was last charged.
    since: AtomicU64,
    user_ticks: AtomicU64,
    system_ticks: AtomicU64,
    voluntary_switches: AtomicU64,
    involuntary_switches: AtomicU64,
    faults: AtomicU64,
}

/// What tasks have used, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// How long they ran.
    pub nanoseconds: u64,
    user_ticks: u64,
    system_ticks: u64,
    /// How often they slept or gave way.
    pub voluntary_switches: u64,
    /// How often they were preempted.
    pub involuntary_switches: u64,
    /// Page faults that were resolved.
    pub faults: u64,
}

impl CpuTime {
    /// Nothing yet.
    pub const fn new() -> CpuTime {
        CpuTime {
            ran: AtomicU64::new(0),
            since: AtomicU64::new(0),
            user_ticks: AtomicU64::new(0),
            system_ticks: AtomicU64::new(0),
            voluntary_switches: AtomicU64::new(0),
            involuntary_switches: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        }
    }

    /// So far; of a task that runs on another CPU, up to that CPU's last tick.
    pub fn usage(&self) -> Usage {
        Usage {
            nanoseconds: timer::nanoseconds_at(self.ran.load(Ordering::Relaxed)),
            user_ticks: self.user_ticks.load(Ordering::Relaxed),
            system_ticks: self.system_ticks.load(Ordering::Relaxed),
            voluntary_switches: self.voluntary_switches.load(Ordering::Relaxed),
            involuntary_switches: self.involuntary_switches.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }

    /// A page fault of this task has been resolved.
    pub fn count_fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    fn charge(&self, now: u64) {
        let ran = now.wrapping_sub(self.since.load(Ordering::Relaxed));
        add(&self.ran, ran);
        self.since.store(now, Ordering::Relaxed);
    }
}

/// One writer needs no atomic addition.
fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

impl Usage {
    /// How long they ran in user mode.
    pub fn user(&self) -> u64 {
        match self.user_ticks + self.system_ticks {
            // Whoever is too quick to be found was where programs mostly are.
            0 => self.nanoseconds,
            ticks => (u128::from(self.nanoseconds) * u128::from(self.user_ticks) / u128::from(ticks)) as u64,
        }
    }

    /// How long they ran in the kernel.
    pub fn system(&self) -> u64 {
        self.nanoseconds - self.user()
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.nanoseconds += other.nanoseconds;
        self.user_ticks += other.user_ticks;
        self.system_ticks += other.system_ticks;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.faults += other.faults;
    }
}

/// Nanoseconds in the unit of clock ticks that user mode knows.
pub fn clock_ticks(nanoseconds: u64) -> u64 {
    const USER_HERTZ: u64 = 100;
    nanoseconds / (1_000_000_000 / USER_HERTZ)
}

/// The CPU goes from one task to another. In the scheduler.
pub fn switch(from: &Task, to: &Task, why: Why) {
    let now = timer::counter();
    from.cpu_time.charge(now);
    to.cpu_time.since.store(now, Ordering::Relaxed);
    let switches = match why {
        Why::Asked => &from.cpu_time.voluntary_switches,
        _ => &from.cpu_time.involuntary_switches,
    };
    add(switches, 1);
}

/// For how many ticks each CPU had a program to run.
static BUSY: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

/// For how many ticks that CPU had a program to run.
pub fn busy(cpu: usize) -> u64 {
    BUSY[cpu].load(Ordering::Relaxed)
}

/// A tick came while the current task ran, in user mode or not. From the interrupt's body.
pub fn tick(cpu: &Cpu<Hardirq>, from_user: bool) {
    let task = Task::current(cpu);
    if task.process().is_some() {
        BUSY[this_cpu(cpu).number()].fetch_add(1, Ordering::Relaxed);
    }
    let times = &task.cpu_time;
    times.charge(timer::counter());
    add(if from_user { &times.user_ticks } else { &times.system_ticks }, 1);
    if task.process().is_some_and(|process| process.alarms.cpu.any()) {
        task.word().set::<Machine>(ALARMS);
    }
}

/// Charges the current task up to now.
pub fn charge(cpu: &mut Cpu<Process>) {
    let masked = cpu.irqs_off();
    Task::current(&*masked).cpu_time.charge(timer::counter());
}
