//! ESR_EL1 in words, and what a program is told of it. Pure; its tests run on the host.
//!
//! Arm ARM D24.2.40.

use core::fmt;

use linux_raw_sys::general as linux;

use crate::signals::Signal;

/// ESR.EC of what the kernel tells apart itself.
pub mod class {
    #![allow(missing_docs, reason = "names as in the Arm ARM")]
    pub const UNKNOWN: u64 = 0x00;
    pub const ILLEGAL_STATE: u64 = 0x0e;
    pub const SYSTEM_REGISTER: u64 = 0x18;
    pub const POINTER_AUTHENTICATION: u64 = 0x1c;
    pub const INSTRUCTION_ABORT: u64 = 0x20;
    pub const INSTRUCTION_ABORT_CURRENT: u64 = 0x21;
    pub const PC_ALIGNMENT: u64 = 0x22;
    pub const DATA_ABORT: u64 = 0x24;
    pub const DATA_ABORT_CURRENT: u64 = 0x25;
    pub const SP_ALIGNMENT: u64 = 0x26;
    pub const MEMORY_OPERATION: u64 = 0x27;
    pub const FLOATING_POINT: u64 = 0x2c;
    pub const SERROR: u64 = 0x2f;
    pub const WATCHPOINT: u64 = 0x34;
    pub const WATCHPOINT_CURRENT: u64 = 0x35;
}

/// Why an exception came, as the CPU says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syndrome(pub u64);

/// What a program is told that did what no program may, where nothing else is known for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The signal.
    pub signal: Signal,
    /// Its `si_code`.
    pub code: u32,
}

impl Syndrome {
    /// ESR.EC.
    pub const fn class(self) -> u64 {
        self.0 >> 26 & 0x3f
    }

    /// What the class is called.
    pub const fn name(self) -> &'static str {
        match self.class() {
            class::UNKNOWN => "undefined instruction",
            0x01 => "trapped WFI or WFE",
            0x07 => "trapped FP or SIMD",
            0x0a => "trapped 64-byte access",
            0x0d => "branch target",
            class::ILLEGAL_STATE => "illegal execution state",
            0x11 | 0x15 => "SVC",
            0x12 | 0x16 => "HVC",
            0x13 | 0x17 => "SMC",
            0x14 => "trapped 128-bit system register",
            class::SYSTEM_REGISTER => "trapped system register",
            0x19 => "trapped SVE",
            0x1a => "trapped ERET",
            class::POINTER_AUTHENTICATION => "pointer authentication",
            0x1d => "trapped SME",
            class::INSTRUCTION_ABORT | class::INSTRUCTION_ABORT_CURRENT => "instruction abort",
            class::PC_ALIGNMENT => "PC alignment",
            class::DATA_ABORT | class::DATA_ABORT_CURRENT => "data abort",
            class::SP_ALIGNMENT => "SP alignment",
            class::MEMORY_OPERATION => "memory copy or set",
            0x28 | class::FLOATING_POINT => "floating-point exception",
            0x2d => "guarded control stack",
            class::SERROR => "SError",
            0x30 | 0x31 => "hardware breakpoint",
            0x32 | 0x33 => "software step",
            class::WATCHPOINT | class::WATCHPOINT_CURRENT => "watchpoint",
            0x38 | 0x3c => "BRK",
            _ => "exception of an unknown class",
        }
    }

    /// An abort, of whom ever.
    pub const fn is_abort(self) -> bool {
        matches!(
            self.class(),
            class::INSTRUCTION_ABORT | class::INSTRUCTION_ABORT_CURRENT | class::DATA_ABORT | class::DATA_ABORT_CURRENT
        )
    }

    /// FAR holds an address that belongs to it.
    pub const fn has_fault_address(self) -> bool {
        const FAR_NOT_VALID: u64 = 1 << 10;
        const EXTERNAL: u64 = 0x10;
        let unknown = self.is_abort() && self.status() == EXTERNAL && self.0 & FAR_NOT_VALID != 0;
        let may = self.is_abort()
            || matches!(self.class(), class::PC_ALIGNMENT | class::WATCHPOINT | class::WATCHPOINT_CURRENT);
        may && !unknown
    }

    /// The fault status code of an abort. The level is in the lower two bits of most.
    pub const fn status(self) -> u64 {
        self.0 & 0x3f
    }

    /// A data abort's access was cache maintenance.
    const fn is_cache_maintenance(self) -> bool {
        self.0 & 1 << 8 != 0
    }

    /// A data abort's access was a store. Cache maintenance reads, whatever WnR says.
    pub const fn is_store(self) -> bool {
        self.0 & 1 << 6 != 0 && !self.is_cache_maintenance()
    }

    /// What an abort's status is called; of those with a level, without it.
    const fn status_name(self) -> &'static str {
        match self.status() {
            0x00..=0x03 => "address size fault",
            0x04..=0x07 => "translation fault",
            0x08..=0x0b => "access flag fault",
            0x0c..=0x0f => "permission fault",
            0x10 => "external abort",
            0x11 => "tag check fault",
            0x13..=0x17 => "external abort on a table walk",
            0x18 => "memory error",
            0x1b..=0x1f => "memory error on a table walk",
            0x21 => "alignment fault",
            0x30 => "TLB conflict",
            0x31 => "unsupported update",
            0x34 => "lockdown",
            0x35 => "unsupported exclusive or atomic access",
            _ => "unknown fault",
        }
    }

    /// The level of the tables that it is about.
    const fn level(self) -> Option<u64> {
        match self.status() {
            0x00..=0x0f | 0x14..=0x17 | 0x1c..=0x1f => Some(self.0 & 0b11),
            _ => None,
        }
    }

    /// Which floating-point exceptions came, if the CPU says: what the program is told is the gravest. Arm ARM D24.2.40, ISS of EC 0x2c.
    const fn floating_point(self) -> u32 {
        const TRAPPED: u64 = 1 << 23;
        match self.0 & 0b1_1111 {
            _ if self.0 & TRAPPED == 0 => linux::FPE_FLTUNK,
            flags if flags & 1 << 0 != 0 => linux::FPE_FLTINV,
            flags if flags & 1 << 1 != 0 => linux::FPE_FLTDIV,
            flags if flags & 1 << 2 != 0 => linux::FPE_FLTOVF,
            flags if flags & 1 << 3 != 0 => linux::FPE_FLTUND,
            flags if flags & 1 << 4 != 0 => linux::FPE_FLTRES,
            _ => linux::FPE_FLTUNK,
        }
    }

    /// An abort's, as a program is told it: of an address that is not a user's, nothing of what the kernel has there.
    pub const fn of_access(self, is_users: bool) -> u64 {
        const CLASS_AND_LENGTH: u64 = 0x7f << 25;
        const KIND: u64 = 1 << 8 | 1 << 6;
        const LEVEL_0: u64 = 0x04;
        match self.class() {
            _ if is_users => self.0,
            class::DATA_ABORT => self.0 & (CLASS_AND_LENGTH | KIND) | LEVEL_0,
            class::INSTRUCTION_ABORT => self.0 & CLASS_AND_LENGTH | LEVEL_0,
            _ => 0,
        }
    }

    /// An instruction's, as a program is told it: zero where Linux tells none.
    pub const fn of_instruction(self) -> u64 {
        match self.class() {
            class::UNKNOWN | 0x01 | 0x0d | class::SYSTEM_REGISTER | 0x19 | 0x1d | class::FLOATING_POINT => 0,
            _ => self.0,
        }
    }

    /// What a program is told, whichever class it is.
    pub const fn told(self) -> Told {
        match self.class() {
            class::PC_ALIGNMENT | class::SP_ALIGNMENT => Told { signal: Signal::SIGBUS, code: linux::BUS_ADRALN },
            class::POINTER_AUTHENTICATION => Told { signal: Signal::SIGILL, code: linux::ILL_ILLOPN },
            class::FLOATING_POINT => Told { signal: Signal::SIGFPE, code: self.floating_point() },
            _ => Told { signal: Signal::SIGILL, code: linux::ILL_ILLOPC },
        }
    }
}

impl fmt::Display for Syndrome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if self.is_abort() {
            write!(f, ", {}", self.status_name())?;
            if let Some(level) = self.level() {
                write!(f, " at level {level}")?;
            }
        }
        match self.class() {
            class::DATA_ABORT | class::DATA_ABORT_CURRENT => f.write_str(match self {
                _ if self.is_cache_maintenance() => ", of cache maintenance",
                _ if self.is_store() => ", of a store",
                _ => ", of a load",
            }),
            0x38 | 0x3c => write!(f, " {:#x}", self.0 & 0xffff),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: u64, rest: u64) -> Syndrome {
        Syndrome(class << 26 | 1 << 25 | rest)
    }

    #[test]
    fn whatever_comes_from_user_mode_ends_in_a_signal() {
        for class in 0..64 {
            let Told { signal, .. } = of(class, 0).told();
            let wanted = match class {
                0x22 | 0x26 => Signal::SIGBUS,
                0x2c => Signal::SIGFPE,
                _ => Signal::SIGILL,
            };
            assert_eq!(signal, wanted, "class {class:#x}");
        }
        assert_eq!(of(0x1c, 0).told().code, linux::ILL_ILLOPN);
        let codes =
            [0b0, 0b1_1111, 0b1_1110, 0b1_1100, 0b1_1000, 0b1_0000].map(|flags| of(0x2c, 1 << 23 | flags).told().code);
        use linux::{FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_FLTUNK};
        assert_eq!(codes, [FPE_FLTUNK, FPE_FLTINV, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES]);
        assert_eq!(of(0x2c, 1).told().code, FPE_FLTUNK);
    }

    #[test]
    fn a_program_is_told_nothing_of_the_kernels_mappings() {
        let (store, fetch) = (of(0x24, 1 << 24 | 1 << 16 | 0x4f), of(0x20, 0x0f));
        assert_eq!((store.of_access(true), fetch.of_access(true)), (store.0, fetch.0));
        assert_eq!((store.of_access(false), fetch.of_access(false)), (of(0x24, 0x44).0, of(0x20, 0x04).0));
        assert_eq!((of(0x00, 0).of_instruction(), of(0x26, 0).of_instruction()), (0, of(0x26, 0).0));
    }

    #[test]
    fn an_abort_says_what_was_tried_and_what_failed() {
        assert_eq!(of(0x25, 0x07).to_string(), "data abort, translation fault at level 3, of a load");
        assert_eq!(of(0x25, 0x4f).to_string(), "data abort, permission fault at level 3, of a store");
        assert_eq!(of(0x24, 0x146).to_string(), "data abort, translation fault at level 2, of cache maintenance");
        assert_eq!(of(0x21, 0x05).to_string(), "instruction abort, translation fault at level 1");
        assert_eq!(of(0x24, 0x21).to_string(), "data abort, alignment fault, of a load");
        assert_eq!(of(0x3c, 1).to_string(), "BRK 0x1");
        assert_eq!(of(0x00, 0).to_string(), "undefined instruction");
        assert_eq!(of(0x3f, 0).to_string(), "exception of an unknown class");
    }

    #[test]
    fn an_address_is_shown_only_if_the_cpu_wrote_one() {
        for class in [0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35] {
            assert!(of(class, 0).has_fault_address(), "class {class:#x}");
        }
        for class in [0x00, 0x0e, 0x18, 0x26, 0x2f, 0x3c] {
            assert!(!of(class, 0).has_fault_address(), "class {class:#x}");
        }
        assert!(!of(0x25, 1 << 10 | 0x10).has_fault_address());
        assert!(of(0x25, 1 << 10 | 0x07).has_fault_address());
    }
}
