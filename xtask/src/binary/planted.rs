//! Mistakes planted in real compiled code: a check that finds none of them proves nothing when it finds nothing else.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::code::Code;
use super::vectors;
use super::walk::{Phase, Rule, walk};
use crate::toolchain::Toolchain;
use crate::{build, process, workspace};

/// Each mistake in `planted.rs`, and what must be found.
const MISTAKES: &[(&str, &[(Rule, Phase)])] = &[
    ("", &[]),
    ("closure", &[(Rule::OrdinaryCode, Phase::Entering)]),
    ("bound", &[(Rule::OrdinaryCode, Phase::Entering)]),
    ("copy", &[(Rule::OrdinaryCode, Phase::Entering)]),
    ("function pointer", &[(Rule::Indirect, Phase::Entering)]),
    ("trait object", &[(Rule::Indirect, Phase::Entering)]),
    // Behind it nothing is followed, so the rest of the handler is not there.
    ("jump table", &[(Rule::Indirect, Phase::Entering)]),
    ("brk", &[(Rule::Exception, Phase::Entering)]),
    ("late syndrome", &[(Rule::LateSyndrome, Phase::Body)]),
    ("forgotten mask", &[(Rule::EarlyReturnState, Phase::Body)]),
    ("helper", &[(Rule::OrdinaryCode, Phase::Exiting)]),
    ("switch", &[(Rule::EarlyReturnState, Phase::Body)]),
    ("opens before the return", &[(Rule::OpensReturning, Phase::Returning), (Rule::EarlyReturnState, Phase::Body)]),
    ("another mask", &[(Rule::UnknownMask, Phase::Returning)]),
    ("tail call", &[(Rule::OrdinaryCode, Phase::Returning)]),
];

/// Compiles each, and returns how many there are if exactly what is wrong with each is found.
pub fn check(toolchain: &Toolchain) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let source = workspace::root().join("xtask/planted/planted.rs");
    for (mistake, expected) in MISTAKES {
        for level in ["2", "3", "s"] {
            let elf = folder.path().join("planted");
            let mut rustc = build::rustc(toolchain);
            rustc.args(["--edition=2024", "--crate-type=bin", "-Cpanic=abort"]).arg(format!("-Copt-level={level}"));
            rustc.arg(format!("-Clink-arg=-T{}", workspace::root().join("kernel/kernel.ld").display()));
            rustc.args(["-Clink-arg=--entry=table", "--cfg"]).arg(format!("planted={mistake:?}"));
            process::run(rustc.arg(&source).arg("-o").arg(&elf))
                .with_context(|| format!("cannot plant {mistake:?}"))?;
            let code = Code::read(&fs::read(&elf)?)?;
            let seen = walk(&code, &vectors(&code));
            let found: BTreeSet<_> = seen.breaches.iter().map(|breach| (breach.rule, breach.phase)).collect();
            let expected = expected.iter().copied().collect();
            ensure!(found == expected, "planted {mistake:?} at -O{level}: found {found:?} instead of {expected:?}");
        }
    }
    Ok(MISTAKES.len() - 1)
}
