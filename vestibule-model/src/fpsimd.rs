//! What stands for FP/SIMD registers: whose they are, and how often their task has changed them.

use vestibule_arm64::fpsimd::Fpsimd;

use crate::family::Family;
use crate::op::Cell;
use crate::world::{TASKS, World};

/// Everywhere that FP/SIMD registers are, and what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registers {
    /// In the CPU.
    pub here: u64,
    /// How often each task has changed its own.
    changed: [u64; TASKS],
    /// What the port noted of each task: nothing, that they are nowhere, that this CPU loaded them.
    loaded_by: [u64; TASKS],
    /// And of the CPU: a task's number and one.
    of: u64,
}

impl Default for Registers {
    /// The CPU has what firmware left.
    fn default() -> Registers {
        Registers { here: u64::MAX, changed: [0; TASKS], loaded_by: [0; TASKS], of: 0 }
    }
}

impl Registers {
    /// A task's, as it left them last.
    const fn own(&self, task: usize) -> u64 {
        (task as u64) << 32 | self.changed[task]
    }

    /// Whose these are, and whether they are those.
    fn kind(&self, registers: u64) -> u64 {
        let task = (registers >> 32).min(TASKS as u64);
        let newest = self.changed.get(task as usize).is_some_and(|changed| *changed == registers & 0xffff_ffff);
        task << 1 | u64::from(newest)
    }
}

impl World {
    /// In the family of user mode the other task is a user's too; elsewhere it is a kernel thread.
    pub(crate) fn give_fpsimd(&mut self) {
        const OTHER: usize = 1;
        if self.design.family == Family::User {
            self.write_fpsimd(OTHER);
        }
    }

    /// A task that does not run gets others: it was in user mode elsewhere, or a tracer wrote them.
    pub(crate) fn write_fpsimd(&mut self, task: usize) {
        self.fpsimd.changed[task] += 1;
        self.fpsimd.loaded_by[task] = 1;
        let vectors = std::array::from_fn(|_| u128::from(self.fpsimd.own(task)));
        // SAFETY: it does not run.
        unsafe { self.thread(task).set_fpsimd(&Fpsimd { vectors, ..Fpsimd::default() }) };
    }

    /// It is a user's task.
    pub(crate) const fn has_fpsimd(&self, task: usize) -> bool {
        self.fpsimd.loaded_by[task] != 0
    }

    /// User code computes something.
    pub(crate) fn compute(&mut self) {
        let current = self.current;
        self.fpsimd.changed[current] += 1;
        self.fpsimd.here = self.fpsimd.own(current);
    }

    /// The port has stored a word.
    pub(crate) fn note_fpsimd(&mut self, of: Cell, value: u64) {
        match of {
            Cell::LoadedBy(task) => self.fpsimd.loaded_by[task] = value.min(2),
            Cell::FpsimdOf => self.fpsimd.of = self.owner(value),
            _ => {}
        }
    }

    /// A task's number and one, by its address.
    pub(crate) fn owner(&self, address: u64) -> u64 {
        if address == 0 { 0 } else { self.task_of(address as *const vestibule_arm64::Thread) as u64 + 1 }
    }

    /// As a part of a state.
    pub(crate) fn fpsimd_code(&self) -> u64 {
        let saved = |task: usize| {
            // SAFETY: nobody writes to it now.
            let registers = unsafe { self.thread(task).fpsimd() };
            self.fpsimd.kind(registers.vectors[0] as u64) << 2 | self.fpsimd.loaded_by[task]
        };
        (0..TASKS).fold(self.fpsimd.kind(self.fpsimd.here) << 2 | self.fpsimd.of, |code, task| code << 6 | saved(task))
    }

    /// A user's task that runs again finds its own.
    pub(crate) fn check_switched(&mut self) {
        if self.has_fpsimd(self.current) {
            self.check_fpsimd();
        }
    }

    /// What goes to user mode has its own.
    pub(crate) fn check_fpsimd(&mut self) {
        let own = self.fpsimd.here == self.fpsimd.own(self.current);
        self.check(127, own, "a task gets other FP/SIMD registers than it left");
    }
}
