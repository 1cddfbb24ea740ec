//! The pages of one file, by number: a tree as wide as a word's worth of bits, as deep as the largest number needs. Pure;
//! its tests run on the host.

use alloc::vec::Vec;
use core::mem;

use super::page::{NoSpace, Page};

/// Bits of a page's number that each level of the tree decides.
const BITS: u32 = 6;
const WIDTH: usize = 1 << BITS;

/// Pages by number; what is not there has never been written.
pub struct Pages {
    root: Slot,
    /// Levels of nodes above the pages.
    height: u32,
    count: usize,
}

#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Page(Page),
    Node(Vec<Slot>),
}

impl Slot {
    fn count(&self) -> usize {
        match self {
            Slot::Empty => 0,
            Slot::Page(_) => 1,
            Slot::Node(slots) => slots.iter().map(Slot::count).sum(),
        }
    }
}

/// Pages that were cut off, which are many perhaps: to be dropped without a lock.
pub struct Cut(Vec<Slot>);

impl Cut {
    /// None.
    pub const fn nothing() -> Self {
        Cut(Vec::new())
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Pages {
    /// None.
    pub const fn new() -> Self {
        Self { root: Slot::Empty, height: 0, count: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Page `number`, if it is there.
    pub fn get(&self, number: u64) -> Option<&Page> {
        if number >> (BITS * self.height).min(63) != 0 {
            return None;
        }
        let mut slot = &self.root;
        for level in (0..self.height).rev() {
            let Slot::Node(slots) = slot else { return None };
            slot = &slots[digit(number, level)];
        }
        if let Slot::Page(page) = slot { Some(page) } else { None }
    }

    /// Page `number`, and whether it is a new one, full of zeros.
    pub fn get_or_insert(&mut self, number: u64) -> Result<(&mut Page, bool), NoSpace> {
        while number >> (BITS * self.height).min(63) != 0 {
            self.grow()?;
        }
        let mut slot = &mut self.root;
        for level in (0..self.height).rev() {
            if matches!(slot, Slot::Empty) {
                *slot = Slot::Node(node()?);
            }
            let Slot::Node(slots) = slot else { unreachable!("a page stands where a node does") };
            slot = &mut slots[digit(number, level)];
        }
        let fresh = matches!(slot, Slot::Empty);
        if fresh {
            *slot = Slot::Page(Page::new()?);
            self.count += 1;
        }
        let Slot::Page(page) = slot else { unreachable!("a node stands where a page does") };
        Ok((page, fresh))
    }

    /// Takes page `from` and all behind it out. They are freed with what comes back, but for what there is no memory to list.
    pub fn truncate(&mut self, from: u64) -> Cut {
        let mut parts = Vec::new();
        if from == 0 && parts.try_reserve_exact(1).is_ok() {
            parts.push(mem::take(&mut self.root));
            (self.count, self.height) = (0, 0);
            return Cut(parts);
        }
        _ = parts.try_reserve_exact(WIDTH * self.height.max(1) as usize);
        self.count -= cut(&mut self.root, self.height, from, &mut parts);
        if matches!(self.root, Slot::Empty) {
            self.height = 0;
        }
        Cut(parts)
    }

    /// A level more, with what there is as its beginning.
    fn grow(&mut self) -> Result<(), NoSpace> {
        if !matches!(self.root, Slot::Empty) {
            let mut slots = node()?;
            slots[0] = mem::take(&mut self.root);
            self.root = Slot::Node(slots);
        }
        self.height += 1;
        Ok(())
    }
}

fn node() -> Result<Vec<Slot>, NoSpace> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(WIDTH).map_err(|_| NoSpace)?;
    slots.resize_with(WIDTH, Slot::default);
    Ok(slots)
}

fn digit(number: u64, level: u32) -> usize {
    (number >> (BITS * level)) as usize % WIDTH
}

/// Moves what is below `slot`, which has `height` levels of nodes, from page `from` on to `parts`; how many pages that are.
fn cut(slot: &mut Slot, height: u32, from: u64, parts: &mut Vec<Slot>) -> usize {
    if from == 0 {
        let part = mem::take(slot);
        let count = part.count();
        if count > 0 && parts.len() < parts.capacity() {
            parts.push(part);
        }
        return count;
    }
    let Slot::Node(slots) = slot else { return 0 };
    let each = 1_u64 << (BITS * (height - 1)).min(63);
    let first = usize::try_from(from / each).unwrap_or(WIDTH).min(WIDTH);
    let rest = slots[first..].iter_mut().enumerate();
    rest.map(|(index, slot)| cut(slot, height - 1, if index == 0 { from % each } else { 0 }, parts)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn put(pages: &mut Pages, number: u64, byte: u8) -> bool {
        let (page, fresh) = pages.get_or_insert(number).unwrap();
        page.bytes_mut()[0] = byte;
        fresh
    }

    #[test]
    fn there_is_nothing_in_the_beginning() {
        let pages = Pages::new();
        assert!([0, 1, u64::MAX].iter().all(|number| pages.get(*number).is_none()));
        assert_eq!(pages.count(), 0);
    }

    #[test]
    fn the_last_page_that_a_file_can_have() {
        let mut pages = Pages::new();
        let last = u64::MAX >> 13;
        assert!(put(&mut pages, last, 7) && put(&mut pages, 0, 8));
        assert_eq!(pages.get(last).unwrap().bytes()[0], 7);
        drop(pages.truncate(last));
        assert_eq!((pages.count(), pages.get(last).is_none(), pages.get(0).unwrap().bytes()[0]), (1, true, 8));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u64, u8),
        Truncate(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let number = prop_oneof![0..3_u64, 60..70_u64, 4090..4100_u64, 0..u64::MAX >> 12];
        prop_oneof![
            4 => (number.clone(), any::<u8>()).prop_map(|(number, byte)| Step::Put(number, byte)),
            1 => number.prop_map(Step::Truncate),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec(step(), 1..40)) {
            let (mut pages, mut map) = (Pages::new(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Put(number, byte) => {
                        prop_assert_eq!(put(&mut pages, number, byte), map.insert(number, byte).is_none());
                    }
                    Step::Truncate(from) => {
                        let before = pages.count();
                        let cut = pages.truncate(from);
                        // All that went is there, until it is dropped without a lock.
                        prop_assert_eq!(cut.0.iter().map(Slot::count).sum::<usize>(), before - pages.count());
                        map.retain(|number, _| *number < from);
                        prop_assert!(pages.get(from).is_none());
                    }
                }
                prop_assert_eq!(pages.count(), map.len());
                for (number, byte) in &map {
                    prop_assert_eq!(pages.get(*number).map(|page| page.bytes()[0]), Some(*byte));
                }
            }
        }
    }
}
