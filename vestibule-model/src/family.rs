//! Where everything begins: one family for each kind of code that can be interrupted. A family's program goes round for as
//! long as the search wants.

use vestibule::{ContextTracking, Cpu, Flags, IrqTracing, Process, Tracked, TrackedIrqs};
use vestibule_arm64::tags::{self, Mode};
use vestibule_arm64::{Arm64Port, Backend, Bodies, switch};

use crate::backend::Backend as Masked;
use crate::event::Exception;
use crate::hardware::Simulated;
use crate::op::Op;
use crate::shadow::Shadow;
use crate::step::{choose, step};
use crate::stepping;
use crate::tagging;
use crate::vector::{first, take};
use crate::world::{Bound, IDLE, TASKS, World, stack_top, with};

/// Somebody traces the task's system calls.
const TRACED: u64 = Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT).bits();

/// What is interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "command", derive(clap::ValueEnum))]
pub enum Family {
    /// User mode.
    User,
    /// A task's first return to user mode.
    First,
    /// The kernel with everything open.
    Kernel,
    /// The kernel with interrupts off.
    IrqsOff,
    /// The kernel with preemption off.
    PreemptOff,
    /// A copy from user memory, in a system call.
    Copy,
    /// System calls: traced, skipped, interrupted by signals.
    Call,
    /// User mode, one instruction at a time.
    Step,
    /// User mode whose accesses fail tag checks.
    Tags,
    /// The kernel whose own do.
    OwnTags,
    /// An interrupt's handler.
    Handler,
    /// The idle task.
    Idle,
    /// A kernel stack that is nearly full.
    Overflow,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 13] = [
        Family::User,
        Family::First,
        Family::Kernel,
        Family::IrqsOff,
        Family::PreemptOff,
        Family::Copy,
        Family::Call,
        Family::Step,
        Family::Tags,
        Family::OwnTags,
        Family::Handler,
        Family::Idle,
        Family::Overflow,
    ];

    /// As reports and options call it.
    pub const fn name(self) -> &'static str {
        match self {
            Family::User => "user",
            Family::First => "first",
            Family::Kernel => "kernel",
            Family::IrqsOff => "irqs-off",
            Family::PreemptOff => "preempt-off",
            Family::Copy => "copy",
            Family::Call => "call",
            Family::Step => "step",
            Family::Tags => "tags",
            Family::OwnTags => "own-tags",
            Family::Handler => "handler",
            Family::Idle => "idle",
            Family::Overflow => "overflow",
        }
    }

    /// Its program goes to user mode.
    pub const fn is_user(self) -> bool {
        matches!(self, Family::User | Family::First | Family::Copy | Family::Call | Family::Step | Family::Tags)
    }

    /// How many things bodies and work may do for a task, nothing among them. What could be interrupted by itself is `Copy`'s
    /// subject; signals, while another is delivered, are `Call`'s.
    pub const fn works(self) -> u8 {
        match self {
            Family::User | Family::First | Family::Tags => 1,
            Family::Call | Family::Step => 2,
            _ => 5,
        }
    }

    /// There are tag checks.
    pub const fn has_tags(self) -> bool {
        matches!(self, Family::Tags | Family::OwnTags)
    }

    /// The task that begins.
    pub const fn first_task(self) -> usize {
        if matches!(self, Family::Idle) { IDLE } else { 0 }
    }
}

/// Boots, and runs the family's program.
pub fn run<P>(family: Family)
where
    P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
{
    let cpu = boot::<P::Kernel>();
    prepare_others::<P>(family);
    program::<P>(family, cpu);
}

/// A CPU that has booted, with everything open.
pub(crate) fn boot<K: Bodies<Backend: Backend<Hardware = Simulated>>>() -> Cpu<K, Process> {
    let thread = with(|world| world.thread(world.current));
    // SAFETY: everything is masked, there is no token yet, and the thread lives as long as the machine; outside every exception.
    let mut cpu = unsafe { switch::open_first::<K, K::Backend>(switch::boot::<K>(thread)) };
    stepping::set_kernels(&mut cpu);
    cpu
}

/// The tasks that do not begin.
pub(crate) fn prepare_others<P>(family: Family)
where
    P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
{
    if family.has_tags() {
        with(|world| world.give_checks(1, Mode::Sync));
    }
    for task in (0..TASKS).filter(|task| *task != family.first_task()) {
        let main = if task == IDLE { idles::<P::Kernel> } else { other::<P::Kernel> };
        // SAFETY: the simulated stack is this task's alone.
        unsafe { switch::prepare::<P>(with(|world| world.thread(task)), stack_top(task), main, task) };
    }
}

/// Shows where tracking's words are.
pub fn learn<K: Bodies<Backend: Backend<Hardware = Simulated>>>() {
    <Tracked as ContextTracking<K>>::watching();
    let watching = with(|world| world.last_touched);
    <TrackedIrqs as IrqTracing<K>>::believes_on();
    with(|world| world.learn(watching, world.last_touched));
}

/// From here on everything is a step.
pub(crate) fn live() {
    with(|world| {
        world.live = true;
        let before = world.snapshot();
        world.top().before = before;
        world.check_booted();
    });
}

/// The same place of the program again: it remembers nothing.
fn again(place: u64) {
    with(|world| world.top().shadow = Shadow::of(place).and(world.current as u64));
}

/// The program is over. What another CPU sent comes first.
fn over() {
    step(Op::Kernel("end of the program"), 0);
    ipis_come(8);
    with(World::finish);
    step(Op::Kernel("end"), 0);
}

/// The interrupts of other CPUs that are due. What they interrupt is past the step before it, and so is not the same place.
fn ipis_come(place: u64) {
    while with(World::ipi_comes) {
        again(place);
        take(Exception::Irq);
    }
}

fn program<P>(family: Family, mut cpu: Cpu<P::Kernel, Process>)
where
    P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
{
    match family {
        Family::User | Family::Copy | Family::Call => {
            first::<P>(cpu);
            live();
            in_user_mode(family);
        }
        Family::Step => {
            stepping::first::<P>(cpu);
            live();
            stepping::in_user_mode(|| again(7));
            over();
        }
        Family::Tags => {
            live();
            // Which checks there are, no mask makes a difference to: one backend is enough for all of them.
            let all = with(|world| world.design.backend == Masked::Daif || !world.limits.reductions.has(Bound::Kinds));
            match choose(if all { 3 } else { 1 }) {
                1 => tags::set(&mut cpu, Mode::Async, 0xfffe),
                2 => with(World::begin_own_tag_checks),
                _ => tags::set(&mut cpu, Mode::Asymm, 0xfffe),
            }
            with(World::leave_as_from_user_mode);
            first::<P>(cpu);
            in_user_mode_with_tags();
        }
        Family::OwnTags => {
            live();
            while accesses() {}
            over();
        }
        Family::First => {
            live();
            with(World::leave_as_from_user_mode);
            first::<P>(cpu);
            with(World::compute);
            step(Op::Kernel("user code"), 0);
            over();
        }
        Family::Kernel => {
            live();
            while faults(1) {}
            over();
        }
        Family::IrqsOff => {
            live();
            {
                let _off = cpu.irqs_off();
                while faults(2) {}
            }
            over();
        }
        Family::PreemptOff => {
            live();
            {
                let _off = cpu.preempt_off();
                while faults(3) {}
            }
            over();
        }
        Family::Handler => {
            live();
            take(Exception::Irq);
            over();
        }
        Family::Idle => {
            live();
            with(|world| world.tasks[..IDLE].iter_mut().for_each(|task| task.runnable = false));
            idles(cpu, IDLE);
        }
        Family::Overflow => {
            live();
            with(|world| world.fill_stack());
            step(Op::Kernel("the stack is nearly full"), 0);
            take(Exception::DataAbort);
            over();
        }
    }
}

/// The kernel's code, and its faults; `false` when it is done.
fn faults(place: u64) -> bool {
    again(place);
    step(Op::Kernel("kernel code"), 0);
    match choose(4) {
        1 => take(Exception::DataAbort),
        2 => take(Exception::InstructionAbort),
        3 => take(Exception::Undefined),
        _ => return false,
    }
    true
}

fn in_user_mode(family: Family) {
    loop {
        again(4);
        if family == Family::Call && choose(2) == 1 {
            with(|world| world.set_remotely(world.current, TRACED));
        }
        with(World::compute);
        step(Op::Kernel("user code"), 0);
        let exceptions =
            [Exception::Svc, Exception::DataAbort, Exception::Brk, Exception::Undefined, Exception::Unhandled];
        let of = if matches!(family, Family::Copy | Family::Call) { 1 } else { exceptions.len() as u8 };
        match choose(of + 1) {
            0 => break,
            chosen => take(exceptions[usize::from(chosen) - 1]),
        }
    }
    over();
}

/// User mode, some of whose accesses fail checks.
fn in_user_mode_with_tags() {
    loop {
        again(10);
        with(World::compute);
        step(Op::Kernel("user code"), 0);
        match choose(4) {
            1 => tagging::user_fails(),
            2 => take(Exception::Svc),
            3 => take(Exception::DataAbort),
            _ => break,
        }
    }
    over();
}

/// The kernel's code, and its accesses; `false` when it is done.
fn accesses() -> bool {
    again(11);
    step(Op::Kernel("kernel code"), 0);
    match choose(3) {
        1 => tagging::kernel_accesses(),
        2 => take(Exception::DataAbort),
        _ => return false,
    }
    true
}

/// Another task: gives the CPU away, where the idle task is looked at until somebody wakes it.
fn other<K: Bodies<Backend: Backend<Hardware = Simulated>>>(mut cpu: Cpu<K, Process>, _: usize) -> ! {
    loop {
        again(5);
        step(Op::Kernel("another task's code"), 0);
        with(World::sleep_in_idle_family);
        cpu.schedule();
    }
}

/// The idle task.
fn idles<K: Bodies<Backend: Backend<Hardware = Simulated>>>(mut cpu: Cpu<K, Process>, _: usize) -> ! {
    loop {
        again(6);
        step(Op::Kernel("idle"), 0);
        // What has ended a wait comes.
        ipis_come(9);
        if with(World::wants_schedule) {
            cpu.schedule();
        } else {
            cpu.idle();
        }
    }
}

impl World {
    /// The interrupt of another CPU is due, and open.
    fn ipi_comes(&mut self) -> bool {
        let comes = self.environment.ipi_due && self.may_come(crate::event::Event::Ipi) && self.end.is_none();
        self.environment.ipi_due &= !comes;
        self.environment.ipi_came = comes && self.design.backend == Masked::AllInt;
        comes
    }

    /// What comes is the exit of a system call that was never made.
    pub(crate) fn leave_as_from_user_mode(&mut self) {
        let top = self.top();
        top.before.level = crate::cpu::Level::El0;
        top.ghost.ran = true;
    }

    fn sleep_in_idle_family(&mut self) {
        if self.design.family == Family::Idle {
            self.sleep();
        }
    }

    /// Somebody can run, or has asked the idle task to look.
    fn wants_schedule(&mut self) -> bool {
        let asked = self.value(crate::op::Cell::Word(self.current)) & 0x3_0000_0000 != 0;
        asked || self.tasks[..IDLE].iter().any(|task| task.runnable)
    }

    fn fill_stack(&mut self) {
        let current = self.current;
        self.tasks[current].stack_pointer = stack_top(current) - vestibule_arm64::STACK_SIZE + 0x80;
    }
}
