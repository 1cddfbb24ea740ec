//! What a search allows, and what it leaves out.

use crate::event::Events;

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
    /// And what another family, another backend or an outer exception is about.
    All,
}

impl Reductions {
    /// What makes no difference is left out.
    pub const fn lossless(self) -> bool {
        !matches!(self, Reductions::None)
    }

    /// What is another's subject is left out.
    pub const fn bounds(self) -> bool {
        matches!(self, Reductions::All)
    }

    /// As tokens and reports write it.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// By that number.
    pub const fn numbered(number: u32) -> Option<Reductions> {
        match number {
            0 => Some(Reductions::None),
            1 => Some(Reductions::Lossless),
            2 => Some(Reductions::All),
            _ => None,
        }
    }
}
