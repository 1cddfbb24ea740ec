//! Archives in cpio's "newc" format: what an initial RAM disk is. Pure; its tests run on the host.
//!
//! Nothing is copied: names and contents are slices of the archive. Whoever made the archive may be hostile, so every
//! length in it is checked, and an error says what is wrong and at which offset.

use core::fmt;

/// One entry of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where its header begins.
    pub at: usize,
    /// Its name as it stands there, without the final zero.
    pub name: &'a [u8],
    /// With the device's number it tells which entries are links to one file.
    pub inode: u32,
    /// The device that it was archived from: major, minor.
    pub device: [u32; 2],
    /// Type and permissions, as in `stat`.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// How many names the file had.
    pub links: u32,
    /// When it was last changed, in seconds.
    pub modified: u32,
    /// What device it is, if it is one: major, minor.
    pub special: [u32; 2],
    /// Contents of a file, target of a symbolic link.
    pub data: &'a [u8],
}

/// What is wrong with an archive, and at which offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpioError {
    /// Where the header of the entry begins.
    pub at: usize,
    /// What is wrong with the entry.
    pub what: Malformed,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It does not begin as an entry does.
    Magic,
    /// A field of its header is no hexadecimal number.
    Field(&'static str),
    /// The archive ends inside its header, name or data.
    Truncated(&'static str),
    /// Its name does not end in zero where it should, or has a zero inside.
    Name,
    /// The archive ends here without the entry that marks the end.
    NoTrailer,
}

impl fmt::Display for CpioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cpio archive, entry at offset {:#x}: ", self.at)?;
        match self.what {
            Malformed::Magic => f.write_str("it does not begin with 070701"),
            Malformed::Field(field) => write!(f, "its {field} is no hexadecimal number"),
            Malformed::Truncated(part) => write!(f, "the archive ends inside its {part}"),
            Malformed::Name => f.write_str("its name is not one string that ends in zero"),
            Malformed::NoTrailer => f.write_str("the archive ends without a trailer"),
        }
    }
}

const MAGIC: &[u8] = b"070701";
const TRAILER: &[u8] = b"TRAILER!!!";
/// Magic, then thirteen fields of eight digits.
const HEADER: usize = 110;
const FIELDS: [&str; 13] = [
    "inode",
    "mode",
    "user",
    "group",
    "link count",
    "modification time",
    "file size",
    "device major",
    "device minor",
    "special major",
    "special minor",
    "name size",
    "checksum",
];

/// The entries of `archive`, up to the trailer or the first error.
pub fn entries(archive: &[u8]) -> Entries<'_> {
    Entries { archive, at: 0, done: false }
}

/// See [`entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    archive: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, CpioError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().map_err(|what| CpioError { at: self.at, what });
        match next {
            Ok((entry, _)) if entry.name == TRAILER => {
                self.done = true;
                None
            }
            Ok((entry, end)) => {
                self.at = end;
                Some(Ok(entry))
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

impl<'a> Entries<'a> {
    /// The entry that begins here, and where the next one does.
    fn read(&self) -> Result<(Entry<'a>, usize), Malformed> {
        let rest = &self.archive[self.at.min(self.archive.len())..];
        if rest.is_empty() {
            return Err(Malformed::NoTrailer);
        }
        if !rest.starts_with(&MAGIC[..MAGIC.len().min(rest.len())]) {
            return Err(Malformed::Magic);
        }
        let header = rest.get(..HEADER).ok_or(Malformed::Truncated("header"))?;
        let mut fields = [0; FIELDS.len()];
        for (index, (field, name)) in fields.iter_mut().zip(FIELDS).enumerate() {
            let at = MAGIC.len() + 8 * index;
            *field = number(&header[at..at + 8]).ok_or(Malformed::Field(name))?;
        }
        let [inode, mode, user, group, links, modified, size, device_major, device_minor, major, minor, name_size, _] =
            fields;
        let name_end = HEADER + name_size as usize;
        let name = rest.get(HEADER..name_end).ok_or(Malformed::Truncated("name"))?;
        let name = match name.split_last() {
            Some((0, name)) if !name.contains(&0) => name,
            _ => return Err(Malformed::Name),
        };
        // Both are padded to a multiple of four, from the beginning of the archive.
        let start = (self.at + name_end).next_multiple_of(4) - self.at;
        let end = start + size as usize;
        let data = if size == 0 { &[][..] } else { rest.get(start..end).ok_or(Malformed::Truncated("data"))? };
        let entry = Entry {
            at: self.at,
            name,
            inode,
            device: [device_major, device_minor],
            mode,
            user,
            group,
            links,
            modified,
            special: [major, minor],
            data,
        };
        Ok((entry, (self.at + end).next_multiple_of(4)))
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An archive as `cpio -H newc` writes it: (name, mode, data) each, and a trailer.
    fn archive(files: &[(&[u8], u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (name, mode, data)) in files.iter().chain([&(TRAILER, 0, &[][..])]).enumerate() {
            let fields =
                [number as u32 + 1, *mode, 0, 0, 1, 77, data.len() as u32, 8, 1, 4, 64, name.len() as u32 + 1, 0];
            bytes.extend(MAGIC);
            fields.iter().for_each(|field| bytes.extend(format!("{field:08X}").bytes()));
            bytes.extend(*name);
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn failure(bytes: &[u8]) -> CpioError {
        entries(bytes).find_map(Result::err).expect("an error")
    }

    #[test]
    fn gives_what_was_archived() {
        let bytes = archive(&[(b"bin", 0o040_755, b""), (b"bin/x", 0o100_644, b"hello")]);
        let read: Vec<_> = entries(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].name, read[0].mode, read[0].data), (&b"bin"[..], 0o040_755, &b""[..]));
        assert_eq!((read[1].name, read[1].data, read[1].links), (&b"bin/x"[..], &b"hello"[..], 1));
        assert_eq!((read[1].inode, read[1].modified, read[1].device, read[1].special), (2, 77, [8, 1], [4, 64]));
    }

    #[test]
    fn ends_at_the_trailer_whatever_follows() {
        let mut bytes = archive(&[]);
        bytes.extend([0; 300]);
        assert_eq!(entries(&bytes).count(), 0);
    }

    #[test]
    fn an_error_says_what_and_where() {
        let good = archive(&[(b"a", 0o100_644, b"data")]);
        assert_eq!(failure(b""), CpioError { at: 0, what: Malformed::NoTrailer });
        assert_eq!(failure(b"\x1f\x8b\x08"), CpioError { at: 0, what: Malformed::Magic });
        assert_eq!(failure(b"07070"), CpioError { at: 0, what: Malformed::Truncated("header") });
        assert_eq!(failure(&good[..HEADER + 1]).what, Malformed::Truncated("name"));
        assert_eq!(failure(&good[..HEADER + 5]).what, Malformed::Truncated("data"));
        assert_eq!(failure(&good[..HEADER + 6]), CpioError { at: 116, what: Malformed::NoTrailer });
        let mut bad = good.clone();
        bad[14] = b'g';
        assert_eq!(failure(&bad).what, Malformed::Field("mode"));
        let mut bad = good.clone();
        bad[HEADER + 1] = b'!';
        assert_eq!(failure(&bad).what, Malformed::Name);
        let mut bad = good;
        bad[HEADER] = 0;
        assert_eq!(failure(&bad).what, Malformed::Name);
        let text = CpioError { at: 0x74, what: Malformed::NoTrailer }.to_string();
        assert_eq!(text, "cpio archive, entry at offset 0x74: the archive ends without a trailer");
    }

    proptest! {
        #[test]
        fn any_files_come_back(files in prop::collection::vec(("[a-z/.]{1,40}", any::<u32>(), any::<Vec<u8>>()), 0..8)) {
            let given: Vec<_> = files.iter().map(|(name, mode, data)| (name.as_bytes(), *mode, data.as_slice())).collect();
            let bytes = archive(&given);
            let read: Vec<_> = entries(&bytes).collect::<Result<_, _>>().unwrap();
            let read: Vec<_> = read.iter().map(|entry| (entry.name, entry.mode, entry.data)).collect();
            prop_assert_eq!(read, given);
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
            prop_assert!(entries(&bytes).any(|entry| entry.is_err()));
        }

        /// One byte of a good archive changed, or its end cut off: entries or an error, and each slice inside.
        #[test]
        fn no_damage_is_too_much(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut bytes = archive(&[(b"bin", 0o040_755, b""), (b"bin/x", 0o100_644, b"hello"), (b"y", 0o120_777, b"x")]);
            // Three bytes of padding come behind the end.
            let (at, end) = (at.index(bytes.len()), bytes.len() - 3);
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let read: Vec<_> = entries(&bytes).collect();
            prop_assert!(read.len() <= 5);
            prop_assert!(!cut || at >= end || read.last().is_some_and(Result::is_err));
        }
    }
}
