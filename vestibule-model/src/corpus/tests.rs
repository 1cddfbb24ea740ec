//! Every variant of the corpus is rejected, by the constraint that it breaks, and in time.

use std::time::{Duration, Instant};

use super::{reject, variants};
use crate::event::Events;

#[test]
fn every_variant_is_rejected_by_the_constraint_that_it_breaks() {
    let started = Instant::now();
    let mut wrong = Vec::new();
    for variant in variants() {
        let begun = Instant::now();
        let rejected = reject(variant, Events::ALL);
        let found = rejected.map(|rejected| {
            let example = rejected.outcome.counterexample.expect("it is rejected");
            (rejected.family, rejected.limits.budget, example.violation)
        });
        println!("{:26} {:?} {:.2?}", variant.name, found, begun.elapsed());
        match found {
            Some((.., violation)) if variant.expects.contains(&violation.constraint) => {}
            _ => wrong.push((variant.name, variant.expects, found)),
        }
    }
    println!("{} variants, {:.2?}", variants().len(), started.elapsed());
    assert!(wrong.is_empty(), "{wrong:#?}");
    let most = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 10 });
    assert!(started.elapsed() < most, "{:?}", started.elapsed());
}
