//! The initial RAM disk: a small root file system in a cpio archive (newc), as Linux takes one too.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cpio::NewcBuilder;
use cpio::newc::{ModeFileType, trailer};

use crate::build::Programs;
use crate::busybox::Busybox;
use crate::{progress, workspace};

/// Everybody's and everything's owner.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";

/// Where the kernel looks for a program that is named without a folder.
pub const PROGRAMS: &str = "/bin";

/// A root file system under construction.
pub struct Root {
    /// In the order in which they are unpacked: a folder comes before what is in it.
    files: Vec<File>,
}

struct File {
    /// Absolute.
    path: String,
    mode: u32,
    contents: Contents,
}

enum Contents {
    Folder,
    Bytes(Vec<u8>),
    /// A symbolic link, and where it leads.
    Link(String),
}

impl Root {
    /// With the folders that programs expect, and the names of users and groups.
    pub fn new() -> Self {
        let mut root = Self { files: Vec::new() };
        ["/bin", "/dev", "/etc", "/proc", "/root", "/usr", "/usr/bin"].iter().for_each(|path| root.add_folder(path));
        root.add("/tmp", 0o1777, Contents::Folder);
        root.add("/etc/passwd", 0o644, Contents::Bytes(PASSWD.into()));
        root.add("/etc/group", 0o644, Contents::Bytes(GROUP.into()));
        root
    }

    /// With the programs of `programs/` where the kernel looks.
    pub fn of_programs(programs: &Programs) -> Result<Self> {
        let mut root = Self::new();
        for (name, file) in programs.iter() {
            root.add_program(&format!("{PROGRAMS}/{name}"), file)?;
        }
        Ok(root)
    }

    /// With a shell, busybox if it can be had, and the programs of `programs/` beside it.
    pub fn with_shell(programs: &Programs) -> Result<Self> {
        let mut root = Self::new();
        match Busybox::ready() {
            Ok(busybox) => root.add_busybox(&busybox)?,
            Err(why) => {
                progress::say(&format!("no busybox, so the shell of programs/ serves in its place: {why:#}"));
                root.add_program("/bin/sh", programs.find("shell")?)?;
            }
        }
        for (name, file) in programs.iter() {
            root.add_program(&format!("/usr/bin/{name}"), file)?;
        }
        Ok(root)
    }

    /// Adds the executable in `file` at `path`.
    pub fn add_program(&mut self, path: &str, file: &Path) -> Result<()> {
        let bytes = fs::read(file).with_context(|| format!("cannot read the program {}", file.display()))?;
        self.add(path, 0o755, Contents::Bytes(bytes));
        Ok(())
    }

    /// Adds busybox, and its names as links to it.
    pub fn add_busybox(&mut self, busybox: &Busybox) -> Result<()> {
        self.add_program("/bin/busybox", &busybox.file)?;
        for applet in busybox.applets.iter().filter(|applet| *applet != "busybox") {
            self.add(&format!("/bin/{applet}"), 0o777, Contents::Link("busybox".into()));
        }
        Ok(())
    }

    /// Adds an empty folder.
    pub fn add_folder(&mut self, path: &str) {
        self.add(path, 0o755, Contents::Folder);
    }

    /// Adds a file that is not executable.
    pub fn add_file(&mut self, path: &str, contents: String) {
        self.add(path, 0o644, Contents::Bytes(contents.into_bytes()));
    }

    /// Adds what is not there yet, and replaces what is.
    fn add(&mut self, path: &str, mode: u32, contents: Contents) {
        let new = File { path: path.into(), mode, contents };
        match self.files.iter_mut().find(|file| file.path == path) {
            Some(old) => *old = new,
            None => self.files.push(new),
        }
    }

    /// Writes the archive `name` under `target/` and returns its path.
    pub fn write(&self, name: &str) -> Result<PathBuf> {
        let archive = self.archive().context("cannot make the initial RAM disk")?;
        let folder = workspace::root().join("target/initrd");
        let path = folder.join(name).with_extension("cpio");
        if fs::read(&path).is_ok_and(|old| old == archive) {
            return Ok(path);
        }
        let write = || {
            fs::create_dir_all(&folder)?;
            // Another machine may be booting from the old one.
            let mut new = tempfile::NamedTempFile::new_in(&folder)?;
            new.write_all(&archive)?;
            new.persist(&path)?;
            anyhow::Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn archive(&self) -> Result<Vec<u8>> {
        let mut archive = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let (kind, bytes) = match &file.contents {
                Contents::Folder => (ModeFileType::Directory, &[][..]),
                Contents::Bytes(bytes) => (ModeFileType::Regular, &bytes[..]),
                Contents::Link(target) => (ModeFileType::Symlink, target.as_bytes()),
            };
            let entry = NewcBuilder::new(file.path.trim_start_matches('/')).ino(index as u32 + 1).mode(file.mode);
            let size = u32::try_from(bytes.len()).with_context(|| format!("{} is too large", file.path))?;
            let mut entry = entry.set_mode_file_type(kind).write(&mut archive, size);
            entry.write_all(bytes)?;
            entry.finish()?;
        }
        trailer(&mut archive)?;
        Ok(archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::NewcReader;

    /// The path, mode and contents of each file in `archive`.
    fn unpack(mut archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut files = Vec::new();
        loop {
            let entry = NewcReader::new(archive).expect("an entry");
            if entry.entry().is_trailer() {
                return files;
            }
            let (name, mode) = (entry.entry().name().to_owned(), entry.entry().mode());
            let mut bytes = Vec::new();
            archive = entry.to_writer(&mut bytes).expect("its contents");
            files.push((name, mode, bytes));
        }
    }

    #[test]
    fn an_archive_holds_what_was_added() {
        let mut root = Root::new();
        root.add("/bin/tool", 0o755, Contents::Bytes(b"odd".into()));
        root.add("/bin/alias", 0o777, Contents::Link("other".into()));
        root.add("/bin/alias", 0o777, Contents::Link("tool".into()));
        let files = unpack(&root.archive().unwrap());
        let find = |name: &str| files.iter().find(|(path, ..)| path == name).expect("it is there");
        assert_eq!(files.iter().filter(|(path, ..)| path == "bin/alias").count(), 1);
        assert_eq!(find("bin"), &("bin".into(), 0o040755, vec![]));
        assert_eq!(find("tmp").1, 0o041777);
        assert_eq!(find("bin/tool"), &("bin/tool".into(), 0o100755, b"odd".to_vec()));
        assert_eq!(find("bin/alias"), &("bin/alias".into(), 0o120777, b"tool".to_vec()));
        assert!(find("etc/passwd").2.starts_with(b"root:"));
    }

    #[test]
    fn a_folder_comes_before_what_is_in_it() {
        let files = unpack(&Root::new().archive().unwrap());
        let mut seen = vec![""];
        for (path, ..) in &files {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            assert!(seen.contains(&folder), "{path} comes too early");
            seen.push(path);
        }
    }
}
