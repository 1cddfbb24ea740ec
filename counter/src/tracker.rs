//! Pairs vectors with the ERETs that end them, on one CPU.
//!
//! The stack pointer at the vector's first instruction equals that at the matching ERET. An event is *open* in between.
//! Several are open when exceptions nest, and also when a task was switched away from inside one; the counters
//! advance for the innermost only. As soon as it is clear that another task ran, every event open then is marked as
//! switched: its count would hold foreign instructions.

use crate::class::{Class, Kind};
use crate::decode::Mark;
use crate::ledger::Ledger;
use crate::report::Counts;

/// The events of one CPU, closed and open. `now` is always the CPU's running counters.
#[derive(Default)]
pub struct Tracker {
    ledger: Ledger,
    phase: Option<u8>,
    open: Vec<Event>,
    /// The counters when the innermost event last began or ended.
    since: Counts<u64>,
}

struct Event {
    phase: Option<u8>,
    class: Class,
    stack_pointer: u64,
    counted: Counts<u64>,
    disturbed: bool,
    switched: bool,
}

impl Tracker {
    /// Before the first instruction of a vector.
    pub fn enter(&mut self, class: Class, stack_pointer: u64, now: Counts<u64>) {
        let ran = self.charge(now);
        if class.from.is_user() {
            // A user program ran: whatever is open belongs to tasks switched away from.
            self.switch();
            self.abandon_owner_of(stack_pointer);
        } else {
            self.ledger.rounds.ran(ran);
            if let Some(innermost) = self.open.last_mut() {
                innermost.disturbed = true;
            }
        }
        if class.kind == Kind::Irq {
            self.ledger.rounds.interrupted();
        }
        let phase = self.phase;
        self.open.push(Event {
            phase,
            class,
            stack_pointer,
            counted: Counts::default(),
            disturbed: false,
            switched: false,
        });
    }

    /// At an ERET that `now` includes.
    pub fn leave(&mut self, stack_pointer: u64, now: Counts<u64>) {
        let ran = self.charge(now);
        self.ledger.rounds.ran(ran);
        let innermost = self.open.last().is_some_and(|event| event.stack_pointer == stack_pointer);
        if !innermost {
            self.switch();
        }
        match self.open.iter().rposition(|event| event.stack_pointer == stack_pointer) {
            Some(index) => self.close(index),
            None => self.ledger.unmatched_return(),
        }
    }

    /// At an instruction that runs once for each task switch.
    pub fn switch(&mut self) {
        for event in &mut self.open {
            event.switched = true;
        }
    }

    /// At a mark. Events belong to the phase they begin in.
    pub fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Begin(phase) => self.phase = Some(phase),
            Mark::Round => self.ledger.rounds.begin(self.phase),
            Mark::End => {
                self.phase = None;
                self.ledger.rounds.end();
            }
        }
    }

    /// Ends the run: what is open now never returned.
    pub fn finish(mut self) -> Ledger {
        for event in std::mem::take(&mut self.open) {
            self.ledger.unfinished(event.phase, event.class);
        }
        self.ledger
    }

    /// What ran since an event last began or ended is the innermost's; how much that is.
    fn charge(&mut self, now: Counts<u64>) -> Counts<u64> {
        let ran = now - self.since;
        if let Some(innermost) = self.open.last_mut() {
            innermost.counted += ran;
        }
        self.since = now;
        ran
    }

    /// The stack is empty on entry from a user program, so an open event that began at the same place is that of a
    /// task which ended inside it, or which returned on another CPU.
    fn abandon_owner_of(&mut self, stack_pointer: u64) {
        let stale = |event: &mut Event| event.stack_pointer == stack_pointer;
        for event in self.open.extract_if(.., stale) {
            self.ledger.unfinished(event.phase, event.class);
        }
    }

    fn close(&mut self, index: usize) {
        let event = self.open.remove(index);
        if event.switched {
            self.ledger.switched(event.phase, event.class);
        } else if event.disturbed {
            self.ledger.disturbed(event.phase, event.class, event.counted);
        } else {
            self.ledger.clean(event.phase, event.class, event.counted);
        }
    }
}

#[cfg(test)]
mod tests;
