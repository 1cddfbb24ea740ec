//! Breakpoints and watchpoints: handled with everything masked (C10, C11), in the CPU only where they are meant (C12), and gone
//! over by a step that nothing comes into.

use crate::cpu::{Mdscr, with};
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::{RESCHED, Subject, Test, Token, Watched, WatchedAllInt, WatchedPmr, watched};
use crate::scenario::{at_text, current, pend, record, set, set_remotely, simulate, sound, stop};
use crate::steps::Report;
use expect_test::expect;
use vestibule::{Cpu, Process};
use vestibule_arm64::breakpoints::{ENABLED, Hit, Kind, Point, set_of_kernel};
use vestibule_arm64::{Frame, step};

watched!(Passing {
    const HIT: Hit = Hit::Passed;
    /// Who traces the task has it stepped from here on.
    fn syscall(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        step::begin(&cpu, frame);
        cpu
    }
});

const USERS: u64 = 0x40_0000;
const KERNELS: u64 = 0xffff_0000;

const fn point(address: u64) -> Point {
    Point { address, control: ENABLED }
}

/// The addresses of those of that kind that are in the CPU.
fn in_cpu(kind: Kind) -> Vec<u64> {
    with(|state| {
        let of_kind = state.points.iter().filter(|((which, _), _)| *which == kind as usize);
        of_kind.map(|(_, point)| point.address).collect()
    })
}

/// Those of the breakpoints and those of the watchpoints.
fn both_in_cpu() -> (Vec<u64>, Vec<u64>) {
    (in_cpu(Kind::Breakpoint), in_cpu(Kind::Watchpoint))
}

/// A task with one of each, in user mode.
fn with_points<K: Subject>(there: impl FnOnce() + Send + 'static) -> Report {
    sound::<K>(|cpu| {
        for kind in [Kind::Breakpoint, Kind::Watchpoint] {
            // SAFETY: it is the current task, and the CPU is a simulated one.
            unsafe { current().set_point(kind, 0, point(USERS)) };
        }
        in_user_mode(cpu, there);
    })
}

/// The kernel has one of each on this CPU, as number 0.
fn set_kernels<K: Subject>(cpu: &mut Cpu<K, Process>) {
    let off = cpu.irqs_off();
    for kind in [Kind::Breakpoint, Kind::Watchpoint] {
        // SAFETY: the CPU is a simulated one.
        unsafe { set_of_kernel(&*off, kind, 0, point(KERNELS)) };
    }
}

/// No debugger's, NMI's or SError's code sees one that is half set or half gone.
#[test]
fn c130_one_of_the_kernels_changes_masked_and_is_gone_when_it_is_removed() {
    let report = sound::<WatchedPmr>(|mut cpu| {
        set_kernels(&mut cpu);
        assert_eq!(both_in_cpu(), (vec![KERNELS], vec![KERNELS]));
        let off = cpu.irqs_off();
        record();
        for kind in [Kind::Breakpoint, Kind::Watchpoint] {
            // SAFETY: the CPU is a simulated one.
            unsafe { set_of_kernel(&*off, kind, 0, Point::default()) };
        }
        assert_eq!((mdscr(), both_in_cpu()), (Mdscr::default(), (vec![], vec![])));
    });
    expect![[r#"
        DAIFSet DAIF
        Breakpoint 0 := none
        MDSCR.MDE := 1, KDE := 1
        ISB
        PMR := off
        DAIFClr DAIF
        DAIFSet DAIF
        Watchpoint 0 := none
        MDSCR.MDE := 0, KDE := 0
        ISB
        PMR := off
        DAIFClr DAIF
        load watching
        belief := prepared
        read DAIF
        read PMR
        load belief
        belief := on
        PMR := open
    "#]]
    .assert_eq(&report.all());
}

fn mdscr() -> Mdscr {
    with(|state| state.mdscr)
}

const IN_USER_MODE: Mdscr = Mdscr { stepping: false, monitors: true, of_kernel: false };

#[test]
fn c11_a_breakpoint_of_user_mode() {
    let report = with_points::<Watched>(|| {
        assert_eq!((mdscr(), in_cpu(Kind::Breakpoint)), (IN_USER_MODE, vec![USERS]));
        record();
        take(Exception::Breakpoint);
        assert_eq!((mdscr(), in_cpu(Kind::Breakpoint)), (IN_USER_MODE, vec![USERS]), "it is there again");
    });
    expect![[r#"
        Breakpoint from EL0
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read SP_EL0
          write frame.sp
          load thread.step
          Breakpoint 0 := none
          Watchpoint 0 := none
          MDSCR.SS := 0, MDE := 0
          ISB
          read ESR
          write frame.syndrome
          read DAIF
          read DAIF
          belief := off
          load watching
          watching: yes
          nesting := kernel
          load watching
          write frame.syscall
          word +preempt
          body user_breakpoint [DAIF] on the task stack
          read DAIF
          word -preempt
          load watching
          belief := prepared
          read DAIF
          load belief
          belief := on
          DAIFClr DAIF
          body user_hit [....] on the task stack
          read DAIF
          DAIFSet DAIF
          read DAIF
          belief := off
          load watching
          read SP
          load word
          load word
          load thread.fpsimd.loaded_by
          load cpu.fpsimd_of
          read DAIF
          read frame.pstate
          load watching
          belief := prepared
          load watching
          load nesting
          nesting := 0
          watching: no
          read DAIF
          load belief
          belief := on
          load thread.step
          Breakpoint 0 := 0x400000
          Watchpoint 0 := 0x400000
          MDSCR.SS := 0, MDE := 1
          read frame.sp
          write SP_EL0
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL0
    "#]]
    .assert_eq(&report.all());
}

#[test]
fn c11_work_comes_after_the_masked_body() {
    let report = with_points::<Watched>(|| {
        record();
        at_text("body user_watchpoint", || set_remotely(RESCHED));
        take(Exception::Watchpoint);
    });
    report.assert_order(&["body user_watchpoint [DAIF]", "Irq from EL1 [....]", "schedule"]);
}

#[test]
fn c11_suspended_for_one_instruction() {
    for (hit, other) in [(Kind::Breakpoint, Kind::Watchpoint), (Kind::Watchpoint, Kind::Breakpoint)] {
        let exception = if hit == Kind::Breakpoint { Exception::Breakpoint } else { Exception::Watchpoint };
        let report = with_points::<Test<Passing>>(move || {
            take(exception);
            assert_eq!(mdscr(), Mdscr { stepping: true, ..IN_USER_MODE });
            assert!(with(|state| state.unexecuted), "the instruction is still to be executed");
            assert_eq!((in_cpu(hit), in_cpu(other)), (vec![], vec![USERS]), "the others stay");
            // An interrupt before the instruction changes nothing.
            take(Exception::Irq);
            assert!(with(|state| state.unexecuted) && in_cpu(hit).is_empty());
            with(|state| state.unexecuted = false);
            record();
            take(Exception::Step);
            assert_eq!((mdscr(), in_cpu(hit)), (IN_USER_MODE, vec![USERS]));
        });
        assert!(!report.all().contains("user_step"), "nobody asked for that step:\n{}", report.all());
    }
}

#[test]
fn c128_a_step_that_is_both_the_tracers_and_a_breakpoints_is_told() {
    let report = with_points::<Test<Passing>>(|| {
        take(Exception::Svc);
        take(Exception::Breakpoint);
        with(|state| state.unexecuted = false);
        record();
        take(Exception::Step);
        assert_eq!((mdscr(), in_cpu(Kind::Breakpoint)), (IN_USER_MODE, vec![USERS]));
    });
    assert!(report.all().contains("body user_step [....]"), "{}", report.all());
}

#[test]
fn c11_what_a_system_call_was_suspended_for_is_over_when_a_tracer_has_it_stepped() {
    with_points::<Test<Passing>>(|| {
        take(Exception::Breakpoint);
        // The instruction is the call itself, in which the tracer asks for a step.
        take(Exception::Svc);
        assert_eq!(in_cpu(Kind::Breakpoint), [USERS], "that is another instruction's step");
        assert_eq!(mdscr(), Mdscr { stepping: true, ..IN_USER_MODE });
    });
}

#[test]
fn c12_the_kernels_are_there_in_the_kernel_and_the_tasks_in_user_mode() {
    sound::<Watched>(|mut cpu| {
        set_kernels(&mut cpu);
        // SAFETY: it is the current task, and the CPU is a simulated one.
        unsafe { current().set_point(Kind::Breakpoint, 0, point(USERS)) };
        in_user_mode(cpu, || {
            assert_eq!(both_in_cpu(), (vec![USERS], vec![KERNELS]));
            record();
            at_text("body user_brk", || {
                assert_eq!(both_in_cpu(), (vec![KERNELS], vec![KERNELS]));
                assert_eq!(mdscr(), Mdscr { stepping: false, monitors: true, of_kernel: true });
            });
            take(Exception::Brk);
            assert_eq!(in_cpu(Kind::Breakpoint), [USERS]);
        });
    });
}

#[test]
fn c12_a_task_without_any_leaves_none_behind() {
    with_points::<Watched>(|| {
        at_text("body user_brk", || {
            assert_eq!(both_in_cpu(), (vec![], vec![]));
            assert_eq!(mdscr(), Mdscr::default());
        });
        record();
        take(Exception::Brk);
    });
}

/// A breakpoint of the kernel comes, and the step over it.
fn over<K: Subject>(exception: Exception, between: impl FnOnce() + Send + 'static) -> Report {
    sound::<K>(move |mut cpu| {
        set_kernels(&mut cpu);
        record();
        take(exception);
        between();
        with(|state| state.unexecuted = false);
        take(Exception::Step);
        stop();
        assert_eq!(both_in_cpu(), (vec![KERNELS], vec![KERNELS]));
        assert_eq!(mdscr(), Mdscr { stepping: false, monitors: true, of_kernel: true });
    })
}

#[test]
fn c10_a_breakpoint_of_the_kernel_and_the_step_over_it() {
    let report = over::<Watched>(Exception::Breakpoint, || {});
    expect![[r#"
        Breakpoint from EL1 [....]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read DAIF
          load belief
          word +preempt
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          body kernel_breakpoint [DAIF] on the task stack
          Breakpoint 0 := none
          MDSCR.SS := 1
          read DAIF
          read DAIF
          read frame.pstate
          load watching
          belief := prepared
          load nesting
          load watching
          nesting := kernel
          read DAIF
          load belief
          belief := on
          word -preempt
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [.AIF]
        Step from EL1 [.AIF]
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read ESR
          write frame.syndrome
          read DAIF
          load belief
          word +preempt
          read DAIF
          belief := off
          load watching
          load nesting
          nesting := kernel+2
          load watching
          body kernel_step [DAIF] on the task stack
          Breakpoint 0 := 0xffff0000
          Watchpoint 0 := 0xffff0000
          MDSCR.SS := 0
          read DAIF
          read DAIF
          read frame.pstate
          load watching
          belief := prepared
          load nesting
          load watching
          nesting := kernel
          read DAIF
          load belief
          belief := on
          word -preempt
          read frame.pc
          write ELR
          read frame.pstate
          write SPSR
          ERET to EL1 [....]
    "#]]
    .assert_eq(&report.all());
}

#[test]
fn c10_c12_nothing_comes_before_the_step_is_over() {
    let report = over::<Watched>(Exception::Watchpoint, || {
        assert_eq!(with(|state| state.masks()), ".AIF", "only debug exceptions are open for it");
        assert_eq!(both_in_cpu(), (vec![KERNELS], vec![]));
        pend(Exception::CorrectedError);
        set(RESCHED);
        pend(Exception::Irq);
    });
    report.assert_order(&["Step from EL1 [.AIF]", "Irq from EL1 [....]"]);
    report.assert_order(&["Step from EL1 [.AIF]", "CorrectedError from EL1 [....]"]);
}

#[test]
fn c12_nmis_are_masked_for_the_step_too() {
    over::<WatchedPmr>(Exception::Breakpoint, || assert_eq!(with(|state| state.masks()), ".AIF open"));
    over::<WatchedAllInt>(Exception::Breakpoint, || assert_eq!(with(|state| state.masks()), ".AIF ALLINT"));
}

#[test]
fn c10_a_watchpoint_in_the_step_over_a_breakpoint() {
    let report = over::<Watched>(Exception::Breakpoint, || {
        take(Exception::Watchpoint);
        assert_eq!(both_in_cpu(), (vec![], vec![]));
        assert!(with(|state| state.unexecuted));
    });
    assert_eq!(report.all().lines().last(), Some("  ERET to EL1 [....]"), "the masks of the very first");
}

#[test]
fn c10_with_interrupts_off() {
    sound::<Watched>(|mut cpu| {
        set_kernels(&mut cpu);
        let _off = cpu.irqs_off();
        record();
        take(Exception::Breakpoint);
        with(|state| state.unexecuted = false);
        take(Exception::Step);
        assert_eq!(with(|state| state.masks()), "..IF");
        stop();
    });
}

#[test]
fn a_step_that_nobody_asked_for_is_the_end() {
    let report = simulate::<Watched>(|_cpu| {
        record();
        take(Exception::Step);
    });
    assert!(report.all().contains("die of software step in the kernel, which nobody asked for"), "{}", report.all());
}
