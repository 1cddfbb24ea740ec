//! How a process ends: its tasks one by one, then what it has, and at last what its parent waits for.

use alloc::sync::Arc;
use core::mem;
use core::sync::atomic::Ordering;

use vestibule::Process as ProcessContext;

use super::{NOBODY, Process, RUNS, Status};
use crate::reference::Cpu;
use crate::signals::{self, Info, Origin, Signal};
use crate::task::Task;
use crate::terminal::TERMINAL;
use crate::{cpu_time, power, println, processes, ptrace, statistics};

impl Process {
    /// Its tasks are to end.
    pub fn is_ending(&self) -> bool {
        self.status.load(Ordering::Acquire) != RUNS
    }

    /// That task of it is to end.
    pub fn is_ending_task(&self, task: &Task) -> bool {
        let survivor = self.survivor.load(Ordering::Acquire);
        self.is_ending() || survivor != 0 && survivor != task.id()
    }

    /// How it ended, when its last task has.
    pub fn how_it_ended(&self) -> Option<Status> {
        self.ended.load(Ordering::Acquire).then(|| Status::from_word(self.status.load(Ordering::Acquire)))
    }

    /// Has every task end, with `status` for the whole unless it ends already. Each does so on its next way to user mode.
    pub fn end(&self, status: Status) {
        let first = self.status.compare_exchange(RUNS, status.to_word(), Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if first {
            self.tasks().for_each(|task| signals::notify(&task));
            self.release_stopped();
        }
    }

    /// The current task, one of these, leaves. With the last one the process ends, with `status` unless it has one, and with the
    /// first process the machine.
    pub fn leave(self: &Arc<Self>, cpu: &mut Cpu<ProcessContext>, status: Status) {
        // First of all: when nobody is left the tables are freed, and this task runs on for a while.
        Task::leave_memory(cpu);
        cpu_time::charge(cpu);
        let task = Task::current(cpu);
        processes::remove_task(task.id());
        ptrace::task_ended(task);
        self.forget(task);
        if self.living.fetch_sub(1, Ordering::AcqRel) > 1 {
            signals::pass_on(self);
            return self.task_left.wake_all();
        }
        // Not before: of several that leave at the same time nobody knows that he is the last.
        _ = self.status.compare_exchange(RUNS, status.to_word(), Ordering::AcqRel, Ordering::Relaxed);
        self.files.leave();
        self.alarms.clear();
        self.release_memory();
        if self.id == processes::FIRST {
            power_off(Status::from_word(self.status.load(Ordering::Acquire)));
        }
        if self.id == self.session() {
            TERMINAL.leave_session(self.id);
        }
        self.leave_children();
        ptrace::tracer_ended(self);
        self.tell_parent();
    }

    /// Whoever shares it keeps it. Its tasks have all [left it](Task::leave_memory).
    fn release_memory(&self) {
        drop(self.memory.lock().take());
        self.return_memory();
    }

    /// The first process takes in who has no parent any more.
    fn leave_children(&self) {
        let children = mem::take(&mut self.family.lock().children);
        let Some(first) = processes::find(processes::FIRST) else { return };
        for child in children {
            *child.exit_signal.lock() = Some(Signal::SIGCHLD);
            child.family.lock().parent = Arc::downgrade(&first);
            first.family.lock().children.push(child.clone());
            // Last: a child that sees its new parent can be waited for by that.
            child.parent.store(first.id, Ordering::Release);
        }
        first.children_changed.wake_all();
    }

    fn tell_parent(self: &Arc<Self>) {
        let Some(parent) = self.parent() else {
            self.ended.store(true, Ordering::Release);
            processes::remove(self.id);
            return;
        };
        // A child that nobody is to wait for goes before it can be found.
        if parent.actions.lock().drop_children() {
            parent.bury(self);
        }
        self.ended.store(true, Ordering::Release);
        // It may have ended meanwhile, and who is the parent now has looked before.
        let parent = self.parent().unwrap_or(parent);
        let (code, status) = Status::from_word(self.status.load(Ordering::Acquire)).for_parent();
        let usage = self.usage();
        let times = [usage.user(), usage.system()].map(cpu_time::clock_ticks);
        let origin = Origin::Child { process: self.id, status, times };
        let signal = *self.exit_signal.lock();
        _ = signal.map(|signal| signals::send(&parent, Info { signal, code, origin }));
        parent.children_changed.wake_all();
    }

    /// Forgets a child that has ended; false if somebody else did so.
    pub fn bury(&self, child: &Arc<Process>) -> bool {
        let mut family = self.family.lock();
        let Some(index) = family.children.iter().position(|other| Arc::ptr_eq(other, child)) else { return false };
        let child = family.children.swap_remove(index);
        drop(family);
        self.inherit_usage(&child);
        child.parent.store(NOBODY, Ordering::Relaxed);
        processes::remove(child.id);
        true
    }
}

/// The first process has ended, and with it everything.
fn power_off(status: Status) -> ! {
    statistics::print();
    println!("--- exit status {}", status.code());
    power::exit(power::Status::Code(status.code()))
}
