//! Scripts: a file whose first line names the program that runs it. Pure; its tests run on the host.

use alloc::vec::Vec;

/// Bytes of a file in which its first line must end.
pub const FIRST_LINE: usize = 256;

/// Who runs a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interpreter {
    /// Its path.
    pub path: Vec<u8>,
    /// What else the line says: one argument, whatever is in it.
    pub argument: Option<Vec<u8>>,
}

/// The first line says that somebody runs this, and not who.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoInterpreter;

/// Who runs the file that begins so; none if it is no script.
pub fn interpreter(beginning: &[u8]) -> Result<Option<Interpreter>, NoInterpreter> {
    let Some(rest) = beginning.strip_prefix(b"#!") else { return Ok(None) };
    let end = rest.iter().position(|byte| *byte == b'\n');
    // Whoever cut the line in the middle of the path would run something else.
    let line = match end {
        Some(end) => &rest[..end],
        None if beginning.len() < FIRST_LINE || rest.trim_ascii_start().iter().any(|byte| is_blank(*byte)) => rest,
        None => return Err(NoInterpreter),
    };
    let line = trim(line);
    let path_end = line.iter().position(|byte| is_blank(*byte)).unwrap_or(line.len());
    let (path, argument) = (&line[..path_end], trim(&line[path_end..]));
    if path.is_empty() || path.contains(&0) {
        return Err(NoInterpreter);
    }
    let argument = (!argument.is_empty()).then(|| argument.to_vec());
    Ok(Some(Interpreter { path: path.to_vec(), argument }))
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn trim(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<(String, Option<String>)>, NoInterpreter> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let found = interpreter(text.as_bytes())?;
        Ok(found.map(|found| (text_of(found.path), found.argument.map(text_of))))
    }

    #[test]
    fn everything_after_the_path_is_one_argument() {
        assert_eq!(of("#!/bin/sh\necho"), Ok(Some(("/bin/sh".into(), None))));
        assert_eq!(of("#! /bin/awk  -f x \n"), Ok(Some(("/bin/awk".into(), Some("-f x".into())))));
        assert_eq!(of("#!/bin/sh"), Ok(Some(("/bin/sh".into(), None))));
    }

    #[test]
    fn what_is_no_script_has_no_interpreter() {
        assert_eq!(of("\x7fELF"), Ok(None));
        assert_eq!(of(""), Ok(None));
    }

    #[test]
    fn a_line_without_a_whole_path_is_refused() {
        assert_eq!(of("#!\n"), Err(NoInterpreter));
        assert_eq!(of(&format!("#!/{}", "x".repeat(FIRST_LINE))), Err(NoInterpreter));
        assert_eq!(of("#!/bin/\0sh\n"), Err(NoInterpreter));
    }
}
