//! `docs/classes.md` is the table of classes, rendered. After a change of the table,
//! `UPDATE_EXPECT=1 cargo test -p vestibule-arm64 --test table` writes it anew.

use expect_test::expect_file;
use std::fmt::Write;
use vestibule::{Counts, Level, Row};
use vestibule_arm64::classes::TABLE;

const ABOUT: &str = "\
# Classes of exceptions

One row for each class that the arm64 port handles. Rendered from `vestibule_arm64::classes::TABLE`, which the compiler
checks the handlers against; do not edit it here. After a change there,
`UPDATE_EXPECT=1 cargo test -p vestibule-arm64 --test table` writes this page anew.

- **from**: the exception level that was interrupted.
- **body runs in**: the context that the handler opens for the body; *inherited* is exactly what was interrupted, and
  with two, the second follows the first.
- **counts as**: how entry and exit account for it.
- **before the return**: what the exit prepares, with everything masked unless there is something to do.

";

#[test]
fn docs_have_the_table() {
    expect_file!["../../docs/classes.md"].assert_eq(&page());
}

#[test]
fn names_are_unique() {
    for (index, row) in TABLE.iter().enumerate() {
        assert!(TABLE[..index].iter().all(|other| other.name != row.name), "{} is there twice", row.name);
    }
}

/// C35: what may come in the middle of anything, or counts as if, never prepares.
#[test]
fn nmi_like_and_debug_prepare_nothing() {
    for row in TABLE {
        let prepares = !matches!(row.counts, Counts::NmiLike | Counts::Nmi | Counts::Debug);
        assert_eq!(row.prepares, prepares, "{}", row.name);
    }
}

/// What is inherited comes from the kernel and may preempt; what comes from user mode has a context of its own (C6, C7).
#[test]
fn only_the_kernel_is_inherited_from() {
    for row in TABLE {
        let inherits = row.body.contains(&None);
        assert_eq!(from(row), if is_users(row.counts) { "EL0" } else { "EL1" }, "{}", row.name);
        assert!(!inherits || row.counts == Counts::Regular, "{}", row.name);
    }
}

fn page() -> String {
    let header = ["class", "from", "body runs in", "counts as", "before the return"].map(String::from);
    let rows: Vec<[String; 5]> = TABLE.iter().map(cells).collect();
    let width = |column: usize| rows.iter().chain([&header]).map(|row| row[column].len()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut page = String::from(ABOUT);
    line(&mut page, &header, &widths);
    line(&mut page, &widths.map(|width| "-".repeat(width)), &widths);
    for row in &rows {
        line(&mut page, row, &widths);
    }
    page
}

fn line(page: &mut String, row: &[String; 5], widths: &[usize; 5]) {
    for (cell, width) in row.iter().zip(widths) {
        write!(page, "| {cell:width$} ").expect("a String takes any text");
    }
    page.push_str("|\n");
}

fn cells(row: &Row) -> [String; 5] {
    let body: Vec<&str> = row.body.iter().map(|level| level.map_or("inherited", context)).collect();
    [format!("`{}`", row.name), from(row).into(), body.join(", then "), counts(row.counts).into(), prepares(row).into()]
}

fn from(row: &Row) -> &'static str {
    if row.name.starts_with("el0_") { "EL0" } else { "EL1" }
}

fn is_users(counts: Counts) -> bool {
    matches!(counts, Counts::Syscall | Counts::User)
}

fn context(level: Level) -> &'static str {
    match level {
        Level::Process => "Process",
        Level::NoIrq => "NoIrq",
        Level::NoNmi => "NoNmi",
        Level::Error => "Error",
        Level::Critical => "Critical",
    }
}

fn counts(counts: Counts) -> &'static str {
    match counts {
        Counts::Regular => "Regular",
        Counts::Syscall => "Syscall",
        Counts::User => "User",
        Counts::NmiLike => "NmiLike",
        Counts::Nmi => "Nmi",
        Counts::Debug => "Debug",
    }
}

fn prepares(row: &Row) -> &'static str {
    match (row.prepares, is_users(row.counts)) {
        (true, true) => "work loop",
        (true, false) => "preemption, if interrupts were on",
        (false, _) => "nothing",
    }
}
