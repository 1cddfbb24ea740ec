//! The walk on programs of a few words; on what the compiler makes, `planted` tries it.

use super::code::Code;
use super::permits::Permit;
use super::unreached;
use super::walk::{Breach, Phase, Rule, Seen, walk};
use crate::build::Kind;

const NOP: u32 = 0xd503_201f;
const RET: u32 = 0xd65f_03c0;
const ERET: u32 = 0xd69f_03e0;
const BR: u32 = 0xd61f_0100;
const BLR: u32 = 0xd63f_0100;
const UDF: u32 = 0;
const DRPS: u32 = 0xd6bf_03e0;
const OPEN: u32 = 0xd503_4fff;
const MASK: u32 = 0xd503_4fdf;
const MASK_DEBUG_AND_SERROR: u32 = 0xd503_4cdf;
const WRITE_SPSR: u32 = 0xd518_4008;

/// B and BL over that many instructions.
fn b(over: i32) -> u32 {
    0x1400_0000 | over as u32 & 0x03ff_ffff
}
fn bl(over: i32) -> u32 {
    0x9400_0000 | over as u32 & 0x03ff_ffff
}

/// A program at 0: entry text, then ordinary code, with the names of the functions in it.
fn code(entry: &[u32], ordinary: &[u32], names: &[(u64, &str)]) -> Code {
    let names = names.iter().map(|(word, name)| (word * 4, *name, true));
    Code::new(0, [entry, ordinary].concat(), 0..entry.len() as u64 * 4, names).unwrap()
}

fn seen(entry: &[u32], ordinary: &[u32]) -> Seen {
    walk(&code(entry, ordinary, &[]), &[(0, Phase::Entering)])
}

/// What is wrong: the rule, and the number of the word that breaks it.
fn wrong(entry: &[u32], ordinary: &[u32]) -> Vec<(Rule, u64)> {
    seen(entry, ordinary).breaches.iter().map(|breach| (breach.rule, breach.at / 4)).collect()
}

#[test]
fn a_body_may_call_anything() {
    assert_eq!(wrong(&[NOP, OPEN, bl(5), BLR, MASK, WRITE_SPSR, ERET], &[RET]), []);
}

#[test]
fn nothing_else_may() {
    let found = wrong(&[bl(8), BLR, OPEN, MASK, bl(4), WRITE_SPSR, bl(2), ERET], &[RET]);
    let ordinary = |word| (Rule::OrdinaryCode, word);
    assert_eq!(found, [ordinary(0), ordinary(4), ordinary(6), (Rule::Indirect, 1)]);
}

#[test]
fn what_follows_a_call_that_never_comes_back_is_not_walked() {
    let forever = [NOP, b(0)];
    assert_eq!(wrong(&[OPEN, bl(2), UDF], &forever), []);
    // Not even through another function that ends so, or through two that call each other.
    assert_eq!(wrong(&[OPEN, bl(2), UDF], &[bl(1), NOP, b(0)]), []);
    assert_eq!(wrong(&[OPEN, bl(2), UDF], &[bl(1), bl(-1), RET]), []);
    // A body's own exceptions are handled, so it goes on behind one; a handler may not rely on that.
    assert_eq!(wrong(&[OPEN, bl(4), UDF, WRITE_SPSR, ERET], &[RET]), [(Rule::EarlyReturnState, 3)]);
    assert_eq!(wrong(&[UDF, WRITE_SPSR, ERET], &[RET]), [(Rule::Exception, 0)]);
}

#[test]
fn a_function_comes_back_in_the_phases_that_its_paths_end_in() {
    // word 4: opens on one path only
    let sometimes_opens = [0xb400_0040, OPEN, RET]; // cbz x0, over one
    let entry = [&[bl(4), bl(6), WRITE_SPSR, ERET][..], &sometimes_opens].concat();
    let found = wrong(&entry, &[RET]);
    assert_eq!(found, [(Rule::OrdinaryCode, 1), (Rule::EarlyReturnState, 2)]);
}

#[test]
fn a_tail_call_comes_back_to_the_caller() {
    let found = wrong(&[bl(4), MASK, WRITE_SPSR, ERET, OPEN, b(1)], &[RET]);
    assert_eq!(found, []);
    let found = wrong(&[bl(3), WRITE_SPSR, ERET, OPEN, MASK, b(1)], &[RET]);
    assert_eq!(found, [(Rule::OrdinaryCode, 5)]);
}

#[test]
fn masking_a_part_is_not_masking() {
    assert_eq!(wrong(&[OPEN, MASK_DEBUG_AND_SERROR, WRITE_SPSR, ERET], &[]), [(Rule::EarlyReturnState, 2)]);
}

#[test]
fn eret_needs_its_return_state_and_a_vector_has_no_caller() {
    assert_eq!(wrong(&[OPEN, MASK, ERET], &[]), [(Rule::NotReturning, 2)]);
    assert_eq!(wrong(&[RET], &[]), [(Rule::NoCaller, 0)]);
}

#[test]
fn what_cannot_be_followed_is_not_taken_for_harmless() {
    assert_eq!(wrong(&[DRPS], &[]), [(Rule::UnknownBranch, 0)]);
    assert_eq!(wrong(&[OPEN, BR], &[]), [(Rule::UnknownBranch, 1)]);
    assert_eq!(wrong(&[NOP], &[]), [(Rule::UnknownBranch, 1)]);
}

#[test]
fn only_what_never_comes_back_is_permitted() {
    let permit = Permit {
        kind: Some(Kind::Checked),
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering],
        by: "handler",
        calls: Some("broken"),
        comes_back: false,
        reason: "",
    };
    let covers = |ordinary: &[u32], build| {
        let code = code(&[bl(2), ERET], ordinary, &[(0, "handler"), (2, "broken")]);
        let seen = walk(&code, &[(0, Phase::Entering)]);
        let breach = Breach { rule: Rule::OrdinaryCode, phase: Phase::Entering, at: 0, to: Some(8) };
        assert!(seen.breaches.contains(&breach));
        permit.covers(&breach, build, &code, &seen)
    };
    assert!(covers(&[b(0)], Kind::Checked));
    assert!(!covers(&[b(0)], Kind::Plain));
    assert!(!covers(&[RET], Kind::Checked));
}

#[test]
fn a_wait_comes_back_and_calls_and_opens_nothing() {
    let wrong = |entry: &[u32]| {
        let seen = walk(&code(entry, &[RET], &[]), &[(0, Phase::Unwatched)]);
        seen.breaches.iter().map(|breach| (breach.rule, breach.at / 4)).collect::<Vec<_>>()
    };
    assert_eq!(wrong(&[NOP, RET]), []);
    assert_eq!(wrong(&[NOP, bl(2), RET]), [(Rule::OrdinaryCode, 1)]);
    assert_eq!(wrong(&[BLR, OPEN, RET]), [(Rule::Indirect, 0), (Rule::UnknownMask, 1)]);
}

#[test]
fn functions_that_no_vector_leads_to_are_named() {
    let code = code(&[WRITE_SPSR, ERET, RET], &[RET], &[(0, "vector"), (2, "forgotten"), (3, "ordinary")]);
    let unreached = unreached(&code, &walk(&code, &[(0, Phase::Entering)]));
    assert!(unreached.iter().any(|line| line.starts_with("forgotten ")), "{unreached:?}");
    assert!(!unreached.iter().any(|line| line.starts_with("vector ") || line.starts_with("ordinary ")));
}

#[test]
fn the_priority_mask_moves_under_daif_and_allint_opens() {
    const PRIORITY: u32 = 0xd518_4608;
    const MASK_NMIS: u32 = 0xd501_411f;
    const OPEN_NMIS: u32 = 0xd501_401f;
    assert_eq!(wrong(&[OPEN, MASK, PRIORITY, WRITE_SPSR, ERET], &[]), []);
    assert_eq!(wrong(&[OPEN, MASK, WRITE_SPSR, PRIORITY, ERET], &[]), [(Rule::UnknownMask, 3)]);
    assert_eq!(wrong(&[PRIORITY, OPEN, MASK, WRITE_SPSR, ERET], &[]), [(Rule::UnknownMask, 0)]);
    assert_eq!(wrong(&[OPEN, OPEN_NMIS, MASK_NMIS, MASK, WRITE_SPSR, ERET], &[]), []);
    assert_eq!(
        wrong(&[OPEN, MASK_NMIS, MASK, WRITE_SPSR, OPEN_NMIS, ERET], &[]),
        [(Rule::OpensReturning, 4), (Rule::NotReturning, 5)]
    );
}
