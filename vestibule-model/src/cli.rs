//! The command line of the model.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};

use crate::backend::Backend;
use crate::compare::compare;
use crate::corpus::{Variant, comparison, variants};
use crate::design::Design;
use crate::event::{Event, Events};
use crate::explore::Counterexample;
use crate::family::Family;
use crate::html::{Shown, page};
use crate::report::{Report, Shard};
use crate::timeline::{Timeline, legend};
use crate::token::{SHIPPED, Token};
use crate::verdict::End;
use crate::world::{Bound, Limits};
use crate::{corpus_run, shipped_run, summary};

/// Explores everything that can arrive at every step of the shipped entry and exit code.
#[derive(Parser)]
#[command(name = "cargo xtask model", bin_name = "cargo xtask model", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Print the timeline of a counterexample again
    Replay {
        /// As printed below the counterexample
        token: String,
        /// Write it as a page, too
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Put the reports of all shards together
    Merge {
        /// What `--shard i/n --json FILE` wrote
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Write the whole, too
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

/// What to explore, and how.
#[derive(clap::Args)]
pub struct Options {
    /// Only this family; can be given again
    #[arg(long, value_enum)]
    pub family: Vec<Family>,
    /// On which backend: daif, pmr, allint, or all. A variant has its own
    #[arg(long, value_name = "BACKEND", value_parser = backends, default_value = "all")]
    pub backend: Backends,
    /// A known bug in place of the shipped code: it has to be rejected
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Every known bug
    #[arg(long, conflicts_with = "variant")]
    pub all_variants: bool,
    /// The designs that were weighed against the shipped one, compared
    #[arg(long, conflicts_with_all = ["variant", "all_variants"])]
    pub alternatives: bool,
    /// With variants: which events each verdict depends on
    #[arg(long)]
    pub depends: bool,
    /// No more than so many events in one execution
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["variant", "all_variants"])]
    pub events: Option<u32>,
    /// Go on from states that were seen before, too; with --events
    #[arg(long, requires = "events")]
    pub no_hash: bool,
    /// Also what is left out because another family or another backend is about it: each of these bounds but the last lifted, one at a time
    #[arg(long, conflicts_with_all = ["variant", "all_variants", "every_step", "no_hash", "lift"])]
    pub full: bool,
    /// Without this one bound
    #[arg(long, value_name = "BOUND", value_enum, conflicts_with_all = ["variant", "all_variants", "every_step", "no_hash"])]
    pub lift: Option<Bound>,
    /// Events also after steps where they make no difference; without hashing it is so anyway
    #[arg(long)]
    pub every_step: bool,
    /// An event that does not come; can be given again
    #[arg(long, value_name = "EVENT", value_parser = event)]
    pub without: Vec<Event>,
    /// Threads
    #[arg(long, value_name = "NUMBER", default_value_t = cores())]
    pub threads: usize,
    /// One part of the search, of so many: 1/4, 2/4, …
    #[arg(long, value_name = "PART/OF", value_parser = shard, conflicts_with_all = ["variant", "all_variants"])]
    pub shard: Option<Shard>,
    /// How often each constraint was asked about, and how often it did not hold
    #[arg(long)]
    pub checks: bool,
    /// Write what it came to as data
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write what it came to, with every counterexample, as a page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What `--backend` names.
#[derive(Clone, Copy)]
pub struct Backends(pub &'static [Backend]);

fn backends(name: &str) -> Result<Backends, String> {
    let names = || Backend::ALL.map(Backend::name).join(", ");
    Backend::named(name).map(Backends).ok_or_else(|| format!("backends are: {}, all", names()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn event(name: &str) -> Result<Event, String> {
    let names = || Event::ALL.map(Event::name).join(", ");
    Event::ALL.into_iter().find(|event| event.name() == name).ok_or_else(|| format!("events are: {}", names()))
}

fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if (1..=of).contains(&part) => Ok(Shard { part, of }),
        _ => Err("a shard is a part and how many there are: 1/4 to 4/4".into()),
    }
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Command::Replay { token, html }) => replay(token, html.as_ref()),
        Some(Command::Merge { files, json }) => merge(files, json.as_ref()),
        None if arguments.options.all_variants => {
            corpus_run::run(&variants().iter().collect::<Vec<_>>(), &arguments.options)
        }
        None => explore(&arguments.options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("model: error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn explore(options: &Options) -> Result<bool> {
    match &options.variant {
        _ if options.alternatives => {
            ensure!(!variants().is_empty(), NO_VARIANTS);
            say(&comparison()).map(|()| true)
        }
        Some(name) => corpus_run::run(&[variant(name)?], options),
        None => shipped_run::run(options),
    }
}

pub(crate) const NO_VARIANTS: &str = "this build has no variants: they need --cfg vestibule_forge";

/// The variant of that name.
fn variant(name: &str) -> Result<&'static Variant> {
    ensure!(!variants().is_empty(), NO_VARIANTS);
    let names = || variants().iter().map(|variant| variant.name).collect::<Vec<_>>().join(", ");
    let found = variants().iter().find(|variant| variant.name == name);
    found.with_context(|| format!("there is no variant {name:?}; there are: {}", names()))
}

fn design(name: &str, backend: Backend, family: Family) -> Result<Design> {
    if name == SHIPPED { Ok(backend.shipped(family)) } else { Ok((variant(name)?.design)(family)) }
}

/// The events that come.
pub(crate) fn events(options: &Options) -> Events {
    options.without.iter().fold(Events::ALL, |events, event| events.without(*event))
}

/// Everything there is to show of a counterexample.
pub(crate) fn show(
    name: &str,
    (backend, family): (Backend, Family),
    limits: Limits,
    example: &Counterexample,
) -> Result<Shown> {
    let token = Token::of(name, (backend, family), limits, example);
    let design = design(name, backend, family)?;
    let (constraint, events, steps) = (example.violation.constraint, example.events, example.steps);
    let (backend, of) = (backend.name(), family.name());
    let title = format!("{name}, {backend}, family {of}: C{constraint} after {events} events and {steps} steps");
    let timeline = Timeline::of(title, design, limits, &example.decisions);
    let comparison =
        (name != SHIPPED).then(|| compare(design, design.backend.shipped(family), limits, &example.decisions));
    Ok(Shown { timeline, comparison, token: token.to_string() })
}

/// It, as text.
pub(crate) fn as_text(shown: &Shown) -> String {
    let Shown { timeline, comparison, token } = shown;
    let comparison = comparison.as_ref().map(|comparison| format!("{comparison}\n")).unwrap_or_default();
    format!("{timeline}\n{comparison}{}\nagain: cargo xtask model replay {token}\n", legend())
}

fn replay(token: &str, html: Option<&PathBuf>) -> Result<bool> {
    let token: Token = token.parse()?;
    let family = Family::ALL.into_iter().find(|family| family.name() == token.family);
    let family = family.with_context(|| format!("the token's family {:?} does not exist (any more)", token.family))?;
    let backend = Backend::ALL.into_iter().find(|backend| backend.name() == token.backend);
    let backend =
        backend.with_context(|| format!("the token's backend {:?} does not exist (any more)", token.backend))?;
    let design = design(&token.variant, backend, family).context("the token's design")?;
    let limits = Limits { events: token.events, budget: None, reductions: token.reductions };
    let (end, steps) = crate::explore::replay(design, limits, &token.decisions);
    check_fits(&token, &steps)?;
    let Some(End::Broken(violation)) = end else {
        bail!("the token's execution broke C{} when it was printed, and breaks nothing now", token.constraint);
    };
    let events = token.decisions.len();
    let example = Counterexample { violation, decisions: token.decisions.clone(), events, steps: steps.len() as u64 };
    let shown = show(&token.variant, (backend, family), limits, &example)?;
    say(&as_text(&shown))?;
    if let Some(file) = html {
        write(file, &page("", &[shown]))?;
    }
    if violation.constraint != token.constraint {
        bail!("when the token was printed this broke C{}, now C{}", token.constraint, violation.constraint);
    }
    Ok(true)
}

/// Every decision must have been asked for, and as it was.
fn check_fits(token: &Token, steps: &[crate::record::Step]) -> Result<()> {
    let answered: Vec<_> = steps.iter().flat_map(|step| &step.decisions).collect();
    for choice in &token.decisions {
        let position = choice.position;
        match answered.get(position as usize) {
            Some(answer) if answer.chosen == choice.chosen => {}
            Some(answer) => bail!(
                "the token is another version's: at question {position} it takes answer {}, and there are {}",
                choice.chosen,
                answer.of
            ),
            None => bail!("the token is another version's: it answers question {position}, which is not asked"),
        }
    }
    Ok(())
}

fn merge(files: &[PathBuf], json: Option<&PathBuf>) -> Result<bool> {
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Report::from_json(&text).with_context(|| format!("{}", file.display()))
    };
    let whole = Report::merge(files.iter().map(read).collect::<Result<_>>()?)?;
    say(&summary::table(&whole))?;
    for broken in whole.runs.iter().filter_map(|run| run.broken.as_ref()) {
        say(&format!("C{}: cargo xtask model replay {}\n", broken.constraint, broken.token))?;
    }
    if let Some(file) = json {
        write(file, &whole.to_json())?;
    }
    Ok(whole.runs.iter().all(|run| run.broken.is_none()))
}

/// Writes a file, or says which could not be written.
pub(crate) fn write(file: &PathBuf, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Prints; a reader who has seen enough is no error.
pub(crate) fn say(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => result.context("cannot print"),
    }
}
