//! A person at the machine's terminal, for tests: types, and waits until what should come has come.

use std::io::Write;
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::serial::{Ports, Said};

/// For how long a person waits for what should come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Types these keys.
    Type(&'static str),
    /// Waits until this has come, after what was seen before.
    See(&'static str),
    /// Waits for so many milliseconds, because nothing shows when the time has come.
    Pause(u64),
}

/// Who types.
pub struct Typist<'a> {
    keys: ChildStdin,
    ports: &'a Ports,
    said: Said,
    /// So much of what came has been seen.
    seen: usize,
}

impl<'a> Typist<'a> {
    /// At the terminal of the machine whose ports these are.
    pub fn new(keys: ChildStdin, ports: &'a Ports) -> Self {
        Self { keys, ports, said: Said::default(), seen: 0 }
    }

    /// Does all of that.
    pub fn act(&mut self, acts: &[Act]) -> Result<()> {
        for act in acts {
            match act {
                Act::Type(keys) => self.type_in(keys)?,
                Act::See(text) => self.see(text)?,
                Act::Pause(time) => thread::sleep(Duration::from_millis(*time)),
            }
        }
        Ok(())
    }

    /// Leaves; what the machine has said meanwhile.
    pub fn leave(self) -> Said {
        self.said
    }

    fn type_in(&mut self, keys: &str) -> Result<()> {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).context("the machine takes no more keys")
    }

    fn see(&mut self, text: &str) -> Result<()> {
        let seen = self.seen;
        let place = |said: &Said| find(&said.terminal[seen..], text.as_bytes());
        self.ports.keep_until(Some(Instant::now() + PATIENCE), &mut self.said, |said| place(said).is_some());
        match place(&self.said) {
            Some(at) => {
                self.seen += at + text.len();
                Ok(())
            }
            None => bail!(
                "{text:?} did not come; what came instead:\n{:?}",
                String::from_utf8_lossy(&self.said.terminal[seen..])
            ),
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_come_is_found() {
        assert_eq!(find(b"a prompt # ", b"# "), Some(9));
        assert_eq!((find(b"a", b"ab"), find(b"", b"x")), (None, None));
    }
}
