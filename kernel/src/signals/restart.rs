//! A system call that a signal interrupted: whether it is made again, decided once (C61).

use linux_raw_sys::general as linux;

use vestibule_arm64::{Frame, NO_SYSCALL};

use super::Action;
use crate::errno::Errno;
use crate::task::Task;

/// A call that said it was interrupted, undecided.
#[must_use = "it is made again, or fails"]
pub struct Interrupted {
    said: Errno,
    /// X0 before it was the result.
    first_argument: u64,
}

impl Interrupted {
    /// Takes the question out of the frame: nobody asks it again.
    pub fn of(frame: &mut Frame, task: &Task) -> Option<Interrupted> {
        if frame.syscall == NO_SYSCALL {
            return None;
        }
        frame.syscall = NO_SYSCALL;
        let said = [Errno::ERESTARTSYS, Errno::ERESTARTNOINTR, Errno::ERESTARTNOHAND, Errno::ERESTART_RESTARTBLOCK]
            .into_iter()
            .find(|errno| errno.to_register() == frame.regs[0])?;
        Some(Interrupted { said, first_argument: task.first_argument() })
    }

    /// A handler will run first.
    pub fn handled(self, action: &Action, frame: &mut Frame) {
        match self.said {
            Errno::ERESTARTNOINTR => self.again(frame),
            Errno::ERESTARTSYS if action.has(linux::SA_RESTART) => self.again(frame),
            _ => frame.regs[0] = Errno::EINTR.to_register(),
        }
    }

    /// None will.
    pub fn not_handled(self, frame: &mut Frame) {
        if self.said == Errno::ERESTART_RESTARTBLOCK {
            frame.regs[8] = u64::from(linux::__NR_restart_syscall);
        }
        self.again(frame);
    }

    fn again(self, frame: &mut Frame) {
        const SVC: u64 = 4;
        frame.regs[0] = self.first_argument;
        frame.pc = frame.pc.wrapping_sub(SVC);
    }
}
