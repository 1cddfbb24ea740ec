//! The kernel's command line: its own options, then `--`, then the program's name and arguments. Pure; its tests run on
//! the host.

use core::fmt;

use vestibule::Preemption;

/// What the kernel was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// `preempt=none|lazy|full`; full if it says nothing.
    pub preemption: Preemption,
    arguments: &'a str,
}

/// What it does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownOption<'a>(&'a str);

impl fmt::Display for UnknownOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command line: `{}` is no option; there is preempt=none, preempt=lazy, preempt=full", self.0)
    }
}

impl<'a> Options<'a> {
    /// Reads the whole line.
    pub fn parse(line: &'a str) -> Result<Self, UnknownOption<'a>> {
        let (own, arguments) = match line.split_once("--") {
            Some((own, arguments)) => (own, arguments),
            None => (line, ""),
        };
        let mut options = Options { preemption: Preemption::Full, arguments };
        for word in own.split_ascii_whitespace() {
            options.preemption = match word {
                "preempt=none" => Preemption::None,
                "preempt=lazy" => Preemption::Lazy,
                "preempt=full" => Preemption::Full,
                _ => return Err(UnknownOption(word)),
            };
        }
        Ok(options)
    }

    /// The program's name and arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.split_ascii_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_where_the_programs_arguments_begin() {
        let options = Options::parse("preempt=lazy -- hello preempt=none --x").unwrap();
        assert_eq!(options.preemption, Preemption::Lazy);
        assert_eq!(options.arguments().collect::<Vec<_>>(), ["hello", "preempt=none", "--x"]);
    }

    #[test]
    fn nothing_is_full_preemption_and_no_arguments() {
        let options = Options::parse("").unwrap();
        assert_eq!((options.preemption, options.arguments().count()), (Preemption::Full, 0));
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert_eq!(Options::parse("quiet preempt=full"), Err(UnknownOption("quiet")));
    }
}
