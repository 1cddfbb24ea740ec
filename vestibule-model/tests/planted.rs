//! A planted bug, from the search to what a person reads, pastes and merges.

use vestibule_arm64::{Frame, Hardware, entry};
use vestibule_model::backend::Backend;
use vestibule_model::compare::compare;
use vestibule_model::design::Design;
use vestibule_model::event::{Event, Events};
use vestibule_model::explore::{Counterexample, Search, explore, replay};
use vestibule_model::family::Family;
use vestibule_model::hardware::Simulated;
use vestibule_model::kernel::{Everything, PortOf};
use vestibule_model::timeline::Timeline;
use vestibule_model::token::Token;
use vestibule_model::verdict::End;
use vestibule_model::world::{Limits, Reductions};

const FAMILY: Family = Family::IrqsOff;
const LIMITS: Limits = Limits { events: Events::ALL, budget: Some(2), reductions: Reductions::All };

/// The shipped handler, and then debug exceptions open although the return state is in place.
unsafe extern "C" fn opens_at_the_end(frame: &mut Frame) {
    // SAFETY: as the vectors call it.
    unsafe { entry::el1_serror::<PortOf<Everything>>(frame) };
    // SAFETY: of the simulated CPU only; what follows from it is what the model is to find.
    unsafe { Simulated::daif_clear::<8>() };
}

fn shipped() -> Design {
    Design::of::<PortOf<Everything>>(FAMILY)
}

fn planted() -> Design {
    let mut design = shipped();
    design.el1[3] = opens_at_the_end;
    design
}

fn search(events: Events) -> Option<Counterexample> {
    let limits = Limits { events, ..LIMITS };
    let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
    explore(planted(), &search).counterexample
}

#[test]
fn is_found_with_its_one_event_and_not_without() {
    let example = search(Events::ALL).expect("it is found");
    assert_eq!((example.violation.constraint, example.events), (41, 1));
    assert!(search(Events::ALL.without(Event::Error)).is_none());
}

#[test]
fn is_told_in_few_lines_beside_the_shipped_sequence() {
    let example = search(Events::ALL).expect("it is found");
    let timeline = Timeline::of("planted".into(), planted(), LIMITS, &example.decisions);
    let comparison = compare(planted(), shipped(), LIMITS, &example.decisions);
    let text = format!("{timeline}\n{comparison}");
    assert!(text.lines().count() < 80, "{text}");
    for said in ["[serror]", "el1.rs:", "✗ C41: opens after the return state", "Between the last mask and ERET"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let last = timeline.rows.last().expect("there are lines");
    assert_eq!((last.what.as_str(), last.place.split(':').next()), ("DAIFClr D", Some("planted.rs")));
    // The shipped sequence gets as far, and returns.
    assert_eq!(comparison.common + 1, last.step);
    assert_eq!(comparison.rows.first().map(|row| row.what.as_str()), Some("ERET"));
    assert_eq!((comparison.end, comparison.missing.len()), (Some(End::Done), 0));
}

#[test]
fn comes_back_from_its_token() {
    let example = search(Events::ALL).expect("it is found");
    let text = Token::of("planted", (Backend::Daif, FAMILY), LIMITS, &example).to_string();
    let token: Token = text.parse().expect("it was printed");
    let limits = Limits { events: token.events, budget: None, reductions: token.reductions };
    let (end, _) = replay(planted(), limits, &token.decisions);
    assert_eq!(end, Some(End::Broken(example.violation)));
    assert_eq!((token.variant.as_str(), token.family.as_str(), token.constraint), ("planted", FAMILY.name(), 41));
}
