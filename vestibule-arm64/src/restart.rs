//! A system call that a signal interrupted: whether it is made again is decided once (C61).
//!
//! Its body says so by a result that user mode never sees. Who delivers the signal takes that question out of the frame; after
//! that the call is about to be made again, unless who took it decides otherwise, or a tracer sends user mode elsewhere. Nobody
//! finds it again: not the next signal, not the handler's return, nor anything that came by no system call.

use crate::syndrome::SVC_LENGTH;
use crate::{Frame, NO_SYSCALL};

/// The question, taken out of a frame. Forgotten, it is answered: the call is made again.
#[must_use = "the call is made again, or it fails"]
#[derive(Debug, PartialEq, Eq)]
pub struct Interrupted {
    asks: Asks,
    /// Where the call is.
    pc: u64,
}

/// What the body wants, by Linux's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    /// ERESTARTSYS: again, unless a handler runs that asked for no restarts.
    UnlessRefused = 512,
    /// ERESTARTNOINTR: again.
    Always = 513,
    /// ERESTARTNOHAND: again, unless a handler runs.
    UnlessHandled = 514,
    /// ERESTART_RESTARTBLOCK: what is left of it, unless a handler runs.
    TheRest = 516,
}

const EINTR: u64 = 4;
/// The system call that does what is left of another.
const RESTART_SYSCALL: u64 = 128;

impl Frame {
    /// The system call that this is the frame of, if it was interrupted, and nobody has asked before.
    pub fn interrupted_syscall(&mut self) -> Option<Interrupted> {
        if self.syscall == NO_SYSCALL {
            return None;
        }
        self.forget_syscall();
        let every = [Asks::UnlessRefused, Asks::Always, Asks::UnlessHandled, Asks::TheRest];
        let asks = every.into_iter().find(|asks| self.regs[0] == (*asks as u64).wrapping_neg())?;
        self.regs[0] = self.first_argument;
        self.pc = self.pc.wrapping_sub(SVC_LENGTH);
        Some(Interrupted { asks, pc: self.pc })
    }

    /// What is in this frame now is no system call's result: a signal's return, a new program.
    pub fn forget_syscall(&mut self) {
        self.syscall = NO_SYSCALL;
    }
}

impl Interrupted {
    /// A handler runs first; `restarts`: it was installed so that calls are made again after it (SA_RESTART).
    pub fn handled(self, restarts: bool, frame: &mut Frame) {
        let again = self.asks == Asks::Always || self.asks == Asks::UnlessRefused && restarts;
        if !again && frame.pc == self.pc {
            frame.regs[0] = EINTR.wrapping_neg();
            frame.pc = frame.pc.wrapping_add(SVC_LENGTH);
        }
    }

    /// None does.
    pub fn not_handled(self, frame: &mut Frame) {
        if self.asks == Asks::TheRest && frame.pc == self.pc {
            frame.regs[8] = RESTART_SYSCALL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: (u64, u64, u64) = (7, 63, 0x1000);
    const FAILED: (u64, u64, u64) = (EINTR.wrapping_neg(), 63, 0x1004);

    /// After `read(7, ..)` at 0x1000 that said `result`.
    fn after(result: u64) -> Frame {
        let mut frame = Frame { pc: 0x1004, syscall: 63, first_argument: 7, ..Frame::default() };
        (frame.regs[0], frame.regs[8]) = (result.wrapping_neg(), 63);
        frame
    }

    fn state(frame: &Frame) -> (u64, u64, u64) {
        (frame.regs[0], frame.regs[8], frame.pc)
    }

    fn decided(result: u64, decide: impl FnOnce(Interrupted, &mut Frame)) -> (u64, u64, u64) {
        let mut frame = after(result);
        let interrupted = frame.interrupted_syscall().expect("it was interrupted");
        decide(interrupted, &mut frame);
        state(&frame)
    }

    #[test]
    fn as_linux_decides() {
        for (result, handled, restarted, unhandled) in [
            (512, FAILED, AGAIN, AGAIN),
            (513, AGAIN, AGAIN, AGAIN),
            (514, FAILED, FAILED, AGAIN),
            (516, FAILED, FAILED, (7, RESTART_SYSCALL, 0x1000)),
        ] {
            assert_eq!(decided(result, |one, frame| one.handled(false, frame)), handled, "{result}");
            assert_eq!(decided(result, |one, frame| one.handled(true, frame)), restarted, "{result}, SA_RESTART");
            assert_eq!(decided(result, Interrupted::not_handled), unhandled, "{result}, no handler");
            assert_eq!(decided(result, |one, _| drop(one)), AGAIN, "{result}, forgotten");
        }
    }

    #[test]
    fn who_was_sent_elsewhere_goes_on_there() {
        let elsewhere = |decide: fn(Interrupted, &mut Frame)| {
            decided(516, |one, frame| {
                (frame.regs[0], frame.pc) = (5, 0x2000);
                decide(one, frame);
            })
        };
        assert_eq!(elsewhere(|one, frame| one.handled(false, frame)), (5, 63, 0x2000));
        assert_eq!(elsewhere(Interrupted::not_handled), (5, 63, 0x2000));
    }

    #[test]
    fn any_other_result_is_one() {
        for result in [0, 4, 515, 517, u64::MAX] {
            let mut frame = after(result);
            assert_eq!(frame.interrupted_syscall(), None);
            assert_eq!(state(&frame), state(&after(result)));
        }
    }

    #[test]
    fn nobody_is_asked_twice() {
        // What is made again has a first argument that looks like the question.
        let mut frame = Frame { first_argument: 513_u64.wrapping_neg(), ..after(513) };
        frame.interrupted_syscall().expect("it was interrupted").not_handled(&mut frame);
        assert_eq!(frame.interrupted_syscall(), None);
        assert_eq!(frame.pc, 0x1000);
    }

    #[test]
    fn what_was_no_call_is_not_made_again() {
        let mut frame = after(513);
        frame.forget_syscall();
        assert_eq!(frame.interrupted_syscall(), None);
        assert_eq!(frame.regs[0], 513_u64.wrapping_neg());
    }
}
