//! The backends of the port, as values: each lays contexts on the masks in its own way, and is explored by itself.

use vestibule::Level;
use vestibule_arm64::{AllInt, Daif, Nmis, Pmr, priority};

use crate::cpu::{A, D, DAIF, F, I, Masks};
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Everything, PortOf, Tagged};

/// How contexts lie on the hardware.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backend {
    /// PSTATE masks interrupts, and there are no NMIs.
    Daif,
    /// A priority masks interrupts: [`vestibule_arm64::Pmr`].
    Pmr,
    /// FEAT_NMI: [`vestibule_arm64::AllInt`].
    AllInt,
}

fn shipped_on<B: vestibule_arm64::Backend<Hardware = Simulated>>(family: Family) -> Design {
    if family.has_tags() {
        Design::of::<PortOf<Tagged<B>>>(family)
    } else {
        Design::of::<PortOf<Everything<B>>>(family)
    }
}

impl Backend {
    /// All of them.
    pub const ALL: [Backend; 3] = [Backend::Daif, Backend::Pmr, Backend::AllInt];

    /// By how NMIs come.
    pub const fn of(nmis: Nmis) -> Backend {
        match nmis {
            Nmis::None => Backend::Daif,
            Nmis::ByPriority => Backend::Pmr,
            Nmis::BySuperpriority => Backend::AllInt,
        }
    }

    /// As reports and options call it.
    pub const fn name(self) -> &'static str {
        match self {
            Backend::Daif => "daif",
            Backend::Pmr => "pmr",
            Backend::AllInt => "allint",
        }
    }

    /// By that name; all of them by `all`.
    pub fn named(name: &str) -> Option<&'static [Backend]> {
        let one = Backend::ALL.iter().position(|backend| backend.name() == name);
        one.map(|at| &Backend::ALL_OF[at..=at]).or((name == "all").then_some(Backend::ALL_OF))
    }

    const ALL_OF: &'static [Backend] = &Backend::ALL;

    /// The shipped code on it, under the model's own kernel.
    pub fn shipped(self, family: Family) -> Design {
        match self {
            Backend::Daif => shipped_on::<Daif<Simulated>>(family),
            Backend::Pmr => shipped_on::<Pmr<Simulated>>(family),
            Backend::AllInt => shipped_on::<AllInt<Simulated>>(family),
        }
    }

    /// There are NMIs.
    pub const fn has_nmis(self) -> bool {
        !matches!(self, Backend::Daif)
    }

    /// These masks are exactly this context's. `Pmr` says nothing of the priority mask where PSTATE.I is set.
    pub fn is(self, level: Level, masks: Masks) -> bool {
        let daif = match level {
            Level::Process => 0,
            Level::NoIrq if self == Backend::Pmr => 0,
            Level::NoIrq | Level::NoNmi => I | F,
            Level::Error => A | I | F,
            Level::Critical => D | A | I | F,
        };
        let pmr = match self {
            Backend::Pmr if level == Level::NoIrq => u64::from(masks.pmr) == priority::OFF,
            Backend::Pmr if level != Level::Process => true,
            _ => u64::from(masks.pmr) == priority::OPEN,
        };
        let allint = self == Backend::AllInt && level >= Level::NoNmi;
        masks.daif == daif && pmr && masks.allint == allint
    }

    /// These masks let no NMI through.
    pub const fn masks_nmis(self, masks: Masks) -> bool {
        match self {
            Backend::Daif | Backend::Pmr => masks.daif & I != 0,
            Backend::AllInt => masks.allint,
        }
    }

    /// These mask everything.
    pub fn masks_all(self, masks: Masks) -> bool {
        masks.daif == DAIF && masks.allint == (self == Backend::AllInt)
    }
}
