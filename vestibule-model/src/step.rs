//! One step, and what may come after it.

use vestibule::Flags;

use crate::backend::Backend;
use crate::cpu::{D, DAIF, I, Level};
use crate::event::{Event, Exception};
use crate::family::Family;
use crate::fibers;
use crate::ghost::HARDIRQ;
use crate::op::{Cell, Op};
use crate::oracle::Answer;
use crate::shadow::Shadow;
use crate::verdict::End;
use crate::world::{Bound, World, with};

/// What comes now.
pub(crate) enum Next {
    /// The next step.
    Go,
    /// Nothing: this execution is over.
    Stop,
    /// That is to be asked again when there is an answer.
    Wait,
    /// This.
    Take(Exception),
}

/// What is decided.
enum Decided {
    /// This.
    This(u8),
    /// As in [`Next`].
    Stop,
    /// As in [`Next`].
    Wait,
}

/// What is decided: two questions in one state are two places.
#[derive(Clone, Copy)]
enum Question {
    /// What comes after a step?
    Event,
    /// What comes before an access?
    Race,
    /// What does the kernel's code do?
    Kernel,
}

/// What may come after a step, and as what.
const MENU: [(Event, Exception); 11] = [
    (Event::Irq, Exception::Irq),
    (Event::Ipi, Exception::Irq),
    (Event::Error, Exception::CorrectedError),
    (Event::FatalError, Exception::UncorrectedError),
    (Event::Brk, Exception::Brk),
    (Event::Nmi, Exception::Nmi),
    (Event::Fiq, Exception::FiqNmi),
    (Event::Fiq, Exception::Fiq),
    (Event::ContainedError, Exception::ContainedError),
    (Event::Breakpoint, Exception::Breakpoint),
    (Event::Breakpoint, Exception::Watchpoint),
];
/// Of these, the answers that leave no trace.
const TRACELESS: u16 = {
    let (mut traceless, mut answer) = (0, 0);
    while answer < MENU.len() {
        traceless |= (MENU[answer].1.leaves_no_trace() as u16) << answer;
        answer += 1;
    }
    traceless
};

/// The last of the kernel's own flags.
const OTHER: u64 = Flags::other(11).bits();

/// No execution is that long.
const ENDLESS: u64 = 1_000_000;

/// A step has been made; `told` is what its code learned by it.
#[inline]
pub fn step(op: Op, told: u64) {
    let next = with(|world| world.after(op, told));
    drive(next);
}

/// Before an access to a task's word: another CPU may be faster.
pub(crate) fn race() {
    loop {
        match with(World::race) {
            Next::Wait => fibers::wait_for_answer(),
            next => return drive(next),
        }
    }
}

fn drive(mut next: Next) {
    loop {
        match next {
            Next::Go => return,
            Next::Stop => fibers::stop(),
            Next::Wait => {
                fibers::wait_for_answer();
                next = with(World::offer);
            }
            Next::Take(exception) => {
                crate::vector::take(exception);
                next = with(World::offer);
            }
        }
    }
}

/// The kernel's code decides: one of `of` things, of which 0 is that nothing special happens.
pub fn choose(of: u8) -> u8 {
    loop {
        match with(|world| world.choose_quietly(of)) {
            Decided::This(chosen) => return chosen,
            Decided::Wait => fibers::wait_for_answer(),
            Decided::Stop => fibers::stop(),
        }
    }
}

impl World {
    #[inline]
    fn after(&mut self, op: Op, told: u64) -> Next {
        if !self.live {
            return Next::Go;
        }
        self.steps += 1;
        self.own_steps += 1;
        self.tell(op, told);
        self.write_down(op);
        self.check_step(op, told);
        if self.own_steps > ENDLESS {
            self.check(0, false, "an execution without an end");
        }
        if self.end.is_some() {
            return Next::Stop;
        }
        if self.limits.reductions.lossless() && !self.is_visible(op) || self.is_masked_look(op) {
            return Next::Go;
        }
        self.offer()
    }

    /// The step becomes a part of what its activation has been told.
    #[inline]
    fn tell(&mut self, op: Op, told: u64) {
        let active = self.environment.active;
        let top = self.top();
        top.shadow = top.shadow.and(op.code()).and(told);
        if matches!(op, Op::Add(Cell::Word(_), _)) {
            top.turn = None;
        }
        // A handler that has masked everything after its body knows what it knew when it came, in every round of its loop; and of
        // its looks only the last. A task switch masks everything, too.
        match op {
            Op::DaifSet(DAIF) if (top.ghost.ran || top.in_round) && !top.ghost.scheduling => {
                top.in_round = false;
                top.ghost.looked = None;
                top.ghost.looks = 0;
                top.masked = top.entry.and(top.frame_left).and(told | 0x3a5c_0000);
                top.shadow = top.masked;
            }
            // An interrupt's second half knows only whether there is an interrupt.
            Op::Add(Cell::Word(_), HARDIRQ) if top.exception.is_some_and(Exception::is_interrupt) => {
                top.shadow = top.entry.and(u64::from(active) | 0x1271_0000).and(told);
            }
            Op::Load(Cell::Word(_)) if top.ghost.ran && top.ghost.masked && !top.in_round => {
                top.ghost.looks = (top.ghost.looks + 1).min(3);
                top.shadow = top.masked.and(u64::from(top.ghost.looks)).and(told);
            }
            _ => {}
        }
    }

    /// What a priority masks makes no difference to what comes where PSTATE.I is set.
    const fn is_visible(&self, op: Op) -> bool {
        op.is_visible() && !(matches!(op, Op::SetPmr(_)) && self.cpu.pstate.daif & I != 0)
    }

    /// A look where everything is masked: only a BRK could come after it, and just before it sees, and does, the same. The history
    /// is dropped there, so that which of several looks it was is known only by what comes next.
    fn is_masked_look(&self, op: Op) -> bool {
        matches!(op, Op::Load(Cell::Word(_))) && self.is_masked()
    }

    /// Everything that may come here.
    pub(crate) fn offer(&mut self) -> Next {
        if self.end.is_some() {
            return Next::Stop;
        }
        let mut answers = 0;
        for (number, (event, exception)) in MENU.into_iter().enumerate() {
            answers |= u16::from(self.may_come(event) && self.is_possible(event, exception)) << number;
        }
        if answers == 0 {
            return Next::Go;
        }
        match self.decide(Question::Event, answers) {
            Decided::Stop => Next::Stop,
            Decided::Wait => Next::Wait,
            Decided::This(0) => Next::Go,
            Decided::This(chosen) => Next::Take(self.arrive(MENU[usize::from(chosen) - 1])),
        }
    }

    /// The task that runs is not the one that the family is about. Whatever can come in it comes in that one too; here only
    /// interrupts come, to what is no exception itself, and give the CPU back.
    fn is_guest(&self) -> bool {
        self.limits.reductions.lossless() && self.current != self.design.family.first_task()
    }

    fn is_possible(&self, event: Event, exception: Exception) -> bool {
        if self.is_guest() {
            let interrupt = matches!(event, Event::Irq | Event::Ipi);
            let here = !self.design.user;
            return here && interrupt && self.depth() == 0 && (event == Event::Irq || self.environment.ipi_due);
        }
        match event {
            Event::Ipi => self.environment.ipi_due,
            Event::Brk => self.comes_to_a_brk(),
            // From the kernel it is like any that nobody goes on after.
            Event::ContainedError => self.cpu.pstate.level == Level::El0,
            Event::Breakpoint => self.comes_to_a_point(exception),
            Event::Fiq if exception.is_nmi() => self.cpu.masks().irqs(),
            // An FIQ goes the ways of an IRQ: once is enough, from the kernel and from user mode.
            Event::Fiq => {
                let here = matches!(self.design.family, Family::Kernel | Family::User) && self.depth() == 0;
                !self.cpu.masks().irqs() && (here || !self.limits.reductions.lossless())
            }
            _ => true,
        }
    }

    /// Code that is not `noinstr` may have one anywhere, as warnings are; where D is open, a debugger may have put one, too. No mask
    /// keeps it away; what has to be `noinstr` is what would lose its return state by it: from the vector to the entry step, and from
    /// when the return state is put back to ERET. There is none in its own handler.
    fn comes_to_a_brk(&self) -> bool {
        let in_brk = self.task().activations.iter().any(|one| one.exception == Some(Exception::Brk));
        if self.cpu.pstate.level != Level::El1 || in_brk {
            return false;
        }
        let top = self.innermost();
        let ghost = &top.ghost;
        self.cpu.pstate.daif & D == 0 || !ghost.restoring && (ghost.tracked || top.exception.is_none())
    }

    fn arrive(&mut self, (event, exception): (Event, Exception)) -> Exception {
        if self.record.is_some() {
            self.note = Some(event.name().into());
        }
        let ipi = event == Event::Ipi;
        self.environment.ipi_due &= !ipi;
        self.environment.ipi_came = ipi && self.design.backend == Backend::AllInt;
        exception
    }

    /// Another CPU may have changed the running task's word just before it is looked at.
    fn race(&mut self) -> Next {
        if !self.live || self.environment.ipi_due {
            return Next::Go;
        }
        let word = self.value(Cell::Word(self.current));
        let others = matches!(self.design.family, Family::Copy | Family::Call | Family::Step | Family::Tags);
        let user = self.design.user && !(self.limits.reductions.has(Bound::Others) && others);
        const MENU: [(Event, u64); 3] =
            [(Event::RemoteResched, 1 << 32), (Event::RemoteSignal, 1 << 34), (Event::RemoteWork, 1 << 35 | OTHER)];
        let mut answers = 0;
        for (number, (event, flag)) in MENU.into_iter().enumerate() {
            // What else is left to do before user mode, no mask makes a difference to: one backend is enough.
            let work = event != Event::RemoteWork
                || self.design.backend == Backend::Daif
                || !self.limits.reductions.has(Bound::Kinds);
            let possible = user && work || matches!(event, Event::RemoteResched);
            answers |= u16::from(possible && word & flag == 0 && self.limits.events.has(event)) << number;
        }
        if answers == 0 {
            return Next::Go;
        }
        match self.decide(Question::Race, answers) {
            Decided::Stop => Next::Stop,
            Decided::Wait => Next::Wait,
            Decided::This(0) => Next::Go,
            Decided::This(chosen) => {
                let (event, flag) = MENU[usize::from(chosen) - 1];
                self.environment.ipi_due = true;
                if event == Event::RemoteResched {
                    self.wake();
                }
                self.set_remotely(self.current, flag);
                if self.record.is_some() {
                    self.note = Some(event.name().into());
                    self.write_down(Op::Set(Cell::Word(self.current), flag));
                }
                Next::Go
            }
        }
    }

    /// How many things the kernel's code can do here. Where its doings are another family's subject, a few.
    fn ways(&self) -> u8 {
        const TICK_AND_WAKE_UP: u8 = 3;
        let reductions = self.limits.reductions;
        let deep = match self.design.family {
            _ if !reductions.has(Bound::Depth) => return u8::MAX,
            Family::User | Family::Copy | Family::Call | Family::Step | Family::Tags | Family::OwnTags => 2,
            Family::First => 1,
            _ => usize::MAX,
        };
        let deep = if reductions.has(Bound::Ways) { deep } else { deep.saturating_add(1) };
        let guest = self.is_guest() && self.depth() > 0;
        if guest || self.depth() >= deep { TICK_AND_WAKE_UP } else { u8::MAX }
    }

    fn choose_quietly(&mut self, of: u8) -> Decided {
        if !self.live || !self.limits.events.has(Event::Choice) {
            return Decided::This(0);
        }
        let of = of.min(self.ways());
        if of < 2 {
            return Decided::This(0);
        }
        let decided = self.decide(Question::Kernel, (1 << (of - 1)) - 1);
        if let Decided::This(chosen) = decided {
            let top = self.top();
            top.shadow = top.shadow.and(u64::from(chosen) | 0xc0_0000);
        }
        decided
    }

    fn decide(&mut self, question: Question, answers: u16) -> Decided {
        // The oracle is taken out so that it can ask for the key.
        let mut oracle = std::mem::take(&mut self.oracle);
        // What leaves no trace comes once for what it can see; and in it, what is decided leaves none either.
        let traceless = match question {
            Question::Event => answers & TRACELESS,
            Question::Kernel if self.task().is_apart() => answers,
            _ => 0,
        };
        let sight = || (traceless != 0).then(|| self.sight(question).key());
        let answer = oracle.ask((answers, traceless), || self.key(question).key(), sight);
        self.oracle = oracle;
        match answer {
            Answer::This(chosen) => Decided::This(chosen),
            Answer::Wait => Decided::Wait,
            Answer::Seen => {
                // What was found before this question stays found.
                self.end = self.end.or(Some(End::Seen));
                Decided::Stop
            }
        }
    }

    /// What an exception that leaves no trace can see: what it has interrupted, and the CPU's own state.
    fn sight(&self, question: Question) -> Shadow {
        let cpu = &self.cpu;
        let key = Shadow::of(cpu.pstate.to_spsr() | (self.current as u64) << 32)
            .and(self.value(Cell::Watching) & 1 | self.value(Cell::Belief) << 1 | self.step_code() << 8)
            .and(self.value(Cell::Nesting))
            .and(self.value(Cell::Word(self.current)) & crate::ghost::COUNTS)
            .and(self.task().stack_pointer ^ self.innermost().own_banks(cpu) << 56)
            .and(u64::from(cpu.pmr) | (question as u64) << 48);
        self.task().seen(key)
    }

    /// Everything that the future depends on.
    fn key(&self, question: Question) -> Shadow {
        let cpu = &self.cpu;
        let environment = &self.environment;
        let mut key = Shadow::of(cpu.pstate.to_spsr() | (self.current as u64) << 32)
            .and(cpu.sp_el0 ^ self.innermost().own_banks(cpu) << 56)
            .and(
                u64::from(environment.ipi_due)
                    | u64::from(environment.ipi_came) << 1
                    | u64::from(environment.softirqs | environment.raised << 4) << 8
                    | u64::from(environment.active) << 16
                    | u64::from(cpu.pmr) << 24
                    | u64::from(cpu.synchronised) << 32,
            )
            .and(self.value(Cell::Watching) & 1 | self.value(Cell::Belief) << 1 | self.step_code() << 8)
            .and(self.value(Cell::Nesting) ^ (question as u64) << 48)
            .and(self.fpsimd_code())
            .and(self.tagging.code());
        for (number, task) in self.tasks.iter().enumerate() {
            key = key
                .and(self.value(Cell::Word(number)))
                .and(task.stack_pointer | u64::from(task.runnable) << 62 | u64::from(task.slept) << 61);
            key = task.told(key);
        }
        key
    }
}
