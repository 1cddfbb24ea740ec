//! `files`: what calls about files do, by what Linux does: names, contents, positions, pipes, `/proc`.

mod calls;
mod named_pipes;

use core::ffi::CStr;
use core::ptr::from_ref;

use crate::runtime::print::println;
use crate::runtime::start::Arguments;
use crate::runtime::syscall::{Errno, Result, abi, errno};
use crate::runtime::thread::spawn;
use calls::{
    HERE, close, equal, link, make, mkdir, open, pipe, read, refused, rename, seek, stat, stat_open, symlink, text, unlink, write,
    wrong,
};

/// What is tried together.
type Part = (&'static str, fn() -> Result<()>);

/// The program.
pub fn main(_: Arguments) -> u8 {
    let parts: [Part; 9] = [
        ("names", names),
        ("contents", contents),
        ("large files", large_files),
        ("descriptors", descriptors),
        ("vectors and bad pointers", vectors),
        ("pipes", pipes),
        ("named pipes", named_pipes::try_all),
        ("waiting", waiting),
        ("/proc and /dev", special),
    ];
    let mut failed = 0;
    for (name, part) in parts {
        if let Err(Errno(error)) = part() {
            println!("files: {name}: a call failed: {error}");
            failed += 1;
        }
    }
    failed += wrong();
    println!("files: {} parts, {failed} failed", parts.len());
    u8::from(failed > 0)
}

const CREATE: u32 = abi::O_CREAT | abi::O_RDWR;

fn names() -> Result<()> {
    mkdir(c"/tmp/names")?;
    make(abi::__NR_chdir, [text(c"/tmp/names")])?;
    let mut path = [0_u8; 64];
    equal("getcwd", make(abi::__NR_getcwd, [path.as_mut_ptr() as usize, 64])?, 11);
    equal("the working directory", &path[..11], b"/tmp/names\0");
    refused("getcwd into little", make(abi::__NR_getcwd, [path.as_mut_ptr() as usize, 10]), errno::ERANGE);
    close(open(c"a", CREATE)?)?;
    equal("mode", stat(c"a", 0)?.st_mode, abi::S_IFREG | 0o644);
    link(c"a", c"b")?;
    equal("links", stat(c"b", 0)?.st_nlink, 2);
    symlink(c"a", c"s")?;
    equal("a link's size", stat(c"s", abi::AT_SYMLINK_NOFOLLOW)?.st_size, 1);
    equal("what it leads to", stat(c"s", 0)?.st_ino, stat(c"a", 0)?.st_ino);
    let count = make(abi::__NR_readlinkat, [HERE, text(c"s"), path.as_mut_ptr() as usize, 64])?;
    equal("readlink", &path[..count], b"a");
    refused("readlink of a file", make(abi::__NR_readlinkat, [HERE, text(c"a"), path.as_ptr() as usize, 64]), errno::EINVAL);
    mkdir(c"d/")?;
    refused("mkdir again", mkdir(c"d"), errno::EEXIST);
    refused("mkdir of .", mkdir(c"."), errno::EEXIST);
    refused("creating with a slash", open(c"new/", CREATE), errno::EISDIR);
    refused("a file as a folder", open(c"a/x", abi::O_RDONLY), errno::ENOTDIR);
    refused("a file with a slash", open(c"a/", abi::O_RDONLY), errno::ENOTDIR);
    refused("no such file", open(c"nothing", abi::O_RDONLY), errno::ENOENT);
    refused("no name at all", open(c"", abi::O_RDONLY), errno::ENOENT);
    refused("writing a folder", open(c"d", abi::O_WRONLY), errno::EISDIR);
    refused("exclusive", open(c"a", CREATE | abi::O_EXCL), errno::EEXIST);
    refused("exclusive through a link", open(c"s", CREATE | abi::O_EXCL), errno::EEXIST);
    refused("no link wanted", open(c"s", abi::O_NOFOLLOW), errno::ELOOP);
    refused("a file as a directory", open(c"a", abi::O_DIRECTORY), errno::ENOTDIR);
    symlink(c"loop", c"loop")?;
    refused("a loop", open(c"loop", abi::O_RDONLY), errno::ELOOP);
    refused("unlink of a folder", unlink(c"d", 0), errno::EISDIR);
    refused("rmdir of a file", unlink(c"a", abi::AT_REMOVEDIR), errno::ENOTDIR);
    refused("rmdir of .", unlink(c"d/.", abi::AT_REMOVEDIR), errno::EINVAL);
    refused("rmdir of ..", unlink(c"d/..", abi::AT_REMOVEDIR), errno::ENOTEMPTY);
    refused("rmdir of /proc", unlink(c"/proc", abi::AT_REMOVEDIR), errno::EBUSY);
    close(open(c"d/inside", CREATE)?)?;
    refused("rmdir of a full folder", unlink(c"d", abi::AT_REMOVEDIR), errno::ENOTEMPTY);
    refused("rename into itself", rename(c"d", c"d/e", 0), errno::EINVAL);
    refused("rename to what is there", rename(c"a", c"b", abi::RENAME_NOREPLACE), errno::EEXIST);
    refused("rename a file onto a folder", rename(c"a", c"d", 0), errno::EISDIR);
    refused("rename a folder onto a file", rename(c"d", c"a", 0), errno::ENOTDIR);
    rename(c"d/inside", c"c", 0)?;
    rename(c"c", c"a", 0)?;
    equal("links after a rename", stat(c"b", 0)?.st_nlink, 1);
    equal("entries", entries(c".")?, 7);
    for name in [c"a", c"b", c"s", c"loop"] {
        unlink(name, 0)?;
    }
    unlink(c"d", abi::AT_REMOVEDIR)?;
    make(abi::__NR_chdir, [text(c"/")])?;
    unlink(c"/tmp/names", abi::AT_REMOVEDIR)?;
    Ok(())
}

/// How many entries a directory has, in pieces of a few each.
fn entries(path: &CStr) -> Result<usize> {
    let directory = open(path, abi::O_RDONLY | abi::O_DIRECTORY)?;
    let mut count = 0;
    let mut bytes = [0_u8; 64];
    loop {
        let read = make(abi::__NR_getdents64, [directory, bytes.as_mut_ptr() as usize, bytes.len()])?;
        if read == 0 {
            break;
        }
        let mut at = 0;
        while at < read {
            at += usize::from(u16::from_le_bytes([bytes[at + 16], bytes[at + 17]]));
            count += 1;
        }
    }
    refused("getdents into nothing", rewound(directory, &mut bytes), errno::EINVAL);
    close(directory)?;
    Ok(count)
}

fn rewound(directory: usize, bytes: &mut [u8]) -> Result<usize> {
    seek(directory, 0, abi::SEEK_SET)?;
    make(abi::__NR_getdents64, [directory, bytes.as_mut_ptr() as usize, 20])
}

fn contents() -> Result<()> {
    let file = open(c"/tmp/contents", CREATE | abi::O_EXCL)?;
    equal("write", write(file, b"hello, world")?, 12);
    equal("position", seek(file, 0, abi::SEEK_CUR)?, 12);
    equal("seek", seek(file, -5, abi::SEEK_END)?, 7);
    let mut bytes = [0_u8; 16];
    let count = read(file, &mut bytes)?;
    equal("read", &bytes[..count], b"world");
    equal("read at the end", read(file, &mut bytes)?, 0);
    refused("seek before the beginning", seek(file, -1, abi::SEEK_SET), errno::EINVAL);
    let other = open(c"/tmp/contents", abi::O_WRONLY | abi::O_APPEND)?;
    equal("append", write(other, b"!")?, 1);
    refused("reading what is for writing", read(other, &mut bytes), errno::EBADF);
    let count = make(abi::__NR_pread64, [file, bytes.as_mut_ptr() as usize, 16, 7])?;
    equal("pread", &bytes[..count], b"world!");
    make(abi::__NR_pwrite64, [file, b"W".as_ptr() as usize, 1, 7])?;
    make(abi::__NR_ftruncate, [file, 9])?;
    make(abi::__NR_ftruncate, [file, 11])?;
    let count = make(abi::__NR_pread64, [file, bytes.as_mut_ptr() as usize, 16, 6])?;
    equal("cut and lengthened", &bytes[..count], b" Wo\0\0");
    close(open(c"/tmp/contents", abi::O_WRONLY | abi::O_TRUNC)?)?;
    equal("truncated", stat_open(file)?.st_size, 0);
    // What has lost its name stays as long as it is open.
    unlink(c"/tmp/contents", 0)?;
    equal("no name", stat_open(file)?.st_nlink, 0);
    equal("write without a name", write(file, b"x")?, 1);
    close(other)?;
    close(file)?;
    Ok(())
}

/// Large enough for several levels of pages, and with holes.
fn large_files() -> Result<()> {
    let file = open(c"/tmp/large", CREATE)?;
    let mut bytes = [0_u8; 10_000];
    for round in 0..40_usize {
        bytes.fill(round as u8);
        equal("a large write", write(file, &bytes)?, bytes.len());
    }
    seek(file, 0, abi::SEEK_SET)?;
    for round in 0..40_usize {
        equal("a large read", read(file, &mut bytes)?, bytes.len());
        equal("what it read", bytes.iter().all(|byte| *byte == round as u8), true);
    }
    seek(file, 1 << 40, abi::SEEK_SET)?;
    write(file, b"far")?;
    equal("size with a hole", stat_open(file)?.st_size, (1 << 40) + 3);
    equal("blocks with a hole", stat_open(file)?.st_blocks, (98 + 1) * 8);
    let other = open(c"/tmp/other", CREATE)?;
    let mut place = 1_000_u64;
    let sent = make(abi::__NR_sendfile, [other, file, &raw mut place as usize, 20_000])?;
    equal("sendfile", (sent, place), (20_000, 21_000));
    equal("size of what was sent", stat_open(other)?.st_size, 20_000);
    make(abi::__NR_pread64, [other, bytes.as_mut_ptr() as usize, 10_000, 0])?;
    equal("what was sent", (bytes[0], bytes[8_999], bytes[9_000]), (0, 0, 1));
    for (file, path) in [(file, c"/tmp/large"), (other, c"/tmp/other")] {
        close(file)?;
        unlink(path, 0)?;
    }
    Ok(())
}

fn descriptors() -> Result<()> {
    let file = open(c"/tmp/numbers", CREATE | abi::O_CLOEXEC)?;
    let fcntl = |number, command: u32, argument| make(abi::__NR_fcntl, [number, command as usize, argument]);
    equal("close on exec", fcntl(file, abi::F_GETFD, 0)?, 1);
    let copy = make(abi::__NR_dup, [file])?;
    equal("a copy's", fcntl(copy, abi::F_GETFD, 0)?, 0);
    write(file, b"12345")?;
    equal("one position for both", seek(copy, 0, abi::SEEK_CUR)?, 5);
    equal("dup3", make(abi::__NR_dup3, [file, 100, abi::O_CLOEXEC as usize])?, 100);
    refused("dup3 to itself", make(abi::__NR_dup3, [file, file, 0]), errno::EINVAL);
    refused("dup3 too high", make(abi::__NR_dup3, [file, 1024, 0]), errno::EBADF);
    equal("the next number", fcntl(file, abi::F_DUPFD, 100)?, 101);
    equal("flags", fcntl(file, abi::F_GETFL, 0)? as u32 & abi::O_ACCMODE, abi::O_RDWR);
    fcntl(file, abi::F_SETFL, abi::O_APPEND as usize)?;
    equal("flags of the copy", fcntl(copy, abi::F_GETFL, 0)? as u32 & abi::O_APPEND, abi::O_APPEND);
    make(abi::__NR_close_range, [100, 200, 0])?;
    refused("closed", close(101), errno::EBADF);
    let mut last = file;
    let full = loop {
        match make(abi::__NR_dup, [file]) {
            Ok(number) => last = number,
            Err(error) => break error,
        }
    };
    equal("as many as there are", (last, full), (1023, Errno(errno::EMFILE)));
    make(abi::__NR_close_range, [file, usize::MAX, 0])?;
    unlink(c"/tmp/numbers", 0)?;
    Ok(())
}

/// The last byte of a page and the first of one that is not there.
fn edge() -> Result<usize> {
    const PAGE: usize = 4096;
    let protection = (abi::PROT_READ | abi::PROT_WRITE) as usize;
    let flags = (abi::MAP_PRIVATE | abi::MAP_ANONYMOUS) as usize;
    let pages = make(abi::__NR_mmap, [0, 2 * PAGE, protection, flags, usize::MAX, 0])?;
    make(abi::__NR_munmap, [pages + PAGE, PAGE])?;
    Ok(pages + PAGE - 1)
}

fn vectors() -> Result<()> {
    let file = open(c"/tmp/vectors", CREATE)?;
    let parts = [b"one ".as_slice(), b"", b"two ", b"three"];
    let vector = parts.map(|part| [part.as_ptr() as usize, part.len()]);
    equal("writev", make(abi::__NR_writev, [file, vector.as_ptr() as usize, 4])?, 13);
    seek(file, 0, abi::SEEK_SET)?;
    let (mut first, mut second) = ([0_u8; 6], [0_u8; 10]);
    let vector = [[first.as_mut_ptr() as usize, 6], [second.as_mut_ptr() as usize, 10]];
    equal("readv", make(abi::__NR_readv, [file, vector.as_ptr() as usize, 2])?, 13);
    equal("what it read", (&first, &second[..7]), (b"one tw", b"o three".as_slice()));
    refused("too many parts", make(abi::__NR_writev, [file, vector.as_ptr() as usize, 1025]), errno::EINVAL);
    // Halfway into memory that is not there: what was moved counts.
    let edge = edge()?;
    seek(file, 0, abi::SEEK_SET)?;
    equal("read up to the edge", make(abi::__NR_read, [file, edge - 2, 10])?, 3);
    equal("position after it", seek(file, 0, abi::SEEK_CUR)?, 3);
    equal("write up to the edge", make(abi::__NR_write, [file, edge - 2, 10])?, 3);
    refused("read behind the edge", make(abi::__NR_read, [file, edge + 1, 10]), errno::EFAULT);
    refused("open of no path", make(abi::__NR_openat, [HERE, edge + 1, 0, 0]), errno::EFAULT);
    // SAFETY: the byte is mapped, and the caller's.
    unsafe { (edge as *mut u8).write(b'x') };
    refused("a path without an end", make(abi::__NR_openat, [HERE, edge, 0, 0]), errno::EFAULT);
    close(file)?;
    unlink(c"/tmp/vectors", 0)?;
    Ok(())
}

fn pipes() -> Result<()> {
    let [from, to] = pipe(abi::O_NONBLOCK)?;
    let bytes = [7_u8; 4096];
    let mut filled = 0;
    let full = loop {
        match write(to, &bytes) {
            Ok(count) => filled += count,
            Err(error) => break error,
        }
    };
    equal("a full pipe", (filled, full), (65_536, Errno(errno::EAGAIN)));
    refused("one byte more", write(to, b"x"), errno::EAGAIN);
    let mut piece = [0_u8; 100];
    equal("read", read(from, &mut piece)?, 100);
    // What is no longer than a page comes in one piece, or not at all.
    refused("a page without room", write(to, &bytes), errno::EAGAIN);
    let mut all = [0_u8; 4096];
    while read(from, &mut all).is_ok() {}
    refused("an empty pipe", read(from, &mut piece), errno::EAGAIN);
    refused("seek in a pipe", seek(from, 0, abi::SEEK_CUR), errno::ESPIPE);
    refused("writing to the end for reading", write(from, b"x"), errno::EBADF);
    equal("a pipe's mode", stat_open(from)?.st_mode, abi::S_IFIFO | 0o600);
    close(to)?;
    equal("the end", read(from, &mut piece)?, 0);
    close(from)?;
    // Through a pipe of sixteen pages, a thread sends more than fits.
    let [from, to] = pipe(0)?;
    let sender = spawn(move || {
        for round in 0..100_usize {
            equal("a write that waits", write(to, &[round as u8; 3000]), Ok(3000));
        }
        equal("close", close(to), Ok(0));
    })?;
    let (mut sum, mut count) = (0_usize, 0);
    loop {
        let got = read(from, &mut all)?;
        if got == 0 {
            break;
        }
        count += got;
        sum += all[..got].iter().map(|byte| usize::from(*byte)).sum::<usize>();
    }
    sender.join();
    equal("what came through", (count, sum), (300_000, 3000 * 4950));
    close(from)?;
    Ok(())
}

fn waiting() -> Result<()> {
    let [from, to] = pipe(0)?;
    let poll = |number: usize, events: u32, time: &[u64; 2]| -> Result<[usize; 2]> {
        let mut entry = number as u64 | u64::from(events) << 32;
        let ready = make(abi::__NR_ppoll, [&raw mut entry as usize, 1, from_ref(time) as usize, 0, 8])?;
        Ok([ready, (entry >> 48) as usize])
    };
    const SOON: [u64; 2] = [0, 1_000_000];
    const LATE: [u64; 2] = [20, 0];
    equal("nothing to read", poll(from, abi::POLLIN, &SOON)?, [0, 0]);
    equal("room to write", poll(to, abi::POLLOUT, &LATE)?, [1, abi::POLLOUT as usize]);
    equal("no file", poll(999, abi::POLLIN, &LATE)?, [1, abi::POLLNVAL as usize]);
    let sender = spawn(move || {
        equal("write", write(to, b"x"), Ok(1));
    })?;
    equal("something to read", poll(from, abi::POLLIN, &LATE)?, [1, abi::POLLIN as usize]);
    sender.join();
    let mut set = [1_u64 << from, 0];
    let ready = make(abi::__NR_pselect6, [from + 1, set.as_mut_ptr() as usize, 0, 0, from_ref(&LATE) as usize, 0])?;
    equal("select", (ready, set[0]), (1, 1 << from));
    refused("select of no file", select_nothing(), errno::EBADF);
    close(to)?;
    equal("hung up", poll(from, abi::POLLIN, &LATE)?, [1, (abi::POLLIN | abi::POLLHUP) as usize]);
    close(from)?;
    Ok(())
}

fn select_nothing() -> Result<usize> {
    let mut set = [u64::MAX, 0];
    make(abi::__NR_pselect6, [64, set.as_mut_ptr() as usize, 0, 0, 0, 0])
}

fn special() -> Result<()> {
    let mut bytes = [0_u8; 256];
    let mut first = |path: &CStr| -> Result<([u8; 256], usize)> {
        let file = open(path, abi::O_RDONLY)?;
        let count = read(file, &mut bytes)?;
        close(file)?;
        Ok((bytes, count))
    };
    equal("/dev/null", first(c"/dev/null")?.1, 0);
    equal("/dev/zero", first(c"/dev/zero")?.0, [0; 256]);
    let (one, other) = (first(c"/dev/urandom")?.0, first(c"/dev/urandom")?.0);
    equal("/dev/urandom", one != other, true);
    let full = open(c"/dev/full", abi::O_WRONLY)?;
    refused("/dev/full", write(full, b"x"), errno::ENOSPC);
    close(full)?;
    let (meminfo, _) = first(c"/proc/meminfo")?;
    equal("/proc/meminfo", meminfo.starts_with(b"MemTotal:"), true);
    let (comm, count) = first(c"/proc/self/comm")?;
    equal("/proc/self/comm", &comm[..count], b"files\n");
    let (stat_line, _) = first(c"/proc/self/task/../stat")?;
    equal("/proc/self/stat", stat_line.windows(7).any(|part| part == b"(files)"), true);
    equal("/proc/self/exe", stat(c"/proc/self/exe", 0)?.st_mode & abi::S_IFMT, abi::S_IFREG);
    refused("a process that is not there", open(c"/proc/4000000/stat", abi::O_RDONLY), errno::ENOENT);
    refused("making something in /proc", open(c"/proc/x", CREATE), errno::ENOENT);
    // Through its own number to what is open under it.
    let [from, to] = pipe(0)?;
    let mut path = *b"/proc/self/fd/0\0";
    equal("a number of one digit", to < 10, true);
    path[14] += to as u8;
    let path = CStr::from_bytes_until_nul(&path).unwrap_or(c"");
    let again = open(path, abi::O_WRONLY)?;
    write(again, b"x")?;
    equal("through /proc/self/fd", read(from, &mut [0; 4])?, 1);
    for number in [from, to, again] {
        close(number)?;
    }
    Ok(())
}
