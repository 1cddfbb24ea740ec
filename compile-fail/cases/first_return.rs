//! A task that never came from user mode goes there by the exit of a class that comes from user mode with everything
//! open, and by no other.
//@ masked_body: E0271 "<El0Irq as Class>::Body == Process"
//@ masked_body: E0271 "<Then<NoNmi, Hardirq> as Body>::Last == Process"
//@ from_kernel: E0277 "`Regular: FromUser`"
//@ with_interrupts_masked: E0308 "Process>`, found `Cpu<" "NoIrq>`"

use support::*;

pub enum FromKernel {}
impl Class for FromKernel {
    const NAME: &'static str = "from_kernel";
    type Body = Process;
    type Counts = Regular;
}

pub fn handler<'f, P: Arm64Port>(
    cpu: Cpu<P::Kernel, Process>,
    no_irq: Cpu<P::Kernel, NoIrq>,
    frame: &'f mut Frame,
    key: Key,
) {
    #[cfg(good)]
    let x: Exception<'f, P, El0Svc, _> = Exception::first(cpu, frame, key);
    #[cfg(bad = "masked_body")]
    let x: Exception<'f, P, El0Irq, _> = Exception::first(cpu, frame, key);
    #[cfg(bad = "from_kernel")]
    let x: Exception<'f, P, FromKernel, _> = Exception::first(cpu, frame, key);
    #[cfg(bad = "with_interrupts_masked")]
    let x: Exception<'f, P, El0Svc, _> = Exception::first(no_irq, frame, key);
    let _restored: Restored<'f, P, _> = x.mask().prepare().restore();
}
