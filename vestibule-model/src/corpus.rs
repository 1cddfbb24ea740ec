//! Broken designs, each a small change of the shipped one and rejected by the search, and the thread's alternatives to it.
//!
//! The types forbid nearly all of them, so they are built from forged tokens, and exist only with `--cfg vestibule_forge`.
//! Without it there are none, and what is explored is exactly what kernels compile.

use crate::design::Design;
use crate::event::{Event, Events};
use crate::explore::{Outcome, Search, explore};
use crate::family::Family;
use crate::world::Limits;

#[cfg(vestibule_forge)]
mod body;
#[cfg(vestibule_forge)]
mod entry;
#[cfg(vestibule_forge)]
mod exit;
#[cfg(vestibule_forge)]
mod idle;
#[cfg(vestibule_forge)]
mod look;
#[cfg(vestibule_forge)]
mod nmi;
#[cfg(vestibule_forge)]
mod parts;
#[cfg(all(test, vestibule_forge))]
mod tests;

/// A design with a known bug.
#[derive(Clone, Copy)]
pub struct Variant {
    /// As options and reports call it.
    pub name: &'static str,
    /// The commit or thread that it comes from.
    pub origin: &'static str,
    /// What differs from the shipped design.
    pub change: &'static str,
    /// The constraints of `docs/constraints.md` that the shortest counterexample may name.
    pub expects: &'static [u16],
    /// Where it is found.
    pub families: &'static [Family],
    /// It.
    pub design: fn(Family) -> Design,
}

/// All of them; none without `--cfg vestibule_forge`.
pub fn variants() -> &'static [Variant] {
    #[cfg(vestibule_forge)]
    {
        static ALL: std::sync::LazyLock<Vec<Variant>> = std::sync::LazyLock::new(|| {
            [look::VARIANTS, entry::VARIANTS, body::VARIANTS, exit::VARIANTS, nmi::VARIANTS, idle::VARIANTS].concat()
        });
        &ALL
    }
    #[cfg(not(vestibule_forge))]
    &[]
}

/// More events than the longest counterexample needs.
pub const MOST_EVENTS: u32 = 3;

/// Where and with how few events a variant is rejected.
#[derive(Clone)]
pub struct Rejected {
    /// In which family.
    pub family: Family,
    /// What the search allowed.
    pub limits: Limits,
    /// What it came to: there is a counterexample.
    pub outcome: Outcome,
}

/// Looks for the shortest counterexample that `events` allow, with more and more of them.
pub fn reject(variant: &Variant, events: Events) -> Option<Rejected> {
    (0..=MOST_EVENTS).find_map(|budget| {
        variant.families.iter().find_map(|family| {
            let limits = Limits { events, budget: Some(budget), reduced: false };
            let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
            let outcome = explore((variant.design)(*family), &search);
            outcome.counterexample.is_some().then_some(Rejected { family: *family, limits, outcome })
        })
    })
}

/// The events without which a variant passes: each alone is taken away.
pub fn depends_on(variant: &Variant) -> Vec<Event> {
    Event::ALL.into_iter().filter(|event| reject(variant, Events::ALL.without(*event)).is_none()).collect()
}
