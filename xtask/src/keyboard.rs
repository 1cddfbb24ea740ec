//! Our standard input as the keyboard of the machine's terminal.
//!
//! If a person types, each key goes to the machine as it is, Ctrl-C too; what ends the machine is Ctrl-A and then `x`, as
//! in QEMU. (QEMU itself would change the modes of our terminal too, and leave them changed if it is killed.) If it is a
//! pipe or a file, its bytes are typed in such a way that the line discipline of the machine's terminal lets each of them
//! through, and its end is typed as Ctrl-D.

use std::io::{self, IsTerminal, Read, Write};
use std::process::Child;
use std::thread;

use anyhow::{Context, Result};
use rustix::termios::{self, OptionalActions, Termios};

use crate::serial::Ports;

const CTRL_A: u8 = 0x01;
const CTRL_D: u8 = 0x04;
/// The next byte is not for the line discipline.
const CTRL_V: u8 = 0x16;

/// What a terminal's line discipline would take for itself, but for the line feed: interrupt, end, the change of a
/// carriage return, reprint, start, stop, kill, literal next, word erase, suspend, quit, erase, and what discards.
const SPECIAL: [u8; 13] = [0x03, CTRL_D, b'\r', 0x0f, 0x11, 0x12, 0x13, 0x15, CTRL_V, 0x17, 0x1a, 0x1c, 0x7f];

/// A line discipline keeps no more than 4,095 bytes of a line; Ctrl-D within one passes on what there is.
const LONGEST_LINE: usize = 2048;

/// Who types.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keyboard {
    /// A person at our terminal.
    Keys,
    /// A pipe or a file.
    Bytes,
    /// Nobody: there is not even an end.
    Nobody,
}

/// The keyboard in use. Ends with it: the modes of our terminal.
pub struct Typing(Option<Termios>);

impl Keyboard {
    /// Whatever our standard input and output are: a person sees what they type only if both are a terminal.
    pub fn ours() -> Self {
        if io::stdin().is_terminal() && io::stdout().is_terminal() { Self::Keys } else { Self::Bytes }
    }

    /// Passes our standard input to the machine in a thread of its own.
    pub fn connect(self, child: &mut Child, ports: &Ports) -> Result<Typing> {
        let machine = child.stdin.take().expect("its input is piped");
        let quit = ports.quitter();
        match self {
            Self::Keys => {
                let typing = Typing::raw()?;
                thread::spawn(move || pass_on(machine, Keys::default(), quit));
                Ok(typing)
            }
            Self::Nobody => Ok(Typing(None)),
            Self::Bytes => {
                thread::spawn(move || pass_on(machine, Bytes::default(), || ()));
                Ok(Typing(None))
            }
        }
    }
}

impl Typing {
    /// Every key comes at once and as it is, and nothing is done to the machine's output.
    fn raw() -> Result<Self> {
        let before = termios::tcgetattr(io::stdin()).context("cannot ask for the terminal's modes")?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw).context("cannot set the terminal's modes")?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Typing {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before); // The terminal may be gone.
        }
    }
}

/// What is done to bytes on their way to the machine.
trait Typist: Send + 'static {
    /// What to send for `bytes`; nothing if whoever types wants the end.
    fn typed(&mut self, bytes: &[u8]) -> Option<Vec<u8>>;

    /// What to send when there are no more.
    fn end(&self) -> &[u8];
}

fn pass_on(mut machine: impl Write, mut typist: impl Typist, quit: impl FnOnce()) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = io::stdin().read(&mut buffer) {
        let Some(typed) = typist.typed(&buffer[..count]) else { return quit() };
        if machine.write_all(&typed).and_then(|()| machine.flush()).is_err() {
            return;
        }
    }
    let _ = machine.write_all(typist.end()); // The machine may have ended.
}

/// Keys as they are, but for what Ctrl-A begins.
#[derive(Default)]
struct Keys {
    escaped: bool,
}

impl Typist for Keys {
    fn typed(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut typed = Vec::new();
        for &byte in bytes {
            match byte {
                CTRL_A if !self.escaped => {
                    self.escaped = true;
                    continue;
                }
                b'x' if self.escaped => return None,
                _ => typed.push(byte),
            }
            self.escaped = false;
        }
        Some(typed)
    }

    fn end(&self) -> &[u8] {
        &[]
    }
}

/// Bytes in lines.
#[derive(Default)]
struct Bytes {
    /// How many there are in the line so far.
    in_line: usize,
}

impl Typist for Bytes {
    fn typed(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut typed = Vec::new();
        for &byte in bytes {
            if SPECIAL.contains(&byte) {
                typed.push(CTRL_V);
            }
            typed.push(byte);
            self.in_line += 1;
            if byte == b'\n' {
                self.in_line = 0;
            } else if self.in_line == LONGEST_LINE {
                typed.push(CTRL_D);
                self.in_line = 0;
            }
        }
        Some(typed)
    }

    fn end(&self) -> &[u8] {
        // The first passes on an unfinished line, and is no end.
        if self.in_line > 0 { &[CTRL_D, CTRL_D] } else { &[CTRL_D] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_as_they_are() {
        assert_eq!(Keys::default().typed(b"ls\r\x03\x04").unwrap(), b"ls\r\x03\x04");
    }

    #[test]
    fn ctrl_a_x_is_the_end_and_ctrl_a_twice_is_ctrl_a() {
        let mut keys = Keys::default();
        assert_eq!(keys.typed(b"a\x01").unwrap(), b"a");
        assert_eq!(keys.typed(b"\x01x").unwrap(), b"\x01x");
        assert_eq!(keys.typed(b"\x01"), Some(vec![]));
        assert_eq!(keys.typed(b"x"), None);
    }

    #[test]
    fn bytes_that_mean_something_to_a_terminal_are_quoted() {
        let mut bytes = Bytes::default();
        assert_eq!(bytes.typed(b"a\x03b\r\n").unwrap(), b"a\x16\x03b\x16\r\n");
        assert_eq!(bytes.end(), [CTRL_D]);
        assert_eq!(bytes.typed(b"unfinished").unwrap(), b"unfinished");
        assert_eq!(bytes.end(), [CTRL_D, CTRL_D]);
    }

    #[test]
    fn a_long_line_is_passed_on_in_pieces() {
        let mut bytes = Bytes::default();
        let typed = bytes.typed(&[b'x'; 3 * LONGEST_LINE]).unwrap();
        assert_eq!(typed.iter().filter(|&&byte| byte == CTRL_D).count(), 3);
        assert_eq!(bytes.end(), [CTRL_D]);
    }
}
