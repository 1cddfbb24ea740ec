//! The JSON that the plugin writes and a reader parses with `serde_json`.

pub use crate::class::{Cause, Class, Kind, Origin};
use serde::{Deserialize, Serialize};
use std::ops::{AddAssign, Sub};

/// Everything counted in one run. Two runs of a deterministic machine give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One row for each phase and class that occurred, in order; events outside any phase come first.
    pub phases: Vec<Row>,
    /// One row for each class that occurred, over the whole run, in order.
    pub whole_run: Vec<Sum>,
    /// ERETs at EL1 that closed no event: first returns of new tasks and of the boot.
    pub unmatched_returns: u64,
    /// One row for each phase that has rounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounds: Vec<Round>,
}

/// All that the kernel ran in each round of a phase, whatever it was, and for whichever task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// The phase.
    pub phase: u8,
    /// How many rounds no interrupt came in.
    pub count: u64,
    /// How many one came in.
    pub disturbed: u64,
    /// Statistics over the former; `None` if there were none.
    pub clean: Option<Counts<Spread>>,
}

/// The events of one class that began in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The phase, 0 to 31; `None` outside any.
    pub phase: Option<u8>,
    /// What the events are.
    pub class: Class,
    /// How many there were, by how they went.
    #[serde(flatten)]
    pub events: Events,
    /// Statistics over the [`Events::count`] clean events; `None` if there were none.
    pub clean: Option<Counts<Spread>>,
}

/// The events of one class in the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// What the events are.
    pub class: Class,
    /// How many there were, by how they went.
    #[serde(flatten)]
    pub events: Events,
    /// Sums over the clean and the disturbed events.
    pub sum: Counts<u64>,
}

/// Numbers of events. Each event is in exactly one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Clean: returned without another exception inside and without a task switch. The statistics are over these.
    pub count: u64,
    /// Returned, with at least one other exception inside. Instructions of the inner ones are theirs alone.
    pub disturbed: u64,
    /// Dropped: another task ran in between.
    pub switched: u64,
    /// Dropped: never returned on this CPU.
    pub unfinished: u64,
}

/// One value for all that ran at EL1 and one for the part of it in entry text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct Counts<T> {
    /// From the vector's first instruction to the ERET, both included.
    pub total: Measures<T>,
    /// Of these, in entry text: the overhead of entry and exit.
    pub entry_text: Measures<T>,
}

/// One value for each thing that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct Measures<T> {
    /// Instructions.
    pub instructions: T,
    /// Writes of DAIF.
    pub daif_writes: T,
    /// Writes of ICC_PMR_EL1.
    pub pmr_writes: T,
    /// Writes of ALLINT.
    pub allint_writes: T,
    /// ISB, DSB and DMB.
    pub barriers: T,
    /// Load instructions.
    pub loads: T,
    /// Store instructions.
    pub stores: T,
}

/// How a value was distributed over the events of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The least.
    pub min: u64,
    /// The lower of the two middle ones, if their number is even.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// The spread of `values`, which are not empty.
    pub(crate) fn of(mut values: Vec<u64>) -> Spread {
        values.sort_unstable();
        Spread { min: values[0], median: values[(values.len() - 1) / 2], max: values[values.len() - 1] }
    }
}

impl Counts<Spread> {
    /// The spread of each field over `all`, which is not empty.
    pub(crate) fn over(all: &[Counts<u64>]) -> Counts<Spread> {
        Counts {
            total: Measures::over(all.iter().map(|counts| counts.total)),
            entry_text: Measures::over(all.iter().map(|counts| counts.entry_text)),
        }
    }
}

impl Measures<Spread> {
    fn over(all: impl Iterator<Item = Measures<u64>> + Clone) -> Measures<Spread> {
        let column = |field: fn(Measures<u64>) -> u64| Spread::of(all.clone().map(field).collect());
        Measures {
            instructions: column(|measures| measures.instructions),
            daif_writes: column(|measures| measures.daif_writes),
            pmr_writes: column(|measures| measures.pmr_writes),
            allint_writes: column(|measures| measures.allint_writes),
            barriers: column(|measures| measures.barriers),
            loads: column(|measures| measures.loads),
            stores: column(|measures| measures.stores),
        }
    }
}

impl Counts<u64> {
    fn zip(self, other: Counts<u64>, value: fn(u64, u64) -> u64) -> Counts<u64> {
        Counts { total: self.total.zip(other.total, value), entry_text: self.entry_text.zip(other.entry_text, value) }
    }
}

impl Measures<u64> {
    fn zip(self, other: Measures<u64>, value: fn(u64, u64) -> u64) -> Measures<u64> {
        Measures {
            instructions: value(self.instructions, other.instructions),
            daif_writes: value(self.daif_writes, other.daif_writes),
            pmr_writes: value(self.pmr_writes, other.pmr_writes),
            allint_writes: value(self.allint_writes, other.allint_writes),
            barriers: value(self.barriers, other.barriers),
            loads: value(self.loads, other.loads),
            stores: value(self.stores, other.stores),
        }
    }
}

impl AddAssign for Counts<u64> {
    fn add_assign(&mut self, other: Counts<u64>) {
        *self = self.zip(other, |left, right| left + right);
    }
}

impl Sub for Counts<u64> {
    type Output = Counts<u64>;

    fn sub(self, other: Counts<u64>) -> Counts<u64> {
        self.zip(other, |left, right| left - right)
    }
}

impl AddAssign for Events {
    fn add_assign(&mut self, other: Events) {
        self.count += other.count;
        self.disturbed += other.disturbed;
        self.switched += other.switched;
        self.unfinished += other.unfinished;
    }
}
