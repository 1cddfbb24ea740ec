//! The compiler: builds the two libraries once, as a kernel does, and then compiles cases against exactly these.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::case::{Case, Fault};

pub struct Compiler {
    scratch: PathBuf,
}

/// How far a case is compiled.
#[derive(Clone, Copy, Debug)]
pub enum Emit {
    /// As `cargo check`: nothing generic is instantiated.
    Metadata,
    /// Everything that is instantiated.
    Object { opt_level: u8 },
}

/// One error.
pub struct Diagnostic {
    /// `error` if it has none.
    pub code: String,
    /// Message, labels and notes, one a line.
    pub text: String,
    /// As the terminal shows it.
    pub rendered: String,
}

impl Compiler {
    /// Builds vestibule, its arm64 port and `support`, all without dependencies. Panics abort, as in every kernel.
    pub fn with_libraries(folder: &Path, scratch: &Path) -> Result<Compiler> {
        let compiler = Compiler { scratch: scratch.to_owned() };
        let workspace = folder.parent().context("the workspace is the folder above")?;
        compiler.library("vestibule", &workspace.join("vestibule/src/lib.rs"), &[])?;
        compiler.library("vestibule_arm64", &workspace.join("vestibule-arm64/src/lib.rs"), &["vestibule"])?;
        compiler.library("support", &folder.join("support/lib.rs"), &["vestibule", "vestibule_arm64"])?;
        Ok(compiler)
    }

    fn library(&self, name: &str, source: &Path, externs: &[&str]) -> Result<()> {
        let mut rustc = self.rustc(source, externs);
        rustc.args(["--crate-name", name, "--cap-lints=allow", "--emit=metadata,link"]);
        let output = run(&mut rustc)?;
        ensure!(output.status.success(), "{name} does not build:\n{}", rendered(&output)?);
        Ok(())
    }

    /// The errors of a case, with a fault or without.
    pub fn compile(&self, case: &Case, fault: Option<&Fault>, emit: Emit) -> Result<Vec<Diagnostic>> {
        let mut rustc = self.rustc(&case.path, &["vestibule", "vestibule_arm64", "support"]);
        let faults = case.faults.iter().map(|fault| format!("{:?}", fault.name)).collect::<Vec<_>>().join(", ");
        rustc
            .args(["--crate-name", &case.crate_name(fault)])
            .args(["-Aunused", "-Dunused_must_use", "-Dunexpected_cfgs"])
            .args(["--check-cfg", &format!("cfg(bad, values({faults}))"), "--check-cfg", "cfg(good)"])
            .args(["--cfg", &fault.map_or("good".to_owned(), |fault| format!("bad={:?}", fault.name))]);
        match emit {
            Emit::Metadata => rustc.arg("--emit=metadata"),
            Emit::Object { opt_level } => rustc.args(["--emit=obj", &format!("-Copt-level={opt_level}")]),
        };
        let output = run(&mut rustc)?;
        let errors = errors(&output)?;
        ensure!(
            output.status.success() == errors.is_empty(),
            "rustc ended with {}:\n{} errors",
            output.status,
            errors.len()
        );
        Ok(errors)
    }

    fn rustc(&self, source: &Path, externs: &[&str]) -> Command {
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.args(["--edition=2024", "--crate-type=lib", "-Cpanic=abort", "--error-format=json"]);
        rustc.arg("--out-dir").arg(&self.scratch).arg("-L").arg(&self.scratch);
        for name in externs {
            rustc.arg("--extern").arg(format!("{name}={}", self.scratch.join(format!("lib{name}.rlib")).display()));
        }
        rustc.arg(source);
        rustc
    }
}

fn run(command: &mut Command) -> Result<Output> {
    command.output().with_context(|| format!("cannot run {command:?}"))
}

/// What rustc says, one JSON object a line; anything else (it crashed) is an error of its own.
fn messages(output: &Output) -> Result<Vec<Value>> {
    let stderr = std::str::from_utf8(&output.stderr).context("rustc does not speak UTF-8")?;
    stderr.lines().map(|line| serde_json::from_str(line).with_context(|| format!("rustc says:\n{stderr}"))).collect()
}

fn errors(output: &Output) -> Result<Vec<Diagnostic>> {
    let messages = messages(output)?;
    let errors = messages.iter().filter(|message| {
        let is_summary = message["message"].as_str().is_some_and(|text| text.starts_with("aborting due to"));
        message["level"] == "error" && !is_summary
    });
    errors.map(diagnostic).collect()
}

fn diagnostic(message: &Value) -> Result<Diagnostic> {
    let mut text = Vec::new();
    collect_text(message, &mut text);
    let Some(rendered) = message["rendered"].as_str() else { bail!("an error without text: {message}") };
    Ok(Diagnostic {
        code: message["code"]["code"].as_str().unwrap_or("error").to_owned(),
        text: without_modules(&text.join("\n")),
        rendered: rendered.to_owned(),
    })
}

/// The message, its labels, and the same of its notes.
fn collect_text<'m>(message: &'m Value, text: &mut Vec<&'m str>) {
    text.extend(message["message"].as_str());
    for span in message["spans"].as_array().into_iter().flatten() {
        text.extend(span["label"].as_str());
    }
    for child in message["children"].as_array().into_iter().flatten() {
        collect_text(child, text);
    }
}

/// `vestibule::Ready` as `Ready`: rustc shows paths in full wherever something else has the same name.
fn without_modules(text: &str) -> String {
    let mut short = String::new();
    for (index, part) in text.split("::").enumerate() {
        let module = short.len() - short.chars().rev().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').count();
        if index > 0 && short[module..].starts_with(|c: char| c.is_ascii_lowercase()) {
            short.truncate(module);
        } else if index > 0 {
            short.push_str("::");
        }
        short.push_str(part);
    }
    short
}

fn rendered(output: &Output) -> Result<String> {
    Ok(messages(output)?.iter().filter_map(|message| message["rendered"].as_str()).collect())
}
