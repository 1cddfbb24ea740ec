//! Compiles every case as it stands (its good twin) and once for each fault that its header names, and looks for the
//! error that the header promises: one error, of that code, with those words. See README.md.

mod case;
mod compiler;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Trial};

use case::{Case, Expected, Fault};
use compiler::{Compiler, Diagnostic};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("no place to compile in")?;
    let compiler = Arc::new(Compiler::with_libraries(folder, scratch.path())?);
    let readme = fs::read_to_string(folder.join("README.md")).context("cannot read README.md")?;
    let mut trials = Vec::new();
    for kind in ["self-test", "cases", "holes"] {
        for path in sources(&folder.join(kind))? {
            let case = Arc::new(Case::read(&path)?);
            let is_listed = kind != "cases" || readme.contains(&format!("`{}`", case.name()));
            ensure!(is_listed, "{}: README.md does not say what it is for", path.display());
            let faults = (0..case.faults.len()).map(Some);
            // A case of the self-test is rejected by its fault, or has none and is rejected itself.
            let good = (case.rejected.is_none() || case.faults.is_empty()).then_some(None);
            trials.extend(good.into_iter().chain(faults).map(|fault| trial(&compiler, &case, fault)));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// The Rust files of a folder, in order.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    Ok(files)
}

/// One compilation and what is expected of it.
fn trial(compiler: &Arc<Compiler>, case: &Arc<Case>, fault: Option<usize>) -> Trial {
    let (compiler, case) = (Arc::clone(compiler), Arc::clone(case));
    let fault_name = fault.map_or("good", |index| &case.faults[index].name);
    let name = format!("{}/{}::{fault_name}", case.folder(), case.name());
    Trial::test(name, move || {
        let fault = fault.map(|index| &case.faults[index]);
        let checked = match &case.rejected {
            None => check(&compiler, &case, fault),
            Some(words) => is_rejected(check(&compiler, &case, fault), words),
        };
        Ok(checked.map_err(|error| format!("{}: {error:#}", case.path.display()))?)
    })
}

fn check(compiler: &Compiler, case: &Case, fault: Option<&Fault>) -> Result<()> {
    for emit in case.emits() {
        let errors = compiler.compile(case, fault, *emit)?;
        match fault {
            None => ensure!(errors.is_empty(), "the good twin does not compile:\n{}", render(&errors)),
            Some(hole) if hole.errors.is_empty() => {
                let advice = "a known hole is closed: move it from holes/ to cases/, with the error that closes it";
                ensure!(errors.is_empty(), "{advice}:\n{}", render(&errors));
            }
            Some(fault) => {
                is_as_promised(&errors, &fault.errors).with_context(|| format!("{emit:?}:\n{}", render(&errors)))?;
            }
        }
    }
    Ok(())
}

/// The check sees what is wrong with a case.
fn is_rejected(checked: Result<()>, words: &str) -> Result<()> {
    let Err(error) = checked else { bail!("the check finds nothing wrong") };
    ensure!(format!("{error:#}").contains(words), "the check does not say {words:?}, but:\n{error:#}");
    Ok(())
}

/// Each promised error comes, and no other.
fn is_as_promised(errors: &[Diagnostic], promised: &[Expected]) -> Result<()> {
    ensure!(!errors.is_empty(), "it compiles");
    let mut left: Vec<_> = errors.iter().collect();
    for expected in promised {
        let found = left.iter().position(|error| expected.is(error));
        left.remove(found.with_context(|| format!("there is no {expected}"))?);
    }
    ensure!(left.is_empty(), "there are errors that nobody promised");
    Ok(())
}

fn render(errors: &[Diagnostic]) -> String {
    errors.iter().map(|error| error.rendered.as_str()).collect::<Vec<_>>().join("\n")
}
