//! What comes with a signal: `siginfo_t`. Pure; its tests run on the host.

use super::signal::Signal;

/// A signal, why it came, and from whom or from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// Which.
    pub signal: Signal,
    /// Why: `si_code`.
    pub code: i32,
    /// From whom or from where.
    pub origin: Origin,
}

/// Where a signal came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The kernel.
    Kernel,
    /// A process, with a value of its choice.
    Sender {
        /// Its number.
        process: u32,
        /// What it sent along.
        value: u64,
    },
    /// A child, about itself.
    Child {
        /// Its number.
        process: u32,
        /// Its exit status, or the signal that did it.
        status: i32,
        /// For how long it ran in user mode and in the kernel, in clock ticks.
        times: [u64; 2],
    },
    /// An instruction.
    Fault {
        /// The address that it asked for, or its own.
        address: u64,
    },
    /// A timer.
    Timer {
        /// Which.
        id: u32,
        /// How often it expired beyond this once.
        overrun: u32,
        /// What was asked to be told.
        value: u64,
    },
    /// As user mode wrote it, from byte 12 on.
    Raw([u8; 116]),
}

/// Bytes in a `siginfo_t`.
pub const INFO_SIZE: usize = 128;

/// Sent by `kill`.
pub const SI_USER: i32 = 0;
/// Sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// Sent by `sigqueue`.
pub const SI_QUEUE: i32 = -1;
/// From a POSIX timer.
pub const SI_TIMER: i32 = -2;
/// Sent by `tgkill`.
pub const SI_TKILL: i32 = -6;

impl Info {
    /// From the kernel, about nothing in particular.
    pub const fn kernel(signal: Signal) -> Info {
        Info { signal, code: SI_KERNEL, origin: Origin::Kernel }
    }

    /// As the kernel writes it for user mode.
    pub fn to_bytes(self) -> [u8; INFO_SIZE] {
        let mut bytes = [0; INFO_SIZE];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &self.signal.number().to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match self.origin {
            Origin::Kernel => {}
            Origin::Sender { process, value } => {
                put(16, &process.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Origin::Child { process, status, times } => {
                put(16, &process.to_le_bytes());
                put(24, &status.to_le_bytes());
                put(32, &times[0].to_le_bytes());
                put(40, &times[1].to_le_bytes());
            }
            Origin::Fault { address } => put(16, &address.to_le_bytes()),
            Origin::Timer { id, overrun, value } => {
                put(16, &id.to_le_bytes());
                put(20, &overrun.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Origin::Raw(rest) => put(12, &rest),
        }
        bytes
    }

    /// As user mode wrote it for `rt_sigqueueinfo`; the signal's number in it says nothing.
    pub fn from_bytes(signal: Signal, bytes: &[u8; INFO_SIZE]) -> Info {
        let code = i32::from_le_bytes(core::array::from_fn(|index| bytes[8 + index]));
        Info { signal, code, origin: Origin::Raw(core::array::from_fn(|index| bytes[12 + index])) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_linux_has_them() {
        let info = Info { signal: Signal::SIGSEGV, code: 1, origin: Origin::Fault { address: 0x1122_3344_5566_7788 } };
        let bytes = info.to_bytes();
        assert_eq!(bytes[..12], [11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[16..24], 0x1122_3344_5566_7788_u64.to_le_bytes());
        let child = Origin::Child { process: 7, status: 9, times: [3, 4] };
        let bytes = Info { signal: Signal::SIGCHLD, code: 2, origin: child }.to_bytes();
        assert_eq!((bytes[16], bytes[24], bytes[32], bytes[40]), (7, 9, 3, 4));
    }

    #[test]
    fn what_user_mode_wrote_comes_back_but_for_the_number() {
        let bytes: [u8; INFO_SIZE] = core::array::from_fn(|index| index as u8);
        let back = Info::from_bytes(Signal::SIGTERM, &bytes).to_bytes();
        assert_eq!(back[..4], [15, 0, 0, 0]);
        assert_eq!(back[8..], bytes[8..]);
    }
}
