//! What programs can read: bytes that have come in, and where lines end among them.

use alloc::collections::VecDeque;

/// Bytes that wait to be read, at most.
const CAPACITY: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Item {
    Byte(u8),
    /// The last byte of a line.
    Last(u8),
    /// A line's end that is no byte.
    End,
}

/// Bytes that have come in.
pub struct Input {
    items: VecDeque<Item>,
}

impl Input {
    /// Nothing.
    pub const fn new() -> Self {
        Self { items: VecDeque::new() }
    }

    /// So much can be read, ends of lines not counted.
    pub fn bytes(&self) -> usize {
        self.items.iter().filter(|item| **item != Item::End).count()
    }

    /// Nothing at all can be read, not even an end.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether `more` bytes beside these are too many.
    pub fn is_full(&self, more: usize) -> bool {
        self.items.len() + more >= CAPACITY
    }

    /// A byte that no line holds back.
    pub fn push(&mut self, byte: u8) {
        self.items.push_back(Item::Byte(byte));
    }

    /// A line, which `last` ends, or nothing.
    pub fn push_line(&mut self, line: &[u8], last: Option<u8>) {
        self.items.extend(line.iter().map(|byte| Item::Byte(*byte)));
        self.items.push_back(last.map_or(Item::End, Item::Last));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// Lines mean nothing any more; an end that was no byte becomes the zero that Linux keeps for it.
    pub fn forget_lines(&mut self) {
        for item in &mut self.items {
            *item = match *item {
                Item::Byte(byte) | Item::Last(byte) => Item::Byte(byte),
                Item::End => Item::Byte(0),
            };
        }
    }

    /// What is there becomes one line.
    pub fn end_line(&mut self) {
        self.forget_lines();
        if let Some(Item::Byte(byte)) = self.items.pop_back() {
            self.items.push_back(Item::Last(byte));
        }
    }

    /// Fills `buffer` from one line; how many bytes. An end that comes right behind goes with them; none before it are
    /// the end of the file.
    pub fn take_line(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while let Some(item) = self.items.front().copied() {
            if item == Item::End {
                self.items.pop_front();
                break;
            }
            let Some(place) = buffer.get_mut(count) else { break };
            let (Item::Byte(byte) | Item::Last(byte)) = item else { unreachable!("an end is no byte") };
            *place = byte;
            count += 1;
            self.items.pop_front();
            if item == Item::Last(byte) {
                break;
            }
        }
        count
    }

    /// Fills `buffer` with what there is; how many bytes.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.forget_lines();
        let count = buffer.len().min(self.items.len());
        for (to, item) in buffer.iter_mut().zip(self.items.drain(..count)) {
            let (Item::Byte(byte) | Item::Last(byte)) = item else { unreachable!("lines were forgotten") };
            *to = byte;
        }
        count
    }
}
