//! Taking an exception and returning from it, as hardware and vector do.

use crate::cpu::{ALL, IRQS, State, step, with};
use crate::kernels::Subject;
use vestibule::{Cpu, Process};
use vestibule_arm64::hardware::{A, ALLINT, DAIF_SHIFT};
use vestibule_arm64::{Frame, Nmis, On, STACK_SHIFT, STACK_SIZE, entry, priority};

/// The shipped port on this CPU.
pub type PortOf<K> = On<K>;

/// What may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    DataAbort,
    InstructionAbort,
    Undefined,
    Brk,
    /// A software step.
    Step,
    Breakpoint,
    Watchpoint,
    Svc,
    /// A synchronous exception that no class is for: floating point.
    Unhandled,
    /// One whose syndrome has this class.
    Other(u64),
    Irq,
    CorrectedError,
    /// One that concerns what was interrupted alone.
    ContainedError,
    UncorrectedError,
    Fiq,
    Nmi,
    /// Through a vector that nothing should come to: the kernel on SP_EL0.
    OnSpEl0,
}

const EL1H: u64 = 0b0101;
const EL0T: u64 = 0;
const SS: u64 = 1 << 21;
const TCO: u64 = 1 << 25;
const FAULT_ADDRESS: u64 = 0xbad0;

impl Exception {
    /// What keeps it pending.
    pub fn masked_by(self) -> u32 {
        match self {
            Exception::Irq | Exception::Fiq | Exception::Nmi => IRQS,
            Exception::CorrectedError | Exception::ContainedError | Exception::UncorrectedError => A,
            _ => 0,
        }
    }

    fn syndrome(self, user: bool) -> u64 {
        let class = |lower: u64| if user { lower << 26 } else { (lower + 1) << 26 };
        match self {
            Exception::DataAbort => class(0x24),
            Exception::InstructionAbort => class(0x20),
            // IL, which what has no other class has set.
            Exception::Undefined => 1 << 25,
            Exception::OnSpEl0 => 0,
            Exception::Irq | Exception::Fiq | Exception::Nmi => unreachable!("an interrupt has no syndrome"),
            Exception::Brk => 0x3c << 26,
            Exception::Step => class(0x32),
            Exception::Breakpoint => class(0x30),
            Exception::Watchpoint => class(0x34),
            Exception::Svc => 0x15 << 26,
            Exception::Unhandled => 0x07 << 26,
            Exception::Other(class) => class << 26,
            Exception::CorrectedError => 0x2f << 26 | 0b110 << 10 | 0b01_0001,
            Exception::ContainedError => 0x2f << 26 | 0b011 << 10 | 0b01_0001,
            Exception::UncorrectedError => 0x2f << 26 | 0b01_0001,
        }
    }

    fn vector(self) -> usize {
        match self {
            Exception::Irq | Exception::Nmi => 1,
            Exception::Fiq => 2,
            Exception::CorrectedError | Exception::ContainedError | Exception::UncorrectedError => 3,
            _ => 0,
        }
    }
}

type Vector = unsafe extern "C" fn(&mut Frame);

/// The vector table: what `install` makes the hardware know.
#[derive(Clone, Copy)]
pub struct Vectors {
    el1: [Vector; 4],
    el0: [Vector; 4],
    /// Of what has a syndrome, and of what has none.
    overflow: [Vector; 2],
    unexpected: Vector,
}

impl Vectors {
    pub fn of<K: Subject>() -> Vectors {
        Vectors {
            unexpected: entry::unexpected::<PortOf<K>, true>,
            el1: [
                entry::el1_sync::<PortOf<K>>,
                entry::el1_irq::<PortOf<K>>,
                entry::el1_fiq::<PortOf<K>>,
                entry::el1_serror::<PortOf<K>>,
            ],
            el0: [
                entry::el0_sync::<PortOf<K>>,
                entry::el0_irq::<PortOf<K>>,
                entry::el0_fiq::<PortOf<K>>,
                entry::el0_serror::<PortOf<K>>,
            ],
            overflow: [entry::stack_overflow::<PortOf<K>, true>, entry::stack_overflow::<PortOf<K>, false>],
        }
    }
}

/// Takes the exception now, masked or not, runs the vector, and returns from it.
pub fn take(exception: Exception) {
    let user = with(|state| state.user);
    let from = with(|state| state.masks());
    let mut frame = Box::new(Frame::default());
    frame.regs[8] = 64;
    let address = core::ptr::from_ref(&*frame).addr();
    let (vector, number) = with(|state| enter(state, exception, &mut frame));
    let level = if user { "EL0".to_string() } else { format!("EL1 [{from}]") };
    step_outside(format!("{exception:?} from {level}"), number);
    with(|state| state.running.exceptions.push((address, number)));
    let interrupted = with(|state| state.running.stack_pointer);
    // SAFETY: as the module of `entry` wants it: everything is masked and the frame is this exception's alone.
    unsafe { vector(&mut frame) };
    with(|state| {
        state.require(state.running.stack_pointer == interrupted, "the vector gets another stack back");
        exception_return(state, &frame);
        let size = if user { 0 } else { size_of::<Frame>() as u64 };
        state.running.stack_pointer += size;
    });
    step(format!("ERET to {}", now()));
    with(|state| {
        let (popped, _) = state.running.exceptions.pop().expect("pushed above");
        state.require(popped == address, "exceptions return in another order than they came");
    });
}

/// The header is told where it came, and counts as the exception's own.
fn step_outside(text: String, number: usize) {
    step(text);
    with(|state| {
        if let Some(last) = state.report.steps.last_mut() {
            last.exception = number;
        }
    });
}

fn now() -> String {
    with(|state| if state.user { "EL0".into() } else { format!("EL1 [{}]", state.masks()) })
}

/// The hardware's part and the vector's: return state into its registers, masks, stack, test for overflow.
fn enter(state: &mut State, exception: Exception, frame: &mut Frame) -> (Vector, usize) {
    state.taken += 1;
    state.elr = state.pc;
    // A system call counts as executed when it comes.
    state.unexecuted &= exception != Exception::Svc;
    let ss = u64::from(state.unexecuted) * SS;
    state.spsr = ss | if state.user { EL0T } else { EL1H | u64::from(state.daif) << DAIF_SHIFT };
    state.unexecuted = false;
    if state.allint && !state.user {
        state.spsr |= ALLINT;
    }
    if state.tags.enter() {
        state.spsr |= TCO;
    }
    let is_interrupt = matches!(exception, Exception::Irq | Exception::Fiq | Exception::Nmi);
    if !is_interrupt {
        state.esr = exception.syndrome(state.user);
    }
    if matches!(exception, Exception::DataAbort | Exception::InstructionAbort | Exception::Watchpoint) {
        state.far = FAULT_ADDRESS;
    }
    state.daif = ALL & !state.faults.entry_leaves_open;
    state.allint = matches!(state.nmis, Some(Nmis::BySuperpriority));
    if is_interrupt {
        state.signalled = Some(exception);
    }
    state.synchronise();
    state.pc = 0x10_0000 + 0x1000 * state.taken as u64;
    let vectors = state.vectors.expect("exceptions come after boot");
    let from_user = std::mem::replace(&mut state.user, false);
    if from_user {
        state.running.stack_pointer = current_stack_top(state);
    }
    state.running.stack_pointer -= size_of::<Frame>() as u64;
    let table = if from_user { vectors.el0 } else { vectors.el1 };
    if state.running.stack_pointer >> STACK_SHIFT & 1 == 0 {
        let unexpected = matches!(exception, Exception::OnSpEl0);
        return (if unexpected { vectors.unexpected } else { table[exception.vector()] }, state.taken);
    }
    frame.sp = state.running.stack_pointer + size_of::<Frame>() as u64;
    state.running.stack_pointer = 0x3000_0000 + STACK_SIZE - size_of::<Frame>() as u64;
    (vectors.overflow[usize::from(is_interrupt)], state.taken)
}

fn current_stack_top(state: &State) -> u64 {
    // SAFETY: only leaked threads become current.
    unsafe { (*(state.current as *const vestibule_arm64::Thread)).stack_top() }
}

/// The vector restores the general registers, and ERET the rest.
fn exception_return(state: &mut State, frame: &Frame) {
    state.require(state.is_closed(), "the vector restores with something open");
    state.require(state.elr == frame.pc, "ELR is another exception's");
    state.require(state.spsr == frame.pstate, "SPSR is another exception's");
    state.pc = state.elr;
    state.synchronise();
    state.daif = (state.spsr >> DAIF_SHIFT) as u32 & ALL;
    state.allint = state.spsr & ALLINT != 0;
    state.user = state.spsr & 0x1f == EL0T;
    state.tags.masked = state.spsr & TCO != 0;
    state.require(!state.user || state.sp_el0 == frame.sp, "SP_EL0 is another task's");
    let stepped = state.mdscr.stepping;
    state.require(
        state.user || !stepped || state.daif == IRQS | A,
        "the kernel is stepped with other masks than all but D",
    );
    state.unexecuted = stepped && state.spsr & SS != 0;
    state.require(!state.user || state.pmr == priority::OPEN, "user mode with a priority masked");
}

/// Goes to user mode for the first time, through the port, and runs `there`, which ends the scenario.
pub fn in_user_mode<K: Subject>(cpu: Cpu<K, Process>, there: impl FnOnce()) {
    let mut frame = Box::new(Frame::for_user(0x40_0000, 0x7fff_0000));
    let address = core::ptr::from_ref(&*frame).addr();
    with(|state| state.running.exceptions.push((address, 0)));
    // SAFETY: the simulated assembly restores from this frame below.
    unsafe { entry::first::<PortOf<K>>(cpu, &mut frame) };
    with(|state| exception_return(state, &frame));
    step(format!("ERET to {}", now()));
    with(|state| state.running.exceptions.pop());
    there();
}
