//! SErrors: how many came where, and what the syndrome of one says.

use core::fmt;

use vestibule_arm64::Frame;
use vestibule_arm64::serror::Severity;

use crate::interrupted::Interrupted;
use crate::planted::Bug;
use crate::println;
use crate::statistics::Counter;

/// Those that somebody went on after.
static SURVIVED: [Counter; Interrupted::ALL.len()] = [const { Counter::new() }; Interrupted::ALL.len()];

/// One has come, and what was interrupted goes on. In the middle of anything: a counter and no more.
pub fn survived(frame: &Frame) {
    if !Bug::SerrorUncounted.is_planted() {
        SURVIVED[Interrupted::by_nmi_like(frame) as usize].add();
    }
}

/// How many so far interrupted that.
pub fn count(interrupted: Interrupted) -> u64 {
    SURVIVED[interrupted as usize].get()
}

/// Prints them, if there were any.
pub fn print() {
    if Interrupted::ALL.iter().all(|interrupted| count(*interrupted) == 0) {
        return;
    }
    println!("--- SErrors survived, by what they interrupted");
    for interrupted in Interrupted::ALL {
        println!("{:<16}{:>12}", interrupted.name(), count(interrupted));
    }
}

/// What an SError's syndrome says, in words.
pub struct Described(pub u64);

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = Severity::of(self.0);
        write!(f, "SError: {severity:?}: ")?;
        f.write_str(match severity {
            Severity::Corrected => "the hardware has put it right",
            Severity::Restartable => "what was interrupted has not used what is wrong",
            Severity::Recoverable => "what was interrupted cannot go on unless what is wrong is put right",
            Severity::Unrecoverable => "what was interrupted cannot go on",
            Severity::Uncontained => "what is wrong may be anywhere by now",
            Severity::ImplementationDefined => "only the CPU's maker knows what the syndrome says",
            Severity::Uncategorized => "the syndrome does not say what it is",
        })?;
        let field = |low: u32, bits: u32| self.0 >> low & ((1 << bits) - 1);
        write!(f, " (IDS {}, AET {:03b}, EA {}, DFSC {:#04x})", field(24, 1), field(10, 3), field(9, 1), field(0, 6))
    }
}
