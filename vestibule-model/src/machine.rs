//! The machine around the CPU: the interrupt controller, and waiting for it.

use crate::event::Event;
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

/// The one that a device raises, the tick or another CPU.
const INTERRUPT: u64 = 32;
/// Not there any more.
const WITHDRAWN: u64 = 1023;

/// The interrupt controller is asked which interrupt this is.
pub(crate) fn acknowledge() -> u64 {
    let withdrawn = !with(|world| world.limits.events.has(Event::Irq)) || choose(2) != 0;
    with(|world| world.acknowledge(withdrawn));
    let interrupt = if withdrawn { WITHDRAWN } else { INTERRUPT };
    step(Op::Gic(if withdrawn { "acknowledge: withdrawn" } else { "acknowledge" }), interrupt);
    interrupt
}

/// It is told that the interrupt is over.
pub(crate) fn end_of_interrupt(interrupt: u64) {
    with(|world| {
        let active = world.environment.active && interrupt == INTERRUPT;
        world.check(117, active, "end of an interrupt that was not acknowledged");
        world.environment.active = false;
    });
    step(Op::Gic("end of interrupt"), 0);
}

impl World {
    /// Another interrupt may have come since the exception, and changed registers: nothing has synchronised with that.
    fn acknowledge(&mut self, withdrawn: bool) {
        self.cpu.synchronised = false;
        self.environment.active = !withdrawn;
        if withdrawn {
            self.no_body();
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
