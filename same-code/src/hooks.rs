//! What the kernel does, somewhere else.

use vestibule::{Call, Why};
use vestibule_arm64::Frame;
use vestibule_arm64::breakpoints::Hit;

unsafe extern "Rust" {
    pub safe fn schedule(why: Why);
    pub safe fn tracking_eqs_exit();
    pub safe fn tracking_eqs_enter();
    pub safe fn tracking_irq_enter();
    pub safe fn tracking_irq_exit();
    pub safe fn irqs_off();
    pub safe fn irqs_off_finish();
    pub safe fn irqs_on_prepare();
    pub safe fn irqs_on();
    pub safe fn irqs_believed_on() -> bool;
    pub safe fn work_signal(frame: &mut Frame);
    pub safe fn work_notify_resume(frame: &mut Frame);
    pub safe fn work_other(frame: &mut Frame);
    pub safe fn trace_entry(frame: &mut Frame) -> Call;
    pub safe fn trace_exit(frame: &mut Frame);
    pub safe fn softirqs_pending() -> bool;
    pub safe fn softirqs_run();
    pub safe fn die(what: &'static str, frame: &Frame) -> !;
    pub safe fn body_syscall(frame: &mut Frame);
    pub safe fn body_user_abort(frame: &mut Frame);
    pub safe fn body_kernel_abort(frame: &mut Frame);
    pub safe fn body_user_brk(frame: &mut Frame);
    pub safe fn body_user_step(frame: &mut Frame);
    pub safe fn body_user_breakpoint(frame: &mut Frame) -> Hit;
    pub safe fn body_user_watchpoint(frame: &mut Frame) -> Hit;
    pub safe fn body_user_hit(frame: &mut Frame);
    pub safe fn body_kernel_brk(frame: &mut Frame);
    pub safe fn body_kernel_breakpoint(frame: &mut Frame);
    pub safe fn body_kernel_watchpoint(frame: &mut Frame);
    pub safe fn body_kernel_step(frame: &mut Frame);
    pub safe fn body_user_undefined(frame: &mut Frame);
    pub safe fn body_kernel_undefined(frame: &mut Frame);
    pub safe fn body_interrupt(interrupt: u32, frame: &mut Frame);
    pub safe fn body_nmi(interrupt: u32, frame: &mut Frame);
    pub safe fn body_serror_corrected(frame: &mut Frame);
    pub safe fn body_user_serror(frame: &mut Frame);
    pub safe fn body_user_unhandled(frame: &mut Frame);
}
