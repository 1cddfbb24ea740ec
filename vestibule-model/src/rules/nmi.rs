//! What is asked only where there are NMIs: the masks of the two backends that have them, acknowledgement, and what code that
//! counts as one may do. Where there are none, each holds by itself and is not asked.

use vestibule::Flags;
use vestibule_arm64::priority::{OFF, OPEN};

use super::{BELIEF_ON, COUNTS, HARDIRQ, NMI};
use crate::backend::Backend;
use crate::cpu::{A, D, I, Level, Masks};
use crate::event::Exception;
use crate::ghost::Snapshot;
use crate::world::World;

const OPEN_FOR_ALL: u8 = OPEN as u8;
const OFF_FOR_IRQS: u8 = OFF as u8;

impl World {
    fn is_pmr(&self) -> bool {
        self.design.backend == Backend::Pmr
    }

    /// A write of the priority mask.
    pub(super) fn check_pmr(&mut self, before: Masks) {
        let after = self.masks();
        let top = self.innermost();
        let (ghost, was, exception, in_round) = (top.ghost, top.before, top.exception, top.in_round);
        self.check(89, matches!(after.pmr, OPEN_FOR_ALL | OFF_FOR_IRQS), "a priority mask that means nothing");
        self.check(92, self.cpu.pmr_seen == after.pmr, "the controller goes by a priority mask that is no more");
        let opens_irqs = before.irqs() && !after.irqs();
        self.check_order(after, opens_irqs);
        let i_masked = after.daif & I != 0;
        // Where interrupts are masked by PSTATE, a handler changes it only on the way to `NoIrq` and back: from `Critical`, or from
        // an acknowledgement.
        let acknowledged = exception.is_some_and(Exception::is_interrupt) && !self.is_masked();
        let on_the_way = !ghost.inside && (self.is_masked() || acknowledged);
        self.check(91, !i_masked || on_the_way, "interrupts are masked by their priority where PSTATE masks them");
        if let Some(exception) = exception.filter(|_| !ghost.inside && !ghost.scheduling) {
            let work = in_round || ghost.looked.is_some_and(|word| word & super::WORK != 0);
            let back = before.pmr == OFF_FOR_IRQS && was.masks.pmr == OPEN_FOR_ALL;
            let needed = exception.is_interrupt() || work || back && ghost.masked;
            self.check(90, needed, "an exception that opens no further than it found writes the priority mask");
        }
        if opens_irqs {
            self.check(41, !ghost.restoring, "opens after the return state is put back");
            self.check(23, self.believes(BELIEF_ON), "interrupts open before tracking hears of it");
            self.top().ghost.opened = true;
        }
    }

    /// A move of two writes goes through what is stricter than its ends.
    pub(super) fn check_order(&mut self, after: Masks, opens_irqs: bool) {
        match self.design.backend {
            Backend::Daif => {}
            // A handler's way to `NoIrq` and back never has everything open. Only guards open all, and they tell tracing first.
            Backend::Pmr => {
                let top = self.innermost();
                let handler = top.exception.is_some_and(Exception::is_interrupt) || top.in_round || top.ghost.masked;
                let between = opens_irqs && handler && !self.believes(BELIEF_ON);
                self.check(93, !between, "interrupts open between two writes of a move that never opens them");
            }
            Backend::AllInt => {
                let nests = after.allint || after.daif & (D | A) == 0;
                self.check(93, nests, "NMIs are open where SErrors or debug exceptions are masked");
            }
        }
    }

    pub(super) fn check_pmr_at_return(&mut self, was: &Snapshot) {
        if self.is_pmr() {
            self.check(90, self.cpu.pmr == was.masks.pmr, "returns with another priority mask than it found");
        }
    }

    pub(super) fn check_pmr_of_user(&mut self) {
        if self.is_pmr() {
            self.check(89, self.cpu.pmr == OPEN_FOR_ALL, "user mode with a priority that masks interrupts");
        }
    }

    pub(super) fn check_pmr_at_switch(&mut self) {
        if self.is_pmr() {
            self.check(110, self.cpu.pmr == OFF_FOR_IRQS, "tasks are switched with another priority mask than off");
        }
    }

    /// What a priority masks, the wait does not see.
    pub(super) fn check_pmr_at_wait(&mut self) {
        if self.is_pmr() {
            self.check(98, self.cpu.pmr == OPEN_FOR_ALL, "waits for what a priority masks");
        }
    }

    /// A CPU that boots has set its masks when it opens interrupts.
    pub(crate) fn check_booted(&mut self) {
        if self.design.backend.has_nmis() {
            let open = self.is_in(vestibule::Level::Process);
            self.check(100, open, "a CPU has booted, and its masks of interrupts are not set");
        }
    }

    /// NMIs are open in what is no NMI, and were closed until it was known not to be one.
    pub(super) fn check_nmis_open(&mut self) {
        let backend = self.design.backend;
        if backend.has_nmis() {
            self.check(97, !backend.masks_nmis(self.masks()), "an interrupt's body has NMIs masked");
        }
    }

    pub(crate) fn check_acknowledged(&mut self, ordinary: bool) {
        let backend = self.design.backend;
        if !backend.has_nmis() {
            return;
        }
        let was = self.innermost().before;
        self.check(97, backend.masks_nmis(self.masks()), "an interrupt is acknowledged with NMIs open");
        let interrupts_off = was.level == Level::El1 && was.masks.irqs();
        if interrupts_off && backend == Backend::Pmr {
            let below = self.cpu.pmr <= OFF_FOR_IRQS;
            self.check(95, below, "acknowledges with ordinary interrupts open, where they were masked");
        }
        self.check(95, !(interrupts_off && ordinary), "an ordinary interrupt is taken where they were masked");
    }

    pub(crate) fn check_running_priority(&mut self) {
        let own = self.environment.active & !self.innermost().before.active;
        self.check(94, own != 0, "the running priority is read where nothing is acknowledged that has not ended");
    }

    /// What counts as an NMI inside an exception that does not: everything as it was where it began.
    pub(super) fn check_unit(&mut self, up: bool, unit: u64) {
        if unit != NMI + HARDIRQ || self.innermost().leaves_no_trace() {
            return;
        }
        if up {
            let mut begun = self.snapshot();
            begun.counts = begun.counts.wrapping_sub(unit) & COUNTS;
            self.top().unit = Some(begun);
        } else if let Some(begun) = self.top().unit.take() {
            let now = self.snapshot();
            self.check(77, now.belief == begun.belief, "what counts as NMI-like leaves another belief");
            let same = (now.counts, now.nesting, now.watching) == (begun.counts, begun.nesting, begun.watching);
            self.check(85, same, "what counts as NMI-like leaves other counts or tracking than it found");
            self.check(85, now.masks == begun.masks, "what counts as NMI-like leaves other masks than it found");
        }
    }

    /// Who counts as an NMI wakes nobody, and has nobody rescheduled.
    pub(super) fn check_flags(&mut self, flags: u64) {
        if self.value(crate::op::Cell::Word(self.current)) & (NMI * 15) != 0 {
            let wakes = flags & (Flags::RESCHED.bits() | Flags::RESCHED_LAZY.bits()) != 0;
            self.check(83, !wakes, "what counts as NMI-like asks for a reschedule");
        }
    }
}
