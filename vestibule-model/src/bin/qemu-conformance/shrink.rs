//! The shortest program that still shows a difference.

use anyhow::{Context, Result};

use crate::comparison::Comparison;
use crate::machine::Machine;
use crate::program::Program;
use crate::rules::QEMU_DIFFERS;

/// Leaves one thing after the other out of `program`, which shows a difference, until nothing more can be; returns what
/// is left of it and both records, as text.
pub fn shrink(program: &Program, machine: &Machine) -> Result<String> {
    let mut shortest = program.clone();
    loop {
        let mut candidates = shortest.shorter();
        candidates.push(shortest);
        let seen = machine.run(&candidates)?;
        let mut comparisons = candidates
            .iter()
            .zip(&seen)
            .map(|(program, seen)| Comparison::new(program, QEMU_DIFFERS, seen))
            .enumerate();
        let (index, comparison) = comparisons
            .find(|(_, comparison)| comparison.differs())
            .context("QEMU does not do the same again: the last of these programs differed before")?;
        if index == candidates.len() - 1 {
            return Ok(comparison.to_string());
        }
        shortest = candidates.swap_remove(index);
    }
}
