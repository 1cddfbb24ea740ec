//! What happened, as text: one line a step, indented by how many exceptions it happened in,
//! counted from the outermost line that is shown.

use std::fmt::Write;
use vestibule::{Broken, Word};

/// How much of a step a reader wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes something: masks, stacks, counts, tracking; or the kernel runs.
    Change,
    /// Reads, or moves the interrupted code's state about.
    Access,
    /// Loads the task's pointer to its CPU, on the way to one of the CPU's words. A step like any other, and not shown.
    Pointer,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// In how many exceptions.
    pub depth: usize,
    /// In which: the first that was taken is 1, and 0 is the code outside all of them.
    pub exception: usize,
    /// What it is.
    pub kind: Kind,
    /// What.
    pub text: String,
}

/// All that happened between `record` and the scenario's end.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub steps: Vec<Step>,
    /// Rules that the library saw broken.
    pub broken: Vec<Broken>,
    /// What the hardware requires and did not get.
    pub misused: Vec<String>,
    /// The state at the end, if the kernel did not die.
    pub end: Option<End>,
}

/// What must be as before when an exception is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    pub masks: String,
    pub word: Word,
    pub watching: bool,
    pub nesting: String,
    pub belief: String,
}

impl Report {
    /// Every step, but for pointers.
    pub fn all(&self) -> String {
        self.render(|step| step.kind != Kind::Pointer)
    }

    /// Steps that change something: masks, stacks, counts, tracking; and what the kernel ran.
    pub fn changes(&self) -> String {
        self.render(|step| step.kind == Kind::Change)
    }

    /// The kernel's part alone.
    pub fn kernel(&self) -> String {
        self.render(|step| {
            ["body", "schedule", "work", "softirqs run", "die"].iter().any(|is| step.text.starts_with(is))
        })
    }

    /// Nothing that any check looks at was wrong.
    pub fn assert_sound(&self) {
        assert!(self.broken.is_empty() && self.misused.is_empty(), "not sound:\n{}", self.all());
    }

    /// The first step with each of these texts comes after that with the one before.
    pub fn assert_order(&self, texts: &[&str]) {
        let all = self.all();
        let at = |text: &&str| all.find(*text).unwrap_or_else(|| panic!("{text} is missing:\n{all}"));
        assert!(texts.iter().map(at).is_sorted_by(|one, next| one < next), "not in the order {texts:?}:\n{all}");
    }

    /// The rules that were seen broken, each once, in order.
    pub fn constraints(&self) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for Broken { constraint, at } in &self.broken {
            let text = format!("C{constraint} at {at}");
            if !seen.contains(&text) {
                seen.push(text);
            }
        }
        seen
    }

    fn render(&self, wanted: impl Fn(&Step) -> bool) -> String {
        let shown: Vec<&Step> = self.steps.iter().filter(|step| wanted(step)).collect();
        let outermost = shown.iter().map(|step| step.depth).min().unwrap_or_default();
        let mut text = String::new();
        for step in shown {
            let indent = 2 * (step.depth - outermost);
            writeln!(text, "{:indent$}{}", "", step.text).expect("a String takes any text");
        }
        text
    }
}
