//! Reading and writing a terminal, and waiting for it.

use linux_raw_sys::general as linux;
use vestibule::Process as ProcessContext;

use super::discipline::Discipline;
use super::{Terminal, receive};
use crate::errno::{Errno, Result};
use crate::reference::Cpu;
use crate::signals::Signal;
use crate::task::Task;
use crate::{console, timer, timers};

/// Bytes sent at a time: what the port's queue takes.
const PIECE: usize = 16;

impl Terminal {
    /// Sends what waits to go out, until output is stopped or nothing is left. Preemptible after each piece.
    pub fn send(&self, cpu: &mut Cpu<ProcessContext>) {
        let _sending = self.sending.lock(cpu);
        let mut piece = [0; PIECE];
        loop {
            let count = self.discipline.lock().output.take(&mut piece);
            if count == 0 {
                return;
            }
            console::send_to_terminal(&piece[..count]);
        }
    }

    /// Writes `bytes`, and waits while there is no room, if it may; how many were written.
    pub fn write(&self, cpu: &mut Cpu<ProcessContext>, bytes: &[u8], may_wait: bool) -> Result {
        if self.discipline.lock().termios().local(linux::TOSTOP) {
            self.check_foreground(cpu, Signal::SIGTTOU)?;
        }
        let mut done = 0;
        while done < bytes.len() {
            done += self.discipline.lock().write(&bytes[done..]);
            self.send(cpu);
            if self.discipline.lock().output.has_room() {
                continue;
            }
            if !may_wait && done == 0 {
                return Err(Errno::EAGAIN);
            }
            let room = |discipline: &Discipline| discipline.output.has_room() || !discipline.output.is_stopped();
            if !may_wait {
                return Ok(done);
            }
            match self.wait(cpu, None, room) {
                Err(why) if done == 0 => return Err(why),
                Err(_) => return Ok(done),
                Ok(_) => {}
            }
        }
        Ok(done)
    }

    /// Waits until everything that was written has been sent.
    pub fn drain(&self, cpu: &mut Cpu<ProcessContext>) -> Result<()> {
        loop {
            self.send(cpu);
            if self.discipline.lock().output.waiting() == 0 {
                return Ok(());
            }
            self.wait(cpu, None, |discipline| !discipline.output.is_stopped())?;
        }
    }

    /// Reads a line, or raw bytes as VMIN and VTIME have it; how many. Waits for them if it may.
    pub fn read(&self, cpu: &mut Cpu<ProcessContext>, buffer: &mut [u8], may_wait: bool) -> Result {
        self.check_foreground(cpu, Signal::SIGTTIN)?;
        let mut done = 0;
        while done < buffer.len() {
            let mut discipline = self.discipline.lock();
            let (canonical, minimum) = (discipline.is_canonical(), discipline.termios().minimum());
            let taken = discipline.read(&mut buffer[done..]);
            drop(discipline);
            if let Some(taken) = taken {
                receive::go_on();
                done += taken;
                if canonical || done >= minimum {
                    break;
                }
            }
            match self.wait_for_input(cpu, done > 0, may_wait) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if done > 0 => break,
                Err(why) => return Err(why),
            }
        }
        Ok(done)
    }

    /// Waits for something to read. False if there is nothing, and the settings say that nothing is an answer.
    fn wait_for_input(&self, cpu: &mut Cpu<ProcessContext>, begun: bool, may_wait: bool) -> Result<bool> {
        let termios = *self.discipline.lock().termios();
        let raw = !termios.local(linux::ICANON);
        let timed = raw && (begun || termios.minimum() == 0);
        let time = if timed && (termios.time() > 0 || termios.minimum() == 0) { Some(termios.time()) } else { None };
        if time == Some(0) {
            return Ok(false);
        }
        if !may_wait {
            return Err(Errno::EAGAIN);
        }
        let due = time.map(|time| timer::nanoseconds() + time);
        self.wait(cpu, due, |discipline| discipline.can_read(1))
    }

    /// Sleeps until `holds`, or until the clock shows `due`; which of the two. Or until a signal comes.
    fn wait(
        &self,
        cpu: &mut Cpu<ProcessContext>,
        due: Option<u64>,
        holds: impl Fn(&Discipline) -> bool,
    ) -> Result<bool> {
        let alarm = due.map(|due| timers::set(due, Task::current_shared(cpu)));
        let is_late = || due.is_some_and(|due| timer::nanoseconds() >= due);
        let waited = self.changed.wait_interruptibly(cpu, || holds(&self.discipline.lock()) || is_late());
        if let Some(alarm) = alarm {
            alarm.cancel();
        }
        waited?;
        Ok(holds(&self.discipline.lock()))
    }

    /// Whether a read would find what it wants.
    pub fn is_readable(&self) -> bool {
        let discipline = self.discipline.lock();
        let termios = discipline.termios();
        discipline.can_read(if termios.time() == 0 { termios.minimum() } else { 1 })
    }

    /// Whether a write would find room.
    pub fn is_writable(&self) -> bool {
        self.discipline.lock().output.has_room()
    }
}
