//! What kind of exception an event is: its vector slot and, for a synchronous one, the syndrome.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An exception class. Two events of one class took the same vector for the same cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Class {
    /// Where the exception came from.
    pub from: Origin,
    /// Which of the four vectors of that origin it took.
    pub kind: Kind,
    /// The exception class of the syndrome; `None` exactly if the exception was asynchronous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// x8 at the vector; `None` unless the cause is an SVC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_call: Option<u64>,
}

/// The rows of the vector table, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// EL1 with SP_EL0.
    El1t,
    /// EL1 with SP_EL1.
    El1h,
    /// EL0 in AArch64 state.
    El0_64,
    /// EL0 in AArch32 state.
    El0_32,
}

/// The columns of the vector table, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Synchronous.
    Sync,
    /// IRQ or virtual IRQ.
    Irq,
    /// FIQ or virtual FIQ.
    Fiq,
    /// SError or virtual SError.
    Error,
}

/// ESR_EL1.EC, as far as it is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Unknown reason: undefined instructions.
    Unknown,
    /// SVC in AArch64 state.
    Svc64,
    /// Instruction abort from a lower exception level.
    InstructionAbortLower,
    /// Instruction abort at EL1.
    InstructionAbortCurrent,
    /// Data abort from a lower exception level.
    DataAbortLower,
    /// Data abort at EL1.
    DataAbortCurrent,
    /// BRK in AArch64 state.
    Brk,
    /// Any other value of EC.
    Other(u8),
}

/// The distance between two vectors in bytes.
const SLOT_SIZE: u64 = 0x80;

/// Whether a vector can begin at `address`, wherever the table is.
pub(crate) fn may_be_slot(address: u64) -> bool {
    address.is_multiple_of(SLOT_SIZE)
}

/// The vector at `address`, if one of the 16 begins exactly there.
pub(crate) fn slot_at(address: u64, vector_base: u64) -> Option<(Origin, Kind)> {
    let offset = address.checked_sub(vector_base)?;
    if !may_be_slot(offset) {
        return None;
    }
    let origin = match offset / SLOT_SIZE / 4 {
        0 => Origin::El1t,
        1 => Origin::El1h,
        2 => Origin::El0_64,
        3 => Origin::El0_32,
        _ => return None,
    };
    let kind = match offset / SLOT_SIZE % 4 {
        0 => Kind::Sync,
        1 => Kind::Irq,
        2 => Kind::Fiq,
        _ => Kind::Error,
    };
    Some((origin, kind))
}

impl Class {
    /// A class from the slot and the registers at the first instruction of the vector.
    pub(crate) fn new(from: Origin, kind: Kind, syndrome: u64, x8: u64) -> Class {
        let cause = (kind == Kind::Sync).then(|| Cause::from_syndrome(syndrome));
        let system_call = (cause == Some(Cause::Svc64)).then_some(x8);
        Class { from, kind, cause, system_call }
    }
}

impl Cause {
    fn from_syndrome(syndrome: u64) -> Cause {
        match (syndrome >> 26 & 0x3f) as u8 {
            0x00 => Cause::Unknown,
            0x15 => Cause::Svc64,
            0x20 => Cause::InstructionAbortLower,
            0x21 => Cause::InstructionAbortCurrent,
            0x24 => Cause::DataAbortLower,
            0x25 => Cause::DataAbortCurrent,
            0x3c => Cause::Brk,
            other => Cause::Other(other),
        }
    }
}

impl Origin {
    /// Whether the exception came from a user program: the kernel's stack of that task was empty.
    pub(crate) fn is_user(self) -> bool {
        matches!(self, Origin::El0_64 | Origin::El0_32)
    }
}

/// One line for tables: `el0_64 sync svc64 #172`.
impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match self.from {
            Origin::El1t => "el1t",
            Origin::El1h => "el1h",
            Origin::El0_64 => "el0_64",
            Origin::El0_32 => "el0_32",
        };
        let kind = match self.kind {
            Kind::Sync => "sync",
            Kind::Irq => "irq",
            Kind::Fiq => "fiq",
            Kind::Error => "error",
        };
        write!(out, "{from} {kind}")?;
        if let Some(cause) = self.cause {
            write!(out, " {cause}")?;
        }
        if let Some(number) = self.system_call {
            write!(out, " #{number}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Cause::Unknown => "unknown",
            Cause::Svc64 => "svc64",
            Cause::InstructionAbortLower => "instruction abort (lower)",
            Cause::InstructionAbortCurrent => "instruction abort (current)",
            Cause::DataAbortLower => "data abort (lower)",
            Cause::DataAbortCurrent => "data abort (current)",
            Cause::Brk => "brk",
            Cause::Other(class) => return write!(out, "EC {class:#04x}"),
        };
        out.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_at_multiples_of_0x80() {
        const BASE: u64 = 0xffff_8000_0001_0800;
        assert_eq!(slot_at(BASE, BASE), Some((Origin::El1t, Kind::Sync)));
        assert_eq!(slot_at(BASE + 0x280, BASE), Some((Origin::El1h, Kind::Irq)));
        assert_eq!(slot_at(BASE + 0x400, BASE), Some((Origin::El0_64, Kind::Sync)));
        assert_eq!(slot_at(BASE + 0x780, BASE), Some((Origin::El0_32, Kind::Error)));
        for address in [BASE - 0x80, BASE + 4, BASE + 0x404, BASE + 0x800] {
            assert_eq!(slot_at(address, BASE), None, "{address:#x}");
        }
    }

    #[test]
    fn only_system_calls_have_a_number_and_only_synchronous_exceptions_a_cause() {
        let call = Class::new(Origin::El0_64, Kind::Sync, 0x5600_0000, 172);
        assert_eq!(call.to_string(), "el0_64 sync svc64 #172");
        let abort = Class::new(Origin::El1h, Kind::Sync, 0x9600_0045, 172);
        assert_eq!(abort.to_string(), "el1h sync data abort (current)");
        let trap = Class::new(Origin::El0_64, Kind::Sync, 0x6232_c000, 172);
        assert_eq!(trap.to_string(), "el0_64 sync EC 0x18");
        let interrupt = Class::new(Origin::El1h, Kind::Irq, 0x5600_0000, 172);
        assert_eq!(interrupt.to_string(), "el1h irq");
    }
}
