//! What a search allows, and what it leaves out.

use crate::event::Events;
use crate::family::Family;

/// What the search allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Which events come at all.
    pub events: Events,
    /// How many in one execution; `None`: as many as the masks let.
    pub budget: Option<u32>,
    /// What is left out.
    pub reductions: Reductions,
}

/// What a search leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reductions {
    /// Nothing.
    None,
    /// What makes no difference to any verdict: events after invisible steps, and exceptions that leave no trace where they came
    /// upon the same before.
    Lossless,
    /// And what another family, another backend or an outer exception is about: every bound.
    All,
    /// The same, but for one bound.
    AllBut(Bound),
}

/// What is left out because another family, another backend or an outer exception is about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "command", derive(clap::ValueEnum))]
#[repr(u32)]
pub enum Bound {
    /// Which of several like things comes: a task's tag checks, breakpoints and watchpoints, other work for a task, a lazy reschedule.
    Kinds,
    /// What another CPU wants of a task on the way to user mode.
    Others,
    /// What system calls, and work for a task, do.
    Works,
    /// What the kernel's code does in the nesting of another family: one exception deeper without it.
    Ways,
    /// The same, however deep.
    Depth,
}

impl Bound {
    /// Every one.
    pub const ALL: [Bound; 5] = [Bound::Kinds, Bound::Others, Bound::Works, Bound::Ways, Bound::Depth];
    /// Without each of which everything can be searched in half an hour; the last takes that by itself.
    pub const IN_FULL: [Bound; 4] = [Bound::Kinds, Bound::Others, Bound::Works, Bound::Ways];

    /// As reports and options call it.
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Kinds => "kinds",
            Bound::Others => "others",
            Bound::Works => "works",
            Bound::Ways => "ways",
            Bound::Depth => "depth",
        }
    }

    /// What becomes possible without it.
    pub const fn lifted(self) -> &'static str {
        match self {
            Bound::Kinds => "every kind of tag check, breakpoint, other work and reschedule in every family",
            Bound::Others => "what another CPU wants of a task in every family",
            Bound::Works => "everything that system calls and work for a task may do in every family",
            Bound::Ways => "everything that the kernel's code may do, nested one exception deeper",
            Bound::Depth => "everything that the kernel's code may do, however deep it is nested",
        }
    }

    /// Without it this family has more to explore.
    pub const fn is_of(self, family: Family) -> bool {
        use Family::{Call, Copy, First, Step, Tags, User};
        match self {
            Bound::Others => matches!(family, Copy | Call | Step | Tags),
            Bound::Works => matches!(family, User | First | Call | Step | Tags),
            Bound::Kinds | Bound::Ways | Bound::Depth => true,
        }
    }
}

impl Reductions {
    /// What makes no difference is left out.
    pub const fn lossless(self) -> bool {
        !matches!(self, Reductions::None)
    }

    /// What is another's subject is left out, by this bound.
    pub const fn has(self, bound: Bound) -> bool {
        match self {
            Reductions::None | Reductions::Lossless => false,
            Reductions::All => true,
            Reductions::AllBut(lifted) => lifted as u32 != bound as u32,
        }
    }

    /// As tokens write it.
    pub const fn number(self) -> u32 {
        match self {
            Reductions::None => 0,
            Reductions::Lossless => 1,
            Reductions::All => 2,
            Reductions::AllBut(bound) => 3 + bound as u32,
        }
    }

    /// By that number.
    pub fn numbered(number: u32) -> Option<Reductions> {
        match number {
            0 => Some(Reductions::None),
            1 => Some(Reductions::Lossless),
            2 => Some(Reductions::All),
            _ => Bound::ALL.get(number as usize - 3).map(|bound| Reductions::AllBut(*bound)),
        }
    }
}
