//! A case: one file, its faults, and the error that each must give.
//!
//! ```text
//! //! What is promised.
//! //@ codegen                                    optional: build it, do not only check it
//! //@ fault_name: E0277 "words of the error" "and more"
//! //@ other_name: compiles                       in holes/ only
//! ```
//!
//! `cfg(good)` holds without a fault, `cfg(bad = "fault_name")` with it. An error without a code is called `error`, one
//! of a lint by the lint's name.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::compiler::Emit;

pub struct Case {
    pub path: PathBuf,
    pub faults: Vec<Fault>,
    codegen: bool,
}

pub struct Fault {
    pub name: String,
    /// None: a known hole, which compiles.
    pub error: Option<Expected>,
}

pub struct Expected {
    pub code: String,
    pub words: Vec<String>,
}

impl Case {
    pub fn read(path: &Path) -> Result<Case> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut case = Case { path: path.to_owned(), faults: Vec::new(), codegen: false };
        for line in text.lines().filter_map(|line| line.strip_prefix("//@ ")) {
            match line {
                "codegen" => case.codegen = true,
                _ => case.faults.push(fault(line).with_context(|| format!("{}: //@ {line}", path.display()))?),
            }
        }
        let is_hole = case.folder() == "holes";
        let fits = case.faults.iter().all(|fault| fault.error.is_none() == is_hole);
        ensure!(fits, "{}: what compiles belongs to holes/, what does not to cases/", path.display());
        ensure!(!text.contains("bad = ") || !case.faults.is_empty(), "{}: no fault is named", path.display());
        Ok(case)
    }

    pub fn name(&self) -> &str {
        self.path.file_stem().and_then(|name| name.to_str()).expect("cases are named in ASCII")
    }

    pub fn folder(&self) -> &str {
        self.path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("cases lie in a folder")
    }

    /// How it is compiled. An error of code generation must come at every optimisation level.
    pub fn emits(&self) -> &'static [Emit] {
        if self.codegen { &[Emit::Object { opt_level: 0 }, Emit::Object { opt_level: 3 }] } else { &[Emit::Metadata] }
    }
}

/// `name: code "words" "words"`
fn fault(line: &str) -> Result<Fault> {
    let (name, promise) = line.split_once(": ").context("no `name: code`")?;
    if promise == "compiles" {
        return Ok(Fault { name: name.to_owned(), error: None });
    }
    let (code, rest) = promise.split_once(' ').context("no words after the code")?;
    let mut parts = rest.split('"');
    let mut words = Vec::new();
    while let (Some(between), Some(quoted)) = (parts.next(), parts.next()) {
        if !between.trim().is_empty() || quoted.is_empty() {
            bail!("not a list of quoted words: {rest}");
        }
        words.push(quoted.to_owned());
    }
    ensure!(!words.is_empty(), "no quoted words after the code");
    Ok(Fault { name: name.to_owned(), error: Some(Expected { code: code.to_owned(), words }) })
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code, self.words)
    }
}
