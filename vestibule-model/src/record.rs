//! One step as a person wants to see it: what, where in the source, and how everything was after it.

use vestibule_arm64::priority;

use crate::backend::Backend;
use crate::cpu::Level;
use crate::op::{Cell, Op, Stack};
use crate::oracle::Answered;
use crate::world::{TASK_NAMES, World};

/// What masks interrupts besides DAIF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Second {
    /// Nothing: `Daif`.
    None,
    /// The priority mask holds back ordinary interrupts, or not.
    Pmr(bool),
    /// ALLINT holds back all, or not.
    AllInt(bool),
}

impl Second {
    fn of(world: &World) -> Second {
        let masks = world.masks();
        match world.design.backend {
            Backend::Daif => Second::None,
            Backend::Pmr => Second::Pmr(u64::from(masks.pmr) < priority::OPEN),
            Backend::AllInt => Second::AllInt(masks.allint),
        }
    }

    /// Its column: what stands above, and a bar while it masks.
    pub fn column(self) -> Option<(&'static str, bool)> {
        match self {
            Second::None => None,
            Second::Pmr(masks) => Some(("PMR", masks)),
            Second::AllInt(masks) => Some(("ALL", masks)),
        }
    }
}

/// A step that was made, and the machine after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What it was.
    pub op: Op,
    /// Which task runs.
    pub task: &'static str,
    /// In how many exceptions it is.
    pub depth: usize,
    /// On which stack.
    pub stack: Stack,
    /// In user mode.
    pub user: bool,
    /// PSTATE.D, A, I, F.
    pub daif: u8,
    /// The second mask, where the backend has one.
    pub second: Second,
    /// Somebody watches.
    pub watching: bool,
    /// What tracing believes of interrupts: 0 off, 1 prepared, 2 on.
    pub belief: u64,
    /// The current task's word.
    pub word: u64,
    /// Who called whom, innermost first, as `file:line`, down to the vector: the code under test and the model's kernel.
    pub path: Vec<String>,
    /// What had come just before.
    pub event: Option<String>,
    /// What was decided since the step before.
    pub decisions: Vec<Answered>,
}

impl Step {
    pub(crate) fn of(world: &mut World, op: Op) -> Step {
        let decided: usize = world.record.iter().flatten().map(|step| step.decisions.len()).sum();
        Step {
            op,
            task: TASK_NAMES[world.current],
            depth: world.depth(),
            stack: world.stack(),
            user: world.cpu.pstate.level == Level::El0,
            daif: world.cpu.pstate.daif,
            second: Second::of(world),
            watching: world.value(Cell::Watching) & 1 != 0,
            belief: world.value(Cell::Belief),
            word: world.value(Cell::Word(world.current)),
            path: path(),
            event: world.note.take(),
            decisions: world.oracle.answered()[decided..].to_vec(),
        }
    }

    /// What came just before, or was chosen by the kernel's code.
    pub fn came(&self) -> Option<&str> {
        let chosen = self.decisions.iter().any(|decision| decision.chosen != 0).then_some("kernel");
        self.event.as_deref().or(chosen)
    }

    /// The line that means most to a reader, and the handler's or hook's that led to it if that is another.
    pub fn place(&self) -> String {
        let mut said: Vec<&str> = Vec::new();
        let meaning = self.path.iter().find(|line| !is_among(line, &ACCESSORS)).or(self.path.first());
        let handler = self.path.iter().find(|line| is_among(line, &HANDLERS) && !is_among(line, &ACCESSORS));
        for line in meaning.into_iter().chain(handler) {
            let name = line.rsplit('/').next().unwrap_or(line);
            if !said.contains(&name) {
                said.push(name);
            }
        }
        said.join(" < ")
    }
}

/// These only pass a register or a word on, or keep somebody else's books.
const ACCESSORS: [&str; 15] = [
    "vestibule/src/cpu.rs",
    "vestibule/src/guard.rs",
    "vestibule/src/hooks.rs",
    "vestibule/src/idle.rs",
    "vestibule/src/irqs.rs",
    "vestibule/src/masks.rs",
    "vestibule/src/port.rs",
    "vestibule/src/tracking.rs",
    "vestibule/src/word.rs",
    "vestibule-arm64/src/frame.rs",
    "vestibule-arm64/src/machine.rs",
    "vestibule-arm64/src/pstate.rs",
    "vestibule-arm64/src/thread.rs",
    "vestibule-arm64/src/entry/forge.rs",
    "vestibule-model/src/corpus/parts.rs",
];

/// Here a reader sees a whole exception at once.
const HANDLERS: [&str; 3] = ["vestibule-arm64/src/el1.rs", "vestibule-arm64/src/el0.rs", "vestibule-model/src/corpus/"];

fn is_among(line: &str, files: &[&str]) -> bool {
    files.iter().any(|file| line.starts_with(file))
}

/// What runs under an exception is another's story: the path ends at its vector, and the vector's own begins with what was
/// interrupted.
fn path() -> Vec<String> {
    let mut path = Vec::new();
    let mut over = false;
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| {
            let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) else { return };
            let file = file.to_string_lossy().replace('\\', "/");
            over |= !path.is_empty() && file.ends_with("vestibule-model/src/vector.rs");
            if let (false, Some(file)) = (over, under_test(&file)) {
                path.push(format!("{file}:{line}"));
            }
        });
        !over
    });
    path
}

/// The path in the repository, of code that a reader wants to see.
fn under_test(file: &str) -> Option<&str> {
    const CODE: [&str; 7] = [
        "vestibule/src/",
        "vestibule-arm64/src/",
        "vestibule-model/src/corpus/",
        "vestibule-model/src/kernel.rs",
        "vestibule-model/src/family.rs",
        "vestibule-model/examples/",
        "vestibule-model/tests/",
    ];
    let at = CODE.iter().filter_map(|path| file.rfind(path)).max()?;
    Some(&file[at..])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A step with everything open, which tests change.
    pub(crate) fn step(op: Op) -> Step {
        Step {
            op,
            task: "A",
            depth: 0,
            stack: Stack::Task,
            user: false,
            daif: 0,
            second: Second::None,
            watching: true,
            belief: 2,
            word: 0,
            path: vec!["vestibule-model/src/family.rs:7".into()],
            event: None,
            decisions: Vec::new(),
        }
    }

    #[test]
    fn the_place_is_what_means_something_and_its_handler() {
        let place = |path: &[&str]| {
            Step { path: path.iter().map(|line| (*line).into()).collect(), ..step(Op::ReadDaif) }.place()
        };
        let word = "vestibule/src/word.rs:144";
        let accounting = "vestibule/src/accounting.rs:139";
        assert_eq!(place(&[word, accounting, "vestibule-arm64/src/el1.rs:39"]), "accounting.rs:139 < el1.rs:39");
        assert_eq!(place(&[word, "vestibule-arm64/src/el1.rs:39"]), "el1.rs:39");
        assert_eq!(place(&["vestibule-arm64/src/frame.rs:47", "vestibule-arm64/src/entry.rs:23"]), "entry.rs:23");
        assert_eq!(place(&[word]), "word.rs:144");
        assert_eq!(place(&[]), "");
    }

    #[test]
    fn only_files_of_the_project_are_shown() {
        assert_eq!(under_test("/any/where/vestibule/src/masks.rs"), Some("vestibule/src/masks.rs"));
        assert_eq!(
            under_test("/any/vestibule/vestibule-model/src/corpus/look.rs"),
            Some("vestibule-model/src/corpus/look.rs")
        );
        for other in
            ["vestibule-model/src/corpus_run.rs", "vestibule-model/src/step.rs", "/rustc/library/core/src/option.rs"]
        {
            assert_eq!(under_test(other), None);
        }
    }
}
