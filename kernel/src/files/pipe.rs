//! Pipes, with a name in the tree or without.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general::PIPE_BUF;
use linux_raw_sys::ioctl::FIONREAD;
use vestibule::Process;

use super::file::{At, File, Wait, ready};
use super::node::Access;
pub use super::ring::CAPACITY;
use super::ring::Ring;
use super::sides::{Missed, Sides};
use super::stat::{Change, Metadata, Times, Timestamp, Type};
use super::tmpfs::Inode;
use crate::errno::{Errno, Result};
use crate::lock::IrqLock;
use crate::planted::Bug;
use crate::reference::Cpu;
use crate::signals::{self, Info, Origin, Signal};
use crate::task::Task;
use crate::user_copy::write_user;
use crate::wait::WaitQueue;

/// What two ends share.
pub(super) struct Pipe {
    state: IrqLock<State>,
    changed: WaitQueue,
    number: u64,
    made: Timestamp,
}

struct State {
    ring: Ring,
    sides: Sides,
}

impl State {
    fn can_read(&self) -> bool {
        self.ring.length() > 0 || !self.sides.writers.is_open()
    }

    /// What is no longer than that comes in one piece.
    fn can_write(&self, count: usize) -> bool {
        let needed = if count <= PIPE_BUF as usize { count } else { 1 };
        self.ring.room() >= needed || !self.sides.readers.is_open()
    }
}

impl Pipe {
    pub(super) fn new() -> Arc<Pipe> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let state = State { ring: Ring::new(), sides: Sides::new() };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Pipe { state: IrqLock::new(state), changed: WaitQueue::new(), number, made: Timestamp::now() })
    }

    /// Sleeps until the other side has somebody, or had since `end` is there.
    pub(super) fn meet(&self, cpu: &mut Cpu<Process>, end: &PipeEnd) -> Result<()> {
        let met = || {
            let sides = &self.state.lock().sides;
            if end.access.reads { sides.met_writer(&end.missed) } else { sides.met_reader(&end.missed) }
        };
        Ok(self.changed.wait_interruptibly(cpu, met)?)
    }

    pub(super) fn has_readers(&self) -> bool {
        self.state.lock().sides.readers.is_open()
    }
}

/// An end of a pipe, or, of a named one, both at once. The pipe knows how many there are.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    access: Access,
    /// Who of the other side had left when it came.
    missed: Missed,
    /// Where it has its name.
    inode: Option<Arc<Inode>>,
}

/// A pipe's two ends: to read from, to write to.
pub fn pipe() -> [PipeEnd; 2] {
    let pipe = Pipe::new();
    [true, false].map(|reads| PipeEnd::new(pipe.clone(), Access { reads, writes: !reads }, None))
}

impl PipeEnd {
    pub(super) fn new(pipe: Arc<Pipe>, access: Access, inode: Option<Arc<Inode>>) -> Self {
        let missed = pipe.state.lock().sides.enter(access.reads, access.writes);
        pipe.changed.wake_all();
        PipeEnd { pipe, access, missed, inode }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.pipe.state.lock().sides.leave(self.access.reads, self.access.writes);
        self.pipe.changed.wake_all();
    }
}

impl File for PipeEnd {
    fn metadata(&self) -> Metadata {
        match &self.inode {
            Some(inode) => inode.metadata(),
            None => Metadata {
                device: PIPES,
                inode: self.pipe.number,
                times: Times::all(self.pipe.made),
                ..Metadata::of(Type::Fifo as u32 | 0o600)
            },
        }
    }

    fn change(&self, change: &Change) -> Result<()> {
        if let Some(inode) = &self.inode {
            inode.change(change);
        }
        Ok(())
    }

    fn read(&self, cpu: &mut Cpu<Process>, _: u64, to: &mut [u8], wait: Wait) -> Result {
        loop {
            let mut state = self.pipe.state.lock();
            if state.can_read() {
                let count = state.ring.read(to);
                drop(state);
                if count > 0 && Bug::WrongByte.is_planted() {
                    to[0] ^= 1;
                }
                self.pipe.changed.wake_all();
                return Ok(count);
            }
            drop(state);
            if wait == Wait::Refuse {
                return Err(Errno::EAGAIN);
            }
            self.pipe.changed.wait_interruptibly(cpu, || self.pipe.state.lock().can_read())?;
        }
    }

    fn reopened(&self, access: Access) -> Result<Arc<dyn File>> {
        let mut end = PipeEnd::new(self.pipe.clone(), access, self.inode.clone());
        end.missed = Missed::NOBODY;
        Ok(Arc::new(end))
    }

    fn unread(&self, bytes: &[u8]) {
        self.pipe.state.lock().ring.unread(bytes);
        self.pipe.changed.wake_all();
    }

    fn write(&self, cpu: &mut Cpu<Process>, _: At, from: &[u8], wait: Wait) -> Result {
        let mut done = 0;
        loop {
            match self.write_some(cpu, &from[done..]) {
                Ok(count) => done += count,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
            if done == from.len() {
                return Ok(done);
            }
            if wait == Wait::Refuse {
                return if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) };
            }
            let rest = from.len() - done;
            match self.pipe.changed.wait_interruptibly(cpu, || self.pipe.state.lock().can_write(rest)) {
                Ok(()) => {}
                Err(_) if done > 0 => return Ok(done),
                Err(interrupted) => return Err(interrupted.into()),
            }
        }
    }

    fn control(&self, _: &mut Cpu<Process>, command: u32, argument: usize) -> Result {
        if command != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let length = self.pipe.state.lock().ring.length();
        write_user(argument, &(length as i32))?;
        Ok(0)
    }

    fn readiness(&self) -> u16 {
        let state = self.pipe.state.lock();
        let mut readiness = 0;
        if self.access.reads && state.ring.length() > 0 {
            readiness |= ready::READ;
        }
        // Who opens a named pipe sees no end before somebody has come to write; those who had left by then do not count.
        if self.access.reads && !state.sides.writers.is_open() && state.sides.met_writer(&self.missed) {
            readiness |= ready::HANGUP;
        }
        if self.access.writes && state.can_write(PIPE_BUF as usize) {
            readiness |= ready::WRITE;
        }
        if self.access.writes && !state.sides.readers.is_open() {
            readiness |= ready::ERROR;
        }
        readiness
    }

    fn changes(&self) -> Option<&WaitQueue> {
        Some(&self.pipe.changed)
    }
}

impl PipeEnd {
    /// Puts in what there is room for, which may be nothing. Nobody to read it: EPIPE, and the signal for that.
    fn write_some(&self, cpu: &Cpu<Process>, from: &[u8]) -> Result {
        let mut state = self.pipe.state.lock();
        if !state.sides.readers.is_open() {
            drop(state);
            send_broken_pipe(cpu);
            return Err(Errno::EPIPE);
        }
        if !state.can_write(from.len()) {
            return Ok(0);
        }
        let count = state.ring.write(from).map_err(|_| Errno::ENOMEM)?;
        drop(state);
        self.pipe.changed.wake_all();
        Ok(count)
    }
}

/// As Linux does it, the task sends the signal to itself.
fn send_broken_pipe(cpu: &Cpu<Process>) {
    const FROM_USER: i32 = 0;
    let task = Task::current_shared(cpu);
    let process = task.process().map_or(0, |process| process.id());
    let origin = Origin::Sender { process, value: 0 };
    signals::send_task(&task, Info { signal: Signal::SIGPIPE, code: FROM_USER, origin });
}

/// The file system that pipes without a name are in.
const PIPES: u32 = 10;
