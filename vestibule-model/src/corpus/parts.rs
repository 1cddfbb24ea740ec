//! What variants are made of: the shipped steps, and a vector for each class whose handler a variant exchanges. What such a
//! vector reads and puts back around the handler is the port's own.

use vestibule::{
    Accounting, Class, Cpu, Critical, Entered, Exception, Flags, Hardirq, Inherit, NoIrq, NoNmi, Open, Port, Prepares,
    Process, Ran, Ready, Restored, Scheduler, Stage, Taken, Then, Untraced, UserWork, Why, Word, forge,
};
use vestibule_arm64::classes::{
    El0Breakpoint, El0Irq, El0Serror, El0Step, El0Svc, El0Undefined, El1Abort, El1Breakpoint, El1Brk, El1Irq, El1Nmi,
    El1Serror, El1Step,
};
use vestibule_arm64::entry::{self, forge as port};
use vestibule_arm64::{Arm64, Arm64Port, Backend, Bodies, Daif, Frame, GicV3, Hardware, Irq};

use crate::design::{Design, Vector};
use crate::event::Exception as Kind;
use crate::family::Family;
use crate::hardware::Simulated;
use crate::kernel::{Chooses, Everything, PortOf, Reference};
use crate::step::choose;
use crate::world::with;

/// The shipped port, with everything tracked.
pub(super) type P = PortOf<Everything>;
pub(super) use port::Mixed;
/// Its kernel.
pub(super) type K = Reference<Everything>;
/// Its machine.
pub(super) type M = Arm64<Daif<Simulated>>;
/// Its interrupt controller.
pub(super) type Controller = GicV3<Daif<Simulated>>;
/// Its backend.
pub(super) type B = <P as Port>::Masks;
/// Its context tracking.
pub(super) type Tracking = vestibule::Tracked;
/// Its interrupt-state tracking.
pub(super) type Tracing = vestibule::TrackedIrqs;
/// An exception of class `X` at stage `S`.
pub(super) type At<'f, X, S> = Exception<'f, P, X, S>;
/// What the entry of class `X` noted.
pub(super) type Noted<X> = <<X as Class>::Counts as Accounting>::Noted;

/// A handler in place of the shipped one of its class.
pub(super) trait Handler {
    /// On which port.
    type Port: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>;
    /// Of which class.
    type Class: Class;
    /// From the vector to the return.
    fn handle(taken: Taken<'_, Self::Port, Self::Class>) -> Restored<'_, Self::Port, Self::Class>;
}

macro_rules! handlers {
    (@port) => { $crate::corpus::parts::P };
    (@port $port:ty) => { $port };
    ($($name:ident for $class:ty $(, on $port:ty)? = |$taken:ident| $body:expr;)*) => {$(
        enum $name {}
        impl $crate::corpus::parts::Handler for $name {
            type Port = $crate::corpus::parts::handlers!(@port $($port)?);
            type Class = $class;
            fn handle($taken: vestibule::Taken<'_, Self::Port, $class>) -> vestibule::Restored<'_, Self::Port, $class> {
                $body
            }
        }
    )*};
}
pub(super) use handlers;

/// The innermost exception came as one of these.
pub(super) fn came_as(kinds: &[Kind]) -> bool {
    with(|world| world.innermost().exception.is_some_and(|kind| kinds.contains(&kind)))
}

/// What the port does around a handler, for each exception that the handler is for; any other goes the shipped way.
macro_rules! vectors {
    ($($vector:ident, $design:ident, $class:ty, $table:ident[$quarter:literal], $kinds:expr, else $shipped:ident,
        $($capture:ident)*, $put_back:ident;)*) => {$(
        unsafe extern "C" fn $vector<H: Handler<Class = $class>>(frame: &mut Frame) {
            if came_as($kinds) {
                $(port::$capture::<H::Port>(frame);)*
                port::take(frame, H::handle);
                port::$put_back::<H::Port>(frame);
            } else {
                // SAFETY: as this function's.
                unsafe { entry::$shipped::<H::Port>(frame) }
            }
        }

        pub(super) fn $design<H: Handler<Class = $class>>(family: Family) -> Design {
            let mut design = Design::of::<H::Port>(family);
            design.$table[$quarter] = $vector::<H>;
            design
        }
    )*};
}

/// Aborts.
pub(super) const ABORTS: &[Kind] = &[Kind::DataAbort, Kind::InstructionAbort];
const ERRORS: &[Kind] = &[Kind::CorrectedError, Kind::ContainedError, Kind::UncorrectedError];

vectors! {
    el1_abort, kernel_abort, El1Abort, el1[0], ABORTS, else el1_sync,
        capture capture_syndrome capture_fault_address, put_back;
    el1_brk, kernel_brk, El1Brk, el1[0], &[Kind::Brk], else el1_sync, capture capture_syndrome, put_back;
    el1_breakpoint, kernel_breakpoint, El1Breakpoint, el1[0], &[Kind::Breakpoint], else el1_sync,
        capture capture_syndrome, put_back;
    el1_step, kernel_step, El1Step, el1[0], &[Kind::Step], else el1_sync, capture capture_syndrome, put_back;
    el1_irq, kernel_irq, El1Irq, el1[1], &[Kind::Irq], else el1_irq, capture, put_back;
    el1_nmi, kernel_nmi, El1Nmi, el1[1], &[Kind::Nmi], else el1_irq, capture, put_back;
    el1_serror, kernel_serror, El1Serror, el1[3], ERRORS, else el1_serror, capture capture_syndrome, put_back;
    el0_svc, user_svc, El0Svc, el0[0], &[Kind::Svc], else el0_sync, capture_user capture_syndrome, put_back_user;
    el0_undefined, user_undefined, El0Undefined, el0[0], &[Kind::Undefined], else el0_sync,
        capture_user capture_syndrome, put_back_user;
    el0_breakpoint, user_breakpoint, El0Breakpoint, el0[0], &[Kind::Breakpoint], else el0_sync,
        capture_user capture_syndrome, put_back_user;
    el0_step, user_step, El0Step, el0[0], &[Kind::Step], else el0_sync, capture_user capture_syndrome, put_back_user;
    el0_irq, user_irq, El0Irq, el0[1], &[Kind::Irq], else el0_irq, capture_user, put_back_user;
    el0_serror, user_serror, El0Serror, el0[3], ERRORS, else el0_serror, capture_user capture_syndrome, put_back_user;
}

/// The shipped design, of which a variant exchanges something.
pub(super) fn shipped(family: Family) -> Design {
    Design::of::<P>(family)
}

/// The same on any port, with another vector for interrupts of user mode.
pub(super) fn with_user_irq<P: Arm64Port<Kernel: Bodies<Backend: Backend<Hardware = Simulated>>>>(
    family: Family,
    vector: Vector,
) -> Design {
    let mut design = Design::of::<P>(family);
    design.el0[1] = vector;
    design
}

/// What the port captures of user mode, and nothing that it does besides.
pub(super) fn capture_user_alone<P: Arm64Port>(frame: &mut Frame) {
    port::capture::<P>(frame);
    Simulated::write(&mut frame.sp, Simulated::sp_el0());
}

/// And what it puts back.
pub(super) fn put_back_user_alone<P: Arm64Port>(frame: &mut Frame) {
    Simulated::set_sp_el0(Simulated::read(&frame.sp));
    port::put_back::<P>(frame);
}

/// The shipped way from entry to mask, for an interrupt.
pub(super) fn handled<P: Arm64Port, X>(
    x: Exception<'_, P, X, Entered>,
) -> Exception<'_, P, X, <X::Counts as Accounting>::AfterMask>
where
    X: Class<Body = Then<NoNmi, Hardirq>, Counts: Untraced + Prepares>,
{
    x.on_irq_stack(|x| ran(x.open()).mask())
}

/// The shipped body of an interrupt, in both its contexts.
pub(super) fn ran<P: Arm64Port, X>(x: Exception<'_, P, X, Open<NoNmi>>) -> Exception<'_, P, X, Ran<Hardirq>>
where
    X: Class<Body = Then<NoNmi, Hardirq>, Counts: Untraced + Prepares>,
{
    ran_by(x, port::interrupt::<P::Kernel, Irq>)
}

/// With something else in the second.
pub(super) fn ran_by<P: Arm64Port, X>(
    x: Exception<'_, P, X, Open<NoNmi>>,
    body: impl FnOnce(Cpu<P::Kernel, Hardirq>, Option<u32>, &mut Frame) -> Cpu<P::Kernel, Hardirq>,
) -> Exception<'_, P, X, Ran<Hardirq>>
where
    X: Class<Body = Then<NoNmi, Hardirq>, Counts: Untraced + Prepares>,
{
    let (x, number) = opened_for(x);
    x.run_hardirq(|cpu, frame| body(cpu, number, frame))
}

/// Which interrupt it is, and open for its body; an NMI is over by then.
pub(super) fn opened_for<P: Arm64Port, X>(
    x: Exception<'_, P, X, Open<NoNmi>>,
) -> (Exception<'_, P, X, Open<Hardirq>>, Option<u32>)
where
    X: Class<Body = Then<NoNmi, Hardirq>, Counts: Untraced + Prepares>,
{
    let (x, number) = x.acknowledge(port::acknowledge::<P::Kernel, Irq>, port::nmi::<P::Kernel, Irq>);
    (x.then(), number)
}

/// The shipped way from entry to mask, for an NMI of the kernel.
pub(super) fn handled_nmi<P: Arm64Port>(x: Exception<'_, P, El1Nmi, Entered>) -> Exception<'_, P, El1Nmi, Ready> {
    x.on_irq_stack(|x| x.open().run(port::only_nmi::<P::Kernel, Irq>).mask())
}

/// An interrupt's body, if there is an interrupt, without its end.
pub(super) fn handled_but_not_ended(cpu: Cpu<K, Hardirq>, number: Option<u32>, frame: &mut Frame) -> Cpu<K, Hardirq> {
    match number {
        Some(number) => K::interrupt(cpu, number, frame),
        None => cpu,
    }
}

/// An exception that nobody has entered, said to have been.
pub(super) fn unentered<X: Class>(
    taken: Taken<'_, P, X>,
    enter: impl FnOnce(&mut Frame) -> Noted<X>,
) -> At<'_, X, Entered> {
    let frame = forge::unentered(taken);
    let noted = enter(frame);
    forge::exception(frame, noted)
}

/// The exit's look at the task's word.
pub(super) fn look() -> Word {
    forge::cpu::<K, Critical>().task_word().read::<M>()
}

/// The scheduler.
pub(super) fn schedule(why: Why) {
    let _back = <Chooses as Scheduler<K>>::schedule(forge::cpu(), forge::cause(why));
}

/// A turn of the kernel exit's loop: to `NoIrq`, the scheduler, everything masked again.
pub(super) fn preempt<X: Class>() {
    forge::lower::<P, Critical, NoIrq>();
    schedule(Why::KernelExit(X::NAME));
    forge::mask::<P, NoIrq>();
}

/// Something between two stages, with the frame at hand.
pub(super) fn between<'f, P: Port<Kernel: Bodies>, X: Class, S: Stage, To: Stage>(
    x: Exception<'f, P, X, S>,
    step: impl FnOnce(&mut Frame, &mut Noted<X>),
) -> Exception<'f, P, X, To> {
    let (frame, mut noted) = forge::parts(x);
    step(frame, &mut noted);
    forge::exception(frame, noted)
}

/// The restore step without the rest of it: what was noted is undone.
pub(super) fn undo<X: Class>(noted: Noted<X>, irqs_were_on: bool) {
    X::Counts::undo::<K>(&forge::cpu(), noted, irqs_were_on, forge::step());
}

/// Everything that the way to user mode may find.
pub(super) const WORK: Flags = SCHEDULE.and(Flags::SIGNAL).and(Flags::NOTIFY_RESUME).and(Flags::OTHER);
/// Of it, what the scheduler does.
pub(super) const SCHEDULE: Flags = Flags::RESCHED.and(Flags::RESCHED_LAZY);

/// What of it runs for the task itself, in the order that it must.
pub(super) fn user_work(work: Flags, frame: &mut Frame) {
    let cpu = forge::cpu::<K, Process>();
    let cpu = if work.any_of(Flags::SIGNAL) { Chooses::signal(cpu, frame) } else { cpu };
    let cpu = if work.any_of(Flags::NOTIFY_RESUME) { Chooses::notify_resume(cpu, frame) } else { cpu };
    let _back = if work.any_of(Flags::OTHER) { Chooses::other(cpu, frame) } else { cpu };
}

/// If the search wants it: what the kernel's code may do wherever interrupts are masked, and the model's own does nowhere. It
/// wakes a task that wants this CPU. The flag is set, no interrupt comes, and the next exit is who must see it.
pub(super) fn wakes() {
    if choose(2) == 1 {
        wakes_surely();
    }
}

fn wakes_surely() {
    forge::cpu::<K, NoIrq>().task_word().set::<M>(Flags::RESCHED);
}

/// The body of an abort, which may wake somebody if the interrupted code had interrupts on.
pub(super) fn abort_that_wakes(cpu: Cpu<K, Inherit>, frame: &mut Frame) -> Cpu<K, Inherit> {
    let cpu = K::kernel_abort(cpu, frame);
    if forge::irqs_were_on::<K>(frame) && choose(2) == 1 {
        forge::mask_irqs::<K>();
        wakes_surely();
        forge::open_irqs::<K>();
    }
    cpu
}

/// The model takes it that a handler goes on in one way wherever it has masked everything, with nothing in hand but its frame. One
/// that does otherwise has to say so, and what it goes by: that becomes a part of its state.
pub(super) fn carries(what: u64) {
    with(|world| {
        let top = world.top();
        top.entry = top.entry.and(what | 0xca11_0000);
    });
}
