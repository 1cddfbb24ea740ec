//! Bugs that tests plant: a check that was never seen to find one proves nothing. `bug=NAME` on the command line plants one,
//! or a test call while the kernel runs, in a checked build; a plain one has none. `docs/broken.md` says what finds which.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// What can be planted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Bug {
    /// What RCU defers is freed at once, as if nobody read.
    FreesEarly = 1,
    /// RCU takes a CPU without a task for one where nobody reads, also while it handles an interrupt.
    IdlePasses,
    /// Whoever waits for a futex is taken for woken now and then, and sleeps on.
    LostWakeup,
    /// A page frame without owners is not free now and then.
    LeakedFrame,
    /// A dead task stays now and then.
    LeakedTask,
    /// An open file stays now and then when it is closed.
    LeakedFile,
    /// Who is switched from loses its FP/SIMD registers.
    LostFpsimd,
    /// The first byte of what comes out of a pipe is another.
    WrongByte,
    /// A system call reads where nothing is.
    KernelFault,
    /// A page that is copied loses its tags.
    LostTags,
    /// A page with tags has those that its frame had for whoever had it before.
    LeakedTags,
    /// What an SError interrupted has SErrors masked afterwards.
    SerrorMasks,
    /// A task whose SError nobody can put right goes on.
    SerrorSpares,
    /// The kernel may read the memory of programs as if it were its own.
    NoPan,
    /// The kernel's breakpoints are on the first CPU alone.
    DeafCpu,
    /// A task's breakpoints stay when another program begins in it.
    KeptBreakpoints,
    /// An SError that is survived is not counted.
    SerrorUncounted,
    /// Nobody is told of a task's breakpoints and watchpoints.
    UntoldHit,
    /// Who is switched from loses its first breakpoint.
    LostBreakpoints,
    /// Who was stepped is stepped on when its tracer lets it go.
    KeptStep,
    /// What an undefined instruction of the kernel's interrupted has SErrors masked afterwards.
    FaultMasks,
    /// A signal that an exception is told by has another `si_code`.
    WrongCode,
    /// Such a signal has no address.
    LostAddress,
    /// Programs read zero in every identification register.
    ZeroId,
    /// A file that is no program for this machine is executed without a word.
    ExecAccepts,
    /// There is memory right below a kernel stack.
    NoGuard,
    /// The last entries of a CPU are not kept.
    LostEntries,
    /// Who is switched to may make no tags.
    LostTagControl,
    /// Nobody is told of an asynchronous tag check that failed.
    LostTagFault,
    /// What a tag check of the kernel's says comes after the CPU was asked, as without the barriers before.
    LostTfsr,
    /// Who has masked its tag checks finds them open after a fault.
    OpensTco,
    /// A signal's handler begins with tag checks masked, if they were.
    KeptTco,
    /// A signal's handler begins as what it interrupts was branched to.
    KeptBranch,
    /// What goes on after a signal's handler was not branched to.
    LostBranch,
    /// Who is switched to signs with the keys of whoever did last.
    KeptKeys,
    /// A new program signs with the keys of the one before.
    InheritedKeys,
    /// A memory operation begins anew with registers that it does not begin with.
    StaleOperation,
    /// Who writes to a file keeps the lock of its position.
    KeptLock,
    /// An SError that was survived takes a lock.
    SerrorLocks,
}

/// Every so many times is now and then.
const SELDOM: u32 = 64;

static PLANTED: AtomicU8 = AtomicU8::new(0);
static CHANCES: AtomicU32 = AtomicU32::new(0);

impl Bug {
    const NAMES: [(&str, Bug); 39] = [
        ("frees-early", Bug::FreesEarly),
        ("idle-passes", Bug::IdlePasses),
        ("lost-wakeup", Bug::LostWakeup),
        ("leaked-frame", Bug::LeakedFrame),
        ("leaked-task", Bug::LeakedTask),
        ("leaked-file", Bug::LeakedFile),
        ("lost-fpsimd", Bug::LostFpsimd),
        ("wrong-byte", Bug::WrongByte),
        ("kernel-fault", Bug::KernelFault),
        ("lost-tags", Bug::LostTags),
        ("leaked-tags", Bug::LeakedTags),
        ("serror-masks", Bug::SerrorMasks),
        ("serror-spares", Bug::SerrorSpares),
        ("no-pan", Bug::NoPan),
        ("deaf-cpu", Bug::DeafCpu),
        ("kept-breakpoints", Bug::KeptBreakpoints),
        ("serror-uncounted", Bug::SerrorUncounted),
        ("untold-hit", Bug::UntoldHit),
        ("lost-breakpoints", Bug::LostBreakpoints),
        ("kept-step", Bug::KeptStep),
        ("fault-masks", Bug::FaultMasks),
        ("wrong-code", Bug::WrongCode),
        ("lost-address", Bug::LostAddress),
        ("zero-id", Bug::ZeroId),
        ("exec-accepts", Bug::ExecAccepts),
        ("no-guard", Bug::NoGuard),
        ("lost-entries", Bug::LostEntries),
        ("lost-tag-control", Bug::LostTagControl),
        ("lost-tag-fault", Bug::LostTagFault),
        ("lost-tfsr", Bug::LostTfsr),
        ("opens-tco", Bug::OpensTco),
        ("kept-tco", Bug::KeptTco),
        ("kept-branch", Bug::KeptBranch),
        ("lost-branch", Bug::LostBranch),
        ("kept-keys", Bug::KeptKeys),
        ("inherited-keys", Bug::InheritedKeys),
        ("stale-operation", Bug::StaleOperation),
        ("kept-lock", Bug::KeptLock),
        ("serror-locks", Bug::SerrorLocks),
    ];

    /// By its name.
    pub fn named(name: &str) -> Option<Bug> {
        Self::NAMES.into_iter().find(|(other, _)| cfg!(feature = "checked") && *other == name).map(|(_, bug)| bug)
    }

    /// From now on it is there.
    pub fn plant(self) {
        PLANTED.store(self as u8, Ordering::Relaxed);
    }

    /// From now on there is none.
    pub fn remove() {
        PLANTED.store(0, Ordering::Relaxed);
    }

    /// It is there.
    #[inline(always)]
    pub fn is_planted(self) -> bool {
        cfg!(feature = "checked") && PLANTED.load(Ordering::Relaxed) == self as u8
    }

    /// It is there, and this is one of the times.
    #[inline(always)]
    pub fn strikes(self) -> bool {
        self.is_planted() && CHANCES.fetch_add(1, Ordering::Relaxed) % SELDOM == SELDOM - 1
    }
}
