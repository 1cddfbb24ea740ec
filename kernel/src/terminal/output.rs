//! What goes out to a terminal: written bytes and echoes, as the settings turn them, and the column they lead to.

use alloc::collections::VecDeque;

use linux_raw_sys::general as linux;

use super::termios::Termios;

/// Bytes that wait to be sent, at most.
const CAPACITY: usize = 4096;
/// The most that one byte becomes: a tab's spaces.
const EXPANSION: usize = 8;
const TAB: usize = 8;

/// Bytes on their way out.
pub struct Output {
    bytes: VecDeque<u8>,
    /// Where the cursor is after them.
    column: usize,
    /// Where it was when the line that is being typed began.
    line_column: usize,
    stopped: bool,
}

impl Output {
    /// At the left margin.
    pub const fn new() -> Self {
        Self { bytes: VecDeque::new(), column: 0, line_column: 0, stopped: false }
    }

    /// Whether one more byte would be taken.
    pub fn has_room(&self) -> bool {
        self.bytes.len() + EXPANSION <= CAPACITY
    }

    /// How many bytes wait.
    pub fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Takes up to `buffer.len()` bytes out, none while output is stopped; how many.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        if self.stopped {
            return 0;
        }
        let count = buffer.len().min(self.bytes.len());
        buffer.iter_mut().zip(self.bytes.drain(..count)).for_each(|(to, from)| *to = from);
        count
    }

    /// Nothing goes out until [`start`](Self::start).
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Goes on after [`stop`](Self::stop).
    pub fn start(&mut self) {
        self.stopped = false;
    }

    /// Is it stopped?
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Forgets what waits.
    pub fn discard(&mut self) {
        self.bytes.clear();
    }

    /// Puts in a byte that a program writes. Not if there is no room.
    pub fn put(&mut self, termios: &Termios, byte: u8) {
        if !self.has_room() {
            return;
        }
        if !termios.output(linux::OPOST) {
            self.bytes.push_back(byte);
            return;
        }
        match byte {
            b'\n' => self.put_newline(termios),
            b'\r' => self.put_return(termios),
            b'\t' => self.put_tab(termios),
            8 => {
                self.column = self.column.saturating_sub(1);
                self.bytes.push_back(byte);
            }
            _ => {
                if !is_control(byte) && !termios.continues(byte) {
                    self.column += 1;
                }
                self.bytes.push_back(byte);
            }
        }
    }

    fn put_newline(&mut self, termios: &Termios) {
        if termios.output(linux::ONLRET | linux::ONLCR) {
            self.column = 0;
        }
        if termios.output(linux::ONLCR) {
            self.bytes.push_back(b'\r');
        }
        self.bytes.push_back(b'\n');
    }

    fn put_return(&mut self, termios: &Termios) {
        if termios.output(linux::ONOCR) && self.column == 0 {
            return;
        }
        let becomes_newline = termios.output(linux::OCRNL);
        if !becomes_newline || termios.output(linux::ONLRET) {
            self.column = 0;
        }
        self.bytes.push_back(if becomes_newline { b'\n' } else { b'\r' });
    }

    fn put_tab(&mut self, termios: &Termios) {
        let spaces = TAB - self.column % TAB;
        self.column += spaces;
        if termios.output & linux::TABDLY == linux::XTABS {
            self.bytes.extend(core::iter::repeat_n(b' ', spaces));
        } else {
            self.bytes.push_back(b'\t');
        }
    }

    /// The line that is being typed begins here.
    pub fn begin_line(&mut self) {
        self.line_column = self.column;
    }

    /// Shows a typed byte, control characters as `^X` if the settings say so.
    pub fn echo(&mut self, termios: &Termios, byte: u8) {
        if termios.local(linux::ECHOCTL) && is_control(byte) && byte != b'\t' {
            self.put_plain(b'^');
            self.put_plain(byte ^ 0x40);
            self.column += 2;
        } else {
            self.put(termios, byte);
        }
    }

    /// Shows that the next byte will be taken as it is: a `^`, which that byte overwrites.
    pub fn echo_literal_next(&mut self) {
        self.put_plain(b'^');
        self.put_plain(8);
    }

    /// Takes what the last character of a line shows off the screen. `before` is the line without it.
    pub fn erase(&mut self, termios: &Termios, character: u8, before: &[u8]) {
        if character == b'\t' {
            return self.erase_tab(termios, before);
        }
        for _ in 0..width(termios, character) {
            self.erase_column();
        }
    }

    /// Goes back to where the tab began: to what was typed after the tab before it, or after the line's beginning.
    fn erase_tab(&mut self, termios: &Termios, before: &[u8]) {
        let last = before.split(|byte| *byte == b'\t').next_back().unwrap_or_default();
        let shown: usize = last.iter().map(|byte| width(termios, *byte)).sum();
        let from = if last.len() == before.len() { self.line_column } else { 0 };
        for _ in 0..TAB - (from + shown) % TAB {
            self.put_plain(8);
            self.column = self.column.saturating_sub(1);
        }
    }

    fn erase_column(&mut self) {
        for byte in [8, b' ', 8] {
            self.put_plain(byte);
        }
        self.column = self.column.saturating_sub(1);
    }

    /// A byte that nothing turns and that moves no column here.
    pub fn put_plain(&mut self, byte: u8) {
        if self.has_room() {
            self.bytes.push_back(byte);
        }
    }
}

/// How many columns the echo of `byte` takes. No tab.
fn width(termios: &Termios, byte: u8) -> usize {
    match byte {
        _ if is_control(byte) => 2 * usize::from(termios.local(linux::ECHOCTL)),
        _ => usize::from(!termios.continues(byte)),
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn written(change: impl Fn(&mut Termios), bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut termios = Termios::new();
        change(&mut termios);
        let mut output = Output::new();
        bytes.iter().for_each(|byte| output.put(&termios, *byte));
        (output.bytes.into(), output.column)
    }

    #[test]
    fn newlines_return_to_the_margin() {
        assert_eq!(written(|_| {}, b"ab\ncd"), (b"ab\r\ncd".to_vec(), 2));
        assert_eq!(written(|termios| termios.output &= !linux::ONLCR, b"ab\ncd"), (b"ab\ncd".to_vec(), 4));
        assert_eq!(written(|termios| termios.output = 0, b"ab\n"), (b"ab\n".to_vec(), 0));
    }

    #[test]
    fn returns_are_turned_or_dropped() {
        assert_eq!(written(|termios| termios.output |= linux::ONOCR, b"\ra\r\r"), (b"a\r".to_vec(), 0));
        assert_eq!(written(|termios| termios.output |= linux::OCRNL, b"a\r"), (b"a\n".to_vec(), 1));
    }

    #[test]
    fn tabs_are_counted_and_if_wanted_expanded() {
        assert_eq!(written(|_| {}, b"abc\td"), (b"abc\td".to_vec(), 9));
        assert_eq!(written(|termios| termios.output |= linux::XTABS, b"abc\td"), (b"abc     d".to_vec(), 9));
    }

    #[test]
    fn a_character_of_several_bytes_is_one_column() {
        assert_eq!(written(|termios| termios.input |= linux::IUTF8, "ä€".as_bytes()).1, 2);
        assert_eq!(written(|_| {}, "ä€".as_bytes()).1, 5);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_what_is_stopped_waits() {
        let (bytes, _) = written(|_| {}, &[b'x'; 2 * CAPACITY]);
        assert!(bytes.len() <= CAPACITY && bytes.len() > CAPACITY - EXPANSION);
        let mut output = Output::new();
        output.put(&Termios::new(), b'x');
        output.stop();
        assert_eq!(output.take(&mut [0; 4]), 0);
        output.start();
        assert_eq!(output.take(&mut [0; 4]), 1);
    }
}
