//! How many states and executions a search has is the code's, not the machine's: a second search has as many, and one with
//! two threads, in which another execution is the first to come to a state each time.

use vestibule_model::backend::Backend;
use vestibule_model::event::Events;
use vestibule_model::explore::{Search, explore};
use vestibule_model::family::Family;
use vestibule_model::world::{Limits, Reductions};

/// States, executions, deaths, depth.
fn counted(family: Family, threads: usize) -> (usize, u64, u64, usize) {
    let limits = Limits { events: Events::ALL, budget: Some(4), reductions: Reductions::All };
    let search = Search { limits, hashing: true, threads, first_only: false, shard: None, progress: None };
    let found = explore(Backend::Daif.shipped(family), &search);
    assert!(found.counterexample.is_none(), "{}: {found:?}", family.name());
    (found.states, found.executions, found.deaths, found.deepest)
}

#[test]
fn with_one_thread_and_with_two() {
    for family in Family::ALL {
        let once = counted(family, 1);
        for threads in [1, 2] {
            assert_eq!(counted(family, threads), once, "{}, {threads} threads", family.name());
        }
    }
}
