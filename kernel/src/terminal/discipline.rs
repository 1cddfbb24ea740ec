//! The line discipline: what becomes of each byte that is typed, by the settings. As Linux's N_TTY does it.

use linux_raw_sys::general as linux;

use super::input::Input;
use super::line::{Line, is_of_word};
use super::output::Output;
use super::termios::Termios;

/// A terminal's settings and its bytes on their way in and out.
pub struct Discipline {
    termios: Termios,
    /// What is being typed, in canonical mode.
    line: Line,
    /// What can be read.
    input: Input,
    /// What goes out.
    pub output: Output,
    /// The next byte is taken as it is.
    literal_next: bool,
}

/// Which part of a line an erasing character takes off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Character,
    Word,
    All,
}

impl Discipline {
    /// With Linux's settings and nothing on its way.
    pub const fn new() -> Self {
        Self {
            termios: Termios::new(),
            line: Line::new(),
            input: Input::new(),
            output: Output::new(),
            literal_next: false,
        }
    }

    /// The settings.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changes the settings. What was typed so far stays readable.
    pub fn set_termios(&mut self, new: Termios) {
        let was_canonical = self.is_canonical();
        let had_flow_control = self.termios.input(linux::IXON);
        self.termios = new;
        match (was_canonical, self.is_canonical()) {
            (true, false) => {
                self.input.forget_lines();
                self.line.bytes().iter().for_each(|byte| self.input.push(*byte));
                self.line.clear();
                self.literal_next = false;
            }
            (false, true) => self.input.end_line(),
            _ => {}
        }
        if had_flow_control && !self.termios.input(linux::IXON) {
            self.output.start();
        }
    }

    /// Are lines edited, and read whole?
    pub fn is_canonical(&self) -> bool {
        self.termios.local(linux::ICANON)
    }

    /// Whether the next byte should come in now. A line that is too long takes no room: what is too much is lost, but it
    /// can still be ended and edited.
    pub fn has_room(&self) -> bool {
        (self.is_canonical() && self.input.is_empty()) || !self.input.is_full(self.line.bytes().len())
    }

    /// A byte comes in. The signal that it is to the foreground process group, if it is one.
    pub fn receive(&mut self, byte: u8) -> Option<u32> {
        let byte = if self.termios.input(linux::ISTRIP) { byte & 0x7f } else { byte };
        if core::mem::take(&mut self.literal_next) {
            self.accept(byte);
            return None;
        }
        if self.controls_flow(byte) {
            return None;
        }
        if let Some(signal) = self.signal_of(byte) {
            self.signalled(byte);
            return Some(signal);
        }
        if let Some(byte) = self.turned(byte) {
            if self.is_canonical() {
                self.edit(byte);
            } else {
                self.accept(byte);
            }
        }
        None
    }

    /// Stops or starts output, if `byte` is for that. Any other may start it too.
    fn controls_flow(&mut self, byte: u8) -> bool {
        if !self.termios.input(linux::IXON) {
            return false;
        }
        if self.termios.means(byte, linux::VSTART) {
            self.output.start();
            return true;
        }
        if self.termios.means(byte, linux::VSTOP) {
            self.output.stop();
            return true;
        }
        if self.termios.input(linux::IXANY) {
            self.output.start();
        }
        false
    }

    fn signal_of(&self, byte: u8) -> Option<u32> {
        const SIGNALS: [(u32, u32); 3] =
            [(linux::VINTR, linux::SIGINT), (linux::VQUIT, linux::SIGQUIT), (linux::VSUSP, linux::SIGTSTP)];
        let meant = |(index, _): &(u32, u32)| self.termios.local(linux::ISIG) && self.termios.means(byte, *index);
        SIGNALS.into_iter().find(meant).map(|(_, signal)| signal)
    }

    fn signalled(&mut self, byte: u8) {
        if !self.termios.local(linux::NOFLSH) {
            self.output.discard();
            self.discard_input();
        }
        if self.termios.input(linux::IXON) {
            self.output.start();
        }
        if self.termios.local(linux::ECHO) {
            self.output.echo(&self.termios, byte);
        }
    }

    /// Newline and return as the settings want them; none if they do not.
    fn turned(&self, byte: u8) -> Option<u8> {
        match byte {
            b'\r' if self.termios.input(linux::IGNCR) => None,
            b'\r' if self.termios.input(linux::ICRNL) => Some(b'\n'),
            b'\n' if self.termios.input(linux::INLCR) => Some(b'\r'),
            _ => Some(byte),
        }
    }

    /// A byte in canonical mode: it edits the line, ends it or is added to it.
    fn edit(&mut self, byte: u8) {
        let termios = self.termios;
        let extended = |index| termios.local(linux::IEXTEN) && termios.means(byte, index);
        if termios.means(byte, linux::VERASE) {
            self.erase(Part::Character);
        } else if termios.means(byte, linux::VKILL) {
            self.erase(Part::All);
        } else if extended(linux::VWERASE) {
            self.erase(Part::Word);
        } else if extended(linux::VLNEXT) {
            self.literal_next = true;
            if termios.local(linux::ECHO) && termios.local(linux::ECHOCTL) {
                self.output.echo_literal_next();
            }
        } else if extended(linux::VREPRINT) && termios.local(linux::ECHO) {
            self.reprint(byte);
        } else if byte == b'\n' {
            if termios.local(linux::ECHO | linux::ECHONL) {
                self.output.put(&termios, b'\n');
            }
            self.end_line(Some(byte));
        } else if termios.means(byte, linux::VEOF) {
            self.end_line(None);
        } else if termios.means(byte, linux::VEOL) || extended(linux::VEOL2) {
            self.echo(byte);
            self.end_line(Some(byte));
        } else {
            self.accept(byte);
        }
    }

    /// A byte that means nothing but itself.
    fn accept(&mut self, byte: u8) {
        self.echo(byte);
        if self.is_canonical() {
            self.line.push(byte);
        } else if !self.input.is_full(0) {
            self.input.push(byte);
        }
    }

    fn echo(&mut self, byte: u8) {
        if !self.termios.local(linux::ECHO) {
            return;
        }
        if byte == b'\n' {
            return self.output.put(&self.termios, byte);
        }
        if self.line.bytes().is_empty() {
            self.output.begin_line();
        }
        self.output.echo(&self.termios, byte);
    }

    fn end_line(&mut self, last: Option<u8>) {
        self.input.push_line(self.line.bytes(), last);
        self.line.clear();
    }

    fn reprint(&mut self, byte: u8) {
        self.output.echo(&self.termios, byte);
        self.output.put(&self.termios, b'\n');
        for byte in self.line.bytes() {
            self.output.echo(&self.termios, *byte);
        }
    }

    fn erase(&mut self, part: Part) {
        let termios = self.termios;
        let echo = termios.local(linux::ECHO);
        let shows = echo && [linux::ECHOK, linux::ECHOKE, linux::ECHOE].iter().all(|flag| termios.local(*flag));
        if part == Part::All && !shows && !self.line.bytes().is_empty() {
            self.line.clear();
            if echo {
                self.output.echo(&termios, termios.characters[linux::VKILL as usize]);
                if termios.local(linux::ECHOK) {
                    self.output.put(&termios, b'\n');
                }
            }
            return;
        }
        let mut in_word = false;
        while let Some(last) = self.line.last(&termios) {
            if part == Part::Word && in_word && !is_of_word(last) {
                return;
            }
            in_word |= is_of_word(last);
            self.line.pop(&termios);
            if echo && part == Part::Character && !termios.local(linux::ECHOE) {
                self.output.echo(&termios, termios.characters[linux::VERASE as usize]);
            } else if echo {
                self.output.erase(&termios, last, self.line.bytes());
            }
            if part == Part::Character {
                return;
            }
        }
    }

    /// How many bytes could be read now, as FIONREAD counts them.
    pub fn readable(&self) -> usize {
        self.input.bytes()
    }

    /// Whether a read has something to take: a line or an end, or `minimum` bytes of raw input.
    pub fn can_read(&self, minimum: usize) -> bool {
        if self.is_canonical() { !self.input.is_empty() } else { self.input.bytes() >= minimum.max(1) }
    }

    /// Fills `buffer`, in canonical mode from one line; how many bytes, or none if there is nothing to take.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.input.is_empty() {
            None
        } else if self.is_canonical() {
            Some(self.input.take_line(buffer))
        } else {
            Some(self.input.take(buffer))
        }
    }

    /// Forgets what was typed and not read.
    pub fn discard_input(&mut self) {
        self.input.clear();
        self.line.clear();
        self.literal_next = false;
    }

    /// Sends one of the special characters.
    pub fn send_special(&mut self, index: u32) {
        self.output.put_plain(self.termios.characters[index as usize]);
    }

    /// Puts in what a program writes; how many bytes there was room for.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.iter().take_while(|byte| {
            let has_room = self.output.has_room();
            if has_room {
                self.output.put(&self.termios, **byte);
            }
            has_room
        });
        taken.count()
    }
}

#[cfg(test)]
#[path = "discipline_tests.rs"]
mod tests;
