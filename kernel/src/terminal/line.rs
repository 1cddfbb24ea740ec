//! The line that is being typed: bytes that no program reads yet, and how they are erased.

use alloc::vec::Vec;

use super::termios::Termios;

/// The longest line, with the byte that ends it.
pub const LIMIT: usize = 4096;

/// A line that is not ended.
pub struct Line(Vec<u8>);

impl Line {
    /// Nothing typed.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What has been typed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a byte; what is too much is lost, but for the byte that will end the line.
    pub fn push(&mut self, byte: u8) {
        if self.0.len() < LIMIT - 1 {
            self.0.push(byte);
        }
    }

    /// Forgets it.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the last character off: its first byte, which says what it shows. Bytes that only go on with a character that
    /// is not there stay.
    pub fn pop(&mut self, termios: &Termios) -> Option<u8> {
        let start = self.0.iter().rposition(|byte| !termios.continues(*byte))?;
        let first = self.0[start];
        self.0.truncate(start);
        Some(first)
    }

    /// The first byte of the last character.
    pub fn last(&self, termios: &Termios) -> Option<u8> {
        self.0.iter().rfind(|byte| !termios.continues(**byte)).copied()
    }
}

/// Is `byte` part of a word? Beyond ASCII by Latin-1, as Linux has it: first bytes of UTF-8 are letters too.
pub fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}
