//! What a rule says no to and is right all the same, each with its reason. Whatever is not used any more fails the check.

use super::code::Code;
use super::walk::{Breach, Phase, Rule, Seen};
use crate::build::Kind;

/// One thing that is right all the same.
pub struct Permit {
    /// In this kernel only, or in both.
    pub kind: Option<Kind>,
    pub rule: Rule,
    pub phases: &'static [Phase],
    /// Part of the name of the function that does it.
    pub by: &'static str,
    /// Part of the name of what is called; nothing is called without it.
    pub calls: Option<&'static str>,
    /// Who is called may come back. If not, it does not: the walk has looked.
    pub comes_back: bool,
    pub reason: &'static str,
}

/// All of them.
pub const PERMITS: &[Permit] = &[
    Permit {
        kind: Some(Kind::Checked),
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering, Phase::Exiting, Phase::Returning, Phase::Unwatched],
        by: "vestibule_arm64::",
        calls: Some("Checks>::broken"),
        comes_back: false,
        reason: "a rule is broken: this kernel stops, and what it says is more use than how it was compiled",
    },
    Permit {
        kind: None,
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering],
        by: "vestibule_arm64::el1::die",
        calls: Some("Bodies for kernel::reference::Reference>::die"),
        comes_back: false,
        reason: "nobody can go on: counted as an NMI already, so watched, and never comes back",
    },
    Permit {
        kind: None,
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering],
        by: "vestibule_arm64::entry::el1_sync",
        calls: Some("kernel::report::die"),
        comes_back: false,
        reason: "the body of a BRK in the kernel, masked throughout: one that is a bug's ends the kernel",
    },
    Permit {
        kind: None,
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering],
        by: "vestibule_arm64::entry::el1_sync",
        calls: Some("kernel::test_hooks::serrors::in_brk"),
        comes_back: true,
        reason: "in the same body a test sees that SErrors are masked: watched by then, and masked throughout",
    },
    Permit {
        kind: Some(Kind::Checked),
        rule: Rule::OrdinaryCode,
        phases: &[Phase::Entering],
        by: "vestibule_arm64::entry::el1_sync",
        calls: Some("kernel::entries::note"),
        comes_back: true,
        reason: "the same body counts it: watched by then, and masked throughout",
    },
    Permit {
        by: "vestibule_arm64::el0::breakpoint",
        calls: Some("Bodies for kernel::reference::Reference>::user_breakpoint"),
        ..BODY
    },
    Permit {
        by: "vestibule_arm64::el0::watchpoint",
        calls: Some("Bodies for kernel::reference::Reference>::user_watchpoint"),
        ..BODY
    },
    Permit {
        by: "vestibule_arm64::el1::breakpoint",
        calls: Some("Bodies for kernel::reference::Reference>::kernel_breakpoint"),
        ..BODY
    },
    Permit {
        by: "vestibule_arm64::el1::watchpoint",
        calls: Some("Bodies for kernel::reference::Reference>::kernel_watchpoint"),
        ..BODY
    },
    Permit {
        kind: Some(Kind::Checked),
        by: "vestibule_arm64::el1::step",
        calls: Some("Bodies for kernel::reference::Reference>::kernel_step"),
        ..BODY
    },
];

/// Of an exception that is served masked throughout; who calls it, and what it is called, is to be named.
const BODY: Permit = Permit {
    kind: None,
    rule: Rule::OrdinaryCode,
    phases: &[Phase::Entering],
    by: "",
    calls: None,
    comes_back: true,
    reason: "a body, masked throughout: watched by then",
};

/// Code in entry text that no vector leads to, by part of its name, with the reason why it is there.
pub const UNREACHED: &[(&str, &str)] = &[
    ("vestibule_arm64::real::switch", "the task switch: masked throughout, called by the scheduler"),
    ("kernel::fault_hooks::in_entry_text", "a test's: it faults there, and is told of"),
    ("vestibule_arm64::real::begin", "where a new task's first switch returns to: a start, not a return"),
];

impl Permit {
    /// Is this what it is for?
    pub fn covers(&self, breach: &Breach, kind: Kind, code: &Code, seen: &Seen) -> bool {
        let called = match (self.calls, breach.to) {
            (None, None) => true,
            (Some(name), Some(to)) => code.place(to).0.contains(name) && (self.comes_back || !seen.comes_back(to)),
            _ => false,
        };
        called
            && self.kind.is_none_or(|only| only == kind)
            && self.rule == breach.rule
            && self.phases.contains(&breach.phase)
            && code.place(breach.at).0.contains(self.by)
    }
}
