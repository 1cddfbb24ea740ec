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

/// Interrupts' numbers here.
pub(crate) const SPURIOUS: u8 = 2;
/// A device's.
pub(crate) const DEVICE: u8 = 1;

/// Asks the interrupt controller which interrupt this is: a device's or another CPU's, or none any more.
pub(crate) fn acknowledge() -> bool {
    let real = with(|world| world.limits.events.has(Event::Irq)) && choose(2) == 0;
    with(|world| world.environment.acknowledged = if real { DEVICE } else { SPURIOUS });
    step(Op::Gic(if real { "acknowledge" } else { "acknowledge: withdrawn" }), u64::from(real));
    real
}

/// Tells it that the interrupt is over.
pub(crate) fn end_of_interrupt() {
    with(|world| {
        world.check(117, world.environment.acknowledged == DEVICE, "end of an interrupt that was not acknowledged");
        world.environment.acknowledged = 0;
    });
    step(Op::Gic("end of interrupt"), 0);
}

impl World {
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
