//! Signals and sets of them, by Linux's numbers. Pure; its tests run on the host.

use core::fmt;

/// A signal: 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// What happens if a process has said nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// It ends.
    End,
    /// Nothing.
    Ignore,
    /// It stops.
    Stop,
    /// It goes on, if it was stopped.
    Continue,
}

macro_rules! signals {
    ($($name:ident = $number:literal, $default:ident;)*) => {
        #[allow(missing_docs, reason = "their names are what they are known by")]
        impl Signal {
            $(pub const $name: Signal = Signal($number);)*

            /// What it does by default. Real-time signals end the process.
            pub const fn default(self) -> Default {
                match self {
                    $(Signal::$name => Default::$default,)*
                    _ => Default::End,
                }
            }

            const fn name(self) -> Option<&'static str> {
                match self {
                    $(Signal::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    SIGHUP = 1, End;
    SIGINT = 2, End;
    SIGQUIT = 3, End;
    SIGILL = 4, End;
    SIGTRAP = 5, End;
    SIGABRT = 6, End;
    SIGBUS = 7, End;
    SIGFPE = 8, End;
    SIGKILL = 9, End;
    SIGUSR1 = 10, End;
    SIGSEGV = 11, End;
    SIGUSR2 = 12, End;
    SIGPIPE = 13, End;
    SIGALRM = 14, End;
    SIGTERM = 15, End;
    SIGSTKFLT = 16, End;
    SIGCHLD = 17, Ignore;
    SIGCONT = 18, Continue;
    SIGSTOP = 19, Stop;
    SIGTSTP = 20, Stop;
    SIGTTIN = 21, Stop;
    SIGTTOU = 22, Stop;
    SIGURG = 23, Ignore;
    SIGXCPU = 24, End;
    SIGXFSZ = 25, End;
    SIGVTALRM = 26, End;
    SIGPROF = 27, End;
    SIGWINCH = 28, Ignore;
    SIGIO = 29, End;
    SIGPWR = 30, End;
    SIGSYS = 31, End;
}

impl Signal {
    /// The highest number.
    pub const LAST: u32 = 64;

    /// The signal of that number.
    pub const fn new(number: u32) -> Option<Signal> {
        if 1 <= number && number <= Signal::LAST { Some(Signal(number as u8)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Nobody can block, ignore or handle it.
    pub const fn is_absolute(self) -> bool {
        SignalSet::ABSOLUTE.has(self)
    }

    /// Each one that is sent is delivered.
    pub const fn is_real_time(self) -> bool {
        self.0 >= 32
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// A set of signals, as the kernel's `sigset_t` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignalSet(u64);

impl SignalSet {
    /// None.
    pub const NONE: SignalSet = SignalSet(0);
    /// What nobody can block, ignore or handle.
    pub const ABSOLUTE: SignalSet = SignalSet::of(&[Signal::SIGKILL, Signal::SIGSTOP]);
    /// What stops a process by default.
    pub const STOPPING: SignalSet =
        SignalSet::of(&[Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU]);
    /// What an instruction of the task's own raises: delivered before anything else.
    pub const SYNCHRONOUS: SignalSet = SignalSet::of(&[
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGFPE,
        Signal::SIGSYS,
    ]);

    /// Of these.
    pub const fn of(signals: &[Signal]) -> SignalSet {
        let (mut bits, mut at) = (0, 0);
        while at < signals.len() {
            bits |= 1 << (signals[at].0 - 1);
            at += 1;
        }
        SignalSet(bits)
    }

    /// From user mode's word.
    pub const fn from_bits(bits: u64) -> SignalSet {
        SignalSet(bits)
    }

    /// As a word.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Is it in here?
    pub const fn has(self, signal: Signal) -> bool {
        self.0 >> (signal.0 - 1) & 1 != 0
    }

    /// Is there any?
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    pub const fn or(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    /// What is in both.
    pub const fn and(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & other.0)
    }

    /// What is in here, and not in `other`.
    pub const fn without(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    /// With `signal`, too.
    pub const fn with(self, signal: Signal) -> SignalSet {
        self.or(SignalSet::of(&[signal]))
    }

    /// The one to deliver first: what the task did itself, then the lowest number.
    pub const fn first(self) -> Option<Signal> {
        let synchronous = self.and(SignalSet::SYNCHRONOUS);
        let among = if synchronous.is_empty() { self.0 } else { synchronous.0 };
        Signal::new(among.trailing_zeros() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_1_to_64_are_signals() {
        assert_eq!((Signal::new(0), Signal::new(65)), (None, None));
        assert_eq!(Signal::new(9), Some(Signal::SIGKILL));
        assert_eq!(Signal::new(64).map(Signal::default), Some(Default::End));
    }

    #[test]
    fn a_set_is_linuxs_word() {
        assert_eq!(SignalSet::of(&[Signal::SIGHUP, Signal::SIGKILL]).bits(), 0x101);
        assert!(SignalSet::from_bits(1 << 63).has(Signal::new(64).unwrap()));
        assert!(Signal::SIGSTOP.is_absolute() && !Signal::SIGTSTP.is_absolute());
    }

    #[test]
    fn what_the_task_did_itself_comes_first_then_the_lowest() {
        let set = SignalSet::of(&[Signal::SIGTERM, Signal::SIGHUP, Signal::SIGSEGV]);
        assert_eq!(set.first(), Some(Signal::SIGSEGV));
        assert_eq!(set.without(SignalSet::SYNCHRONOUS).first(), Some(Signal::SIGHUP));
        assert_eq!(SignalSet::NONE.first(), None);
    }
}
