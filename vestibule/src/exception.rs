//! One exception, from [`Taken`] to [`Restored`]: a single value whose type names class and stage, consumed by every
//! step.

use crate::masks::lower;
use crate::*;
use core::marker::PhantomData;

#[cfg(vestibule_forge)]
pub mod forge;
mod syscall;

pub use syscall::Traced;

/// How far an exception has come. The stage says the context.
pub trait Stage: Sealed + 'static {
    /// What the CPU is in at this stage.
    type Context: Context;
}

macro_rules! stages {
    ($($(#[$doc:meta])* $name:ident $(<$c:ident>)? in $context:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name $(<$c>(PhantomData<$c>))?;
        impl $(<$c>)? Sealed for $name $(<$c>)? {}
        impl $(<$c: Context>)? Stage for $name $(<$c>)? {
            type Context = $context;
        }
    )*};
}
stages! {
    /// Accounted for, nothing opened yet.
    Entered in Critical;
    /// The same, on the interrupt stack.
    OnIrqStack in Critical;
    /// In the body's context, before the body.
    Open<C> in C;
    /// In the body's context, after the body.
    Ran<C> in C;
    /// In `Process`, after a system call; who traces it has not seen its end.
    Called in Process;
    /// Everything masked after the body; something may be left to prepare.
    Masked in Critical;
    /// Everything masked; nothing left but to restore state.
    Ready in Critical;
}

/// What the vector hands over: everything masked, nothing accounted for, class `X` known from the syndrome.
#[must_use = "an exception that was taken is entered"]
pub struct Taken<'f, P: Port, X: Class> {
    frame: &'f mut FrameOf<P::Kernel>,
    unrestored: Unrestored<'f, X>,
}

/// One exception of class `X` at stage `S`.
#[must_use = "an exception ends with `restore`, and the handler returns what that gives"]
pub struct Exception<'f, P: Port, X: Class, S: Stage> {
    frame: &'f mut FrameOf<P::Kernel>,
    noted: <X::Counts as Accounting>::Noted,
    cpu: Cpu<P::Kernel, S::Context>,
    unrestored: Unrestored<'f, X>,
}

/// After `mask`.
type AfterMask<'f, P, X> = Exception<'f, P, X, <<X as Class>::Counts as Accounting>::AfterMask>;

/// Finished: everything masked, state restored. Only [`Exception::restore`] makes one, a handler must return one, and
/// it is of this exception's class.
#[must_use = "the handler returns this"]
pub struct Restored<'f, P: Port, X: Class>(PhantomData<(Same<'f>, Cpu<P::Kernel, Critical>, X)>);

/// Where panics abort (every kernel), code in which an exception could be dropped on some path does not build.
struct Unrestored<'f, X>(PhantomData<(Same<'f>, *mut X)>);
#[cfg(panic = "abort")]
impl<X> Drop for Unrestored<'_, X> {
    #[inline(always)]
    fn drop(&mut self) {
        const { panic!("an exception was entered, and on some path it is dropped instead of restored") }
    }
}

/// Neither longer nor shorter: an outer exception's frame does not pass for an inner one's.
type Same<'f> = fn(&'f ()) -> &'f ();

impl<'f, P: Port, X: Class> Taken<'f, P, X> {
    /// For the port's triage. Before: everything masked, `frame` complete and this exception's alone.
    pub fn claim(frame: &'f mut FrameOf<P::Kernel>, _key: KeyOf<P::Kernel>) -> Self {
        Taken { frame, unrestored: Unrestored(PhantomData) }
    }

    /// Tells tracing and context tracking. The first thing after the vector (C15). After: watched; still `Critical`.
    #[inline(always)]
    pub fn enter(self) -> Exception<'f, P, X, Entered> {
        const { Row::of::<X>() };
        let Taken { frame, unrestored } = self;
        let cpu = Cpu::assume(Step::new());
        check_context::<P::Kernel, Critical>(1, X::NAME);
        let noted = X::Counts::note(&cpu, frame, Step::new());
        Exception { frame, noted, cpu, unrestored }
    }
}

impl<'f, P: Port, X: Class, S: Stage> Exception<'f, P, X, S> {
    /// What the vector saved.
    pub fn frame(&self) -> &FrameOf<P::Kernel> {
        self.frame
    }

    /// The hardware is where stage `S` says. Nothing noted.
    fn of(frame: &'f mut FrameOf<P::Kernel>) -> Self {
        let (noted, cpu) = (Default::default(), Cpu::assume(Step::new()));
        Exception { frame, noted, cpu, unrestored: Unrestored(PhantomData) }
    }

    /// The hardware is where stage `To` says.
    fn at<To: Stage>(self) -> Exception<'f, P, X, To> {
        let Exception { frame, noted, unrestored, .. } = self;
        Exception { frame, noted, cpu: Cpu::assume(Step::new()), unrestored }
    }

    /// Involuntary preemption on the way back to the kernel, the work loop on the way back to user mode.
    #[inline(always)]
    pub fn prepare(self) -> Exception<'f, P, X, Ready>
    where
        S: MayPrepare,
        X::Counts: Prepares,
    {
        X::Counts::prepare::<P, X>(&self.noted, self.frame, Step::new());
        self.at()
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
        X::Counts::undo::<P::Kernel>(&cpu, noted, traced_irqs_were_on::<P::Kernel>(frame), Step::new());
        let _ = core::mem::ManuallyDrop::new(unrestored);
        Restored(PhantomData)
    }
}

impl<'f, P: Port, X: Class, S: Stage> Exception<'f, P, X, S> {
    /// To what the body runs in, or begins in.
    #[inline(always)]
    pub fn open(self) -> Exception<'f, P, X, Open<<X::Body as Body>::First>>
    where
        X::Body: OpensAt<S>,
    {
        <X::Body as Body>::First::open::<P>(self.frame, Step::new());
        self.at()
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Entered> {
    /// Goes on, up to the mask, on the CPU's interrupt stack; comes back on the task's. Both switches happen with
    /// everything masked (C109), and nothing is prepared on that stack (C34).
    ///
    /// Only the frame crosses, and nothing comes back: `steps` gets this exception again, with the frame lent for `'g`,
    /// and because of that `'g` it can give back no other. What the entry noted stays here: no step up to the mask asks.
    #[inline(always)]
    pub fn on_irq_stack(
        self,
        steps: impl for<'g> FnOnce(Exception<'g, P, X, OnIrqStack>) -> AfterMask<'g, P, X>,
    ) -> AfterMask<'f, P, X> {
        let lent = &mut *self.frame;
        MachineOf::<P>::on_irq_stack(
            #[inline(always)]
            || _ = core::mem::ManuallyDrop::new(steps(Exception::of(lent))),
            matches!(X::Counts::COUNTS, Counts::Syscall | Counts::User),
            Step::new(),
        );
        self.at()
    }
}

impl<'f, P: Port, X: Class, C: Opens> Exception<'f, P, X, Open<C>> {
    /// A body. It gets the token and gives it back: the context it leaves is the one it found.
    #[inline(always)]
    pub fn run(
        self,
        body: impl FnOnce(Cpu<P::Kernel, C>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, C>,
    ) -> Exception<'f, P, X, Ran<C>>
    where
        C: Uncounted<X::Counts>,
        X::Counts: Untraced,
    {
        self.run_body(body)
    }

    #[inline(always)]
    fn run_body(
        self,
        body: impl FnOnce(Cpu<P::Kernel, C>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, C>,
    ) -> Exception<'f, P, X, Ran<C>> {
        let Exception { frame, noted, cpu, unrestored } = self;
        let found = (<P::Kernel as Kernel>::Checks::ON && C::LEVEL.is_none()).then(MachineOf::<P>::level);
        let cpu = body(cpu, frame);
        check_body::<P, X, C>(found, frame);
        Exception { frame, noted, cpu, unrestored }
    }
}

impl<'f, P: Port, X: Class> Exception<'f, P, X, Open<Hardirq>> {
    /// An interrupt's body, counted as one; soft interrupts after it.
    #[inline(always)]
    pub fn run_hardirq(
        self,
        body: impl FnOnce(Cpu<P::Kernel, Hardirq>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, Hardirq>,
    ) -> Exception<'f, P, X, Ran<Hardirq>> {
        crate::hardirq::account(
            Cpu::assume(Step::new()),
            #[inline(always)]
            |cpu| body(cpu, self.frame),
        );
        self.at()
    }
}

/// What an acknowledgement gave: the number of an interrupt, and which kind it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    /// It was withdrawn, or is not for here.
    Nothing,
    /// An ordinary interrupt.
    Irq(u32),
    /// One that comes where ordinary ones are masked.
    Nmi(u32),
}

impl<'f, P: Port, X: Class<Counts: Prepares + Untraced>> Exception<'f, P, X, Open<NoNmi>> {
    /// Which interrupt is it? Asked with NMIs masked, so that none comes between acknowledgement and classification. An NMI is
    /// handled here and now, counted as one; what comes back is an ordinary interrupt, for the second half.
    #[inline(always)]
    pub fn acknowledge(
        self,
        acknowledge: impl FnOnce(&Cpu<P::Kernel, NoNmi>) -> Acknowledged,
        nmi: impl FnOnce(Cpu<P::Kernel, NoNmi>, u32, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, NoNmi>,
    ) -> (Exception<'f, P, X, Ran<NoNmi>>, Option<u32>) {
        let interrupt = match acknowledge(&self.cpu) {
            Acknowledged::Nothing => None,
            Acknowledged::Irq(interrupt) => Some(interrupt),
            Acknowledged::Nmi(interrupt) => {
                let noted = note_unit(&self.cpu, AS_NMI);
                let cpu = nmi(Cpu::assume(Step::new()), interrupt, self.frame);
                check_context::<P::Kernel, NoNmi>(13, X::NAME);
                undo_unit(&cpu, noted, AS_NMI);
                None
            }
        };
        (self.at(), interrupt)
    }
}

impl<'f, P: Port, X: Class<Counts: FromUser + Untraced>> Exception<'f, P, X, Open<Error>> {
    /// A body that counts as NMI-like inside an exception that does not: an SError from user mode.
    #[inline(always)]
    pub fn run_nmi(
        self,
        body: impl FnOnce(Cpu<P::Kernel, Error>, &mut FrameOf<P::Kernel>) -> Cpu<P::Kernel, Error>,
    ) -> Exception<'f, P, X, Ran<Error>> {
        let noted = note_unit(&self.cpu, AS_NMI);
        let ran = self.run_body(body);
        undo_unit(&ran.cpu, noted, AS_NMI);
        ran
    }
}

impl<'f, P: Port, X: Class<Counts: FromUser + Untraced>> Exception<'f, P, X, Open<Critical>> {
    /// A body with everything masked and preemption off inside an exception that is neither: a breakpoint of user mode (C11).
    /// What it comes to is for the second half.
    #[inline(always)]
    pub fn run_debug<R>(
        self,
        body: impl FnOnce(Cpu<P::Kernel, Critical>, &mut FrameOf<P::Kernel>) -> (Cpu<P::Kernel, Critical>, R),
    ) -> (Exception<'f, P, X, Ran<Critical>>, R) {
        let Exception { frame, noted, cpu, unrestored } = self;
        cpu.task_word().add::<MachineOf<P>>(PREEMPT);
        let (cpu, what) = body(cpu, frame);
        check_context::<P::Kernel, Critical>(13, X::NAME);
        cpu.task_word().sub::<MachineOf<P>>(PREEMPT);
        (Exception { frame, noted, cpu, unrestored }, what)
    }
}

impl<'f, P: Port, X: Class, C: Opens> Exception<'f, P, X, Ran<C>> {
    /// To the second of the contexts that the row names, before its body.
    #[inline(always)]
    pub fn then<Second: Opens + Fixed>(self) -> Exception<'f, P, X, Open<Second>>
    where
        X: Class<Body = Then<C, Second>>,
        C: Fixed,
    {
        lower::<P, C, Second>();
        self.at()
    }

    /// Everything at once, when the body has come to the end of its row.
    #[inline(always)]
    pub fn mask(self) -> AfterMask<'f, P, X>
    where
        X::Body: Body<Last = C>,
    {
        C::close::<P>(self.frame, Step::new());
        self.at()
    }

    /// Mask, prepare and restore in one: for architectures with nothing to do in between.
    #[inline(always)]
    pub fn finish(self) -> Restored<'f, P, X>
    where
        X::Body: Body<Last = C>,
        X::Counts: Prepares,
    {
        self.mask().prepare().restore()
    }
}

/// The body left the masks as its class promises them (C13), or as they were interrupted and found (C6).
#[inline(always)]
fn check_body<P: Port, X: Class, C: Context>(found: Option<Level>, frame: &FrameOf<P::Kernel>) {
    let inherited = || {
        let level = MachineOf::<P>::level();
        found == Some(level) && level == MachineOf::<P>::interrupted(frame)
    };
    check::<P::Kernel>(|| C::LEVEL.is_some() || inherited(), 6, X::NAME);
    check_context::<P::Kernel, C>(13, X::NAME);
}

/// Bodies that open at stage `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not open at `{S}`",
    label = "a body opens once, after `enter`, and one that ends in `Hardirq` on the interrupt stack: `on_irq_stack`"
)]
pub trait OpensAt<S: Stage>: Body {}
impl<C: Opens + AnyStack> OpensAt<Entered> for C {}
impl<A: Opens + Fixed, B: Opens + Fixed + AnyStack> OpensAt<Entered> for Then<A, B> {}
impl<B: Body> OpensAt<OnIrqStack> for B {}

/// The one stage that prepares.
#[diagnostic::on_unimplemented(
    message = "`prepare` comes after `mask`, but this exception is at `{Self}`",
    label = "everything is masked first, and only then is work looked for",
    note = "C35: NMI-like and debug exceptions go from `mask` straight to `restore`"
)]
pub trait MayPrepare: Stage<Context = Critical> {}
impl MayPrepare for Masked {}

/// The one stage that restores.
#[diagnostic::on_unimplemented(message = "`restore` comes last, but this exception is at `{Self}`", label = "not yet")]
pub trait MayRestore: Stage<Context = Critical> {}
impl MayRestore for Ready {}

impl<'f, P: Port, X: Class<Body = Process, Counts: FromUser>> Exception<'f, P, X, Ran<Process>> {
    /// For ports: a task that goes to user mode without ever having come from there (C59). `frame` says where.
    pub fn first(_: Cpu<P::Kernel, Process>, frame: &'f mut FrameOf<P::Kernel>, _key: KeyOf<P::Kernel>) -> Self {
        Exception::of(frame)
    }
}

impl<P: Port, X: Class> Restored<'_, P, X> {
    /// For the port's vectors: the frame may be restored.
    pub fn leave(self, _key: KeyOf<P::Kernel>) {}
}
