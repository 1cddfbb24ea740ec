//! `shell [-c LINE]`: reads lines and runs the programs they name, one after the other.
//!
//! Words with quotes, `;`, `<`, `>`, `>>`, comments; `cd`, `exit`; nothing is expanded. It stands in for busybox where that
//! cannot be fetched.

pub mod words;

#[cfg(target_os = "none")]
pub use run::main;

#[cfg(target_os = "none")]
mod run {
    use core::ffi::{CStr, c_char, c_int};
    use core::ptr::null;

    use super::words::{Line, Part, Unfinished};
    use crate::runtime::file::{change_folder, close, duplicate, execute, is_terminal, open};
    use crate::runtime::print::println;
    use crate::runtime::process::{fork, set_action, wait};
    use crate::runtime::start::Arguments;
    use crate::runtime::syscall::{Errno, Result, abi, errno, exit_group, read, write};

    /// With the zero that ends its last word.
    const LONGEST_LINE: usize = 4096;
    const MOST_WORDS: usize = 64;

    /// Where a program that is named without a folder may be.
    const FOLDERS: [&[u8]; 2] = [b"/bin/", b"/usr/bin/"];
    const ENVIRONMENT: [*const c_char; 4] =
        [c"PATH=/bin:/usr/bin".as_ptr(), c"HOME=/root".as_ptr(), c"TERM=linux".as_ptr(), null()];

    const CANNOT_RUN: u8 = 126;
    const NOT_FOUND: u8 = 127;
    /// What was asked makes no sense.
    const MISUSED: u8 = 2;

    /// The program.
    pub fn main(arguments: Arguments) -> u8 {
        let mut buffer = [0; LONGEST_LINE];
        if arguments.get(1) == Some("-c") {
            let line = arguments.get(2).unwrap_or("").as_bytes();
            let Some(place) = buffer.get_mut(..line.len() + 1) else { return misused("the line is too long") };
            place[..line.len()].copy_from_slice(line);
            place[line.len()] = b'\n';
            return run_line(place, 0);
        }
        let interactive = is_terminal(0);
        if interactive {
            // Ctrl-C is for what runs.
            _ = set_action(abi::SIGINT, 1, 0, 0);
        }
        let mut status = 0;
        loop {
            if interactive {
                _ = write(1, b"$ ");
            }
            match read_line(&mut buffer) {
                Ok(0) => return status,
                Ok(length) => status = run_line(&mut buffer[..length], status),
                Err(_) => return misused("a line is too long, or cannot be read"),
            }
        }
    }

    fn misused(what: &str) -> u8 {
        println!("shell: {what}");
        MISUSED
    }

    /// Reads up to and with the next end of line, which is added to the last line if it has none; 0 at the end.
    fn read_line(buffer: &mut [u8]) -> Result<usize> {
        let mut length = 0;
        while length < buffer.len() {
            match read(0, &mut buffer[length..length + 1]) {
                Ok(0) if length == 0 => return Ok(0),
                Ok(0) => buffer[length] = b'\n',
                Ok(_) => {}
                Err(Errno(errno::EINTR)) => continue,
                Err(why) => return Err(why),
            }
            length += 1;
            if buffer[length - 1] == b'\n' {
                return Ok(length);
            }
        }
        Err(Errno(errno::E2BIG))
    }

    /// A program to run, as far as it has been read.
    struct Command<'a> {
        words: [*const c_char; MOST_WORDS + 1],
        count: usize,
        name: Option<&'a CStr>,
        second: Option<&'a CStr>,
        /// Where its input and output are, and how that is opened.
        files: [Option<(&'a CStr, u32)>; 2],
    }

    impl<'a> Command<'a> {
        fn new() -> Self {
            Self { words: [null(); MOST_WORDS + 1], count: 0, name: None, second: None, files: [None; 2] }
        }

        /// Takes in a word; false if there are too many.
        fn add(&mut self, word: &'a CStr) -> bool {
            match self.count {
                0 => self.name = Some(word),
                1 => self.second = Some(word),
                _ => {}
            }
            if self.count == MOST_WORDS {
                return false;
            }
            self.words[self.count] = word.as_ptr();
            self.count += 1;
            true
        }
    }

    /// Runs what is in a line; the status of the last of it.
    fn run_line(line: &mut [u8], mut status: u8) -> u8 {
        let mut line = Line::new(line);
        loop {
            let mut command = Command::new();
            let last = match read_command(&mut line, &mut command) {
                Ok(last) => last,
                Err(what) => return misused(what),
            };
            status = run(&command, status);
            if last {
                return status;
            }
        }
    }

    /// Reads up to a `;` or the end; true at the end.
    fn read_command<'a>(line: &mut Line<'a>, command: &mut Command<'a>) -> core::result::Result<bool, &'static str> {
        let unfinished = |Unfinished| "a quote has no end";
        loop {
            let (file, flags) = match line.next_part().map_err(unfinished)? {
                None => return Ok(true),
                Some(Part::Then) => return Ok(false),
                Some(Part::Word(word)) if command.add(word) => continue,
                Some(Part::Word(_)) => return Err("too many words"),
                Some(Part::From) => (0, abi::O_RDONLY),
                Some(Part::To) => (1, abi::O_WRONLY | abi::O_CREAT | abi::O_TRUNC),
                Some(Part::AtEndOf) => (1, abi::O_WRONLY | abi::O_CREAT | abi::O_APPEND),
            };
            match line.next_part().map_err(unfinished)? {
                Some(Part::Word(path)) => command.files[file] = Some((path, flags)),
                _ => return Err("no file after < or >"),
            }
        }
    }

    fn run(command: &Command, status: u8) -> u8 {
        let Some(name) = command.name else { return status };
        match name.to_bytes() {
            b"exit" => exit_group(command.second.map_or(status, |word| number(word).unwrap_or(MISUSED))),
            b"cd" => match change_folder(command.second.unwrap_or(c"/")) {
                Ok(()) => 0,
                Err(why) => failed(name, why, 1),
            },
            _ => run_program(command, name),
        }
    }

    fn number(word: &CStr) -> Option<u8> {
        word.to_str().ok()?.parse().ok()
    }

    fn failed(name: &CStr, Errno(why): Errno, status: u8) -> u8 {
        println!("shell: {}: error {why}", name.to_str().unwrap_or("?"));
        status
    }

    fn run_program(command: &Command, name: &CStr) -> u8 {
        let child = fork(|| {
            _ = set_action(abi::SIGINT, 0, 0, 0);
            match become_program(command, name) {
                Err(why @ Errno(errno::ENOENT)) => failed(name, why, NOT_FOUND),
                Err(why) => failed(name, why, CANNOT_RUN),
                Ok(()) => CANNOT_RUN,
            }
        });
        match child.and_then(|child| wait(child as isize, 0)) {
            Ok((_, status)) if status & 0x7f == 0 => (status >> 8) as u8,
            Ok((_, status)) => 128 + (status & 0x7f) as u8,
            Err(why) => failed(name, why, CANNOT_RUN),
        }
    }

    fn become_program(command: &Command, name: &CStr) -> Result<()> {
        for (number, file) in command.files.iter().enumerate() {
            if let Some((path, flags)) = file {
                let opened = open(path, *flags)?;
                duplicate(opened, number as c_int)?;
                close(opened)?;
            }
        }
        let start = |path: &CStr| {
            // SAFETY: the words were filled up with null pointers, one more than there can be words.
            unsafe { execute(path, command.words.as_ptr(), ENVIRONMENT.as_ptr()) }
        };
        if name.to_bytes().contains(&b'/') {
            return start(name);
        }
        let mut result = Err(Errno(errno::ENOENT));
        for folder in FOLDERS {
            let mut path = [0; 256];
            let (start_of_name, length) = (folder.len(), name.to_bytes_with_nul().len());
            let Some(end) = path.get_mut(start_of_name..start_of_name + length) else {
                return Err(Errno(errno::ENAMETOOLONG));
            };
            end.copy_from_slice(name.to_bytes_with_nul());
            path[..start_of_name].copy_from_slice(folder);
            let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno(errno::ENAMETOOLONG))?;
            result = start(path);
            if result != Err(Errno(errno::ENOENT)) {
                return result;
            }
        }
        result
    }
}
