//! Broken designs, each a small change of the shipped one and rejected by the search, and the thread's alternatives to it.
//!
//! The types forbid nearly all of them, so they are built from forged tokens, and exist only with `--cfg vestibule_forge`.
//! Without it there are none, and what is explored is exactly what kernels compile.

use crate::backend::Backend;
use crate::design::Design;
use crate::event::{Event, Events};
use crate::explore::{Outcome, Search, explore};
use crate::family::Family;
use crate::world::{Limits, Reductions};

#[cfg(vestibule_forge)]
mod acknowledged;
#[cfg(vestibule_forge)]
mod alternatives;
#[cfg(vestibule_forge)]
mod body;
#[cfg(vestibule_forge)]
mod debug;
#[cfg(vestibule_forge)]
mod entry;
#[cfg(vestibule_forge)]
mod exit;
#[cfg(vestibule_forge)]
mod fpsimd;
#[cfg(vestibule_forge)]
mod idle;
#[cfg(vestibule_forge)]
mod look;
#[cfg(vestibule_forge)]
mod masks;
#[cfg(vestibule_forge)]
mod nmi;
#[cfg(vestibule_forge)]
mod parts;
#[cfg(vestibule_forge)]
mod program;
#[cfg(vestibule_forge)]
mod step;
#[cfg(vestibule_forge)]
mod syscall;
#[cfg(vestibule_forge)]
mod tags;
#[cfg(vestibule_forge)]
mod tasks;
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

impl Variant {
    /// On which backend.
    pub fn backend(&self) -> Backend {
        (self.design)(self.families[0]).backend
    }
}

/// All of them; none without `--cfg vestibule_forge`.
pub fn variants() -> &'static [Variant] {
    #[cfg(vestibule_forge)]
    {
        static ALL: std::sync::LazyLock<Vec<Variant>> = std::sync::LazyLock::new(|| {
            [
                look::VARIANTS,
                entry::VARIANTS,
                body::VARIANTS,
                exit::VARIANTS,
                nmi::VARIANTS,
                masks::VARIANTS,
                acknowledged::VARIANTS,
                idle::VARIANTS,
                fpsimd::VARIANTS,
                syscall::VARIANTS,
                step::VARIANTS,
                debug::VARIANTS,
                tasks::VARIANTS,
                tags::VARIANTS,
            ]
            .concat()
        });
        &ALL
    }
    #[cfg(not(vestibule_forge))]
    &[]
}

/// A design that the thread of spring 2026 weighed, for the classes that it was about: aborts and interrupts from the kernel,
/// system calls.
#[derive(Clone, Copy)]
pub struct Alternative {
    /// As reports call it.
    pub name: &'static str,
    /// Who proposed it, and when.
    pub origin: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Constraints that it sets aside by what it is. Nobody searches for them.
    pub departs: &'static [u16],
    /// It.
    pub design: fn(Family) -> Design,
}

/// All of them, and the shipped one last; none without `--cfg vestibule_forge`.
pub fn alternatives() -> &'static [Alternative] {
    #[cfg(vestibule_forge)]
    return alternatives::ALTERNATIVES;
    #[cfg(not(vestibule_forge))]
    &[]
}

/// An alternative's row of the table.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which.
    pub name: &'static str,
    /// The constraints that are broken, in any family.
    pub broken: Vec<u16>,
    /// Writes of the mask register on each path, from vector to return; `None` where the path breaks a constraint.
    pub mask_writes: Vec<(&'static str, Option<usize>)>,
}

/// How many events the alternatives are searched with.
const COMPARED_EVENTS: u32 = 3;

/// Searches an alternative through every family, and measures its paths.
pub fn compare(alternative: &Alternative) -> Compared {
    let limits = Limits { events: Events::ALL, budget: Some(COMPARED_EVENTS), reductions: Reductions::Lossless };
    // None of them has tag checks.
    let families = Family::ALL.into_iter().filter(|family| !family.has_tags());
    let broken = families.flat_map(|family| broken_in((alternative.design)(family), limits));
    let broken: std::collections::BTreeSet<u16> = broken.collect();
    Compared { name: alternative.name, broken: broken.into_iter().collect(), mask_writes: mask_writes(alternative) }
}

/// The table of all alternatives, as text.
pub fn comparison() -> String {
    let rows: Vec<_> = alternatives().iter().map(|alternative| (alternative, compare(alternative))).collect();
    let mut table = format!("{:40}", "");
    let line = |table: &mut String, name: &str, cell: &dyn Fn(&(&Alternative, Compared)) -> String| {
        *table += &format!("\n{name:40}");
        rows.iter().for_each(|row| *table += &format!("{:>14}", cell(row)));
    };
    rows.iter().for_each(|(alternative, _)| table += &format!("{:>14}", alternative.name));
    line(&mut table, &format!("broken, {COMPARED_EVENTS} events"), &|(_, compared)| constraints(&compared.broken));
    line(&mut table, "set aside by what it is", &|(alternative, _)| constraints(alternative.departs));
    let paths = rows.first().map_or(0, |(_, compared)| compared.mask_writes.len());
    for path in 0..paths {
        let name = format!("mask writes: {}", rows[0].1.mask_writes[path].0);
        line(&mut table, &name, &|(_, compared)| {
            compared.mask_writes[path].1.map_or("-".into(), |writes| writes.to_string())
        });
    }
    table + "\n"
}

fn constraints(numbers: &[u16]) -> String {
    let names: Vec<_> = numbers.iter().map(|number| format!("C{number}")).collect();
    if names.is_empty() { "none".into() } else { names.join(" ") }
}

fn broken_in(design: Design, limits: Limits) -> Vec<u16> {
    let search = Search { limits, hashing: true, threads: 1, first_only: false, shard: None, progress: None };
    let failed = explore(design, &search).fired.failed;
    failed.iter().zip(0..).filter(|(times, _)| **times > 0).map(|(_, constraint)| constraint).collect()
}

#[cfg(vestibule_forge)]
fn mask_writes(alternative: &Alternative) -> Vec<(&'static str, Option<usize>)> {
    alternatives::PATHS.iter().map(|(path, program)| (*path, alternatives::writes(alternative, *program))).collect()
}

#[cfg(not(vestibule_forge))]
fn mask_writes(_: &Alternative) -> Vec<(&'static str, Option<usize>)> {
    Vec::new()
}

/// As many events as the longest counterexample needs.
pub const MOST_EVENTS: u32 = 4;

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
    reject_with(variant, Limits { events, budget: None, reductions: Reductions::None })
}

/// The same, with the reductions or without.
fn reject_with(variant: &Variant, limits: Limits) -> Option<Rejected> {
    (0..=MOST_EVENTS).find_map(|budget| {
        variant.families.iter().find_map(|family| {
            let limits = Limits { budget: Some(budget), ..limits };
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
