//! What came of one cell of the matrix, kept in a file: a run can end and go on, or be made in parts.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::entries::Entries;
use crate::machine::Boot;
use crate::workspace;

const FOLDER: &str = "target/matrix";

/// What was booted: another kernel or other programs have another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of these files.
    pub fn of<const N: usize>(paths: [&Path; N]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            hasher.write(&fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
        }
        Ok(Self(hasher.finish()))
    }
}

/// How its tests ended, and what was interrupted in them.
#[derive(Default)]
pub struct CellResult {
    pub passed: usize,
    /// The names of tests, or what else was wrong with them, in a line each.
    pub failed: Vec<String>,
    entries: Entries,
}

impl CellResult {
    /// Adds one test; prints why if it has failed.
    pub fn note(&mut self, name: &str, boot: Result<Boot>) {
        match boot.and_then(|boot| self.entries.add(&boot.log)) {
            Ok(()) => self.passed += 1,
            Err(error) => {
                self.failed.push(name.to_owned());
                println!("{error:#}");
            }
        }
    }

    /// What was interrupted, as the kernel's log has it.
    pub fn table(&self) -> String {
        self.entries.as_in_log()
    }

    /// What came of that cell before, if nothing failed and it was the same that was booted.
    pub fn read(cell: &str, fingerprint: Fingerprint) -> Result<Option<Self>> {
        let path = path_of(cell);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        Self::parse(&text, fingerprint).with_context(|| format!("{} is no result: remove it", path.display()))
    }

    fn parse(text: &str, fingerprint: Fingerprint) -> Result<Option<Self>> {
        let (head, table) = text.split_once('\n').context("it is empty")?;
        let numbers: Vec<u64> = head.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [of, passed, failed] = numbers[..] else { return Err(anyhow!("a first line of {head:?}")) };
        if Fingerprint(of) != fingerprint || failed > 0 {
            return Ok(None);
        }
        let mut result = Self { passed: passed as usize, ..Self::default() };
        result.entries.add(table)?;
        Ok(Some(result))
    }

    fn render(&self, fingerprint: Fingerprint) -> String {
        format!("{} {} {}\n{}", fingerprint.0, self.passed, self.failed.len(), self.table())
    }

    /// Keeps it.
    pub fn write(&self, cell: &str, fingerprint: Fingerprint) -> Result<()> {
        let path = path_of(cell);
        fs::create_dir_all(workspace::root().join(FOLDER))?;
        fs::write(&path, self.render(fingerprint)).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl fmt::Display for CellResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}

fn path_of(cell: &str) -> PathBuf {
    let name = cell.replace(", ", "_").replace([' ', ':'], "-");
    workspace::root().join(FOLDER).join(name).with_extension("txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
--- entries by class and by what they interrupted
class                user     open
el0_svc                 3        0
--- preemptions
";
    const OF: Fingerprint = Fingerprint(7);

    fn result() -> CellResult {
        let mut result = CellResult { passed: 2, ..CellResult::default() };
        result.entries.add(LOG).expect("it is a log");
        result
    }

    #[test]
    fn reads_what_it_wrote() {
        let read = CellResult::parse(&result().render(OF), OF).expect("it is one").expect("nothing failed");
        assert_eq!((read.passed, read.table()), (2, result().table()));
    }

    #[test]
    fn runs_again_what_failed_or_was_another() {
        let failed = CellResult { failed: vec!["hello".to_owned()], ..result() };
        assert!(CellResult::parse(&failed.render(OF), OF).expect("it is one").is_none());
        assert!(CellResult::parse(&result().render(OF), Fingerprint(8)).expect("it is one").is_none());
        assert!(CellResult::parse("7 2\n", OF).is_err());
    }
}
