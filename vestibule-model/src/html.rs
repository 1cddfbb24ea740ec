//! The same timelines as one HTML page that needs nothing from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::compare::Comparison;
use crate::constraints::rule;
use crate::cpu::{A, D, F, I};
use crate::fold::Row;
use crate::timeline::{Timeline, legend};
use crate::verdict::End;

/// A counterexample, and the shipped sequence with it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What broke.
    pub timeline: Timeline,
    /// What the shipped code does instead.
    pub comparison: Option<Comparison>,
    /// Runs it again.
    pub token: String,
}

/// Of more counterexamples than this, only what a person wants to see.
const WHOLE: usize = 4;

const STYLE: &str = include_str!("html.css");

/// The page: what was explored, as text, and each counterexample.
pub fn page(table: &str, shown: &[Shown]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Vestibule: the model" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Everything that can arrive" }
                @if !table.is_empty() { pre { (table) } }
                @if shown.is_empty() { p { "No constraint was broken." } }
                @for one in shown { (section(one, shown.len() <= WHOLE)) }
                @if !shown.is_empty() { footer { pre { (legend()) } } }
            }
        }
    };
    page.into_string()
}

fn section(shown: &Shown, whole: bool) -> Markup {
    let Shown { timeline, comparison, token } = shown;
    let common = comparison.as_ref().map_or(usize::MAX, |comparison| comparison.common);
    html! {
        section {
            h2 { (timeline.title) }
            @if let Some(about) = &timeline.about { p { (about) } }
            p.token { code { "cargo xtask model replay " (token) } }
            div.both {
                figure {
                    figcaption { "Counterexample" }
                    (table(&timeline.rows, common, timeline.violation().is_some()))
                    (ending(timeline.end))
                    @if whole { (everything(&timeline.all)) }
                }
                @if let Some(comparison) = comparison {
                    figure {
                        figcaption { (comparison.introduction()) }
                        (table(&comparison.rows, common, false))
                        (ending(comparison.end))
                        @if whole { (everything(&comparison.all)) }
                    }
                }
            }
        }
    }
}

fn table(rows: &[Row], common: usize, ends_broken: bool) -> Markup {
    let last = rows.len().wrapping_sub(1);
    html! {
        table {
            thead { tr {
                th { "" } th { "task" } th { "stack" }
                @for mask in ["D", "A", "I", "F"] { th.mask { (mask) } }
                @if let Some((name, _)) = rows.first().and_then(|row| row.second.column()) { th.mask { (name) } }
                th.mask { "RCU" } th { "irqs" } th { "count" } th { "flags" } th { "what" } th { "where" }
            } }
            tbody { @for (number, row) in rows.iter().enumerate() {
                (line(row, row.step > common, ends_broken && number == last))
            } }
        }
    }
}

fn line(row: &Row, own: bool, broken: bool) -> Markup {
    html! {
        tr.own[own].event[row.event.is_some()].broken[broken] {
            td.number { (row.step) }
            td { (row.task) }
            td { (row.stack) }
            @for (bit, name) in [(D, "d"), (A, "a"), (I, "i"), (F, "f")] { td.mask { i.(name).bar[row.daif & bit != 0] {} } }
            @if let Some((_, masks)) = row.second.column() { td.mask { i.p.bar[masks] {} } }
            td.mask { i.w.bar[row.watching] {} }
            td { (row.belief) }
            td { (row.counts) }
            td { (row.flags) }
            td.what style=(format!("padding-left: {}em", 0.5 + row.depth as f32 * 1.2)) {
                (row.what)
                @if let Some(event) = &row.event { " " mark { (event) } }
            }
            td.place title=(row.path.join("\n")) { (row.place) }
        }
    }
}

fn ending(end: Option<End>) -> Markup {
    match end {
        Some(End::Broken(violation)) => html! {
            div.violation {
                strong { "C" (violation.constraint) ": " (violation.what) }
                blockquote { (rule(violation.constraint).unwrap_or_default()) }
            }
        },
        Some(End::Died) => html! { p { "The kernel stops itself, and may." } },
        _ => html! { p.holds { "No constraint is broken." } },
    }
}

fn everything(rows: &[Row]) -> Markup {
    html! {
        details {
            summary { "every step (" (rows.len()) ")" }
            (table(rows, usize::MAX, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Second;

    #[test]
    fn draws_a_bar_for_each_mask() {
        let row = Row {
            step: 1,
            event: None,
            task: "A",
            depth: 1,
            stack: "irq",
            daif: D | I,
            second: Second::None,
            watching: true,
            belief: "off",
            counts: String::new(),
            flags: String::new(),
            what: String::new(),
            place: String::new(),
            path: Vec::new(),
        };
        let page = line(&row, false, false).into_string();
        for (class, drawn) in [("d bar", true), ("a bar", false), ("i bar", true), ("f bar", false), ("w bar", true)] {
            assert_eq!(page.contains(&format!("<i class=\"{class}\">")), drawn, "{class}: {page}");
        }
    }

    #[test]
    fn asks_nothing_of_the_network_and_escapes() {
        let timeline =
            Timeline { title: "a < b & \"c\"".into(), about: None, end: None, rows: Vec::new(), all: Vec::new() };
        let page = page("x < y", &[Shown { timeline, comparison: None, token: "ABC".into() }]);
        assert!(page.contains("a &lt; b &amp; &quot;c&quot;") && page.contains("x &lt; y"));
        for outside in ["http:", "https:", "src=", "@import", "url(", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
