//! A task that is stepped: MDSCR.SS only while it is in user mode (C12), PSTATE.SS as the CPU left it (C128).

use crate::cpu::with;
use crate::exceptions::{Exception, take};
use crate::kernels::{RESCHED, Test, Token, watched};
use crate::scenario::{at_text, record, set_remotely, sound_in_user_mode};
use crate::steps::Report;
use expect_test::expect;
use vestibule::Process;
use vestibule_arm64::{Frame, step};

watched!(Steps {
    /// Who traces the task has it stepped from here on.
    fn syscall(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        step::begin(&cpu, frame);
        cpu
    }
    /// And no longer.
    fn user_abort(cpu: Token<Self, Process>, frame: &mut Frame) -> Token<Self, Process> {
        step::end(&cpu, frame);
        cpu
    }
});

/// In user mode: is it stepped, and is its instruction still to be executed?
fn state() -> (bool, bool) {
    with(|state| (state.mdscr.stepping, state.unexecuted))
}

const UNEXECUTED: (bool, bool) = (true, true);
const EXECUTED: (bool, bool) = (true, false);
const NOT_STEPPED: (bool, bool) = (false, false);

/// A task whose next instruction is stepped.
fn stepped(there: impl FnOnce() + Send + 'static) -> Report {
    sound_in_user_mode::<Test<Steps>>(|| {
        take(Exception::Svc);
        assert_eq!(state(), UNEXECUTED);
        there();
    })
}

#[test]
fn c12_the_whole_of_a_step() {
    let report = stepped(|| {
        with(|state| state.unexecuted = false);
        record();
        take(Exception::Step);
        assert_eq!(state(), NOT_STEPPED, "whoever wants another asks for it");
    });
    expect![[r#"
        Step from EL0
          read ELR
          write frame.pc
          read SPSR
          write frame.pstate
          read SP_EL0
          write frame.sp
          load thread.step
          MDSCR.SS := 0
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
          load thread.step
          thread.step := no
          load watching
          belief := prepared
          read DAIF
          load belief
          belief := on
          DAIFClr DAIF
          body user_step [....] on the task stack
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
fn c12_armed_anew_by_every_return_and_disarmed_by_every_entry() {
    for exception in
        [Exception::Irq, Exception::CorrectedError, Exception::ContainedError, Exception::Brk, Exception::Undefined]
    {
        let report = stepped(move || {
            record();
            take(exception);
            assert_eq!(state(), UNEXECUTED, "{exception:?} came before the instruction was executed");
        });
        let writes: Vec<_> = report.all().lines().filter(|line| line.contains("MDSCR")).map(String::from).collect();
        assert_eq!(writes, ["  MDSCR.SS := 0", "  MDSCR.SS := 1"], "{exception:?}");
    }
}

#[test]
fn c128_an_interrupt_after_the_instruction_leaves_it_executed() {
    stepped(|| {
        with(|state| state.unexecuted = false);
        take(Exception::Irq);
        assert_eq!(state(), EXECUTED);
    });
}

#[test]
fn c12_work_that_is_wanted_at_the_last_moment_finds_nothing_stepped() {
    let report = stepped(|| {
        record();
        at_text("read SP", || set_remotely(RESCHED));
        take(Exception::Irq);
    });
    report.assert_order(&["schedule UserExit", "MDSCR.SS := 1"]);
}

#[test]
fn a_task_that_is_no_longer_stepped_is_not_armed() {
    stepped(|| {
        take(Exception::DataAbort);
        assert_eq!(state(), NOT_STEPPED);
    });
}
