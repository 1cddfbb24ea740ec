//! What programs ask a terminal by `ioctl`.

use core::sync::atomic::Ordering;

use linux_raw_sys::{general as linux, ioctl};
use vestibule::Process as ProcessContext;

use super::termios::{self, Termios};
use super::{Terminal, receive};
use crate::errno::{Errno, Result};
use crate::process::Process;
use crate::reference::Cpu;
use crate::signals::{self, Info, Signal};
use crate::task::Task;
use crate::user_copy::{copy_to_user, read_user, write_user};

/// When new settings hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    /// When everything written has been sent.
    Drained,
    /// And what was typed so far is thrown away.
    Flushed,
}

impl Terminal {
    /// Does what `request` says.
    pub fn control(&self, cpu: &mut Cpu<ProcessContext>, request: u32, argument: usize) -> Result {
        let current = Task::current_shared(cpu);
        let Some(process) = current.process() else { return Err(Errno::ENOTTY) };
        if self.plain.load(Ordering::Relaxed) && request != ioctl::FIONREAD {
            return Err(Errno::ENOTTY);
        }
        match request {
            ioctl::TCGETS => self.get_termios(argument, termios::SHORT_BYTES),
            ioctl::TCGETS2 => self.get_termios(argument, termios::BYTES),
            ioctl::TCSETS => self.set_termios::<{ termios::SHORT_BYTES }>(cpu, argument, When::Now),
            ioctl::TCSETSW => self.set_termios::<{ termios::SHORT_BYTES }>(cpu, argument, When::Drained),
            ioctl::TCSETSF => self.set_termios::<{ termios::SHORT_BYTES }>(cpu, argument, When::Flushed),
            ioctl::TCSETS2 => self.set_termios::<{ termios::BYTES }>(cpu, argument, When::Now),
            ioctl::TCSETSW2 => self.set_termios::<{ termios::BYTES }>(cpu, argument, When::Drained),
            ioctl::TCSETSF2 => self.set_termios::<{ termios::BYTES }>(cpu, argument, When::Flushed),
            ioctl::TIOCGWINSZ => self.get_window(argument),
            ioctl::TIOCSWINSZ => self.set_window(argument),
            ioctl::TIOCGPGRP => {
                self.session_of(process)?;
                give(argument, self.foreground())
            }
            ioctl::TIOCSPGRP => self.set_foreground_from(cpu, process, argument),
            ioctl::TIOCGSID => give(argument, self.session_of(process)?),
            ioctl::TIOCSCTTY => self.take(process, argument == 1).map(|()| 0),
            ioctl::TIOCNOTTY => self.give_up(process),
            ioctl::FIONREAD => give(argument, self.discipline.lock().readable() as u32),
            ioctl::TIOCOUTQ => give(argument, self.discipline.lock().output.waiting() as u32),
            ioctl::TCFLSH => self.flush(cpu, argument),
            ioctl::TCXONC => self.control_flow(cpu, argument),
            // A break, which is not sent, comes after what was written.
            ioctl::TCSBRK | ioctl::TCSBRKP => {
                self.check_foreground(cpu, Signal::SIGTTOU)?;
                self.drain(cpu).map(|()| 0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn get_termios(&self, to: usize, bytes: usize) -> Result {
        let termios = self.discipline.lock().termios().to_bytes();
        copy_to_user(to, &termios[..bytes])?;
        Ok(0)
    }

    fn set_termios<const BYTES: usize>(&self, cpu: &mut Cpu<ProcessContext>, from: usize, when: When) -> Result {
        self.check_foreground(cpu, Signal::SIGTTOU)?;
        let bytes = read_user::<[u8; BYTES]>(from)?;
        if when != When::Now {
            self.drain(cpu)?;
        }
        let mut discipline = self.discipline.lock();
        if when == When::Flushed {
            discipline.discard_input();
        }
        let new: Termios = discipline.termios().with_bytes(&bytes);
        discipline.set_termios(new);
        drop(discipline);
        self.resume(cpu);
        Ok(0)
    }

    fn get_window(&self, to: usize) -> Result {
        let window = *self.window.lock();
        copy_to_user(to, &window)?;
        Ok(0)
    }

    fn set_window(&self, from: usize) -> Result {
        let new = read_user::<[u8; 8]>(from)?;
        let old = core::mem::replace(&mut *self.window.lock(), new);
        if new != old {
            signals::send_group(self.foreground(), Info::kernel(Signal::SIGWINCH));
        }
        Ok(0)
    }

    fn set_foreground_from(&self, cpu: &Cpu<ProcessContext>, process: &Process, from: usize) -> Result {
        match self.check_foreground(cpu, Signal::SIGTTOU) {
            Err(Errno::EIO) => return Err(Errno::ENOTTY),
            other => other?,
        }
        self.session_of(process)?;
        self.set_foreground(process, read_user::<i32>(from)?)?;
        Ok(0)
    }

    /// A session has its terminal or has not: only its leader gives it up, for all.
    fn give_up(&self, process: &Process) -> Result {
        let session = self.session_of(process)?;
        if process.id() == session {
            self.leave_session(session);
        }
        Ok(0)
    }

    fn flush(&self, cpu: &mut Cpu<ProcessContext>, queues: usize) -> Result {
        self.check_foreground(cpu, Signal::SIGTTOU)?;
        let (input, output) = match u32::try_from(queues) {
            Ok(linux::TCIFLUSH) => (true, false),
            Ok(linux::TCOFLUSH) => (false, true),
            Ok(linux::TCIOFLUSH) => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        let mut discipline = self.discipline.lock();
        if input {
            discipline.discard_input();
        }
        if output {
            discipline.output.discard();
        }
        drop(discipline);
        self.resume(cpu);
        Ok(0)
    }

    fn control_flow(&self, cpu: &mut Cpu<ProcessContext>, action: usize) -> Result {
        self.check_foreground(cpu, Signal::SIGTTOU)?;
        let mut discipline = self.discipline.lock();
        match u32::try_from(action) {
            Ok(linux::TCOOFF) => discipline.output.stop(),
            Ok(linux::TCOON) => discipline.output.start(),
            // Who types is asked to wait, and to go on, by the characters for it.
            Ok(linux::TCIOFF) => discipline.send_special(linux::VSTOP),
            Ok(linux::TCION) => discipline.send_special(linux::VSTART),
            _ => return Err(Errno::EINVAL),
        }
        drop(discipline);
        self.resume(cpu);
        Ok(0)
    }

    /// After a change that may let bytes go on in either direction.
    fn resume(&self, cpu: &mut Cpu<ProcessContext>) {
        self.send(cpu);
        self.changed.wake_all();
        receive::go_on();
    }
}

/// Writes a number where a program wants it.
fn give(to: usize, value: u32) -> Result {
    write_user(to, &value)?;
    Ok(0)
}
