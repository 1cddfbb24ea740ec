//! The shipped code, family by family.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::backend::Backend;
use crate::cli::{Options, as_text, events, say, show, write};
use crate::explore::{Search, explore};
use crate::family::Family;
use crate::html::{Shown, page};
use crate::report::{Broken, FORMAT, Report, Run, Searched};
use crate::summary;
use crate::token::SHIPPED;
use crate::world::{Bound, Limits, Reductions};

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);

/// Explores what the options say; `false` if anything broke.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut report = Report { format: FORMAT, shard: options.shard, runs: Vec::new() };
    let mut shown = Vec::new();
    say(&format!("{}\n", summary::heading()))?;
    for reductions in all_reductions(options) {
        let lifted = lifted(reductions);
        if let Some(bound) = lifted {
            say(&format!("{}: {}\n", bound.name(), bound.lifted()))?;
        }
        let concerned = |family: &Family| lifted.is_none_or(|bound| bound.is_of(*family));
        for (backend, family) in searched(options).filter(|(_, family)| concerned(family)) {
            let (run, example) = search(backend, family, reductions, options)?;
            say(&format!("{}\n", summary::row(&run)))?;
            report.runs.push(run);
            shown.extend(example);
        }
    }
    say(&format!("{}\n", summary::sum(&report)))?;
    if options.checks {
        say(&summary::checks(&summary::all_checks(&report)))?;
    }
    for example in &shown {
        say(&format!("\n{}", as_text(example)))?;
    }
    if let Some(file) = &options.json {
        write(file, &report.to_json())?;
    }
    if let Some(file) = &options.html {
        write(file, &page(&summary::table(&report), &shown))?;
    }
    Ok(shown.is_empty())
}

fn searched(options: &Options) -> impl Iterator<Item = (Backend, Family)> {
    let families =
        Family::ALL.into_iter().filter(|family| options.family.is_empty() || options.family.contains(family));
    options.backend.0.iter().flat_map(move |backend| families.clone().map(|family| (*backend, family)))
}

/// With what is left out everything is searched, one after the other.
fn all_reductions(options: &Options) -> Vec<Reductions> {
    match options {
        _ if options.no_hash || options.every_step => vec![Reductions::None],
        _ if options.full => Bound::IN_FULL.map(Reductions::AllBut).into(),
        Options { lift: Some(bound), .. } => vec![Reductions::AllBut(*bound)],
        _ => vec![Reductions::All],
    }
}

fn lifted(reductions: Reductions) -> Option<Bound> {
    if let Reductions::AllBut(bound) = reductions { Some(bound) } else { None }
}

fn search(backend: Backend, family: Family, reductions: Reductions, options: &Options) -> Result<(Run, Option<Shown>)> {
    let limits = Limits { events: events(options), budget: options.events, reductions };
    let search = Search {
        limits,
        hashing: !options.no_hash,
        threads: options.threads,
        first_only: true,
        shard: options.shard.map(|shard| (shard.part - 1, shard.of)),
        progress: Some(&EXECUTIONS),
    };
    EXECUTIONS.store(0, Ordering::Relaxed);
    let spinner = spinner(family);
    let outcome = explore(backend.shipped(family), &search);
    spinner.finish_and_clear();
    let example = outcome.counterexample.as_ref();
    let shown = example.map(|example| show(SHIPPED, (backend, family), limits, example)).transpose()?;
    let searched = Searched {
        variant: SHIPPED.into(),
        backend: backend.name().into(),
        family: family.name().into(),
        bound: options.events,
        hashing: search.hashing,
        every_step: reductions == Reductions::None,
        lifted: lifted(reductions).map(|bound| bound.name().into()),
        without: options.without.iter().map(|event| event.name().into()).collect(),
    };
    let broken = example.zip(shown.as_ref()).map(|(example, shown)| Broken::of(example, &shown.token));
    Ok((Run::of(searched, &search, &outcome, broken), shown))
}

/// Turns on a terminal while a family is explored.
fn spinner(family: Family) -> ProgressBar {
    let executions = |_: &ProgressState, text: &mut dyn std::fmt::Write| {
        let _ = write!(text, "{}", EXECUTIONS.load(Ordering::Relaxed));
    };
    let template = format!("{{spinner}} {} {{elapsed}}, {{executions}} executions", family.name());
    let style = ProgressStyle::with_template(&template).expect("families' names have no braces");
    let spinner = ProgressBar::new_spinner().with_style(style.with_key("executions", executions));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
