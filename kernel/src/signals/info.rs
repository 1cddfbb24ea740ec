//! What comes with a signal: `siginfo_t`. Pure; its tests run on the host.

use alloc::boxed::Box;

use super::signal::Signal;

/// A signal, why it came, and from whom or from where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Which.
    pub signal: Signal,
    /// Why: `si_code`.
    pub code: i32,
    /// From whom or from where.
    pub origin: Origin,
}

/// Where a signal came from.
#[derive(Clone, PartialEq, Eq, Debug)]
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
        status: u16,
        /// For how long it ran in user mode and in the kernel, in clock ticks.
        times: [u64; 2],
    },
    /// An access.
    Fault {
        /// To where.
        address: u64,
        /// What a program is told of its syndrome, or zero.
        syndrome: u64,
    },
    /// An instruction.
    Instruction {
        /// Where it is, but for a stack pointer's own sake.
        address: u64,
        /// What a program is told of its syndrome, or zero.
        syndrome: u64,
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
    /// As user mode wrote it, from the third word on.
    Raw(Box<[u64; INFO_WORDS - 2]>),
}

// The compiler moves four words by itself, and calls `memcpy` for more.
const _: () = assert!(size_of::<Info>() <= 32);

/// Words in a `siginfo_t`.
pub const INFO_WORDS: usize = 16;

/// Sent by `kill`.
pub const SI_USER: i32 = 0;
/// Sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
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
    pub fn to_words(&self) -> [u64; INFO_WORDS] {
        let mut words = [0; INFO_WORDS];
        self.put(&mut words);
        words
    }

    /// The same, in front of words that are zeros.
    #[inline(always)]
    pub fn put(&self, words: &mut [u64]) {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        words[0] = u64::from(self.signal.number());
        words[1] = pair(self.code as u32, 0);
        match &self.origin {
            Origin::Kernel => {}
            Origin::Sender { process, value } => {
                words[2] = pair(*process, 0);
                words[3] = *value;
            }
            Origin::Child { process, status, times } => {
                words[2] = pair(*process, 0);
                words[3] = pair(u32::from(*status), 0);
                [words[4], words[5]] = *times;
            }
            Origin::Fault { address, .. } | Origin::Instruction { address, .. } => words[2] = *address,
            Origin::Timer { id, overrun, value } => {
                words[2] = pair(*id, *overrun);
                words[3] = *value;
            }
            Origin::Raw(rest) => words[2..INFO_WORDS].copy_from_slice(&rest[..]),
        }
    }

    /// As user mode wrote it for `rt_sigqueueinfo`; the signal's number in it says nothing.
    pub fn from_words(signal: Signal, words: &[u64; INFO_WORDS]) -> Info {
        let mut rest = [0; INFO_WORDS - 2];
        rest.copy_from_slice(&words[2..]);
        Info { signal, code: words[1] as i32, origin: Origin::Raw(Box::new(rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_linux_has_them() {
        let origin = Origin::Fault { address: 0x1122_3344_5566_7788, syndrome: 1 };
        let info = Info { signal: Signal::SIGSEGV, code: -1, origin };
        assert_eq!(info.to_words()[..3], [11, 0xffff_ffff, 0x1122_3344_5566_7788]);
        let child = Origin::Child { process: 7, status: 9, times: [3, 4] };
        let words = Info { signal: Signal::SIGCHLD, code: 2, origin: child }.to_words();
        assert_eq!(words[..6], [17, 2, 7, 9, 3, 4]);
        let timer = Origin::Timer { id: 1, overrun: 2, value: 3 };
        let words = Info { signal: Signal::SIGALRM, code: SI_TIMER, origin: timer }.to_words();
        assert_eq!(words[2..4], [1 | 2 << 32, 3]);
    }

    #[test]
    fn what_user_mode_wrote_comes_back_but_for_the_number() {
        let words: [u64; INFO_WORDS] = core::array::from_fn(|index| index as u64 + 1);
        let back = Info::from_words(Signal::SIGTERM, &words).to_words();
        assert_eq!(back[..2], [15, 2]);
        assert_eq!(back[2..], words[2..]);
    }
}
