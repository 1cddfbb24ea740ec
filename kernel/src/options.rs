//! The kernel's command line: its own options, then `--`, then the first process's words. Pure; its tests run on the host.
//!
//! Exactly one space stands between those words. In a word `%` and two hexadecimal digits are a byte, so that a word can
//! be anything: empty, with spaces in it, not text.

use alloc::vec::Vec;
use core::fmt;

use vestibule::Preemption;

use crate::planted::Bug;

/// Whose accesses have their tags checked, where the CPU has any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tags {
    /// Nobody's.
    Off,
    /// Programs'.
    User,
    /// And the kernel's.
    Kernel,
}

/// What the kernel was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `preempt=none|lazy|full`; full if it says nothing.
    pub preemption: Preemption,
    /// `bug=…`, for tests to find; none if it says nothing.
    pub bug: Option<Bug>,
    /// `terminal=plain`: it is no terminal to programs; it is one if it says nothing.
    pub plain_terminal: bool,
    /// `nmis=HERTZ`: how often the cycle counter interrupts each CPU from the beginning; seldom if it says nothing.
    pub nmis_hertz: Option<u32>,
    /// `lockup=MILLISECONDS`: how long a CPU may go without a tick; as the detector has it if it says nothing.
    pub lockup_milliseconds: Option<u32>,
    /// `mte=off|user|kernel`; programs' if it says nothing.
    pub tags: Tags,
    /// The first process's name and arguments.
    pub arguments: Vec<Vec<u8>>,
}

/// What it does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOption<'a> {
    /// Not one of the kernel's own options.
    Unknown(&'a str),
    /// A `%` without two hexadecimal digits, or a byte that ends strings.
    Encoding(&'a str),
}

impl fmt::Display for BadOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => {
                let there_is = "preempt=none, preempt=lazy, preempt=full, terminal=plain, lockup=MILLISECONDS, nmis=HERTZ, \
                     mte=off, mte=user, mte=kernel";
                write!(f, "command line: `{word}` is no option; there is {there_is}")
            }
            Self::Encoding(word) => {
                write!(f, "command line: `{word}`: after % stand two hexadecimal digits, and not 00")
            }
        }
    }
}

impl Options {
    /// Reads the whole line.
    pub fn parse(line: &str) -> Result<Self, BadOption<'_>> {
        let (own, words) = split(line);
        let (mut preemption, mut bug, mut plain_terminal) = (Preemption::Full, None, false);
        let (mut lockup_milliseconds, mut nmis_hertz, mut tags) = (None, None, Tags::User);
        for word in own.split_ascii_whitespace() {
            match word {
                "preempt=none" => preemption = Preemption::None,
                "preempt=lazy" => preemption = Preemption::Lazy,
                "preempt=full" => preemption = Preemption::Full,
                "mte=off" => tags = Tags::Off,
                "mte=user" => tags = Tags::User,
                "mte=kernel" => tags = Tags::Kernel,
                "terminal=plain" => plain_terminal = true,
                _ => match number(word) {
                    Some(("lockup", limit)) => lockup_milliseconds = Some(limit),
                    Some(("nmis", hertz @ ..=MOST_NMIS)) => nmis_hertz = Some(hertz),
                    _ => bug = Some(named_bug(word).ok_or(BadOption::Unknown(word))?),
                },
            }
        }
        let words = words.into_iter().flat_map(|words| words.split(' '));
        let arguments = words.map(|word| decode(word).ok_or(BadOption::Encoding(word))).collect::<Result<_, _>>()?;
        Ok(Options { preemption, bug, plain_terminal, lockup_milliseconds, nmis_hertz, tags, arguments })
    }
}

fn named_bug(word: &str) -> Option<Bug> {
    Bug::named(word.strip_prefix("bug=")?)
}

/// More in a second would leave no time for anything else.
pub const MOST_NMIS: u32 = 100_000;

/// An option with a number, which is not zero.
fn number(word: &str) -> Option<(&str, u32)> {
    let (name, value) = word.split_once('=')?;
    Some((name, value.parse().ok().filter(|value| *value > 0)?))
}

/// The kernel's own options, and what follows the word `--` if anything does.
fn split(line: &str) -> (&str, Option<&str>) {
    if let Some(words) = line.strip_prefix("-- ") {
        return ("", Some(words));
    }
    match line.split_once(" -- ") {
        Some((own, words)) => (own, Some(words)),
        None => (line.strip_suffix("--").unwrap_or(line), None),
    }
}

/// The bytes that a word stands for.
fn decode(word: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            _ => byte,
        };
        // It would end the string on the program's stack early.
        if decoded == 0 {
            return None;
        }
        bytes.push(decoded);
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<Vec<u8>> {
        Options::parse(line).unwrap().arguments
    }

    #[test]
    fn options_end_where_the_programs_arguments_begin() {
        let options = Options::parse("preempt=lazy -- hello preempt=none --x -- y").unwrap();
        assert_eq!(options.preemption, Preemption::Lazy);
        assert_eq!(options.arguments, [&b"hello"[..], b"preempt=none", b"--x", b"--", b"y"]);
        assert_eq!(arguments("-- hello"), [b"hello"]);
        assert_eq!(Options::parse("bug=frees-early -- x").unwrap().bug, Some(Bug::FreesEarly));
    }

    #[test]
    fn nothing_is_full_preemption_and_no_arguments() {
        for line in ["", "--", "preempt=full --"] {
            let nothing = Options {
                preemption: Preemption::Full,
                bug: None,
                plain_terminal: false,
                lockup_milliseconds: None,
                nmis_hertz: None,
                tags: Tags::User,
                arguments: Vec::new(),
            };
            assert_eq!(Options::parse(line), Ok(nothing));
        }
    }

    #[test]
    fn a_word_may_be_anything_but_end_early() {
        assert_eq!(arguments("-- sh -c echo%20%24X"), [&b"sh"[..], b"-c", b"echo $X"]);
        assert_eq!(arguments("-- a  %ff%2D"), [&b"a"[..], b"", b"\xff-"]);
        assert_eq!(arguments("-- ü"), ["ü".as_bytes()]);
        for word in ["100%", "%4", "%zz", "%00", "%%41"] {
            assert_eq!(Options::parse(&format!("-- a {word}")), Err(BadOption::Encoding(word)));
        }
    }

    #[test]
    fn a_terminal_may_be_plain() {
        let options = Options::parse("terminal=plain preempt=none -- sh").unwrap();
        assert_eq!((options.plain_terminal, options.preemption), (true, Preemption::None));
    }

    #[test]
    fn a_limit_is_a_number_of_milliseconds() {
        assert_eq!(Options::parse("lockup=200 -- sh").unwrap().lockup_milliseconds, Some(200));
        assert_eq!(Options::parse("nmis=5000 -- sh").unwrap().nmis_hertz, Some(5000));
        for word in ["lockup=", "lockup=0", "lockup=-1", "lockup=soon", "nmis=100001", "ticks=1"] {
            assert_eq!(Options::parse(word), Err(BadOption::Unknown(word)));
        }
    }

    #[test]
    fn tags_are_programs_unless_it_says_so() {
        for (line, tags) in [("", Tags::User), ("mte=off --", Tags::Off), ("mte=kernel --", Tags::Kernel)] {
            assert_eq!(Options::parse(line).unwrap().tags, tags);
        }
        assert_eq!(Options::parse("mte="), Err(BadOption::Unknown("mte=")));
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert_eq!(Options::parse("quiet preempt=full"), Err(BadOption::Unknown("quiet")));
        assert_eq!(Options::parse("bug=none -- hello"), Err(BadOption::Unknown("bug=none")));
        assert_eq!(Options::parse("--quiet -- hello"), Err(BadOption::Unknown("--quiet")));
    }
}
