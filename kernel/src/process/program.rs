//! A program that is to run: found by its path, through the scripts that name it, and loaded.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::address_space::{AddressSpace, LoadError, Start};
use crate::contents::Contents;
use crate::errno::{Errno, Result};
use crate::files::{self, node::Node};
use crate::script::{self, FIRST_LINE, Interpreter};
use crate::{println, random};

/// Scripts that may name each other.
const SCRIPTS: usize = 5;

/// A program with its arguments.
pub struct Program {
    file: Arc<dyn Contents>,
    /// The path that it was asked for by.
    asked: Vec<u8>,
    /// The path of the file that runs, as it was given.
    path: Vec<u8>,
    /// The path of the file that runs, from the root, without links.
    pub file_path: Arc<[u8]>,
    /// Its arguments, its name first.
    pub arguments: Vec<Vec<u8>>,
}

impl Program {
    /// What `path` names, from the directory `from` on. A script's interpreter runs in its place, and gets its path.
    pub fn find(path: Vec<u8>, from: &Node, arguments: Vec<Vec<u8>>) -> Result<Program> {
        let asked = path.clone();
        let (mut path, mut arguments) = (path, arguments);
        for _ in 0..SCRIPTS {
            let (node, file_path) = files::locate(&path, from)?;
            let file = node.program()?;
            let mut line = [0; FIRST_LINE];
            let count = file.read_at(0, &mut line);
            match script::interpreter(&line[..count]).map_err(|script::NoInterpreter| Errno::ENOEXEC)? {
                None => return Ok(Program { file, asked, path, file_path: file_path.into(), arguments }),
                Some(interpreter) => path = take_over(interpreter, path, &mut arguments)?,
            }
        }
        Err(Errno::ELOOP)
    }

    /// In an address space of its own.
    pub fn load(&self, environment: &[Vec<u8>]) -> core::result::Result<(AddressSpace, Start), LoadError> {
        let mut random = [0; 16];
        random::fill(&mut random);
        AddressSpace::load(&self.file, &self.asked, &self.arguments, environment, random)
    }

    /// The same, and what `execve` says if there is none. Why a file is no program is for the log.
    pub fn load_or_tell(&self, environment: &[Vec<u8>]) -> Result<(AddressSpace, Start)> {
        self.load(environment).map_err(|why| match why {
            LoadError::Elf(why) => {
                println!("{}: {why}", self.path[..self.path.len().min(SHOWN)].escape_ascii());
                Errno::ENOEXEC
            }
            LoadError::TooLarge => Errno::E2BIG,
            LoadError::OutOfMemory => Errno::ENOMEM,
        })
    }

    /// What the process is called: the last part of the path that was asked for.
    pub fn name(&self) -> String {
        let last = self.asked.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        String::from_utf8_lossy(&last[..last.len().min(NAME)]).into_owned()
    }
}

/// Bytes of a path that the log shows.
const SHOWN: usize = 64;
/// Bytes of a name.
const NAME: usize = 15;

/// The interpreter's own name and argument come first, and its script's path in place of the script's name.
fn take_over(interpreter: Interpreter, script: Vec<u8>, arguments: &mut Vec<Vec<u8>>) -> Result<Vec<u8>> {
    let mut first = Vec::from([interpreter.path.clone()]);
    first.extend(interpreter.argument);
    first.push(script);
    arguments.try_reserve(first.len()).map_err(|_| Errno::ENOMEM)?;
    arguments.splice(..arguments.len().min(1), first);
    Ok(interpreter.path)
}
