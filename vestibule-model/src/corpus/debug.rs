//! Breakpoints and watchpoints: what their bodies run in, and the step over one.

use vestibule::{Critical, Open, Process, Ran, Taken, forge};
use vestibule_arm64::breakpoints::{ENABLED, Hit, Kind, OF_USER, Point};
use vestibule_arm64::classes::{El0Breakpoint, El0Irq, El0Step, El1Breakpoint, El1Step};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::hardware::MDSCR_SS;
use vestibule_arm64::step::forge as steps;
use vestibule_arm64::{Bodies, Frame, Hardware};

use super::Variant;
use super::parts::{
    At, K, P, between, handled, handlers, kernel_breakpoint, kernel_step, user_breakpoint, user_step, with_user_irq,
};
use crate::family::Family;
use crate::hardware::Simulated;

const MASKS: u64 = 0xf << 6;
const MASK_D: u64 = 1 << 9;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "breakpoint-opened-first",
        origin: "plausible: el0_breakpt() with local_daif_restore() where other handlers have it",
        change: "el0_breakpoint opens everything before its body",
        expects: &[11],
        families: &[Family::Step],
        design: user_breakpoint::<OpenedFirst>,
    },
    Variant {
        name: "breakpoint-with-preemption-on",
        origin: "plausible: do_breakpoint() without debug_exception_enter()",
        change: "el0_breakpoint runs its body without preemption off",
        expects: &[11],
        families: &[Family::Step],
        design: user_breakpoint::<PreemptionOn>,
    },
    Variant {
        name: "breakpoint-counted-for-good",
        origin: "plausible: debug_exception_enter() without debug_exception_exit()",
        change: "el0_breakpoint leaves preemption off",
        expects: &[116],
        families: &[Family::Step],
        design: user_breakpoint::<CountedForGood>,
    },
    Variant {
        name: "suspended-step-consumed-late",
        origin: "plausible: el0_softstp() with local_daif_restore() before try_step_suspended_breakpoints()",
        change: "el0_step opens everything, and then finds out whether it was only over a breakpoint",
        expects: &[11],
        families: &[Family::Step],
        design: user_step::<ConsumedLate>,
    },
    Variant {
        name: "suspended-for-good",
        origin: "plausible: reinstall_suspended_bps() of the watchpoints alone",
        change: "el0_step leaves what was suspended for it suspended",
        expects: &[11],
        families: &[Family::Step],
        design: user_step::<SuspendedForGood>,
    },
    Variant {
        name: "breakpoints-left-to-the-next",
        origin: "plausible: hw_breakpoint_thread_switch() for a task without breakpoints",
        change: "el0_irq leaves the task's breakpoint in the CPU when it has disarmed it",
        expects: &[12],
        families: &[Family::Step],
        design: |family| with_user_irq::<P>(family, left_to_the_next),
    },
    Variant {
        name: "kernel-step-with-interrupts-open",
        origin: "Linux: kernel_enable_single_step() leaves the interrupted code's masks: an interrupt comes in the step",
        change: "el1_breakpoint leaves interrupts open for the instruction that is stepped",
        expects: &[40],
        families: &[Family::Kernel],
        design: kernel_breakpoint::<StepsOpen>,
    },
    Variant {
        name: "kernel-step-loses-masks",
        origin: "plausible: kprobes that restore the saved flags of another probe",
        change: "el1_step returns with the masks of the step",
        expects: &[40],
        families: &[Family::Kernel],
        design: kernel_step::<LosesMasks>,
    },
    Variant {
        name: "kernel-breakpoint-not-there-again",
        origin: "plausible: toggle_bp_registers() forgotten after the step",
        change: "el1_step leaves the kernel's breakpoint suspended",
        expects: &[130],
        families: &[Family::Kernel],
        design: kernel_step::<NotThereAgain>,
    },
    Variant {
        name: "kernel-steps-on",
        origin: "plausible: kernel_disable_single_step() forgotten after the step",
        change: "el1_step leaves MDSCR.SS set",
        expects: &[12],
        families: &[Family::Kernel],
        design: kernel_step::<StepsOn>,
    },
];

handlers! {
    OpenedFirst for El0Breakpoint = |taken| {
        let x: At<'_, El0Breakpoint, Ran<Critical>> = between(taken.enter(), |_, _| ());
        let x = x.then();
        let x = x.run(|cpu, frame| {
            let _hit = port::user_point(K::user_breakpoint(forge::cpu(), frame), Kind::Breakpoint, frame);
            cpu
        });
        x.mask().prepare().restore()
    };

    PreemptionOn for El0Breakpoint = |taken| {
        let mut hit = Hit::Told;
        let x = forge::run(taken.enter().open(), |cpu, frame| {
            hit = port::user_point(K::user_breakpoint(cpu, frame), Kind::Breakpoint, frame);
            forge::cpu()
        });
        told(x, hit).mask().prepare().restore()
    };

    CountedForGood for El0Breakpoint = |taken| {
        let (x, hit) = taken.enter().open().run_debug(|cpu, frame| {
            let hit = port::user_point(K::user_breakpoint(cpu, frame), Kind::Breakpoint, frame);
            (forge::cpu(), hit)
        });
        forge::count::<K>(forge::Unit::Preempt);
        told(x, hit).mask().prepare().restore()
    };

    ConsumedLate for El0Step = |taken| {
        let x = taken.enter().open();
        let x = x.run(|cpu, frame| if steps::done::<Simulated>() { K::user_step(cpu, frame) } else { cpu });
        x.mask().prepare().restore()
    };

    SuspendedForGood for El0Step = |taken| {
        let suspended = steps::suspended::<Simulated>();
        let x = taken.enter();
        let is_told = steps::done::<Simulated>();
        steps::suspend_again::<Simulated>(suspended);
        let x = x.open().run(|cpu, frame| if is_told { K::user_step(cpu, frame) } else { cpu });
        x.mask().prepare().restore()
    };

    StepsOpen for El1Breakpoint = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            let masks = frame.pstate & MASKS;
            let cpu = port::kernel_point::<K>(K::kernel_breakpoint(cpu, frame), Kind::Breakpoint, frame);
            frame.pstate = frame.pstate & !MASKS | masks & !MASK_D;
            cpu
        });
        x.mask().restore()
    };

    LosesMasks for El1Step = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            let masks = frame.pstate & MASKS;
            let cpu = port::kernel_stepped::<K>(K::kernel_step(cpu, frame), frame);
            frame.pstate = frame.pstate & !MASKS | masks;
            cpu
        });
        x.mask().restore()
    };

    NotThereAgain for El1Step = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            let cpu = port::kernel_stepped::<K>(K::kernel_step(cpu, frame), frame);
            // SAFETY: of the simulated CPU only; what follows from it is what the model is to find.
            unsafe { Simulated::set_point(Kind::Breakpoint, 0, Point::default()) }
            cpu
        });
        x.mask().restore()
    };

    StepsOn for El1Step = |taken| {
        let x = taken.enter().open().run(|cpu, frame| {
            let cpu = port::kernel_stepped::<K>(K::kernel_step(cpu, frame), frame);
            // SAFETY: as above.
            unsafe { Simulated::change_mdscr(MDSCR_SS, MDSCR_SS) }
            cpu
        });
        x.mask().restore()
    };
}

/// The second half, as it is shipped.
fn told(x: At<'_, El0Breakpoint, Ran<Critical>>, hit: Hit) -> At<'_, El0Breakpoint, Ran<Process>> {
    let x: At<'_, _, Open<Process>> = x.then();
    x.run(|cpu, frame| if hit == Hit::Told { K::user_hit(cpu, frame) } else { cpu })
}

unsafe extern "C" fn left_to_the_next(frame: &mut Frame) {
    port::capture_user::<P>(frame);
    // SAFETY: as above.
    unsafe { Simulated::set_point(Kind::Breakpoint, 0, Point { address: 0, control: OF_USER | ENABLED }) }
    port::take(frame, |taken: Taken<'_, P, El0Irq>| handled(taken.enter()).prepare().restore());
    port::put_back_user::<P>(frame);
}
