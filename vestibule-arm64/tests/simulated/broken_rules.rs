//! Every run-time check of the library fires: each test plants a bug in the hardware, a body or a hook, and names the
//! rule that it breaks.

use crate::cpu::{ALL, IRQS, with};
use crate::exceptions::{Exception, in_user_mode, take};
use crate::kernels::Watched;
use crate::memory::Cell;
use crate::scenario::{at_text, change_masks, corrupt, record, set, simulate, simulate_task};
use crate::steps::Report;
use vestibule::{Flags, TaskWord};
use vestibule_arm64::hardware::{A, D};

// What stray calls of tracking's hooks would leave behind: types let nobody make them.

fn fall_asleep() {
    corrupt(Cell::Nesting, |_| 0);
    corrupt(Cell::Watching, |watching| watching + 1);
}

fn wake_up() {
    corrupt(Cell::Watching, |watching| watching + 1);
    corrupt(Cell::Nesting, |_| 1 << 62);
}

fn enter_once_more() {
    corrupt(Cell::Nesting, |nesting| nesting + 2);
}

/// An exception of the kernel with a bug at a step.
pub fn kernel(exception: Exception, at: &'static str, bug: impl FnOnce() + Send + 'static) -> Report {
    simulate::<Watched>(move |_cpu| {
        record();
        at_text(at, bug);
        take(exception);
    })
}

pub fn user(exception: Exception, at: &'static str, bug: impl FnOnce() + Send + 'static) -> Report {
    simulate::<Watched>(move |cpu| {
        in_user_mode(cpu, || {
            record();
            at_text(at, bug);
            take(exception);
        });
    })
}

pub fn broken(report: &Report, rules: &[&str]) {
    assert_eq!(report.constraints(), rules, "\n{}", report.all());
}

#[test]
fn c1_exception_taken_with_debug_open() {
    for (exception, at) in [(Exception::DataAbort, "C1 at el1_abort"), (Exception::Irq, "C1 at el1_irq")] {
        let report = simulate::<Watched>(move |_cpu| {
            with(|state| state.faults.entry_leaves_open = D);
            record();
            take(exception);
        });
        broken(&report, &[at]);
    }
}

#[test]
fn c65_who_traces_a_system_call_left_irqs_masked() {
    for hook in ["work trace entry", "work trace exit"] {
        let report = simulate::<Watched>(move |cpu| {
            in_user_mode(cpu, || {
                set(Flags::SYSCALL_ENTRY.and(Flags::SYSCALL_EXIT));
                record();
                at_text(hook, || {
                    change_masks(IRQS);
                    at_text("!! C65", || change_masks(0));
                });
                take(Exception::Svc);
            });
        });
        broken(&report, &["C65 at el0_svc"]);
    }
}

#[test]
fn c127_registers_of_another_task() {
    let report = user(Exception::Svc, "body", || corrupt(Cell::FpsimdOf, |_| 0x1000));
    broken(&report, &["C127 at el0_svc"]);
}

#[test]
fn c3_restored_with_debug_open() {
    let report = kernel(Exception::DataAbort, "body", || with(|state| state.faults.set_ignores = D));
    broken(&report, &["C3 at el1_abort"]);
}

#[test]
fn c6_inherited_context_left_with_irqs_masked() {
    for exception in [Exception::DataAbort, Exception::Undefined] {
        let at = if exception == Exception::DataAbort { "C6 at el1_abort" } else { "C6 at el1_undefined" };
        broken(&kernel(exception, "body", || change_masks(IRQS)), &[at]);
    }
}

#[test]
fn c6_inherited_context_left_with_irqs_open() {
    let report = simulate::<Watched>(|mut cpu| {
        let _off = cpu.irqs_off();
        record();
        at_text("body", || change_masks(0));
        take(Exception::DataAbort);
        crate::scenario::stop();
    });
    broken(&report, &["C6 at el1_abort"]);
}

#[test]
fn c13_system_call_left_with_serror_masked() {
    broken(&user(Exception::Svc, "body", || change_masks(A | IRQS)), &["C13 at el0_svc"]);
}

#[test]
fn c13_body_left_in_another_context() {
    let bodies = [
        (Exception::DataAbort, "C13 at el0_abort"),
        (Exception::Brk, "C13 at el0_brk"),
        (Exception::Undefined, "C13 at el0_undefined"),
        (Exception::Unhandled, "C13 at el0_unhandled"),
        (Exception::CorrectedError, "C13 at el0_serror"),
    ];
    for (exception, at) in bodies {
        broken(&user(exception, "body", || change_masks(IRQS)), &[at]);
    }
    broken(&kernel(Exception::CorrectedError, "body", || change_masks(IRQS)), &["C13 at el1_serror"]);
    // A BRK's exit masks nothing, because nothing was opened: the restore finds it too.
    broken(&kernel(Exception::Brk, "body", || change_masks(A | IRQS)), &["C13 at el1_brk", "C3 at el1_brk"]);
}

/// Only idle's wait and user mode are not watched; and the tracers are told without anybody watching.
#[test]
fn c18_kernel_interrupted_while_nothing_watched_a_task() {
    let report = simulate::<Watched>(|mut cpu| {
        let _off = cpu.irqs_off();
        fall_asleep();
        record();
        take(Exception::DataAbort);
        crate::scenario::stop();
        wake_up();
    });
    broken(&report, &["C18 at enter from kernel mode", "C80 at irqs off, finish"]);
}

#[test]
fn c23_irqs_open_before_tracing_hears_of_it() {
    let report = simulate::<Watched>(|mut cpu| {
        let _off = cpu.irqs_off();
        record();
        change_masks(0);
    });
    broken(&report, &["C23 at irqs on"]);
}

#[test]
fn c25_handler_left_interrupts_on() {
    broken(&kernel(Exception::Irq, "body", || change_masks(0)), &["C25 at interrupt handler"]);
    broken(&user(Exception::Irq, "body", || change_masks(0)), &["C25 at interrupt handler"]);
}

#[test]
fn c25_handler_left_everything_masked() {
    broken(&kernel(Exception::Irq, "body", || change_masks(ALL)), &["C25 at interrupt handler"]);
}

#[test]
fn c34_user_exit_on_the_interrupt_stack() {
    let report = user(Exception::Svc, "body", || {
        with(|state| state.running.stack_pointer = 0x2000_2000);
    });
    broken(&report, &["C34 at el0_svc"]);
}

#[test]
fn c66_user_exit_while_watching() {
    let report = simulate::<Watched>(|cpu| {
        in_user_mode(cpu, || {
            wake_up();
            record();
            take(Exception::Svc);
        });
    });
    // What wakes the watched puts it to sleep: the rest follows.
    let follows =
        ["C80 at irqs off, finish", "C80 at irqs on, prepare", "C70 at enter the quiescent state", "C67 at el0_svc"];
    broken(&report, &[&["C66 at leave the quiescent state"], &follows[..]].concat());
}

#[test]
fn c66_idle_exit_while_watching() {
    let report = simulate_task::<Watched>(TaskWord::idle(), |mut cpu| {
        record();
        at_text("WFI", wake_up);
        cpu.idle();
    });
    broken(&report, &["C66 at leave the quiescent state", "C80 at irqs on, prepare"]);
}

/// The handler put the CPU to sleep: its exit is of an entry that no longer is.
#[test]
fn c67_irq_exit_while_not_watching() {
    let report = simulate_task::<Watched>(TaskWord::idle(), |_cpu| {
        record();
        at_text("body", fall_asleep);
        take(Exception::Irq);
        crate::scenario::stop();
    });
    let rules = ["C126 at el1_irq", "C80 at irqs on, prepare", "C67 at leave a nested exception", "C67 at el1_irq"];
    broken(&report, &rules);
}

#[test]
fn c67_nmi_exit_twice() {
    let report = simulate_task::<Watched>(TaskWord::idle(), |mut cpu| {
        record();
        at_text("WFI", || {
            at_text("body", fall_asleep);
            take(Exception::CorrectedError);
        });
        cpu.idle();
        crate::scenario::stop();
    });
    broken(&report, &["C67 at leave a nested exception", "C67 at el1_serror"]);
}

/// Of the kernel it is seen at its exit, and not by whoever goes to sleep next; on the way to user mode that is the exit itself.
#[test]
fn c67_an_exit_too_many() {
    for (exception, at) in [(Exception::DataAbort, "C67 at el1_abort"), (Exception::Irq, "C67 at el1_irq")] {
        broken(&kernel(exception, "body", || corrupt(Cell::Nesting, |nesting| nesting - 2)), &[at]);
    }
    let report = user(Exception::Svc, "body", || corrupt(Cell::Nesting, |nesting| nesting - 2));
    broken(&report, &["C70 at enter the quiescent state"]);
}

/// Watched, and yet in nothing that could end.
#[test]
fn c67_exit_of_an_entry_that_never_was() {
    let report = kernel(Exception::Brk, "body", || corrupt(Cell::Nesting, |_| 0));
    broken(&report, &["C67 at leave a nested exception", "C67 at el1_brk"]);
}

#[test]
fn c70_user_enter_inside_an_entry() {
    broken(&user(Exception::Svc, "body", enter_once_more), &["C70 at enter the quiescent state"]);
}

#[test]
fn c70_idle_enter_inside_an_entry() {
    let report = simulate_task::<Watched>(TaskWord::idle(), |mut cpu| {
        enter_once_more();
        record();
        cpu.idle();
    });
    broken(&report, &["C70 at enter the quiescent state"]);
}

#[test]
fn c75_tracing_hears_off_with_irqs_open() {
    let report = simulate::<Watched>(|mut cpu| {
        with(|state| state.faults.set_ignores = IRQS);
        record();
        let _off = cpu.irqs_off();
        crate::scenario::stop();
    });
    broken(&report, &["C75 at irqs off"]);
}

#[test]
fn c76_tracing_changed_its_mind_between_the_stages() {
    let report = kernel(Exception::DataAbort, "belief := prepared", || {
        corrupt(Cell::Belief, |_| 0);
    });
    broken(&report, &["C76 at irqs on"]);
}

#[test]
fn c80_tracers_told_while_not_watching() {
    let report = simulate::<Watched>(|mut cpu| {
        record();
        let off = cpu.irqs_off();
        fall_asleep();
        drop(off);
        let _off = cpu.irqs_off();
        wake_up();
    });
    broken(&report, &["C80 at irqs on, prepare", "C80 at irqs off, finish"]);
}

/// Fourteen errors deep, and fifteen: each counts as a hardirq too, and that count of sixteen values keeps one for an
/// interrupt below them.
#[test]
fn c82_errors_nested_too_deep() {
    fn nest(depth: u32) {
        if depth > 0 {
            at_text("body", move || {
                nest(depth - 1);
                take(Exception::CorrectedError);
            });
        }
    }
    let nested = |depth: u32| {
        simulate::<Watched>(move |_cpu| {
            record();
            nest(depth - 1);
            take(Exception::CorrectedError);
        })
    };
    broken(&nested(14), &[]);
    broken(&nested(15), &["C82 at enter NMI"]);
}

#[test]
fn c126_abort_left_nobody_watching() {
    let report = kernel(Exception::DataAbort, "body", fall_asleep);
    broken(&report, &["C80 at irqs off, finish", "C126 at el1_abort", "C80 at irqs on, prepare", "C67 at el1_abort"]);
}

#[test]
fn c126_kernel_exit_on_the_wrong_stack() {
    let report = kernel(Exception::DataAbort, "body", || {
        with(|state| state.running.stack_pointer = 0x2000_2000);
    });
    broken(&report, &["C126 at el1_abort"]);
}
