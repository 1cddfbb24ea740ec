//! One exception, from [`Taken`] to [`Restored`]: a single value whose type names class and stage, consumed by every
//! step.

use crate::accounting::{note_nmi, undo_nmi};
use crate::hooks::{check, check_context};
use crate::masks::lower;
use crate::{
    Accounting, Body, Class, Context, Cpu, Critical, Error, Fixed, FrameOf, FromUser, Kernel, KeyOf, Level, Machine,
    NoIrq, Opens, Port, Prepares, Process, Step, TwoHalves, context::Sealed, hardirq,
};
use core::marker::PhantomData;

/// How far an exception has come. The stage says the context.
pub trait Stage: Sealed + 'static {
    /// What the CPU is in at this stage.
    type Context: Context;
}

/// Accounted for, nothing opened yet.
#[derive(Debug)]
pub enum Entered {}
/// In the body's context.
#[derive(Debug)]
pub struct Open<C>(PhantomData<C>);
/// Everything masked after the body; something may be left to prepare.
#[derive(Debug)]
pub enum Masked {}
/// Everything masked; nothing left but to restore state.
#[derive(Debug)]
pub enum Ready {}

impl Sealed for Entered {}
impl<C> Sealed for Open<C> {}
impl Sealed for Masked {}
impl Sealed for Ready {}
impl Stage for Entered {
    type Context = Critical;
}
impl<C: Context> Stage for Open<C> {
    type Context = C;
}
impl Stage for Masked {
    type Context = Critical;
}
impl Stage for Ready {
    type Context = Critical;
}

/// What the vector hands over: everything masked, nothing accounted for, class `X` known from the syndrome.
#[must_use = "an exception that was taken is entered"]
pub struct Taken<'f, P: Port, X: Class> {
    frame: &'f mut FrameOf<P::Kernel>,
    cpu: Cpu<P::Kernel, Critical>,
    class: PhantomData<X>,
}

/// One exception of class `X` at stage `S`.
#[must_use = "an exception ends with `restore`, and the handler returns what that gives"]
pub struct Exception<'f, P: Port, X: Class, S: Stage> {
    frame: &'f mut FrameOf<P::Kernel>,
    noted: <X::Counts as Accounting>::Noted,
    cpu: Cpu<P::Kernel, S::Context>,
    unrestored: Unrestored<X>,
}

/// Finished: everything masked, state restored. Only [`Exception::restore`] makes one, a handler must return one, and
/// it is of this exception's class.
#[must_use = "the handler returns this"]
pub struct Restored<'f, P: Port, X: Class>(PhantomData<(&'f mut (), Cpu<P::Kernel, Critical>, X)>);

/// Where panics abort (every kernel), code in which an exception could be dropped on some path does not build.
struct Unrestored<X>(PhantomData<X>);
#[cfg(panic = "abort")]
impl<X> Drop for Unrestored<X> {
    #[inline(always)]
    fn drop(&mut self) {
        const { panic!("an exception was entered, and on some path it is dropped instead of restored") }
    }
}

impl<'f, P: Port, X: Class> Taken<'f, P, X> {
    /// For the port's triage. Before: everything masked, `frame` complete and this exception's alone.
    #[inline(always)]
    pub fn claim(frame: &'f mut FrameOf<P::Kernel>, key: KeyOf<P::Kernel>) -> Self {
        Taken { frame, cpu: Cpu::claim(key), class: PhantomData }
    }

    /// Tells tracing and context tracking. The first thing after the vector (C15). After: watched; still `Critical`.
    #[inline(always)]
    pub fn enter(self) -> Exception<'f, P, X, Entered> {
        let Taken { frame, cpu, .. } = self;
        check_context::<P::Kernel, Critical>(1, X::NAME);
        let noted = X::Counts::note(&cpu, frame, Step::new());
        Exception { frame, noted, cpu, unrestored: Unrestored(PhantomData) }
    }
}

impl<'f, P: Port, X: Class, S: Stage> Exception<'f, P, X, S> {
    /// What the vector saved.
    #[inline(always)]
    pub fn frame(&self) -> &FrameOf<P::Kernel> {
        self.frame
    }

    /// The context that the exception is in now.
    #[inline(always)]
    pub fn cpu(&self) -> &Cpu<P::Kernel, S::Context> {
        &self.cpu
    }

    #[inline(always)]
    fn step<To: Stage>(
        self,
        step: impl FnOnce(
            Cpu<P::Kernel, S::Context>,
            &mut FrameOf<P::Kernel>,
            &<X::Counts as Accounting>::Noted,
        ) -> Cpu<P::Kernel, To::Context>,
    ) -> Exception<'f, P, X, To> {
        let Exception { frame, noted, cpu, unrestored } = self;
        let cpu = step(cpu, frame, &noted);
        Exception { frame, noted, cpu, unrestored }
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Entered> {
    /// To what the body runs in, or begins in.
    #[inline(always)]
    pub fn open(self) -> Exception<'f, P, X, Open<<X::Body as Body>::First>> {
        self.step(
            #[inline(always)]
            |cpu, frame, _| <X::Body as Body>::First::open::<P>(cpu, frame),
        )
    }

    /// Goes on, up to the mask, on the CPU's interrupt stack; comes back on the task's. Both switches happen with
    /// everything masked (C109).
    #[inline(always)]
    pub fn on_irq_stack<To: Stage<Context = Critical>>(
        self,
        steps: impl FnOnce(Self) -> Exception<'f, P, X, To>,
    ) -> Exception<'f, P, X, To> {
        <P::Kernel as Kernel>::Machine::on_irq_stack(
            #[inline(always)]
            || steps(self),
            Step::new(),
        )
    }
}

impl<'f, P: Port, X: Class, C: Opens> Exception<'f, P, X, Open<C>> {
    /// A body. It gets the token and gives it back: the context it leaves is the one it found.
    #[inline(always)]
    pub fn run(
        self,
        body: impl FnOnce(Cpu<P::Kernel, C>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, C>,
    ) -> Exception<'f, P, X, Open<C>> {
        self.step(
            #[inline(always)]
            |cpu, frame, _| {
                let cpu = body(cpu, frame);
                check_body::<P, X, C>(frame);
                cpu
            },
        )
    }

    /// To what the body's second half runs in.
    #[inline(always)]
    pub fn then(self) -> Exception<'f, P, X, Open<<X::Body as TwoHalves>::Second>>
    where
        X::Body: TwoHalves<First = C>,
        C: Fixed,
    {
        self.step(
            #[inline(always)]
            |cpu, _, _| lower::<P, C, <X::Body as TwoHalves>::Second>(cpu),
        )
    }

    /// Everything at once.
    #[inline(always)]
    pub fn mask(self) -> Exception<'f, P, X, <X::Counts as Accounting>::AfterMask> {
        self.step(
            #[inline(always)]
            |cpu, frame, _| C::close::<P>(cpu, frame),
        )
    }

    /// Mask, prepare and restore in one: for architectures with nothing to do in between.
    #[inline(always)]
    pub fn finish(self) -> Restored<'f, P, X>
    where
        X::Counts: Prepares,
    {
        self.mask().prepare().restore()
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Open<NoIrq>> {
    /// An interrupt's body, counted as one; soft interrupts after it.
    #[inline(always)]
    pub fn run_hardirq(
        self,
        body: impl FnOnce(Cpu<P::Kernel, NoIrq>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, NoIrq>,
    ) -> Self {
        self.step(
            #[inline(always)]
            |cpu, frame, _| {
                hardirq::account(
                    cpu,
                    #[inline(always)]
                    |cpu| body(cpu, frame),
                )
            },
        )
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Open<Error>> {
    /// A body that counts as NMI-like inside an exception that does not: an SError from user mode.
    #[inline(always)]
    pub fn run_nmi(
        self,
        body: impl FnOnce(Cpu<P::Kernel, Error>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, Error>,
    ) -> Self {
        self.run(
            #[inline(always)]
            |cpu, frame| {
                let noted = note_nmi(&cpu);
                let cpu = body(cpu, frame);
                undo_nmi(&cpu, noted);
                cpu
            },
        )
    }
}

/// The body left the masks as its class promises them (C13), or as they were interrupted (C6).
#[inline(always)]
fn check_body<P: Port, X: Class, C: Context>(frame: &FrameOf<P::Kernel>) {
    let inherited = || {
        let open = matches!(<P::Kernel as Kernel>::Machine::level(), Level::Process);
        open == <P::Kernel as Kernel>::Machine::irqs_were_on(frame)
    };
    check::<P::Kernel>(|| C::LEVEL.is_some() || inherited(), 6, X::NAME);
    check_context::<P::Kernel, C>(13, X::NAME);
}

/// The one stage that prepares.
#[diagnostic::on_unimplemented(
    message = "`prepare` comes after `mask`, but this exception is at `{Self}`",
    label = "everything is masked first, and only then is work looked for",
    note = "C35: NMI-like and debug exceptions go from `mask` straight to `restore`"
)]
pub trait MayPrepare: Stage<Context = Critical> {}
impl MayPrepare for Masked {}

/// The one stage that restores.
#[diagnostic::on_unimplemented(
    message = "`restore` needs everything masked and nothing left to prepare, but this exception is at `{Self}`",
    label = "run, mask, prepare, and then restore"
)]
pub trait MayRestore: Stage<Context = Critical> {}
impl MayRestore for Ready {}

impl<'f, P: Port, X: Class, S: Stage> Exception<'f, P, X, S> {
    /// Involuntary preemption on the way back to the kernel, the work loop on the way back to user mode.
    #[inline(always)]
    pub fn prepare(self) -> Exception<'f, P, X, Ready>
    where
        S: MayPrepare,
        X::Counts: Prepares,
    {
        self.step(
            #[inline(always)]
            |cpu, frame, noted| X::Counts::prepare::<P, X>(cpu, noted, frame, Step::new()),
        )
    }

    /// Tracing, interrupt state, context tracking. After: nobody watches, if nobody did before; nothing instrumentable
    /// may follow (C27).
    #[inline(always)]
    pub fn restore(self) -> Restored<'f, P, X>
    where
        S: MayRestore,
    {
        let Exception { frame, noted, cpu, unrestored } = self;
        check_context::<P::Kernel, Critical>(3, X::NAME);
        let irqs_were_on = <P::Kernel as Kernel>::Machine::irqs_were_on(frame);
        X::Counts::undo::<P::Kernel>(&cpu, noted, irqs_were_on, Step::new());
        core::mem::forget(unrestored);
        Restored(PhantomData)
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Open<Process>>
where
    X: Class<Body = Process>,
    X::Counts: FromUser + Accounting<Noted = ()>,
{
    /// A task that goes to user mode without ever having come from there (C59). `frame` says where.
    #[inline(always)]
    pub fn first(cpu: Cpu<P::Kernel, Process>, frame: &'f mut FrameOf<P::Kernel>) -> Self {
        Exception { frame, noted: (), cpu, unrestored: Unrestored(PhantomData) }
    }
}

impl<P: Port, X: Class> Restored<'_, P, X> {
    /// For the port's vectors: the frame may be restored.
    #[inline(always)]
    pub fn leave(self, _key: KeyOf<P::Kernel>) {}
}
