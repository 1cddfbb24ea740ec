//! Compiles every case as it stands (its good twin) and once for each fault that its header names, and looks for the
//! error that the header promises: one error, of that code, with those words. See README.md.

mod case;
mod compiler;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Trial};

use case::{Case, Fault};
use compiler::{Compiler, Diagnostic, Emit};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-fail");
    let compiler = Arc::new(Compiler::with_libraries(folder, &scratch)?);
    let mut trials = Vec::new();
    for path in sources(&folder.join("cases"))?.into_iter().chain(sources(&folder.join("holes"))?) {
        let case = Arc::new(Case::read(&path)?);
        trials.push(trial(&compiler, &case, None));
        trials.extend((0..case.faults.len()).map(|index| trial(&compiler, &case, Some(index))));
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
        Ok(check(&compiler, &case, fault).map_err(|error| format!("{}: {error:#}", case.path.display()))?)
    })
}

fn check(compiler: &Compiler, case: &Case, fault: Option<&Fault>) -> Result<()> {
    for emit in case.emits() {
        let errors = compiler.compile(case, fault, *emit)?;
        match fault.and_then(|fault| fault.error.as_ref()) {
            Some(expected) => is_what_was_promised(&errors, expected, *emit)?,
            None => compiles(&errors, fault)?,
        }
    }
    Ok(())
}

fn compiles(errors: &[Diagnostic], hole: Option<&Fault>) -> Result<()> {
    let whose = match hole {
        None => "the good twin does not compile",
        Some(_) => "a known hole is closed: move it from holes/ to cases/ with the error that closes it",
    };
    ensure!(errors.is_empty(), "{whose}:\n{}", render(errors));
    Ok(())
}

fn is_what_was_promised(errors: &[Diagnostic], expected: &case::Expected, emit: Emit) -> Result<()> {
    ensure!(!errors.is_empty(), "compiles ({emit:?}), but {expected} is expected");
    ensure!(errors.len() == 1, "one error is expected, {expected}, but there are {}:\n{}", errors.len(), render(errors));
    let error = &errors[0];
    ensure!(error.code == expected.code, "{expected} is expected, but the code is {}:\n{}", error.code, render(errors));
    let missing = expected.words.iter().find(|words| !error.text.contains(words.as_str()));
    if let Some(words) = missing {
        anyhow::bail!("{expected} is expected, but nothing says {words:?}:\n{}", render(errors));
    }
    Ok(())
}

fn render(errors: &[Diagnostic]) -> String {
    errors.iter().map(|error| error.rendered.as_str()).collect::<Vec<_>>().join("\n")
}
