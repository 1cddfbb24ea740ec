//! A terminal's settings: Linux's `struct termios`, its defaults, and what single flags and characters mean.

use linux_raw_sys::general as linux;

/// The settings. Programs see the fields in this order, the shorter `struct termios` without the speeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Termios {
    /// What happens to received bytes (`c_iflag`).
    pub input: u32,
    /// What happens to written bytes (`c_oflag`).
    pub output: u32,
    /// What the line is like (`c_cflag`). Kept for programs; a port is not set up by it.
    pub control: u32,
    /// Editing, echo and signals (`c_lflag`).
    pub local: u32,
    /// Always N_TTY, but programs may store what they like.
    discipline: u8,
    /// The special characters, by Linux's indices (`c_cc`).
    pub characters: [u8; linux::NCCS as usize],
    /// `c_ispeed` and `c_ospeed`.
    speeds: [u32; 2],
}

/// `struct termios2`, the larger one.
pub const BYTES: usize = 44;
/// `struct termios`, which ends where the speeds would come.
pub const SHORT_BYTES: usize = 36;

impl Termios {
    /// What Linux gives a serial port to begin with.
    pub const fn new() -> Self {
        const fn control(letter: u8) -> u8 {
            letter ^ 0x40
        }
        let mut characters = [0; linux::NCCS as usize];
        characters[linux::VINTR as usize] = control(b'C');
        characters[linux::VQUIT as usize] = control(b'\\');
        characters[linux::VERASE as usize] = control(b'?');
        characters[linux::VKILL as usize] = control(b'U');
        characters[linux::VEOF as usize] = control(b'D');
        characters[linux::VMIN as usize] = 1;
        characters[linux::VSTART as usize] = control(b'Q');
        characters[linux::VSTOP as usize] = control(b'S');
        characters[linux::VSUSP as usize] = control(b'Z');
        characters[linux::VREPRINT as usize] = control(b'R');
        characters[linux::VDISCARD as usize] = control(b'O');
        characters[linux::VWERASE as usize] = control(b'W');
        characters[linux::VLNEXT as usize] = control(b'V');
        Self {
            input: linux::ICRNL | linux::IXON,
            output: linux::OPOST | linux::ONLCR,
            control: linux::B9600 | linux::CS8 | linux::CREAD | linux::HUPCL | linux::CLOCAL,
            local: linux::ISIG
                | linux::ICANON
                | linux::ECHO
                | linux::ECHOE
                | linux::ECHOK
                | linux::ECHOCTL
                | linux::ECHOKE
                | linux::IEXTEN,
            discipline: 0,
            characters,
            speeds: [9600; 2],
        }
    }

    /// The same without echo, signals and changes of what comes in or goes out: lines alone are left, and what edits them.
    pub fn plain(self) -> Self {
        Self { input: 0, output: 0, local: linux::ICANON | linux::IEXTEN, ..self }
    }

    /// As programs see it: all of it, or with its first [`SHORT_BYTES`] the shorter structure.
    pub fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (place, word) in bytes[..16].chunks_exact_mut(4).zip(self.words()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.discipline;
        bytes[17..SHORT_BYTES].copy_from_slice(&self.characters);
        for (place, speed) in bytes[SHORT_BYTES..].chunks_exact_mut(4).zip(self.speeds) {
            place.copy_from_slice(&speed.to_le_bytes());
        }
        bytes
    }

    /// What a program wants, in either size. The shorter one leaves the speeds.
    pub fn with_bytes(self, bytes: &[u8]) -> Self {
        let word = |at: usize| {
            bytes.get(at..at + 4).map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let mut new = Self {
            input: word(0).unwrap_or(self.input),
            output: word(4).unwrap_or(self.output),
            control: word(8).unwrap_or(self.control),
            local: word(12).unwrap_or(self.local),
            speeds: [word(SHORT_BYTES).unwrap_or(self.speeds[0]), word(SHORT_BYTES + 4).unwrap_or(self.speeds[1])],
            ..self
        };
        if let Some([discipline, characters @ ..]) = bytes.get(16..SHORT_BYTES) {
            new.discipline = *discipline;
            new.characters.copy_from_slice(characters);
        }
        new
    }

    /// Is that input flag set?
    pub fn input(&self, flag: u32) -> bool {
        self.input & flag != 0
    }

    /// Is that output flag set?
    pub fn output(&self, flag: u32) -> bool {
        self.output & flag != 0
    }

    /// Is that local flag set?
    pub fn local(&self, flag: u32) -> bool {
        self.local & flag != 0
    }

    /// Does `byte` have the special meaning of that index? Zero never does: it switches a meaning off.
    pub fn means(&self, byte: u8, index: u32) -> bool {
        byte != 0 && self.characters[index as usize] == byte
    }

    /// The fewest bytes that a raw read waits for.
    pub fn minimum(&self) -> usize {
        self.characters[linux::VMIN as usize].into()
    }

    /// How long a raw read waits, in nanoseconds.
    pub fn time(&self) -> u64 {
        const TENTH: u64 = 100_000_000;
        u64::from(self.characters[linux::VTIME as usize]) * TENTH
    }

    /// Does `byte` go on with the character that the bytes before it began?
    pub fn continues(&self, byte: u8) -> bool {
        self.input(linux::IUTF8) && byte & 0xc0 == 0x80
    }

    fn words(&self) -> [u32; 4] {
        [self.input, self.output, self.control, self.local]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_defaults_are_what_stty_shows_on_linux() {
        let bytes = Termios::new().to_bytes();
        // 9600 baud, eight bits; ^C ^\ ^? ^U ^D, no time and one byte, ^Q ^S ^Z, ^R ^O ^W ^V.
        let linux = [
            0x00, 0x05, 0, 0, 0x05, 0, 0, 0, 0xbd, 0x0c, 0, 0, 0x3b, 0x8a, 0, 0, 0, 3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0,
            0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0,
        ];
        assert_eq!(bytes[..SHORT_BYTES], linux);
    }

    proptest! {
        #[test]
        fn what_a_program_stores_it_reads_back(bytes: [u8; BYTES]) {
            prop_assert_eq!(Termios::new().with_bytes(&bytes).to_bytes(), bytes);
            let short = Termios::new().with_bytes(&bytes[..SHORT_BYTES]).to_bytes();
            prop_assert_eq!(&short[..SHORT_BYTES], &bytes[..SHORT_BYTES]);
            prop_assert_eq!(&short[SHORT_BYTES..], &Termios::new().to_bytes()[SHORT_BYTES..]);
        }
    }
}
