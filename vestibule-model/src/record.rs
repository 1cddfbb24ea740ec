//! One step as a person wants to see it: what, where in the source, and how everything was after it.

use crate::cpu::Level;
use crate::op::{Cell, Op, Stack};
use crate::world::{TASK_NAMES, World};

/// A step that was made.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Step {
    /// Which task ran.
    pub task: &'static str,
    /// In how many exceptions it was.
    pub depth: usize,
    /// On which stack.
    pub stack: char,
    /// In user mode.
    pub user: bool,
    /// PSTATE.D, A, I, F.
    pub daif: u8,
    /// Somebody watches.
    pub watching: bool,
    /// What tracing believes of interrupts: 0 off, 1 prepared, 2 on.
    pub belief: u64,
    /// The current task's word.
    pub word: u64,
    /// What was done.
    pub what: String,
    /// Where in the source: file and line.
    pub place: String,
    /// What had come just before.
    pub event: Option<String>,
}

impl Step {
    pub(crate) fn of(world: &mut World, op: Op) -> Step {
        Step {
            task: TASK_NAMES[world.current],
            depth: world.depth(),
            stack: match world.stack() {
                Stack::Task => 't',
                Stack::Irq => 'i',
                Stack::Overflow => 'o',
            },
            user: world.cpu.pstate.level == Level::El0,
            daif: world.cpu.pstate.daif,
            watching: world.value(Cell::Watching) & 1 != 0,
            belief: world.value(Cell::Belief),
            word: world.value(Cell::Word(world.current)),
            what: op.to_string(),
            place: place(),
            event: world.note.take(),
        }
    }
}

/// The innermost line of the code under test, or of the model's kernel, that led here.
fn place() -> String {
    let mut found = String::new();
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| {
            if !found.is_empty() {
                return;
            }
            let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) else { return };
            let file = file.to_string_lossy().replace('\\', "/");
            if let Some(path) = within_project(&file) {
                found = format!("{path}:{line}");
            }
        });
        found.is_empty()
    });
    found
}

/// The path in the repository of code that a reader wants to see.
fn within_project(file: &str) -> Option<&str> {
    let under =
        ["vestibule/src/", "vestibule-arm64/src/", "vestibule-model/src/corpus", "vestibule-model/src/kernel.rs"];
    let machinery = ["vestibule/src/port.rs", "vestibule/src/word.rs"];
    let at = under.iter().filter_map(|path| file.rfind(path)).max()?;
    let path = &file[at..];
    (!machinery.contains(&path)).then_some(path)
}
