//! Tag checks: what the CPU does where an access fails one, and who is to hear of it.
//!
//! A fault of an asynchronous check is on its way until a barrier has waited for the access; reads of the register see it after a
//! context synchronization event from then on. An exception waits by itself (SCTLR_EL1.ITFSB). Which access it was is no part
//! of the hardware, but of the books.

use vestibule_arm64::tags::{FAULT, KernelFault, Mode};

use crate::cpu::Level;
use crate::op::{Cell, Op};
use crate::step::{choose, step};
use crate::world::{TASKS, World, with};

/// Whose access failed a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    /// User mode's.
    User,
    /// The kernel's: of this task, in so many exceptions.
    Kernel(usize, usize),
}

/// A register that says that something has failed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Register {
    /// What it says.
    known: Option<Who>,
    /// What it will say.
    coming: Option<Who>,
    /// A barrier has waited for that.
    waited: bool,
}

/// TFSRE0_EL1 and TFSR_EL1, what is set for the user, and the books.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tagging {
    registers: [Register; 2],
    /// SCTLR_EL1.TCF0 and GCR_EL1.Exclude.
    user: (u64, u64),
    /// The kernel's own accesses are checked.
    own: bool,
    /// Whose fault was read last in TFSR_EL1.
    told: Option<Who>,
    /// The task has failed an asynchronous check in user mode, and has not been told.
    owed: [bool; TASKS],
}

const USER: usize = 0;
const KERNEL: usize = 1;
const SOME_SYNC: u64 = 1;
const SOME_ASYNC: u64 = 2;
const INCLUDED: u64 = 0xfffe;

impl Register {
    fn fail(&mut self, who: Who) {
        if self.known.is_none() && self.coming.is_none() {
            *self = Register { coming: Some(who), waited: false, ..*self };
        }
    }

    fn synchronise(&mut self, waits: bool) {
        if waits || self.waited {
            self.known = self.known.or(self.coming.take());
        }
    }

    /// A write comes after what a barrier has waited for, whoever has read it.
    fn clear(&mut self) {
        self.known = None;
        self.coming = self.coming.filter(|_| !self.waited);
    }

    fn is_empty(&self) -> bool {
        self.known.is_none() && self.coming.is_none()
    }

    fn code(&self) -> u64 {
        let who = |who: Option<Who>| match who {
            None => 0,
            Some(Who::User) => 1,
            Some(Who::Kernel(task, depth)) => 2 + (task as u64) + 4 * depth as u64,
        };
        who(self.known) << 32 | who(self.coming) << 1 | u64::from(self.waited)
    }
}

impl Tagging {
    /// Before anything has been asked for.
    pub(crate) fn reset(&mut self, own: bool) {
        *self = Tagging { user: (0, 0xffff), own, ..Tagging::default() };
    }

    /// A context synchronization event; an exception waits for what comes first.
    pub(crate) fn synchronise(&mut self, waits: bool) {
        self.registers.iter_mut().for_each(|register| register.synchronise(waits));
    }

    fn wait(&mut self) {
        self.registers.iter_mut().for_each(|register| register.waited = true);
    }

    fn read(&mut self, register: usize) -> bool {
        let known = self.registers[register].known;
        self.told = known.filter(|_| register == KERNEL);
        known.is_some()
    }

    /// A state's part.
    pub(crate) fn code(&self) -> u64 {
        let owed = self.owed.iter().fold(0, |code, owed| code << 1 | u64::from(*owed));
        let registers = self.registers[USER].code().rotate_left(7) ^ self.registers[KERNEL].code().rotate_left(17);
        registers ^ (self.user.0 | self.user.1 << 2 | owed << 18 | u64::from(self.own) << 22) << 40
    }
}

/// MRS.
pub(crate) fn read(register: usize) -> u64 {
    let known = with(|world| world.tagging.read(register));
    step(Op::ReadFaults(register), u64::from(known));
    // TF0, or TF1.
    u64::from(known) << register
}

/// MSR, of zero.
pub(crate) fn clear(register: usize) {
    with(|world| world.tagging.registers[register].clear());
    step(Op::ClearFaults(register), 0);
}

/// MSR TCO.
pub(crate) fn set_tco(masked: bool) {
    with(|world| world.cpu.pstate.tco = masked);
    step(Op::SetTco(masked), 0);
}

/// SCTLR_EL1 and GCR_EL1.
pub(crate) fn set_user(checks: u64, excluded: u64) {
    with(|world| world.tagging.user = (checks, excluded));
    step(Op::SetTagChecks(checks), 0);
}

/// DSB.
pub(crate) fn wait() {
    with(|world| world.tagging.wait());
    step(Op::Dsb, 0);
}

/// User mode fails a check.
pub(crate) fn user_fails() {
    with(World::fail_as_user);
    step(Op::Kernel("user code fails a tag check"), 0);
}

/// The kernel may, where it copies as the user.
pub(crate) fn copies() {
    if with(|world| world.has_tags() && world.checks_as_user()) && choose(2) == 1 {
        with(World::fail_as_user);
        step(Op::Kernel("a copy fails a tag check"), 0);
    }
}

/// The kernel may fail a check of its own.
pub(crate) fn kernel_accesses() {
    if with(|world| world.tagging.own && !world.cpu.pstate.tco) && choose(2) == 1 {
        with(World::fail);
        step(Op::Kernel("the kernel fails a tag check"), 0);
    }
}

/// The port says so.
pub(crate) fn told(fault: KernelFault<'_>) {
    with(|world| world.check_told(fault));
    step(Op::Kernel("the kernel is told of a tag fault"), 0);
}

impl World {
    /// The kernel's own accesses are checked.
    pub(crate) fn checks_own_tags(&self) -> bool {
        self.tagging.own
    }

    /// From here on they are. Before anything else.
    pub(crate) fn begin_own_tag_checks(&mut self) {
        self.tagging.own = true;
        self.cpu.pstate.tco = false;
    }

    fn has_tags(&self) -> bool {
        self.design.family.has_tags()
    }

    fn checks_as_user(&self) -> bool {
        !self.cpu.pstate.tco && self.tagging.user.0 & SOME_ASYNC != 0
    }

    fn fail_as_user(&mut self) {
        if !self.checks_as_user() {
            return;
        }
        let user = self.cpu.pstate.level == Level::El0;
        let who = if user { Who::User } else { Who::Kernel(self.current, self.depth()) };
        self.tagging.registers[USER].fail(who);
        self.tagging.owed[self.current] |= user;
    }

    fn fail(&mut self) {
        let who = Who::Kernel(self.current, self.depth());
        self.tagging.registers[KERNEL].fail(who);
    }

    /// A task that does not run has these.
    pub(crate) fn give_checks(&mut self, task: usize, mode: Mode) {
        if let Some(word) = self.word_at(Cell::Tags(task)) {
            word.store(mode as u64 | INCLUDED << 16, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Its checks are to be open in the kernel.
    fn wants_checks(&self, task: usize) -> bool {
        self.checks_own_tags() || self.value(Cell::Tags(task)) & SOME_SYNC != 0
    }

    /// A word of a task is stored to, and was another: a flag that another CPU has set meanwhile is gone.
    pub(crate) fn check_word_stored(&mut self, task: usize, value: u64) {
        let lost = self.value(Cell::Word(task)) >> 32 & !(value >> 32);
        self.check(105, lost == 0, "a flag that another CPU has set is lost");
    }

    pub(crate) fn check_faults_read(&mut self, register: usize) {
        let top = self.innermost();
        let (ghost, taken, from_user) = (top.ghost, top.exception.is_some(), top.before.level == Level::El0);
        if register == USER || !taken || ghost.scheduling {
            return;
        }
        if ghost.ran {
            self.check(102, self.is_masked(), "the exit's check is made with something open");
            self.check(
                if from_user { 55 } else { 102 },
                self.watched(),
                "the exit's check is made while nobody watches",
            );
        } else {
            self.check(21, self.cpu.pstate.tco, "faults of before are asked for with checks open");
        }
    }

    pub(crate) fn check_tco(&mut self, masked: bool) {
        let top = self.innermost();
        let (ghost, taken) = (top.ghost, top.exception.is_some());
        let (from_user, traceless) = (top.before.level == Level::El0, top.leaves_no_trace());
        if masked || !taken || ghost.scheduling {
            return;
        }
        self.check(101, !traceless, "an NMI-like exception opens checks");
        let constraint = if from_user { 49 } else { 20 };
        let right = self.watched() && self.is_masked() && !ghost.opened && ghost.tracked;
        self.check(constraint, right, "checks open before somebody watches, or after something else");
    }

    /// A body begins.
    pub(crate) fn check_tags_of_body(&mut self) {
        if !self.has_tags() {
            return;
        }
        let top = self.innermost();
        let (from_user, traceless) = (top.before.level == Level::El0, top.leaves_no_trace());
        if traceless {
            self.check(101, self.cpu.pstate.tco, "an NMI-like exception has opened checks");
            return;
        }
        let constraint = if from_user { 49 } else { 20 };
        let right = self.cpu.pstate.tco != self.wants_checks(self.current);
        self.check(constraint, right, "a body runs with checks open or masked that should not be");
        let register = self.tagging.registers[KERNEL];
        let own = Some(Who::Kernel(self.current, self.depth()));
        let asked = [register.known, register.coming].iter().all(|who| who.is_none() || *who == own);
        self.check(21, asked, "nobody has asked for what the interrupted code has failed");
    }

    /// A system call is made.
    pub(crate) fn check_tags_of_call(&mut self) {
        let owed = self.tagging.owed[self.current];
        self.check(62, !owed, "a system call is made before the fault that came before it is told");
    }

    /// Other work: it tells the task, if the flag says so.
    pub(crate) fn tell_tag_fault(&mut self) {
        if self.value(Cell::Word(self.current)) & FAULT.bits() != 0 {
            let owed = std::mem::take(&mut self.tagging.owed[self.current]);
            self.check(106, owed, "a task is told of a fault that was the kernel's");
        }
    }

    fn check_told(&mut self, fault: KernelFault<'_>) {
        // It is read, and cleared: whose it was is known from who is told first.
        let here = (self.current, self.depth());
        let who = self.tagging.told;
        let Some(Who::Kernel(task, depth)) = who else { return };
        match fault {
            // Or what that had interrupted, if it was NMI-like and did not ask.
            KernelFault::Interrupted(_) => {
                self.check(103, task == here.0 && depth < here.1, "a fault is blamed on who was interrupted");
            }
            KernelFault::Exit(_) => self.check(102, (task, depth) == here, "a fault is blamed on who returns"),
            KernelFault::Switch => self.check(104, task == here.0, "a fault is blamed on who is switched from"),
        }
    }

    pub(crate) fn check_tags_at_return(&mut self, to_user: bool) {
        if !self.has_tags() {
            return;
        }
        if !self.innermost().leaves_no_trace() {
            let told = self.tagging.registers[KERNEL].is_empty();
            self.check(102, told, "the kernel has failed a check, and nobody is told");
        }
        if to_user {
            self.check(106, self.tagging.registers[USER].is_empty(), "what the kernel has failed is the user's");
            self.check(105, !self.tagging.owed[self.current], "a task is not told of its fault");
        }
    }

    pub(crate) fn check_tags_switched(&mut self) {
        if !self.has_tags() {
            return;
        }
        let checks = self.value(Cell::Tags(self.current));
        let expected = (checks & 3, !(checks >> 16) & 0xffff);
        self.check(104, self.tagging.registers[KERNEL].is_empty(), "a task is left before its fault is known");
        self.check(104, self.tagging.user == expected, "a task runs with another's checks");
        let right = self.cpu.pstate.tco != self.wants_checks(self.current);
        self.check(104, right, "a task runs with checks open or masked as another's");
    }
}
