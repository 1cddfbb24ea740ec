//! core and alloc for a target, built from the compiler's own source and laid where that compiler looks for them.
//!
//! They are what rustup would bring: same source, same compiler. Only this step uses what is unstable; the workspace
//! itself builds with stable features alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{process, progress};

const CRATES: [&str; 3] = ["core", "alloc", "compiler_builtins"];

/// Builds the crates for `target` with the toolchain unpacked under `root` and adds them to it.
///
/// The same packages always give the same crates: cargo hashes the sources' place relative to the workspace, so the
/// workspace is `root` itself, wherever that lies. (What a target folder already holds stays usable after the cache was
/// emptied and filled again.)
pub fn build(root: &Path, target: &str) -> Result<()> {
    let _spinner = progress::spinner(&format!("building core and alloc for {target}"));
    let library = root.join("usr/lib/rustlib/src/rust/library");
    let source = library.canonicalize().with_context(|| format!("no source of core in {}", library.display()))?;
    let files = [("Cargo.toml", manifest(source.strip_prefix(root.canonicalize()?)?)), ("lib.rs", String::new())];
    for (name, content) in &files {
        fs::write(root.join(name), content)?;
    }
    let work = tempfile::tempdir_in(root)?;
    compile(root, work.path(), target, &source)?;
    for name in files.iter().map(|(name, _)| *name).chain(["Cargo.lock"]) {
        fs::remove_file(root.join(name))?;
    }
    let built = work.path().join(target).join("release/deps");
    lay(&built, &root.join("usr/lib/rustlib").join(target).join("lib"))
}

/// A package around alloc: the source's own workspace wants crates that the archive does not have.
fn manifest(source: &Path) -> String {
    format!(
        r#"cargo-features = ["profile-rustflags"]
[package]
name = "standard-library"
edition = "2024"
[lib]
path = "lib.rs"
[dependencies]
alloc = {{ path = "{}", features = ["compiler-builtins-mem"] }}
[profile.release]
debug = 1
codegen-units = 1
rustflags = ["-Zforce-unstable-if-unmarked", "-Cembed-bitcode=yes", "-Cforce-frame-pointers=yes"]
# As upstream does: each function in an object of its own, so that a program can replace any.
[profile.release.package.compiler_builtins]
codegen-units = 10000
[workspace]
exclude = ["usr"]
"#,
        source.join("alloc").display()
    )
}

fn compile(root: &Path, work: &Path, target: &str, source: &Path) -> Result<()> {
    let rustc = root.join("usr/bin/rustc");
    let libraries = root.join("usr/lib");
    let about = process::output(Command::new(&rustc).arg("-vV").env("LD_LIBRARY_PATH", &libraries))?;
    let commit = about.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let mut cargo = Command::new(root.join("usr/bin/cargo"));
    cargo.args(["build", "-q", "--offline", "--release", "--package", "alloc", "--target", target]);
    cargo.current_dir(root);
    cargo.env("RUSTC", &rustc).env("LD_LIBRARY_PATH", &libraries).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("CARGO_TARGET_DIR", work);
    // rustc maps the second back to the source beside it, in messages and for debuggers. The last that fits counts.
    let origin = format!("/rustc/{commit}");
    let maps = [(root, origin.clone()), (source, format!("{origin}/library"))];
    let maps = maps.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    cargo.env("CARGO_ENCODED_RUSTFLAGS", maps.join("\x1f"));
    for outer in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(outer);
    }
    process::run(&mut cargo)
}

fn lay(built: &Path, place: &Path) -> Result<()> {
    fs::create_dir_all(place)?;
    for name in CRATES {
        let library = library(built, name)?;
        let to = place.join(library.file_name().expect("it is a file in a folder"));
        fs::copy(&library, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn library(built: &Path, name: &str) -> Result<PathBuf> {
    let prefix = format!("lib{name}-");
    for file in fs::read_dir(built).with_context(|| format!("cannot read {}", built.display()))? {
        let path = file?.path();
        let is_it = path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix));
        if is_it && path.extension().is_some_and(|extension| extension == "rlib") {
            return Ok(path);
        }
    }
    bail!("building core and alloc left no lib{name} in {}", built.display())
}
