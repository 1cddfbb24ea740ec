//! Stepped tasks: where MDSCR_EL1.SS is set and cleared, and what becomes of PSTATE.SS.

use vestibule::Taken;
use vestibule_arm64::classes::{El0Irq, El0Svc};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::hardware::MDSCR_SS;
use vestibule_arm64::step::forge::is_stepped;
use vestibule_arm64::{Bodies, Frame, Hardware};

use super::Variant;
use super::parts::{K, P, capture_user_alone, handled, handlers, put_back_user_alone, user_svc, with_user_irq};
use crate::family::Family;
use crate::hardware::Simulated;

const SS: u64 = 1 << 21;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "step-armed-before-the-look",
        origin: "plausible: enable_step_tsk before the work loop; Linux has it in ret_to_user, with everything masked",
        change: "el0_svc sets MDSCR.SS before it looks for work: what it finds runs with it set",
        expects: &[12],
        families: &[Family::Step],
        design: user_svc::<ArmedBeforeTheLook>,
    },
    Variant {
        name: "step-left-on-for-the-kernel",
        origin: "what disable_step_tsk in Linux's kernel_entry is for",
        change: "el0_irq leaves MDSCR.SS set",
        expects: &[12],
        families: &[Family::Step],
        design: |family| with_user_irq::<P>(family, irq_left_on),
    },
    Variant {
        name: "step-cleared-too-late",
        origin: "what the ISB in disable_step_tsk is for",
        change: "el0_irq clears MDSCR.SS, and opens debug exceptions before that is in effect",
        expects: &[12],
        families: &[Family::Step],
        design: |family| with_user_irq::<P>(family, irq_not_synchronised),
    },
    Variant {
        name: "step-forgotten-by-an-interrupt",
        origin: "plausible: enable_step_tsk on the way out of system calls alone",
        change: "el0_irq returns with MDSCR.SS clear: the stepped task runs on",
        expects: &[12],
        families: &[Family::Step],
        design: |family| with_user_irq::<P>(family, irq_not_armed),
    },
    Variant {
        name: "step-begun-anew",
        origin: "plausible: set_regs_spsr_ss() with enable_step_tsk",
        change: "el0_irq sets PSTATE.SS where it sets MDSCR.SS: after an executed instruction, a second one is",
        expects: &[128],
        families: &[Family::Step],
        design: |family| with_user_irq::<P>(family, irq_anew),
    },
];

handlers! {
    ArmedBeforeTheLook for El0Svc = |taken| {
        let x = taken.enter().open().trace_entry().call(K::syscall).trace_exit().mask();
        if is_stepped::<Simulated>() {
            // SAFETY: of the simulated CPU only; what follows from it is what the model is to find.
            unsafe { Simulated::change_mdscr(MDSCR_SS, MDSCR_SS) }
        }
        x.prepare().restore()
    };
}

/// What the port does around the handler, with another beginning or end.
macro_rules! irqs {
    ($($vector:ident: $enters:expr, $leaves:expr;)*) => {$(
        unsafe extern "C" fn $vector(frame: &mut Frame) {
            $enters(frame);
            port::take(frame, |taken: Taken<'_, P, El0Irq>| handled(taken.enter()).prepare().restore());
            $leaves(frame);
        }
    )*};
}
irqs! {
    irq_left_on: capture_user_alone::<P>, port::put_back_user::<P>;
    irq_not_synchronised: captures_and_clears, port::put_back_user::<P>;
    irq_not_armed: port::capture_user::<P>, put_back_user_alone::<P>;
    irq_anew: port::capture_user::<P>, puts_back_anew;
}

fn captures_and_clears(frame: &mut Frame) {
    capture_user_alone::<P>(frame);
    if is_stepped::<Simulated>() {
        // SAFETY: as above.
        unsafe { Simulated::change_mdscr(MDSCR_SS, 0) }
    }
}

fn puts_back_anew(frame: &mut Frame) {
    if is_stepped::<Simulated>() {
        frame.pstate |= SS;
    }
    port::put_back_user::<P>(frame);
}
