//! `println!`: a line to standard output, in one write where it fits, so that lines of several threads stay whole.

use core::fmt::{self, Write};

use super::syscall::write;

/// A line under construction.
pub struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    /// Prints one line.
    pub fn print(text: fmt::Arguments) {
        let mut line = Line { bytes: [0; 256], length: 0 };
        // A line that cannot be written cannot be reported either.
        let _ = writeln!(line, "{text}");
        line.flush();
    }

    fn flush(&mut self) {
        let mut rest = &self.bytes[..self.length];
        while !rest.is_empty() {
            match write(1, rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => break,
            }
        }
        self.length = 0;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.length == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Prints one line to standard output.
macro_rules! println {
    ($($text:tt)*) => { $crate::runtime::print::Line::print(format_args!($($text)*)) };
}
pub(crate) use println;
