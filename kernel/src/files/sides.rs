//! The two sides of a pipe: who has it open to read, who to write, and whether somebody has met the other side. Pure; its tests
//! run on the host.

/// Who is on each side.
#[derive(Debug)]
pub struct Sides {
    /// Those who read.
    pub readers: Side,
    /// Those who write.
    pub writers: Side,
}

/// One side.
#[derive(Debug)]
pub struct Side {
    open: usize,
    /// So many were there, and are no more.
    left: usize,
}

/// How many had left each side when somebody came. He has missed those, and meets everybody else, however soon that one is gone.
#[derive(Debug)]
pub struct Missed {
    readers: usize,
    writers: usize,
}

impl Missed {
    /// Of a pipe without a name: both sides were there from the beginning.
    pub const NOBODY: Missed = Missed { readers: 0, writers: 0 };
}

impl Side {
    /// Somebody is there.
    pub fn is_open(&self) -> bool {
        self.open > 0
    }

    fn enter(&mut self) {
        self.open += 1;
    }

    fn leave(&mut self) {
        self.open -= 1;
        self.left += 1;
    }
}

impl Sides {
    /// Nobody.
    pub const fn new() -> Self {
        const NOBODY: Side = Side { open: 0, left: 0 };
        Self { readers: NOBODY, writers: NOBODY }
    }

    /// Somebody comes, to read, to write or both. What he has missed is counted in the same step: who waits for him may see him
    /// as soon as he is there, and leave before he looks.
    pub fn enter(&mut self, reads: bool, writes: bool) -> Missed {
        if reads {
            self.readers.enter();
        }
        if writes {
            self.writers.enter();
        }
        Missed { readers: self.readers.left, writers: self.writers.left }
    }

    /// Somebody who came so leaves.
    pub fn leave(&mut self, reads: bool, writes: bool) {
        if reads {
            self.readers.leave();
        }
        if writes {
            self.writers.leave();
        }
    }

    /// Somebody who reads has been there since whoever has missed that came.
    pub fn met_reader(&self, missed: &Missed) -> bool {
        self.readers.open + self.readers.left > missed.readers
    }

    /// Somebody who writes has.
    pub fn met_writer(&self, missed: &Missed) -> bool {
        self.writers.open + self.writers.left > missed.writers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader (`true`) and a writer, in the order in which they come.
    const ORDERS: [[bool; 2]; 2] = [[true, false], [false, true]];

    fn met(sides: &Sides, reads: bool, missed: &Missed) -> bool {
        if reads { sides.met_writer(missed) } else { sides.met_reader(missed) }
    }

    #[test]
    fn nobody_is_met_alone() {
        for [reads, _] in ORDERS {
            let mut sides = Sides::new();
            let missed = sides.enter(reads, !reads);
            assert!(!met(&sides, reads, &missed));
        }
    }

    #[test]
    fn who_came_first_is_met_even_if_he_leaves_before_the_other_looks() {
        for [first, second] in ORDERS {
            let mut sides = Sides::new();
            let missed_by_first = sides.enter(first, second);
            let missed_by_second = sides.enter(second, first);
            assert!(met(&sides, first, &missed_by_first));
            sides.leave(first, second);
            assert!(met(&sides, second, &missed_by_second));
        }
    }

    #[test]
    fn who_came_second_is_met_even_if_he_leaves_before_the_other_looks() {
        for [first, second] in ORDERS {
            let mut sides = Sides::new();
            let missed = sides.enter(first, second);
            sides.enter(second, first);
            sides.leave(second, first);
            assert!(met(&sides, first, &missed));
        }
    }

    #[test]
    fn who_had_left_is_missed() {
        for [first, second] in ORDERS {
            let mut sides = Sides::new();
            sides.enter(first, second);
            sides.leave(first, second);
            let missed = sides.enter(second, first);
            assert!(!met(&sides, second, &missed));
        }
    }
}
