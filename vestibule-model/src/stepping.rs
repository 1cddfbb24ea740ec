//! Steps, breakpoints and watchpoints: what the CPU does about them, and what whoever asked for them expects. Of user mode, one
//! instruction at a time; and the kernel's own, over which it is stepped.

use vestibule::{Cpu as Token, Process};
use vestibule_arm64::breakpoints::{ENABLED, Hit, Kind, OF_KERNEL, OF_USER, Point, set_of_kernel};
use vestibule_arm64::{Arm64Port, Backend, Bodies, Frame, current, entry, step as port};

use crate::backend::Backend as Masked;
use crate::cpu::{A, D, F, I, Level, Owner, Pstate};
use crate::event::Exception;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Flavour, Reference};
use crate::op::{Cell, Op};
use crate::step::{choose, step};
use crate::vector::{first_by, take};
use crate::world::{Bound, World, with};

/// How far the instruction is that a task is stepped for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// It is not stepped.
    #[default]
    No,
    /// It executes one instruction.
    Unexecuted,
    /// It has, and comes back.
    Executed,
}

/// What is expected of a task in user mode.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Expected {
    /// Its step, whoever wants it.
    pub step: Stepped,
    /// Who traces it wants it.
    pub traced: bool,
    /// Its breakpoint, its watchpoint are suspended for it.
    pub suspended: [bool; 2],
    /// A step is over that who traces it has not been told of.
    pub owed: bool,
    /// It has a breakpoint, a watchpoint.
    pub has: [bool; 2],
}

const KINDS: [Kind; 2] = [Kind::Breakpoint, Kind::Watchpoint];

/// The kernel's own are on this CPU, in families that are about that.
pub(crate) fn set_kernels<K: Bodies<Backend: Backend<Hardware = Simulated>>>(cpu: &mut Token<K, Process>) {
    if !with(|world| world.has_kernels_points()) {
        return;
    }
    let off = cpu.irqs_off();
    for kind in KINDS {
        // SAFETY: of the simulated CPU only.
        unsafe { set_of_kernel(&*off, kind, 0, Point { address: 0, control: OF_KERNEL | ENABLED }) }
    }
}

/// A task's first return, stepped, with a breakpoint and a watchpoint.
pub(crate) fn first<P>(cpu: Token<P::Kernel, Process>)
where
    P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>,
{
    first_by(|frame| {
        for kind in with(|world| world.users_points()) {
            // SAFETY: it is the current task, of a simulated CPU.
            unsafe { current(&cpu).set_point(*kind, 0, Point { address: 0, control: OF_USER | ENABLED }) }
            expects(|expected| expected.has[*kind as usize] = true);
        }
        begins(&cpu, frame);
        // SAFETY: what the assembly would restore from this frame is restored by `first_by`.
        unsafe { entry::first::<P>(cpu, frame) }
    });
}

/// User mode: a stepped task comes back when its instruction has been executed, and before the next; and before one that has a
/// breakpoint, or makes an access that is watched.
pub(crate) fn in_user_mode(again: impl Fn()) {
    loop {
        again();
        with(World::compute);
        step(Op::Kernel("user code"), 0);
        if with(|world| world.cpu.step && !world.cpu.pstate.ss) {
            take(Exception::Step);
            continue;
        }
        let hits = with(|world| [0, 1].map(|kind| world.cpu.hits(kind)));
        let points = match hits {
            [false, true] => [Exception::Watchpoint, Exception::Breakpoint],
            _ => [Exception::Breakpoint, Exception::Watchpoint],
        };
        match choose(4 + hits.map(u8::from).iter().sum::<u8>()) {
            0 => return,
            1 => take(Exception::Svc),
            2 => take(Exception::DataAbort),
            3 => with(World::execute),
            point => take(points[usize::from(point) - 4]),
        }
    }
}

/// What becomes of one that was hit: its tracer is told, or the instruction is executed with those of its kind suspended.
pub(crate) fn hit(kind: Kind) -> Hit {
    let hit = if choose(2) == 1 { Hit::Passed } else { Hit::Told };
    if hit == Hit::Passed {
        expects(|expected| {
            expected.step = Stepped::Unexecuted;
            expected.suspended[kind as usize] = true;
        });
    }
    step(Op::Kernel("what becomes of it"), hit as u64);
    hit
}

fn begins<K: Bodies<Backend: Backend<Hardware = Simulated>>>(cpu: &Token<K, Process>, frame: &mut Frame) {
    port::begin(cpu, frame);
    expects(|expected| {
        expected.settle();
        (expected.step, expected.traced) = (Stepped::Unexecuted, true);
    });
}

/// What a tracer may do with a task that stops: step it, step it no longer, or have it go on in a signal's handler.
pub(crate) fn chooses<F: Flavour>(
    cpu: Token<Reference<F>, Process>,
    frame: &mut Frame,
) -> Token<Reference<F>, Process> {
    match choose(4) {
        1 => begins(&cpu, frame),
        2 => {
            port::end(&cpu, frame);
            expects(|expected| {
                expected.settle();
                expected.traced = false;
                if expected.suspended == [false; 2] {
                    expected.step = Stepped::No;
                }
            });
        }
        3 => {
            port::over(frame);
            expects(Expected::execute);
        }
        _ => {}
    }
    cpu
}

fn expects(change: impl FnOnce(&mut Expected)) {
    with(|world| change(world.expected()));
}

impl Expected {
    fn execute(&mut self) {
        if self.step == Stepped::Unexecuted {
            self.step = Stepped::Executed;
        }
    }

    /// What was suspended for an instruction that has been executed is so no longer.
    fn settle(&mut self) {
        if self.step == Stepped::Executed {
            self.suspended = [false; 2];
        }
    }

    fn code(self) -> u64 {
        let bits = [self.traced, self.suspended[0], self.suspended[1], self.owed, self.has[0], self.has[1]];
        bits.iter().fold(self.step as u64, |code, bit| code << 1 | u64::from(*bit))
    }
}

impl World {
    fn expected(&mut self) -> &mut Expected {
        let current = self.current;
        &mut self.tasks[current].expected
    }

    /// An instruction of user mode.
    fn execute(&mut self) {
        self.cpu.pstate.ss = false;
        self.expected().execute();
    }

    /// What user mode is left by. A system call counts as executed when it comes; Arm ARM D2.12.5.
    pub(crate) fn leave_user_mode(&mut self, exception: Exception) {
        match exception {
            Exception::Svc => self.execute(),
            Exception::Step => {
                let expected = self.expected();
                *expected = Expected { owed: expected.traced, has: expected.has, ..Expected::default() };
            }
            _ => {}
        }
    }

    /// Who traces the task is told of a step.
    pub(crate) fn tell_step(&mut self) {
        let owed = std::mem::take(&mut self.expected().owed);
        self.check(128, owed, "a tracer is told of a step that it did not ask for");
    }

    /// The kernel has a breakpoint and a watchpoint of its own. With interrupts on no mask makes a difference to them: one backend
    /// is enough.
    fn has_kernels_points(&self) -> bool {
        let open = self.design.family == Family::Kernel && self.design.backend == Masked::Daif;
        open || matches!(self.design.family, Family::IrqsOff | Family::Handler)
            || !self.limits.reductions.has(Bound::Kinds)
    }

    /// The stepped task has its own. To user mode no mask makes a difference at all, and to each kind nothing that the other does:
    /// one backend each is enough.
    fn users_points(&self) -> &'static [Kind] {
        match self.design.backend {
            _ if !self.limits.reductions.has(Bound::Kinds) => &KINDS,
            Masked::Daif => &KINDS[..1],
            Masked::Pmr => &KINDS[1..],
            Masked::AllInt => &[],
        }
    }

    /// One of the kernel's hits here. There are none in its own exceptions: a debugger's code has no breakpoints.
    pub(crate) fn comes_to_a_point(&self, exception: Exception) -> bool {
        let kind = usize::from(exception == Exception::Watchpoint);
        let in_debug = self
            .task()
            .activations
            .iter()
            .any(|one| one.before.level == Level::El1 && one.exception.is_some_and(Exception::is_debug));
        self.cpu.pstate.level == Level::El1 && self.cpu.hits(kind) && !in_debug
    }

    /// A state's part.
    pub(crate) fn step_code(&self) -> u64 {
        let cpu = &self.cpu;
        let bits = [cpu.step, cpu.step_in_effect, cpu.monitors, cpu.of_kernel];
        let bits = bits.iter().fold(0, |code, bit| code << 1 | u64::from(*bit));
        let points = cpu.points[0] as u64 | (cpu.points[1] as u64) << 2;
        let task = |task: usize| self.tasks[task].expected.code() | self.value(Cell::Step(task)) << 8;
        (0..self.tasks.len()).fold(bits | points << 4, |code, number| code << 13 | task(number))
    }

    /// The kernel opens these.
    pub(crate) fn check_opens_debug(&mut self, opened: u8) {
        if opened & D != 0 {
            let clear = !self.cpu.step && !self.cpu.step_in_effect;
            self.check(12, clear, "debug exceptions open in the kernel with MDSCR.SS set");
            self.check(12, !self.cpu.points.contains(&Owner::User), "the kernel runs with a task's breakpoints");
        }
    }

    /// A step over a suspended breakpoint is consumed before anything opens; of one that nobody else wanted, nothing is told.
    pub(crate) fn check_consumed(&mut self) {
        let suspended = self.value(Cell::Step(self.current)) & SUSPENDED != 0;
        self.check(11, !suspended, "opens before a step over a suspended breakpoint is consumed");
        if !self.expected().owed {
            self.no_body();
        }
    }

    /// User mode is stepped exactly if that was asked for, and has executed its instruction or not; and it has its own points, but
    /// for suspended ones.
    pub(crate) fn check_stepped(&mut self) {
        let expected = *self.expected();
        self.check(12, self.cpu.step == (expected.step != Stepped::No), "user mode is stepped other than asked for");
        let unexecuted = Pstate::from_spsr(self.cpu.spsr).is_some_and(|pstate| pstate.ss);
        let right = unexecuted == (expected.step == Stepped::Unexecuted);
        self.check(128, right, "a step is of no instruction, or of two");
        self.check(128, !expected.owed, "a step is over, and its tracer was not told");
        for (kind, suspended) in expected.suspended.into_iter().enumerate() {
            let has = expected.has[kind] && !suspended;
            let loaded = self.cpu.points[kind] == Owner::User && self.cpu.monitors;
            self.check(130, has == loaded, "user mode has other breakpoints than its own, or suspended ones");
        }
    }

    /// What PSTATE an exception returns to: what it interrupted, but for the one instruction between the kernel's breakpoint and the
    /// step over it.
    pub(crate) fn returns_to(&self, exception: Option<Exception>, was: Pstate) -> Pstate {
        match (exception, was.level) {
            (Some(exception), Level::El1) if exception.is_point() => {
                let nmis = self.design.backend == Masked::AllInt;
                Pstate { daif: A | I | F, allint: was.allint || nmis, ss: true, ..was }
            }
            (Some(Exception::Step), Level::El1) => self.stepped_over.unwrap_or(was),
            _ => was,
        }
    }

    /// The kernel's are there exactly if they are not suspended, and one instruction is stepped if they are.
    pub(crate) fn check_kernels_points(&mut self, exception: Option<Exception>) {
        let Some(exception) = exception.filter(|exception| exception.is_debug()) else { return };
        let was = self.innermost().before;
        if was.masks.daif & D != 0 {
            // Somebody may have been about to change them.
            self.check(130, self.cpu.points == was.points, "a BRK leaves other breakpoints than it found");
            self.check(12, self.cpu.step == was.stepped, "a BRK leaves MDSCR.SS other than it found it");
            return;
        }
        let there =
            |owner: Owner| if self.has_kernels_points() { owner == Owner::Kernel } else { owner == Owner::Nobody };
        let [breakpoint, watchpoint] = self.cpu.points.map(there);
        let gone = match exception {
            Exception::Breakpoint => !breakpoint,
            Exception::Watchpoint => !watchpoint,
            _ => breakpoint && watchpoint,
        };
        self.check(130, gone, "a breakpoint of the kernel is not suspended, or not there again");
        self.check(12, self.cpu.step == exception.is_point(), "the kernel is stepped, or not, over a breakpoint");
    }

    /// One of the kernel's has come, or the step over it is over.
    pub(crate) fn note_stepped_over(&mut self, exception: Exception) {
        if exception.is_point() && self.stepped_over.is_none() {
            self.stepped_over = Some(self.cpu.pstate);
        }
    }

    /// After a return: the instruction that a breakpoint came before is executed, and the step over it comes.
    pub(crate) fn steps_over(&mut self) -> bool {
        let steps = self.live && self.end.is_none() && self.cpu.steps_kernel();
        if steps {
            self.cpu.pstate.ss = false;
        }
        steps
    }
}

/// Of the word that says what a task is armed with.
const SUSPENDED: u64 = 0b11000;
