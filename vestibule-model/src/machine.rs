//! The machine around the CPU: the interrupt controller, and waiting for it.

use vestibule_arm64::hardware::ISR_IS;
use vestibule_arm64::priority;

use crate::backend::Backend;
use crate::cpu::Level;
use crate::event::{Event, Exception};
use crate::op::Op;
use crate::step::{choose, step};
use crate::verdict::End;
use crate::world::{World, with};

/// WFI: ends when an interrupt is pending, masked or not. None may ever come.
pub(crate) fn wait_for_interrupt() {
    with(World::check_wait);
    let wakes = choose(2) != 0 || with(|world| world.environment.ipi_due);
    with(|world| {
        if !wakes && world.live && world.end.is_none() {
            world.finish();
        }
    });
    step(Op::Wait, 0);
}

/// Interrupts that a device raises, the tick or another CPU. One of each kind and group is enough: a bit each, of those that
/// were acknowledged and have not ended.
const INTERRUPT: u8 = 1;
const INTERRUPT_OF_GROUP_0: u8 = 2;
const NMI: u8 = 4;
const NMI_OF_GROUP_0: u8 = 8;
/// The ordinary ones.
const ORDINARY: u8 = INTERRUPT | INTERRUPT_OF_GROUP_0;
const NMIS: u8 = NMI | NMI_OF_GROUP_0;
/// What comes as IRQ.
pub(crate) const GROUP_1: u8 = INTERRUPT | NMI;
/// What comes as FIQ.
pub(crate) const GROUP_0: u8 = INTERRUPT_OF_GROUP_0 | NMI_OF_GROUP_0;
/// The number of the first.
const FIRST: u64 = 32;
/// Not there any more.
const WITHDRAWN: u64 = 1023;
/// Nothing was acknowledged.
const IDLE: u8 = 0xff;

/// Which register acknowledges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Register {
    /// Of group 1, without superpriority.
    Iar1,
    /// Of group 0.
    Iar0,
    /// Of group 1, with superpriority.
    Nmiar1,
}

impl Register {
    const fn group(self) -> u8 {
        if matches!(self, Register::Iar0) { GROUP_0 } else { GROUP_1 }
    }
}

/// The interrupt controller is asked which interrupt this is. It may be the one for which the exception was taken, or it was
/// withdrawn; or one of the other kind has become pending meanwhile, or was all along.
pub(crate) fn acknowledge(register: Register) -> u64 {
    let (first, other) = with(|world| world.acknowledgeable(register));
    let answers = [first, 0, other];
    let answers = if first == 0 { &answers[1..] } else { &answers[..] };
    let acknowledged = answers[usize::from(choose(answers.len() as u8 - u8::from(other == 0)))];
    with(|world| world.acknowledge(acknowledged));
    let what = match acknowledged {
        0 => "acknowledge: withdrawn",
        _ if acknowledged & NMIS != 0 => "acknowledge: an NMI",
        _ => "acknowledge",
    };
    let number = if acknowledged == 0 { WITHDRAWN } else { FIRST + u64::from(acknowledged.trailing_zeros()) };
    step(Op::Gic(what), number);
    number
}

/// It is told that the interrupt is over.
pub(crate) fn end_of_interrupt(interrupt: u64, group: u8) {
    with(|world| {
        let ends = interrupt.checked_sub(FIRST).map_or(0, |bit| 1_u8.unbounded_shl(bit as u32));
        let active = world.environment.active;
        let innermost = if active & NMIS == 0 { active } else { active & NMIS };
        world.check(117, ends & innermost & group != 0, "end of an interrupt that was not acknowledged last");
        world.environment.active &= !ends;
    });
    step(Op::Gic("end of interrupt"), 0);
}

/// ICC_RPR_EL1.
pub(crate) fn running_priority() -> u64 {
    let priority = with(|world| {
        world.check_running_priority();
        u64::from(world.running_priority())
    });
    step(Op::ReadRpr, priority);
    priority
}

/// ISR_EL1, of which only IS is asked for: whether something with superpriority is pending.
pub(crate) fn interrupt_status() -> u64 {
    let (came, may_come) = with(|world| {
        let nmis = world.design.backend == Backend::AllInt && world.environment.active & NMIS == 0;
        let came = world.innermost().exception == Some(Exception::Nmi);
        let ipi = std::mem::take(&mut world.environment.ipi_came);
        (came && nmis, nmis && !ipi && world.limits.events.has(Event::Nmi) && world.may_turn_out())
    });
    let pending = if came { choose(2) == 0 } else { may_come && choose(2) == 1 };
    with(|world| world.told_of_nmi(pending));
    let status = if pending { ISR_IS } else { 0 };
    step(Op::ReadIsr, status);
    status
}

impl World {
    /// Of the most urgent interrupt that was acknowledged and has not ended.
    const fn running_priority(&self) -> u8 {
        match self.environment.active {
            0 => IDLE,
            active if active & NMIS != 0 => priority::NMI,
            _ => priority::IRQ,
        }
    }

    /// The controller lets an interrupt of this priority through to the CPU.
    const fn signals(&self, priority: u8) -> bool {
        priority < self.cpu.pmr && priority < self.running_priority()
    }

    /// Nobody has to guess what may come: is it allowed, and not masked?
    pub(crate) fn may_come(&self, event: Event) -> bool {
        let masks = &self.cpu.pstate;
        let open = match event {
            Event::Irq | Event::Ipi => {
                masks.daif & event.masked_by() == 0 && !masks.allint && self.signals(priority::IRQ)
            }
            Event::Nmi => self.nmi_comes(),
            Event::Fiq => masks.daif & event.masked_by() == 0 && !masks.allint && self.signals(self.most_urgent()),
            _ => masks.daif & event.masked_by() == 0,
        };
        open && self.limits.events.has(event)
    }

    /// Where ordinary interrupts do not come. Where they do, one of them may turn out to be one.
    fn nmi_comes(&self) -> bool {
        let masks = &self.cpu.pstate;
        match self.design.backend {
            Backend::Daif => false,
            Backend::Pmr => {
                masks.daif & Event::Nmi.masked_by() == 0 && self.masks_irqs() && self.signals(priority::NMI)
            }
            Backend::AllInt => {
                !masks.allint && masks.daif & Event::Irq.masked_by() != 0 && self.environment.active & NMIS == 0
            }
        }
    }

    /// An FIQ may be an NMI only by its priority.
    fn most_urgent(&self) -> u8 {
        if self.design.backend == Backend::Pmr { priority::NMI } else { priority::IRQ }
    }

    /// What this register can acknowledge: what the exception was taken for, and what else.
    fn acknowledgeable(&self, register: Register) -> (u8, u8) {
        let (events, group) = (self.limits.events, register.group());
        let of = |kind: u8, comes: bool| if comes { kind & group } else { 0 };
        let ordinary = if register == Register::Iar0 { Event::Fiq } else { Event::Irq };
        let ordinary = register != Register::Nmiar1 && events.has(ordinary) && self.signals(priority::IRQ);
        let nmi = match self.design.backend {
            Backend::Daif => false,
            Backend::Pmr => self.signals(priority::NMI),
            Backend::AllInt => register == Register::Nmiar1 && self.environment.active & NMIS == 0,
        };
        let came_for_nmi = register == Register::Nmiar1 || self.innermost().came_for_nmi();
        let nmi = nmi && events.has(Event::Nmi) && (came_for_nmi || self.may_turn_out());
        let (ordinary, nmi) = (of(ORDINARY, ordinary), of(NMIS, nmi));
        if came_for_nmi { (nmi, ordinary) } else { (ordinary, nmi) }
    }

    /// An interrupt may turn out to be an NMI. Of one that nests in another exception, that is left to where it does not.
    fn may_turn_out(&self) -> bool {
        !self.limits.reductions.lossless() || self.depth() == 1 && self.current == self.design.family.first_task()
    }

    /// Another interrupt may have come since the exception, and changed registers: nothing has synchronised with that.
    fn acknowledge(&mut self, acknowledged: u8) {
        self.check_acknowledged(acknowledged & ORDINARY != 0);
        self.cpu.synchronised = false;
        self.environment.active |= acknowledged;
        if acknowledged == 0 {
            self.no_body();
        }
    }

    /// The vector's question for the class: what is pending has superpriority, so this is an NMI, wherever it came.
    fn told_of_nmi(&mut self, pending: bool) {
        let top = self.top();
        if !top.ghost.tracked
            && top.before.level == Level::El1
            && matches!(top.exception, Some(Exception::Irq | Exception::Nmi))
        {
            top.ghost.nmi = pending;
            top.entry = top.entry.and(u64::from(pending) | 0x15_0000);
        }
    }

    /// Soft interrupts become pending; in one run of their loop again, but not for ever.
    pub(crate) fn raise_softirq(&mut self) {
        const AGAIN: u8 = 2;
        if self.value(crate::op::Cell::Word(self.current)) & 0xff00 == 0 {
            self.environment.raised = 0;
        }
        if self.environment.raised < AGAIN {
            self.environment.raised += 1;
            self.environment.softirqs = 1;
        }
    }

    /// The program is over: nothing that was asked for may be left undone.
    pub(crate) fn finish(&mut self) {
        self.check_finish();
        if self.end.is_none() {
            self.end = Some(End::Done);
        }
    }
}
