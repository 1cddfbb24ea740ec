//! The backends that a kernel can be built for, and the machine that each wants.

use std::fmt;

/// How contexts lie on the hardware.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Backend {
    /// PSTATE masks interrupts; no NMIs
    #[default]
    Daif,
    /// A priority masks interrupts; more urgent ones are NMIs
    Pmr,
    /// FEAT_NMI
    Allint,
}

impl Backend {
    /// As options, files and features of the package `kernel` name it.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Daif => "daif",
            Backend::Pmr => "pmr",
            Backend::Allint => "allint",
        }
    }

    /// What tells kernels apart where one of each is booted: nothing of the usual one.
    pub fn named(self) -> String {
        if self == Backend::Daif { String::new() } else { format!(" on {self}") }
    }

    /// QEMU's CPU: the only one with FEAT_NMI is its `max`. Without the rest of what is new in that.
    pub fn cpu(self) -> &'static str {
        match self {
            Backend::Daif | Backend::Pmr => "cortex-a76",
            Backend::Allint => "max",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
