//! The initial RAM disk: a cpio archive in the "newc" format, read in place. Pure; its tests run on the host.

use core::fmt;

const MAGIC: &[u8] = b"070701";
const HEADER_SIZE: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
/// Fields of the header, eight hexadecimal digits each, after the magic number.
const MODE: usize = 1;
const FILE_SIZE: usize = 6;
const NAME_SIZE: usize = 11;
const KIND_MASK: usize = 0o170000;
const KIND_FILE: usize = 0o100000;

/// What is wrong with an archive, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveError {
    /// No header where one should be.
    BadHeader(usize),
    /// The archive ends inside the entry that starts there, or before the trailer.
    Truncated(usize),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadHeader(offset) => write!(f, "archive: no newc header at byte {offset}"),
            Self::Truncated(offset) => write!(f, "archive: cut short in the entry at byte {offset}"),
        }
    }
}

/// A regular file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Its path, without a leading slash.
    pub name: &'a [u8],
    /// Its contents.
    pub contents: &'a [u8],
}

/// The regular files of `archive`, in order; after an error, nothing more.
pub fn files(archive: &[u8]) -> impl Iterator<Item = Result<File<'_>, ArchiveError>> {
    let mut next = Some(0);
    core::iter::from_fn(move || {
        loop {
            let entry = match entry(archive, next.take()?) {
                Ok(entry) => entry,
                Err(why) => return Some(Err(why)),
            };
            if entry.file.name == TRAILER {
                return None;
            }
            next = Some(entry.end);
            if entry.mode & KIND_MASK == KIND_FILE {
                return Some(Ok(entry.file));
            }
        }
    })
}

/// The contents of the file at `path`, with or without a leading slash; none if the archive has no such file.
pub fn find<'a>(archive: &'a [u8], path: &[u8]) -> Result<Option<&'a [u8]>, ArchiveError> {
    let path = relative(path);
    for file in files(archive) {
        let file = file?;
        if file.name == path {
            return Ok(Some(file.contents));
        }
    }
    Ok(None)
}

struct Entry<'a> {
    file: File<'a>,
    mode: usize,
    end: usize,
}

/// The entry whose header is at `start`.
fn entry(archive: &[u8], start: usize) -> Result<Entry<'_>, ArchiveError> {
    let truncated = ArchiveError::Truncated(start);
    let header = archive.get(start..start + HEADER_SIZE).ok_or(truncated)?;
    if !header.starts_with(MAGIC) {
        return Err(ArchiveError::BadHeader(start));
    }
    let field = |index: usize| {
        let digits = &header[MAGIC.len() + 8 * index..][..8];
        let text = core::str::from_utf8(digits).ok();
        text.and_then(|text| usize::from_str_radix(text, 16).ok()).ok_or(ArchiveError::BadHeader(start))
    };
    let name_start = start + HEADER_SIZE;
    let name_end = name_start + field(NAME_SIZE)?;
    let contents_start = name_end.next_multiple_of(4);
    let contents_end = contents_start + field(FILE_SIZE)?;
    let name = archive.get(name_start..name_end).ok_or(truncated)?;
    let contents = archive.get(contents_start..contents_end).ok_or(truncated)?;
    let name = name.strip_suffix(&[0]).ok_or(ArchiveError::BadHeader(start))?;
    let file = File { name: relative(name), contents };
    Ok(Entry { file, mode: field(MODE)?, end: contents_end.next_multiple_of(4) })
}

fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b".").unwrap_or(path);
    path.strip_prefix(b"/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn add(archive: &mut Vec<u8>, name: &str, mode: usize, contents: &[u8]) {
        let fields = [0, mode, 0, 0, 1, 0, contents.len(), 0, 0, 0, 0, name.len() + 1, 0];
        archive.extend(MAGIC);
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        archive.extend(name.bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(contents);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    fn archive() -> Vec<u8> {
        let mut archive = Vec::new();
        add(&mut archive, ".", 0o040755, b"");
        add(&mut archive, "init", 0o100755, b"first");
        add(&mut archive, "bin", 0o040755, b"");
        add(&mut archive, "./bin/echo", 0o100755, b"second file");
        add(&mut archive, "empty", 0o100644, b"");
        add(&mut archive, "TRAILER!!!", 0, b"");
        archive
    }

    #[test]
    fn files_come_in_order_without_folders() {
        let archive = archive();
        let names: Vec<_> = files(&archive).map(|file| file.unwrap().name.to_vec()).collect();
        assert_eq!(names, [&b"init"[..], b"bin/echo", b"empty"]);
        assert_eq!(find(&archive, b"/bin/echo"), Ok(Some(&b"second file"[..])));
        assert_eq!(find(&archive, b"init"), Ok(Some(&b"first"[..])));
        assert_eq!((find(&archive, b"empty"), find(&archive, b"bin")), (Ok(Some(&b""[..])), Ok(None)));
    }

    #[test]
    fn an_archive_cut_anywhere_is_an_error() {
        let archive = archive();
        let end = archive.len() - 1;
        for length in 0..end {
            assert!(files(&archive[..length]).any(|file| file.is_err()), "cut to {length} bytes");
        }
    }

    #[test]
    fn a_broken_header_is_named() {
        let mut broken = archive();
        let second = 112;
        broken[second] = b'x';
        assert_eq!(find(&broken, b"init"), Err(ArchiveError::BadHeader(second)));
        broken[second] = b'0';
        broken[second + MAGIC.len() + 8 * FILE_SIZE] = b'g';
        assert_eq!(find(&broken, b"init"), Err(ArchiveError::BadHeader(second)));
        assert_eq!(ArchiveError::BadHeader(112).to_string(), "archive: no newc header at byte 112");
    }
}
