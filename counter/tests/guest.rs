//! What the plugin reports of the guest in `guest/` is what was counted by hand there.
//!
//! `guest/expected.json` is the report of a run, byte for byte. This test holds it against the hand-counted numbers; to
//! hold the plugin against it, QEMU must boot the guest: see the head of `guest/guest.rs`.

use vestibule_counter::report::{Cause, Class, Counts, Events, Kind, Measures, Origin, Report, Row, Spread};

const REPORT: &str = include_str!("guest/expected.json");

/// The measures of a path in their order: instructions, writes of DAIF, of the priority mask and of ALLINT, barriers, loads, stores.
type Path = [u64; 7];

const SYNCHRONOUS_ENTRY: Path = [17, 2, 0, 0, 0, 3, 3];
const INTERRUPT_ENTRY: Path = [17, 1, 0, 0, 0, 3, 3];
const FAULT: Path = [25, 2, 0, 0, 0, 4, 4];
const INTERRUPT: Path = [24, 1, 0, 0, 1, 3, 4];

fn report() -> Report {
    serde_json::from_str(REPORT).expect("the report is what its types say")
}

fn synchronous(from: Origin, cause: Cause) -> Class {
    Class { from, kind: Kind::Sync, cause: Some(cause), system_call: None }
}

fn call(number: u64) -> Class {
    Class { system_call: Some(number), ..synchronous(Origin::El0_64, Cause::Svc64) }
}

fn interrupt(from: Origin) -> Class {
    Class { from, kind: Kind::Irq, cause: None, system_call: None }
}

fn row(phase: u8, class: Class) -> Row {
    let report = report();
    report.phases.into_iter().find(|row| (row.phase, row.class) == (Some(phase), class)).expect("the row is there")
}

fn all<T>(measures: Measures<T>) -> [T; 7] {
    let Measures { instructions, daif_writes, pmr_writes, allint_writes, barriers, loads, stores } = measures;
    [instructions, daif_writes, pmr_writes, allint_writes, barriers, loads, stores]
}

fn spread<T>(measures: Measures<Spread>, value: impl Fn(Spread) -> T) -> [T; 7] {
    all(measures).map(value)
}

/// All events of the row are clean, and each takes exactly these counts.
fn assert_all(row: Row, count: u64, total: Path, entry_text: Path) {
    assert_eq!(row.events, Events { count, ..Events::default() }, "{}", row.class);
    let Counts { total: seen, entry_text: seen_in_entry_text } = row.clean.expect("there are clean events");
    for (seen, expected) in [(seen, total), (seen_in_entry_text, entry_text)] {
        let expected = expected.map(|value| (value, value, value));
        assert_eq!(spread(seen, |spread| (spread.min, spread.median, spread.max)), expected, "{}", row.class);
    }
}

/// All events of the class in the whole run are disturbed, and each takes exactly these counts.
fn assert_disturbed(class: Class, disturbed: u64, total: Path) {
    let report = report();
    let sum = report.whole_run.iter().find(|sum| sum.class == class).expect("the class is there");
    assert_eq!(sum.events, Events { disturbed, ..Events::default() }, "{class}");
    let seen = all(sum.sum.total);
    assert_eq!(seen, total.map(|value| value * disturbed), "{class}");
}

#[test]
fn clean_calls() {
    assert_all(row(0, call(0)), 3, [35, 2, 1, 0, 3, 6, 4], SYNCHRONOUS_ENTRY);
    let loops = row(1, call(1)).clean.expect("there are clean events");
    assert_eq!(loops.total.instructions, Spread { min: 29, median: 29, max: 47 }); // 47, 29, 31, 29: the lower middle one
    assert_eq!(loops.entry_text.instructions, Spread { min: 17, median: 17, max: 17 });
}

#[test]
fn exceptions_inside_calls() {
    assert_all(row(2, synchronous(Origin::El1h, Cause::Brk)), 2, FAULT, SYNCHRONOUS_ENTRY);
    assert_all(row(3, synchronous(Origin::El1h, Cause::DataAbortCurrent)), 2, FAULT, SYNCHRONOUS_ENTRY);
    assert_all(row(4, interrupt(Origin::El1h)), 2, INTERRUPT, INTERRUPT_ENTRY);
    assert_disturbed(call(2), 2, [28, 2, 0, 0, 0, 4, 3]);
    assert_disturbed(call(3), 2, [29, 2, 0, 0, 0, 5, 3]);
    assert_disturbed(call(4), 2, [34, 4, 0, 0, 0, 4, 3]);
}

#[test]
fn exceptions_from_programs() {
    assert_all(row(5, interrupt(Origin::El0_64)), 1, INTERRUPT, INTERRUPT_ENTRY);
    for cause in [Cause::Brk, Cause::DataAbortLower, Cause::Unknown] {
        assert_all(row(6, synchronous(Origin::El0_64, cause)), 1, FAULT, SYNCHRONOUS_ENTRY);
    }
}

#[test]
fn task_switches_are_dropped_and_reported() {
    let to_thread = row(7, call(5));
    assert_eq!(to_thread.events, Events { switched: 2, ..Events::default() });
    let to_program = row(8, call(5));
    assert_eq!(to_program.events, Events { switched: 7, unfinished: 1, ..Events::default() });
    assert_eq!((to_thread.clean, to_program.clean), (None, None));
    assert_eq!(report().unmatched_returns, 2); // the machine's start and the second program's
}

#[test]
fn nothing_else_happened() {
    let report = report();
    assert_eq!(report.phases.len(), 15);
    let (last, others) = report.phases.split_first().expect("there are rows");
    assert_eq!((last.phase, last.class), (None, call(93)));
    assert_eq!(last.events, Events { unfinished: 1, ..Events::default() });
    assert!(others.iter().all(|row| row.phase.is_some()));
}
