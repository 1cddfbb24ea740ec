//! A case: one file, its faults, and the error that each must give.
//!
//! ```text
//! //! What is promised.
//! //@ codegen                                    optional: build it, do not only check it
//! //@ fault_name: E0277 "words of the error" "and more"
//! //@ fault_name: E0308 "words of a second error"
//! //@ other_name: compiles                       in holes/ only
//! //@ rejected: "what the check says of this case"   in self-test/ only
//! ```
//!
//! `cfg(good)` holds without a fault, `cfg(bad = "fault_name")` with it. An error without a code is called `error`, one
//! of a lint by the lint's name.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

use crate::compiler::{Diagnostic, Emit};

pub struct Case {
    pub path: PathBuf,
    pub faults: Vec<Fault>,
    /// In self-test/: what the check says of it.
    pub rejected: Option<String>,
    codegen: bool,
}

pub struct Fault {
    pub name: String,
    /// All of them. None: a known hole, which compiles.
    pub errors: Vec<Expected>,
}

/// One error: its code, and what its message, labels and notes say. Modules are left out of paths.
pub struct Expected {
    pub code: String,
    pub words: Vec<String>,
}

impl Case {
    pub fn read(path: &Path) -> Result<Case> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut case = Case { path: path.to_owned(), faults: Vec::new(), rejected: None, codegen: false };
        for line in text.lines().filter_map(|line| line.strip_prefix("//@ ")) {
            match line {
                "codegen" => case.codegen = true,
                _ if line.starts_with("rejected: ") => case.rejected = line.split('"').nth(1).map(str::to_owned),
                _ => case.promise(line).with_context(|| format!("{}: //@ {line}", path.display()))?,
            }
        }
        let is_hole = case.folder() == "holes";
        let fits = case.rejected.is_some() || case.faults.iter().all(|fault| fault.errors.is_empty() == is_hole);
        ensure!(fits, "{}: what compiles belongs to holes/, what does not to cases/", path.display());
        Ok(case)
    }

    fn promise(&mut self, line: &str) -> Result<()> {
        let (name, promise) = line.split_once(": ").context("no `name: code`")?;
        let errors = if promise == "compiles" { vec![] } else { vec![promise.parse()?] };
        match self.faults.iter_mut().find(|fault| fault.name == name) {
            Some(fault) => fault.errors.extend(errors),
            None => self.faults.push(Fault { name: name.to_owned(), errors }),
        }
        Ok(())
    }

    pub fn name(&self) -> &str {
        self.path.file_stem().and_then(|name| name.to_str()).expect("cases are named in ASCII")
    }

    /// Another one for each compilation, because they write to one folder.
    pub fn crate_name(&self, fault: Option<&Fault>) -> String {
        let fault = fault.map_or("good", |fault| &fault.name);
        format!("{}_{}_{fault}", self.folder(), self.name()).replace('-', "_")
    }

    pub fn folder(&self) -> &str {
        self.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("cases lie in a folder")
    }

    /// How it is compiled. An error of code generation must come at every optimisation level.
    pub fn emits(&self) -> &'static [Emit] {
        if self.codegen { &[Emit::Object { opt_level: 0 }, Emit::Object { opt_level: 3 }] } else { &[Emit::Metadata] }
    }
}

impl FromStr for Expected {
    type Err = anyhow::Error;

    /// `code "words" "words"`
    fn from_str(promise: &str) -> Result<Expected> {
        let (code, rest) = promise.split_once(' ').context("no words after the code")?;
        let list = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).context("words stand in quotes")?;
        let words: Vec<_> = list.split("\" \"").map(str::to_owned).collect();
        ensure!(words.iter().all(|words| !words.is_empty() && !words.contains('"')), "not a list of quoted words");
        Ok(Expected { code: code.to_owned(), words })
    }
}

impl Expected {
    pub fn is(&self, error: &Diagnostic) -> bool {
        self.code == error.code && self.words.iter().all(|words| error.text.contains(words))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code, self.words)
    }
}
