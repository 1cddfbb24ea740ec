//! The CPU alone: PSTATE, the registers that an exception overwrites, and the rules by which exceptions and ERET change
//! them. No kernel, no events: those are around it. A conformance test runs the same rules against QEMU.
//!
//! Arm ARM: D1.3.1 (taking an exception), D1.3.3 (returning), C5.2 (special-purpose registers), D1.3.6 (FEAT_NMI).

use vestibule_arm64::hardware::ALLINT;
use vestibule_arm64::priority;

/// PSTATE.D, A, I, F as DAIFSet and DAIFClr name them.
pub const D: u8 = 8;
/// SError.
pub const A: u8 = 4;
/// IRQ.
pub const I: u8 = 2;
/// FIQ.
pub const F: u8 = 1;
/// All four.
pub const DAIF: u8 = D | A | I | F;

/// An exception level. There is no higher one in this machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Level {
    /// User mode.
    El0,
    /// The kernel.
    #[default]
    El1,
}

/// Everything that masks interrupts, SError and debug exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Masks {
    /// PSTATE.D, A, I, F.
    pub daif: u8,
    /// PSTATE.ALLINT.
    pub allint: bool,
    /// ICC_PMR_EL1.
    pub pmr: u8,
}

impl Masks {
    /// Ordinary interrupts do not come.
    pub const fn irqs(self) -> bool {
        self.daif & I != 0 || self.allint || self.pmr <= priority::IRQ
    }
}

/// What SPSR can hold of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Pstate {
    /// D, A, I, F.
    pub daif: u8,
    /// ALLINT: masks every interrupt (FEAT_NMI).
    pub allint: bool,
    /// The exception level.
    pub level: Level,
    /// SPSel: EL1 uses SP_EL1. In EL0 it says nothing.
    pub sp_el1: bool,
    /// N, Z, C, V.
    pub nzcv: u8,
    /// TCO: tag checks overridden (FEAT_MTE).
    pub tco: bool,
    /// PAN: privileged access to user pages faults.
    pub pan: bool,
    /// SS: software step.
    pub ss: bool,
    /// IL: the next instruction is an illegal-state exception.
    pub il: bool,
}

impl Pstate {
    /// The kernel, everything masked.
    pub const KERNEL: Pstate = Pstate {
        daif: DAIF,
        allint: false,
        level: Level::El1,
        sp_el1: true,
        nzcv: 0,
        tco: false,
        pan: true,
        ss: false,
        il: false,
    };
    /// User mode, nothing masked.
    pub const USER: Pstate = Pstate { daif: 0, level: Level::El0, sp_el1: false, pan: false, ..Pstate::KERNEL };

    /// As SPSR_EL1 holds it. Arm ARM C5.2.19.
    pub const fn to_spsr(self) -> u64 {
        let mode = match (self.level, self.sp_el1) {
            (Level::El0, _) => 0b0000,
            (Level::El1, false) => 0b0100,
            (Level::El1, true) => 0b0101,
        };
        (self.nzcv as u64) << 28
            | (self.tco as u64) << 25
            | (self.pan as u64) << 22
            | (self.ss as u64) << 21
            | (self.il as u64) << 20
            | if self.allint { ALLINT } else { 0 }
            | (self.daif as u64) << 6
            | mode
    }

    /// `None`: an illegal return (a mode that is none in this machine, or AArch32).
    pub const fn from_spsr(spsr: u64) -> Option<Pstate> {
        let (level, sp_el1) = match spsr & 0x1f {
            0b0000 => (Level::El0, false),
            0b0100 => (Level::El1, false),
            0b0101 => (Level::El1, true),
            _ => return None,
        };
        Some(Pstate { level, sp_el1, ..Pstate::fields(spsr) })
    }

    const fn fields(spsr: u64) -> Pstate {
        Pstate {
            daif: (spsr >> 6) as u8 & DAIF,
            allint: spsr & ALLINT != 0,
            level: Level::El1,
            sp_el1: true,
            nzcv: (spsr >> 28) as u8 & 0xf,
            tco: spsr >> 25 & 1 != 0,
            pan: spsr >> 22 & 1 != 0,
            ss: spsr >> 21 & 1 != 0,
            il: spsr >> 20 & 1 != 0,
        }
    }
}

/// Through which quarter of the vector table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Route {
    /// Synchronous.
    Sync,
    /// IRQ.
    Irq,
    /// FIQ.
    Fiq,
    /// SError.
    Serror,
}

impl Pstate {
    /// Which of the sixteen vectors an exception from here takes.
    pub const fn vector(self, route: Route) -> u8 {
        let from = match (self.level, self.sp_el1) {
            (Level::El1, false) => 0,
            (Level::El1, true) => 4,
            (Level::El0, _) => 8,
        };
        from + route as u8
    }
}

/// Whose a breakpoint or a watchpoint is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Owner {
    /// It is none.
    #[default]
    Nobody,
    /// The task's.
    User,
    /// The kernel's.
    Kernel,
}

/// The registers of one CPU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cpu {
    /// PSTATE.
    pub pstate: Pstate,
    /// The program counter. The model's are tokens, not addresses.
    pub pc: u64,
    /// ELR_EL1.
    pub elr: u64,
    /// SPSR_EL1.
    pub spsr: u64,
    /// ESR_EL1.
    pub esr: u64,
    /// FAR_EL1.
    pub far: u64,
    /// SP_EL0.
    pub sp_el0: u64,
    /// ICC_PMR_EL1: an interrupt comes only if its priority is a lower number.
    pub pmr: u8,
    /// ICC_CTLR_EL1.PMHE: the controller goes by the priority mask too, and by a looser one only after a barrier.
    pub pmhe: bool,
    /// What it goes by. No port has that barrier, so what it holds back then is not followed up: a difference is a broken rule.
    pub pmr_seen: u8,
    /// The CPU has FEAT_NMI, and SCTLR_EL1.NMI is set (SPINTMASK is clear).
    pub nmi: bool,
    /// What is read of registers is as it is now: nothing has happened since that only a context synchronization event lets
    /// be seen.
    pub synchronised: bool,
    /// MDSCR_EL1.SS.
    pub step: bool,
    /// MDSCR_EL1.MDE: breakpoints and watchpoints.
    pub monitors: bool,
    /// MDSCR_EL1.KDE: they, and steps, of the kernel too.
    pub of_kernel: bool,
    /// Whose its first breakpoint and its first watchpoint are.
    pub points: [Owner; 2],
    /// What of MDSCR_EL1.SS is in effect: as it was at the last context synchronization event.
    pub step_in_effect: bool,
}

impl Cpu {
    /// In the kernel, everything masked, as after reset.
    pub const fn new() -> Cpu {
        Cpu {
            pstate: Pstate::KERNEL,
            pc: 0,
            elr: 0,
            spsr: 0,
            esr: 0,
            far: 0,
            sp_el0: 0,
            pmr: 0,
            pmhe: false,
            pmr_seen: priority::OPEN as u8,
            nmi: false,
            synchronised: true,
            step: false,
            monitors: false,
            of_kernel: false,
            // Unknown when it is reset.
            points: [Owner::Kernel; 2],
            step_in_effect: false,
        }
    }

    /// The same, with NMIs.
    pub const fn with_nmis() -> Cpu {
        Cpu { nmi: true, pstate: Pstate { allint: true, ..Pstate::KERNEL }, ..Cpu::new() }
    }

    /// What is masked.
    pub const fn masks(&self) -> Masks {
        Masks { daif: self.pstate.daif, allint: self.pstate.allint, pmr: self.pmr }
    }

    /// Takes an exception to EL1. `esr` for those that have a syndrome (not IRQ, not FIQ), `far` where it is valid. Arm ARM
    /// D1.3.1: the return state, then the new PSTATE: everything masked, ALLINT too where there is one, TCO set, SS and IL clear, SP_EL1; PAN set, because
    /// SCTLR_EL1.SPAN is clear.
    pub fn take(&mut self, esr: Option<u64>, far: Option<u64>) {
        self.elr = self.pc;
        self.spsr = self.pstate.to_spsr();
        self.esr = esr.unwrap_or(self.esr);
        self.far = far.unwrap_or(self.far);
        self.pstate = Pstate {
            daif: DAIF,
            allint: self.nmi,
            level: Level::El1,
            sp_el1: true,
            tco: true,
            pan: true,
            ss: false,
            il: false,
            nzcv: self.pstate.nzcv,
        };
        self.isb();
    }

    /// ERET. Arm ARM D1.3.3. `false`: an illegal return; level and stack pointer stay, IL is set. TCO is UNKNOWN then; here
    /// it stays. PAN, NZCV and the masks are restored all the same.
    pub fn exception_return(&mut self) -> bool {
        self.pc = self.elr;
        self.isb();
        let spsr = if self.nmi { self.spsr } else { self.spsr & !ALLINT };
        match Pstate::from_spsr(spsr) {
            Some(pstate) => {
                // Where MDSCR_EL1.SS is clear, or says nothing (of the kernel, because KDE is clear or D masks it), there is no
                // step; nor from where it says something. Arm ARM D2.12.4.
                let kernel = |pstate: Pstate| self.of_kernel && pstate.level == Level::El1 && pstate.daif & D == 0;
                let stepped = self.step && !kernel(self.pstate) && (pstate.level == Level::El0 || kernel(pstate));
                self.pstate = Pstate { ss: pstate.ss && stepped, ..pstate };
                true
            }
            None => {
                let Pstate { level, sp_el1, tco, .. } = self.pstate;
                self.pstate = Pstate { level, sp_el1, tco, ss: false, il: true, ..Pstate::fields(spsr) };
                false
            }
        }
    }

    /// ISB: a context synchronization event, as taking an exception and returning from it are (SCTLR_EL1.EIS and EOS are set,
    /// or there is no FEAT_ExS). Arm ARM B2.6.1.
    pub fn isb(&mut self) {
        self.synchronised = true;
        self.step_in_effect = self.step;
    }

    /// The breakpoint, 0, or the watchpoint, 1, hits where the CPU is.
    pub fn hits(&self, kind: usize) -> bool {
        let here = match self.points[kind] {
            Owner::Nobody => false,
            Owner::User => self.pstate.level == Level::El0,
            Owner::Kernel => self.of_kernel && self.pstate.level == Level::El1 && self.pstate.daif & D == 0,
        };
        self.monitors && here
    }

    /// The kernel's instruction is stepped.
    pub fn steps_kernel(&self) -> bool {
        self.step && self.of_kernel && self.pstate.level == Level::El1 && self.pstate.daif & D == 0
    }

    /// MSR DAIFSet.
    pub fn daif_set(&mut self, bits: u8) {
        self.pstate.daif |= bits;
    }

    /// MSR DAIFClr.
    pub fn daif_clear(&mut self, bits: u8) {
        self.pstate.daif &= !bits;
    }

    /// MSR DAIF.
    pub fn write_daif(&mut self, daif: u64) {
        self.pstate.daif = (daif >> 6) as u8 & DAIF;
    }

    /// MSR ALLINT.
    pub fn write_allint(&mut self, allint: bool) {
        self.pstate.allint = allint;
    }

    /// MSR ICC_PMR_EL1. A controller may implement only the upper four bits, as here. GIC architecture specification, IHI 0069,
    /// 12.1.5: takes effect at once; for the controller too, if it is tighter or PMHE is clear.
    pub fn set_pmr(&mut self, priority: u64) {
        self.pmr = priority as u8 & 0xf0;
        if !self.pmhe || self.pmr < self.pmr_seen {
            self.pmr_seen = self.pmr;
        }
    }
}
