//! What a shell is asked in `cargo xtask compare`, and what it answers.

use anyhow::{Context, Result, bail};

/// Before the name of a line, and the status of an answer.
const MARK: &str = "== ";

/// Something to ask: a script of usually one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub name: String,
    pub script: String,
}

/// What came of one.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub name: String,
    pub status: u8,
    /// Standard output and error, as [`readable`] gives them.
    pub output: String,
}

/// The lines in a file of them: a mark and a name, then the script.
pub fn lines(file: &str) -> Vec<Line> {
    let named = marked(file);
    named.map(|(name, script)| Line { name: name.into(), script: format!("{}\n", script.trim_end()) }).collect()
}

/// The answers in a file of them: a mark, a name and a status, then the output.
pub fn answers(file: &str) -> Result<Vec<Answer>> {
    let answer = |(head, output): (&str, &str)| {
        let (name, status) = head.rsplit_once(": ")?;
        Some(Answer { name: name.into(), status: status.parse().ok()?, output: output.into() })
    };
    let answers: Option<_> = marked(file).map(answer).collect();
    answers.context("an answer has no status")
}

/// The answers as [`answers`] reads them.
pub fn write(answers: &[Answer]) -> String {
    answers.iter().map(|Answer { name, status, output }| format!("{MARK}{name}: {status}\n{output}")).collect()
}

/// What follows the mark in each line that has one, and the lines up to the next.
fn marked(file: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut parts = Vec::new();
    let mut rest = file;
    while let Some(start) = find_mark(rest) {
        let (head, body) = rest[start + MARK.len()..].split_once('\n').unwrap_or((&rest[start + MARK.len()..], ""));
        let end = find_mark(body).unwrap_or(body.len());
        parts.push((head, &body[..end]));
        rest = &body[end..];
    }
    parts.into_iter()
}

/// Where the first line with a mark begins.
fn find_mark(text: &str) -> Option<usize> {
    if text.starts_with(MARK) {
        return Some(0);
    }
    text.find(&format!("\n{MARK}")).map(|at| at + 1)
}

/// The answers in what `compare/driver.sh` said; an error if it did not come to its end.
pub fn said(terminal: &str, names: &[Line]) -> Result<Vec<Answer>> {
    const SAID: &str = "=== ";
    let mut answers: Vec<Answer> = Vec::new();
    let mut output = Vec::new();
    for line in terminal.lines() {
        let Some(head) = line.strip_prefix(SAID) else {
            output.extend(bytes(line));
            continue;
        };
        if let Some(last) = answers.last_mut() {
            last.output = readable(&output);
        }
        output.clear();
        let (number, status) = head.split_once(' ').with_context(|| format!("{line:?} has no status"))?;
        if number == "end" {
            return Ok(answers);
        }
        let asked = number.parse().ok().and_then(|number: usize| names.get(number));
        let name = asked.with_context(|| format!("nobody asked {line:?}"))?.name.clone();
        answers.push(Answer { name, status: status.parse()?, output: String::new() });
    }
    let after = answers.last().map_or("the beginning", |answer| &answer.name);
    bail!("it ended after {after:?}, which is {} of {}", answers.len(), names.len())
}

/// The bytes in a line of `od -An -v -tx1`; none in any other line.
fn bytes(line: &str) -> Vec<u8> {
    let bytes: Option<_> = line.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes.unwrap_or_default()
}

/// Bytes as text from which they can be told: a bar before each line, what is not ASCII as `\x` and digits, a backslash
/// twice, and one at the end if the last line does not end.
pub fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        text.push('|');
        for &byte in line {
            match byte {
                b'\\' => text.push_str("\\\\"),
                b'\n' | b'\t' | b' '..=b'~' => text.push(byte.into()),
                _ => text.push_str(&format!("\\x{byte:02x}")),
            }
        }
        if !line.ends_with(b"\n") {
            text.push_str("\\\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# What it is.\n\n== one\necho 1\n\n== two\ncat <<END\n==\nEND\n";

    fn answer(name: &str, status: u8, output: &str) -> Answer {
        Answer { name: name.into(), status, output: output.into() }
    }

    #[test]
    fn reads_lines() {
        let lines = lines(FILE);
        assert_eq!(lines[0], Line { name: "one".into(), script: "echo 1\n".into() });
        assert_eq!(lines[1], Line { name: "two".into(), script: "cat <<END\n==\nEND\n".into() });
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn reads_the_answers_it_writes() {
        let written = [answer("one", 0, "|1\n|== x\n"), answer("a: b", 127, "")];
        assert_eq!(answers(&format!("# By whom.\n{}", write(&written))).unwrap(), written);
        assert!(answers("== one\n").is_err());
    }

    #[test]
    fn reads_what_the_driver_says() {
        let names = lines(FILE);
        let terminal = "[ 1.0 ] noise\r\n=== 000 0\r\n 31 0a\r\n=== 001 3\r\n 5c ff\r\n 09\r\n=== end 0\r\nmore\r\n";
        let expected = [answer("one", 0, "|1\n"), answer("two", 3, "|\\\\\\xff\t\\\n")];
        assert_eq!(said(terminal, &names).unwrap(), expected);
        let error = said("=== 000 0\n 31 0a\n=== 001 0\n", &names).unwrap_err().to_string();
        assert!(error.contains("\"two\", which is 2 of 2"), "{error}");
    }

    #[test]
    fn different_bytes_read_differently() {
        let outputs: [&[u8]; 6] = [b"", b"\n", b"a", b"a\n", b"\\x61\n", b"\r\n"];
        for (index, first) in outputs.iter().enumerate() {
            assert!(outputs[index + 1..].iter().all(|second| readable(first) != readable(second)), "{first:?}");
        }
    }
}
