//! Which interrupt is it, of which kind? Asked with which masks, in which order, and what an NMI leaves.

use vestibule::{Acknowledged, Critical, Exception, Hardirq, NoIrq, NoNmi, Open, Ready, forge};
use vestibule_arm64::classes::{El1Irq, El1Nmi};
use vestibule_arm64::entry::forge as port;
use vestibule_arm64::hardware::ISR_IS;
use vestibule_arm64::priority::{NMI, OFF, OPEN};
use vestibule_arm64::{Arm64, Frame, GicV3, Hardware, InterruptController, Irq};

use super::Variant;
use super::masks::{Ap, ByPriority, Pk, Pp, set_pmr};
use super::parts::{Handler, between, handled, handled_nmi, handlers, kernel_irq, kernel_nmi, ran_by};
use crate::design::Design;
use crate::family::Family;
use crate::hardware::Simulated;

pub(super) const VARIANTS: &[Variant] = &[
    Variant {
        name: "nmi-withdrawn-takes-irq",
        origin: "Linux until 5.14: a regular interrupt taken as an NMI that was withdrawn; 382e6e177bc1",
        change: "el1_nmi acknowledges with the priority mask open",
        expects: &[95],
        families: &[Family::IrqsOff],
        design: kernel_nmi::<AcknowledgesOpen>,
    },
    Variant {
        name: "nmi-acknowledged-open",
        origin: "plausible: gic_unmask_pnmis() before the acknowledgement",
        change: "el1_irq opens to NoIrq and acknowledges there: an NMI comes between acknowledgement and classification",
        expects: &[97],
        families: &[Family::Kernel],
        design: kernel_irq::<OpensThenAcknowledges>,
    },
    Variant {
        name: "nmis-stay-masked",
        origin: "plausible: gic_handle_irq() without gic_unmask_pnmis()",
        change: "el1_irq's handler runs with NMIs masked",
        expects: &[97],
        families: &[Family::Kernel],
        design: kernel_irq::<NmisStayMasked>,
    },
    Variant {
        name: "classified-after-end",
        origin: "plausible: gic_write_eoir() before gic_rpr_is_nmi_prio() in gic_handle_irq()",
        change: "el1_irq reads the running priority when the interrupt is over",
        expects: &[94],
        families: &[Family::Kernel],
        design: kernel_irq::<ClassifiesLate>,
    },
    Variant {
        name: "nmi-without-isb",
        origin: "Linux until 5.19: handlers of pseudo-NMIs read old PMU registers; adf14453d2c0, 6efb50923771",
        change: "el1_nmi acknowledges and handles, with no ISB between",
        expects: &[96],
        families: &[Family::IrqsOff],
        design: kernel_nmi::<NmiWithoutIsb>,
    },
    Variant {
        name: "nmi-leaves-tracking-off",
        origin: "Linux before 5.10: an NMI left lockdep 'off'; f0cd5ac1e4c5",
        change: "el1_nmi does not put back what tracing believed",
        expects: &[77],
        families: &[Family::IrqsOff],
        design: kernel_nmi::<NmiLosesBelief>,
    },
    Variant {
        name: "nmi-preempts",
        origin: "plausible: what 'DAIF != 0: was an NMI' kept from happening in arm64_preempt_schedule_irq()",
        change: "el1_nmi's exit looks for a reschedule",
        expects: &[84],
        families: &[Family::IrqsOff],
        design: kernel_nmi::<NmiPreempts>,
    },
    Variant {
        name: "superpriority-alone-says",
        origin: "this project's first version of it, and the FEAT_NMI series as posted: ISR_EL1.IS alone tells an NMI",
        change: "el1_irq takes an NMI that was withdrawn for an interrupt, also in code with interrupts off",
        expects: &[81],
        families: &[Family::IrqsOff],
        design: superpriority_alone,
    },
];

handlers! {
    AcknowledgesOpen for El1Nmi, on Pp = |taken| {
        let x = taken.enter().on_irq_stack(|x| {
            let x = x.open().run(|cpu, frame| {
                set_pmr::<OPEN>();
                let cpu = port::only_nmi::<Pk, Irq>(cpu, frame);
                set_pmr::<OFF>();
                cpu
            });
            x.mask()
        });
        x.restore()
    };

    OpensThenAcknowledges for El1Irq, on Pp = |taken| {
        let x = taken.enter().on_irq_stack(|x| {
            let x: Exception<'_, _, _, Open<Hardirq>> = between(x.open(), |_, _| forge::lower::<Pp, NoNmi, NoIrq>());
            x.run_hardirq(|cpu, frame| {
                let number = acknowledged(port::acknowledge::<Pk, Irq>(&forge::cpu()));
                port::interrupt::<Pk, Irq>(cpu, number, frame)
            }).mask()
        });
        x.prepare().restore()
    };

    NmisStayMasked for El1Irq, on Pp = |taken| {
        let x = taken.enter().on_irq_stack(|x| {
            let (x, number) = x.open().acknowledge(port::acknowledge::<Pk, Irq>, port::nmi::<Pk, Irq>);
            let x: Exception<'_, _, _, Open<Hardirq>> = forge::at(x);
            x.run_hardirq(|cpu, frame| port::interrupt::<Pk, Irq>(cpu, number, frame)).mask()
        });
        x.prepare().restore()
    };

    ClassifiesLate for El1Irq, on Pp = |taken| {
        let x = taken.enter().on_irq_stack(|x| {
            let x = ran_by(x.open(), |cpu, number, frame| {
                let cpu = port::interrupt::<Pk, Irq>(cpu, number, frame);
                assert!(number.is_none() || Simulated::icc_rpr() != u64::from(NMI));
                cpu
            });
            x.mask()
        });
        x.prepare().restore()
    };

    NmiWithoutIsb for El1Nmi, on Pp = |taken| {
        let x = taken.enter().on_irq_stack(|x| {
            let x = x.open().run(|cpu, frame| match GicV3::<ByPriority>::acknowledge_nmi::<Irq>() {
                Some(number) => port::nmi::<Pk, Irq>(cpu, number, frame),
                None => cpu,
            });
            x.mask()
        });
        x.restore()
    };

    NmiLosesBelief for El1Nmi, on Pp = |taken| {
        let x = handled_nmi(taken.enter());
        let x: Exception<'_, _, _, Ready> = between(x, |_, believed| *believed = false);
        x.restore()
    };

    NmiPreempts for El1Nmi, on Pp = |taken| {
        let x = handled_nmi(taken.enter());
        let x: Exception<'_, _, _, Ready> = between(x, |_, _| {
            let _wanted = forge::cpu::<Pk, Critical>().task_word().read::<Arm64<ByPriority>>().wants_preemption();
        });
        x.restore()
    };

    // The two classes, as whoever tells them from each other by ISR_EL1.IS alone calls them.
    ShippedIrq for El1Irq, on Ap = |taken| handled(taken.enter()).prepare().restore();
    ShippedNmi for El1Nmi, on Ap = |taken| handled_nmi(taken.enter()).restore();
}

const fn acknowledged(what: Acknowledged) -> Option<u32> {
    match what {
        Acknowledged::Irq(number) => Some(number),
        _ => None,
    }
}

unsafe extern "C" fn irq_by_superpriority_alone(frame: &mut Frame) {
    port::capture::<Ap>(frame);
    if Simulated::isr() & ISR_IS != 0 {
        port::take(frame, ShippedNmi::handle);
    } else {
        port::take(frame, ShippedIrq::handle);
    }
    port::put_back::<Ap>(frame);
}

fn superpriority_alone(family: Family) -> Design {
    let mut design = Design::of::<Ap>(family);
    design.el1[1] = irq_by_superpriority_alone;
    design
}
