//! Whose FP/SIMD registers user mode gets.

use vestibule::{Cpu, Exception, NoIrq, Process, Ran, Ready, Tracked, TrackedIrqs};
use vestibule_arm64::classes::El0Svc;
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::fpsimd::forge as fpsimd;
use vestibule_arm64::hardware::{A, D};
use vestibule_arm64::{Daif, Frame, Hardware, Thread};

use super::Variant;
use super::parts::{K, P, shipped};
use super::program;
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Flavour, PortOf, Reference};

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "fpsimd-not-saved",
        origin: "plausible: fpsimd_thread_switch() without fpsimd_save()",
        change: "the task switch loads the next task's FP/SIMD registers, and does not save the last one's",
        expects: &[127],
        families: &[Family::User],
        design: Design::of::<PortOf<NotSaved>>,
    },
    Variant {
        name: "fpsimd-not-loaded",
        origin: "plausible: fpsimd_thread_switch() that never sets TIF_FOREIGN_FPSTATE",
        change: "the task switch saves FP/SIMD registers, and loads none",
        expects: &[127],
        families: &[Family::User],
        design: Design::of::<PortOf<NotLoaded>>,
    },
    Variant {
        name: "fpsimd-cpu-alone-says",
        origin: "what fpsimd_cpu in Linux's tasks is for: fpsimd_last_state alone does not know what another CPU did",
        change: "the task switch loads nothing if this CPU loaded that task's FP/SIMD registers last, wherever it ran since",
        expects: &[127],
        families: &[Family::Copy],
        design: Design::of::<PortOf<CpuAloneSays>>,
    },
    Variant {
        name: "fpsimd-task-alone-says",
        origin: "what fpsimd_last_state is for: fpsimd_cpu alone does not know who ran on that CPU since",
        change: "the task switch loads nothing if the task's FP/SIMD registers were loaded here last, whoever ran since",
        expects: &[127],
        families: &[Family::User],
        design: Design::of::<PortOf<TaskAloneSays>>,
    },
    Variant {
        name: "fpsimd-first-keeps",
        origin: "Linux before 4.15: registers of a dead task were a new one's; 071b6d4a5d34",
        change: "a task's first return to user mode leaves FP/SIMD registers as they are",
        expects: &[127],
        families: &[Family::First],
        design: |family| Design { program: |_| program::first_return(keeps), ..shipped(family) },
    },
];

/// A kernel whose task switch has other doings with FP/SIMD registers.
macro_rules! switches {
    ($($name:ident = |$from:ident, $to:ident| $change:expr;)*) => {$(
        enum $name {}
        impl Flavour for $name {
    type Backend = Daif<Simulated>;
    type Tracking = Tracked;
            type Tracing = TrackedIrqs;
            unsafe fn switch(cpu: Cpu<Reference<Self>, NoIrq>, $to: &Thread) -> Cpu<Reference<Self>, NoIrq> {
                // SAFETY: the caller's; as the shipped one.
                unsafe {
                    Simulated::daif_set::<{ D | A }>();
                    let $from = &*Simulated::current();
                    $change;
                    Simulated::switch($from, $to);
                    Simulated::daif_clear::<{ D | A }>();
                }
                cpu
            }
        }
    )*};
}
switches! {
    NotSaved = |from, to| loads_unless(to, |to| fpsimd::is_of::<Simulated>(to) && fpsimd::is_loaded_by::<Simulated>(to));
    NotLoaded = |from, to| saves(from);
    CpuAloneSays = |from, to| {
        saves(from);
        loads_unless(to, fpsimd::is_of::<Simulated>);
    };
    TaskAloneSays = |from, to| {
        saves(from);
        loads_unless(to, fpsimd::is_loaded_by::<Simulated>);
    };
}

fn saves(from: &Thread) {
    if fpsimd::has::<Simulated>(from) {
        fpsimd::store::<Simulated>(from);
    }
}

fn loads_unless(to: &Thread, there: impl FnOnce(&Thread) -> bool) {
    if fpsimd::has::<Simulated>(to) && !there(to) {
        fpsimd::load::<Simulated>(to);
    }
}

fn keeps(cpu: Cpu<K, Process>, frame: &mut Frame) {
    let x: Exception<'_, P, El0Svc, Ran<Process>> = Exception::first(cpu, frame, port::key());
    let x: Exception<'_, P, El0Svc, Ready> = x.mask().prepare();
    x.restore().leave(port::key());
    port::put_back_user::<P>(frame);
}
