//! One step, and what may come after it.

use crate::cpu::{DAIF, Level};
use crate::event::{Event, Exception};
use crate::fibers;
use crate::op::{Cell, Op};
use crate::oracle::Chosen;
use crate::shadow::Shadow;
use crate::verdict::End;
use crate::world::{World, with};

/// What comes now.
pub(crate) enum Next {
    /// The next step.
    Go,
    /// Nothing: this execution is over.
    Stop,
    /// This.
    Take(Exception),
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

/// A step has been made; `told` is what its code learned by it.
#[inline]
pub fn step(op: Op, told: u64) {
    let next = with(|world| world.after(op, told));
    drive(next);
}

/// Before an access to a task's word: another CPU may be faster.
pub(crate) fn race() {
    let next = with(World::race);
    drive(next);
}

fn drive(mut next: Next) {
    loop {
        match next {
            Next::Go => return,
            Next::Stop => fibers::stop(),
            Next::Take(exception) => {
                crate::vector::take(exception);
                next = with(World::offer);
            }
        }
    }
}

/// The kernel's code decides: one of `of` things, of which 0 is that nothing special happens.
pub fn choose(of: u8) -> u8 {
    match with(|world| world.choose_quietly(of)) {
        Some(chosen) => chosen,
        None => fibers::stop(),
    }
}

impl World {
    #[inline]
    fn after(&mut self, op: Op, told: u64) -> Next {
        if !self.live {
            return Next::Go;
        }
        self.steps += 1;
        self.tell(op, told);
        self.write_down(op);
        self.check_step(op, told);
        if self.end.is_some() {
            return Next::Stop;
        }
        self.offer()
    }

    /// The step becomes a part of what its activation has been told.
    #[inline]
    fn tell(&mut self, op: Op, told: u64) {
        let top = self.top();
        top.shadow = top.shadow.and(op.code()).and(told);
        if matches!(op, Op::Add(Cell::Word(_), _)) {
            top.turn = None;
        }
        // The exit's loop carries nothing from one round to the next.
        if top.in_round && matches!(op, Op::DaifSet(DAIF)) {
            top.in_round = false;
            top.shadow = top.head.expect("a round began").and(told);
        }
    }

    /// Everything that may come here.
    pub(crate) fn offer(&mut self) -> Next {
        if self.end.is_some() {
            return Next::Stop;
        }
        if self.budget == 0 {
            // What is on its way comes.
            let comes = self.environment.ipi_due && self.may_come(Event::Ipi) && self.live;
            return if comes { Next::Take(self.arrive(Event::Ipi)) } else { Next::Go };
        }
        let mut menu = [Event::Irq; 6];
        let mut events = 0;
        for event in [Event::Irq, Event::Ipi, Event::Error, Event::FatalError, Event::Brk] {
            if self.may_come(event) && self.is_possible(event) {
                menu[events] = event;
                events += 1;
            }
        }
        if events == 0 {
            return Next::Go;
        }
        match self.decide(Question::Event, events as u8 + 1) {
            None => Next::Stop,
            Some(0) => Next::Go,
            Some(chosen) => Next::Take(self.arrive(menu[usize::from(chosen) - 1])),
        }
    }

    fn is_possible(&self, event: Event) -> bool {
        match event {
            Event::Ipi => self.environment.ipi_due,
            // In the kernel's own code anywhere; elsewhere where a debugger may have put one.
            Event::Brk => {
                let in_brk = self.task().activations.iter().any(|one| one.exception == Some(Exception::Brk));
                self.cpu.pstate.level == Level::El1 && !in_brk && self.cpu.pstate.daif & crate::cpu::D == 0
            }
            _ => true,
        }
    }

    fn arrive(&mut self, event: Event) -> Exception {
        if self.record.is_some() {
            self.note = Some(event.name().into());
        }
        match event {
            Event::Ipi => {
                self.environment.ipi_due = false;
                self.environment.acknowledged = 0;
                Exception::Irq
            }
            Event::Irq => Exception::Irq,
            Event::Error => Exception::CorrectedError,
            Event::FatalError => Exception::UncorrectedError,
            _ => Exception::Brk,
        }
    }

    /// Another CPU may have changed the running task's word just before it is looked at.
    fn race(&mut self) -> Next {
        if !self.live || self.budget == 0 || self.environment.ipi_due {
            return Next::Go;
        }
        let word = self.value(Cell::Word(self.current));
        let user = self.design.user;
        let mut menu = [(Event::RemoteResched, 0); 3];
        let mut events = 0;
        for (event, flag, possible) in [
            (Event::RemoteResched, 1 << 32, true),
            (Event::RemoteSignal, 1 << 34, user),
            (Event::RemoteWork, 1 << 36, user),
        ] {
            if possible && word & flag == 0 && self.limits.events.has(event) {
                menu[events] = (event, flag);
                events += 1;
            }
        }
        if events == 0 {
            return Next::Go;
        }
        match self.decide(Question::Race, events as u8 + 1) {
            None => Next::Stop,
            Some(0) => Next::Go,
            Some(chosen) => {
                let (event, flag) = menu[usize::from(chosen) - 1];
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

    fn choose_quietly(&mut self, of: u8) -> Option<u8> {
        if !self.live || self.budget == 0 || !self.limits.events.has(Event::Choice) {
            return Some(0);
        }
        let chosen = self.decide(Question::Kernel, of)?;
        let top = self.top();
        top.shadow = top.shadow.and(u64::from(chosen) | 0xc0_0000);
        Some(chosen)
    }

    /// `None`: this has been gone through.
    fn decide(&mut self, question: Question, of: u8) -> Option<u8> {
        // The oracle is taken out so that it can ask for the key.
        let mut oracle = std::mem::replace(&mut self.oracle, crate::oracle::Oracle::new(Vec::new(), None));
        let chosen = oracle.choose(of, || self.key(question).key());
        self.oracle = oracle;
        match chosen {
            Chosen::This(chosen) => {
                self.budget -= u32::from(chosen != 0 && self.limits.budget.is_some());
                Some(chosen)
            }
            Chosen::Seen => {
                self.end = Some(End::Seen);
                None
            }
        }
    }

    /// Everything that the future depends on.
    fn key(&self, question: Question) -> Shadow {
        let cpu = &self.cpu;
        let environment = &self.environment;
        let mut key = Shadow::of(cpu.pstate.to_spsr() | (self.current as u64) << 32)
            .and(cpu.elr)
            .and(cpu.spsr ^ cpu.esr << 32)
            .and(cpu.far ^ cpu.sp_el0.rotate_left(32))
            .and(
                u64::from(environment.ipi_due)
                    | u64::from(environment.softirqs) << 8
                    | u64::from(environment.acknowledged) << 16
                    | u64::from(environment.waiting) << 24
                    | u64::from(self.budget) << 32,
            )
            .and(self.value(Cell::Watching) & 1 | self.value(Cell::Belief) << 1)
            .and(self.value(Cell::Nesting) ^ (question as u64) << 48);
        for (number, task) in self.tasks.iter().enumerate() {
            key = key
                .and(self.value(Cell::Word(number)))
                .and(task.stack_pointer | u64::from(task.runnable) << 62 | u64::from(task.started) << 63);
            for activation in &task.activations {
                key = key.and(activation.ghost.code());
            }
            if let Some(top) = task.activations.last() {
                key = key.and(top.shadow.0).and(top.shadow.1);
            }
        }
        key
    }
}
