//! A system call, between those who trace it: they see it before it is made and when it is over, and only if the task's word
//! says that somebody traces it.
//!
//! ```text
//!   Open --trace_entry--> Traced --call--> Called --trace_exit--> Ran
//! ```

use super::*;

/// A system call that who traces it has seen, and may have changed, or taken over.
#[must_use = "it is made, or is not, by `call`"]
pub struct Traced<'f, P: Port, X: Class>(Exception<'f, P, X, Open<Process>>, Call);

impl<'f, P: Port, X: Class<Body = Process, Counts = Syscall>> Exception<'f, P, X, Open<Process>> {
    /// Who traces the task may change the call, or keep it from being made (C64).
    #[inline(always)]
    pub fn trace_entry(self) -> Traced<'f, P, X> {
        if !self.is_traced(Flags::SYSCALL_ENTRY) {
            return Traced(self, Call::Make);
        }
        core::hint::cold_path();
        let Exception { frame, noted, cpu, unrestored } = self;
        let (cpu, call) = <P::Kernel as Kernel>::SyscallWork::entry(cpu, frame);
        check_context::<P::Kernel, Process>(65, X::NAME);
        Traced(Exception { frame, noted, cpu, unrestored }, call)
    }
}

impl<'f, P: Port, X: Class<Body = Process, Counts = Syscall>> Traced<'f, P, X> {
    /// The call itself. One that is not made keeps the result that it was given (C63).
    #[inline(always)]
    pub fn call(
        self,
        body: impl FnOnce(Cpu<P::Kernel, Process>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, Process>,
    ) -> Exception<'f, P, X, Called> {
        match self {
            Traced(x, Call::Make) => x.run_body(body).at(),
            Traced(x, Call::Skip) => x.at(),
        }
    }
}

impl<'f, P: Port, X: Class<Body = Process, Counts = Syscall>> Exception<'f, P, X, Called> {
    /// Who traces the task sees how it ended: once, before any other work (C65).
    #[inline(always)]
    pub fn trace_exit(self) -> Exception<'f, P, X, Ran<Process>> {
        if !self.is_traced(Flags::SYSCALL_EXIT) {
            return self.at();
        }
        core::hint::cold_path();
        let Exception { frame, noted, cpu, unrestored } = self;
        let cpu = <P::Kernel as Kernel>::SyscallWork::exit(cpu, frame);
        check_context::<P::Kernel, Process>(65, X::NAME);
        Exception { frame, noted, cpu, unrestored }
    }
}

impl<P: Port, X: Class, S: Stage> Exception<'_, P, X, S> {
    #[inline(always)]
    fn is_traced(&self, flag: Flags) -> bool {
        <P::Kernel as Kernel>::SyscallWork::ON && self.cpu.task_word().read::<MachineOf<P>>().traces().any_of(flag)
    }
}
