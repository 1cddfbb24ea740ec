//! Another program in the same process: `execve`.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use vestibule::Process as ProcessContext;
use vestibule_arm64::fpsimd::{self, Fpsimd};
use vestibule_arm64::{Frame, breakpoints};

use super::{Memory, Process, Program};
use crate::address_space::{AddressSpace, Start};
use crate::errno::{Errno, Result};
use crate::mte;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::signals::{self, AlternateStack};
use crate::task::Task;
use crate::{futex, pointer_authentication, processes, ptrace, user_tables};

impl Process {
    /// Runs what is loaded in `memory`, from `start` on. Everything that could fail has been done, but for the other tasks,
    /// which end first; it fails if this one is to end, too.
    pub fn exec(
        self: &Arc<Self>,
        cpu: &mut Cpu<ProcessContext>,
        memory: AddressSpace,
        start: Start,
        program: Program,
        frame: &mut Frame,
    ) -> Result<()> {
        self.end_other_tasks(cpu)?;
        futex::robust::release(cpu);
        self.alarms.posix.clear();
        self.replace_memory(cpu, Memory::new(memory));
        self.actions.lock().for_new_program();
        self.files.close_on_exec();
        self.rename(program.name());
        let command = core::mem::replace(&mut *self.command.lock(), Arc::new(program.arguments));
        // There may be many: without the lock.
        drop(command);
        *self.executable.lock() = program.file_path;
        self.began_anew.store(true, Ordering::Relaxed);
        Task::current(cpu).begin_program(cpu);
        mte::begin_program(cpu);
        pointer_authentication::begin_program(cpu);
        fpsimd::set_registers(cpu, &Fpsimd::default());
        ptrace::began_program(&Task::current_shared(cpu));
        *frame = Frame::for_user(start.entry as u64, start.stack_pointer as u64);
        Ok(())
    }

    /// Only the current task is left, and it is the process's first.
    fn end_other_tasks(&self, cpu: &mut Cpu<ProcessContext>) -> Result<()> {
        let task = Task::current_shared(cpu);
        if self.survivor.compare_exchange(0, task.id(), Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Err(Errno::EAGAIN);
        }
        self.tasks().filter(|other| !Arc::ptr_eq(other, &task)).for_each(|other| signals::notify(&other));
        self.task_left.wait_until(cpu, || self.is_last() || self.is_ending());
        self.survivor.store(0, Ordering::Release);
        if self.is_ending() {
            return Err(Errno::EINTR);
        }
        processes::remove_task(task.id());
        task.set_id(self.id);
        processes::add_task(&task);
        Ok(())
    }

    fn replace_memory(&self, cpu: &mut Cpu<ProcessContext>, memory: Arc<Memory>) {
        let old = {
            let _masked = cpu.irqs_off();
            self.ttbr0.store(memory.ttbr0(), Ordering::Relaxed);
            // SAFETY: these tables are the process's from here on, and so live as long as its only task uses them.
            unsafe { user_tables::activate(memory.ttbr0()) };
            self.memory.lock().replace(memory)
        };
        drop(old);
        self.return_memory();
    }
}

impl Task {
    /// A new program begins in it.
    fn begin_program(&self, cpu: &Cpu<ProcessContext>) {
        self.signals.alternate.set(AlternateStack::NONE);
        self.reset_user_registers();
        if !Bug::KeptBreakpoints.is_planted() {
            breakpoints::clear(cpu);
        }
    }
}
