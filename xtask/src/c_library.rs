//! The program in `programs/c/`, built with Debian's cross compiler once for each C library: glibc and musl, both static.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::{cache, debian, process, progress, workspace};

/// The compiler with glibc and Linux's headers. Its packages are for this machine, not for arm64.
const COMPILER: &[&str] = &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];
const MUSL: &str = "musl-dev";

/// What the programs' names begin with; the library follows.
const NAME: &str = "c-library-";

/// Where Debian has musl, and the compiler's own files.
const MUSL_LIBRARIES: &str = "usr/lib/aarch64-linux-musl";
const MUSL_HEADERS: &str = "usr/include/aarch64-linux-musl";
const OWN: &str = "usr/lib/gcc-cross/aarch64-linux-gnu/12";

const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Werror", "-Wno-unused-result", "-Wno-infinite-recursion"];

/// The two programs, by the names under which they stand among the test programs.
pub fn programs() -> Result<Vec<(String, PathBuf)>> {
    let folder = compiler()?;
    let sources = sources()?;
    let build = |library: &str, arguments: &dyn Fn(&mut Command)| {
        let name = format!("{NAME}{library}");
        let path = workspace::root().join("target/c-library").join(&name);
        if !is_newer(&path, &sources) {
            fs::create_dir_all(path.parent().expect("it lies in a folder"))?;
            let mut compile = gcc(&folder);
            arguments(compile.args(["-static", "-O2", "-g", "-pthread", "-o"]).arg(&path).args(WARNINGS));
            process::run(&mut compile)?;
        }
        anyhow::Ok((name, path))
    };
    let glibc = |compile: &mut Command| _ = compile.args(units(&sources)).arg("-lm");
    let musl = |compile: &mut Command| link_with_musl(compile, &folder, units(&sources));
    Ok(vec![build("glibc", &glibc)?, build("musl", &musl)?])
}

/// Is the program of that name one of them?
pub fn is_one(program: &str) -> bool {
    program.starts_with(NAME)
}

/// As musl's own wrapper around a compiler does it: its headers and libraries, and nobody else's but the compiler's.
fn link_with_musl<'a>(compile: &mut Command, folder: &Path, units: impl Iterator<Item = &'a PathBuf>) {
    let (libraries, own) = (folder.join(MUSL_LIBRARIES), folder.join(OWN));
    compile.args(["-nostdinc", "-nostdlib", "-isystem"]).arg(folder.join(MUSL_HEADERS));
    compile.arg("-isystem").arg(own.join("include"));
    compile.args(["crt1.o", "crti.o"].map(|object| libraries.join(object))).args(units).arg("-Wl,--start-group");
    compile.arg(libraries.join("libc.a")).args(["libgcc.a", "libgcc_eh.a"].map(|library| own.join(library)));
    compile.arg("-Wl,--end-group").arg(libraries.join("crtn.o"));
}

fn gcc(folder: &Path) -> Command {
    let mut gcc = Command::new(folder.join("usr/bin/aarch64-linux-gnu-gcc-12"));
    gcc.env("LD_LIBRARY_PATH", folder.join("usr/lib").join(debian::library_folder()));
    gcc
}

/// The folder with the compiler and both libraries in the cache, fetched if they are not there yet.
fn compiler() -> Result<PathBuf> {
    cache::entry("gcc-12-arm64", |folder| {
        let packages = tempfile::tempdir_in(folder)?;
        let unneeded = ["--exclude=./usr/share", "--exclude=*/lto*", "--exclude=*san*.a", "--exclude=*san.so*"];
        for package in debian::Archive::open()?.fetch(COMPILER, None, packages.path())? {
            debian::unpack(&package, &unneeded, folder)?;
        }
        let musl = tempfile::tempdir_in(folder)?;
        for package in debian::Archive::open_arm64()?.download(&[MUSL.into()], musl.path())? {
            debian::unpack(&package, &unneeded, folder)?;
        }
        process::output(gcc(folder).arg("--version"))?;
        progress::say("unpacked gcc 12 for arm64 with glibc and musl");
        Ok(())
    })
}

/// The sources and headers.
fn sources() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join("programs/c");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<_> = files.map(|file| anyhow::Ok(file?.path())).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Those that are compiled.
fn units(sources: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    sources.iter().filter(|source| source.extension().is_some_and(|extension| extension == "c"))
}

fn is_newer(program: &Path, sources: &[PathBuf]) -> bool {
    let changed = |path: &Path| fs::metadata(path)?.modified();
    let Ok(built) = changed(program) else { return false };
    sources.iter().all(|source| changed(source).unwrap_or(SystemTime::now()) <= built)
}
