//! Tag checks: whose faults they are, when checks are open, and that a system call waits for the fault before it.

use crate::cpu::{Coming, Simulated, step, with};
use crate::exceptions::{Exception, take};
use crate::kernels::{Flavour, Recorded, TakingTurns, Test, Token, Watched, watched};
use crate::scenario::{at_text, die, prepare_second, record, set, sound, sound_in_user_mode, stop};
use crate::steps::Report;
use expect_test::expect;
use vestibule::{Flags, Process, Tracked, TrackedIrqs};
use vestibule_arm64::tags::{self, Mode};
use vestibule_arm64::{Daif, Frame};

/// A mode of a task.
trait Wanted: 'static {
    const MODE: Mode;
}
/// And for these tags.
const INCLUDED: u16 = 0xfff0;
macro_rules! modes {
    ($($name:ident)*) => {$(
        enum $name {}
        impl Wanted for $name {
            const MODE: Mode = Mode::$name;
        }
    )*};
}
modes!(Ignore Sync Async Asymm);

/// Its task asks for that mode in its first system call. `OWN`: the kernel's accesses are checked.
struct Tagged<W, const OWN: bool>(W);

macro_rules! rest {
    () => {
        type Backend = Daif<Simulated>;
        type ContextTracking = Tracked;
        type IrqTracing = TrackedIrqs;
        type UserWork = Recorded;
        type SyscallWork = Recorded;
        type Softirqs = Recorded;
        type Checks = Recorded;
        const TAG_CHECKS: bool = true;
    };
}

impl<W: Wanted, const OWN: bool> Flavour for Tagged<W, OWN> {
    rest!();
    type Scheduler = Recorded;
    const CHECKS_OWN_TAGS: bool = OWN;
    fn syscall(mut cpu: Token<Self, Process>, _: &mut Frame) -> Token<Self, Process> {
        if with(|state| state.tags.user.1 == 0) {
            tags::set(&mut cpu, W::MODE, INCLUDED);
        }
        cpu
    }
}

const USER: usize = 0;
const KERNEL: usize = 1;

/// An access fails an asynchronous check, unless checks are masked.
fn fails_check(whose: usize) {
    with(|state| {
        if !state.tags.masked {
            state.tags.coming[whose] = Coming { bits: [1, 2][whose], waited_for: false };
        }
    });
    step(["(the user fails a check)", "(the kernel fails a check)"][whose]);
}

/// In user mode, with these checks.
fn in_mode<W: Wanted, const OWN: bool>(there: impl FnOnce() + Send + 'static) -> Report {
    sound_in_user_mode::<Test<Tagged<W, OWN>>>(|| {
        take(Exception::Svc);
        there();
    })
}

/// What of a report is about tags, tracking, masks and what the kernel runs.
fn about_tags(report: &Report) -> String {
    const ABOUT: [&str; 16] = [
        " from ",
        "TCO",
        "TFSR",
        "DSB",
        "ISB",
        "DAIFClr",
        "write DAIF",
        "DAIFSet",
        "watching:",
        "tag-fault",
        "body",
        "work",
        "tag fault",
        "switch to",
        "TCF0",
        "schedule",
    ];
    let all = report.all();
    let lines = all.lines().filter(|line| ABOUT.iter().any(|about| line.contains(about)) || line.contains("ERET"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn c105_an_asynchronous_fault_of_user_mode() {
    let report = in_mode::<Async, false>(|| {
        record();
        fails_check(USER);
        take(Exception::DataAbort);
        assert_eq!(with(|state| state.tags.faults), [0, 0]);
    });
    expect![[r#"
        DataAbort from EL0
          read TFSRE0
          TFSRE0 := 0
          word sets tag-fault
          watching: yes
          DAIFClr DAIF
          body user_abort [....] on the task stack
          DAIFSet DAIF
          DAIFClr DA
          DAIFClr IF
          work other [....] on the task stack
          word clears tag-fault other
          DAIFSet DAIF
          watching: no
          DSB
          TFSRE0 := 0
          ERET to EL0
    "#]]
    .assert_eq(&about_tags(&report));
}

#[test]
fn c62_a_system_call_after_a_fault_is_made_again_and_nobody_traces_it() {
    let report = in_mode::<Async, false>(|| {
        set(Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT));
        with(|state| state.pc = 0x40_0010);
        record();
        fails_check(USER);
        take(Exception::Svc);
        assert_eq!(with(|state| state.pc), 0x40_000c, "at the call once more");
        take(Exception::Svc);
        assert_eq!(with(|state| state.pc), 0x40_000c, "made");
    });
    expect![[r#"
        body syscall_again [....] on the task stack
        work other [....] on the task stack
        work trace entry [....] on the task stack
        body syscall [....] on the task stack
        work trace exit [....] on the task stack
    "#]]
    .assert_eq(&report.kernel());
}

#[test]
fn c49_checks_open_where_a_fault_of_the_kernels_copies_shows() {
    let opens = |report: Report| report.all().contains("TCO := 0");
    let came = || {
        record();
        take(Exception::Irq);
    };
    assert!(!opens(in_mode::<Ignore, false>(came)));
    assert!(opens(in_mode::<Sync, false>(came)));
    assert!(!opens(in_mode::<Async, false>(came)));
    assert!(opens(in_mode::<Asymm, false>(came)));
    assert!(opens(in_mode::<Ignore, true>(came)));
    let report = in_mode::<Sync, false>(came);
    expect![[r#"
        Irq from EL0
          watching: yes
          TCO := 0
          DAIFClr DA
          ISB
          body interrupt [..IF] on the irq stack
          DAIFSet DAIF
          watching: no
          ERET to EL0
    "#]]
    .assert_eq(&about_tags(&report));
}

#[test]
fn c106_what_the_kernel_fails_as_the_user_is_forgotten() {
    let report = in_mode::<Asymm, false>(|| {
        record();
        at_text("body", || fails_check(USER));
        take(Exception::Svc);
        take(Exception::Svc);
    });
    assert!(!report.all().contains("tag-fault"), "{}", report.all());
}

#[test]
fn c21_c102_c103_the_kernels_own_faults_from_the_kernel() {
    let report = sound::<Test<Tagged<Ignore, true>>>(|_cpu| {
        record();
        fails_check(KERNEL);
        at_text("body", || fails_check(KERNEL));
        take(Exception::DataAbort);
        assert_eq!(with(|state| state.tags.faults), [0, 0]);
    });
    expect![[r#"
        DataAbort from EL1 [....]
          read TFSR
          TFSR := 0
          tag fault of what was interrupted [DAIF] on the task stack
          TCO := 0
          write DAIF ....
          body kernel_abort [....] on the task stack
          DAIFSet DAIF
          DSB
          ISB
          read TFSR
          TFSR := 0
          tag fault of what ran since [DAIF] on the task stack
          ERET to EL1 [....]
    "#]]
    .assert_eq(&about_tags(&report));
}

#[test]
fn c102_the_kernels_own_faults_on_the_way_to_user_mode() {
    let report = in_mode::<Ignore, true>(|| {
        record();
        at_text("body", || fails_check(KERNEL));
        take(Exception::Svc);
    });
    expect![[r#"
        Svc from EL0
          watching: yes
          TCO := 0
          DAIFClr DAIF
          body syscall [....] on the task stack
          DAIFSet DAIF
          DSB
          ISB
          read TFSR
          TFSR := 0
          tag fault of what ran since [DAIF] on the task stack
          watching: no
          ERET to EL0
    "#]]
    .assert_eq(&about_tags(&report));
}

#[test]
fn c101_nmi_like_exceptions_leave_checks_masked_and_returns_put_back_what_was() {
    watched!(Nmis on AllInt {
        const TAG_CHECKS: bool = true;
        const CHECKS_OWN_TAGS: bool = true;
    });
    for exception in [Exception::Nmi, Exception::Brk, Exception::CorrectedError] {
        let report = sound::<Test<Nmis>>(move |mut cpu| {
            let _off = cpu.irqs_off();
            record();
            take(exception);
            assert!(!with(|state| state.tags.masked), "as it was");
            with(|state| state.tags.masked = true);
            take(exception);
            assert!(with(|state| state.tags.masked), "as it was");
            stop();
        });
        let all = report.all();
        assert!(!["TCO", "TFSR"].iter().any(|name| all.contains(name)), "{exception:?}: {all}");
    }
}

struct Switching<W, const OWN: bool>(W);
impl<W: Wanted, const OWN: bool> Flavour for Switching<W, OWN> {
    rest!();
    type Scheduler = TakingTurns<()>;
    const CHECKS_OWN_TAGS: bool = OWN;
}

/// The second task asks for its checks and gives way, for good.
fn second<W: Wanted, const OWN: bool>(mut cpu: Token<Switching<W, OWN>, Process>, _: usize) -> ! {
    tags::set(&mut cpu, W::MODE, INCLUDED);
    cpu.schedule();
    die()
}

/// The switches to a task that asks for checks, and back to one that has none.
fn switched<W: Wanted, const OWN: bool>() -> Report {
    sound::<Test<Switching<W, OWN>>>(|mut cpu| {
        prepare_second(second::<W, OWN>, 0);
        record();
        fails_check(KERNEL);
        cpu.schedule();
        assert_eq!(with(|state| state.tags.user), (0, 0xffff), "the first task has asked for nothing");
        stop();
    })
}

#[test]
fn c104_a_switch_waits_and_then_sets_checks_for_the_next_task() {
    expect![[r#"
        DAIFSet IF
        DAIFSet DA
        switch to second
        DAIFClr DA
        body finish_switch [..IF] on the task stack
        DAIFClr IF
        DAIFSet IF
        TCF0 := 1, excluded tags 0xf
        ISB
        DAIFClr IF
        DAIFSet IF
        DAIFSet DA
        DSB
        ISB
        TCF0 := 0, excluded tags 0xffff
        ISB
        TCO := 1
        switch to task
        DAIFClr DA
        DAIFClr IF
    "#]]
    .assert_eq(&about_tags(&switched::<Sync, false>()));
    expect![[r#"
        DAIFSet IF
        DAIFSet DA
        DSB
        ISB
        read TFSR
        TFSR := 0
        tag fault of the task that is left [DAIF] on the task stack
        TCO := 0
        switch to second
        DAIFClr DA
        body finish_switch [..IF] on the task stack
        DAIFClr IF
        DAIFSet IF
        TCF0 := 2, excluded tags 0xf
        ISB
        DAIFClr IF
        DAIFSet IF
        DAIFSet DA
        DSB
        ISB
        read TFSR
        TCF0 := 0, excluded tags 0xffff
        ISB
        TCO := 0
        switch to task
        DAIFClr DA
        DAIFClr IF
    "#]]
    .assert_eq(&about_tags(&switched::<Async, true>()));
}

#[test]
fn without_tag_checks_there_is_nothing_of_them() {
    let report = sound_in_user_mode::<Watched>(|| {
        record();
        for exception in [Exception::Svc, Exception::Irq, Exception::DataAbort] {
            take(exception);
        }
    });
    let all = report.all();
    assert!(!["TCO", "TFSR", "DSB", "thread.tags"].iter().any(|name| all.contains(name)), "{all}");
}
