//! A line taken apart: words, with quotes undone, and the operators between them.

use core::ffi::CStr;

/// Part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A word.
    Word(&'a CStr),
    /// `;`
    Then,
    /// `<`
    From,
    /// `>`
    To,
    /// `>>`
    AtEndOf,
}

/// A line, most of it still to be read.
pub struct Line<'a> {
    rest: &'a mut [u8],
    /// What ended the last word.
    operator: Option<u8>,
}

/// A quote has no end, or there is no room for the zero that ends the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfinished;

impl<'a> Line<'a> {
    /// `line` is overwritten; its last byte, a blank, makes room for the end of the last word.
    pub fn new(line: &'a mut [u8]) -> Self {
        Self { rest: line, operator: None }
    }

    /// The next part; none at the end of the line, and from a `#` on.
    pub fn next_part(&mut self) -> Result<Option<Part<'a>>, Unfinished> {
        let operator = self.operator.take().or_else(|| self.skip_blanks());
        match operator {
            Some(b';') => Ok(Some(Part::Then)),
            Some(b'<') => Ok(Some(Part::From)),
            Some(b'>') if self.rest.first() == Some(&b'>') => {
                self.advance(1);
                Ok(Some(Part::AtEndOf))
            }
            Some(b'>') => Ok(Some(Part::To)),
            _ if self.rest.is_empty() || self.rest[0] == b'#' => Ok(None),
            _ => self.word().map(Part::Word).map(Some),
        }
    }

    /// Skips blanks, and the operator behind them if there is one.
    fn skip_blanks(&mut self) -> Option<u8> {
        let blanks = self.rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.advance(blanks);
        let operator = *self.rest.first().filter(|&&byte| is_operator(byte))?;
        self.advance(1);
        Some(operator)
    }

    fn advance(&mut self, count: usize) -> &'a mut [u8] {
        let (skipped, rest) = core::mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        skipped
    }

    /// Moves a word's bytes together, over its quotes, and ends it with a zero.
    fn word(&mut self) -> Result<&'a CStr, Unfinished> {
        let (mut read, mut written) = (0, 0);
        let mut quote = None;
        loop {
            let byte = *self.rest.get(read).ok_or(Unfinished)?;
            read += 1;
            match quote {
                Some(open) if byte == open => quote = None,
                None if byte == b'\'' || byte == b'"' => quote = Some(byte),
                None if byte.is_ascii_whitespace() => break,
                None if is_operator(byte) => {
                    self.operator = Some(byte);
                    break;
                }
                _ => {
                    self.rest[written] = byte;
                    written += 1;
                }
            }
        }
        // What ended the word has been read, so that there is room.
        self.rest[written] = 0;
        let word = self.advance(read);
        CStr::from_bytes_until_nul(word).map_err(|_| Unfinished)
    }
}

fn is_operator(byte: u8) -> bool {
    matches!(byte, b';' | b'<' | b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &str) -> Result<Vec<String>, Unfinished> {
        let mut line = line.as_bytes().to_vec();
        let mut line = Line::new(&mut line);
        let mut parts = Vec::new();
        while let Some(part) = line.next_part()? {
            parts.push(match part {
                Part::Word(word) => word.to_str().unwrap().to_owned(),
                operator => format!("{operator:?}"),
            });
        }
        Ok(parts)
    }

    #[test]
    fn takes_a_line_apart() {
        assert_eq!(parts("ls  -l /tmp\n").unwrap(), ["ls", "-l", "/tmp"]);
        assert_eq!(
            parts("a>b;c >>d<e;\n").unwrap(),
            ["a", "To", "b", "Then", "c", "AtEndOf", "d", "From", "e", "Then"]
        );
        assert_eq!(parts("a # b\n").unwrap(), ["a"]);
        assert!(parts(" \n").unwrap().is_empty() && parts("").unwrap().is_empty());
    }

    #[test]
    fn undoes_quotes() {
        assert_eq!(parts("echo 'a  b;' \"c'\"d'' ''\n").unwrap(), ["echo", "a  b;", "c'd", ""]);
        assert_eq!(parts("echo 'a\n"), Err(Unfinished));
        assert_eq!(parts("echo a"), Err(Unfinished));
    }
}
