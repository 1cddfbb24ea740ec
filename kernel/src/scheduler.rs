//! The scheduler: a queue for each CPU, round robin, idle CPUs take from others.
//!
//! A queue's lock is held over the switch and released by the task that is switched to, so that nobody runs a task
//! whose registers are not saved yet.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::{AtomicU8, Ordering, fence};

use vestibule::{Asking, Atomic, Cause, Flags, Hardirq, IrqsSaved, NoIrq, Preemption, Process as ProcessContext, Why};
use vestibule_arm64::breakpoints::{Kind, Point};
use vestibule_arm64::fpsimd::Fpsimd;
use vestibule_arm64::{CpuLocal, switch, this_cpu};

use crate::lock::{IrqLock, IrqLockGuard};
use crate::percpu::{self, MAX_CPUS};
use crate::planted::Bug;
use crate::reference::{Cpu, Machine, Reference};
use crate::registers::{read_register, write_register};
use crate::task::{State, Task};
use crate::{breakpoints, cpu_time, interrupts, mte, pointer_authentication, rcu, statistics, user_tables};

/// One CPU's.
struct Queue {
    /// The port's part of the CPU, when it schedules.
    cpu: Option<&'static CpuLocal>,
    waiting: VecDeque<Arc<Task>>,
    current: Option<Arc<Task>>,
    idle: Option<Arc<Task>>,
    /// Switched from, not yet switched to the end.
    previous: Option<Arc<Task>>,
    /// The same task, if it runs on, and may not here.
    displaced: Option<Arc<Task>>,
}

impl Queue {
    const EMPTY: Self =
        Self { cpu: None, waiting: VecDeque::new(), current: None, idle: None, previous: None, displaced: None };

    /// That task runs here, or is on its way to or from here.
    fn runs(&self, task: &Arc<Task>) -> bool {
        self.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, task))
    }
}

static QUEUES: [IrqLock<Queue>; MAX_CPUS] = [const { IrqLock::new(Queue::EMPTY) }; MAX_CPUS];
static MODEL: AtomicU8 = AtomicU8::new(Preemption::Full as u8);

/// Chooses the preemption model. Before anything is scheduled.
pub fn set_model(model: Preemption) {
    MODEL.store(model as u8, Ordering::Relaxed);
}

fn model() -> Preemption {
    [Preemption::None, Preemption::Lazy, Preemption::Full]
        .into_iter()
        .find(|model| *model as u8 == MODEL.load(Ordering::Relaxed))
        .unwrap_or(Preemption::Full)
}

/// This CPU's first task, which runs, becomes its idle task.
pub fn adopt(cpu: &'static CpuLocal, idle: Arc<Task>) {
    let number = cpu.number();
    idle.set_cpu(number);
    let mut queue = QUEUES[number].lock();
    queue.cpu = Some(cpu);
    queue.current = Some(idle.clone());
    queue.idle = Some(idle);
}

/// The idle task's life.
pub fn idle(mut cpu: Cpu<ProcessContext>) -> ! {
    loop {
        cpu.schedule();
        if cfg!(feature = "checked") {
            breakpoints::check::in_idle(&mut cpu);
        }
        cpu.idle();
    }
}

/// Lets a new task run, or one that has to leave its CPU: on the CPU with the least to do of those that it may run on.
pub fn start(task: Arc<Task>) {
    let length = |number: &usize| {
        let queue = QUEUES[*number].lock();
        let busy = queue.current.as_ref().is_some_and(|task| !task.word().read::<Machine>().is_idle());
        queue.waiting.len() + usize::from(busy)
    };
    let number = percpu::online().filter(|number| task.may_run_on(*number)).min_by_key(length);
    enqueue(task, number.expect("a task may run on some CPU that is online"));
}

/// Wakes a sleeping task. From any context but an NMI-like one.
pub fn wake(task: &Arc<Task>) {
    // What it sleeps for has changed; it says that it sleeps, and looks then. One sees the other's.
    fence(Ordering::SeqCst);
    if !task.is(State::Sleeping) {
        return;
    }
    let number = {
        let (number, queue) = queue_of(task);
        // With the lock held: a task that was found asleep before might have gone on by itself meanwhile, to its end even.
        if !task.rouse() {
            return;
        }
        // Still on its way to sleep (it looks at its state again with this lock held), or preempted on that way.
        if queue.runs(task) || queue.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, task)) {
            return;
        }
        number
    };
    if task.may_run_on(number) { enqueue(task.clone(), number) } else { start(task.clone()) }
}

/// The queue of the CPU that a task belongs to, locked: as long as it is, the task belongs to no other.
fn queue_of(task: &Task) -> (usize, IrqLockGuard<'static, Queue>) {
    loop {
        let number = task.cpu();
        let queue = QUEUES[number].lock();
        if task.cpu() == number {
            return (number, queue);
        }
    }
}

/// Puts a runnable task, which is on no queue and runs nowhere, on one, and asks for its CPU.
fn enqueue(task: Arc<Task>, number: usize) {
    let mut queue = QUEUES[number].lock();
    if task.cpu() != number {
        task.set_cpu(number);
        task.word().set::<Machine>(Flags::NOTIFY_RESUME);
    }
    queue.waiting.push_back(task);
    ask(&queue, number, Asking::Wakeup);
}

/// Sets the flag that the model says in what runs on CPU `number`, and interrupts it if that is another one: two steps,
/// in this order.
fn ask(queue: &Queue, number: usize, asking: Asking) {
    let Some(current) = &queue.current else { return };
    let word = current.word().read::<Machine>();
    let flag = if word.is_idle() { Flags::RESCHED } else { model().flag(asking, word) };
    current.word().set::<Machine>(flag);
    let here = IrqsSaved::<Reference>::save();
    if this_cpu(here.cpu()).number() != number {
        interrupts::send(number, interrupts::RESCHEDULE);
    }
}

/// Has a task whose flags have changed look at them soon: wakes it, or interrupts the CPU that runs it.
pub fn kick(task: &Arc<Task>) {
    wake(task);
    let here = IrqsSaved::<Reference>::save();
    if core::ptr::eq(Task::current(here.cpu()), &raw const **task) {
        return;
    }
    let (number, queue) = queue_of(task);
    if queue.runs(task) && this_cpu(here.cpu()).number() != number {
        interrupts::send(number, interrupts::RESCHEDULE);
    }
}

/// Runs `look` while a task that sleeps is on no CPU, and cannot come to one; does nothing if it is on its way to sleep still.
pub fn while_off_cpu<R>(task: &Arc<Task>, look: impl FnOnce() -> R) -> Option<R> {
    // Who wakes it takes this lock first; who switches from it has it until that is done.
    let (_, queue) = queue_of(task);
    (!queue.runs(task)).then(look)
}

/// The tick, from the interrupt's body: whoever runs has had its time if somebody waits.
pub fn tick(cpu: &Cpu<Hardirq>) {
    let number = this_cpu(cpu).number();
    let queue = QUEUES[number].lock();
    if !queue.waiting.is_empty() {
        ask(&queue, number, Asking::Tick);
    }
}

/// Has what runs on CPU `number` enter the scheduler as soon as the model lets it: somebody waits for that.
pub fn ask_for_switch(number: usize) {
    ask(&QUEUES[number].lock(), number, Asking::Tick);
}

/// What runs on CPU `number`.
pub fn current_on(number: usize) -> Option<Arc<Task>> {
    QUEUES[number].lock().current.clone()
}

/// CPU `number` has no task to run, though it may handle an interrupt.
pub fn is_idle(number: usize) -> bool {
    current_on(number).is_some_and(|task| task.word().read::<Machine>().is_idle())
}

/// Sets the reschedule flag of what runs on CPU `number`, and tells nobody: what another CPU's wake-up has done a moment
/// before its interrupt. For tests.
pub fn ask_silently(number: usize) {
    if let Some(current) = &QUEUES[number].lock().current {
        current.word().set::<Machine>(Flags::RESCHED);
    }
}

/// Who answers the library.
pub enum Scheduler {}

impl vestibule::Scheduler<Reference> for Scheduler {
    fn schedule(cpu: Cpu<NoIrq>, cause: Cause<Reference>) -> Cpu<NoIrq> {
        statistics::scheduled(cause.why());
        rcu::switched(&cpu);
        let number = this_cpu(&cpu).number();
        take_from_others(number);
        let mut queue = QUEUES[number].lock();
        let current = queue.current.clone().expect("a CPU that schedules has a current task");
        current.word().clear::<Machine>(Flags::RESCHED.and(Flags::RESCHED_LAZY));
        // Who is preempted on the way to sleep has not looked yet at what it sleeps for: it keeps its place.
        let runs_on = current.is(State::Runnable) || cause.why() != Why::Asked;
        // Who is on the way to sleep can be woken meanwhile, and must be found: it goes elsewhere when it wakes up.
        let displaced = current.is(State::Runnable) && !current.may_run_on(number);
        let is_idle = current.word().read::<Machine>().is_idle();
        let next = match queue.waiting.pop_front() {
            Some(next) => next,
            None if runs_on && !displaced => return cpu,
            None => queue.idle.clone().expect("a CPU that schedules has an idle task"),
        };
        if displaced {
            queue.displaced = Some(current.clone());
        } else if runs_on && !is_idle {
            queue.waiting.push_back(current.clone());
        }
        queue.current = Some(next.clone());
        queue.previous = Some(current.clone());
        let here = queue.cpu.expect("a CPU that schedules has been adopted");
        mem::forget(queue);
        // SAFETY: this CPU runs `next` from here on, with the stacks that it was adopted with.
        unsafe { next.thread().set_cpu(here) };
        switch_to(cpu, current, next, cause.why())
    }
}

fn switch_to(cpu: Cpu<NoIrq>, from: Arc<Task>, to: Arc<Task>, why: Why) -> Cpu<NoIrq> {
    cpu_time::switch(&from, &to, why);
    from.user_thread_pointer.store(read_register!("tpidr_el0"), Ordering::Relaxed);
    // SAFETY: a user register; the task that it belongs to runs next.
    unsafe { write_register!("tpidr_el0", to.user_thread_pointer.load(Ordering::Relaxed)) };
    match to.ttbr0() {
        0 => user_tables::deactivate(),
        ttbr0 => {
            // SAFETY: the process keeps these tables until all its tasks but one have left them, and that one has activated others.
            unsafe { user_tables::activate(ttbr0) };
            pointer_authentication::switch_to(&to);
        }
    }
    // The queue holds counts of both; what this stack holds would be lost with a task that never comes back.
    let thread = core::ptr::from_ref(to.thread());
    drop((from, to));
    // SAFETY: it is the queue's current task, and so lives; it came off a queue whose lock is held, so nobody runs it;
    // this CPU is its own now.
    let cpu = unsafe { switch::switch(cpu, &*thread) };
    finish_switch(cpu)
}

/// The other side of a switch: the task that was switched from is nobody's any more, or another CPU's.
pub fn finish_switch(cpu: Cpu<NoIrq>) -> Cpu<NoIrq> {
    let number = this_cpu(&cpu).number();
    // SAFETY: the lock is held, by whoever switched to this task on this CPU.
    let (previous, displaced) = unsafe {
        let queue = &mut *QUEUES[number].data_ptr();
        (queue.previous.take(), queue.displaced.take())
    };
    if cfg!(feature = "checked") {
        switched_wrongly(previous.as_deref());
    }
    // SAFETY: as above; nobody else will release it.
    unsafe { QUEUES[number].force_unlock() };
    // Its stack cannot be freed by who runs on it, nor with interrupts masked; and readers may have found it.
    if let Some(previous) = previous.filter(|task| task.is(State::Dead)) {
        if Bug::LeakedTask.strikes() {
            mem::forget(previous.clone());
        }
        rcu::defer(Box::new(previous));
    }
    if let Some(displaced) = displaced {
        start(displaced);
    }
    cpu
}

/// What a switch may do wrong, if that is planted. Before: `previous` runs nowhere, and the lock is held still.
fn switched_wrongly(previous: Option<&Task>) {
    let Some(previous) = previous.filter(|task| task.process().is_some()) else { return };
    if Bug::LostFpsimd.is_planted() {
        // SAFETY: it runs nowhere.
        unsafe { previous.thread().set_fpsimd(&Fpsimd::default()) };
    }
    if Bug::LostBreakpoints.is_planted() {
        // SAFETY: as above; every CPU has one.
        unsafe { previous.thread().set_point(Kind::Breakpoint, 0, Point::default()) };
    }
    if Bug::LostTagControl.is_planted() {
        mte::choose_no_tags();
    }
}

/// An idle CPU's chance: a task that waits for another CPU moves here.
fn take_from_others(number: usize) {
    if percpu::count() == 1 || !QUEUES[number].lock().waiting.is_empty() {
        return;
    }
    for other in (0..percpu::count()).filter(|other| *other != number) {
        // Both, in the order of their numbers: nobody sees the task on neither.
        let (mut first, mut second) = (QUEUES[number.min(other)].lock(), QUEUES[number.max(other)].lock());
        let (ours, theirs) = if number < other { (&mut first, &mut second) } else { (&mut second, &mut first) };
        let ours_too = theirs.waiting.iter().position(|task| task.may_run_on(number));
        if let Some(task) = ours_too.and_then(|index| theirs.waiting.remove(index)) {
            task.set_cpu(number);
            task.word().set::<Machine>(Flags::NOTIFY_RESUME);
            ours.waiting.push_back(task);
            return;
        }
    }
}

/// Tells user mode where it runs: TPIDRRO_EL0 is the number of the CPU.
pub fn publish_cpu_number(mut cpu: Cpu<ProcessContext>) -> Cpu<ProcessContext> {
    {
        let pinned = cpu.preempt_off();
        let number = this_cpu::<Reference, Atomic>(&pinned).number();
        // SAFETY: a register that user mode reads and the kernel does not.
        unsafe { write_register!("tpidrro_el0", number as u64) };
    }
    cpu
}

/// The current task's end. Whatever its stack still holds counts of is lost.
pub fn end(cpu: &mut Cpu<ProcessContext>) -> ! {
    Task::current(cpu).set(State::Dead);
    cpu.schedule();
    unreachable!("a dead task was scheduled")
}
