//! Known bugs: each has to be rejected, by the constraint that it breaks.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{NO_VARIANTS, Options, as_text, events, say, show, write};
use crate::corpus::{MOST_EVENTS, Rejected, Variant, depends_on, reject};
use crate::event::Event;
use crate::explore::Search;
use crate::html::{Shown, page};
use crate::report::{Asked, Broken, FORMAT, Report, Run, Searched, add};
use crate::summary;
use crate::world::Reductions;

/// What a variant came to.
struct Verdict {
    variant: &'static Variant,
    rejected: Option<Rejected>,
    /// The events without which it passes, if that was asked.
    needs: Option<Vec<Event>>,
    time: Duration,
}

/// Looks for the shortest counterexample of each; `false` unless all are rejected as expected.
pub(crate) fn run(chosen: &[&'static Variant], options: &Options) -> Result<bool> {
    ensure!(!chosen.is_empty(), NO_VARIANTS);
    let started = Instant::now();
    let verdicts = judge(chosen, options);
    let took = started.elapsed();
    let shown = verdicts.iter().filter_map(|verdict| verdict.shown().transpose()).collect::<Result<Vec<_>>>()?;
    let table = table(&verdicts, took);
    say(&table)?;
    let report = report(&verdicts, &shown, options);
    if options.checks {
        say(&summary::checks(&checks(&report)))?;
    }
    // Of one variant everything, of many the table.
    for example in shown.iter().filter(|_| chosen.len() == 1) {
        say(&format!("\n{}", as_text(example)))?;
    }
    if let Some(file) = &options.json {
        write(file, &report.to_json())?;
    }
    if let Some(file) = &options.html {
        write(file, &page(&table, &shown))?;
    }
    Ok(verdicts.iter().all(Verdict::is_expected))
}

/// One variant at a time on each thread, so that what is found does not depend on who is faster.
fn judge(chosen: &[&'static Variant], options: &Options) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    let style = ProgressStyle::with_template("{pos}/{len} variants {wide_bar}").expect("the template is a constant");
    let bar = ProgressBar::new(chosen.len() as u64).with_style(style);
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                while let Some(variant) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = Verdict::of(variant, options);
                    verdicts.lock().expect("nobody panics with it").push(verdict);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut verdicts = verdicts.into_inner().expect("nobody panics with it");
    verdicts.sort_by_key(|verdict| chosen.iter().position(|variant| variant.name == verdict.variant.name));
    verdicts
}

impl Verdict {
    fn of(variant: &'static Variant, options: &Options) -> Verdict {
        let started = Instant::now();
        let rejected = if options.family.is_empty() {
            reject(variant, events(options))
        } else {
            let families = options.family.clone().leak();
            reject(&Variant { families, ..*variant }, events(options))
        };
        let time = started.elapsed();
        let needs = options.depends.then(|| depends_on(variant));
        Verdict { variant, rejected, needs, time }
    }

    fn is_expected(&self) -> bool {
        let example = self.rejected.as_ref().and_then(|rejected| rejected.outcome.counterexample.as_ref());
        example.is_some_and(|example| self.variant.expects.contains(&example.violation.constraint))
    }

    fn shown(&self) -> Result<Option<Shown>> {
        let Some(Rejected { family, limits, outcome }) = &self.rejected else { return Ok(None) };
        let Some(example) = &outcome.counterexample else { return Ok(None) };
        let mut shown = show(self.variant.name, (self.variant.backend(), *family), *limits, example)?;
        let Variant { change, origin, .. } = self.variant;
        shown.timeline.about = Some(format!("{change} ({origin})"));
        Ok(Some(shown))
    }

    fn line(&self, width: usize) -> String {
        let expects: Vec<_> = self.variant.expects.iter().map(|constraint| format!("C{constraint}")).collect();
        let example =
            self.rejected.as_ref().and_then(|rejected| Some((rejected, rejected.outcome.counterexample.as_ref()?)));
        let found = match example {
            None => format!("NOT REJECTED within {MOST_EVENTS} events, expected {}", expects.join(" or ")),
            Some((rejected, example)) => {
                let constraint = format!("C{}", example.violation.constraint);
                let as_expected =
                    if self.is_expected() { String::new() } else { format!(" NOT {}", expects.join(" or ")) };
                let backend = self.variant.backend().name();
                let (family, events, steps) = (rejected.family.name(), example.events, example.steps);
                format!("{constraint:<5} {backend:<7} {family:<11} {events:>6} {steps:>5}{as_expected}")
            }
        };
        let needs = self.needs.as_ref().map(|needs| match needs.as_slice() {
            [] => "  needs nothing in particular".into(),
            needs => format!("  needs {}", needs.iter().map(|event| event.name()).collect::<Vec<_>>().join(", ")),
        });
        format!("{:<width$} {:>7.3}s  {found}{}", self.variant.name, self.time.as_secs_f64(), needs.unwrap_or_default())
    }
}

fn table(verdicts: &[Verdict], took: Duration) -> String {
    let width = verdicts.iter().map(|verdict| verdict.variant.name.len()).max().unwrap_or(0).max("variant".len());
    let heading = format!(
        "{:<width$} {:>8}  {:<5} {:<7} {:<11} {:>6} {:>5}",
        "variant", "time", "by", "backend", "family", "events", "steps"
    );
    let expected = verdicts.iter().filter(|verdict| verdict.is_expected()).count();
    let sum = format!("{expected} of {} rejected as expected, {:.2} s", verdicts.len(), took.as_secs_f64());
    let lines = verdicts.iter().map(|verdict| verdict.line(width));
    std::iter::once(heading).chain(lines).chain([sum]).map(|line| line + "\n").collect()
}

fn report(verdicts: &[Verdict], shown: &[Shown], options: &Options) -> Report {
    let rejected = verdicts.iter().filter_map(|verdict| Some((verdict, verdict.rejected.as_ref()?)));
    let runs = rejected.zip(shown).filter_map(|((verdict, rejected), shown)| {
        let Rejected { family, limits, outcome } = rejected;
        let searched = Searched {
            variant: verdict.variant.name.into(),
            backend: verdict.variant.backend().name().into(),
            family: family.name().into(),
            bound: limits.budget,
            hashing: true,
            every_step: limits.reductions == Reductions::None,
            lifted: None,
            without: options.without.iter().map(|event| event.name().into()).collect(),
        };
        let limits = *limits;
        let search = Search { limits, hashing: true, threads: 1, first_only: true, shard: None, progress: None };
        let broken = Broken::of(outcome.counterexample.as_ref()?, &shown.token);
        Some(Run::of(searched, &search, outcome, Some(broken)))
    });
    Report { format: FORMAT, shard: None, runs: runs.collect() }
}

fn checks(report: &Report) -> BTreeMap<u16, Asked> {
    let mut checks = BTreeMap::new();
    report.runs.iter().for_each(|run| add(&mut checks, &run.checks));
    checks
}
