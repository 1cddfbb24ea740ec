//! Task switches that are another's.

use vestibule::{Cpu, NoIrq, Tracked, TrackedIrqs};
use vestibule_arm64::hardware::{A, D};
use vestibule_arm64::{Daif, Hardware, Thread};

use super::Variant;
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Flavour, PortOf, Reference};
use crate::world::{IDLE, with};

pub(super) const VARIANTS: &[Variant] = &[Variant {
    name: "switched-from-another",
    origin: "plausible: __switch_to() with a 'prev' that was read before an earlier switch",
    change: "the task switch stores what is here as the idle task's, whoever runs",
    expects: &[110],
    families: &[Family::Kernel],
    design: Design::of::<PortOf<FromAnother>>,
}];

enum FromAnother {}
impl Flavour for FromAnother {
    type Backend = Daif<Simulated>;
    type Tracking = Tracked;
    type Tracing = TrackedIrqs;
    unsafe fn switch(cpu: Cpu<Reference<Self>, NoIrq>, to: &Thread) -> Cpu<Reference<Self>, NoIrq> {
        // SAFETY: not what the switch asks for: the task that runs is another. That is the variant.
        unsafe {
            Simulated::daif_set::<{ D | A }>();
            Simulated::switch(with(|world| world.thread(IDLE)), to);
            Simulated::daif_clear::<{ D | A }>();
        }
        cpu
    }
}
