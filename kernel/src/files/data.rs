//! What a regular file holds. What came with the initial RAM disk stays there until it is written: a page that is not in
//! memory shows the RAM disk's bytes, or zeros. Pure; its tests run on the host.

use super::page::{NoSpace, Page};
use super::pages::{Cut, Pages};
use crate::regions::PAGE_SIZE;

const PAGE: u64 = PAGE_SIZE as u64;
/// No file grows further.
pub const SIZE_LIMIT: u64 = i64::MAX as u64;

/// Bytes, some in pages of their own.
pub struct Data {
    size: u64,
    /// What stands in pages that are not in memory.
    source: &'static [u8],
    pages: Pages,
}

impl Data {
    /// What `source` holds.
    pub const fn new(source: &'static [u8]) -> Self {
        Self { size: source.len() as u64, source, pages: Pages::new() }
    }

    /// How many bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many pages of its own it has.
    pub fn pages(&self) -> usize {
        self.pages.count()
    }

    /// Fills `to` with what stands from `at` on; how many bytes there were.
    pub fn read(&self, at: u64, to: &mut [u8]) -> usize {
        let count = self.size.saturating_sub(at).min(to.len() as u64) as usize;
        for (number, within, piece) in pieces(at, &mut to[..count]) {
            match self.pages.get(number) {
                Some(page) => piece.copy_from_slice(&page.bytes()[within..within + piece.len()]),
                None => read_source(self.source, number * PAGE + within as u64, piece),
            }
        }
        count
    }

    /// Puts `from` at `at`; how many bytes there was room for.
    pub fn write(&mut self, at: u64, from: &[u8]) -> Result<usize, NoSpace> {
        let mut done = 0;
        while done < from.len() {
            let (number, within) = split(at + done as u64);
            let count = (PAGE_SIZE - within).min(from.len() - done);
            let page = match self.page(number) {
                Ok(page) => page,
                Err(NoSpace) if done > 0 => break,
                Err(NoSpace) => return Err(NoSpace),
            };
            page.bytes_mut()[within..within + count].copy_from_slice(&from[done..done + count]);
            done += count;
        }
        if done > 0 {
            self.size = self.size.max(at + done as u64);
        }
        Ok(done)
    }

    /// A page of its own, from now on if not before.
    pub fn page(&mut self, number: u64) -> Result<&mut Page, NoSpace> {
        let (page, fresh) = self.pages.get_or_insert(number)?;
        if fresh {
            read_source(self.source, number * PAGE, page.bytes_mut());
        }
        Ok(page)
    }

    /// Cuts it, or lengthens it with zeros. What it loses.
    pub fn resize(&mut self, size: u64) -> Result<Cut, NoSpace> {
        let mut cut = Cut::nothing();
        if size < self.size {
            let (number, within) = split(size);
            if within > 0 && self.pages.get(number).is_some() {
                self.pages.get_or_insert(number)?.0.bytes_mut()[within..].fill(0);
            }
            cut = self.pages.truncate(size.div_ceil(PAGE));
            self.source = &self.source[..self.source.len().min(size as usize)];
        }
        self.size = size;
        Ok(cut)
    }
}

/// A page's number, and the place in it.
fn split(at: u64) -> (u64, usize) {
    (at / PAGE, (at % PAGE) as usize)
}

/// The parts of `bytes`, which lie at `at`, by page: its number, the place in it, the bytes.
fn pieces(mut at: u64, mut bytes: &mut [u8]) -> impl Iterator<Item = (u64, usize, &mut [u8])> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (number, within) = split(at);
        let count = (PAGE_SIZE - within).min(bytes.len());
        let (piece, rest) = core::mem::take(&mut bytes).split_at_mut(count);
        bytes = rest;
        at += piece.len() as u64;
        Some((number, within, piece))
    })
}

/// What stands at `at` of `source`, and zeros behind its end.
fn read_source(source: &[u8], at: u64, to: &mut [u8]) {
    let rest = usize::try_from(at).ok().and_then(|at| source.get(at..)).unwrap_or_default();
    let count = rest.len().min(to.len());
    to[..count].copy_from_slice(&rest[..count]);
    to[count..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static DISK: [u8; 3 * PAGE_SIZE + 100] = [0xd1; 3 * PAGE_SIZE + 100];

    fn all(data: &Data) -> Vec<u8> {
        let mut bytes = vec![0xee; data.size() as usize + 10];
        let count = data.read(0, &mut bytes);
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn what_is_only_read_takes_no_pages() {
        let data = Data::new(&DISK);
        assert_eq!((all(&data), data.pages()), (DISK.to_vec(), 0));
        assert_eq!(data.read(data.size() + 1, &mut [0; 4]), 0);
    }

    #[test]
    fn one_byte_written_takes_one_page() {
        let mut data = Data::new(&DISK);
        data.write(PAGE + 5, &[7]).unwrap();
        let mut expected = DISK.to_vec();
        expected[PAGE_SIZE + 5] = 7;
        assert_eq!((all(&data), data.pages()), (expected, 1));
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut data = Data::new(&DISK);
        data.write(0, &[1; 10]).unwrap();
        data.resize(4).unwrap();
        data.resize(2 * PAGE).unwrap();
        let mut expected = vec![0; 2 * PAGE_SIZE];
        expected[..4].fill(1);
        assert_eq!(all(&data), expected);
    }

    #[test]
    fn a_hole_is_zeros_and_takes_no_pages() {
        let mut data = Data::new(&[]);
        data.write(100 * PAGE, b"end").unwrap();
        assert_eq!((data.size(), data.pages()), (100 * PAGE + 3, 1));
        let mut bytes = [1; 8];
        assert_eq!((data.read(50 * PAGE, &mut bytes), bytes), (8, [0; 8]));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, Vec<u8>),
        Resize(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = 0..5 * PAGE;
        prop_oneof![
            3 => (at.clone(), prop::collection::vec(any::<u8>(), 0..6000)).prop_map(|(at, from)| Step::Write(at, from)),
            1 => at.prop_map(Step::Resize),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_vector_of_bytes(steps in prop::collection::vec(step(), 1..12)) {
            let (mut data, mut bytes) = (Data::new(&DISK), DISK.to_vec());
            for step in steps {
                match step {
                    Step::Write(at, from) => {
                        prop_assert_eq!(data.write(at, &from), Ok(from.len()));
                        let (at, end) = (at as usize, at as usize + from.len());
                        if !from.is_empty() {
                            bytes.resize(bytes.len().max(end), 0);
                            bytes[at..end].copy_from_slice(&from);
                        }
                    }
                    Step::Resize(size) => {
                        data.resize(size).unwrap();
                        bytes.resize(size as usize, 0);
                    }
                }
                prop_assert_eq!(&all(&data), &bytes);
            }
        }
    }
}
