//! Pipes.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use vestibule::Process;

use crate::lock::IrqLock;
use crate::reference::Cpu;
use crate::wait::WaitQueue;

const CAPACITY: usize = 4096;

struct Pipe {
    state: IrqLock<State>,
    changed: WaitQueue,
}

struct State {
    bytes: VecDeque<u8>,
    readers: usize,
    writers: usize,
}

/// One end; the pipe knows how many there are of each.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    writes: bool,
}

/// Nobody will ever read what is written.
#[derive(Debug)]
pub struct Broken;

/// A pipe's two ends: to read from, to write to.
pub fn pipe() -> (PipeEnd, PipeEnd) {
    let state = State { bytes: VecDeque::with_capacity(CAPACITY), readers: 1, writers: 1 };
    let pipe = Arc::new(Pipe { state: IrqLock::new(state), changed: WaitQueue::new() });
    (PipeEnd { pipe: pipe.clone(), writes: false }, PipeEnd { pipe, writes: true })
}

impl PipeEnd {
    /// Is this the end to write to?
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Sleeps until there is something, and takes what fits; nothing at the end, or when `stop` says so.
    pub fn read(&self, cpu: &mut Cpu<Process>, buffer: &mut [u8], stop: impl Fn() -> bool) -> usize {
        let state = &self.pipe.state;
        self.pipe.changed.wait_until(cpu, || {
            let state = state.lock();
            !state.bytes.is_empty() || state.writers == 0 || stop()
        });
        let mut state = state.lock();
        let count = buffer.len().min(state.bytes.len());
        for (to, from) in buffer.iter_mut().zip(state.bytes.drain(..count)) {
            *to = from;
        }
        drop(state);
        self.pipe.changed.wake_all();
        count
    }

    /// Puts what was just read back in front: the reader's memory would not take it.
    pub fn unread(&self, bytes: &[u8]) {
        let mut state = self.pipe.state.lock();
        bytes.iter().rev().for_each(|byte| state.bytes.push_front(*byte));
        drop(state);
        self.pipe.changed.wake_all();
    }

    /// Sleeps until there is room, and puts in what fits.
    pub fn write(&self, cpu: &mut Cpu<Process>, bytes: &[u8], stop: impl Fn() -> bool) -> Result<usize, Broken> {
        let state = &self.pipe.state;
        self.pipe.changed.wait_until(cpu, || {
            let state = state.lock();
            state.bytes.len() < CAPACITY || state.readers == 0 || stop()
        });
        let mut state = state.lock();
        if state.readers == 0 {
            return Err(Broken);
        }
        let count = bytes.len().min(CAPACITY - state.bytes.len());
        state.bytes.extend(&bytes[..count]);
        drop(state);
        self.pipe.changed.wake_all();
        Ok(count)
    }

    fn count<'a>(&self, state: &'a mut State) -> &'a mut usize {
        if self.writes { &mut state.writers } else { &mut state.readers }
    }
}

impl Clone for PipeEnd {
    fn clone(&self) -> Self {
        *self.count(&mut self.pipe.state.lock()) += 1;
        PipeEnd { pipe: self.pipe.clone(), writes: self.writes }
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        *self.count(&mut self.pipe.state.lock()) -= 1;
        self.pipe.changed.wake_all();
    }
}
