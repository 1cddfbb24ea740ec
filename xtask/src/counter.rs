//! The counter: QEMU's plugin built for this host, and a machine that boots under it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol};
use serde_json::Value;
use vestibule_counter::report::Report;

use crate::machine::{End, Machine};
use crate::qemu::Qemu;
use crate::{process, workspace};

const PACKAGE: &str = "vestibule-counter";
const LIBRARY: &str = "vestibule_counter";

/// Makes runs repeatable to the instruction: one instruction is one nanosecond of the machine's only clock.
const REPEATABLE: [&str; 6] = ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm", "-seed", "1"];

/// The counter's plugin, built.
pub struct Counter {
    plugin: PathBuf,
}

impl Counter {
    /// Builds it.
    pub fn new() -> Result<Self> {
        let mut build = Command::new("cargo");
        build.current_dir(workspace::root()).args(["build", "--profile", "model", "--lib", "--package", PACKAGE]);
        let messages = process::output(build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit()))?;
        let plugin = messages.lines().find_map(library).with_context(|| format!("{PACKAGE} has no plugin"))?;
        Ok(Self { plugin })
    }

    /// QEMU's `-plugin` with the plugin's own arguments.
    pub fn argument(&self, arguments: &str, report: &Path) -> String {
        format!("{},{arguments},out={}", self.plugin.display(), report.display())
    }

    /// Boots `machine`, which must have one CPU and end with status 0, and returns what was counted, byte for byte.
    pub fn count(&self, machine: &Machine, qemu: &Qemu) -> Result<Count> {
        let folder = tempfile::tempdir().context("cannot make a folder for the report")?;
        let report = folder.path().join("report.json");
        let arguments = arguments(machine.kernel)?;
        let boot = machine.boot_with(qemu, |command| {
            command.args(REPEATABLE).arg("-plugin").arg(self.argument(&arguments, &report));
        })?;
        match boot.end {
            End::Exited(0) => {}
            end => bail!("the counted machine: {end}\nits log:\n{}", boot.log),
        }
        let json = fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
        let report = serde_json::from_str(&json).context("the counter's report is not what its reader knows")?;
        Ok(Count { json, report })
    }
}

/// What was counted in one run.
pub struct Count {
    /// As the plugin wrote it.
    pub json: String,
    pub report: Report,
}

/// The plugin's arguments for this kernel: where its vectors, its entry text and its task switch are.
fn arguments(kernel: &Path) -> Result<String> {
    let elf = fs::read(kernel).with_context(|| format!("cannot read the kernel {}", kernel.display()))?;
    let file = object::File::parse(&*elf).with_context(|| format!("{} is not an ELF file", kernel.display()))?;
    let address = |name: &str| address(&file, name).with_context(|| format!("cannot count {}", kernel.display()));
    let (start, end) = (address("__entry_text_start")?, address("__entry_text_end")?);
    let switch = address("vestibule_arm64::real::switch")?;
    // The linker script puts the vectors first in entry text.
    Ok(format!("vbar={start:x},text={start:x}-{end:x},switch={switch:x}"))
}

/// The address of the only symbol with this name, as it stands in the source.
fn address(file: &object::File, name: &str) -> Result<u64> {
    let named = file.symbols().filter(|symbol| symbol.name().is_ok_and(|mangled| demangle(mangled) == name));
    let addresses: Vec<_> = named.map(|symbol| symbol.address()).collect();
    match addresses[..] {
        [address] => Ok(address),
        _ => bail!("it has {} symbols {name}, not one", addresses.len()),
    }
}

/// Without the hash.
fn demangle(mangled: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(mangled))
}

/// The path of the plugin in a line of cargo's messages.
fn library(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message.get("target")?.get("name")? != LIBRARY {
        return None;
    }
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|extension| extension == "so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_plugin_in_cargos_messages() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"vestibule_counter"},
            "filenames":["/t/libvestibule_counter.rlib","/t/libvestibule_counter.so"]}"#;
        assert_eq!(library(message), Some("/t/libvestibule_counter.so".into()));
        assert_eq!(library(r#"{"target":{"name":"serde"},"filenames":["/t/libserde_derive.so"]}"#), None);
        assert_eq!(library("not JSON"), None);
    }

    #[test]
    fn names_symbols_as_the_source_does() {
        assert_eq!(demangle("_ZN15vestibule_arm644real6switch17had1fe14d97777d0dE"), "vestibule_arm64::real::switch");
        assert_eq!(demangle("__entry_text_start"), "__entry_text_start");
    }
}
