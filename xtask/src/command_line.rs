//! The kernel's command line: its own options, `--`, then the first process's words, percent-encoded because the line is
//! split at spaces and has no quotes.

use std::fmt::Write;

use clap::ValueEnum;

/// When the kernel preempts what runs in it.
#[derive(Clone, Copy, ValueEnum)]
pub enum Preempt {
    /// Never before it sleeps, yields or returns to user mode
    None,
    /// At once, wherever it may be
    Full,
    /// At the first tick after it was asked to give way
    Lazy,
}

/// What the machine's terminal is to programs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// A terminal.
    Whole,
    /// No terminal: what they write comes out as it is, as through a pipe.
    Plain,
}

/// The line for a kernel that preempts so and starts the program `words[0]` with these words as its arguments.
pub fn command_line(preempt: Preempt, terminal: Terminal, words: &[&str]) -> String {
    let preempt = preempt.to_possible_value().expect("no preemption model is hidden");
    let terminal = if terminal == Terminal::Plain { " terminal=plain" } else { "" };
    let mut line = format!("preempt={}{terminal} --", preempt.get_name());
    for word in words {
        line.push(' ');
        line.push_str(&encode(word));
    }
    line
}

/// `word` with every byte as `%` and two digits that is not a letter, a digit, or known to mean nothing to anybody.
pub fn encode(word: &str) -> String {
    let mut encoded = String::new();
    for byte in word.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'=' | b':' | b'+' => {
                encoded.push(byte.into());
            }
            _ => write!(encoded, "%{byte:02x}").expect("a string takes whatever is written"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> String {
        command_line(Preempt::Lazy, Terminal::Whole, words)
    }

    #[test]
    fn the_first_processs_words_follow_the_kernels_options() {
        assert_eq!(line(&["hello", "one", "--two"]), "preempt=lazy -- hello one --two");
    }

    #[test]
    fn a_terminal_may_be_plain() {
        assert_eq!(command_line(Preempt::Full, Terminal::Plain, &["sh"]), "preempt=full terminal=plain -- sh");
    }

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        assert_eq!(
            line(&["sh", "-c", "echo $((6*7)) 100%\n"]),
            "preempt=lazy -- sh -c echo%20%24%28%286%2a7%29%29%20100%25%0a"
        );
        assert_eq!(line(&["a", "", "ü"]), "preempt=lazy -- a  %c3%bc");
    }
}
